"""Check symbolic gradients against finite differences, in double precision.

    python -m experiments.check_gradients [--json] [--backend jax]

Prints one row for each component and model: the largest error of its gradient over all entries, relative to
the entry's size or to a thousandth of the largest entry, whichever is larger, and how many seconds the check
took. The exit status is 1 if a row exceeds 1e-5. For your own models, use `breze_like.check_gradient`.
"""

import json
import sys
import time
import zlib
from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as pt

from breze_like import distributions, moments
from breze_like.backends import compile_function
from breze_like.distributions import (
    NADE,
    POSTERIORS,
    Bernoulli,
    Diagonal,
    DiagonalNormal,
    GaussianProcess,
    NormalMixture,
    StudentT,
    WienerProcess,
    independent_increments_kl,
    kl_divergence,
)
from breze_like.gradients import relative_errors
from breze_like.layers import LAYERS
from breze_like.models import DOTSRNN, DTSRNN, FDRNN, RNN, VOSP, VRAE, FrameNADE
from breze_like.models.emissions import EMISSIONS, MixtureEmission, NADEEmission
from breze_like.models.objectives import OBJECTIVES
from breze_like.moments import TRANSFERS, Moments
from breze_like.recurrence import (
    Direction,
    deep_transition_recurrence,
    fast_dropout_recurrence,
    gated_recurrence,
    linear_recurrence,
)
from experiments import command_line
from experiments.command_line.arguments import Parser

TOLERANCE = 1e-5

# Sizes of everything here: steps, sequences, units. The mask pads the second sequence in front.
SHAPE = (4, 2, 3)
MASK = np.array([[1, 0], [1, 0], [1, 1], [1, 1]], float)

# Which of 6 keys have notes, in as many frames: none, all, and those between.
NOTES = (np.arange(48) * np.arange(48) % 7 < np.repeat(np.arange(8), 6)).reshape(4, 2, 6)


def largest_error(gradient, f, x):
    """Largest relative error of an entry."""
    return float(relative_errors(gradient, f, x, np.eye(len(x))).max())


class Arguments:
    """Cuts one flat symbolic vector into the arguments of a component, with random values."""

    def __init__(self, rng):
        self.rng = rng
        self.flat = pt.vector("arguments")
        self.values = []

    def __call__(self, shape=SHAPE, positive=False):
        start, size = sum(v.size for v in self.values), int(np.prod(shape, dtype=int))
        self.values.append(self.rng.standard_normal(size) * 0.7)
        part = self.flat[start : start + size].reshape(shape)
        return pt.softplus(part) + 0.1 if positive else part


def weighted(rng, *outputs):
    """A scalar that depends on every entry of the outputs: a sum with random weights."""
    return sum(
        (pt.as_tensor(rng.standard_normal(o.type.ndim * (1,))) * pt.sin(o + 0.3)).sum() for o in outputs
    )


def uncertain(a):
    return Moments(a(), a(positive=True))


def transfer(function):
    return lambda a, mask: function.moments(uncertain(a))


def posterior(kind, a, mask):
    shape = *SHAPE[:2], kind.n_outputs * SHAPE[2]
    return kind.from_recognition(Moments(a(shape), a(shape, positive=True)), mask)


def chains(transfer, *reverses):
    def outputs(a, mask):
        n = SHAPE[2]
        state = lambda: (a(SHAPE[1:]), a(SHAPE[1:], positive=True))  # noqa: E731
        directions = [
            Direction(a(), a(positive=True), a((n, n)), *state(), pt.sigmoid(a(())), r) for r in reverses
        ]
        moments = fast_dropout_recurrence(pt.gt(mask, 0)[:, :, None], transfer, *directions)
        return [m for pair in moments for m in pair]

    return outputs


def deep_transition(a, mask):
    n = SHAPE[2]
    real = pt.gt(mask, 0)[:, :, None]
    weights = [a((n, n)) for _ in range(3)]
    return [deep_transition_recurrence(a(), real, *weights, a((n,)), a(SHAPE[1:]), moments.Tanh())]


def gated(reverse):
    def outputs(a, mask):
        n, real = SHAPE[2], pt.gt(mask, 0)[:, :, None]
        preactivations, weights = [a() for _ in range(3)], [a((n, n)) for _ in range(3)]
        return [gated_recurrence(*preactivations, real, *weights, a(SHAPE[1:]), moments.Tanh(), reverse)]

    return outputs


def squared_exponential(t, r):
    return pt.exp(-((t - r) ** 2) / 8) + 0.1 * pt.eq(t, r)


PRIORS = {
    **{name: prior() for name, prior in distributions.PRIORS.items()},
    "gp": GaussianProcess(squared_exponential),
}

COMPONENTS = {
    "moments/dropout": lambda a, mask: moments.dropout(uncertain(a), pt.sigmoid(a(()))),
    "moments/affine": lambda a, mask: moments.affine(uncertain(a), a((3, 2)), a((2,)), pt.sigmoid(a(()))),
    **{f"transfer/{name}": transfer(f) for name, f in moments.TRANSFERS.items()},
    "logit_mean/sigmoid": lambda a, mask: [moments.Sigmoid().logit_mean(uncertain(a))],
    "logit_mean/sigmoid_wang_manning": lambda a, mask: [
        moments.WangManningSigmoid().logit_mean(uncertain(a))
    ],
    "recurrence/fast_dropout/forward": chains(moments.Tanh(), False),
    "recurrence/fast_dropout/backward": chains(moments.Tanh(), True),
    "recurrence/fast_dropout/native": chains(TRANSFERS["tanh_wang_manning"], False, True),
    "recurrence/deep_transition": deep_transition,
    "recurrence/gated/forward": gated(False),
    "recurrence/gated/backward": gated(True),
    "recurrence/linear": lambda a, mask: [linear_recurrence(pt.sigmoid(a()), a())],
    "distribution/normal": lambda a, mask: [DiagonalNormal(a(), a(positive=True)).log_prob(a())],
    "distribution/bernoulli": lambda a, mask: [Bernoulli(a()).log_prob(pt.sigmoid(a()))],
    "distribution/nade": lambda a, mask: [
        NADE(a((3, 2)), a((3, 2)), a(), a((4, 2, 2))).log_prob(pt.sigmoid(a()))
    ],
    # With values of 0 among the others, as machine code knows them.
    "distribution/nade/native": lambda a, mask: [
        NADE(a((6, 5)), a((6, 5)), a((4, 2, 6)), a((4, 2, 5))).log_prob(a((4, 2, 6)) * NOTES)
    ],
    "distribution/nade/mean": lambda a, mask: [NADE(a((3, 2)), a((3, 2)), a(), a((4, 2, 2))).mean],
    "distribution/mixture": lambda a, mask: [
        NormalMixture(a((4, 2, 2)), a((4, 2, 2, 3)), a((4, 2, 2, 3), positive=True)).log_prob(a())
    ],
    "distribution/student_t": lambda a, mask: [
        StudentT(a(), a((3,), positive=True), a((3,), positive=True)).log_prob(a())
    ],
    **{f"prior/{n}": lambda a, mask, p=p: [p.log_prob(a(), mask)] for n, p in PRIORS.items()},
    **{
        f"posterior/{n}/sample": lambda a, mask, q=q: [posterior(q, a, mask).sample(a())]
        for n, q in POSTERIORS.items()
    },
    **{
        f"posterior/{n}/log_prob": lambda a, mask, q=q: [posterior(q, a, mask).log_prob(a())]
        for n, q in POSTERIORS.items()
    },
    **{
        f"kl/{n}/{m}": lambda a, mask, q=q, p=p: [kl_divergence(posterior(q, a, mask), p)]
        for n, q in POSTERIORS.items()
        for m, p in PRIORS.items()
    },
    "kl/independent_increments": lambda a, mask: [
        independent_increments_kl(posterior(Diagonal, a, mask), WienerProcess())
    ],
}

# With few units of their own.
SMALL = {
    "nade": partial(NADEEmission, n_hidden=2),
    "gaussian_mixture": partial(MixtureEmission, n_components=2),
}

# Class and arguments. All transfer functions of the classes' defaults are here; the others are components.
DIAGONAL = {"posterior": "diagonal", "prior": "white"}
MODELS = {
    "model/rnn": (RNN, (3, (3, 2)), {}),
    **{f"model/rnn/{layer}": (RNN, (3, (3, 2)), {"layer": layer}) for layer in LAYERS},
    "model/dts_rnn": (DTSRNN, (3, (3, 2)), {}),
    "model/dots_rnn": (DOTSRNN, (3, (3,)), {}),
    "model/fdrnn": (FDRNN, (3, (3, 2)), {"p_keep": "learned"}),
    **{f"model/rnn/{name}": (RNN, (3, (3,)), {"emission": e}) for name, e in (EMISSIONS | SMALL).items()},
    "model/nade": (FrameNADE, (3, 2), {}),
    "model/rnn/missing": (RNN, (3, (3,)), {"missing": "zero", "emission": SMALL["gaussian_mixture"]}),
    "model/vrae/missing": (VRAE, (3, 2, (3,)), {"missing": "indicator", "emission": "student_t"}),
    "model/vrae": (VRAE, (3, 2, (3, 2)), {}),
    "model/vrae/diagonal": (VRAE, (3, 2, (3,)), DIAGONAL | {"variance": "explicit"}),
    "model/vrae/published": (VRAE, (3, 2, (3,)), {"posterior": "diagonal", "kl": "independent_increments"}),
    "model/vosp": (VOSP, (3, 2, (3, 2), (3, 2)), {"generative_p_keep": "learned"}),
    "model/vosp/diagonal": (VOSP, (3, 2, (3,), (3,)), DIAGONAL | {"generative_p_keep": 1.0}),
    **{f"model/vosp/{layer}": (VOSP, (3, 2, (3, 2), (3,)), {"layer": layer}) for layer in LAYERS},
    **{
        f"model/vosp/{name}": (VOSP, (3, 2, (3,), (3,)), {"objective": name} | DIAGONAL)
        for name in OBJECTIVES
    },
}


def check_component(outputs, rng, backend):
    arguments, mask = Arguments(rng), pt.as_tensor(MASK)
    loss = weighted(rng, *outputs(arguments, mask))
    f = compile_function([arguments.flat], [loss, pt.grad(loss, arguments.flat)], backend)
    x = np.concatenate(arguments.values)
    return largest_error(f(x)[1], lambda v: float(f(v)[0]), x)


def check_model(case, rng, backend):
    kind, arguments, choices = case
    model = kind(*arguments, **choices, backend=backend)
    data = model.parameters.data
    data[...] = 0.5 * rng.standard_normal(data.size)
    x = rng.integers(0, 2, SHAPE) * MASK[:, :, None]
    if model.missing.allowed:
        x[1:, :, 1] = x[2] = np.nan
    values = {
        "observations": x,
        "mask": MASK,
        "noise": model.draw_noise(rng, SHAPE[0], 2 * SHAPE[1]),  # two draws for each sequence
        "kl_weight": 0.7,
    }
    inputs = [values[name] for name in model.training_inputs]
    f = model.function(model.training_inputs, ["loss", "gradient"])

    def loss(x):
        data[...] = x
        return float(f(*inputs)[0])

    x = data.copy()
    return largest_error(f(*inputs)[1], loss, x)


def main(arguments=None):
    parser = Parser(__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--backend", default="auto", help="auto, jax, cvm or numba")
    parser.add_argument("--only", default="", help="check only the rows whose name contains this")
    options = parser.parse_args(arguments)
    pytensor.config.floatX = "float64"

    checks = {name: (check_component, case) for name, case in COMPONENTS.items()}
    checks |= {name: (check_model, case) for name, case in MODELS.items()}
    if not any(options.only in name for name in checks):
        raise ValueError(
            f"--only must be part of a row's name, got {options.only!r}: leave it out to see all rows"
        )
    errors = {}
    if not options.json:
        print(f"{'gradient of':40s} {'error':>9s} {f'<= {TOLERANCE:.0e}':9s} seconds")
    for name, (check, case) in checks.items():
        if options.only in name:
            started = time.monotonic()
            # A seed of its own for each row: a row does not depend on the rows before it.
            errors[name] = check(case, np.random.default_rng(zlib.crc32(name.encode())), options.backend)
            if not options.json:
                seconds = time.monotonic() - started
                print(f"{name:40s} {errors[name]:9.2e} {verdict(errors[name]):9s} {seconds:7.1f}", flush=True)
    if options.json:
        print(json.dumps({"tolerance": TOLERANCE, "largest_relative_error": errors}))
    return int(any(verdict(e) == "FAILED" for e in errors.values()))


def verdict(error):
    return "ok" if error <= TOLERANCE else "FAILED"  # also of a NaN


if __name__ == "__main__":
    command_line.run(lambda: main(sys.argv[1:]), "nothing is kept; run the same command to start over")

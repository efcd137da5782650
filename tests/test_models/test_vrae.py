import json
from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import expit
from scipy.stats import norm

from breze_like.data import pad
from breze_like.distributions import MarkovPosterior, WhiteNoise, WienerProcess, kl_divergence
from breze_like.distributions.kl import register
from breze_like.distributions.processes import previous
from breze_like.models import VRAE, recognition
from breze_like.models.emissions import BernoulliEmission, FixedVarianceEmission
from breze_like.moments import Moments, WangManningSigmoid

NAMES = [
    "recognition/mean",
    "recognition/variance",
    "latents",
    "emission/mean",
    "reconstruction",
    "denoised",
    "kl",
    "objective_kl",
    "emission/log_prob",
    "latents/log_ratio",
    "objective",
    "log_weight",
    "loss",
    "gradient",
]
INPUTS = ["observations", "mask", "noise", "kl_weight"]


def randomise(model, seed=0):
    model.parameters.data[...] = 0.7 * np.random.default_rng(seed).standard_normal(model.parameters.size)
    return model


@pytest.fixture(scope="module")
def model():
    return randomise(VRAE(3, 2, (2,), transfer="tanh_wang_manning"))


@pytest.fixture(scope="module")
def evaluate(model):
    function = model.function(INPUTS, NAMES)
    return lambda *arrays: dict(zip(NAMES, function(*arrays), strict=True))


@pytest.fixture
def batch(rng):
    """Observations, mask and noise of three sequences, of 3, 1 and 2 steps, and a weight of the KL."""
    x, mask = pad([rng.integers(0, 2, (n, 3)) for n in (3, 1, 2)])
    return x, mask, rng.standard_normal((3, 3, 2)), 0.3


def test_expressions_have_the_documented_names_and_shapes(model, evaluate, batch):
    draws = {"emission/sample", "given/mean", "given/sample", "given/mode"}  # from inputs of their own
    assert set(NAMES) - {"gradient"} == set(model.expressions) - {"gradient"} - draws
    assert list(model.inputs) == [*INPUTS, "emission_noise", "given"]
    assert list(model.training_inputs) == INPUTS
    shapes = {name: value.shape for name, value in evaluate(*batch).items()}
    latent, visible, terms = (3, 3, 2), (3, 3, 3), (3, 3)
    assert shapes == {
        "recognition/mean": latent,
        "recognition/variance": latent,
        "latents": latent,
        "emission/mean": visible,
        "reconstruction": visible,
        "denoised": visible,
        "kl": terms,
        "objective_kl": terms,
        "latents/log_ratio": terms,
        "emission/log_prob": terms,
        "objective": terms,
        "log_weight": terms,
        "loss": (),
        "gradient": (model.parameters.size,),
    }


def test_both_terms_of_the_loss_are_over_the_same_real_steps(evaluate, batch):
    x, mask, _, kl_weight = batch
    values = evaluate(*batch)
    for name in ("kl", "emission/log_prob", "latents/log_ratio", "objective", "log_weight"):
        assert (values[name][mask == 0] == 0).all()
    kl, log_prob = values["kl"].sum(), values["emission/log_prob"].sum()
    assert values["loss"] == pytest.approx((kl_weight * kl - log_prob) / 6, rel=1e-12)
    np.testing.assert_allclose(values["objective"], values["kl"] - values["emission/log_prob"], atol=1e-12)
    p = values["emission/mean"]
    np.testing.assert_allclose(
        values["emission/log_prob"], mask * np.log(np.where(x, p, 1 - p)).sum(axis=-1), rtol=1e-9
    )


def test_gradient(model, evaluate, batch, rng):
    start = model.parameters.data.copy()
    for _ in range(3):
        direction, losses = rng.standard_normal(model.parameters.size), []
        for step in (1e-5, -1e-5):
            model.parameters.data[...] = start + step * direction
            losses.append(evaluate(*batch)["loss"])
        model.parameters.data[...] = start
        expected = (losses[0] - losses[1]) / 2e-5
        assert evaluate(*batch)["gradient"] @ direction == pytest.approx(expected, rel=1e-6)


def test_a_draw_without_noise_is_the_mode(evaluate, batch):
    x, mask, noise, kl_weight = batch
    values = evaluate(x, mask, 0 * noise, kl_weight)
    real = mask > 0
    np.testing.assert_allclose(values["latents"][real], values["recognition/mean"][real], rtol=1e-12)
    np.testing.assert_allclose(values["emission/mean"][real], values["reconstruction"][real], rtol=1e-10)


def test_the_graph_can_be_cut_at_the_latents(model, evaluate, batch):
    x, mask, noise, kl_weight = batch
    values = evaluate(*batch)
    decode = model.function(["latents", "mask"], "emission/mean")
    np.testing.assert_allclose(decode(values["latents"], mask), values["emission/mean"], rtol=1e-12)


def test_samples(model):
    draws = model.sample(np.random.default_rng(1), 4, 5)
    assert draws.shape == (4, 5, 3)
    assert set(np.unique(draws)) == {0.0, 1.0}
    np.testing.assert_array_equal(draws, model.sample(np.random.default_rng(1), 4, 5))
    assert (draws != model.sample(np.random.default_rng(2), 4, 5)).any()


def test_initialize(model):
    start = model.parameters.data.copy()
    model.initialize(np.random.default_rng(1))
    first = model.parameters.data.copy()
    randomise(model)
    model.initialize(np.random.default_rng(1))
    np.testing.assert_array_equal(model.parameters.data, first)
    for name, view in model.parameters.views().items():
        if name == "generative/emission/output/bias":
            np.testing.assert_array_equal(view, -2.5)
        elif name.endswith("logit"):
            np.testing.assert_allclose(0.025 + 0.95 * expit(view), 0.9)
        elif name.endswith(("bias", "initial_mean")):
            assert not view.any()
        else:
            assert view.any(), name
    model.parameters.data[...] = start


PRIORS = [WienerProcess(), WhiteNoise()]


@pytest.mark.parametrize(
    "posterior, n_hiddens",
    [
        ("gauss_markov", (2,)),
        pytest.param("diagonal", (3, 2), marks=pytest.mark.slow),
        pytest.param("increments", (2,), marks=pytest.mark.slow),
    ],
)
def test_a_padded_batch_is_its_sequences_one_by_one(posterior, n_hiddens, rng):
    weights = pt.vector("weights")  # of the divergences from the priors: one graph for them all

    def weighted_kl(q, _):
        return sum(weights[i] * kl_divergence(q, prior) for i, prior in enumerate(PRIORS))

    model = VRAE(3, 2, n_hiddens, posterior=posterior, kl=weighted_kl, transfer="tanh_wang_manning")
    randomise(model)
    function = model.function([*INPUTS, weights], ["objective", "gradient"])
    sequences = [rng.integers(0, 2, (n, 3)) for n in (3, 1)]
    noises = [rng.standard_normal((len(s), 2)) for s in sequences]
    observations, mask = pad(sequences)
    noise, _ = pad(noises)
    noise[mask == 0] = 100.0  # what is in the padding must not count
    behind = [np.stack([np.roll(a[:, i], -k, axis=0) for i, k in enumerate((0, 2))], axis=1)
              for a in (observations, mask, noise)]  # fmt: skip
    in_one_column = [np.concatenate([a[:, 0], a[:, 1]])[:, None] for a in (observations, mask, noise)]
    for kl_weights in np.eye(len(PRIORS)):
        singles = [
            function(s[:, None], np.ones((len(s), 1)), n[:, None], 1.0, kl_weights)
            for s, n in zip(sequences, noises, strict=True)
        ]
        nats = [objective.sum() for objective, _ in singles]
        expected = sum(len(s) * g for s, (_, g) in zip(sequences, singles, strict=True)) / 4
        for padded in ((observations, mask, noise), behind, in_one_column):
            objective, gradient = function(*padded, 1.0, kl_weights)
            sums = objective.sum(axis=0) if objective.shape[1] == 2 else objective.reshape(2, -1).sum(axis=1)
            np.testing.assert_allclose(sums, nats, rtol=1e-10)
            assert (objective[padded[1] == 0] == 0).all()
            np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-12)


class WideWalk(WienerProcess):
    """z_t - z_{t-1} ~ N(0, 4)."""

    def log_prob(self, z, mask):
        increments = z - previous(z, mask)
        return mask * (-(np.log(8 * np.pi).item() + increments**2 / 4) / 2).sum(axis=-1)


@register(MarkovPosterior, WideWalk)
def _(q, p):
    mean, variance = q.difference(1.0)
    return ((variance + mean**2) / 4 - 1 - pt.log(q.innovation_variance / 4)) / 2


class Halved:
    """f(x) = x / 2."""

    def __call__(self, x):
        return x / 2

    def moments(self, x):
        return Moments(x.mean / 2, x.variance / 4)


@pytest.mark.slow
def test_parts_are_swapped_by_passing_objects(rng):
    prior, transfer = WideWalk(), Halved()
    emission = partial(FixedVarianceEmission, variance=0.25)
    model = VRAE(
        3, 2, (2,), prior=prior, posterior="diagonal", emission=emission, transfer=transfer, backend="jax"
    )
    randomise(model)
    assert model.prior is prior and not model.emission.binary
    x, mask, noise = rng.standard_normal((4, 1, 3)), np.ones((4, 1)), rng.standard_normal((4, 1, 2))
    names = ["recognition/mean", "recognition/variance", "kl", "latents", "emission/mean"]
    names += ["emission/log_prob", "log_weight"]
    m, v, kl, z, y, log_prob, log_weight = model.function(INPUTS[:3], names)(x, mask, noise)
    np.testing.assert_allclose(log_prob, norm.logpdf(x, y, 0.5).sum(axis=-1))
    before = [np.concatenate([np.zeros((1, 1, 2)), a[:-1]]) for a in (m, v, z)]
    moment = (v + before[1] + (m - before[0]) ** 2) / 4
    np.testing.assert_allclose(kl, ((moment - 1 - np.log(v / 4)) / 2).sum(axis=-1), rtol=1e-10)
    densities = norm.logpdf(z, before[2], 2) - norm.logpdf(z, m, np.sqrt(v))
    np.testing.assert_allclose(log_weight, log_prob + densities.sum(axis=-1), rtol=1e-10)


@pytest.mark.parametrize(
    "changed, message",
    [
        (dict(n_visible=0), "n_visible must be a positive integer, got 0"),
        (dict(n_latent=1.5), "n_latent must be a positive integer, got 1.5"),
        (
            dict(n_hiddens=(3, 0)),
            r"n_hiddens must be positive integers, .*, got \(3, 0\)",
        ),
        (dict(n_hiddens=()), r"n_hiddens must be positive integers, .*, got \(\)"),
        (dict(n_hiddens=10), r"n_hiddens must be positive integers, .*, got 10"),
        (dict(prior=None), "prior must be one of .* or an object of that kind, got None"),
        (dict(posterior=3), "posterior must be one of .*, got 3"),
        (dict(kl=3), "kl must be one of .*, got 3"),
        (dict(emission=3), "emission must be one of .*, got 3"),
        (dict(objective=3), "objective must be one of .*, got 3"),
        (dict(variance=3), "variance must be one of .*, got 3"),
        (dict(transfer=pt.sin), "transfer must be one of .*, without moments"),
        (dict(prior="gp"), "prior must be one of .* or an object of that kind, got 'gp'"),
        (dict(posterior="full"), "posterior must be one of .*, got 'full'"),
        (dict(kl="approximate"), "kl must be one of .*, got 'approximate'"),
        (dict(emission="poisson"), "emission must be one of .*, got 'poisson'"),
        (dict(objective="elbo"), "objective must be one of .*, got 'elbo'"),
        (dict(variance="none"), "variance must be one of .*, got 'none'"),
        (dict(transfer="step"), "transfer must be one of .*, got 'step'"),
        (dict(recognition_p_keep=0.0), r"p_keep must be 'learned' or in \(0, 1\], got 0.0"),
        (dict(generative_p_keep=1.5), r"p_keep must be 'learned' or in \(0, 1\], got 1.5"),
        (dict(backend="pencil"), "backend must be .*, got 'pencil'"),
    ],
)
def test_bad_arguments(changed, message):
    with pytest.raises(ValueError, match=message):
        VRAE(**{"n_visible": 3, "n_latent": 2, "n_hiddens": (2,), **changed})


def test_the_published_objective_is_for_a_diagonal_posterior():
    with pytest.raises(ValueError, match="is defined for a Diagonal posterior .*, got GaussMarkov"):
        VRAE(3, 2, (2,), kl="independent_increments", transfer="identity")


@pytest.mark.parametrize("emission", ["bernoulli", "gaussian_per_step"])
def test_single_precision_stays(emission):
    with pytensor.config.change_flags(floatX="float32"):
        model = VRAE(3, 2, (2,), emission=emission)
        model.variable("gradient")
        assert {v.dtype for v in [*model.inputs.values(), *model.expressions.values()]} == {"float32"}
        assert model.parameters.data.dtype == "float32"


GOLDEN_NAMES = {
    "in_to_hidden": "hidden_0/input/weights",
    "hidden_bias_0": "hidden_0/input/bias",
    "initial_hiddens_fwd_0": "hidden_0/forward/initial_mean",
    "initial_hiddens_bwd_0": "hidden_0/backward/initial_mean",
    "recurrent_fwd_0": "hidden_0/forward/recurrent",
    "recurrent_bwd_0": "hidden_0/backward/recurrent",
    "p_dropout.inpt": "hidden_0/input/p_keep/logit",
    "p_dropout.hiddens.0": "hidden_0/p_keep/logit",
}
GOLDEN_OUTPUTS = {
    "recog": {"hidden_to_out": "output/weights", "out_bias": "output/bias",
              "p_dropout.hidden_to_out": "output/p_keep/logit"},
    "gen": {"hidden_to_out": "emission/output/weights", "out_bias": "emission/output/bias"},
}  # fmt: skip


def from_original(golden, flat):
    """A flat vector of the original code by our names; its drop rates become keep rates, theta' = -theta."""
    networks = {"recog": "recognition", "gen": "generative"}
    views = {}
    for entry in json.loads(golden["layout_json"].item()):
        network, name = entry["name"].split(".", 1)
        ours = {**GOLDEN_NAMES, **GOLDEN_OUTPUTS[network]}[name]
        value = flat[entry["start"] : entry["stop"]].reshape(entry["shape"])
        views[f"{networks[network]}/{ours}"] = -value if name.startswith("p_dropout") else value
    return views


def test_the_original_code_is_reproduced(goldens, monkeypatch):
    """Its small constants are put in: they are not part of this library."""
    g = goldens("g3_vrae_slow_pkeep_truetanh.npz")
    monkeypatch.setattr(recognition, "ADDED_VARIANCE", 0.0)
    model = VRAE(
        7,
        4,
        (5,),
        posterior="diagonal",
        kl="independent_increments",
        emission=partial(BernoulliEmission, sigmoid=WangManningSigmoid()),
        transfer="tanh_wang_manning",
    )
    parameters = from_original(g, g["pars"])
    assert set(parameters) == set(model.parameters.shapes)
    for name, value in parameters.items():
        model.parameters.view(name)[...] = value
    for network in (model.recognition, model.generative):
        for chain in network.layers[0].chains:
            chain.initial_variance = 1e-8

    x, mask, noise = (model.inputs[name] for name in ("observations", "mask", "noise"))
    q = model.recognise(x, mask).outputs
    z = q.mean + pt.sqrt(q.variance + 1e-8) * noise
    y = model.generate(z, mask).mean
    p = 0.999 * y + 0.0005
    log_prob = (x * pt.log(p) + (1 - x) * pt.log(1 - p)).sum(axis=-1)
    mean, variance = q.mean - previous(q.mean, mask), q.variance + previous(q.variance, mask)
    kl = pt.log(1 / pt.sqrt(variance) + 1e-4) + (variance + mean**2) / (2 + 1e-4) - 0.5
    loss = (kl.sum(axis=-1) - log_prob).mean()
    outputs = [q.mean, q.variance, z, y, kl, loss, model.parameters.gradient(loss)]
    *values, gradient = model.function([x, mask, noise], outputs)(
        g["inpt"], np.ones((6, 3)), g["noise"].reshape(6, 3, 4)
    )
    names = ["latent_mean", "latent_var", "sample", "output", "kl_coord_wise", "loss"]
    for name, value in zip(names, values, strict=True):
        np.testing.assert_allclose(value, g[name], rtol=1e-8, atol=1e-12, err_msg=name)
    model.parameters.data[...] = gradient
    for name, expected in from_original(g, g["grad"]).items():
        value = model.parameters.view(name)
        np.testing.assert_allclose(value, expected, rtol=1e-8, atol=1e-11, err_msg=name)

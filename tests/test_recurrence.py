import itertools
import warnings

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import logsumexp

from breze_like import backends
from breze_like.moments import TRANSFERS, Moments, dropout
from breze_like.recurrence import (
    Direction,
    deep_transition_recurrence,
    fast_dropout_recurrence,
    flip,
    gated_recurrence,
    linear_recurrence,
    path_weights,
    recurrence,
)

TOLERANCE = dict(rtol=1e-10, atol=1e-11)

# Columns: no padding, in front, behind, on both sides, between two sequences.
MASK = np.array(
    [[1, 0, 1, 0, 1], [1, 0, 1, 1, 1], [1, 1, 1, 1, 0], [1, 1, 0, 0, 1], [1, 1, 0, 0, 1]],
)


def fast_dropout_inputs():
    return {
        "mean": pt.tensor3(),
        "variance": pt.tensor3(),
        "real": pt.tensor(dtype="bool", shape=(None, None, 1)),
        "recurrent": pt.matrix(),
        "initial_mean": pt.matrix(),
        "initial_variance": pt.matrix(),
        "p_keep": pt.scalar(),
    }


def fast_dropout_values(rng, mask, n_hidden=3):
    shape = (*mask.shape, n_hidden)
    return {
        "mean": rng.standard_normal(shape),
        "variance": rng.uniform(0.1, 1, shape),
        "real": mask[:, :, None] > 0,
        "recurrent": rng.standard_normal((n_hidden, n_hidden)),
        "initial_mean": rng.standard_normal(shape[1:]),
        "initial_variance": rng.uniform(0.1, 1, shape[1:]),
        "p_keep": 0.7,
    }


def direction(inputs, reverse=False):
    return Direction(*(inputs[name] for name in Direction._fields[:-1]), reverse)


def plain_fast_dropout(
    mean, variance, real, recurrent, initial_mean, initial_variance, p_keep, transfer, order
):
    """The same formulas as a scan, over the steps in that order, that PyTensor differentiates."""

    def step(real, a_mean, a_variance, h_mean, h_variance, recurrent, p_keep, start_mean, start_variance):
        kept_mean, kept_variance = dropout(Moments(h_mean, h_variance), p_keep)
        a = Moments(a_mean + kept_mean @ recurrent, a_variance + kept_variance @ recurrent**2)
        f_mean, f_variance = transfer.moments(a)
        return pt.switch(real, f_mean, start_mean), pt.switch(real, f_variance, start_variance)

    results = pytensor.scan(
        step,
        sequences=[s[order] for s in (real, mean, variance)],
        outputs_info=[initial_mean, initial_variance],
        non_sequences=[recurrent, p_keep, initial_mean, initial_variance],
        strict=True,
        return_updates=False,
    )
    return [r[order] for r in results]


def values_and_gradients(outputs, weights, inputs):
    loss = sum((w * o).sum() for w, o in zip(weights, outputs, strict=True))
    return [*outputs, *pt.grad(loss, inputs)]


def assert_all_close(actual, expected):
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, **TOLERANCE)


@pytest.mark.parametrize(
    ("transfer", "reverses"),
    [
        ("tanh_wang_manning", (False,)),  # machine code of our own
        *[pytest.param(name, (False, True), marks=pytest.mark.slow) for name in sorted(TRANSFERS)],
    ],
)
def test_fast_dropout_recurrence_and_its_gradient_are_those_of_a_plain_scan(transfer, reverses, rng):
    chains = [fast_dropout_inputs() for _ in reverses]
    for inputs in chains:
        inputs["real"] = chains[0]["real"]
    weights = [pt.tensor3() for _ in reverses for _ in range(2)]
    orders = [pt.lvector() for _ in reverses]
    every = list(dict.fromkeys(v for inputs in chains for v in inputs.values()))
    differentiable = [v for v in every if v.dtype != "bool"]
    directions = [direction(inputs, reverse) for inputs, reverse in zip(chains, reverses, strict=True)]
    ours = fast_dropout_recurrence(chains[0]["real"], TRANSFERS[transfer], *directions)
    plain = [
        plain_fast_dropout(*inputs.values(), TRANSFERS[transfer], order)
        for inputs, order in zip(chains, orders, strict=True)
    ]
    graph = [
        quantity
        for moments in (ours, plain)
        for quantity in values_and_gradients([m for pair in moments for m in pair], weights, differentiable)
    ]
    function = backends.compile_function([*every, *weights, *orders], graph)

    # One compiled function serves any number of steps, and of sequences.
    for mask in (MASK, MASK[2:3], np.tile(MASK[1:4], 9)):
        values = {}
        for inputs in chains:
            drawn = fast_dropout_values(rng, mask)
            values |= {v: drawn[name] for name, v in inputs.items()}
        weights = rng.standard_normal((2 * len(reverses), *mask.shape, 3))
        orders = [np.arange(len(mask))[:: -1 if reverse else 1] for reverse in reverses]
        results = function(*(values[v] for v in every), *weights, *orders)
        assert_all_close(results[: len(results) // 2], results[len(results) // 2 :])


def test_machine_code_of_many_members_at_once(rng):
    """Under `jax.vmap`: two chains, and as many sequences as make several blocks, for each member."""
    jax = pytest.importorskip("jax")
    mask = np.tile(MASK, (1, 20 // MASK.shape[1] + 1))
    chains = [fast_dropout_inputs() for _ in range(2)]
    chains[1]["real"] = chains[0]["real"]
    every = list(dict.fromkeys(v for inputs in chains for v in inputs.values()))
    outputs = fast_dropout_recurrence(
        chains[0]["real"],
        TRANSFERS["tanh_wang_manning"],
        *(direction(inputs, reverse) for inputs, reverse in zip(chains, (False, True), strict=True)),
    )
    loss = sum((moment**2).sum() for pair in outputs for moment in pair)
    graph = [*outputs[0], *outputs[1], *pt.grad(loss, [v for v in every if v.dtype != "bool"])]
    function = backends.traceable(every, graph)
    values = {}
    for inputs in chains:
        drawn = [fast_dropout_values(rng, mask) for _ in range(3)]
        values |= {v: np.stack([own[name] for own in drawn]) for name, v in inputs.items()}
    members = [values[v] for v in every]
    with backends.jax_context()():
        together = jax.vmap(function)(*members)
        alone = [jax.jit(function)(*(m[i] for m in members)) for i in range(3)]
    for results, one_by_one in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_array_equal(results, np.stack(one_by_one))


def test_gradients_that_come_in_as_constants(rng):
    inputs, weights = fast_dropout_inputs(), [pt.tensor3(), pt.tensor3()]
    (outputs,) = fast_dropout_recurrence(inputs["real"], TRANSFERS["tanh_wang_manning"], direction(inputs))
    differentiable = [v for name, v in inputs.items() if name != "real"]
    constants = values_and_gradients(outputs, [1.0, 2.0], differentiable)
    variables = values_and_gradients(outputs, weights, differentiable)
    function = backends.compile_function([*inputs.values(), *weights], constants + variables)
    values = fast_dropout_values(rng, MASK)
    ones = np.ones_like(values["mean"])
    results = function(*values.values(), ones, 2 * ones)
    assert_all_close(results[: len(constants)], results[len(constants) :])


@pytest.mark.slow
@pytest.mark.parametrize("n_hidden", [3, 40])
def test_single_precision_differs_from_double_precision_by_rounding_only(n_hidden, rng):
    values = fast_dropout_values(rng, np.tile(MASK, 9), n_hidden)
    values["recurrent"] *= 0.3
    values["mean"][0, 0] *= 1e4  # far outside of what the exponential function can be computed for
    weights = rng.standard_normal((4, *values["mean"].shape))
    results = []
    for precision in ("float32", "float64"):
        with pytensor.config.change_flags(floatX=precision):
            inputs = fast_dropout_inputs()
            both = direction(inputs), direction(inputs, reverse=True)
            moments = fast_dropout_recurrence(inputs["real"], TRANSFERS["tanh_wang_manning"], *both)
            outputs = [m for pair in moments for m in pair]
            differentiable = [v for name, v in inputs.items() if name != "real"]
            graph = values_and_gradients(outputs, list(weights.astype(precision)), differentiable)
            function = backends.compile_function(list(inputs.values()), graph)
            results.append(function(*(np.asarray(v).astype(inputs[n].dtype) for n, v in values.items())))
    for single, double in zip(*results, strict=True):
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-5 * np.abs(double).max())


# What compiles slowly runs with the others of its kind.
_MARKS = {"jax": (), "cvm": pytest.mark.long, "numba": pytest.mark.long}


@pytest.mark.slow
@pytest.mark.parametrize("backend", [pytest.param(name, marks=_MARKS[name]) for name in backends.available()])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("transfer", sorted(TRANSFERS))
def test_gradients_are_finite_where_nearly_nothing_is_uncertain(transfer, precision, backend):
    """As at a silent first frame, with initial states of 0, and wherever all units are kept."""
    n = 2
    with pytensor.config.change_flags(floatX=precision):
        inputs = fast_dropout_inputs()
        (outputs,) = fast_dropout_recurrence(inputs["real"], TRANSFERS[transfer], direction(inputs))
        differentiable = [v for name, v in inputs.items() if name != "real"]
        graph = values_and_gradients(outputs, [1.0, 1.0], differentiable)
        function = backends.compile_function(list(inputs.values()), graph, backend)
        means = np.array([-1e4, -30, -1, -1e-12, 0, 1e-12, 1, 30, 1e4])
        mean = np.broadcast_to(means[None, :, None], (3, len(means), n))
        for variance in (0, 1e-30, 1e-12):
            for p_keep in (0.5, 1.0):
                values = {
                    "mean": mean,
                    "variance": np.full(mean.shape, variance),
                    "real": np.ones((*mean.shape[:2], 1), bool),
                    "recurrent": 0.3 * np.eye(n)[::-1],
                    "initial_mean": np.zeros(mean.shape[1:]),
                    "initial_variance": np.zeros(mean.shape[1:]),
                    "p_keep": p_keep,
                }
                typed = [np.asarray(v).astype(inputs[name].dtype) for name, v in values.items()]
                for result in function(*typed):
                    assert result.dtype == precision
                    assert np.isfinite(result).all()


@pytest.mark.parametrize("reverse", [False, True])
def test_each_sequence_of_a_column_starts_anew(reverse, rng):
    inputs = fast_dropout_inputs()
    (outputs,) = fast_dropout_recurrence(
        inputs["real"], TRANSFERS["tanh_wang_manning"], direction(inputs, reverse)
    )
    function = backends.compile_function(list(inputs.values()), outputs)
    values = fast_dropout_values(rng, MASK)
    results = function(*values.values())
    initial = [values["initial_mean"], values["initial_variance"]]
    for moment, start in zip(results, initial, strict=True):
        np.testing.assert_array_equal(moment[MASK == 0], np.tile(start, (len(MASK), 1, 1))[MASK == 0])

    # The last sequence of the last column, alone.
    cut = {name: v[3:, -1:] if v.ndim == 3 else v for name, v in values.items() if np.ndim(v)}
    cut |= {"initial_mean": initial[0][-1:], "initial_variance": initial[1][-1:], "p_keep": values["p_keep"]}
    alone = function(*(cut[name] for name in values))
    for moment, expected in zip(results, alone, strict=True):
        np.testing.assert_array_equal(moment[3:, -1:], expected)


@pytest.mark.parametrize("which", [0, 1])
def test_a_loss_may_use_one_of_the_two_moments_only(which, rng):
    inputs, order = fast_dropout_inputs(), pt.lvector()
    transfer = TRANSFERS["tanh_wang_manning"]
    wrt = [inputs["mean" if which == 0 else "variance"], inputs["recurrent"], inputs["p_keep"]]
    (ours,) = fast_dropout_recurrence(inputs["real"], transfer, direction(inputs))
    plain = plain_fast_dropout(*inputs.values(), transfer, order)
    # PyTensor's own gradient of a scan loses digits if it does not know about both outputs.
    losses = (ours[which] ** 2).sum(), (plain[which] ** 2).sum() + 0.0 * plain[1 - which].sum()
    gradients = [g for loss in losses for g in pt.grad(loss, wrt)]
    function = backends.compile_function([*inputs.values(), order], gradients)
    results = function(*fast_dropout_values(rng, MASK).values(), np.arange(len(MASK)))
    assert_all_close(results[:3], results[3:])


@pytest.mark.parametrize(
    ("transfer", "reverse"),
    [("tanh", True), ("rectifier", False), ("sigmoid_wang_manning", False), ("identity", False)],
)
def test_recurrence_and_its_gradient_are_those_of_a_plain_scan(transfer, reverse, rng):
    """By machine code of our own, but for the identity."""
    f = TRANSFERS[transfer]
    inputs = [pt.tensor3(), pt.matrix(), pt.matrix()]
    real, order, weight = pt.tensor(dtype="bool", shape=(None, None, 1)), pt.lvector(), pt.tensor3()
    a, recurrent, initial = inputs
    plain = pytensor.scan(
        lambda real, a, h, recurrent, start: pt.switch(real, f(a + h @ recurrent), start),
        sequences=[real[order], a[order]],
        outputs_info=initial,
        non_sequences=[recurrent, initial],
        return_updates=False,
    )
    ours = recurrence(a, real, recurrent, initial, f, reverse)
    graph = [
        *values_and_gradients([ours], [weight], inputs),
        *values_and_gradients([plain[order]], [weight], inputs),
    ]
    function = backends.compile_function([*inputs, real, order, weight], graph)
    for mask in (MASK, MASK[2:3], np.tile(MASK[1:4], 9)):
        values = fast_dropout_values(rng, mask)
        results = function(
            *(values[name] for name in ("mean", "recurrent", "initial_mean", "real")),
            np.arange(len(mask))[:: -1 if reverse else 1],
            rng.standard_normal(values["mean"].shape),
        )
        assert_all_close(results[:4], results[4:])


def test_a_recurrence_of_values_of_many_members_at_once(rng):
    jax = pytest.importorskip("jax")
    mask = np.tile(MASK, (1, 6))
    inputs, real = [pt.tensor3(), pt.matrix(), pt.matrix()], pt.tensor(dtype="bool", shape=(None, None, 1))
    h = recurrence(inputs[0], real, *inputs[1:], TRANSFERS["tanh"])
    function = backends.traceable([real, *inputs], [h, *pt.grad((h**2).sum(), inputs)])
    drawn = [fast_dropout_values(rng, mask) for _ in range(3)]
    members = [np.stack([own[name] for own in drawn]) for name in ("mean", "recurrent", "initial_mean")]
    with backends.jax_context()():
        together = jax.vmap(function, in_axes=(None, 0, 0, 0))(drawn[0]["real"], *members)
        alone = [jax.jit(function)(drawn[0]["real"], *(m[i] for m in members)) for i in range(3)]
    for results, one_by_one in zip(together, zip(*alone, strict=True), strict=True):
        np.testing.assert_array_equal(results, np.stack(one_by_one))


@pytest.mark.slow
@pytest.mark.parametrize("reverse", [False, True])
def test_deep_transition_recurrence_and_its_gradient_are_those_of_a_plain_scan(reverse, rng):
    inputs = [pt.tensor3(), pt.matrix(), pt.matrix(), pt.matrix(), pt.vector(), pt.matrix()]
    real, order, weight = pt.tensor(dtype="bool", shape=(None, None, 1)), pt.lvector(), pt.tensor3()
    a, *weights, initial = inputs
    graph = []
    for name, f in {"tanh": pt.tanh, "rectifier": lambda x: pt.maximum(x, 0)}.items():

        def step(real, a, h, r, q, s, c, start, f=f):
            return pt.switch(real, f(f(a + h @ r) @ q + h @ s + c), start)

        plain = pytensor.scan(
            step,
            sequences=[real[order], a[order]],
            outputs_info=initial,
            non_sequences=[*weights, initial],
            return_updates=False,
        )
        ours = deep_transition_recurrence(a, real, *weights, initial, TRANSFERS[name], reverse)
        graph += values_and_gradients([ours], [weight], inputs)
        graph += values_and_gradients([plain[order]], [weight], inputs)
    function = backends.compile_function([*inputs, real, order, weight], graph)
    for mask in (MASK, MASK[2:3]):
        shape = (*mask.shape, 3)
        results = function(
            rng.standard_normal(shape),
            *rng.standard_normal((3, 3, 3)),
            rng.standard_normal(3),
            rng.standard_normal(shape[1:]),
            mask[:, :, None] > 0,
            np.arange(len(mask))[:: -1 if reverse else 1],
            rng.standard_normal(shape),
        )
        for start in (0, 14):
            assert_all_close(results[start : start + 7], results[start + 7 : start + 14])


@pytest.mark.parametrize("reverse", [False, True])
def test_gated_recurrence_and_its_gradient_are_those_of_a_plain_scan(reverse, rng):
    inputs = [*(pt.tensor3() for _ in range(3)), *(pt.matrix() for _ in range(4))]
    real, order, weight = pt.tensor(dtype="bool", shape=(None, None, 1)), pt.lvector(), pt.tensor3()
    *preactivations, r, u, v, initial = inputs

    def step(real, a, by_update, by_reset, h, r, u, v, start):
        update, reset = pt.sigmoid(by_update + h @ u), pt.sigmoid(by_reset + h @ v)
        new = update * h + (1 - update) * pt.tanh(a + (reset * h) @ r)
        return pt.switch(real, new, start)

    plain = pytensor.scan(
        step,
        sequences=[s[order] for s in (real, *preactivations)],
        outputs_info=initial,
        non_sequences=[r, u, v, initial],
        return_updates=False,
    )
    ours = gated_recurrence(*preactivations, real, r, u, v, initial, TRANSFERS["tanh"], reverse)
    graph = [
        *values_and_gradients([ours], [weight], inputs),
        *values_and_gradients([plain[order]], [weight], inputs),
    ]
    function = backends.compile_function([*inputs, real, order, weight], graph)
    for mask in (MASK, MASK[2:3]):
        shape = (*mask.shape, 3)
        results = function(
            *rng.standard_normal((3, *shape)),
            *rng.standard_normal((3, 3, 3)),
            rng.standard_normal(shape[1:]),
            mask[:, :, None] > 0,
            np.arange(len(mask))[:: -1 if reverse else 1],
            rng.standard_normal(shape),
        )
        assert_all_close(results[:8], results[8:])


def test_linear_recurrence_and_its_gradient_are_those_of_a_plain_scan(rng):
    coefficient, u, weight = pt.tensor3(), pt.tensor3(), pt.tensor3()
    plain = pytensor.scan(
        lambda a, u, y: a * y + u,
        sequences=[coefficient, u],
        outputs_info=pt.zeros_like(u[0]),
        return_updates=False,
    )
    ours = values_and_gradients([linear_recurrence(coefficient, u)], [weight], [coefficient, u])
    plain = values_and_gradients([plain], [weight], [coefficient, u])
    function = backends.compile_function([coefficient, u, weight], [*ours, *plain])
    for n_steps in (5, 1):
        results = function(*rng.standard_normal((3, n_steps, 2, 3)))
        assert_all_close(results[:3], results[3:])


def test_the_coefficient_of_a_linear_recurrence_may_be_broadcast(rng):
    coefficient = pt.tensor(dtype="float64", shape=(None, 1, None, None))
    u = pt.tensor4()
    y = linear_recurrence(coefficient, u)
    function = backends.compile_function([coefficient, u], [y, pt.grad(y.sum(), coefficient)])
    a, b = rng.standard_normal((4, 1, 2, 1)), rng.standard_normal((4, 3, 2, 1))
    y, gradient = function(a, b)

    state, sensitivity, expected = np.zeros((3, 2, 1)), np.zeros((4, 3, 2, 1)), []
    for t in range(4):
        sensitivity *= a[t]
        sensitivity[t] += state
        state = a[t] * state + b[t]
        np.testing.assert_allclose(y[t], state, **TOLERANCE)
        expected.append(sensitivity.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(gradient, sum(expected), **TOLERANCE)


def test_path_weights_are_means_over_all_paths(rng):
    """Of 3 draws of 4 steps, one path after the other; a column whose last step is not real has 3 steps."""
    own, pair, real = pt.tensor3(), pt.tensor4(), pt.tensor(dtype="bool", shape=(None, None, 1))
    n_draws, lengths = 3, [4, 3]
    values = rng.standard_normal((4, 2, n_draws)), rng.standard_normal((4, 2, n_draws, n_draws))
    is_real = np.arange(4)[:, None, None] < np.array(lengths)[None, :, None]
    values[1][0] = values[1][0, :, :, :1]  # there is no draw before the first step
    u = backends.compile_function([own, pair, real], path_weights(own, pair, real))(*values, is_real)
    means = logsumexp(u, axis=-1) - np.log(n_draws)
    for i, length in enumerate(lengths):
        log_weights = []
        for path in itertools.product(range(n_draws), repeat=length):
            steps = [values[0][t, i, k] for t, k in enumerate(path)]
            pairs = [values[1][t, i, k, path[t - 1]] for t, k in enumerate(path)]
            log_weights.append(sum(steps) + sum(pairs))
        expected = logsumexp(log_weights) - length * np.log(n_draws)
        assert means[:length, i].sum() == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(u[3, 1], u[2, 1])


def test_path_weights_have_the_gradient_of_a_plain_scan(rng):
    own, pair, weight = pt.tensor3(), pt.tensor4(), pt.tensor3()
    real = pt.tensor(dtype="bool", shape=(None, None, 1))

    def step(real, own, pair, u):
        normal = u - pt.log(pt.exp(u).mean(axis=-1, keepdims=True))
        return pt.switch(real, own + pt.log(pt.exp(pair + normal[:, None]).mean(axis=-1)), u)

    sequences = [real, own, pair]
    plain = pytensor.scan(step, sequences, pt.zeros_like(own[0]), return_updates=False)
    ours = values_and_gradients([path_weights(own, pair, real)], [weight], [own, pair])
    plain = values_and_gradients([plain], [weight], [own, pair])
    function = backends.compile_function([own, pair, real, weight], [*ours, *plain])
    is_real = MASK[:, :, None] > 0
    shape = (*MASK.shape, 3)
    arrays = [
        rng.standard_normal(shape),
        rng.standard_normal((*shape, 3)),
        is_real,
        rng.standard_normal(shape),
    ]
    results = function(*arrays)
    assert_all_close(results[:3], results[3:])


@pytest.mark.slow
def test_backends_agree(rng):
    if not {"jax", "cvm"} <= set(backends.available()):
        pytest.skip("needs JAX and a C++ compiler")
    inputs = fast_dropout_inputs()
    (outputs,) = fast_dropout_recurrence(
        inputs["real"], TRANSFERS["tanh_wang_manning"], direction(inputs, reverse=True)
    )
    differentiable = [v for name, v in inputs.items() if name != "real"]
    graph = values_and_gradients(outputs, [1.0, 2.0], differentiable)
    values = fast_dropout_values(rng, MASK).values()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*BLAS.*")  # slow without one, but right
        results = [
            backends.compile_function(list(inputs.values()), graph, backend)(*values)
            for backend in ("jax", "cvm")
        ]
    assert_all_close(*results)


def test_a_scan_backward_of_ones_own(rng):
    """Two that follow one another, the second one the other way, with their gradient."""

    def chain(x, weights):
        start = pt.zeros_like(x[0])
        return pytensor.scan(
            lambda a, h, w: pt.tanh(a + h @ w), [x], [start], [weights], return_updates=False, strict=True
        )

    x, weights = pt.tensor3("x"), pt.matrix("weights")
    loss = (flip(chain(flip(chain(flip(x), weights)), weights)) ** 2).sum()
    function = backends.compile_function([x, weights], [loss, pt.grad(loss, weights)])
    values, matrix, epsilon = rng.normal(size=(5, 2, 3)), rng.normal(size=(3, 3)), 1e-6

    def expected(w):
        h, first, last = np.zeros((2, 3)), [], []
        for a in values[::-1]:
            first.append(h := np.tanh(a + h @ w))
        h = np.zeros((2, 3))
        for a in first[::-1]:
            last.append(h := np.tanh(a + h @ w))
        return sum((h**2).sum() for h in last)

    value, gradient = function(values, matrix)
    np.testing.assert_allclose(value, expected(matrix), rtol=1e-12)
    steps = epsilon * np.eye(9).reshape(9, 3, 3)
    differences = [(expected(matrix + e) - expected(matrix - e)) / (2 * epsilon) for e in steps]
    np.testing.assert_allclose(gradient.ravel(), differences, rtol=1e-6, atol=1e-8)

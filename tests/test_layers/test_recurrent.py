"""Against loops over time in NumPy, which themselves are held against values of the original code."""

from functools import partial

import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.special import expit

from breze_like import backends
from breze_like.initialize import Initialization
from breze_like.layers import LAYERS, Bidirectional, Recurrent, Stack
from breze_like.moments import TRANSFERS, Moments, flatten
from breze_like.parameters import ParameterSet

N_IN = 2
MASK = np.array([[1, 0, 1, 0], [1, 0, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0]], float)


def sigmoid_moments(m, v):
    """Wang & Manning (2013)."""
    slope, shift = 4 - 2 * np.sqrt(2), np.log(np.sqrt(2) + 1)
    mean = expit(m / np.sqrt(1 + np.pi * v / 8))
    second = expit(slope * (m - shift) / np.sqrt(1 + np.pi * slope**2 * v / 8))
    return mean, np.maximum(second - mean**2, 0)


def tanh_moments(m, v, slope=2.0):
    """Of tanh(x), or with slope 1 of tanh(x / 2)."""
    mean, variance = sigmoid_moments(slope * m, slope**2 * v)
    return 2 * mean - 1, 4 * variance


def chain(m, v, mask, recurrent, initial, p_keep, reverse=False, mean_factor=None, moments=tanh_moments):
    """A fast-dropout chain. `mean_factor` is what the recurrent mean is multiplied by: p_keep, if right."""
    mean_factor = p_keep if mean_factor is None else mean_factor
    h, s = np.tile(initial, (m.shape[1], 1)), np.zeros(m.shape[1:])
    means, variances = np.empty_like(m), np.empty_like(v)
    for t in range(len(m))[:: -1 if reverse else 1]:
        kept = p_keep * (1 - p_keep) * h**2 + p_keep * s
        new_h, new_s = moments(m[t] + mean_factor * h @ recurrent, v[t] + kept @ recurrent**2)
        real = mask[t][:, None] > 0
        h, s = np.where(real, new_h, initial), np.where(real, new_s, 0.0)
        means[t], variances[t] = h, s
    return means, variances


def plain_chain(a, mask, recurrent, initial, reverse=False):
    h, states = np.tile(initial, (a.shape[1], 1)), np.empty_like(a)
    for t in range(len(a))[:: -1 if reverse else 1]:
        h = np.where(mask[t][:, None] > 0, np.tanh(a[t] + h @ recurrent), initial)
        states[t] = h
    return states


def squash(logit):
    return 0.025 + 0.95 * expit(logit)


def fast_dropout_layer(views, name, m, v, mask, directions):
    """Moments of the states of a layer with learned keep probabilities."""
    p_in, p_state = squash(views[f"{name}/input/p_keep/logit"]), squash(views[f"{name}/p_keep/logit"])
    weights = views[f"{name}/input/weights"]
    a = p_in * m @ weights + views[f"{name}/input/bias"]
    b = (p_in * (1 - p_in) * m**2 + p_in * v) @ weights**2
    results = [
        chain(
            a,
            b,
            mask,
            views[f"{name}/{d}/recurrent"],
            views[f"{name}/{d}/initial_mean"],
            p_state,
            d == "backward",
        )
        for d in directions
    ]
    means, variances = zip(*results, strict=True)
    return sum(means) / len(directions), sum(variances) / len(directions) ** 2


def plain_layer(views, name, x, mask, directions):
    a = x @ views[f"{name}/input/weights"] + views[f"{name}/input/bias"]
    states = [
        plain_chain(
            a, mask, views[f"{name}/{d}/recurrent"], views[f"{name}/{d}/initial_mean"], d == "backward"
        )
        for d in directions
    ]
    return sum(states) / len(directions)


def randomised(make, rng):
    """A stack of two layers, of 3 and 2 units, with random parameters."""
    parameters = ParameterSet()
    stack = Stack(partial(make, parameters), "net", N_IN, (3, 2))
    parameters.data[...] = rng.standard_normal(parameters.size)
    return parameters, stack


DIRECTIONS = {Recurrent: ("forward",), Bidirectional: ("forward", "backward")}


@pytest.mark.parametrize("layer, directions", DIRECTIONS.items())
def test_two_fast_dropout_layers(layer, directions, rng):
    make = partial(layer, p_keep="learned", transfer=TRANSFERS["tanh_wang_manning"])
    parameters, stack = randomised(make, rng)
    inputs = [pt.tensor3(), pt.tensor3(), pt.matrix()]
    graph = list(stack(Moments(*inputs[:2]), inputs[2]))
    m, v = rng.standard_normal((4, 4, N_IN)), rng.uniform(0.1, 1, (4, 4, N_IN))
    mean, variance = backends.compile_function([parameters.flat, *inputs], graph)(parameters.data, m, v, MASK)
    views = parameters.views()
    hidden = fast_dropout_layer(views, "net/hidden_0", m, v, MASK, directions)
    expected = fast_dropout_layer(views, "net/hidden_1", *hidden, MASK, directions)
    np.testing.assert_allclose(mean, expected[0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(variance, expected[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("layer, directions", DIRECTIONS.items())
def test_two_deterministic_layers(layer, directions, rng):
    parameters, stack = randomised(layer, rng)
    x, mask = pt.tensor3(), pt.matrix()
    graph, variance = stack(Moments(x), mask)
    assert variance is None
    gradient = parameters.gradient((graph * mask[:, :, None]).sum())
    value = rng.standard_normal((4, 4, N_IN))
    function = backends.compile_function([parameters.flat, x, mask], [graph, gradient])
    states, gradient = function(parameters.data, value, MASK)

    def reference(data):
        parameters.data[...] = data
        views = parameters.views()
        hidden = plain_layer(views, "net/hidden_0", value, MASK, directions)
        return plain_layer(views, "net/hidden_1", hidden, MASK, directions)

    np.testing.assert_allclose(states, reference(parameters.data.copy()), rtol=1e-10, atol=1e-12)
    start, direction = parameters.data.copy(), rng.standard_normal(parameters.size)
    up, down = ((reference(start + e * direction) * MASK[:, :, None]).sum() for e in (1e-5, -1e-5))
    assert gradient @ direction == pytest.approx((up - down) / 2e-5, rel=1e-7)


@pytest.mark.parametrize(
    "make",
    [
        *LAYERS.values(),
        pytest.param(partial(Recurrent, p_keep=0.8, initial_variance=0.0), marks=pytest.mark.slow),
    ],
    ids=[*LAYERS, "fast_dropout"],
)
def test_a_network_can_go_on_where_it_stopped(make, rng):
    parameters, stack = randomised(make, rng)
    x, mask = pt.tensor3(), pt.matrix()
    whole = stack.states(Moments(x), mask)
    first = stack.states(Moments(x[:2]), mask[:2], initial=stack.initial(mask))
    stopped = [h.map(lambda u: u[-1]) for h in first]
    second = stack.states(Moments(x[2:]), mask[2:], initial=stopped)
    graph = flatten([*whole, *first, *second])
    function = backends.compile_function([parameters.flat, x, mask], graph)
    results = function(parameters.data, rng.standard_normal((4, 4, N_IN)), MASK)
    n = len(results) // 3
    real = MASK > 0
    for at_once, before, after in zip(results[:n], results[n : 2 * n], results[2 * n :], strict=True):
        np.testing.assert_allclose(np.concatenate([before, after])[real], at_once[real], rtol=1e-12)


def test_fast_dropout_that_keeps_all_of_what_is_certain(rng):
    """With the identity as transfer, a chain of moments is a linear one."""
    parameters = ParameterSet()
    layer = Recurrent(parameters, "layer", 2, 3, transfer=TRANSFERS["identity"], initial_variance=0.0)
    parameters.data[...] = rng.standard_normal(parameters.size)
    x, mask = pt.tensor3(), pt.matrix()
    graph = layer(Moments(x), mask)
    value = rng.standard_normal((2, 1, 2))
    function = backends.compile_function([parameters.flat, x, mask], list(graph))
    mean, variance = function(parameters.data, value, np.ones((2, 1)))
    a = value[:, 0] @ layer.input.view("weights") + layer.input.view("bias")
    recurrent = layer.chains[0].view("recurrent")
    first = a[0] + layer.chains[0].view("initial_mean") @ recurrent
    np.testing.assert_allclose(mean[:, 0], [first, a[1] + first @ recurrent], rtol=1e-12)
    np.testing.assert_array_equal(variance, 0)


@pytest.mark.parametrize("p_drop", [0.1, 0.3, 0.8])
def test_the_reference_chain_reproduces_the_original_code_with_its_mistakes(p_drop, goldens):
    g = goldens("g2_layers.npz")
    means, variances = chain(
        g["rec_in_mean"],
        g["rec_in_var"],
        np.ones(g["rec_in_mean"].shape[:2]),
        g["rec_weights"],
        g["rec_initial_hidden"],
        1 - p_drop,
        mean_factor=p_drop,
        moments=partial(tanh_moments, slope=1.0),
    )
    # The code starts from a small variance of the initial state, not from none.
    np.testing.assert_allclose(means, g[f"rec_p{p_drop}_tanh_mean"], atol=1e-6)
    np.testing.assert_allclose(variances, g[f"rec_p{p_drop}_tanh_var"], atol=1e-6)


@pytest.mark.parametrize("uncertain", ["nothing", "input", "kept_input", "kept_state", "initial state"])
def test_moments_are_propagated_where_anything_is_uncertain(uncertain):
    settings = {
        "kept_input": dict(p_keep=0.5, recurrent_p_keep=1.0),
        "kept_state": dict(recurrent_p_keep=0.5),
        "initial state": dict(initial_variance=0.0),
    }
    layer = Recurrent(ParameterSet(), "layer", 2, 3, **settings.get(uncertain, {}))
    x = Moments(pt.tensor3(), pt.tensor3()) if uncertain == "input" else Moments(pt.tensor3())
    assert (layer(x, pt.matrix()).variance is None) == (uncertain == "nothing")


def test_the_first_layer_can_be_another_one():
    parameters = ParameterSet()
    make, first = partial(Recurrent, parameters), partial(Recurrent, parameters, p_keep=0.5)
    stack = Stack(make, "net", 2, (3, 4, 5), make_first=first)
    assert [layer.p_keep.p_keep for layer in stack.layers] == [0.5, 1.0, 1.0]
    shapes = [parameters.shapes[f"net/hidden_{i}/input/weights"] for i in range(3)]
    assert shapes == [(2, 3), (3, 4), (4, 5)]


def test_stack_needs_a_layer():
    with pytest.raises(ValueError, match=r"n_hiddens must have at least one layer, got \(\)"):
        Stack(partial(Recurrent, ParameterSet()), "net", 2, ())


def test_keep_probability_out_of_range():
    with pytest.raises(ValueError, match=r"p_keep must be 'learned' or in \(0, 1\], got 0"):
        Recurrent(ParameterSet(), "layer", 2, 3, 0)


def test_initial_variance(rng):
    """With the identity as transfer, h_1 = a_1 + h_0 R."""
    parameters = ParameterSet()
    layer = Recurrent(parameters, "layer", 2, 3, transfer=TRANSFERS["identity"], initial_variance=0.5)
    parameters.data[...] = rng.standard_normal(parameters.size)
    x, mask = pt.tensor3(), pt.matrix()
    _, variance = layer(Moments(x), mask)
    result = backends.compile_function([parameters.flat, x, mask], variance)(
        parameters.data, np.ones((1, 1, 2)), np.ones((1, 1))
    )
    np.testing.assert_allclose(result[0, 0], 0.5 * (layer.chains[0].view("recurrent") ** 2).sum(axis=0))


def test_initialize(rng):
    _, stack = randomised(partial(Bidirectional, p_keep="learned"), rng)
    stack.initialize(rng, Initialization(n_incoming=2, spectral_radius=0.7))
    for layer in stack.layers:
        forward, backward = (c.view("recurrent") for c in layer.chains)
        assert (forward != backward).any()
        for recurrent in (forward, backward):
            assert ((recurrent != 0).sum(axis=0) <= 2).all()
            assert np.abs(np.linalg.eigvals(recurrent)).max() == pytest.approx(0.7)
        assert squash(layer.p_keep.view("logit")) == pytest.approx(0.9)

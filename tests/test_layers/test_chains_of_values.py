"""Layers of states that are values, against loops over time in NumPy: all that an `RNN` can be made of."""

from functools import partial

import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.special import expit

from breze_like import backends
from breze_like.initialize import Initialization
from breze_like.layers import LAYERS, DeepTransition, GatedRecurrent, Stack
from breze_like.moments import Moments
from breze_like.parameters import ParameterSet

N_IN = 2
# Columns: no padding, in front, behind, on both sides.
MASK = np.array([[1, 0, 1, 0], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 0, 0]], float)


def recurrent(p, x, h):
    return np.tanh(x @ p["input/weights"] + p["input/bias"] + h @ p["forward/recurrent"])


def deep_transition(p, x, h):
    u = np.tanh(x @ p["input/weights"] + p["input/bias"] + h @ p["forward/recurrent"])
    return np.tanh(u @ p["forward/intermediate"] + h @ p["forward/shortcut"] + p["forward/bias"])


def gated(p, x, h):
    return np.array([unit(p, j, x, h) for j in range(len(h))])


def unit(p, j, x, h):
    """State j after input x and states h: equations 5 to 8 of Cho et al. (2014), with biases."""
    n = len(h)
    w, w_update, w_reset = np.split(p["input/weights"], 3, axis=1)
    b, b_update, b_reset = np.split(p["input/bias"], 3)
    reset = [expit(w_reset[:, i] @ x + b_reset[i] + p["forward/reset"][:, i] @ h) for i in range(n)]
    update = expit(w_update[:, j] @ x + b_update[j] + p["forward/update"][:, j] @ h)
    through = sum(reset[i] * h[i] * p["forward/recurrent"][i, j] for i in range(n))
    return update * h[j] + (1 - update) * np.tanh(w[:, j] @ x + b[j] + through)


# New states from the parameters of a layer, an input and states.
STEPS = {"recurrent": recurrent, "deep_transition": deep_transition, "gru": gated}


def reference(step, views, name, x):
    """States of a layer at all steps; where a step is not real, they are what the layer starts from."""
    p = {key.removeprefix(f"{name}/"): view for key, view in views.items()}
    start = p["forward/initial_mean"]
    states = np.empty((*x.shape[:2], len(start)))
    for column in range(x.shape[1]):
        h = start
        for t in range(len(x)):
            h = step(p, x[t, column], h) if MASK[t, column] > 0 else start
            states[t, column] = h
    return states


@pytest.fixture(scope="module", params=LAYERS)
def layer(request):
    return request.param


@pytest.fixture(scope="module")
def parameters_and_stack(layer):
    """Two layers, of 3 and 2 units, with random parameters."""
    parameters = ParameterSet()
    stack = Stack(partial(LAYERS[layer], parameters), "net", N_IN, (3, 2))
    parameters.data[...] = np.random.default_rng(1).standard_normal(parameters.size)
    return parameters, stack


@pytest.fixture(scope="module")
def evaluate(parameters_and_stack):
    """States, and the gradient of the sum of those of real steps."""
    parameters, stack = parameters_and_stack
    x, mask = pt.tensor3(), pt.matrix()
    states, variance = stack(Moments(x), mask)
    assert variance is None
    gradient = parameters.gradient((states * mask[:, :, None]).sum())
    function = backends.compile_function([parameters.flat, x, mask], [states, gradient])
    return lambda x, mask: function(parameters.data, x, mask)


def test_two_layers(layer, parameters_and_stack, evaluate, rng):
    parameters, _ = parameters_and_stack
    x = rng.standard_normal((4, 4, N_IN))
    states, gradient = evaluate(x, MASK)

    def of_both(data):
        parameters.data[...] = data
        views = parameters.views()
        return reference(
            STEPS[layer], views, "net/hidden_1", reference(STEPS[layer], views, "net/hidden_0", x)
        )

    start, direction = parameters.data.copy(), rng.standard_normal(parameters.size)
    np.testing.assert_allclose(states, of_both(start), rtol=1e-10, atol=1e-12)
    up, down = ((of_both(start + e * direction) * MASK[:, :, None]).sum() for e in (1e-5, -1e-5))
    parameters.data[...] = start
    assert gradient @ direction == pytest.approx((up - down) / 2e-5, rel=1e-7)


def test_a_padded_batch_is_its_sequences_one_by_one(evaluate, rng):
    x = rng.standard_normal((4, 4, N_IN))
    states, gradient = evaluate(x, MASK)
    expected = 0
    for column in range(4):
        real = MASK[:, column] > 0
        alone, by_parameters = evaluate(x[real, column : column + 1], np.ones((real.sum(), 1)))
        np.testing.assert_allclose(states[real, column], alone[:, 0], rtol=1e-10)
        expected = expected + by_parameters
    np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-12)


def test_initialize_deep_transition(rng):
    parameters = ParameterSet()
    made = DeepTransition(parameters, "layer", 2, 300)
    made.initialize(rng, Initialization(n_incoming=2, spectral_radius=0.7))
    (chain,) = made.chains
    for name in ("recurrent", "shortcut"):
        weights = chain.view(name)
        assert ((weights != 0).sum(axis=0) <= 2).all()
        assert np.abs(np.linalg.eigvals(weights)).max() == pytest.approx(0.7)
    assert chain.view("intermediate").std() * np.sqrt(300) == pytest.approx(1, rel=0.02)
    assert (chain.view("bias") == 0).all()


def test_initialize_gated_units(rng):
    parameters = ParameterSet()
    made = GatedRecurrent(parameters, "layer", 2, 300)
    made.initialize(rng, Initialization(n_incoming=2, spectral_radius=0.7))
    (chain,) = made.chains
    for name in ("recurrent", "update", "reset"):
        weights = chain.view(name)
        assert ((weights != 0).sum(axis=0) <= 2).all()
        assert np.abs(np.linalg.eigvals(weights)).max() == pytest.approx(0.7)
    assert made.input.view("weights").std() * np.sqrt(2) == pytest.approx(1, rel=0.05)
    assert (made.input.view("bias") == 0).all() and (chain.view("initial_mean") == 0).all()

"""Against a loop over time in NumPy."""

from functools import partial

import numpy as np
import pytensor.tensor as pt
import pytest

from breze_like import backends
from breze_like.initialize import Initialization
from breze_like.layers import DeepTransition, Stack
from breze_like.moments import Moments
from breze_like.parameters import ParameterSet

N_IN = 2
# Columns: no padding, in front, behind, on both sides.
MASK = np.array([[1, 0, 1, 0], [1, 0, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0]], float)


def layer(views, name, x, mask):
    w = {key: views[f"{name}/forward/{key}"] for key in ("recurrent", "intermediate", "shortcut", "bias")}
    start, states = views[f"{name}/forward/initial_mean"], []
    h = np.tile(start, (x.shape[1], 1))
    for x_t, real in zip(x, mask[:, :, None] > 0, strict=True):
        a = x_t @ views[f"{name}/input/weights"] + views[f"{name}/input/bias"]
        u = np.tanh(a + h @ w["recurrent"])
        h = np.where(real, np.tanh(u @ w["intermediate"] + h @ w["shortcut"] + w["bias"]), start)
        states.append(h)
    return np.array(states)


@pytest.fixture(scope="module")
def parameters_and_stack():
    """Two layers, of 3 and 2 units, with random parameters."""
    parameters = ParameterSet()
    stack = Stack(partial(DeepTransition, parameters), "net", N_IN, (3, 2))
    parameters.data[...] = np.random.default_rng(1).standard_normal(parameters.size)
    return parameters, stack


@pytest.fixture(scope="module")
def evaluate(parameters_and_stack):
    """States, and the gradient of the sum of those of real steps."""
    parameters, stack = parameters_and_stack
    x, mask = pt.tensor3(), pt.matrix()
    states = stack(Moments(x), mask).mean
    gradient = parameters.gradient((states * mask[:, :, None]).sum())
    function = backends.compile_function([parameters.flat, x, mask], [states, gradient])
    return lambda x, mask: function(parameters.data, x, mask)


def test_two_layers(parameters_and_stack, evaluate, rng):
    parameters, _ = parameters_and_stack
    x = rng.standard_normal((4, 4, N_IN))
    states, gradient = evaluate(x, MASK)

    def reference(data):
        parameters.data[...] = data
        views = parameters.views()
        return layer(views, "net/hidden_1", layer(views, "net/hidden_0", x, MASK), MASK)

    start, direction = parameters.data.copy(), rng.standard_normal(parameters.size)
    np.testing.assert_allclose(states, reference(start), rtol=1e-10, atol=1e-12)
    up, down = ((reference(start + e * direction) * MASK[:, :, None]).sum() for e in (1e-5, -1e-5))
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


def test_initialize(rng):
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

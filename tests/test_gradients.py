"""Gradients beside finite differences: what is right passes, and what is wrong is named."""

import numpy as np
import pytest
from pytensor.gradient import disconnected_grad

from breze_like import RNN, VOSP, VRAE, FrameNADE, HiddenMarkov, check_gradient
from breze_like.gradients import STEPS, finite_difference, relative_errors


@pytest.fixture
def rolls(rng):
    return [(rng.random((n, 3)) < 0.5).astype(float) for n in (4, 2)]


@pytest.mark.parametrize("step", STEPS)
def test_finite_differences_of_a_known_function(step):
    x = np.array([0.3, -1.2, 2.0])
    differences = [finite_difference(lambda v: np.sin(v).prod(), x, d, step) for d in np.eye(3)]
    np.testing.assert_allclose(differences, np.cos(x) * np.sin(x).prod() / np.sin(x), rtol=1e-9)


def test_a_kink_within_the_longer_step_is_no_error():
    x = np.array([0.3, 5e-4])
    for gradient, low, high in (([1.0, 1.0], 0, 1e-9), ([1.0, 0.9], 0.05, 0.2)):
        errors = relative_errors(np.array(gradient), lambda v: np.abs(v).sum(), x, np.eye(2))
        assert low <= errors.max() <= high


def test_that_of_a_model_is_right(rolls, rng):
    model = VRAE(3, 1, n_hiddens=(2,), posterior="diagonal", prior="white")
    model.initialize(rng)
    before = model.parameters.data.copy()
    errors = check_gradient(model, rolls)
    assert list(errors) == list(model.parameters.shapes) and max(errors.values()) < 1e-6
    np.testing.assert_array_equal(model.parameters.data, before)


def test_the_parameter_whose_gradient_is_wrong_is_named(rolls, rng):
    class Wrong(RNN):
        def __init__(self, n_visible):
            super().__init__(n_visible, n_hiddens=(2,))
            bias = self.parameters["generative/emission/output/bias"]
            self.expressions["loss"] += ((bias + 1) * disconnected_grad(bias)).sum()

    model = Wrong(3)
    model.initialize(rng)
    errors = check_gradient(model, rolls)
    assert [name for name, error in errors.items() if error > 1e-5] == ["generative/emission/output/bias"]


def test_sequences_that_are_none_of_the_models(rolls):
    with pytest.raises(ValueError, match="sequences"):
        check_gradient(RNN(4, (2,)), rolls)


def test_a_seed_is_no_generator():
    """Here, and in what draws samples."""
    model = RNN(2, (2,))
    model.initialize(np.random.default_rng(0))
    with pytest.raises(ValueError, match="rng must be a generator, such as"):
        check_gradient(model, [np.zeros((4, 2))], 0)
    for other in (model, VRAE(2, 1, (2,)), VOSP(2, 1, (2,)), HiddenMarkov(2, 2), FrameNADE(2, 2)):
        with pytest.raises(ValueError, match="rng must be a generator, such as"):
            other.sample(0, 3, 2)

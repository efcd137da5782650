import numpy as np
import pytest

from breze_like.layers import Affine
from breze_like.models.base import Model, per_step
from breze_like.moments import Moments


class Small(Model):
    """loss = mean of (x W + b)^2 over the real steps."""

    def __init__(self):
        super().__init__()
        self.layer = Affine(self.parameters, "layer", 2, 1)
        self.layers = [self.layer]
        x, mask = self.inputs["observations"], self.inputs["mask"]
        output = self.layer(Moments(x)).mean[:, :, 0]
        self.expressions |= {"output": output, "loss": per_step(mask * output**2, mask)}


@pytest.fixture(scope="module")
def model():
    model = Small()
    model.initialize(np.random.default_rng(0))
    model.layer.view("bias")[...] = 0.5
    return model


def test_functions_use_the_parameters_as_they_are(model, rng):
    x = rng.standard_normal((3, 2, 2))
    function = model.function(["observations"], "output")
    before = function(x)
    np.testing.assert_allclose(before, (x @ model.layer.view("weights"))[:, :, 0] + 0.5)
    model.layer.view("bias")[...] = 1.5
    np.testing.assert_allclose(function(x), before + 1)
    model.layer.view("bias")[...] = 0.5


def test_gradient_is_that_of_the_loss(model, rng):
    x, mask = rng.standard_normal((3, 2, 2)), np.array([[0, 1], [1, 1], [1, 1.0]])
    loss, gradient = model.function(["observations", "mask"], ["loss", "gradient"])(x, mask)
    output = (x @ model.layer.view("weights"))[:, :, 0] + 0.5
    assert loss == pytest.approx((mask * output**2).sum() / 5)
    by_output = 2 * mask * output / 5
    expected = [*(by_output[:, :, None] * x).sum(axis=(0, 1)), by_output.sum()]
    np.testing.assert_allclose(gradient, expected)


def test_a_graph_can_be_cut_at_any_expression(model):
    loss = model.function(["output", "mask"], "loss")
    assert loss([[2.0], [5.0]], [[1.0], [0.0]]) == pytest.approx(4.0)


def test_variables_serve_as_names_do(model, rng):
    doubled = 2 * model.variable("output")
    x = rng.standard_normal((1, 2, 2))
    twice, once = model.function([model.inputs["observations"]], [doubled, "output"])(x)
    np.testing.assert_allclose(twice, 2 * once)


def test_a_function_is_compiled_once(model):
    assert model.function(["observations"], "output") is model.function(["observations"], "output")
    assert model.function(["observations"], "output") is not model.function(["observations"], ["output"])


@pytest.mark.parametrize("inputs, outputs", [(["observations", "nothing"], "loss"), (["mask"], ["nothing"])])
def test_unknown_names(model, inputs, outputs):
    with pytest.raises(ValueError, match="name must be one of .*'gradient'.*, got 'nothing'"):
        model.function(inputs, outputs)


def test_initialize_depends_on_the_generator_alone():
    first, second = Small(), Small()
    second.parameters.data[...] = 7.0  # what was there before does not count
    for model in (first, second):
        model.initialize(np.random.default_rng(3))
    np.testing.assert_array_equal(first.parameters.data, second.parameters.data)
    second.initialize(np.random.default_rng(4))
    assert (first.layer.view("weights") != second.layer.view("weights")).all()
    assert first.layer.view("bias") == 0


def test_a_model_without_noise_draws_none(model, rng):
    assert model.draw_noise(rng, 2, 3) is None


def test_unknown_backend():
    with pytest.raises(ValueError, match="backend must be .*, got 'pencil'"):
        Model("pencil")

import numpy as np
import pytensor.tensor as pt
import pytest

from breze_like import VOSP, VRAE
from breze_like.backends import compile_function
from breze_like.models.recognition import ExplicitVariance, ImplicitVariance
from breze_like.moments import Moments
from breze_like.parameters import ParameterSet

P_KEEP = 0.8


def apply(layer_class, x, v, rng):
    """Mean and variance of two units given moments of three, and the preactivations by hand."""
    parameters = ParameterSet()
    layer = layer_class(parameters, "output", 3, 2, P_KEEP)
    parameters.data[...] = rng.standard_normal(parameters.size)
    mean, variance = pt.tensor3(), pt.tensor3()
    outputs = compile_function([parameters.flat, mean, variance], list(layer(Moments(mean, variance))), "jax")
    weights, bias = (
        next(view for name, view in parameters.views().items() if name.endswith(end))
        for end in ("weights", "bias")
    )
    spread = (P_KEEP * (1 - P_KEEP) * x**2 + P_KEEP * v) @ weights**2
    return outputs(parameters.data, x, v), (P_KEEP * x @ weights + bias, spread)


def test_implicit_variance_is_that_of_the_units(rng):
    x, v = rng.standard_normal((4, 2, 3)), rng.uniform(size=(4, 2, 3))
    (mean, variance), expected = apply(ImplicitVariance, x, v, rng)
    np.testing.assert_allclose(mean, expected[0], rtol=1e-12)
    np.testing.assert_allclose(variance, expected[1] + 1e-6, rtol=1e-12)


def test_explicit_variance_has_units_of_its_own(rng):
    x, v = rng.standard_normal((4, 2, 3)), rng.uniform(size=(4, 2, 3))
    (mean, variance), (units, _) = apply(ExplicitVariance, x, v, rng)
    np.testing.assert_allclose(mean, units[:, :, :2], rtol=1e-12)
    # 1 at 0, and never 0.
    softplus = np.log1p(np.exp(units[:, :, 2:] + np.log(np.e - 1)))
    np.testing.assert_allclose(variance, softplus + 1e-4, rtol=1e-12)


@pytest.mark.parametrize("model_class", [VRAE, VOSP])
@pytest.mark.parametrize(("given", "of_state"), [({}, 0.8), ({"recognition_recurrent_p_keep": 0.3}, 0.3)])
def test_the_state_may_be_kept_with_a_probability_of_its_own(model_class, given, of_state):
    model = model_class(3, 2, (4,), recognition_p_keep=0.8, generative_p_keep=0.9, **given)
    (hidden,) = model.recognition.layers
    layers = hidden.input, hidden, model.recognition_output.output
    kept = [float(layer.p_keep().eval()) for layer in layers]
    assert kept == pytest.approx([0.8, of_state, 0.8])

import numpy as np
import pytensor.tensor as pt
import pytest

from breze_like import backends
from breze_like.initialize import Initialization
from breze_like.layers import Affine, FixedKeep, Joint, LearnedKeep, keep_probability
from breze_like.moments import Moments, Tanh
from breze_like.parameters import ParameterSet


def evaluate(parameters, inputs, outputs, *arrays):
    return backends.compile_function([parameters.flat, *inputs], outputs)(parameters.data, *arrays)


@pytest.mark.parametrize("shape", [(4, 2), (3, 4, 2)])
def test_affine(shape, rng):
    parameters, x = ParameterSet(), pt.tensor(dtype="float64", shape=(None,) * len(shape))
    layer = Affine(parameters, "layer", 2, 3)
    parameters.data[...] = rng.standard_normal(parameters.size)
    value = rng.standard_normal(shape)
    graph = layer(Moments(x))
    assert graph.variance is None
    result = evaluate(parameters, [x], graph.mean, value)
    np.testing.assert_allclose(result, value @ layer.view("weights") + layer.view("bias"), rtol=1e-12)


@pytest.mark.parametrize("p_drop", [0.0, 0.1, 0.5])
def test_fast_dropout_affine_reproduces_the_reference(p_drop, goldens):
    g = goldens("g2_layers.npz")
    parameters, moments = ParameterSet(), [pt.matrix(), pt.matrix()]
    layer = Affine(parameters, "layer", 4, 5, 1 - p_drop)
    layer.view("weights")[...] = g["fwd_weights"]
    layer.view("bias")[...] = g["fwd_bias"]
    graph = list(layer(Moments(*moments)))
    mean, variance = evaluate(parameters, moments, graph, g["fwd_in_mean"], g["fwd_in_var"])
    np.testing.assert_allclose(mean, g[f"fwd_p{p_drop}_identity_in_mean"], rtol=1e-10)
    np.testing.assert_allclose(variance, g[f"fwd_p{p_drop}_identity_in_var"], rtol=1e-10)


@pytest.mark.parametrize("p_keep", [0.7, 1.0])
@pytest.mark.parametrize("is_certain", [False, True])
def test_joint_signal_and_state(p_keep, is_certain, rng):
    """As one affine map of both side by side, with dropout on the state alone."""
    parameters, variables = ParameterSet(), [pt.matrix() for _ in range(4)]
    layer = Joint(parameters, "layer", 2, 3, 4, p_keep)
    parameters.data[...] = rng.standard_normal(parameters.size)
    mean, variance, h_mean, h_variance = arrays = [rng.random((5, n)) for n in (2, 2, 3, 3)]
    z_mean, z_variance, *h = variables
    z = Moments(z_mean) if is_certain else Moments(z_mean, z_variance)
    outputs = layer(z, layer.from_state(Moments(*h)))
    assert (outputs.variance is None) == (is_certain and p_keep == 1)
    results = evaluate(parameters, variables, outputs.arrays, *arrays)

    weights = layer.view("weights")
    dropped = p_keep * (1 - p_keep) * h_mean**2 + (p_keep * h_variance if p_keep < 1 else 0)
    both = np.hstack([mean, p_keep * h_mean]), np.hstack([0 * variance if is_certain else variance, dropped])
    expected = [both[0] @ weights + layer.view("bias"), both[1] @ weights**2]
    for result, value in zip(results, expected, strict=False):
        np.testing.assert_allclose(result, value, rtol=1e-10)


def test_joint_values_pass_the_transfer_function(rng):
    parameters, variables = ParameterSet(), [pt.matrix() for _ in range(3)]
    layer = Joint(parameters, "layer", 2, 3, 4, 1.0)
    parameters.data[...] = rng.standard_normal(parameters.size)
    z, h, unused = (rng.random((5, n)) for n in (2, 3, 3))
    state = layer.from_state(Moments(*variables[1:]))
    value, variance = layer(Moments(variables[0]), state).through(Tanh())
    assert variance is None
    expected = np.tanh(np.hstack([z, h]) @ layer.view("weights") + layer.view("bias"))
    np.testing.assert_allclose(evaluate(parameters, variables, value, z, h, unused), expected, rtol=1e-12)


@pytest.mark.parametrize("logit", [-50.0, -1.0, 0.0, 2.0, 50.0])
def test_a_learned_keep_probability_stays_off_zero_and_one(logit):
    parameters = ParameterSet()
    keep = LearnedKeep(parameters, "keep")
    keep.view("logit")[...] = logit
    p = evaluate(parameters, [], keep())
    assert p == pytest.approx(0.025 + 0.95 / (1 + np.exp(-logit)), rel=1e-12)
    assert 0.025 <= p <= 0.975


@pytest.mark.parametrize(
    ("initialization", "start"), [(Initialization(), 0.9), (Initialization(learned_p_keep=0.3), 0.3)]
)
def test_a_learned_keep_probability_starts_where_it_is_told_to(initialization, start, rng):
    parameters = ParameterSet()
    keep = keep_probability(parameters, "keep", "learned")
    keep.initialize(rng, initialization)
    assert evaluate(parameters, [], keep()) == pytest.approx(start)


def test_a_fixed_keep_probability_has_no_parameters():
    parameters = ParameterSet()
    keep = keep_probability(parameters, "keep", 0.3)
    assert isinstance(keep, FixedKeep)
    assert parameters.size == 0
    assert keep().eval({}, mode="FAST_COMPILE") == 0.3
    assert keep().dtype == "float64"


def test_without_dropout_there_is_no_keep_probability():
    assert keep_probability(ParameterSet(), "keep", 1)() is None


@pytest.mark.parametrize("p_keep", [0, -0.1, 1.1, float("nan"), "learn", None])
def test_keep_probabilities_out_of_range(p_keep):
    with pytest.raises(ValueError, match=rf"p_keep must be 'learned' or in \(0, 1\], got {p_keep!r}"):
        Affine(ParameterSet(), "layer", 2, 3, p_keep)


def test_layers_are_made_before_they_are_used():
    parameters = ParameterSet()
    Affine(parameters, "layer", 2, 3)(Moments(pt.matrix()))
    with pytest.raises(ValueError, match="declare must precede"):
        Affine(parameters, "another", 2, 3)


def test_names_are_unique():
    parameters = ParameterSet()
    Affine(parameters, "layer", 2, 3)
    with pytest.raises(ValueError, match="name must be new, got 'layer/weights'"):
        Affine(parameters, "layer", 2, 3)


def test_initialize_leaves_the_bias_at_zero(rng):
    layer = Affine(ParameterSet(), "layer", 200, 100, "learned")
    layer.initialize(rng, Initialization(weight_scale=2.0))
    assert layer.view("weights").std() == pytest.approx(2 / np.sqrt(200), rel=0.05)
    assert not layer.view("bias").any()

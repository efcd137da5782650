from functools import partial
from itertools import product

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import expit, log_expit, logsumexp, softmax
from scipy.stats import norm, t

from breze_like import backends
from breze_like.initialize import Initialization
from breze_like.layers import LAYERS
from breze_like.models import RNN
from breze_like.models.emissions import (
    EMISSIONS,
    BernoulliEmission,
    FixedVarianceEmission,
    MixtureEmission,
    NADEEmission,
    PerStepVarianceEmission,
    SharedVarianceEmission,
    StudentTEmission,
)
from breze_like.moments import Moments, WangManningSigmoid
from breze_like.parameters import ParameterSet

P_KEEP = 0.8
LOWEST = 1e-4


def make(factory, rng):
    """An emission of 2 features and 3 observed values, with random parameters."""
    parameters = ParameterSet()
    emission = factory(parameters, "emission", 2, 3, P_KEEP)
    parameters.data[...] = rng.standard_normal(parameters.size)
    return emission


def evaluate(emission, results, rng):
    """`results` of the distribution and of observations, and the preactivations, at random arguments."""
    mean, variance, x = pt.tensor3(), pt.tensor3(), pt.tensor3()
    flat = emission.parameters.flat
    graph = results(emission(Moments(mean, variance)), x)
    arrays = rng.standard_normal((4, 5, 2)), rng.uniform(0, 1, (4, 5, 2)), rng.standard_normal((4, 5, 3))
    if emission.binary:
        arrays = (*arrays[:2], (arrays[2] > 0).astype(float))
    values = backends.compile_function([flat, mean, variance, x], graph)(emission.parameters.data, *arrays)
    m, v, x = arrays
    weights, bias = emission.output.view("weights"), emission.output.view("bias")
    a_mean = P_KEEP * m @ weights + bias
    a_variance = (P_KEEP * (1 - P_KEEP) * m**2 + P_KEEP * v) @ weights**2
    return values, x, a_mean, a_variance


def test_bernoulli_takes_the_mean_of_the_sigmoid(rng):
    emission = make(partial(BernoulliEmission, sigmoid=WangManningSigmoid()), rng)
    (mean, log_prob), x, a, v = evaluate(emission, lambda y, x: [y.mean, y.log_prob(x)], rng)
    logits = a / np.sqrt(1 + np.pi * v / 8)
    np.testing.assert_allclose(mean, expit(logits), rtol=1e-12)
    expected = (x * log_expit(logits) + (1 - x) * log_expit(-logits)).sum(axis=-1)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-12)


def test_bernoulli_by_default_is_close_to_the_integral(rng):
    mean, _, a, v = evaluate(make(BernoulliEmission, rng), lambda y, x: y.mean, rng)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    integral = expit(a[..., None] + np.sqrt(v)[..., None] * nodes) @ weights / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(mean, integral, atol=1e-3)


def softplus_variance(raw):
    return np.logaddexp(0, raw + np.log(np.e - 1)) + LOWEST


GAUSSIAN = {
    "fixed": (partial(FixedVarianceEmission, variance=0.3), lambda e, a: (a, 0.3)),
    "shared": (SharedVarianceEmission, lambda e, a: (a, softplus_variance(e.view("raw_variance")))),
    "per step": (PerStepVarianceEmission, lambda e, a: (a[..., :3], softplus_variance(a[..., 3:]))),
}


@pytest.mark.parametrize("factory, moments", GAUSSIAN.values(), ids=GAUSSIAN)
def test_gaussian_emissions(factory, moments, rng):
    emission = make(factory, rng)
    (mean, log_prob), x, a, _ = evaluate(emission, lambda y, x: [y.mean, y.log_prob(x)], rng)
    expected_mean, variance = moments(emission, a)
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-12)
    expected = norm.logpdf(x, expected_mean, np.sqrt(variance)).sum(axis=-1)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-12)


def test_nade_takes_its_biases_from_the_output_units(rng):
    emission = make(partial(NADEEmission, n_hidden=4), rng)
    log_prob, x, a, _ = evaluate(emission, lambda y, x: y.log_prob(x), rng)
    expected = 0.0
    for i in range(3):
        preactivation = a[:, :, 3:] + x[:, :, :i] @ emission.view("weights_in")[:i]
        logit = a[:, :, i] + expit(preactivation) @ emission.view("weights_out")[i]
        expected = expected + log_expit(np.where(x[:, :, i] == 1, logit, -logit))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-12)


def test_mixture_takes_all_from_the_output_units(rng):
    emission = make(partial(MixtureEmission, n_components=2), rng)
    (mean, log_prob), x, a, _ = evaluate(emission, lambda y, x: [y.mean, y.log_prob(x)], rng)
    weights = softmax(a[:, :, :2], axis=-1)
    means, raw = a[:, :, 2:8].reshape(4, 5, 2, 3), a[:, :, 8:].reshape(4, 5, 2, 3)
    np.testing.assert_allclose(mean, (weights[..., None] * means).sum(axis=2), rtol=1e-12)
    density = norm.logpdf(x[:, :, None], means, np.sqrt(softplus_variance(raw))).sum(axis=-1)
    np.testing.assert_allclose(log_prob, logsumexp(density, b=weights, axis=-1), rtol=1e-12)


def test_student_t_learns_scales_and_degrees(rng):
    emission = make(StudentTEmission, rng)
    log_prob, x, a, _ = evaluate(emission, lambda y, x: y.log_prob(x), rng)
    scale = np.sqrt(softplus_variance(emission.view("raw_variance")))
    degrees = 2 + softplus_variance(emission.view("raw_degrees"))
    np.testing.assert_allclose(log_prob, t.logpdf(x, degrees, a, scale).sum(axis=-1), rtol=1e-10)


@pytest.mark.parametrize("factory", [SharedVarianceEmission, PerStepVarianceEmission])
def test_learned_variances_start_near_one_and_stay_positive(factory, rng):
    emission = make(factory, rng)
    emission.parameters.data[...] = 0.0
    variance, *_ = evaluate(emission, lambda y, x: pt.as_tensor(y.variance), rng)
    np.testing.assert_allclose(variance, 1 + LOWEST)
    emission.parameters.data[...] = -1e3
    variance, *_ = evaluate(emission, lambda y, x: pt.as_tensor(y.variance), rng)
    assert variance.min() == pytest.approx(LOWEST)


def test_initialization(rng):
    emission = make(BernoulliEmission, rng)
    emission.initialize(rng, Initialization())
    np.testing.assert_array_equal(emission.output.view("bias"), -2.5)
    assert (emission.output.view("weights") != 0).all()


def test_initialization_of_a_nade():
    parameters = ParameterSet()
    emission = NADEEmission(parameters, "emission", 50, 400, P_KEEP, n_hidden=100)
    emission.initialize(np.random.default_rng(0), Initialization())
    bias = emission.output.view("bias")
    np.testing.assert_array_equal(bias[:400], -2.5)
    np.testing.assert_array_equal(bias[400:], 0)
    # The scale of weights goes by the number of inputs: keys into hidden units, hidden units into keys.
    assert emission.view("weights_in").std() == pytest.approx(400**-0.5, rel=0.05)
    assert emission.view("weights_out").std() == pytest.approx(100**-0.5, rel=0.05)


def test_components_of_a_mixture_start_apart_where_all_features_are_zero(rng):
    emission = make(MixtureEmission, rng)
    emission.parameters.data[...] = 0.0
    emission.initialize(rng, Initialization())
    zero = pt.zeros((1, 1, 2))
    components = emission(Moments(zero, zero)).components
    graph = [components.mean, components.variance]
    means, variances = backends.compile_function([emission.parameters.flat], graph)(emission.parameters.data)
    assert means.shape == variances.shape == (1, 1, 5, 3)
    assert len(np.unique(means)) == 15
    np.testing.assert_allclose(variances, 1 + LOWEST)


def test_which_observations_they_are_of():
    binary = {name for name, emission in EMISSIONS.items() if emission.binary}
    assert binary == {"bernoulli", "nade"}


@pytest.mark.parametrize("name", EMISSIONS)
def test_samples_have_the_shape_of_observations(name, rng):
    emission = make(EMISSIONS[name], rng)
    sample, *_ = evaluate(emission, lambda y, x: y.sample(emission.draw_noise(rng, (4, 5, 3))), rng)
    assert sample.shape == (4, 5, 3)
    assert not emission.binary or set(np.unique(sample)) == {0.0, 1.0}


@pytest.mark.parametrize("variance", [0, -1.0, float("nan")])
def test_a_fixed_variance_must_be_positive(variance):
    with pytest.raises(ValueError, match=f"variance must be positive, got {variance}"):
        FixedVarianceEmission(ParameterSet(), "emission", 2, 3, 0.9, variance=variance)


@pytest.mark.parametrize("n", [0, -1, 2.5, "3"])
@pytest.mark.parametrize("factory, name", [(NADEEmission, "n_hidden"), (MixtureEmission, "n_components")])
def test_counts_must_be_positive_integers(factory, name, n):
    with pytest.raises(ValueError, match=f"{name} must be a positive integer, got {n!r}"):
        factory(ParameterSet(), "emission", 2, 3, 0.9, **{name: n})


@pytest.mark.parametrize("name", EMISSIONS)
def test_single_precision_stays(name):
    with pytensor.config.change_flags(floatX="float32"):
        emission = EMISSIONS[name](ParameterSet(), "emission", 2, 3, "learned")
        y = emission(Moments(pt.tensor3(), pt.tensor3()))
        variables = [y.mean, y.log_prob(pt.tensor3()), y.sample(pt.tensor3())]
        assert {v.dtype for v in variables} == {"float32"}


@pytest.fixture(scope="module", params=LAYERS)
def rnn_nade(request):
    model = RNN(3, (4,), layer=request.param, emission=partial(NADEEmission, n_hidden=2))
    rng = np.random.default_rng(0)
    model.parameters.data[...] = 2 * rng.standard_normal(model.parameters.size)
    return model


def test_rnn_nade_is_normalised(rnn_nade):
    """The probabilities of all sequences of two steps and three keys sum to 1."""
    frames = np.array(list(product([0, 1], repeat=6)))
    every_sequence = frames.reshape(-1, 2, 3).transpose(1, 0, 2)
    log_prob, gradient = rnn_nade.function(["observations", "mask"], ["emission/log_prob", "gradient"])(
        every_sequence, np.ones((2, 64))
    )
    assert np.exp(log_prob.sum(axis=0)).sum() == pytest.approx(1, abs=1e-12)
    first = np.exp(log_prob[0]).reshape(8, 8)  # rows share the first frame
    np.testing.assert_allclose(first, np.broadcast_to(first[:, :1], (8, 8)), rtol=1e-12)
    assert np.isfinite(gradient).all() and (gradient != 0).any()


def test_emissions_of_a_model_by_name():
    model = RNN(3, (4,), emission="nade")
    assert model.emission.view("weights_in").shape == (3, 100)
    model = RNN(3, (4,), emission="gaussian_mixture")
    assert model.emission.n_components == 5

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import log_softmax, logsumexp, softmax
from scipy.stats import kstest, multivariate_normal, norm

from breze_like.backends import compile_function
from breze_like.distributions import NormalMixture

N_COMPONENTS, N = 4, 3


def symbolic():
    return [pt.tensor3("logits"), pt.tensor4("means"), pt.tensor4("variances")]


@pytest.fixture(scope="module")
def evaluate():
    """Function from x, noise and the parameters to log_prob, mean, mode, sample."""
    x, noise, parameters = pt.tensor3("x"), pt.tensor3("noise"), symbolic()
    p = NormalMixture(*parameters)
    return compile_function([x, noise, *parameters], [p.log_prob(x), p.mean, p.mode, p.sample(noise)], "jax")


@pytest.fixture
def values(rng):
    """x, noise and parameters of 5 x 2 vectors."""
    shape = (5, 2, N_COMPONENTS, N)
    parameters = 2 * rng.normal(size=shape[:3]), 3 * rng.normal(size=shape), rng.uniform(0.1, 4, shape)
    return 2 * rng.normal(size=(5, 2, N)), NormalMixture.draw_noise(rng, (5, 2, N)), *parameters


def test_log_prob(evaluate, values):
    x, _, logits, means, variances = values
    expected = np.zeros((5, 2))
    for t, n in np.ndindex(5, 2):
        density = [
            w * multivariate_normal.pdf(x[t, n], m, np.diag(v))
            for w, m, v in zip(softmax(logits[t, n]), means[t, n], variances[t, n], strict=True)
        ]
        expected[t, n] = np.log(sum(density))
    np.testing.assert_allclose(evaluate(*values)[0], expected, rtol=1e-10)


def test_one_component_is_the_normal(values):
    x, noise, logits, means, variances = values
    one = [logits[:, :, :1], means[:, :, :1], variances[:, :, :1]]
    p = NormalMixture(*(pt.as_tensor(v) for v in one))
    log_prob, mean, mode, sample = compile_function(
        [], [p.log_prob(x), p.mean, p.mode, p.sample(noise)], "jax"
    )()
    mean_of_one, deviation = means[:, :, 0], np.sqrt(variances[:, :, 0])
    np.testing.assert_allclose(log_prob, norm.logpdf(x, mean_of_one, deviation).sum(axis=-1), rtol=1e-12)
    np.testing.assert_allclose(mean, mean_of_one, rtol=1e-14)
    np.testing.assert_array_equal(mode, mean_of_one)
    np.testing.assert_allclose(sample, mean_of_one + deviation * noise[:, :, :N], rtol=1e-14)


def test_mean(evaluate, values):
    _, _, logits, means, _ = values
    expected = np.einsum("tnk,tnki->tni", softmax(logits, axis=-1), means)
    np.testing.assert_allclose(evaluate(*values)[1], expected, rtol=1e-12)


def test_mode_is_the_mean_of_the_component_with_the_highest_peak(evaluate, values):
    _, _, logits, means, variances = values
    mode = evaluate(*values)[2]
    chosen = set()
    for t, n in np.ndindex(5, 2):
        peaks = logits[t, n] - np.log(variances[t, n]).sum(axis=-1) / 2
        chosen.add(int(peaks.argmax()))
        np.testing.assert_array_equal(mode[t, n], means[t, n, peaks.argmax()])
    assert len(chosen) > 1


def test_mode_of_equal_peaks_is_one_of_them(evaluate, values):
    x, noise, logits, means, variances = values
    mode = evaluate(x, noise, np.zeros_like(logits), means, np.ones_like(variances))[2]
    np.testing.assert_array_equal(mode, means[:, :, 0])


def test_samples_have_the_moments_and_the_distribution(evaluate, rng):
    n = 100_000
    weights = np.array([0.5, 0.2, 0.3, 0.0])
    means = np.array([[-3.0, 0, 1], [2, 5, 1], [0, -4, 1], [1e3, 1e3, 1e3]])
    variances = np.array([[1.0, 0.25, 2], [4, 1, 2], [0.5, 2, 2], [1, 1, 1]])
    logits = np.log(weights + 1e-300)
    noise = NormalMixture.draw_noise(rng, (n, 1, N))
    assert noise.shape == (n, 1, N + 1)
    each = [np.broadcast_to(v, (n, 1, *v.shape)) for v in (logits, means, variances)]
    drawn = evaluate(np.zeros((n, 1, N)), noise, *each)[3][:, 0]
    mean = weights @ means
    covariance = (means - mean).T @ np.diag(weights) @ (means - mean) + np.diag(weights @ variances)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=5 * np.sqrt(covariance.max() / n))
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.2)

    def distribution(y):
        return norm.cdf(y[:, None], means[:, 1], np.sqrt(variances[:, 1])) @ weights

    assert kstest(drawn[:, 1], distribution).pvalue > 1e-3


@pytest.mark.parametrize("u, component", [(0.0, 0), (0.4999, 0), (0.5, 1), (0.75, 2), (1 - 2**-53, 2)])
def test_the_last_number_chooses_the_component(u, component):
    logits, means = np.log([0.5, 0.25, 0.25]), np.array([[1.0], [2], [3]])
    p = NormalMixture(pt.as_tensor(logits), pt.as_tensor(means), pt.ones((3, 1)))
    sample = compile_function([], p.sample(np.array([0.0, u])), "jax")()
    assert sample == [component + 1]


def test_gradient(values, rng):
    x, parameters = pt.tensor3(), symbolic()
    total = NormalMixture(*parameters).log_prob(x).sum()
    f = compile_function([x, *parameters], [total, *pt.grad(total, [x, *parameters])], "jax")
    start = [values[0], *values[2:]]
    direction = [rng.normal(size=v.shape) for v in start]
    step = 1e-6
    above, below = (f(*(v + s * d for v, d in zip(start, direction, strict=True)))[0] for s in (step, -step))
    along = sum((g * d).sum() for g, d in zip(f(*start)[1:], direction, strict=True))
    assert along == pytest.approx((above - below) / (2 * step), rel=1e-7)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_far_from_all_components(precision):
    """Densities too small for floating point have finite logarithms and gradients, in the same precision."""
    with pytensor.config.change_flags(floatX=precision):
        x, noise, parameters = pt.tensor3(), pt.tensor3(), symbolic()
        p = NormalMixture(*parameters)
        log_prob = p.log_prob(x)
        outputs = [log_prob, *pt.grad(log_prob.sum(), [x, *parameters]), p.mean, p.mode, p.sample(noise)]
        f = compile_function([x, noise, *parameters], outputs, "jax")
        logits = np.array([[[5e3, 0.0]]], precision)
        means = np.array([[[[300.0], [200.0]]]], precision)
        results = f(
            np.zeros((1, 1, 1), precision), np.zeros((1, 1, 2), precision), logits, means, np.ones_like(means)
        )
    assert {r.dtype.name for r in results} == {precision}
    assert all(np.isfinite(r).all() for r in results)
    expected = logsumexp(log_softmax(logits) + norm.logpdf(0, means[..., 0]))
    np.testing.assert_allclose(results[0], [[expected]], rtol=1e-6)
    np.testing.assert_allclose(results[1], [[[200.0]]], rtol=1e-6)


def test_tempered(values):
    """Weights and components by themselves."""
    x, _, logits, means, variances = values
    tempered = NormalMixture(*(pt.as_tensor(v) for v in (logits, means, variances))).tempered(0.5)
    log_prob, weights = compile_function([], [tempered.log_prob(x), tempered.weights], "jax")()
    squares = softmax(logits, axis=-1) ** 2
    np.testing.assert_allclose(weights, squares / squares.sum(axis=-1, keepdims=True), rtol=1e-10)
    components = norm.logpdf(x[:, :, None], means, np.sqrt(variances / 2)).sum(axis=-1)
    np.testing.assert_allclose(log_prob, logsumexp(np.log(weights) + components, axis=-1), rtol=1e-10)


def test_given_a_part_of_the_vectors(values):
    """The mean of the rest by Bayes' rule, and a mode that is a component's mean."""
    x, _, *parameters = values
    x = np.where(np.random.default_rng(1).random(x.shape) < 0.5, np.nan, x)
    p = NormalMixture(*(pt.as_tensor(v) for v in parameters)).given(pt.as_tensor(x))
    mean, mode = compile_function([], [p.mean, p.mode], "jax")()
    logits, means, variances = parameters
    for t, n in np.ndindex(5, 2):
        seen = ~np.isnan(x[t, n])
        likelihood = norm.pdf(x[t, n, seen], means[t, n][:, seen], np.sqrt(variances[t, n][:, seen])).prod(
            axis=1
        )
        weights = softmax(logits[t, n]) * likelihood
        np.testing.assert_allclose(mean[t, n], weights / weights.sum() @ means[t, n], rtol=1e-9)
        assert (mode[t, n] == means[t, n]).all(axis=1).any()

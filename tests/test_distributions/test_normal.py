import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.stats import norm

from breze_like.backends import compile_function
from breze_like.distributions import DiagonalNormal


@pytest.fixture(scope="module")
def evaluate():
    x, mean, variance = pt.tensor3("x"), pt.tensor3("mean"), pt.tensor3("variance")
    normal = DiagonalNormal(mean, variance)
    return compile_function([x, mean, variance], [normal.log_prob(x), normal.sample(x), normal.mode], "jax")


@pytest.fixture
def values(rng):
    return rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 2, 4)), rng.uniform(1e-3, 5, (3, 2, 4))


def test_log_prob(evaluate, values):
    x, mean, variance = values
    expected = norm.logpdf(x, mean, np.sqrt(variance)).sum(axis=-1)
    np.testing.assert_allclose(evaluate(*values)[0], expected, rtol=1e-12)


def test_log_prob_far_away(evaluate):
    x, mean, variance = np.full((1, 1, 1), 1e3), np.zeros((1, 1, 1)), np.full((1, 1, 1), 1e-2)
    np.testing.assert_allclose(evaluate(x, mean, variance)[0], norm.logpdf(1e3, 0, 0.1), rtol=1e-12)


def test_sample_and_mode(evaluate, values):
    noise, mean, variance = values
    _, sample, mode = evaluate(*values)
    np.testing.assert_allclose(sample, mean + np.sqrt(variance) * noise, rtol=1e-14)
    np.testing.assert_array_equal(mode, mean)


def test_samples_have_the_moments(evaluate, rng):
    n = 100_000
    mean, variance = np.array([-1.0, 2.0]), np.array([0.25, 9.0])
    noise = DiagonalNormal.draw_noise(rng, (n, 1, 2))
    drawn = evaluate(noise, mean + np.zeros_like(noise), variance + np.zeros_like(noise))[1][:, 0]
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=5 * np.sqrt(9 / n))
    np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=5 * np.sqrt(2 / n))


def test_variance_may_be_a_number_or_shared_by_all(rng):
    x, mean, variance = pt.matrix("x"), pt.matrix("mean"), pt.vector("variance")
    outputs = [DiagonalNormal(mean, 2.0).log_prob(x), DiagonalNormal(mean, variance).log_prob(x)]
    data, means = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    one, each = compile_function([x, mean, variance], outputs, "jax")(data, means, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(one, norm.logpdf(data, means, 2**0.5).sum(axis=-1), rtol=1e-12)
    np.testing.assert_allclose(each, norm.logpdf(data, means, np.sqrt([1, 2, 3])).sum(axis=-1), rtol=1e-12)


def test_tempered(rng):
    """p^(1 / temperature), but for a factor: log-densities differ by what does not depend on x."""
    x, mean, variance = rng.normal(size=(50, 3)), rng.normal(size=3), rng.uniform(0.5, 2, 3)
    normal = DiagonalNormal(pt.as_tensor(mean), variance)
    tempered = compile_function([], normal.tempered(2.5).log_prob(x), "jax")()
    difference = tempered - norm.logpdf(x, mean, np.sqrt(variance)).sum(axis=-1) / 2.5
    np.testing.assert_allclose(difference, difference[0], rtol=1e-10)

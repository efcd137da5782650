import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.stats import kstest, t

from breze_like.backends import compile_function
from breze_like.distributions import StudentT

TEMPERATURE = 0.6


@pytest.fixture(scope="module")
def evaluate():
    """Function from x, noise, location, scale and degrees to log_prob, sample, and the tempered log_prob."""
    x, noise, location = pt.tensor3("x"), pt.tensor3("noise"), pt.tensor3("location")
    scale, degrees = pt.vector("scale"), pt.vector("degrees")
    p = StudentT(location, scale, degrees)
    outputs = [p.log_prob(x), p.sample(noise), p.tempered(TEMPERATURE).log_prob(x), p.mean, p.mode]
    return compile_function([x, noise, location, scale, degrees], outputs, "jax")


@pytest.fixture
def values(rng):
    """x, noise and parameters of 5 x 2 vectors of 3."""
    shape = 5, 2, 3
    parameters = rng.normal(size=shape), rng.uniform(0.2, 3, 3), np.array([2.1, 4.0, 60.0])
    return 3 * rng.normal(size=shape), StudentT.draw_noise(rng, shape), *parameters


def test_log_prob(evaluate, values):
    x, _, location, scale, degrees = values
    expected = t.logpdf(x, degrees, location, scale).sum(axis=-1)
    np.testing.assert_allclose(evaluate(*values)[0], expected, rtol=1e-10)


def test_mean_and_mode_are_the_location(evaluate, values):
    for result in evaluate(*values)[3:]:
        np.testing.assert_array_equal(result, values[2])


def test_draws_have_the_distribution(evaluate, values, rng):
    _, _, _, scale, degrees = values
    shape = 20_000, 1, 3
    noise = StudentT.draw_noise(rng, shape)
    drawn = evaluate(np.zeros(shape), noise, np.ones(shape), scale, degrees)[1]
    for i in range(3):
        assert kstest(drawn[:, 0, i], t(degrees[i], 1, scale[i]).cdf).pvalue > 0.01


def test_tempered_has_a_multiple_of_the_variance(evaluate):
    scale, degrees = 1.3, 3.5
    x = np.linspace(-4, 6, 7).reshape(-1, 1, 1)
    location = np.full_like(x, 0.5)
    actual = evaluate(x, np.ones((7, 1, 2)), location, np.array([scale]), np.array([degrees]))[2]
    tempered = t(degrees, 0.5, scale * TEMPERATURE**0.5)
    np.testing.assert_allclose(tempered.var(), TEMPERATURE * t(degrees, 0.5, scale).var(), rtol=1e-12)
    np.testing.assert_allclose(actual, tempered.logpdf(x[:, :, 0]), rtol=1e-9)

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import expit, log_expit
from scipy.stats import bernoulli

from breze_like.backends import compile_function
from breze_like.distributions import Bernoulli


@pytest.fixture(scope="module")
def evaluate():
    """Function from x and logits to log_prob, mean, mode, sample with noise x, and gradient by the logits."""
    x, logits = pt.matrix("x"), pt.matrix("logits")
    p = Bernoulli(logits)
    log_prob = p.log_prob(x)
    outputs = [log_prob, p.mean, p.mode, p.sample(x), pt.grad(log_prob.sum(), logits)]
    return compile_function([x, logits], outputs, "jax")


def test_log_prob(evaluate, rng):
    logits = 3 * rng.normal(size=(6, 5))
    x = rng.integers(0, 2, (6, 5))
    log_prob, mean, mode, _, gradient = evaluate(x.astype(float), logits)
    np.testing.assert_allclose(log_prob, bernoulli.logpmf(x, expit(logits)).sum(axis=-1), rtol=1e-12)
    np.testing.assert_allclose(mean, expit(logits), rtol=1e-14)
    np.testing.assert_array_equal(mode, logits >= 0)
    np.testing.assert_allclose(gradient, x - expit(logits), rtol=1e-12, atol=1e-14)


def test_log_prob_of_what_lies_between_0_and_1(evaluate, rng):
    logits, x = rng.normal(size=(6, 5)), rng.random((6, 5))
    p = expit(logits)
    expected = (x * np.log(p) + (1 - x) * np.log1p(-p)).sum(axis=-1)
    np.testing.assert_allclose(evaluate(x, logits)[0], expected, rtol=1e-12)


@pytest.mark.parametrize("size", [1.0, 30.0, 800.0, 1e6])
def test_extreme_logits(evaluate, size):
    logits = np.array([[size], [size], [-size], [-size]])
    x = np.array([[1.0], [0.0], [1.0], [0.0]])
    log_prob, mean, _, _, gradient = evaluate(x, logits)
    expected = log_expit(np.where(x == 1, logits, -logits))[:, 0]
    np.testing.assert_allclose(log_prob, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(gradient, x - expit(logits), rtol=1e-12, atol=1e-16)
    assert np.isfinite(mean).all()


def test_extreme_logits_in_single_precision():
    with pytensor.config.change_flags(floatX="float32"):
        x, logits = pt.matrix("x"), pt.matrix("logits")
        log_prob = Bernoulli(logits).log_prob(x)
        function = compile_function([x, logits], [log_prob, pt.grad(log_prob.sum(), logits)], "jax")
        values = np.array([[-1e4], [-90], [90], [1e4]], "float32")
        results = function(np.ones_like(values), values)
    assert [r.dtype for r in results] == ["float32", "float32"]
    np.testing.assert_allclose(results[0], [-1e4, -90, 0, 0], rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(results[1][:, 0], [1, 1, 0, 0], rtol=1e-6, atol=1e-30)


def test_samples(evaluate, rng):
    n = 100_000
    probabilities = np.array([0.0, 0.02, 0.5, 0.9, 1.0])
    logits = np.clip(np.log(probabilities + 1e-300) - np.log(1 - probabilities + 1e-300), -1e3, 1e3)
    noise = Bernoulli.draw_noise(rng, (n, 5))
    assert noise.min() >= 0 and noise.max() < 1
    drawn = evaluate(noise, logits + np.zeros_like(noise))[3]
    assert set(np.unique(drawn)) == {0.0, 1.0}
    np.testing.assert_allclose(drawn.mean(axis=0), probabilities, atol=5 * np.sqrt(0.25 / n))
    assert drawn[:, 0].max() == 0 and drawn[:, -1].min() == 1


def test_tempered(rng):
    """p^(1 / temperature), normalised."""
    logits, temperature = rng.normal(size=(6, 5)), 0.4
    p = pt.as_tensor(logits)
    mean = compile_function([], Bernoulli(p).tempered(temperature).mean, "jax")()
    on, off = expit(logits) ** (1 / temperature), expit(-logits) ** (1 / temperature)
    np.testing.assert_allclose(mean, on / (on + off), rtol=1e-12)

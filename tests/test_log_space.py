import numpy as np
import pytensor.tensor as pt
from scipy.special import logsumexp, softmax

from breze_like.backends import compile_function
from breze_like.log_space import log_mean_exp, log_sum_exp


def test_sum_and_mean(rng):
    m, w = pt.matrix(), pt.vector()
    x = pt.dot(m, pt.diag(w))  # not an input as it is
    y, mean = log_sum_exp(x, axis=0), log_mean_exp(x, axis=0)
    f = compile_function([m, w], [y, pt.grad(y.sum(), m), mean], "jax")
    values, weights = 1e3 * rng.normal(size=(4, 3)), np.array([1.0, -1.0, 1e3])
    result, gradient, mean = f(values, weights)
    np.testing.assert_allclose(result, logsumexp(values * weights, axis=0), rtol=1e-12)
    np.testing.assert_allclose(gradient, softmax(values * weights, axis=0) * weights, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(mean, result - np.log(4), rtol=1e-12)

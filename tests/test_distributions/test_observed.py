"""Likelihoods of what is there, against SciPy's, and their gradients."""

import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.special import logsumexp
from scipy.stats import bernoulli, multivariate_normal, norm, t

from breze_like.backends import compile_function
from breze_like.distributions import NADE, Bernoulli, DiagonalNormal, NormalMixture, Observed, StudentT

# All, some, one and none of the entries of a vector.
X = np.array([[0.5, -1.0, 2.0], [np.nan, 0.3, -0.4], [np.nan, 1.2, np.nan], [np.nan] * 3])
ROLL = np.where(np.isnan(X), X, X > 0)
MEAN, SCALE = np.array([0.2, -0.1, 0.7]), np.array([0.5, 1.0, 2.0])
MEANS = np.stack([MEAN, -MEAN])

# The distribution of parameters that are to be differentiated by, these, x, and the log-density of one x_i.
CASES = {
    "bernoulli": (Bernoulli, [MEAN], ROLL, lambda x, i: bernoulli.logpmf(x, 1 / (1 + np.exp(-MEAN[i])))),
    "normal": (DiagonalNormal, [MEAN, SCALE**2], X, lambda x, i: norm.logpdf(x, MEAN[i], SCALE[i])),
    "student_t": (
        StudentT,
        [MEAN, SCALE, 2 + SCALE],
        X,
        lambda x, i: t.logpdf(x, 2 + SCALE[i], MEAN[i], SCALE[i]),
    ),
}


def evaluate(distribution, parameters, x):
    """log p(x), and the gradients of its sum by the parameters and by x."""
    variables = [pt.tensor(shape=(None,) * p.ndim) for p in parameters]
    values = pt.matrix()
    log_prob = Observed(distribution(*variables)).log_prob(values)
    gradients = pt.grad(log_prob.sum(), [*variables, values])
    return compile_function([*variables, values], [log_prob, *gradients])(*parameters, x)


@pytest.mark.parametrize("distribution, parameters, x, log_density", CASES.values(), ids=CASES)
def test_sums_over_what_is_there(distribution, parameters, x, log_density):
    log_prob, *gradients = evaluate(distribution, parameters, x)
    expected = [sum(log_density(v, i) for i, v in enumerate(row) if not np.isnan(v)) for row in x]
    np.testing.assert_allclose(log_prob, expected, rtol=1e-10, atol=1e-12)
    assert log_prob[3] == 0
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert (gradients[-1][np.isnan(x)] == 0).all()


def test_each_component_of_a_mixture_is_marginalised():
    """The marginal of a mixture is the mixture of marginals, not the product of these over entries."""
    log_prob, *gradients = evaluate(NormalMixture, [np.log([0.3, 0.7]), MEANS, np.tile(SCALE**2, (2, 1))], X)
    for row, found in zip(X[:3], log_prob, strict=False):
        there = ~np.isnan(row)
        densities = [
            multivariate_normal.logpdf(row[there], m[there], np.diag(SCALE[there] ** 2)) for m in MEANS
        ]
        assert found == pytest.approx(logsumexp(densities, b=[0.3, 0.7]), rel=1e-10)
    assert log_prob[3] == pytest.approx(0, abs=1e-12)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_whole_vectors_are_as_ever():
    for distribution, parameters, x, _ in CASES.values():
        y = distribution(*map(pt.as_tensor, parameters))
        whole, observed = compile_function([], [y.log_prob(x[0]), Observed(y).log_prob(pt.as_tensor(x[0]))])()
        assert whole == observed


def test_what_depends_on_what_is_missing_is_refused():
    with pytest.raises(
        ValueError, match="missing entries can be left out, .* got NADE, for which missing must"
    ):
        Observed(NADE(*map(pt.as_tensor, (np.ones((3, 2)), np.ones((3, 2)), X, X[:, :2]))))

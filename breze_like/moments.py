"""Maps of moments: how an affine map, dropout or a transfer function changes a mean and a variance.

Layers pass on `Moments`, units last. Fast dropout treats the input of a unit, a sum of many dropped-out
terms, as normal, so that both moments pass through a layer in closed form.

A transfer function is an object. Called, it is the function itself; its method `moments` gives the moments of
its output if its input is normal with given moments. Largest absolute errors of the approximations for
means in [-6, 6] and variances in [1e-4, 25], from quadrature:

===============================  =========  =============
transfer                         mean       variance
===============================  =========  =============
`Sigmoid`                        0.0006     0.0001
`Tanh(Sigmoid())`                0.0011     0.0005
`WangManningSigmoid`             0.0131     0.0271
`Tanh(WangManningSigmoid())`     0.0330     0.1082
===============================  =========  =============

The default for the models' hidden units is nevertheless Wang & Manning's tanh: training steps are faster with
it, so that a VRAE reaches a lower bound in the same time (`experiments/results/transfers.md`). A mean alone
costs next to nothing, so the Bernoulli emission uses the accurate one, `Sigmoid.logit_mean`.

References
----------
Wang & Manning (2013), Fast dropout training. Bayer et al. (2013), On fast dropout and its applicability
to recurrent networks. Monahan & Stefanski (1992), Normal scale mixture approximations to F*(z).
Plackett (1954), A reduction formula for normal multivariate integrals.
"""

import math
from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt


class Moments(NamedTuple):
    """What is known of an array: its mean and, if it is uncertain, its variance, element by element.

    Attributes
    ----------
    mean : TensorVariable
    variance : TensorVariable, the same shape, or None
        None says that the mean is the value.
    """

    mean: pt.TensorVariable
    variance: pt.TensorVariable | None = None

    @property
    def arrays(self):
        """What there is of the two, as a tuple; `Moments` of these are the same again."""
        return (self.mean,) if self.variance is None else tuple(self)

    @property
    def uncertain(self):
        """The same with a variance in any case, of 0 if there is none."""
        return Moments(self.mean, pt.zeros_like(self.mean)) if self.variance is None else self

    def map(self, function):
        """A function applied to each of the two that is there."""
        return Moments(*map(function, self.arrays))

    def through(self, transfer):
        """Moments of f(x) for normal x, or its value if x is certain."""
        return Moments(transfer(self.mean)) if self.variance is None else transfer.moments(self)


def flatten(moments):
    """The arrays of several `Moments`, in one list."""
    return [array for x in moments for array in x.arrays]


def total(*terms):
    """Moments of a sum of independent terms."""
    variances = [term.variance for term in terms if term.variance is not None]
    return Moments(reduce(add, [term.mean for term in terms]), reduce(add, variances) if variances else None)


def dropout(x, p_keep=None):
    """Moments of d x, where d is 1 with probability `p_keep` and else 0.

    E = p_keep E[x],  V = p_keep (1 - p_keep) E[x]^2 + p_keep V[x]

    Parameters
    ----------
    x : Moments
    p_keep : TensorVariable or float, optional
        Probability of keeping a unit; broadcasts against the mean. None says that all are kept.
    """
    if p_keep is None:
        return x
    variance = p_keep * (1 - p_keep) * x.mean**2
    return Moments(p_keep * x.mean, variance if x.variance is None else variance + p_keep * x.variance)


def affine(x, weights, bias=0.0, p_keep=None):
    """Moments of a = (d x) W + b, with independent dropout d on each x (paper, appendix).

    E = p_keep E[x] W + b,  V = (p_keep (1 - p_keep) E[x]^2 + p_keep V[x]) W^2

    Parameters
    ----------
    x : Moments, shape (..., n_in)
    weights : TensorVariable, shape (n_in, n_out)
    bias : TensorVariable, shape (n_out,)
    p_keep : TensorVariable or float, optional
        As for `dropout`.
    """
    mean, variance = dropout(x, p_keep)
    return Moments(product(mean, weights) + bias, None if variance is None else product(variance, weights**2))


def product(x, weights):
    """x W for x of shape (..., n_in), as one matrix product (a batched one has a slow gradient)."""
    if x.ndim == 2:
        return x @ weights
    flat = x.reshape((-1, x.shape[-1])) @ weights
    return flat.reshape((*x.shape[:-1], weights.shape[1]))


class Identity:
    """f(x) = x."""

    def __call__(self, x):
        return x

    def moments(self, x):
        """Moments of x ~ N(mean, variance): exact."""
        return x


class Rectifier:
    """f(x) = max(x, 0)."""

    def __call__(self, x):
        return pt.maximum(x, 0)

    def moments(self, x):
        """Moments of f(x) for x ~ N(mean, variance): exact.

        With s = sqrt(variance), h = mean / s, normal density phi and distribution function Phi:
        E = s (h Phi(h) + phi(h)),  V = variance (Phi(h) + g (h - g)) with g = h Phi(h) + phi(h).
        """
        mean, variance = x
        # There, x is on one side of 0 or as good as certain, and gradients of what follows may not be finite.
        one_sided = pt.le(variance, pt.maximum((mean / 40) ** 2, 1e-16))
        on = pt.gt(mean, 0).astype(mean.dtype)
        m, v = pt.switch(one_sided, 0, mean), pt.switch(one_sided, 1, variance)
        h = m / pt.sqrt(v)
        cdf, density = ndtr(h), pt.exp(-(h**2) / 2) / math.sqrt(2 * math.pi)
        g = h * cdf + density
        # h - g and Phi cancel for large |h|; rounding must not make a variance negative.
        inner = pt.sqrt(v) * g, pt.maximum(v * (cdf + g * (h - g)), 0)
        return Moments(*(pt.switch(one_sided, on * y, z) for y, z in zip(x, inner, strict=True)))


class Sigmoid:
    """f(x) = 1 / (1 + exp(-x)), its moments from a scale mixture of normal distribution functions.

    With f(x) = sum_i p_i Phi(s_i x), within 5.2e-4, h_i = s_i mean / sqrt(1 + s_i^2 variance) and
    tan(b_ij) = s_i s_j variance / sqrt(1 + (s_i^2 + s_j^2) variance):

        E = sum_i p_i Phi(h_i)
        V = sum_ij p_i p_j / (2 pi)
            integral_0^b_ij exp(-(h_i^2 - 2 h_i h_j sin t + h_j^2) / (2 cos^2 t)) dt

    The integrals are taken by Gauss-Legendre. The variance is a sum of positive terms, and vanishes with that
    of the input.

    Parameters
    ----------
    n_nodes : int
        Nodes of the quadrature. Three take the error of the variance of `Tanh` from 0.0005 to 0.0003.
    """

    # Of Monahan & Stefanski's mixtures the one with two components, fitted anew. They
    # minimise the largest |f(x) - sum_i p_i Phi(s_i x)|: it is 5.10e-4, taken at eight points.
    WEIGHTS = (0.5644248434560208, 0.4355751565439792)
    SCALES = (0.7686211512016133, 0.43525518006909525)

    def __init__(self, n_nodes=2):
        nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
        self._quadrature = [
            (((1 + t) / 2).item(), (w / 2).item()) for t, w in zip(nodes, weights, strict=True)
        ]

    def __call__(self, x):
        return pt.sigmoid(x)

    def moments(self, x):
        """Moments of f(x) for x ~ N(mean, variance)."""
        inner = self._standardised(x)
        terms = [self._covariance(inner, x.variance, i, j) for i, j in ((0, 0), (0, 1), (1, 1))]
        return Moments(self._mean(inner), sum(terms))

    def logit_mean(self, x):
        """log(E / (1 - E)) for E = E[f(x)]; the error of E is at most 0.1 % of it, from variance 20 on 2 %.

        The tails of f are exponential, those of the mixture are not. So it is only taken above -variance / 2,
        where it is exact to that; below, f(x) = exp(x) f(-x) takes the other side of that point for it:

            E(mean, variance) = exp(mean + variance / 2) E(-mean - variance, variance)
        """
        below = pt.lt(x.mean, 0)
        mean = pt.switch(below, x.mean, -x.mean)
        beyond = pt.minimum(mean + x.variance / 2, 0)
        inner = self._standardised(Moments(mean - 2 * beyond, x.variance))
        first, second = (math.log(p) + log_ndtr(h) for p, h in zip(self.WEIGHTS, inner, strict=True))
        log_mean = beyond + first + pt.softplus(second - first)  # logaddexp, with a gradient in any precision
        logit = log_mean - pt.log1p(-pt.exp(log_mean))
        return pt.switch(below, logit, -logit)

    def _standardised(self, x):
        return [s * x.mean / pt.sqrt(1 + s**2 * x.variance) for s in self.SCALES]

    def _mean(self, inner):
        return sum(p * ndtr(h) for p, h in zip(self.WEIGHTS, inner, strict=True))

    def _covariance(self, inner, variance, i, j):
        """The terms ij and ji of the variance."""
        p, s, h, g = self.WEIGHTS, self.SCALES, inner[i], inner[j]
        upper = pt.arctan(s[i] * s[j] * variance / pt.sqrt(1 + (s[i] ** 2 + s[j] ** 2) * variance))
        integral = 0.0
        for node, weight in self._quadrature:
            sine = pt.sin(node * upper)
            distance = h**2 / (1 + sine) if i == j else (h**2 - 2 * h * g * sine + g**2) / (2 - 2 * sine**2)
            integral += weight * pt.exp(-distance)
        return (1 if i == j else 2) * p[i] * p[j] / (2 * np.pi) * upper * integral


class WangManningSigmoid:
    """f(x) = 1 / (1 + exp(-x)), with the moments of the paper, its reference [29]: cheap, but rough.

        E = f(mean / sqrt(1 + pi variance / 8))
        V = f(a (mean - b) / sqrt(1 + pi a^2 variance / 8)) - E^2,  a = 4 - 2 sqrt(2),  b = -log(sqrt(2) - 1)

    The variance does not vanish with the variance of the input: f^2 and its approximation differ there.
    """

    SLOPE = 4 - 2 * 2**0.5
    SHIFT = np.log(2**0.5 + 1).item()

    def __call__(self, x):
        return pt.sigmoid(x)

    def moments(self, x):
        """Moments of f(x) for x ~ N(mean, variance)."""
        expectation = pt.sigmoid(self.logit_mean(x))
        slope = self.SLOPE
        second = pt.sigmoid(slope * (x.mean - self.SHIFT) / pt.sqrt(1 + np.pi / 8 * slope**2 * x.variance))
        # The difference of two approximations: it falls below zero in the tails.
        return Moments(expectation, pt.maximum(second - expectation**2, 0))

    def logit_mean(self, x):
        """log(E / (1 - E)) for E = E[f(x)]."""
        return x.mean / pt.sqrt(1 + np.pi / 8 * x.variance)


class Tanh:
    """f(x) = tanh(x) = 2 sigmoid(2 x) - 1, with the moments of a sigmoid.

    Parameters
    ----------
    sigmoid : Sigmoid or WangManningSigmoid
    """

    def __init__(self, sigmoid=None):
        self.sigmoid = Sigmoid() if sigmoid is None else sigmoid

    def __call__(self, x):
        return pt.tanh(x)

    def moments(self, x):
        """Moments of f(x): 2 E - 1 and 4 V of the sigmoid at (2 mean, 4 variance)."""
        expectation, spread = self.sigmoid.moments(Moments(2 * x.mean, 4 * x.variance))
        return Moments(2 * expectation - 1, 4 * spread)


def ndtr(x):
    """Distribution function of the standard normal, accurate in its lower tail."""
    return 0.5 * pt.erfc(-x * 0.5**0.5)


def log_ndtr(x):
    """Its logarithm; below x = -10, its relative error is at most 2e-4."""
    tail = pt.minimum(x, -10)  # there, -x^2 / 2 - log(-x) and a constant
    return pt.log(ndtr(pt.maximum(x, -10))) - (tail**2 - 100) / 2 - pt.log(-tail / 10)


TRANSFERS = {
    "identity": Identity(),
    "rectifier": Rectifier(),
    "sigmoid": Sigmoid(),
    "sigmoid_wang_manning": WangManningSigmoid(),
    "tanh": Tanh(),
    "tanh_wang_manning": Tanh(WangManningSigmoid()),
}

"""Moments behind the transfer functions that kernels know, and their gradients, for a row of units.

A transfer function is a number: 0 for the rectifier, and for Wang & Manning's sigmoid f the `scale` of
`scale` f(`scale` x) - (`scale` - 1), which is the sigmoid itself with scale 1, and tanh with 2.
"""

import math

import numpy as np
from numba import njit

from breze_like.moments import WangManningSigmoid
from breze_like.native.functions import CALLED, MATH, exp, upper_tail

SLOPE, SHIFT = WangManningSigmoid.SLOPE, WangManningSigmoid.SHIFT
FLATTEN = np.pi / 8, np.pi / 8 * SLOPE**2
DENSITY_AT_0 = (2 * np.pi) ** -0.5


@njit(**MATH, **CALLED)
def moments(transfer, m, v, mean, variance):
    """Moments of f(x) for x ~ N(m, v), written into the last two arrays, (n,).

    Parameters
    ----------
    transfer : scalar
    m, v, mean, variance : ndarray, shape (n,)
    """
    if transfer == 0:
        for i in range(len(m)):
            mean[i], variance[i] = _rectified(m[i], v[i])
        return
    scale, one = transfer, type(transfer)(1)
    for i in range(len(m)):
        first, second, _, _, _, _ = _expectations(scale * m[i], scale * scale * v[i])
        mean[i] = scale * first - (scale - one)
        variance[i] = scale * scale * max(second - first * first, type(scale)(0))


@njit(**MATH, **CALLED)
def pull_back(transfer, m, v, by_mean, by_variance):
    """Gradients of m and v, in place of those of the moments of f(x).

    Parameters
    ----------
    transfer : scalar
    m, v, by_mean, by_variance : ndarray, shape (n,)
    """
    if transfer == 0:
        for i in range(len(m)):
            by_mean[i], by_variance[i] = _pull_back_rectified(m[i], v[i], by_mean[i], by_variance[i])
        return
    for i in range(len(m)):
        by_mean[i], by_variance[i] = _pull_back_sigmoid(transfer, m[i], v[i], by_mean[i], by_variance[i])


@njit(**MATH, **CALLED)
def _expectations(m, v):
    """E[f(x)] and E[f(x)^2] of Wang & Manning's f and x ~ N(m, v), and what they were computed with.

    These are the arguments of the two sigmoids, and the roots that they were divided by, inverted.
    """
    t = type(m)
    one = t(1)
    root, root_second = one / math.sqrt(one + t(FLATTEN[0]) * v), one / math.sqrt(one + t(FLATTEN[1]) * v)
    x, x_second = m * root, t(SLOPE) * (m - t(SHIFT)) * root_second
    return one / (one + exp(-x)), one / (one + exp(-x_second)), x, x_second, root, root_second


@njit(**MATH, **CALLED)
def _pull_back_sigmoid(scale, m, v, by_mean, by_variance):
    t = type(scale)
    one, squared = t(1), scale * scale
    by_first, by_second = scale * by_mean, squared * by_variance
    first, second, x, x_second, root, root_second = _expectations(scale * m, squared * v)
    by_second = by_second if second >= first * first else t(0)
    by_x = (by_first - t(2) * first * by_second) * first * (one - first)
    by_x_second = by_second * second * (one - second)
    by_m = scale * (by_x * root + by_x_second * t(SLOPE) * root_second)
    by_v = by_x * x * t(FLATTEN[0]) * root * root
    return by_m, t(-0.5) * squared * (
        by_v + by_x_second * x_second * t(FLATTEN[1]) * root_second * root_second
    )


@njit(**MATH, **CALLED)
def _standardised(m, v):
    """What the moments of a rectified x are made of, h = m / s and s, with values of the normal distribution.

    Whether x is on one side of 0, or as good as certain (`moments.Rectifier`), then, unless it is, s, h, the
    density and the distribution function at h, and 1 less the latter.
    """
    t = type(m)
    one_sided = v <= max(m / t(40) * (m / t(40)), t(1e-16))
    s = math.sqrt(t(1) if one_sided else v)
    h = (t(0) if one_sided else m) / s
    kernel = exp(t(-0.5) * h * h)
    tail = upper_tail(abs(h), kernel)
    above, below = (tail, t(1) - tail) if h > 0 else (t(1) - tail, tail)
    return one_sided, s, h, t(DENSITY_AT_0) * kernel, below, above


@njit(**MATH, **CALLED)
def _rectified(m, v):
    t = type(m)
    one_sided, s, h, density, below, _ = _standardised(m, v)
    on = t(1) if m > 0 else t(0)
    g = h * below + density
    mean, variance = s * g, max(s * s * (below + g * (h - g)), t(0))
    return (on * m, on * v) if one_sided else (mean, variance)


@njit(**MATH, **CALLED)
def _pull_back_rectified(m, v, by_mean, by_variance):
    t = type(m)
    one_sided, s, h, density, below, above = _standardised(m, v)
    on = t(1) if m > 0 else t(0)
    g = h * below + density
    by_second = by_variance if below + g * (h - g) >= 0 else t(0)
    by_m = by_mean * below + t(2) * by_second * s * g * above
    by_v = t(0.5) * by_mean * density / s + by_second * (below - g * density)
    return (on * by_mean, on * by_variance) if one_sided else (by_m, by_v)

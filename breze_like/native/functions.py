"""Elementary functions as machine code, and the options by which Numba makes all of it."""

import math

import numpy as np
from numba import float32
from numba.extending import overload

from breze_like.native.parts import Part

# Python never calls these functions. What calls them is what is kept in the cache, and they are a part of it.
CALLED = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": Part}
# Not "ninf" and "nnan": numbers that are not finite must come out as such.
MATH = {"fastmath": {"contract", "nsz", "arcp", "afn", "reassoc"}, "error_model": "numpy"}

# What a task returns, since 0 is what Numba returns in place of an exception.
DONE = 1


def exp(x):
    """exp(x), in single precision as arithmetic that is computed for many x at once."""


@overload(exp, jit_options={**MATH, **CALLED})
def _exp(x):
    if x != float32:
        return lambda x: math.exp(x)

    def single(x):
        # Cody & Waite: exp(n log 2 + r) = 2^n exp(r), log 2 as a sum; a polynomial (Cephes), |r| < 0.35.
        x = min(max(x, np.float32(-87.0)), np.float32(88.0))
        n = np.floor(x * np.float32(1.44269504) + np.float32(0.5))
        r = x - n * np.float32(0.693359375) - n * np.float32(-2.12194440e-4)
        p = np.float32(1.9875691500e-4)
        p = p * r + np.float32(1.3981999507e-3)
        p = p * r + np.float32(8.3334519073e-3)
        p = p * r + np.float32(4.1665795894e-2)
        p = p * r + np.float32(1.6666665459e-1)
        p = p * r + np.float32(5.0000001201e-1)
        p = p * r * r + r + np.float32(1.0)
        power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
        return p * power

    return single


def log1p(x):
    """log(1 + x) for x in [0, 1], in single precision as arithmetic that is computed for many x at once."""


@overload(log1p, jit_options={**MATH, **CALLED})
def _log1p(x):
    if x != float32:
        return lambda x: math.log1p(x)

    def single(x):
        # 2 artanh(y), by its series: y is a third at most, and what is left out less than 1e-8 of the sum.
        y = x / (np.float32(2.0) + x)
        z = y * y
        p = np.float32(1 / 13)
        p = p * z + np.float32(1 / 11)
        p = p * z + np.float32(1 / 9)
        p = p * z + np.float32(1 / 7)
        p = p * z + np.float32(1 / 5)
        p = p * z + np.float32(1 / 3)
        return np.float32(2.0) * (y + y * z * p)

    return single


def upper_tail(x, kernel):
    """1 - Phi(x) of the standard normal, for x >= 0, from `kernel`, which is exp(-x^2 / 2)."""


@overload(upper_tail, jit_options={**MATH, **CALLED})
def _upper_tail(x, kernel):
    if x != float32:
        return lambda x, kernel: 0.5 * math.erfc(x * 0.5**0.5)

    def single(x, kernel):
        # Press et al., Numerical Recipes, section 6.2: relative error below 1.2e-7.
        t = np.float32(1.0) / (np.float32(1.0) + np.float32(0.5**1.5) * x)
        p = np.float32(0.17087277)
        p = p * t - np.float32(0.82215223)
        p = p * t + np.float32(1.48851587)
        p = p * t - np.float32(1.13520398)
        p = p * t + np.float32(0.27886807)
        p = p * t - np.float32(0.18628806)
        p = p * t + np.float32(0.09678418)
        p = p * t + np.float32(0.37409196)
        p = p * t + np.float32(1.00002368)
        p = p * t - np.float32(1.26551223)
        return np.float32(0.5) * t * exp(p) * kernel

    return single

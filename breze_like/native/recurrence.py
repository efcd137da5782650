"""The arithmetic of the fast-dropout recurrence and of its gradient, for a block of sequences.

Of transfer functions there is Wang & Manning's sigmoid f, as `scale` f(`scale` x) - (`scale` - 1): the
sigmoid itself with 1, tanh with 2.
"""

import math

import numpy as np
from numba import njit

from breze_like.moments import WangManningSigmoid
from breze_like.native.functions import CALLED, MATH, exp
from breze_like.native.products import ROWS, add_outer, multiply, padded, panels

# Of the products that form the gradient of the recurrent weights.
ROWS_TOGETHER = 128
SLOPE, SHIFT = WangManningSigmoid.SLOPE, WangManningSigmoid.SHIFT
FLATTEN = np.pi / 8, np.pi / 8 * SLOPE**2


@njit(**MATH, **CALLED)
def dropout(mean, variance, p_keep, kept_mean, kept_variance):
    """Moments after dropout (`moments.dropout`), (n_sequences, n)."""
    q = p_keep * (mean.dtype.type(1) - p_keep)
    for n in range(mean.shape[0]):
        for i in range(mean.shape[1]):
            m = mean[n, i]
            kept_mean[n, i] = p_keep * m
            kept_variance[n, i] = q * m * m + p_keep * variance[n, i]


@njit(**MATH, **CALLED)
def add(x, y, total):
    """total = x + y."""
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            total[n, i] = x[n, i] + y[n, i]


@njit(**MATH, **CALLED)
def transfer(scale, b_mean, b_variance, f_mean, f_variance):
    """Moments of the states from those of the preactivations, (n_sequences, n)."""
    t = b_mean.dtype.type
    one, slope, shift, flatten, flatten_second = t(1), t(SLOPE), t(SHIFT), t(FLATTEN[0]), t(FLATTEN[1])
    for n in range(b_mean.shape[0]):
        for i in range(b_mean.shape[1]):
            m, v = scale * b_mean[n, i], scale * scale * b_variance[n, i]
            mean = one / (one + exp(-m / math.sqrt(one + flatten * v)))
            second = one / (one + exp(-slope * (m - shift) / math.sqrt(one + flatten_second * v)))
            f_mean[n, i] = scale * mean - (scale - one)
            f_variance[n, i] = scale * scale * max(second - mean * mean, t(0))


@njit(**MATH, **CALLED)
def transfer_gradient(scale, b_mean, b_variance, g_mean, g_variance, by_mean, by_variance):
    """Gradients of the preactivations' moments from `g_mean`, `g_variance`, those of the states'."""
    t = b_mean.dtype.type
    one, slope, shift, flatten, flatten_second = t(1), t(SLOPE), t(SHIFT), t(FLATTEN[0]), t(FLATTEN[1])
    for n in range(b_mean.shape[0]):
        for i in range(b_mean.shape[1]):
            m, v = scale * b_mean[n, i], scale * scale * b_variance[n, i]
            root = one / math.sqrt(one + flatten * v)
            root_second = one / math.sqrt(one + flatten_second * v)
            x, x_second = m * root, slope * (m - shift) * root_second
            mean, second = one / (one + exp(-x)), one / (one + exp(-x_second))
            by_second = scale * scale * g_variance[n, i]
            by_second = by_second if second >= mean * mean else t(0)
            by_x = (scale * g_mean[n, i] - t(2) * mean * by_second) * mean * (one - mean)
            by_x_second = by_second * second * (one - second)
            by_mean[n, i] = scale * (by_x * root + by_x_second * slope * root_second)
            by_v = by_x * x * flatten * root * root + by_x_second * x_second * flatten_second * root_second**2
            by_variance[n, i] = t(-0.5) * scale * scale * by_v


@njit(**MATH, **CALLED)
def back(p_keep, h_mean, h_variance, kept_mean, kept_variance, g_mean, g_variance):
    """Gradients of the state before from those of its moments after dropout; returns that of p_keep."""
    t = h_mean.dtype.type
    q, q_prime, by_p_keep = t(2) * p_keep * (t(1) - p_keep), t(1) - t(2) * p_keep, t(0)
    for n in range(h_mean.shape[0]):
        for i in range(h_mean.shape[1]):
            m = h_mean[n, i]
            g_mean[n, i] = p_keep * kept_mean[n, i] + q * m * kept_variance[n, i]
            g_variance[n, i] = p_keep * kept_variance[n, i]
            by_p_keep += kept_mean[n, i] * m + kept_variance[n, i] * (q_prime * m * m + h_variance[n, i])
    return by_p_keep


@njit(**MATH, **CALLED)
def start_anew(real, initial, now):
    """The initial state for the sequences whose step is not real."""
    for n in range(now.shape[0]):
        if not real[n]:
            for i in range(now.shape[1]):
                now[n, i] = initial[n, i]


@njit(**MATH, **CALLED)
def add_starts(real, g, total):
    """total += g for the sequences whose step is not real: their state is the initial one."""
    for n in range(g.shape[0]):
        if not real[n]:
            for i in range(g.shape[1]):
                total[n, i] += g[n, i]


@njit(**MATH, **CALLED)
def copy_real(real, x, y):
    """Zeros in x for the sequences whose step is not real; then y = x."""
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            x[n, i] = x[n, i] if real[n] else 0
            y[n, i] = x[n, i]


@njit(**MATH, **CALLED)
def add_totals(is_first, by_recurrent, by_p_keep, total_recurrent, total_p_keep):
    """Add up gradients over blocks of sequences."""
    t = by_recurrent.dtype.type
    total_p_keep[0] = by_p_keep[0] + (t(0) if is_first else total_p_keep[0])
    for n in range(by_recurrent.shape[0]):
        for i in range(by_recurrent.shape[1]):
            old = t(0) if is_first else total_recurrent[n, i]
            total_recurrent[n, i] = old + by_recurrent[n, i]


@njit(**MATH, **CALLED)
def gradient_of_weights(weights, by_weights, by_squared, total):
    """Gradient of the weights from those of the two products that they are in, squared in the second one."""
    for n in range(weights.shape[0]):
        for i in range(weights.shape[1]):
            total[n, i] = by_weights[n, i] + 2 * weights[n, i] * by_squared[n, i]


@njit(**CALLED)
def rows(x, t, first, last):
    """Of a block of sequences, at step t."""
    return x[t, first:last]


@njit(inline="always")
def forward(block, real, arguments, reverse, scale, results):
    """Moments of the states and of the preactivations of a block of sequences, written into `results`.

    Parameters
    ----------
    block : pair of int
        The first sequence, and the one behind the last.
    real : ndarray of bool, shape (n_steps, n_sequences)
    arguments : tuple of ndarray
        As `fast_dropout_recurrence` takes them; the keep probability of shape (1,).
    reverse : bool
    scale : scalar
    results : tuple of 4 ndarray, shape (n_steps, n_sequences, n)
    """
    first, last = block
    mean, variance, recurrent, initial_mean, initial_variance, p_keep = arguments
    h_mean, h_variance, b_mean, b_variance = results
    n_steps, _, n = mean.shape
    size = last - first
    weights, squared = panels(recurrent, False)
    kept_mean, kept_variance = padded(size, n, mean), padded(size, n, mean)
    product = padded(size, n, mean)
    before_mean, before_variance = initial_mean[first:last], initial_variance[first:last]
    for i in range(n_steps):
        t = n_steps - 1 - i if reverse else i
        dropout(before_mean, before_variance, p_keep[0], kept_mean, kept_variance)
        a_mean, a_variance = rows(b_mean, t, first, last), rows(b_variance, t, first, last)
        multiply(kept_mean, weights, product)
        add(rows(mean, t, first, last), product, a_mean)
        multiply(kept_variance, squared, product)
        add(rows(variance, t, first, last), product, a_variance)
        now_mean, now_variance = rows(h_mean, t, first, last), rows(h_variance, t, first, last)
        transfer(scale, a_mean, a_variance, now_mean, now_variance)
        start_anew(rows(real, t, first, last), initial_mean[first:last], now_mean)
        start_anew(rows(real, t, first, last), initial_variance[first:last], now_variance)
        before_mean, before_variance = now_mean, now_variance


@njit(inline="always")
def gradient(block, real, arguments, kept, cotangents, reverse, scale, results, by_recurrent):
    """Gradients of all arguments: that of p_keep is returned, the others are written.

    Parameters
    ----------
    block, real, arguments, reverse, scale
        As for `forward`.
    kept : tuple of 4 ndarray
        Results of `forward`.
    cotangents : tuple of 2 ndarray, shape (n_steps, n_sequences, n)
        Gradients of the moments of the states.
    results : tuple of ndarray
        Like the arguments, for their gradients. Left out are those of what the blocks share:
    by_recurrent : ndarray, shape (n, n)
    """
    first, last = block
    _, _, recurrent, initial_mean, initial_variance, p_keep = arguments
    h_mean, h_variance, b_mean, b_variance = kept
    n_steps, _, n = h_mean.shape
    size = last - first
    transposed, squared = panels(recurrent, True)
    g_mean, g_variance = np.zeros((size, n), recurrent.dtype), np.zeros((size, n), recurrent.dtype)
    d_mean, d_variance = padded(size, n, recurrent), padded(size, n, recurrent)
    carried_mean, carried_variance = np.zeros_like(g_mean), np.zeros_like(g_mean)
    start_mean, start_variance = np.zeros_like(g_mean), np.zeros_like(g_mean)
    # Of several steps, for one product: what came out of the dropout, and the gradient of what it went into.
    # Those of all steps would not stay in the cache. Tiles that begin in the last rows end behind them.
    n_together = max(1, ROWS_TOGETHER // size)
    n_rows = n_together * size + ROWS
    dropped_mean, dropped_variance = padded(n_rows, n, recurrent), padded(n_rows, n, recurrent)
    by_mean, by_variance = padded(n_rows, n, recurrent), padded(n_rows, n, recurrent)
    by_weights, by_squared = padded(n, n, recurrent), padded(n, n, recurrent)
    by_p_keep = 0.0
    before_mean, before_variance = initial_mean[first:last], initial_variance[first:last]
    for i in range(n_steps):
        t = i if reverse else n_steps - 1 - i
        is_real, start = rows(real, t, first, last), i % n_together * size
        end = start + size
        add(rows(cotangents[0], t, first, last), carried_mean, g_mean)
        add(rows(cotangents[1], t, first, last), carried_variance, g_variance)
        a_mean, a_variance = by_mean[start:end], by_variance[start:end]
        transfer_gradient(
            scale,
            rows(b_mean, t, first, last),
            rows(b_variance, t, first, last),
            g_mean,
            g_variance,
            a_mean,
            a_variance,
        )
        copy_real(is_real, a_mean, rows(results[0], t, first, last))
        copy_real(is_real, a_variance, rows(results[1], t, first, last))
        multiply(a_mean, transposed, d_mean)
        multiply(a_variance, squared, d_variance)
        if i < n_steps - 1:
            earlier = t + 1 if reverse else t - 1
            before_mean, before_variance = (
                rows(h_mean, earlier, first, last),
                rows(h_variance, earlier, first, last),
            )
        else:
            before_mean, before_variance = initial_mean[first:last], initial_variance[first:last]
        by_p_keep += back(
            p_keep[0], before_mean, before_variance, d_mean, d_variance, carried_mean, carried_variance
        )
        add_starts(is_real, g_mean, start_mean)
        add_starts(is_real, g_variance, start_variance)
        dropout(before_mean, before_variance, p_keep[0], dropped_mean[start:end], dropped_variance[start:end])
        if end == n_together * size or i == n_steps - 1:
            add_outer(dropped_mean, by_mean, end, by_weights)
            add_outer(dropped_variance, by_variance, end, by_squared)
    add(start_mean, carried_mean, results[3][first:last])
    add(start_variance, carried_variance, results[4][first:last])
    gradient_of_weights(recurrent, by_weights, by_squared, by_recurrent)
    return by_p_keep

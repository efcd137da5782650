"""The arithmetic of the fast-dropout recurrence and of its gradient, for a block of sequences.

Each step consists of a few loops over long rows.
"""

from numba import njit

from breze_like.native.arrays import zeros
from breze_like.native.functions import CALLED, MATH
from breze_like.native.products import ROWS, add_outer, multiply, padded, panels
from breze_like.native.transfers import moments, pull_back

# Of the products that form the gradient of the recurrent weights.
ROWS_TOGETHER = 64


@njit(**MATH, **CALLED)
def dropout(mean, variance, p_keep, kept_mean, kept_variance):
    """Moments after dropout (`moments.dropout`), (n_sequences, n)."""
    q = p_keep * (type(p_keep)(1) - p_keep)
    for n in range(mean.shape[0]):
        for i in range(mean.shape[1]):
            m = mean[n, i]
            kept_mean[n, i] = p_keep * m
            kept_variance[n, i] = q * m * m + p_keep * variance[n, i]


@njit(**MATH, **CALLED)
def advance(transfer, real, a, product, initial, b, h):
    """A step: moments of the preactivations b and of the states h, for each sequence, (n_sequences, n).

    Parameters
    ----------
    transfer : scalar
        See `transfers`.
    real : ndarray of bool, shape (n_sequences,)
        Where a step is not real, the state is the initial one.
    a, product, initial, b, h : pair of ndarray
        Moments. What `product` has is added to those of a.
    """
    (a_mean, a_variance), (product_mean, product_variance), (b_mean, b_variance) = a, product, b
    (h_mean, h_variance), (initial_mean, initial_variance) = h, initial
    for n in range(b_mean.shape[0]):
        for i in range(b_mean.shape[1]):
            b_mean[n, i] = a_mean[n, i] + product_mean[n, i]
            b_variance[n, i] = a_variance[n, i] + product_variance[n, i]
        if real[n]:
            moments(transfer, b_mean[n], b_variance[n], h_mean[n], h_variance[n])
        else:
            for i in range(b_mean.shape[1]):
                h_mean[n, i], h_variance[n, i] = initial_mean[n, i], initial_variance[n, i]


@njit(**MATH, **CALLED)
def retreat(transfer, real, cotangent, carried, b, start, by_b, by_a):
    """A step back: gradients of the moments of the preactivations, from those of the states.

    Parameters
    ----------
    transfer, real
        As for `advance`.
    cotangent, carried : pair of ndarray
        Gradients of the states from outside, and from later steps.
    b : pair of ndarray
        Moments of the preactivations.
    start : pair of ndarray
        Gradients of the initial state; where a step is not real, those of the states are added.
    by_b, by_a : pair of ndarray
        Results, the same twice; 0 where a step is not real.
    """
    (cotangent_mean, cotangent_variance), (carried_mean, carried_variance) = cotangent, carried
    (b_mean, b_variance), (start_mean, start_variance) = b, start
    (by_mean, by_variance), (copy_mean, copy_variance) = by_b, by_a
    zero = type(transfer)(0)
    for n in range(b_mean.shape[0]):
        for i in range(b_mean.shape[1]):
            by_mean[n, i] = cotangent_mean[n, i] + carried_mean[n, i]
            by_variance[n, i] = cotangent_variance[n, i] + carried_variance[n, i]
        if real[n]:
            pull_back(transfer, b_mean[n], b_variance[n], by_mean[n], by_variance[n])
        else:
            for i in range(b_mean.shape[1]):
                start_mean[n, i] += by_mean[n, i]
                start_variance[n, i] += by_variance[n, i]
                by_mean[n, i], by_variance[n, i] = zero, zero
        for i in range(b_mean.shape[1]):
            copy_mean[n, i], copy_variance[n, i] = by_mean[n, i], by_variance[n, i]


@njit(**MATH, **CALLED)
def back(p_keep, h, by_kept, carried, kept):
    """Through the dropout: gradients of the state before from those of its moments behind the dropout.

    Parameters
    ----------
    p_keep : scalar
    h, by_kept : pair of ndarray
        Moments of the state before, and gradients of those behind the dropout.
    carried, kept : pair of ndarray
        Results: gradients of the state, and its moments behind the dropout.

    Returns
    -------
    scalar
        Gradient of the keep probability.
    """
    (h_mean, h_variance), (d_mean, d_variance) = h, by_kept
    (carried_mean, carried_variance), (kept_mean, kept_variance) = carried, kept
    t = type(p_keep)
    q, q_prime, by_p_keep = p_keep * (t(1) - p_keep), t(1) - t(2) * p_keep, t(0)
    for n in range(h_mean.shape[0]):
        for i in range(h_mean.shape[1]):
            m, v, g_mean, g_variance = h_mean[n, i], h_variance[n, i], d_mean[n, i], d_variance[n, i]
            kept_mean[n, i] = p_keep * m
            kept_variance[n, i] = q * m * m + p_keep * v
            carried_mean[n, i] = p_keep * g_mean + t(2) * q * m * g_variance
            carried_variance[n, i] = p_keep * g_variance
            by_p_keep += g_mean * m + g_variance * (q_prime * m * m + v)
    return by_p_keep


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


@njit(**MATH, **CALLED)
def add_start(carried, start):
    """Add what arrives where the chain begins to gradients of the initial state."""
    for n in range(start[0].shape[0]):
        for i in range(start[0].shape[1]):
            start[0][n, i] += carried[0][n, i]
            start[1][n, i] += carried[1][n, i]


@njit(**CALLED)
def step(arrays, t, first, last):
    """Two moments of a block of sequences, at step t."""
    return arrays[0][t, first:last], arrays[1][t, first:last]


@njit(**CALLED)
def forward(block, real, arguments, reverse, transfer, results):
    """Moments of the states and of the preactivations of a block of sequences, written into `results`.

    Parameters
    ----------
    block : pair of int
        The first sequence, and the one behind the last.
    real : ndarray of bool, shape (n_steps, n_sequences)
    arguments : tuple of ndarray
        As `fast_dropout_recurrence` takes them; the keep probability of shape (1,).
    reverse : bool
    transfer : scalar
        See `transfers`.
    results : tuple of 4 ndarray, shape (n_steps, n_sequences, n)
    """
    first, last = block
    _, _, recurrent, initial_mean, initial_variance, p_keep = arguments
    a, h, b = arguments[:2], results[:2], results[2:]
    n_steps, _, n = a[0].shape
    size = last - first
    weights, squared = panels(recurrent, False)
    kept = padded(size, n, recurrent), padded(size, n, recurrent)
    product = padded(size, n, recurrent), padded(size, n, recurrent)
    initial = initial_mean[first:last], initial_variance[first:last]
    before = initial
    for i in range(n_steps):
        t = n_steps - 1 - i if reverse else i
        dropout(before[0], before[1], p_keep[0], kept[0], kept[1])
        multiply(kept[0], weights, product[0])
        multiply(kept[1], squared, product[1])
        now = step(h, t, first, last)
        advance(
            transfer,
            real[t, first:last],
            step(a, t, first, last),
            product,
            initial,
            step(b, t, first, last),
            now,
        )
        before = now


@njit(**CALLED)
def gradient(block, real, arguments, kept, cotangents, reverse, transfer, results, by_recurrent):
    """Gradients of all arguments: that of p_keep is returned, the others are written.

    Parameters
    ----------
    block, real, arguments, reverse, transfer
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
    n_steps, _, n = kept[0].shape
    size = last - first
    transposed, squared = panels(recurrent, True)
    by_kept = padded(size, n, recurrent), padded(size, n, recurrent)
    carried = zeros((size, n), recurrent), zeros((size, n), recurrent)
    start = results[3][first:last], results[4][first:last]
    start[0][:], start[1][:] = 0, 0
    # Of several steps, for one product: what came out of the dropout, and the gradient of what it went into.
    # Those of all steps would not stay in the cache. Tiles that begin in the last rows end behind them.
    n_together = max(1, ROWS_TOGETHER // size)
    n_rows = n_together * size + ROWS
    dropped = padded(n_rows, n, recurrent), padded(n_rows, n, recurrent)
    by_b = padded(n_rows, n, recurrent), padded(n_rows, n, recurrent)
    by_weights, by_squared = padded(n, n, recurrent), padded(n, n, recurrent)
    by_p_keep = 0.0
    for i in range(n_steps):
        t = i if reverse else n_steps - 1 - i
        begin = i % n_together * size
        end = begin + size
        of_step = by_b[0][begin:end], by_b[1][begin:end]
        is_real, incoming = real[t, first:last], step(cotangents, t, first, last)
        of_b, outgoing = step(kept[2:], t, first, last), step(results[:2], t, first, last)
        retreat(transfer, is_real, incoming, carried, of_b, start, of_step, outgoing)
        multiply(of_step[0], transposed, by_kept[0])
        multiply(of_step[1], squared, by_kept[1])
        before = initial_mean[first:last], initial_variance[first:last]
        if i < n_steps - 1:
            before = step(kept[:2], t + 1 if reverse else t - 1, first, last)
        behind = dropped[0][begin:end], dropped[1][begin:end]
        by_p_keep += back(p_keep[0], before, by_kept, carried, behind)
        if end == n_together * size or i == n_steps - 1:
            add_outer(dropped[0], by_b[0], end, by_weights)
            add_outer(dropped[1], by_b[1], end, by_squared)
    add_start(carried, start)
    gradient_of_weights(recurrent, by_weights, by_squared, by_recurrent)
    return by_p_keep

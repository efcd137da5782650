"""The arithmetic of a recurrence of values, h_t = f(a_t + h_{t-1} R), and of its gradient.

A transfer function f is a number: 0 is the rectifier, 1 the sigmoid, 2 tanh.
"""

from numba import njit

from breze_like.native.functions import CALLED, MATH, exp
from breze_like.native.products import ROWS, add_outer, multiply, padded, panels
from breze_like.native.recurrence import ROWS_TOGETHER


@njit(**CALLED)
def forward(block, real, arguments, reverse, transfer, results):
    """States and preactivations of a block of sequences, written into `results`.

    Parameters
    ----------
    block : pair of int
        The first sequence, and the one behind the last.
    real : ndarray of bool, shape (n_steps, n_sequences)
    arguments : tuple of 3 ndarray
        a (n_steps, n_sequences, n), R (n, n) and h_0 (n_sequences, n).
    reverse : bool
    transfer : scalar
    results : tuple of 2 ndarray, shape (n_steps, n_sequences, n)
    """
    first, last = block
    (a, recurrent, initial), (h, b) = arguments, results
    n_steps, _, n = a.shape
    weights, _ = panels(recurrent, False)
    before, product = padded(last - first, n, a), padded(last - first, n, a)
    start = initial[first:last]
    _copy(start, before)
    for i in range(n_steps):
        t = n_steps - 1 - i if reverse else i
        multiply(before, weights, product)
        now = h[t, first:last]
        _advance(transfer, real[t, first:last], a[t, first:last], product, start, b[t, first:last], now)
        _copy(now, before)


@njit(**CALLED)
def gradient(block, real, arguments, h, cotangent, reverse, transfer, results, by_recurrent):
    """Gradients of all arguments.

    Parameters
    ----------
    block, real, arguments, reverse, transfer
        As for `forward`.
    h, cotangent : ndarray, shape (n_steps, n_sequences, n)
        States, and their gradients.
    results : tuple of ndarray
        Like the arguments, for their gradients, without that of the weights, to which all blocks add:
    by_recurrent : ndarray, shape (n, n)
    """
    first, last = block
    (a, recurrent, initial), (by_a, _, by_initial) = arguments, results
    n_steps, _, n = a.shape
    size = last - first
    transposed, _ = panels(recurrent, True)
    carried, start = padded(size, n, a), by_initial[first:last]
    start[:] = 0
    # Of several steps, for one product. Tiles that begin in the last rows end behind them.
    n_together = max(1, ROWS_TOGETHER // size)
    before, by_b = padded(n_together * size + ROWS, n, a), padded(n_together * size + ROWS, n, a)
    by_weights = padded(n, n, a)
    for i in range(n_steps):
        t = i if reverse else n_steps - 1 - i
        begin = i % n_together * size
        end = begin + size
        of_step, incoming = by_b[begin:end], cotangent[t, first:last]
        _retreat(transfer, real[t, first:last], incoming, carried, h[t, first:last], start, of_step)
        _copy(of_step, by_a[t, first:last])
        multiply(of_step, transposed, carried)
        earlier = initial[first:last]
        if i < n_steps - 1:
            earlier = h[t + 1 if reverse else t - 1, first:last]
        _copy(earlier, before[begin:end])
        if end == n_together * size or i == n_steps - 1:
            add_outer(before, by_b, end, by_weights)
    _add(carried, start)
    _copy(by_weights, by_recurrent)


@njit(**MATH, **CALLED)
def add_up(parts, total):
    """The sum of arrays (n, n), of which there are several."""
    for i in range(total.shape[0]):
        for j in range(total.shape[1]):
            total[i, j] = parts[0, i, j]
        for k in range(1, parts.shape[0]):
            for j in range(total.shape[1]):
                total[i, j] += parts[k, i, j]


@njit(**MATH, **CALLED)
def _advance(transfer, real, a, product, initial, b, h):
    """A step, for each sequence, (n_sequences, n): b and h; where it is not real, h is the initial state."""
    t = a.dtype.type
    one, sign = t(1), t(-transfer)
    for n in range(a.shape[0]):
        for i in range(a.shape[1]):
            b[n, i] = a[n, i] + product[n, i]
        if not real[n]:
            for i in range(a.shape[1]):
                h[n, i] = initial[n, i]
        elif transfer == 0:
            for i in range(a.shape[1]):
                h[n, i] = max(b[n, i], t(0))
        else:
            for i in range(a.shape[1]):
                h[n, i] = transfer / (one + exp(sign * b[n, i])) - (transfer - one)


@njit(**MATH, **CALLED)
def _retreat(transfer, real, cotangent, carried, h, start, by_b):
    """A step back: gradients of the preactivations from those of the states; 0 where a step is not real."""
    t = h.dtype.type
    for n in range(h.shape[0]):
        if not real[n]:
            for i in range(h.shape[1]):
                start[n, i] += cotangent[n, i] + carried[n, i]
                by_b[n, i] = t(0)
        elif transfer == 0:
            for i in range(h.shape[1]):
                by_b[n, i] = (cotangent[n, i] + carried[n, i]) * (t(1) if h[n, i] > 0 else t(0))
        else:
            # With y = (h + s - 1) / s, the slope of s f(s x) - (s - 1) is s^2 y (1 - y).
            for i in range(h.shape[1]):
                slope = (h[n, i] + transfer - t(1)) * (t(1) - h[n, i])
                by_b[n, i] = (cotangent[n, i] + carried[n, i]) * slope


@njit(**MATH, **CALLED)
def _copy(source, target):
    """Copy what both have, from their first entries on."""
    for i in range(min(source.shape[0], target.shape[0])):
        for j in range(min(source.shape[1], target.shape[1])):
            target[i, j] = source[i, j]


@njit(**MATH, **CALLED)
def _add(source, target):
    for i in range(target.shape[0]):
        for j in range(target.shape[1]):
            target[i, j] += source[i, j]

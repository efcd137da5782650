"""The arithmetic of NADE's log-probability and of its gradient, for a range of frames.

The hidden units of a frame change only after a key whose value is not 0, and there are few of these. So they
are computed once for each *segment* of keys, which ends with such a key, and for as many segments at a time
as fit into the cache, those of a *block* of frames.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from breze_like.native.arrays import zeros
from breze_like.native.functions import CALLED, MATH, exp, log1p
from breze_like.native.rows import FEW, dots, dots_gradient, first_bit, nonzero, padded_rows, send_back

SEGMENTS = 64  # of a block, unless its last frame has more
FRAME, START, END = range(3)  # columns of places


class Block(NamedTuple):
    """Room for the segments of a block of frames, and behind them for a spare one without keys."""

    weights: np.ndarray  # out of the hidden units: (n_visible, n_hidden), padded
    hidden: np.ndarray  # (n_segments + 1, n_hidden), padded
    places: np.ndarray  # see `rows`, (n_segments + 1, 3)
    pieces: np.ndarray  # the segments that each `FEW` keys belong to, (n_visible / FEW, n_segments + 1)
    n_pieces: np.ndarray  # (n_visible / FEW,)
    values: np.ndarray  # of a frame, (1, n_visible), padded
    logits: np.ndarray  # (n_frames + 1, n_visible), padded


@njit(**CALLED)
def make_block(weights_out):
    """An empty one."""
    weights = padded_copy(weights_out)
    n, n_few = SEGMENTS + len(weights_out), len(weights) // FEW
    hidden = zeros((n + 1, weights.shape[1]), weights)  # what pads it meets weights of 0, and nan would stay
    places = zeros((n + 1, 3), 0)
    places[n, FRAME] = SEGMENTS
    pieces, n_pieces = zeros((n_few, n + 1), np.int32(0)), zeros((n_few,), 0)
    values = zeros((1, len(weights)), weights)
    return Block(
        weights,
        hidden,
        places,
        pieces,
        n_pieces,
        values,
        zeros((SEGMENTS + 1, len(weights)), weights),
    )


@njit(**CALLED)
def padded_copy(weights):
    """The weights, (n_visible, n_hidden), padded."""
    padded = padded_rows(weights.shape[0], weights.shape[1], weights)
    for i in range(len(weights)):
        copy(weights[i], padded[i])
    return padded


@njit(**CALLED)
def copy(x, y):
    """y becomes x, as many numbers as the shorter one has."""
    for i in range(min(len(x), len(y))):
        y[i] = x[i]


@njit(**MATH, **CALLED)
def add_multiple(factor, x, y):
    """y becomes factor x + y, as many numbers as the shorter one has."""
    for i in range(min(len(x), len(y))):
        y[i] += factor * x[i]


@njit(**MATH, **CALLED)
def add(x, y):
    """y becomes x + y, (n,)."""
    for i in range(len(x)):
        y[i] += x[i]


@njit(**MATH, **CALLED)
def advance(before, value, weights, after):
    """Preactivations after a key, from those before it, (n,)."""
    for i in range(len(weights)):
        after[i] = before[i] + value * weights[i]


@njit(**MATH, **CALLED)
def sigmoid(x):
    """x becomes sigmoid(x), (n,)."""
    one = x.dtype.type(1)
    for i in range(len(x)):
        x[i] = one / (one + exp(-x[i]))


@njit(**CALLED)
def fill(block, first, last, weights_in, hidden_bias, values):
    """Segments of the frames from `first` on, as many as there is room for, with their hidden units.

    Returns the frame behind the last one, and the number of segments.
    """
    n_visible, n_few = len(weights_in), len(block.n_pieces)
    block.n_pieces[:] = 0
    f, s = first, 0
    while f < last and s < SEGMENTS:
        copy(values[f], block.values[0])
        copy(hidden_bias[f], block.hidden[s])
        start = 0
        for few in range(n_few):
            _add_piece(block, few, s)
            bits = nonzero(block.values, 0, few * FEW)
            while bits != 0:
                end = few * FEW + first_bit(bits) + 1
                bits &= bits - 1
                if end < n_visible:
                    advance(block.hidden[s], values[f, end - 1], weights_in[end - 1], block.hidden[s + 1])
                    _place(block, s, f - first, start, end)
                    s, start = s + 1, end
                    if end < few * FEW + FEW:
                        _add_piece(block, few, s)
        _place(block, s, f - first, start, n_visible)
        s, f = s + 1, f + 1
    sigmoid(block.hidden[:s].reshape(-1))
    for few in range(n_few):  # for who takes two pieces at a time
        block.pieces[few, block.n_pieces[few]] = len(block.places) - 1
    return f, s


@njit(**CALLED)
def _place(block, s, frame, start, end):
    block.places[s, FRAME], block.places[s, START], block.places[s, END] = frame, start, end


@njit(**CALLED)
def _add_piece(block, few, s):
    block.pieces[few, block.n_pieces[few]] = s
    block.n_pieces[few] += 1


@njit(**CALLED)
def find_logits(block, visible_bias):
    """Logits of the frames of the block, whose visible biases these are, (n_frames, n_visible)."""
    weights, hidden, places, pieces, n_pieces, _, logits = block
    for few in range(len(n_pieces)):
        for e in range(0, n_pieces[few], 2):
            dots(weights, few * FEW, hidden, logits, places, pieces[few, e], pieces[few, e + 1])
    for f in range(len(visible_bias)):
        add(visible_bias[f], logits[f])


@njit(**MATH, **CALLED)
def bernoulli(logits, values):
    """sum_i [x_i l_i - log(1 + exp l_i)], of (n,)."""
    total = zero = logits.dtype.type(0)
    for i in range(len(values)):
        total += values[i] * logits[i] - (max(logits[i], zero) + log1p(exp(-abs(logits[i]))))
    return total


@njit(**CALLED)
def log_prob(first, last, weights_in, weights_out, visible_bias, hidden_bias, values, result):
    """Log-probabilities of a range of frames.

    Parameters
    ----------
    first, last : int
        The first frame, and the one behind the last.
    weights_in, weights_out, visible_bias, hidden_bias, values : ndarray
        As `NADE` has them, frames first.
    result : ndarray, shape (n_frames,)
    """
    block = make_block(weights_out)
    while first < last:
        end, _ = fill(block, first, last, weights_in, hidden_bias, values)
        find_logits(block, visible_bias[first:end])
        for f in range(first, end):
            result[f] = bernoulli(block.logits[f - first], values[f])
        first = end


@njit(**MATH, **CALLED)
def bernoulli_gradient(logits, values, cotangent):
    """The logits become cotangent (x_i - sigmoid(l_i)), (n,)."""
    one = logits.dtype.type(1)
    for i in range(len(values)):
        logits[i] = cotangent * (values[i] - one / (one + exp(-logits[i])))


@njit(**CALLED)
def gradient(
    first,
    last,
    weights_in,
    weights_out,
    visible_bias,
    hidden_bias,
    values,
    cotangent,
    by_in,
    by_out,
    by_visible,
    by_hidden,
):
    """Gradients of log-probabilities times a cotangent, (n_frames,).

    Parameters
    ----------
    first, last, weights_in, weights_out, visible_bias, hidden_bias, values
        As for `log_prob`.
    by_in, by_out : ndarray
        Those of the weights, padded, are added to them.
    by_visible, by_hidden : ndarray
        Those of the biases are written into them.
    """
    block = make_block(weights_out)
    weights, hidden, places, pieces, n_pieces, _, logits = block
    by_units = zeros(hidden.shape, hidden)
    sent, bias = zeros((1, hidden.shape[1]), hidden), zeros((1, hidden.shape[1]), hidden)
    one = weights.dtype.type(1)
    while first < last:
        end, n = fill(block, first, last, weights_in, hidden_bias, values)
        find_logits(block, visible_bias[first:end])
        for f in range(first, end):
            bernoulli_gradient(logits[f - first], values[f], cotangent[f])
            copy(logits[f - first], by_visible[f])
        by_units[:n] = 0
        for few in range(len(n_pieces)):
            for e in range(0, n_pieces[few], 2):
                p, q = pieces[few, e], pieces[few, e + 1]
                dots_gradient(weights, few * FEW, hidden, logits, places, p, q, by_out, by_units)
        s = 0
        for f in range(first, end):
            behind = s + 1
            while places[behind - 1, END] < len(weights_in):
                behind += 1
            sent[:] = 0
            for k in range(behind - 1, s, -1):
                j = places[k, START] - 1
                send_back(hidden, by_units, k, sent, values[f, j], by_in, j)
            bias[:] = 0
            send_back(hidden, by_units, s, sent, one, bias, 0)
            copy(bias[0], by_hidden[f])
            s = behind
        first = end


@njit(**MATH, **CALLED)
def send(within, hidden, sent):
    """What a segment's hidden units get, `within`, is added to what was sent to earlier keys, (n,)."""
    one = hidden.dtype.type(1)
    for i in range(len(within)):
        sent[i] += within[i] * hidden[i] * (one - hidden[i])


@njit(**MATH, **CALLED)
def dot_sent(weights, within, hidden, sent):
    """The same sum times a key's weights, (n,)."""
    one, total = hidden.dtype.type(1), hidden.dtype.type(0)
    for i in range(len(weights)):
        total += weights[i] * (sent[i] + within[i] * hidden[i] * (one - hidden[i]))
    return total


@njit(**CALLED)
def values_gradient(
    first, last, weights_in, weights_out, visible_bias, hidden_bias, values, cotangent, by_values
):
    """As `gradient`, for that of the values. All keys have one, those with a value of 0, too."""
    block = make_block(weights_out)
    _, hidden, places, _, _, _, logits = block
    within, sent = zeros((hidden.shape[1],), hidden), zeros((hidden.shape[1],), hidden)
    while first < last:
        end, n = fill(block, first, last, weights_in, hidden_bias, values)
        find_logits(block, visible_bias[first:end])
        by_values[first:end] = 0
        for s in range(n - 1, -1, -1):
            f, start, behind = places[s, FRAME], places[s, START], places[s, END]
            by_frame = by_values[first + f]
            if behind == len(weights_in):
                add_multiple(cotangent[first + f], logits[f], by_frame)
                bernoulli_gradient(logits[f], values[first + f], cotangent[first + f])
                sent[:] = 0
            within[:] = 0
            for j in range(behind - 1, start - 1, -1):
                by_frame[j] += dot_sent(weights_in[j], within, hidden[s], sent)
                add_multiple(logits[f, j], weights_out[j], within)
            send(within, hidden[s], sent)
        first = end

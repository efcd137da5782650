"""The arithmetic of NADE's draws, modes and means, key by key, for a range of frames."""

from numba import njit

from breze_like.native.arrays import zeros
from breze_like.native.choices import MEAN, SAMPLE
from breze_like.native.functions import CALLED, MATH, exp
from breze_like.native.nade import FRAME, START, add_multiple, copy, padded_copy, sigmoid
from breze_like.native.rows import FEW, dots

FRAMES_AT_ONCE = 16  # for which weights are used when they are read


@njit(**MATH, **CALLED)
def choose(kind, logit, noise):
    """A key's value."""
    zero = logit * 0
    one = zero + 1
    p = one / (one + exp(-logit))
    if kind == MEAN:
        return p
    return one if (noise < p if kind == SAMPLE else logit >= 0) else zero


@njit(**CALLED)
def key_by_key(first, last, weights_in, weights_out, visible_bias, hidden_bias, noise, kind, values):
    """Values of a range of frames, each from the key's distribution given the values before it.

    Parameters
    ----------
    first, last, weights_in, weights_out, visible_bias, hidden_bias
        As for `nade.log_prob`.
    noise : ndarray, shape (n_frames, n_visible)
        What probabilities are compared with, for a `SAMPLE`.
    kind : int
    values : ndarray, shape (n_frames, n_visible)
        The result.
    """
    weights = padded_copy(weights_out)
    n_rows = FRAMES_AT_ONCE + 1  # the last row is a spare one
    preactivations = zeros((n_rows, weights.shape[1]), weights)
    hidden, logits = zeros(preactivations.shape, weights), zeros((n_rows, len(weights)), weights)
    places = zeros((n_rows, 3), 0)
    for f in range(len(places)):
        places[f, FRAME] = f
    for start in range(first, last, FRAMES_AT_ONCE):
        n = min(FRAMES_AT_ONCE, last - start)
        for f in range(n):
            copy(hidden_bias[start + f], preactivations[f])
            copy(preactivations[f], hidden[f])
        sigmoid(hidden[:n].reshape(-1))
        for i in range(0, len(weights), FEW):
            for f in range(0, n, 2):
                dots(weights, i, hidden, logits, places, f, f + 1)
            for f in range(n):
                frame = start + f
                for key in range(i, min(i + FEW, len(weights_in))):
                    logit = logits[f, key] + visible_bias[frame, key]
                    value = choose(kind, logit, noise[frame, key])
                    values[frame, key] = value
                    if value != 0:
                        # What is known of the few keys after this one is known no more.
                        add_multiple(value, weights_in[key], preactivations[f])
                        copy(preactivations[f], hidden[f])
                        sigmoid(hidden[f])
                        places[f, START] = key + 1
                        dots(weights, i, hidden, logits, places, f, FRAMES_AT_ONCE)
                places[f, START] = 0

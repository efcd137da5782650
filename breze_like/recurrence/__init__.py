"""Recurrences over time, with gradients that do each matrix product once.

The gradient of a plain `scan` computes all products again in the backward pass, and adds up the gradient of
the recurrent weights step by step. Here the backward pass reuses what the forward pass computed, takes the
derivatives of the transfer function of all steps at once, and computes the gradient of the weights as one
product over all steps. Users need not know about this: they write `pytensor.gradient.grad`.

Sequences are (n_steps, n_sequences, n); `real`, (n_steps, n_sequences, 1), is True where a step is real;
elsewhere, a state is the initial one, so that real steps which follow form a new sequence. Only
`path_weights` differs: there, what has been summed up so far stays as it was.
"""

from breze_like.recurrence.deterministic import deep_transition_recurrence, recurrence
from breze_like.recurrence.fast_dropout import Direction, fast_dropout_recurrence
from breze_like.recurrence.gated import gated_recurrence
from breze_like.recurrence.hidden_states import forecast_states
from breze_like.recurrence.linear import linear_recurrence
from breze_like.recurrence.loop import Loop, flip
from breze_like.recurrence.paths import path_weights

__all__ = [
    "Direction",
    "Loop",
    "deep_transition_recurrence",
    "fast_dropout_recurrence",
    "flip",
    "forecast_states",
    "gated_recurrence",
    "linear_recurrence",
    "path_weights",
    "recurrence",
]

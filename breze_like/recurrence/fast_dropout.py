"""Recurrences of moments."""

from typing import NamedTuple

import pytensor.tensor as pt

from breze_like.moments import Moments, Rectifier, Tanh, WangManningSigmoid, dropout
from breze_like.native import kernel
from breze_like.recurrence.loop import at_starts, before, chain_states, outer, scan


class Direction(NamedTuple):
    """A chain h_t = f(a_t + (d h_{t-1}) R) with dropout d, on its way forward or backward.

    Attributes
    ----------
    mean, variance : TensorVariable, shape (n_steps, n_sequences, n)
        Of a.
    recurrent : TensorVariable, shape (n, n)
        R.
    initial_mean, initial_variance : TensorVariable, shape (n_sequences, n)
        Of h_0.
    p_keep : TensorVariable, shape ()
    reverse : bool
        Whether to run from the last step to the first.
    """

    mean: pt.TensorVariable
    variance: pt.TensorVariable
    recurrent: pt.TensorVariable
    initial_mean: pt.TensorVariable
    initial_variance: pt.TensorVariable
    p_keep: pt.TensorVariable
    reverse: bool = False


def fast_dropout_recurrence(real, transfer, *directions):
    """Moments of h_t, for each of the chains.

    Where a step is not real, the state is h_0: so what follows is a sequence of its own. Chains that are
    handled together run at the same time, where there are cores for it.

    Parameters
    ----------
    real : TensorVariable, bool, shape (n_steps, n_sequences, 1)
    transfer : object with `moments`
    *directions : Direction

    Returns
    -------
    list of Moments, shape (n_steps, n_sequences, n)

    References
    ----------
    Bayer & Osendorfer (2014), appendix.
    """
    reverses = [d.reverse for d in directions]
    arguments = [real, *(a for d in directions for a in d[:-1])]
    n_states = 2 * len(directions)
    number = _number(transfer)
    known = number is not None
    native = [kernel(f"recurrence{end}", number, *reverses) for end in ("", "_gradient")] if known else []
    settings = {"transfer": transfer, "reverses": reverses}
    moments = chain_states(_forward, _gradient, arguments, n_states, n_states, native, **settings)
    return [Moments(*pair) for pair in zip(moments[::2], moments[1::2], strict=True)]


def _number(transfer):
    """Of a transfer function that the kernel knows, see `native.transfers`; None for others."""
    if type(transfer) is Rectifier:
        return 0
    if type(transfer) is WangManningSigmoid:
        return 1
    return 2 if type(transfer) is Tanh and type(transfer.sigmoid) is WangManningSigmoid else None


def _forward(real, *arguments, transfer, reverses):
    """Moments of the states of all chains, then those of their preactivations."""
    results = [
        _forward_chain(real, *own, transfer=transfer, reverse=reverse)
        for own, reverse in zip(_split(arguments, reverses), reverses, strict=True)
    ]
    return [moment for part in (slice(2), slice(2, 4)) for r in results for moment in r[part]]


def _gradient(inputs, outputs, cotangents, *, transfer, reverses):
    real, *arguments = inputs
    half = len(outputs) // 2
    parts = (_split(x, reverses) for x in (arguments, outputs[:half], outputs[half:], cotangents))
    gradients = [
        _gradient_chain(real, *own, transfer=transfer, reverse=reverse)
        for *own, reverse in zip(*parts, reverses, strict=True)
    ]
    return [g for of_chain in gradients for g in of_chain]


def _split(variables, reverses):
    """The variables of each chain."""
    n = len(variables) // len(reverses)
    return [variables[i : i + n] for i in range(0, len(variables), n)]


def _forward_chain(
    real, mean, variance, recurrent, initial_mean, initial_variance, p_keep, *, transfer, reverse
):
    """Moments of the states, and of their preactivations."""

    def step(real, a_mean, a_variance, h_mean, h_variance, recurrent, squared, p_keep, *start):
        kept_mean, kept_variance = dropout(Moments(h_mean, h_variance), p_keep)
        b_mean = a_mean + kept_mean @ recurrent
        b_variance = a_variance + kept_variance @ squared
        moments = transfer.moments(Moments(b_mean, b_variance))
        h_mean, h_variance = (pt.switch(real, f, h) for f, h in zip(moments, start, strict=True))
        return h_mean, h_variance, b_mean, b_variance

    start = [initial_mean, initial_variance]
    others = [recurrent, recurrent**2, p_keep, *start]
    return scan(step, [real, mean, variance], [*start, None, None], others, reverse)


def _gradient_chain(real, arguments, states, preactivations, cotangents, *, transfer, reverse):
    _, _, recurrent, initial_mean, initial_variance, p_keep = arguments
    h_mean, h_variance = states
    b_mean, b_variance = preactivations
    g_mean, g_variance = cotangents
    before_mean = before(h_mean, initial_mean, reverse)
    before_variance = before(h_variance, initial_variance, reverse)

    # Derivatives of the two moments of f with respect to the two of b, element by element.
    f_mean, f_variance = transfer.moments(Moments(b_mean, b_variance))
    jacobian = [
        *pt.grad(f_mean.sum(), [b_mean, b_variance], disconnected_inputs="ignore"),
        *pt.grad(f_variance.sum(), [b_mean, b_variance], disconnected_inputs="ignore"),
    ]

    def step(real, g_m, g_v, m_m, m_v, v_m, v_v, h_mean, carried_m, carried_v, transposed, squared, p_keep):
        g_m, g_v = g_m + carried_m, g_v + carried_v
        b_m = pt.switch(real, g_m * m_m + g_v * v_m, 0.0)
        b_v = pt.switch(real, g_m * m_v + g_v * v_v, 0.0)
        kept_m, kept_v = b_m @ transposed, b_v @ squared
        back_m = p_keep * kept_m + 2 * p_keep * (1 - p_keep) * h_mean * kept_v
        back_v = p_keep * kept_v
        return back_m, back_v, b_m, b_v, kept_m, kept_v

    zero = pt.zeros_like(initial_mean)
    back_m, back_v, b_m, b_v, kept_m, kept_v = scan(
        step,
        [real, g_mean, g_variance, *jacobian, before_mean],
        [zero, zero, None, None, None, None],
        [recurrent.T, recurrent.T**2, p_keep],
        not reverse,
    )
    starts = (at_starts(real, *g, reverse) for g in ((g_mean, back_m), (g_variance, back_v)))
    kept_mean, kept_variance = dropout(Moments(before_mean, before_variance), p_keep)
    by_recurrent = outer(kept_mean, b_m) + 2 * recurrent * outer(kept_variance, b_v)
    by_p_keep = kept_m * before_mean + kept_v * ((1 - 2 * p_keep) * before_mean**2 + before_variance)
    return [b_m, b_v, by_recurrent, *starts, by_p_keep.sum()]

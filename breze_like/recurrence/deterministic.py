"""Recurrences of states."""

import pytensor.tensor as pt

from breze_like.moments import Rectifier, Sigmoid, Tanh, WangManningSigmoid
from breze_like.native import kernel
from breze_like.recurrence.loop import at_starts, before, chain_states, outer, scan

# Of the transfer functions that the kernel knows, see `native.chain`.
_NUMBERS = {Rectifier: 0, Sigmoid: 1, WangManningSigmoid: 1, Tanh: 2}


def recurrence(preactivation, real, recurrent, initial, transfer, reverse=False):
    """h_t = f(a_t + h_{t-1} R), and h_0 where a step is not real.

    Parameters
    ----------
    preactivation : TensorVariable, shape (n_steps, n_sequences, n)
        a.
    real, recurrent, reverse
        As for `fast_dropout_recurrence`.
    initial : TensorVariable, shape (n_sequences, n)
        h_0.
    transfer : callable
        f.

    Returns
    -------
    TensorVariable, shape (n_steps, n_sequences, n)
    """
    arguments = [real, preactivation, recurrent, initial]
    number = _NUMBERS.get(type(transfer))
    names = () if number is None else ("chain", "chain_gradient")
    native = [kernel(name, number, reverse) for name in names]
    (h,) = chain_states(_forward, _gradient, arguments, 1, 1, native, transfer=transfer, reverse=reverse)
    return h


def _forward(real, preactivation, recurrent, initial, *, transfer, reverse):
    """The states, and their preactivations."""

    def step(real, a, h, recurrent, start):
        b = a + h @ recurrent
        return pt.switch(real, transfer(b), start), b

    return scan(step, [real, preactivation], [initial, None], [recurrent, initial], reverse)


def _gradient(inputs, outputs, cotangents, *, transfer, reverse):
    real, _, recurrent, initial = inputs
    h, b = outputs

    def step(real, g, slope, carried, transposed):
        g = g + carried
        by_b = pt.switch(real, g * slope, 0.0)
        return by_b @ transposed, by_b

    sequences = [real, *cotangents, _slope(transfer, b)]
    back, by_b = scan(step, sequences, [pt.zeros_like(initial), None], [recurrent.T], not reverse)
    start = at_starts(real, *cotangents, back, reverse)
    return [by_b, outer(before(h, initial, reverse), by_b), start]


def deep_transition_recurrence(
    preactivation, real, recurrent, intermediate, shortcut, bias, initial, transfer, reverse=False
):
    """h_t = f(u_t Q + h_{t-1} S + c), with an intermediate layer u_t = f(a_t + h_{t-1} R) as large as h_t.

    Where a step is not real, the state is h_0.

    Parameters
    ----------
    preactivation, real, initial, transfer, reverse
        As for `recurrence`.
    recurrent, intermediate, shortcut : TensorVariable, shape (n, n)
        R, Q and S.
    bias : TensorVariable, shape (n,)
        c.

    Returns
    -------
    TensorVariable, shape (n_steps, n_sequences, n)
    """
    arguments = [real, preactivation, recurrent, intermediate, shortcut, bias, initial]
    (h,) = chain_states(_deep_forward, _deep_gradient, arguments, 1, 2, transfer=transfer, reverse=reverse)
    return h


def _deep_forward(
    real, preactivation, recurrent, intermediate, shortcut, bias, initial, *, transfer, reverse
):
    """The states, and the preactivations of the intermediate layer and of the states."""

    def step(real, a, h, recurrent, intermediate, shortcut, bias, start):
        a = a + h @ recurrent
        b = transfer(a) @ intermediate + h @ shortcut + bias
        return pt.switch(real, transfer(b), start), a, b

    others = [recurrent, intermediate, shortcut, bias, initial]
    return scan(step, [real, preactivation], [initial, None, None], others, reverse)


def _deep_gradient(inputs, outputs, cotangents, *, transfer, reverse):
    real, _, *weights, _, initial = inputs
    h, a, b = outputs

    def step(real, g, slope_a, slope_b, carried, recurrent, intermediate, shortcut):
        g = g + carried
        by_b = pt.switch(real, g * slope_b, 0.0)
        by_a = (by_b @ intermediate) * slope_a
        return by_a @ recurrent + by_b @ shortcut, by_a, by_b

    sequences = [real, *cotangents, _slope(transfer, a), _slope(transfer, b)]
    start, transposed = [pt.zeros_like(initial), None, None], [w.T for w in weights]
    back, by_a, by_b = scan(step, sequences, start, transposed, not reverse)
    old = before(h, initial, reverse)
    by_weights = [outer(old, by_a), outer(transfer(a), by_b), outer(old, by_b)]
    return [by_a, *by_weights, by_b.sum(axis=(0, 1)), at_starts(real, *cotangents, back, reverse)]


def _slope(transfer, x):
    """f'(x), element by element."""
    return pt.grad(transfer(x).sum(), x)

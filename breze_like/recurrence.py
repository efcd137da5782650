"""Recurrences over time, with gradients that do each matrix product once.

The gradient of a plain `scan` multiplies everything out again on its way back, and adds up the gradient of
the recurrent weights step by step. Here the way back keeps what the way forth computed, takes the derivatives
of the transfer function of all steps at once, and forms the gradient of the weights as one product over all
steps. Users see nothing of this: they write `pytensor.gradient.grad`.

Sequences are (n_steps, n_sequences, n); `real`, (n_steps, n_sequences, 1), is True where a step is real, and
where it is not, a state stays as it was.
"""

from functools import cache

import pytensor
import pytensor.tensor as pt
from pytensor.compile.builders import OpFromGraph
from pytensor.gradient import DisconnectedType, disconnected_type

from breze_like.moments import dropout


def recurrence(preactivation, real, recurrent, initial, transfer, reverse=False):
    """h_t = f(a_t + h_{t-1} R).

    Parameters
    ----------
    preactivation : TensorVariable, shape (n_steps, n_sequences, n)
        a.
    real, recurrent, transfer, reverse
        As for `fast_dropout_recurrence`; the transfer is called.
    initial : TensorVariable, shape (n_sequences, n)
        h_0.

    Returns
    -------
    TensorVariable, shape (n_steps, n_sequences, n)
    """

    def step(real, a, h, recurrent):
        b = a + h @ recurrent
        return pt.switch(real, transfer(b), h), b

    arguments = [preactivation, real, recurrent, initial]
    inputs = [a.type() for a in arguments]
    preactivation, real, recurrent, initial = inputs
    outputs = _scan(step, [real, preactivation], [initial, None], [recurrent], reverse)

    @cache
    def backward():
        kept, cotangent = [o.type() for o in outputs], outputs[0].type()
        gradient = _recurrence_gradient(inputs, kept, cotangent, transfer, reverse)
        return _Loop([*inputs, *kept, cotangent], gradient, [0, 2, 3])

    def pullback(inputs, outputs, cotangents):
        by_preactivation, *others = backward()(*inputs, *outputs, cotangents[0])
        return [by_preactivation, disconnected_type(), *others]

    h, _ = _Loop(inputs, outputs, [0, 0], pullback, disconnected=[1])(*arguments)
    return h


def _recurrence_gradient(inputs, outputs, cotangent, transfer, reverse):
    """Gradients with respect to all inputs but `real`, from the results and the gradient of the states."""
    _, real, recurrent, initial = inputs
    h, b = outputs
    (derivative,) = pt.grad(transfer(b).sum(), [b])

    def step(real, g, derivative, carried, transposed):
        g = g + carried
        by_b = pt.switch(real, g * derivative, 0.0)
        return by_b @ transposed + pt.switch(real, 0.0, g), by_b

    sequences = [real, cotangent, derivative]
    back, by_b = _scan(step, sequences, [pt.zeros_like(initial), None], [recurrent.T], not reverse)
    return [by_b, _outer(_before(h, initial, reverse), by_b), back[-1 if reverse else 0]]


def fast_dropout_recurrence(
    mean, variance, real, recurrent, initial_mean, initial_variance, p_keep, transfer, reverse=False
):
    """Moments of h_t = f(a_t + (d h_{t-1}) R) with dropout d, from moments of a.

    Parameters
    ----------
    mean, variance : TensorVariable, shape (n_steps, n_sequences, n)
        Of a.
    real : TensorVariable, bool, shape (n_steps, n_sequences, 1)
    recurrent : TensorVariable, shape (n, n)
        R.
    initial_mean, initial_variance : TensorVariable, shape (n_sequences, n)
        Of h_0.
    p_keep : TensorVariable, shape ()
    transfer : object with `moments`
    reverse : bool
        Whether to run from the last step to the first.

    Returns
    -------
    mean, variance : TensorVariable, shape (n_steps, n_sequences, n)

    References
    ----------
    Bayer & Osendorfer (2014), appendix.
    """

    def step(real, a_mean, a_variance, h_mean, h_variance, recurrent, squared, p_keep):
        kept_mean, kept_variance = dropout(h_mean, h_variance, p_keep)
        b_mean = a_mean + kept_mean @ recurrent
        b_variance = a_variance + kept_variance @ squared
        f_mean, f_variance = transfer.moments(b_mean, b_variance)
        return pt.switch(real, f_mean, h_mean), pt.switch(real, f_variance, h_variance), b_mean, b_variance

    arguments = [mean, variance, real, recurrent, initial_mean, initial_variance, p_keep]
    inputs = [a.type() for a in arguments]
    mean, variance, real, recurrent, initial_mean, initial_variance, p_keep = inputs
    outputs = _scan(
        step,
        [real, mean, variance],
        [initial_mean, initial_variance, None, None],
        [recurrent, recurrent**2, p_keep],
        reverse,
    )

    @cache
    def backward():
        kept, cotangents = [o.type() for o in outputs], [h.type() for h in outputs[:2]]
        gradient = _fast_dropout_gradient(inputs, kept, cotangents, transfer, reverse)
        return _Loop([*inputs, *kept, *cotangents], gradient, [0, 1, 3, 4, 5, 6])

    def pullback(inputs, outputs, cotangents):
        # The preactivations are outputs for the sake of the way back only: no gradient comes in through them.
        known = [*inputs, *outputs, *(_or_zeros(g, outputs[0]) for g in cotangents[:2])]
        by_mean, by_variance, *others = backward()(*known)
        return [by_mean, by_variance, disconnected_type(), *others]

    forward = _Loop(inputs, outputs, [0, 0, 0, 0], pullback, disconnected=[2])
    h_mean, h_variance, _, _ = forward(*arguments)
    return h_mean, h_variance


def _fast_dropout_gradient(inputs, outputs, cotangents, transfer, reverse):
    """Gradients with respect to all inputs but `real`, from the results and the gradients of the states."""
    _, _, real, recurrent, initial_mean, initial_variance, p_keep = inputs
    h_mean, h_variance, b_mean, b_variance = outputs
    g_mean, g_variance = cotangents
    before_mean = _before(h_mean, initial_mean, reverse)
    before_variance = _before(h_variance, initial_variance, reverse)

    # Derivatives of the two moments of f with respect to the two of b, element by element.
    f_mean, f_variance = transfer.moments(b_mean, b_variance)
    jacobian = [
        *pt.grad(f_mean.sum(), [b_mean, b_variance], disconnected_inputs="ignore"),
        *pt.grad(f_variance.sum(), [b_mean, b_variance], disconnected_inputs="ignore"),
    ]

    def step(real, g_m, g_v, m_m, m_v, v_m, v_v, h_mean, carried_m, carried_v, transposed, squared, p_keep):
        g_m, g_v = g_m + carried_m, g_v + carried_v
        b_m = pt.switch(real, g_m * m_m + g_v * v_m, 0.0)
        b_v = pt.switch(real, g_m * m_v + g_v * v_v, 0.0)
        kept_m, kept_v = b_m @ transposed, b_v @ squared
        back_m = p_keep * kept_m + 2 * p_keep * (1 - p_keep) * h_mean * kept_v + pt.switch(real, 0.0, g_m)
        back_v = p_keep * kept_v + pt.switch(real, 0.0, g_v)
        return back_m, back_v, b_m, b_v, kept_m, kept_v

    zero = pt.zeros_like(initial_mean)
    back_m, back_v, b_m, b_v, kept_m, kept_v = _scan(
        step,
        [real, g_mean, g_variance, *jacobian, before_mean],
        [zero, zero, None, None, None, None],
        [recurrent.T, recurrent.T**2, p_keep],
        not reverse,
    )
    first = -1 if reverse else 0
    kept_mean, kept_variance = dropout(before_mean, before_variance, p_keep)
    by_recurrent = _outer(kept_mean, b_m) + 2 * recurrent * _outer(kept_variance, b_v)
    by_p_keep = kept_m * before_mean + kept_v * ((1 - 2 * p_keep) * before_mean**2 + before_variance)
    return [b_m, b_v, by_recurrent, back_m[first], back_v[first], by_p_keep.sum()]


def linear_recurrence(coefficient, u):
    """y_t = coefficient_t y_{t-1} + u_t, element by element, with y_0 = 0.

    Parameters
    ----------
    coefficient, u : TensorVariable
        Of the same number of dimensions, time first; the coefficient may be broadcast.

    Returns
    -------
    TensorVariable, the shape of u
    """
    coefficient = coefficient + pt.zeros_like(u)
    return _linear_loop(coefficient, u, False)


def _linear_loop(coefficient, u, reverse):
    """`linear_recurrence` either way; its gradient is the same the other way."""

    def pullback(inputs, outputs, cotangents):
        (coefficient, _), (y,), (g,) = inputs, outputs, cotangents
        zero = pt.zeros_like(y[0])
        by_u = _linear_loop(_before(coefficient, zero, not reverse), g, not reverse)
        return [by_u * _before(y, zero, reverse), by_u]

    inputs = [coefficient.type(), u.type()]
    output = _scan(lambda a, u, y: a * y + u, inputs, [pt.zeros_like(inputs[1][0])], [], reverse)
    return _Loop(inputs, [output], [1], pullback)(coefficient, u)


class _Loop(OpFromGraph):
    """A graph around a scan, with a gradient that is given, and outputs that have the shapes of inputs.

    PyTensor would find the shapes out by itself, from the graphs inside, but that takes it minutes.

    Parameters
    ----------
    inputs, outputs : list of TensorVariable
    shaped_like : list of int
        For each output, the index of the input that has its shape.
    pullback : callable, optional
    disconnected : list of int
        Indices of the inputs that no gradient goes to.
    """

    def __init__(self, inputs, outputs, shaped_like, pullback=None, disconnected=()):
        pattern = [[i not in disconnected] * len(outputs) for i in range(len(inputs))]
        super().__init__(inputs, outputs, connection_pattern=pattern, on_unused_input="ignore")
        self._shaped_like = shaped_like
        self._given_pullback = pullback

    def infer_shape(self, *arguments):
        shapes = arguments[-1]  # before them comes the node, and in some versions the graph
        return [shapes[i] for i in self._shaped_like]

    def pullback(self, inputs, outputs, cotangents):
        if self._given_pullback is None:
            return super().pullback(inputs, outputs, cotangents)
        return self._given_pullback(inputs, outputs, cotangents)


def _scan(step, sequences, initial, others, reverse):
    """`pytensor.scan` whose sequences and results are both in the order of time, whichever way it runs."""
    results = pytensor.scan(
        step,
        sequences=[_flip(s) if reverse else s for s in sequences],
        outputs_info=initial,
        non_sequences=others,
        n_steps=sequences[0].shape[0],
        strict=True,
        return_updates=False,
    )
    if not reverse:
        return results
    return [_flip(r) for r in results] if isinstance(results, list) else _flip(results)


def _flip(x):
    """x in reverse order of time; by indices, since XLA fails on some programs with x[::-1]."""
    # JAX takes no arange of a varying length. And ones of x.shape would rewrite all of x, just to find
    # constants in its shape: that takes minutes.
    one_each_step = pt.ones_like(x[(slice(None), *[0] * (x.ndim - 1))], dtype="int64")
    counted = pt.cumsum(one_each_step)
    return x[x.shape[0] - counted]


def _before(h, initial, reverse):
    """The states that the steps of a chain start from."""
    first = initial[None]
    return pt.concatenate([h[1:], first] if reverse else [first, h[:-1]])


def _outer(x, y):
    """sum_tn x[t, n, :]' y[t, n, :], as one product."""
    return x.reshape((-1, x.shape[2])).T @ y.reshape((-1, y.shape[2]))


def _or_zeros(cotangent, like):
    return pt.zeros_like(like) if isinstance(cotangent.type, DisconnectedType) else cotangent

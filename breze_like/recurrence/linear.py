"""Linear recurrences, element by element."""

import pytensor.tensor as pt

from breze_like.recurrence.loop import Loop, before, scan


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
        by_u = _linear_loop(before(coefficient, zero, not reverse), g, not reverse)
        return [by_u * before(y, zero, reverse), by_u]

    def build(coefficient, u):
        return [scan(lambda a, u, y: a * y + u, [coefficient, u], [pt.zeros_like(u[0])], [], reverse)]

    return Loop(build, [coefficient, u], [1], pullback)(coefficient, u)

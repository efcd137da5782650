"""Sums and means of numbers that are given by their logarithms."""

import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad


def log_sum_exp(x, axis):
    """log sum exp(x) along an axis, without overflow or underflow.

    PyTensor's own has gradients 0 / 0 where it does not recognise what x is made of.
    """
    largest = disconnected_grad(pt.max(x, axis=axis, keepdims=True))
    return pt.log(pt.exp(x - largest).sum(axis=axis)) + largest.squeeze(axis)


def log_mean_exp(x, axis):
    """log of the mean of exp(x) along an axis, likewise."""
    return log_sum_exp(x, axis) - pt.log(pt.cast(x.shape[axis], x.dtype))

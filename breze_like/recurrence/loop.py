"""Loops over time as single nodes of a graph, with a gradient that is given."""

from functools import cache

import pytensor
import pytensor.tensor as pt
from pytensor.compile.builders import OpFromGraph
from pytensor.gradient import DisconnectedType, disconnected_type

from breze_like import backends


class Loop(OpFromGraph):
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
    native : callable, optional
        Of nothing; makes a function of JAX arrays that computes the same on a CPU, or None if it can't here.
    """

    def __init__(self, inputs, outputs, shaped_like, pullback=None, disconnected=(), native=None):
        pattern = [[i not in disconnected] * len(outputs) for i in range(len(inputs))]
        super().__init__(inputs, outputs, connection_pattern=pattern, on_unused_input="ignore")
        self._shaped_like = shaped_like
        self._given_pullback = pullback
        self.native = native

    def infer_shape(self, *arguments):
        shapes = arguments[-1]  # before them comes the node, and in some versions the graph
        return [shapes[i] for i in self._shaped_like]

    def pullback(self, inputs, outputs, cotangents):
        if self._given_pullback is None:
            return super().pullback(inputs, outputs, cotangents)
        return self._given_pullback(inputs, outputs, cotangents)


@backends.in_jax(Loop)
def _loop_in_jax(op, usual, **others):
    """The native function on a CPU, if there is one; only else is the graph inside rewritten."""
    native = op.native() if op.native and backends.accelerator() is None else None
    return native or usual(op, **others)


def chain(forward, gradient, arguments, n_states, native=None, **settings):
    """The states of a chain along time, from a loop whose gradient is another loop.

    Parameters
    ----------
    forward : callable
        Maps the arguments to a list of sequences: first the states, then whatever else the way back needs.
    gradient : callable
        Maps three lists, the arguments, the sequences and the gradients of the states, to the gradients of
        all arguments but the first.
    arguments : list of TensorVariable
        The first says which steps are real, the second has the shape of the states.
    n_states : int
        How many of the sequences are states.
    native : dict of str to callable, optional
        For ``"forward"`` and ``"gradient"``, what `Loop` takes as `native`.
    **settings
        Passed to both callables.

    Returns
    -------
    list of TensorVariable
    """
    native = native or {}
    inputs = [a.type() for a in arguments]
    outputs = forward(*inputs, **settings)

    @cache
    def backward():
        kept = [o.type() for o in outputs]
        cotangents = [o.type() for o in outputs[:n_states]]
        gradients = gradient(inputs, kept, cotangents, **settings)
        known, shaped_like = [*inputs, *kept, *cotangents], list(range(1, len(inputs)))
        return Loop(known, gradients, shaped_like, native=native.get("gradient"))

    def pullback(inputs, outputs, cotangents):
        # What is no state is an output for the sake of the way back only: no gradient comes in through it.
        known = [*inputs, *outputs, *(_or_zeros(g, outputs[0]) for g in cotangents[:n_states])]
        return [disconnected_type(), *backward()(*known)]

    shaped_like = [1] * len(outputs)
    loop = Loop(inputs, outputs, shaped_like, pullback, disconnected=[0], native=native.get("forward"))
    return loop(*arguments)[:n_states]


def scan(step, sequences, initial, others, reverse):
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


def before(h, initial, reverse):
    """The states that the steps of a chain start from."""
    first = initial[None]
    return pt.concatenate([h[1:], first] if reverse else [first, h[:-1]])


def outer(x, y):
    """sum_tn x[t, n, :]' y[t, n, :], as one product."""
    return x.reshape((-1, x.shape[2])).T @ y.reshape((-1, y.shape[2]))


def _flip(x):
    """x in reverse order of time; by indices, since XLA fails on some programs with x[::-1]."""
    # JAX takes no arange of a varying length. And ones of x.shape would rewrite all of x, just to find
    # constants in its shape: that takes minutes.
    one_each_step = pt.ones_like(x[(slice(None), *[0] * (x.ndim - 1))], dtype="int64")
    counted = pt.cumsum(one_each_step)
    return x[x.shape[0] - counted]


def _or_zeros(cotangent, like):
    return pt.zeros_like(like) if isinstance(cotangent.type, DisconnectedType) else cotangent

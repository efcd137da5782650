"""Loops over time as single nodes of a graph, with a given gradient."""

from functools import cache, cached_property, partial

import pytensor
import pytensor.tensor as pt
from pytensor.compile.builders import OpFromGraph
from pytensor.compile.mode import optdb
from pytensor.gradient import DisconnectedType, disconnected_type
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.graph.rewriting.basic import dfs_rewriter, node_rewriter

from breze_like import backends


class Loop(Op):
    """A graph around a scan, with a gradient that is given, and outputs that are like inputs.

    The graph is built when it is needed for the first time: where JAX has a native function it never is.

    Parameters
    ----------
    build : callable
        Maps the inputs to a list of outputs.
    inputs : list of TensorVariable
        What it will be applied to, or variables of the same types.
    like : list of int or pair of int
        For each output, the index of the input that has its type and its shape; with how many of its axes,
        the first ones, if the output has less.
    pullback : callable, optional
        Maps inputs, outputs and gradients of the outputs to gradients of the inputs; by default, the graph
        is differentiated.
    disconnected : list of int
        Indices of the inputs that no gradient goes to.
    native : callable, optional
        Takes no arguments, and makes a function of JAX arrays that computes the same on a CPU, or None if
        there can be none here.
    """

    def __init__(self, build, inputs, like, pullback=None, disconnected=(), native=None):
        self.types = [i.type for i in inputs]
        self.like = [n if isinstance(n, tuple) else (n, inputs[n].ndim) for n in like]
        self._build = build
        self._given_pullback = pullback
        self._connected = [[i not in disconnected] * len(like) for i in range(len(inputs))]
        self._native = native

    @cached_property
    def graph(self):
        """The same as an op that has the graph inside."""
        inputs = [t() for t in self.types]
        return _Graph(inputs, list(self._build(*inputs)), self.like, self._connected)

    @cached_property
    def native(self):
        """The function of JAX arrays, None if there is none, or if it would not run on a CPU."""
        return self._native() if self._native and backends.accelerator() is None else None

    def make_node(self, *inputs):
        inputs = [t.filter_variable(i) for t, i in zip(self.types, inputs, strict=True)]
        types = [self.types[i] for i, _ in self.like]
        return Apply(
            self,
            inputs,
            [t.clone(shape=t.shape[:n])() for t, (_, n) in zip(types, self.like, strict=True)],
        )

    def perform(self, node, inputs, outputs):
        self.graph.perform(node, inputs, outputs)

    def infer_shape(self, *arguments):
        shapes = arguments[-1]  # before them comes the node, and in some versions the graph
        return [shapes[i][:n] for i, n in self.like]

    def connection_pattern(self, node):
        return self._connected

    def pullback(self, inputs, outputs, cotangents):
        pull = self._given_pullback or self.graph.pullback
        return pull(inputs, outputs, cotangents)


class _Graph(OpFromGraph):
    """PyTensor would find the shapes out by itself, from the graph inside, but that takes it minutes."""

    def __init__(self, inputs, outputs, like, connected):
        super().__init__(inputs, outputs, connection_pattern=connected, on_unused_input="ignore")
        self.like = like

    infer_shape = Loop.infer_shape


@node_rewriter([Loop])
def _open(fgraph, node):
    return node.op.graph(*node.inputs, return_list=True)


@node_rewriter([Loop])
def _open_without_native(fgraph, node):
    return None if node.op.native else node.op.graph(*node.inputs, return_list=True)


# Before all other rewrites: these see graphs, not loops, except for those that JAX has native functions for.
optdb.register("open_loops", dfs_rewriter(_open), "fast_run", "fast_compile", position=0)
optdb.register("open_loops_without_native", dfs_rewriter(_open_without_native), "jax", position=0)


@backends.in_jax(Loop)
def _native_in_jax(op, **_):
    return op.native


def chain_states(forward, gradient, arguments, n_states, n_kept, native=None, **settings):
    """The states of a chain along time, from a loop whose gradient is another loop.

    Parameters
    ----------
    forward : callable
        Maps the arguments to a list of sequences: first the states, then whatever else the way back needs.
    gradient : callable
        Maps three lists, the arguments, the sequences and the gradients of the states, to the gradients of
        all arguments but the first.
    arguments : list of TensorVariable
        The first says which steps are real, the second has the type and the shape of all sequences.
    n_states, n_kept : int
        How many of the sequences are states, and how many the way back needs besides.
    native : pair of callable, optional
        What `Loop` takes as `native`, for the loop and for that of the gradient.
    **settings
        Passed to both callables.

    Returns
    -------
    list of TensorVariable
    """
    native_forward, native_gradient = native or (None, None)
    n_sequences = n_states + n_kept
    sequences = [arguments[1]] * n_sequences

    @cache
    def backward():
        def build(*known):
            inputs, rest = list(known[: len(arguments)]), list(known[len(arguments) :])
            return gradient(inputs, rest[:n_sequences], rest[n_sequences:], **settings)

        known = [*arguments, *sequences, *sequences[:n_states]]
        return Loop(build, known, list(range(1, len(arguments))), native=native_gradient)

    def pullback(inputs, outputs, cotangents):
        # What is no state is an output for the sake of the way back only: no gradient comes in through it.
        known = [*inputs, *outputs, *(_or_zeros(g, outputs[0]) for g in cotangents[:n_states])]
        return [disconnected_type(), *backward()(*known, return_list=True)]

    loop = Loop(partial(forward, **settings), arguments, [1] * n_sequences, pullback, [0], native_forward)
    return loop(*arguments, return_list=True)[:n_states]


def scan(step, sequences, initial, others, reverse):
    """`pytensor.scan` whose sequences and results are both in the order of time, whichever way it runs."""
    results = pytensor.scan(
        step,
        sequences=[flip(s) if reverse else s for s in sequences],
        outputs_info=initial,
        non_sequences=others,
        n_steps=sequences[0].shape[0],
        strict=True,
        return_updates=False,
    )
    if not reverse:
        return results
    return [flip(r) for r in results] if isinstance(results, list) else flip(results)


def before(h, initial, reverse):
    """The states that the steps of a chain start from."""
    first = initial[None]
    return pt.concatenate([h[1:], first] if reverse else [first, h[:-1]])


def at_starts(real, cotangent, back, reverse):
    """Gradient of the state that sequences start from: where the chain begins, and where steps are not real.

    `back` is, at each step, the gradient of the state that it starts from, by way of that step and later
    ones.
    """
    arriving = cotangent + before(back, pt.zeros_like(back[0]), not reverse)
    return back[-1 if reverse else 0] + pt.switch(real, 0.0, arriving).sum(axis=0)


def outer(x, y):
    """sum_tn x[t, n, :]' y[t, n, :], as one product."""
    return x.reshape((-1, x.shape[2])).T @ y.reshape((-1, y.shape[2]))


def count_steps(x, dtype="int64"):
    """1, 2, ..., n_steps, as a sum, since JAX takes no arange of a varying length."""
    # Ones of x.shape would rewrite all of x, just to find constants in its shape: that takes minutes.
    return pt.cumsum(pt.ones_like(x[(slice(None), *[0] * (x.ndim - 1))], dtype=dtype))


def flip(x):
    """x in reverse order of time, by indices.

    ``x[::-1]`` of what a scan goes along or returns ends the process with some versions of XLA.
    """
    return x[x.shape[0] - count_steps(x)]


def _or_zeros(cotangent, like):
    return pt.zeros_like(like) if isinstance(cotangent.type, DisconnectedType) else cotangent

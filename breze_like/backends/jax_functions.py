"""Functions of NumPy arrays from PyTensor's graphs, traced by JAX and compiled by XLA.

PyTensor and JAX are not changed for other code in the process: conversions are those of `conversions`, and
the precision is switched around each call.
"""

import warnings
from functools import cache, partial

import numpy as np
import pytensor
from pytensor.compile.mode import Mode
from pytensor.graph.rewriting.db import RewriteDatabaseQuery

# Kinds of PyTensor's rewrites. Of the first one, versions before 3.3 have none, nor do they need any.
#
# XLA simplifies and fuses by itself; PyTensor would take several times as long, and from one of its updates
# in place, of u + previous(u), XLA computes a running sum on a CPU. What XLA does not do is keep
# log(sigmoid(x)) and the like finite. Of the rewrites for that, these take most of the time: the first finds
# shapes, the second multiplies out, others look for products with matrices that are known to be diagonal and
# the like. And the last makes log(x) - log(4) of log(x / 4), the latter in single precision.
INCLUDED = ("minimum_compile", "stabilize", "jax")
LEFT_OUT = (
    "local_second_to_alloc",
    "local_greedy_distributor",
    "dot_diag_to_elemwise",
    "orthogonal_dot_transpose_to_eye",
    "selection_dot_to_indexing",
    "useless_symmetric_transpose",
    "local_log_div",
)
_MAKERS = {}


def in_jax(op_class):
    """Decorate what makes the JAX function of an op of that class.

    It is called with the op. JAX is loaded when a function is compiled for it, not before.
    """

    def register(make):
        _MAKERS[op_class] = make
        return make

    return register


def traceable(inputs, outputs):
    """The function that JAX compiles of a graph: pure, for `jax.jit`, `jax.vmap` and the like.

    Parameters
    ----------
    inputs, outputs
        As for `compile_function`.

    Returns
    -------
    callable
        Takes and returns JAX arrays: one, or a tuple of them. To be called in the context of `jax_context`,
        with floatX as it is now.
    """
    single = not isinstance(outputs, list | tuple)
    traced = _jax_function(inputs, outputs).vm.jit_fn.__wrapped__
    return (lambda *arrays: traced(*arrays)[0]) if single else traced


def jax_context():
    """A function without arguments that gives a context for calls of JAX, and for waiting for results.

    JAX has the precision there that floatX has now: PyTensor switches JAX once, when it is loaded; switching
    around each call lets both precisions live in one process.
    """
    import jax

    return partial(jax.enable_x64, pytensor.config.floatX == "float64")


def jax_device():
    """What JAX computes on by default."""
    import jax

    (device,) = jax.device_put(np.zeros(())).devices()  # jax.numpy would compile zeros
    return device


class JaxFunction:
    """A function compiled by JAX in the precision that floatX had at that time.

    Parameters
    ----------
    inputs, outputs
        As for `compile_function`.
    """

    def __init__(self, inputs, outputs):
        self._context = jax_context()
        self._single = not isinstance(outputs, list | tuple)
        self._function = _jax_function(inputs, outputs)

    def __call__(self, *arrays):
        with self._context():
            results = self._function(*arrays)
            return np.asarray(results) if self._single else [np.asarray(r) for r in results]


def _jax_function(inputs, outputs):
    """PyTensor's function from JAX arrays to JAX arrays; JAX traces and compiles it when it is called."""
    with jax_context()(), warnings.catch_warnings():
        # PyTensor's checks of broadcasting are left out; JAX has its own.
        warnings.filterwarnings("ignore", "Skipping Assert", UserWarning)
        return pytensor.function(inputs, outputs, mode=_jax_mode(), on_unused_input="ignore")


@cache
def _jax_mode():
    from breze_like.backends.conversions import Linker, convert

    for op_class, make in _MAKERS.items():
        convert.register(op_class)(make)
    query = RewriteDatabaseQuery(include=INCLUDED, exclude=LEFT_OUT)
    return Mode(Linker(), query)

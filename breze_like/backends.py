"""The one place that compiles.

=========  =====================================  =====================================================
backend    needs                                  compiles a recurrent model in
=========  =====================================  =====================================================
``jax``    the extra ``jax``                      seconds; the fastest on a CPU, and runs on a GPU
``cvm``    a C++ compiler, better with a BLAS     a minute; shares no code with JAX, so it is a check
``numba``  nothing                                minutes
``auto``   the first of these that is at hand
=========  =====================================  =====================================================
"""

import ctypes
import importlib.util
import operator
import os
import platform
import warnings
from functools import cache, partial, reduce
from pathlib import Path

import numpy as np
import pytensor
from pytensor.compile.mode import Mode
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from pytensor.scalar import Add, Cast, Mul
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.shape import Shape

BACKENDS = ("jax", "cvm", "numba")


def available():
    """The backends that can be used here, preferred ones first."""
    has = {
        "jax": importlib.util.find_spec("jax") is not None,
        "cvm": bool(pytensor.config.cxx),
        "numba": True,
    }
    return tuple(name for name in BACKENDS if has[name])


def resolve(backend="auto"):
    """Name of the backend that `backend` stands for.

    Raises
    ------
    ValueError
        If it is unknown or not at hand.
    """
    at_hand = available()
    if backend == "auto":
        return at_hand[0]
    if backend not in BACKENDS:
        raise ValueError(f"backend must be 'auto' or one of {BACKENDS}, got {backend!r}")
    if backend not in at_hand:
        raise ValueError(f"backend must be one that is installed here, {at_hand}, got {backend!r}")
    return backend


def compile_function(inputs, outputs, backend="auto"):
    """Compile a graph into a function from NumPy arrays to NumPy arrays.

    Parameters
    ----------
    inputs : list of Variable
        What the function takes, in this order. Variables inside the graph may be named, too: the graph is
        cut there.
    outputs : Variable or list of Variable
        What it returns: one array, or a list of them. They may be read-only.
    backend : str
        See the table above.

    Raises
    ------
    ValueError
        If the backend is unknown or not at hand.
    """
    backend = resolve(backend)
    if backend == "jax":
        return _JaxFunction(inputs, outputs)
    return pytensor.function(inputs, outputs, mode=backend.upper(), on_unused_input="ignore")


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
    """A function of nothing, which gives a context for calls of JAX, and for waiting for their results.

    JAX has the precision there that floatX has now: PyTensor switches JAX once, when it is loaded; switching
    around each call lets both precisions live in one process.
    """
    return partial(_jax().enable_x64, pytensor.config.floatX == "float64")


def accelerator():
    """The GPU, or the like, that JAX computes on by default; None if that is a CPU, or there is no JAX."""
    if "jax" not in available():
        return None
    (device,) = _jax().numpy.zeros(()).devices()
    return None if device.platform == "cpu" else device


@cache
def _jax():
    """JAX, loaded with what must be settled before it starts its threads."""
    _keep_memory()
    import jax

    return jax


def in_jax(op_class):
    """Decorate what makes the JAX function of an op of that class.

    It is called with the op. JAX is loaded when a function is compiled for it, not before.
    """

    def register(make):
        _MAKERS[op_class] = make
        return make

    return register


_MAKERS = {}


class _JaxFunction:
    """A function compiled by JAX in the precision that floatX had at that time."""

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
    _use_compilation_cache(_jax())
    with jax_context()(), warnings.catch_warnings():
        # PyTensor's checks of broadcasting are left out; JAX has its own.
        warnings.filterwarnings("ignore", "Skipping Assert", UserWarning)
        return pytensor.function(inputs, outputs, mode=_jax_mode(), on_unused_input="ignore")


@cache
def _jax_mode():
    _chain_arithmetic()
    _compute_shapes_by_numpy()
    _register_makers()

    from pytensor.link.jax.linker import JAXLinker

    class Linker(JAXLinker):
        """Computes shapes while tracing, so that the number of steps may differ from call to call."""

        def jit_compile(self, fn):
            jax = _jax()

            def traced(*arrays):  # runs once for each combination of shapes
                with jax.ensure_compile_time_eval(), warnings.catch_warnings():
                    # In single precision JAX has no 64-bit shapes and accumulators, and says so for each.
                    warnings.filterwarnings("ignore", "Explicitly requested dtype", UserWarning)
                    return fn(*arrays)

            return super().jit_compile(traced)

    # XLA simplifies and fuses by itself; PyTensor would take several times as long, and from one of its
    # updates in place, of u + previous(u), XLA computes a running sum on a CPU. What XLA does not do is keep
    # log(sigmoid(x)) and the like finite. The rewrites that are left out take most of the time: one finds
    # shapes, one multiplies out, the others look for products with matrices that are known to be diagonal
    # and the like. And of log(x / 4) one makes log(x) - log(4), the latter in single precision.
    left_out = ["local_second_to_alloc", "local_greedy_distributor", "dot_diag_to_elemwise"]
    left_out += [
        "orthogonal_dot_transpose_to_eye",
        "selection_dot_to_indexing",
        "useless_symmetric_transpose",
    ]
    left_out += ["local_log_div"]
    query = RewriteDatabaseQuery(include=["minimum_compile", "stabilize", "jax"], exclude=left_out)
    return Mode(Linker(), query)


def _keep_memory():
    """Have the C library (glibc) keep memory that is freed, as the next call needs as much again.

    It would be given back to the system, which clears it page by page when it is needed again: of a training
    step, that is a third of the time.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    trim_threshold, top_pad, mmap_max, arena_max = -1, -2, -4, -8  # of mallopt(3)
    library = ctypes.CDLL(None)
    for option, size in ((trim_threshold, 2**31 - 1), (top_pad, 2**26), (mmap_max, 0), (arena_max, 1)):
        library.mallopt(option, size)


def _chain_arithmetic():
    """Have a b c computed as (a b) c: PyTensor stacks the three and reduces, which XLA is slow to compile."""
    from pytensor.link.jax.dispatch import jax_funcify

    for scalar_op, function in ((Add, operator.add), (Mul, operator.mul)):

        def chained(op, function=function, **_):
            return lambda *arrays: reduce(function, arrays)

        jax_funcify.register(scalar_op, chained)


def _compute_shapes_by_numpy():
    """Have shapes, and most of what is made of them, as NumPy arrays: JAX would compile each operation."""
    from pytensor.link.jax.dispatch import jax_funcify, jax_typify

    def elementwise(op, node, **others):
        compute = jax_funcify(op.scalar_op, node=node, **others)

        def checked(*arrays):
            shaped = tuple(a if hasattr(a, "shape") else np.asarray(a) for a in arrays)
            Elemwise._check_runtime_broadcast(node, shaped)
            return compute(*arrays)

        return checked

    def cast(op, **_):
        dtype = op.o_type.dtype
        return lambda x: (x if hasattr(x, "astype") else np.asarray(x)).astype(dtype)

    as_array = jax_typify.dispatch(np.ndarray)

    def constant(data, dtype=None, **others):
        is_number = data.ndim > 0 and data.size == 1  # and nearly all of them are
        return np.asarray(data, dtype) if is_number else as_array(data, dtype, **others)

    jax_funcify.register(Shape, lambda op, **_: lambda x: np.array(np.shape(x)))
    jax_funcify.register(Elemwise, elementwise)
    jax_funcify.register(Cast, cast)
    jax_typify.register(np.ndarray, constant)


def _register_makers():
    from pytensor.link.jax.dispatch import jax_funcify

    for op_class, make in _MAKERS.items():
        jax_funcify.register(op_class)(make)


def _use_compilation_cache(jax):
    """Keep compiled programs in the user's cache folder, unless a place for them is configured."""
    if jax.config.jax_compilation_cache_dir is None:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(root / "breze_like" / "jax"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)

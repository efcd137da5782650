"""The kernels as custom calls of XLA's on CPUs, compiled by Numba, so no C compiler is needed."""

import ctypes
import hashlib
import re
from functools import cache
from pathlib import Path

import llvmlite.binding
import numpy as np
from numba import cfunc, types

from breze_like.native import call_frame, kernels, products, tasks
from breze_like.native.kernels import MATH
from breze_like.native.tasks import N_ARGUMENTS, N_KEPT, N_STATES, TASKS


@cache
def supported():
    """Whether the XLA that is installed calls handlers in the way that these know."""
    import jax

    header = Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h"
    version = re.search(r"define XLA_FFI_API_MAJOR (\d+)", header.read_text()) if header.exists() else None
    return version is not None and int(version[1]) == call_frame.MAJOR


@cache
def _sources():
    """What tells versions of all this code apart.

    Numba's cache looks at the file of a function only, not at those of the functions that it calls, but also
    at the variables of its closure: so each function that is kept there has this as one of them.
    """
    modules = (call_frame, kernels, products, tasks)
    return hashlib.sha256(b"".join(Path(m.__file__).read_bytes() for m in modules)).hexdigest()


@cache
def _compile(factory, n_words, *details):
    """The machine code of a function of so many words; from Numba's cache if it was compiled before."""
    signature = types.int64(*[types.int64] * n_words)
    return cfunc(signature, cache=True, **MATH)(factory(_sources(), *details))


@cache
def _register(kind):
    """Make a handler known to XLA; returns its name."""
    import jax

    llvmlite.binding.add_symbol(call_frame.TABLE, TASKS.ctypes.data)
    # Loaded first, it starts the threads; from within a handler it does not.
    tasks.run.compile((types.int64,) * 4)
    handler = _compile(tasks.forward_handler if kind == "forward" else tasks.gradient_handler, 1)
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    name = f"breze_like_{kind}"
    jax.ffi.register_ffi_target(name, capsule(handler.address, None, None), platform="cpu")
    return name


def custom_call(kind, scale, reverses):
    """A function of JAX arrays that calls one of the kernels.

    Parameters
    ----------
    kind : "forward" or "gradient"
    scale : int
        Of the transfer function; see `kernels`.
    reverses : sequence of bool
        Of each chain.
    """
    import jax

    settings = np.array([scale, *reverses], np.int32)  # JAX may have no others
    needed = (tasks.forward_task,) if kind == "forward" else (tasks.gradient_task, tasks.totals_task)

    def call(real, *arrays):
        # A constant may come in another dtype than the graph says, and the kernels just read at an address.
        dtype = jax.numpy.result_type(*arrays)
        real, *arrays = (
            jax.numpy.broadcast_to(jax.numpy.asarray(a, d), shape)
            for a, d, shape in zip(
                (real, *arrays),
                (bool, *[dtype] * len(arrays)),
                _shapes(arrays[0].shape, len(reverses), kind),
                strict=True,
            )
        )
        double = dtype == np.float64
        for i, task in enumerate(needed, start=3 * double + (kind == "gradient")):
            TASKS[i] = _compile(task, 3, np.float64 if double else np.float32).address
        like = arrays[:1] * (N_KEPT * len(reverses))
        if kind == "gradient":
            like = arrays[: N_ARGUMENTS * len(reverses)]
        results = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in like]
        custom = jax.ffi.ffi_call(_register(kind), results, vmap_method="broadcast_all")
        return custom(settings, real, *arrays)

    return call


def _shapes(shape, n_chains, kind):
    """Of all arguments but the first, if sequences have that shape."""
    n_steps, n_sequences, n = shape
    of_chain = [shape, shape, (n, n), (n_sequences, n), (n_sequences, n), ()]
    kept = [shape] * (N_KEPT + N_STATES) if kind == "gradient" else []
    return [(n_steps, n_sequences, 1), *of_chain * n_chains, *kept * n_chains]

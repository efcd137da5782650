"""Kernels as custom calls of XLA's on CPUs."""

import ctypes
import math
import os
import re
from functools import cache
from pathlib import Path

import llvmlite.binding
import numpy as np
import pytensor

from breze_like.native import ahead, call_frame, chain_tasks, dispatch, nade_tasks, recurrence_tasks, threads
from breze_like.native.call_frame import N_STAGES

# By name. That of a kernel's is its place in the table of addresses.
KERNELS = {**recurrence_tasks.KERNELS, **chain_tasks.KERNELS, **nade_tasks.KERNELS}
PRECISIONS = (np.float32, np.float64)
_SHAPE = len(KERNELS), len(PRECISIONS), N_STAGES
_TABLE = np.zeros(threads.N_PLACES + math.prod(_SHAPE), np.int64)
_TASKS = _TABLE[threads.N_PLACES :].reshape(_SHAPE)


@cache
def _interface():
    """The text of XLA's header of the interface; empty if there is none."""
    import jax

    header = Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h"
    return header.read_text() if header.exists() else ""


@cache
def supported():
    """Whether the XLA that is installed calls handlers in the way that these know, and lends them threads."""
    version = re.search(r"define XLA_FFI_API_MAJOR (\d+)", _interface())
    known = version is not None and int(version[1]) == call_frame.MAJOR
    return known and os.name == "posix" and set(threads.OF_XLA.values()) <= set(_functions())


def _functions():
    """Names of the functions of the interface, in its order."""
    return re.findall(r"^  _XLA_FFI_API_STRUCT_FIELD\((\w+)\);", _interface(), re.MULTILINE)


@cache
def _registered():
    """Make the handler known to XLA; its name."""
    import jax

    library, functions = ctypes.CDLL(None), _functions()
    for place, name in threads.OF_C_LIBRARY.items():
        _TABLE[place] = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    for place, name in threads.OF_XLA.items():
        _TABLE[place] = functions.index(name)
    llvmlite.binding.add_symbol(call_frame.TABLE, _TABLE.ctypes.data)
    _TABLE[threads.MESSAGE] = ctypes.cast(threads.ERROR, ctypes.c_void_p).value
    # Threads that come late may look there when Python has already ended.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_TABLE))
    _TABLE[threads.HELPER] = dispatch.compile_helper().address
    handler = dispatch.compile_handler()
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    jax.ffi.register_ffi_target("breze_like", capsule(handler.address, None, None), platform="cpu")
    return "breze_like"


def _first_address(name, dtype):
    """Compile a kernel's tasks in a precision; where the table has their addresses."""
    place = list(KERNELS).index(name), PRECISIONS.index(dtype.type)
    ahead.wait(KERNELS[name].tasks, dtype.type)
    for stage, factory in enumerate(KERNELS[name].tasks):
        _TASKS[*place, stage] = dispatch.compile_task(factory, dtype.type).address
    return threads.N_PLACES + np.ravel_multi_index((*place, 0), _SHAPE)


def _like(array, dtype, shape):
    """An array in a dtype and a shape. What is NumPy's, as constants are, stays so: JAX would compile it."""
    import jax

    xp = np if isinstance(array, np.ndarray | np.generic) else jax.numpy
    return xp.broadcast_to(xp.asarray(array, dtype), shape)


def custom_call(name, settings):
    """A function of JAX arrays that calls a kernel, to its result or a list of them; see `native.kernel`."""
    import jax

    kernel, jnp = KERNELS[name], jax.numpy
    ahead.begin(kernel.tasks, np.dtype(pytensor.config.floatX).type)

    def call(*arrays):
        # A constant may come in another dtype or shape than the graph says, and kernels just read at an
        # address.
        plan = kernel.plan(settings, [jnp.shape(a) for a in arrays])
        dtype = jnp.result_type(*arrays[kernel.n_flags :])
        dtypes = [bool] * kernel.n_flags + [dtype] * (len(arrays) - kernel.n_flags)
        arrays = [_like(a, d, shape) for a, d, shape in zip(arrays, dtypes, plan.arguments, strict=True)]
        n_tasks = [*plan.n_tasks, *[0] * (N_STAGES - len(plan.n_tasks))]
        target = _registered()  # compiled here, while others may compile the tasks
        numbers = [_first_address(name, dtype), plan.scratch, *n_tasks, *settings]
        results = [jax.ShapeDtypeStruct(shape, dtype) for shape in plan.results]
        custom = jax.ffi.ffi_call(target, results, vmap_method="broadcast_all")
        results = custom(np.array(numbers, np.int32), *arrays)  # JAX may have no longer integers
        return results[0] if len(results) == 1 else results

    return call

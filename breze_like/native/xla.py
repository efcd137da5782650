"""Kernels as custom calls of XLA's on CPUs."""

import ctypes
import re
from functools import cache
from pathlib import Path

import llvmlite.binding
import numpy as np
import pytensor

from breze_like.native import ahead, call_frame, dispatch, nade_tasks, recurrence_tasks
from breze_like.native.call_frame import N_STAGES

# By name. That of a kernel's is its place in the table of addresses.
KERNELS = {**recurrence_tasks.KERNELS, **nade_tasks.KERNELS}
PRECISIONS = (np.float32, np.float64)
ADDRESSES = np.zeros((len(KERNELS), len(PRECISIONS), N_STAGES), np.int64)


@cache
def supported():
    """Whether the XLA that is installed calls handlers in the way that these know."""
    import jax

    header = Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h"
    version = re.search(r"define XLA_FFI_API_MAJOR (\d+)", header.read_text()) if header.exists() else None
    return version is not None and int(version[1]) == call_frame.MAJOR


@cache
def _registered():
    """Make the handler known to XLA; its name."""
    import jax

    llvmlite.binding.add_symbol(call_frame.TABLE, ADDRESSES.ctypes.data)
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
        ADDRESSES[*place, stage] = dispatch.compile_task(factory, dtype.type).address
    return np.ravel_multi_index((*place, 0), ADDRESSES.shape)


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

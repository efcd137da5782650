"""The kernels as custom calls of XLA's on CPUs.

XLA calls a *handler* with a call frame, which says where arguments and results lie, and of which shapes they
are. The structs of that interface consist of 64-bit words; they are described in ``xla/ffi/api/c_api.h``, which
comes with JAX. Handlers are compiled by Numba, so no C compiler is needed.
"""

import ctypes
import os
import re
from functools import cache
from pathlib import Path

import numpy as np
from numba import carray, cfunc, njit, prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from breze_like.recurrence.kernels import CALLED, add, copy, forward, gradient

# Version of the interface that the handlers were written for; its later ones have the same layout.
MAJOR, MINOR = 0, 1
METADATA = 1  # the extension by which XLA asks a handler for its version
N_ARGUMENTS, N_KEPT, N_STATES = 6, 4, 2  # of each chain
# Smaller blocks of sequences make matrix products slow.
SMALLEST_BLOCK = 16


@intrinsic
def _pointer(context, address):
    def codegen(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), codegen


@njit(**CALLED)
def _words(address, n):
    """The n words that are there."""
    return carray(_pointer(address), n, np.int64)


@njit(**CALLED)
def _is_query(frame):
    """Whether XLA only asks for the version, which is answered then."""
    extension = _words(frame, 2)[1]
    if extension == 0:
        return False
    words = _words(extension, 4)  # size of struct; kind; next one; metadata
    if words[1] & 0xFFFFFFFF == METADATA:
        version = carray(_pointer(_words(words[3], 4).ctypes.data + 24), 2, np.int32)
        version[0], version[1] = MAJOR, MINOR
    return True


@njit(**CALLED)
def _buffers(frame):
    """Addresses of the structs of arguments and of results."""
    words = _words(frame, 15)
    return _words(words[9], words[7]), _words(words[14], words[12])


@njit(**CALLED)
def _data(buffers, i):
    return _words(buffers[i], 6)[3]


@njit(**CALLED)
def _shape(buffers, i):
    words = _words(buffers[i], 6)
    return _words(words[5], words[4])


@njit(**CALLED)
def _array(buffers, i, member, shape, like):
    n = 1
    for length in shape:
        n *= length
    return carray(_pointer(_data(buffers, i) + member * n * like.itemsize), shape, like.dtype)


@njit(**CALLED)
def _arguments(buffers, chain, member, shape, like):
    """Arguments of a chain: both moments, recurrent weights, initial moments, keep probability."""
    i, n = 2 + N_ARGUMENTS * chain, shape[2]
    return (
        _array(buffers, i, member, shape, like),
        _array(buffers, i + 1, member, shape, like),
        _array(buffers, i + 2, member, (n, n), like),
        _array(buffers, i + 3, member, (shape[1], n), like),
        _array(buffers, i + 4, member, (shape[1], n), like),
        _array(buffers, i + 5, member, (1,), like),
    )


@njit(**CALLED)
def _kept(buffers, first, chain, n_chains, member, shape, like):
    """What `forward` results in for a chain; states of all chains lie before the preactivations."""
    states, preactivations = first + N_STATES * chain, first + N_STATES * (n_chains + chain)
    return (
        _array(buffers, states, member, shape, like),
        _array(buffers, states + 1, member, shape, like),
        _array(buffers, preactivations, member, shape, like),
        _array(buffers, preactivations + 1, member, shape, like),
    )


@njit(**CALLED)
def _sizes(buffers):
    """Number of chains, of members, of blocks of sequences, and the shape of sequences."""
    settings, shape = _words(_data(buffers, 0), 2), _shape(buffers, 2)
    n_chains, n_members = _shape(buffers, 0)[-1] - 2, 1
    for i in range(len(shape) - 3):
        n_members *= shape[i]
    n_blocks = max(1, min(settings[1] // (n_chains * n_members), shape[-2] // SMALLEST_BLOCK))
    return n_chains, n_members, n_blocks, (shape[-3], shape[-2], shape[-1])


@njit(**CALLED)
def _task(buffers, task):
    """Chain and member of a task, its block of sequences, whether its chain is reversed, and the scale."""
    n_chains, n_members, n_blocks, shape = _sizes(buffers)
    rest, i = task // n_blocks, task % n_blocks
    chain, member = rest % n_chains, rest // n_chains
    settings = _words(_data(buffers, 0), 2 + n_chains)
    block = i * shape[1] // n_blocks, (i + 1) * shape[1] // n_blocks
    return chain, member, block, settings[2 + chain] == 1, settings[0]


@njit(**CALLED)
def _forward_task(frame, task, like):
    buffers, results = _buffers(frame)
    n_chains, _, _, shape = _sizes(buffers)
    chain, member, block, reverse, scale = _task(buffers, task)
    forward(
        block,
        _array(buffers, 1, member, shape[:2], np.empty(0, np.bool_)),
        _arguments(buffers, chain, member, shape, like),
        reverse,
        like.dtype.type(scale),
        _kept(results, 0, chain, n_chains, member, shape, like),
    )


@njit(**CALLED)
def _gradient_task(frame, task, like, by_recurrent):
    buffers, results = _buffers(frame)
    n_chains, _, _, shape = _sizes(buffers)
    chain, member, block, reverse, scale = _task(buffers, task)
    kept = 2 + N_ARGUMENTS * n_chains
    cotangents = kept + N_KEPT * n_chains + N_STATES * chain
    place, initial = N_ARGUMENTS * chain, shape[1:]
    return gradient(
        block,
        _array(buffers, 1, member, shape[:2], np.empty(0, np.bool_)),
        _arguments(buffers, chain, member, shape, like),
        _kept(buffers, kept, chain, n_chains, member, shape, like),
        (
            _array(buffers, cotangents, member, shape, like),
            _array(buffers, cotangents + 1, member, shape, like),
        ),
        reverse,
        like.dtype.type(scale),
        (
            _array(results, place, member, shape, like),
            _array(results, place + 1, member, shape, like),
            _array(results, place + 3, member, initial, like),
            _array(results, place + 4, member, initial, like),
        ),
        by_recurrent,
    )


@njit(**CALLED)
def _add_up(frame, like, by_recurrent, by_p_keep):
    """Write the gradients of what all blocks of sequences share."""
    buffers, results = _buffers(frame)
    n_chains, n_members, n_blocks, shape = _sizes(buffers)
    n = shape[2]
    for rest in range(n_chains * n_members):
        member, place = rest // n_chains, N_ARGUMENTS * (rest % n_chains)
        recurrent = _array(results, place + 2, member, (n, n), like)
        p_keep = _array(results, place + 5, member, (1,), like)
        copy(by_recurrent[rest * n_blocks], recurrent)
        p_keep[0] = by_p_keep[rest * n_blocks]
        for task in range(rest * n_blocks + 1, (rest + 1) * n_blocks):
            add(recurrent, by_recurrent[task], recurrent)
            p_keep[0] += by_p_keep[task]


@njit(**CALLED)
def _n_tasks(frame):
    n_chains, n_members, n_blocks, _ = _sizes(_buffers(frame)[0])
    return n_chains * n_members * n_blocks


@njit(**CALLED)
def _per_task(frame, n_tasks, like):
    n = _sizes(_buffers(frame)[0])[3][2]
    return np.empty((n_tasks, n, n), like.dtype), np.empty(n_tasks)


@njit(parallel=True, **CALLED)
def _forward(frame, like):
    for task in prange(_n_tasks(frame)):
        _forward_task(frame, np.int64(task), like)


@njit(parallel=True, **CALLED)
def _gradient(frame, like):
    n_tasks = _n_tasks(frame)
    by_recurrent, by_p_keep = _per_task(frame, n_tasks, like)
    for task in prange(n_tasks):
        by_p_keep[task] = _gradient_task(frame, np.int64(task), like, by_recurrent[task])
    _add_up(frame, like, by_recurrent, by_p_keep)


def _forward_float32(frame):
    if not _is_query(frame):
        _forward(frame, np.empty(0, np.float32))
    return 0


def _forward_float64(frame):
    if not _is_query(frame):
        _forward(frame, np.empty(0, np.float64))
    return 0


def _gradient_float32(frame):
    if not _is_query(frame):
        _gradient(frame, np.empty(0, np.float32))
    return 0


def _gradient_float64(frame):
    if not _is_query(frame):
        _gradient(frame, np.empty(0, np.float64))
    return 0


HANDLERS = {
    f"breze_like{handler.__name__}": handler
    for handler in (_forward_float32, _forward_float64, _gradient_float32, _gradient_float64)
}


@cache
def supported():
    """Whether the XLA that is installed calls handlers in the way that these know."""
    import jax

    header = Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h"
    version = re.search(r"define XLA_FFI_API_MAJOR (\d+)", header.read_text()) if header.exists() else None
    return version is not None and int(version[1]) == MAJOR


@cache
def _register(name):
    """Make a handler known to XLA, compiled; where it was compiled before, it is in Numba's cache."""
    import jax

    for kernel in (
        _forward,
        _gradient,
    ):  # loads from the cache what starts the threads, too; a handler does not
        kernel.compile((types.int64, types.Array(types.float32, 1, "C")))
    compiled = cfunc(types.int64(types.int64), cache=True)(HANDLERS[name])
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    jax.ffi.register_ffi_target(name, capsule(compiled.address, None, None), platform="cpu")
    return compiled  # what is not referred to is freed


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

    settings = np.array([scale, os.cpu_count(), *reverses], np.int64)

    def call(real, *arrays):
        arrays = [jax.numpy.asarray(a) for a in arrays]  # PyTensor's constants are numbers here
        shape = jax.ShapeDtypeStruct(arrays[0].shape, arrays[0].dtype)
        if kind == "forward":
            results = [shape] * (N_KEPT * len(reverses))
        else:
            given = arrays[: N_ARGUMENTS * len(reverses)]
            results = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in given]
        name = f"breze_like_{kind}_{arrays[0].dtype.name}"
        _register(name)
        return jax.ffi.ffi_call(name, results, vmap_method="broadcast_all")(settings, real, *arrays)

    return call

"""The kernels as custom calls of XLA's on CPUs: handlers, compiled by Numba, so no C compiler is needed.

A handler divides its work into tasks, which run on all cores. Handlers and tasks are compiled apart, since
otherwise Numba would optimise all of it anew at each level of calls; they meet in a table of addresses.

The first argument of a call says which transfer function it is, and of each chain whether it is reversed; the
second one is `real`; those of all chains follow.
"""

import ctypes
import hashlib
import re
import sys
from functools import cache
from pathlib import Path

import llvmlite.binding
import numpy as np
from numba import carray, cfunc, njit, prange, types

from breze_like.recurrence import call_frame, kernels, products
from breze_like.recurrence.call_frame import pointer, words
from breze_like.recurrence.kernels import CALLED, MATH, add_totals, forward, gradient

N_ARGUMENTS, N_KEPT, N_STATES = 6, 4, 2  # of each chain
BLOCK = 8  # sequences: with less, matrix products are slow; with more, a step leaves the core's cache
# Addresses of tasks: forward, gradient, totals in single precision, the same in double precision.
TASKS = np.zeros(6, np.int64)


@njit(**CALLED)
def _settings(buffers):
    return carray(pointer(call_frame.address(buffers, 0)), call_frame.shape(buffers, 0)[-1], np.int32)


@njit(**CALLED)
def _sizes(buffers):
    """Numbers of chains, of members and of blocks of sequences, and the shape of sequences.

    Members are what `jax.vmap` adds to all arguments as first axes.
    """
    lengths = call_frame.shape(buffers, 2)
    n_chains, n_members = call_frame.shape(buffers, 0)[-1] - 1, 1
    for i in range(len(lengths) - 3):
        n_members *= lengths[i]
    n_blocks = max(1, lengths[-2] // BLOCK)
    return n_chains, n_members, n_blocks, (lengths[-3], lengths[-2], lengths[-1])


@njit(**CALLED)
def _of_chain(buffers, first, chain, member, shape, like):
    """A chain's moments, recurrent weights, initial moments, keep probability: arguments or gradients."""
    i, (_, n_sequences, n) = first + N_ARGUMENTS * chain, shape
    return (
        _array(buffers, i, member, shape, like),
        _array(buffers, i + 1, member, shape, like),
        _array(buffers, i + 2, member, (n, n), like),
        _array(buffers, i + 3, member, (n_sequences, n), like),
        _array(buffers, i + 4, member, (n_sequences, n), like),
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
def _array(buffers, i, member, shape, like):
    size = like.itemsize
    for length in shape:
        size *= length
    return carray(pointer(call_frame.address(buffers, i) + member * size), shape, like.dtype)


@njit(**CALLED)
def _scratch(address, task, n, like):
    """Room for a task's gradients of the recurrent weights and of the keep probability."""
    size = (n * n + 1) * like.itemsize
    start = address + task * size
    return carray(pointer(start), (n, n), like.dtype), carray(
        pointer(start + size - like.itemsize), 1, like.dtype
    )


@njit(**CALLED)
def _task(buffers, task):
    """Chain and member of a task, its block of sequences, whether its chain is reversed, and the scale."""
    n_chains, _, n_blocks, (_, n_sequences, _) = _sizes(buffers)
    rest, i = task // n_blocks, task % n_blocks
    chain, member = rest % n_chains, rest // n_chains
    settings = _settings(buffers)
    block = i * n_sequences // n_blocks, (i + 1) * n_sequences // n_blocks
    return chain, member, block, settings[1 + chain] == 1, settings[0]


def forward_task(sources, scalar):
    """The task of `forward`, in the precision of a scalar type."""

    def task(frame, number, scratch):
        sources  # noqa: B018
        like = np.empty(0, scalar)
        buffers = call_frame.arguments(frame)
        n_chains, _, _, shape = _sizes(buffers)
        chain, member, block, reverse, scale = _task(buffers, number)
        forward(
            block,
            _array(buffers, 1, member, shape[:2], np.empty(0, np.bool_)),
            _of_chain(buffers, 2, chain, member, shape, like),
            reverse,
            like.dtype.type(scale),
            _kept(call_frame.results(frame), 0, chain, n_chains, member, shape, like),
        )
        return 0

    return task


def gradient_task(sources, scalar):
    """The task of `gradient`, whose totals of a block of sequences stay in scratch."""

    def task(frame, number, scratch):
        sources  # noqa: B018
        like = np.empty(0, scalar)
        buffers = call_frame.arguments(frame)
        n_chains, _, _, shape = _sizes(buffers)
        chain, member, block, reverse, scale = _task(buffers, number)
        kept = 2 + N_ARGUMENTS * n_chains
        cotangents = kept + N_KEPT * n_chains + N_STATES * chain
        by_recurrent, by_p_keep = _scratch(scratch, number, shape[2], like)
        by_p_keep[0] = gradient(
            block,
            _array(buffers, 1, member, shape[:2], np.empty(0, np.bool_)),
            _of_chain(buffers, 2, chain, member, shape, like),
            _kept(buffers, kept, chain, n_chains, member, shape, like),
            (
                _array(buffers, cotangents, member, shape, like),
                _array(buffers, cotangents + 1, member, shape, like),
            ),
            reverse,
            like.dtype.type(scale),
            _of_chain(call_frame.results(frame), 0, chain, member, shape, like),
            by_recurrent,
        )
        return 0

    return task


def totals_task(sources, scalar):
    """The task that adds up what the blocks of sequences of a chain have in scratch."""

    def task(frame, number, scratch):
        sources  # noqa: B018
        like = np.empty(0, scalar)
        n_chains, _, n_blocks, shape = _sizes(call_frame.arguments(frame))
        chain, member = number % n_chains, number // n_chains
        total = _of_chain(call_frame.results(frame), 0, chain, member, shape, like)
        for i in range(n_blocks):
            by_recurrent, by_p_keep = _scratch(scratch, number * n_blocks + i, shape[2], like)
            add_totals(i == 0, by_recurrent, by_p_keep, total[2], total[5])
        return 0

    return task


@njit(parallel=True, cache=True, **CALLED)
def _run(address, frame, n_tasks, scratch):
    """Run the tasks whose code lies at an address."""
    for number in prange(n_tasks):
        call_frame.call(address, frame, np.int64(number), scratch)


@njit(**CALLED)
def _address(buffers, kind):
    """Of the forward (0), gradient (1) or totals (2) task."""
    kind += 0 if call_frame.is_float32(buffers, 2) else 3
    return words(call_frame.table(), 6)[kind]


def forward_handler(sources):
    """The handler that XLA calls for `forward`."""

    def handle(frame):
        sources  # noqa: B018
        if not call_frame.is_query(frame):
            buffers = call_frame.arguments(frame)
            n_chains, n_members, n_blocks, _ = _sizes(buffers)
            _run(_address(buffers, 0), frame, n_chains * n_members * n_blocks, 0)
        return 0

    return handle


def gradient_handler(sources):
    """The handler that XLA calls for `gradient`."""

    def handle(frame):
        sources  # noqa: B018
        if not call_frame.is_query(frame):
            buffers = call_frame.arguments(frame)
            n_chains, n_members, n_blocks, (_, _, n) = _sizes(buffers)
            scratch = np.empty(n_chains * n_members * n_blocks * (n * n + 1), np.float64)
            _run(_address(buffers, 1), frame, n_chains * n_members * n_blocks, scratch.ctypes.data)
            _run(_address(buffers, 2), frame, n_chains * n_members, scratch.ctypes.data)
        return 0

    return handle


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
    modules = (call_frame, kernels, products, sys.modules[__name__])
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
    _run.compile((types.int64,) * 4)  # loaded first, it starts the threads; from within a handler it does not
    handler = _compile(forward_handler if kind == "forward" else gradient_handler, 1)
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
    tasks = (forward_task,) if kind == "forward" else (gradient_task, totals_task)

    def call(real, mean, *others):
        # A constant may come in another dtype than the graph says, and the kernels just read at an address.
        dtype = jax.numpy.result_type(mean, *others)
        shape, (n_steps, n_sequences, n) = mean.shape, mean.shape
        of_chain = [shape, shape, (n, n), (n_sequences, n), (n_sequences, n), ()]
        shapes = of_chain * len(reverses)
        if kind == "gradient":
            shapes += [shape] * ((N_KEPT + N_STATES) * len(reverses))
        real = jax.numpy.broadcast_to(jax.numpy.asarray(real, bool), (n_steps, n_sequences, 1))
        arrays = [
            jax.numpy.broadcast_to(jax.numpy.asarray(a, dtype), s)
            for a, s in zip((mean, *others), shapes, strict=True)
        ]
        double = dtype == np.float64
        for i, task in enumerate(tasks, start=3 * double + (kind == "gradient")):
            TASKS[i] = _compile(task, 3, np.float64 if double else np.float32).address
        like = arrays[:1] * (N_KEPT * len(reverses))
        if kind == "gradient":
            like = arrays[: N_ARGUMENTS * len(reverses)]
        results = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in like]
        return jax.ffi.ffi_call(_register(kind), results, vmap_method="broadcast_all")(
            settings, real, *arrays
        )

    return call

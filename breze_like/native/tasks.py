"""The work of a call of XLA's, which a handler divides into tasks that run on all cores.

Handlers and tasks are compiled apart, since otherwise Numba would optimise all of it anew at each level of
calls; they meet in a table of addresses.

The first argument of a call says which transfer function it is, and of each chain whether it is reversed; the
second one is `real`; those of all chains follow.
"""

import numpy as np
from numba import carray, njit, prange

from breze_like.native import call_frame
from breze_like.native.call_frame import pointer, words
from breze_like.native.kernels import add_totals, forward, gradient
from breze_like.native.products import CALLED

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
def run(address, frame, n_tasks, scratch):
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
            run(_address(buffers, 0), frame, n_chains * n_members * n_blocks, 0)
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
            run(_address(buffers, 1), frame, n_chains * n_members * n_blocks, scratch.ctypes.data)
            run(_address(buffers, 2), frame, n_chains * n_members, scratch.ctypes.data)
        return 0

    return handle

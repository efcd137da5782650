"""The tasks of the fast-dropout recurrence: a chain of a block of sequences, and the totals of a chain.

The settings say which transfer function is used (see `transfers`), and whether each chain is reversed. The
first argument is `real`; those of all chains follow.
"""

from numba import njit

from breze_like.backends.process import n_cores
from breze_like.native import call_frame
from breze_like.native.arrays import part
from breze_like.native.call_frame import array, length, n_settings, setting
from breze_like.native.dispatch import CallPlan, Kernel
from breze_like.native.functions import CALLED, DONE
from breze_like.native.products import ROWS
from breze_like.native.recurrence import add_totals, forward, gradient

N_ARGUMENTS, N_KEPT, N_STATES = 6, 4, 2  # of each chain
BLOCK = 8  # sequences: with less, matrix products are slow; with more, a step leaves the core's cache
N_CORES = n_cores()


def _plan_forward(settings, shapes):
    shape, n_chains = shapes[1], len(settings) - 1
    n_tasks = n_chains * n_blocks_without_sums(shape, n_chains)
    return CallPlan(_arguments(shape, n_chains), [shape] * (N_KEPT * n_chains), (n_tasks,))


def _plan_gradient(settings, shapes):
    shape, n_chains = shapes[1], len(settings) - 1
    arguments, n_tasks = _arguments(shape, n_chains), n_chains * n_blocks(shape)
    known = [shape] * ((N_KEPT + N_STATES) * n_chains)
    scratch = n_tasks * (shape[2] + 1) * shape[2]
    return CallPlan(arguments + known, arguments[1:], (n_tasks, n_chains), scratch)


def _arguments(shape, n_chains):
    """Shapes of the arguments, if sequences have that shape."""
    n_steps, n_sequences, n = shape
    of_chain = [shape, shape, (n, n), (n_sequences, n), (n_sequences, n), ()]
    return [(n_steps, n_sequences, 1), *of_chain * n_chains]


def n_blocks(shape):
    """Into how many blocks sequences (n_steps, n_sequences, n) are divided."""
    return max(1, shape[1] // BLOCK)


def n_blocks_without_sums(shape, n_chains):
    """The same where blocks add nothing up: then the number of cores is in no result, and none is idle."""
    return max(n_blocks(shape), min(-(-N_CORES // n_chains), -(-shape[1] // ROWS)))


@njit(**CALLED)
def block_of(i, n, n_sequences):
    """The first sequence of the i-th of n blocks, and the one behind its last.

    Blocks consist of whole tiles, since a part of one takes as long.
    """
    n_tiles = (n_sequences + ROWS - 1) // ROWS
    return i * n_tiles // n * ROWS, min((i + 1) * n_tiles // n * ROWS, n_sequences)


@njit(**CALLED)
def shape_of(frame):
    """The shape of sequences, without their members'."""
    buffers = call_frame.arguments(frame)
    return length(buffers, 1, -3), length(buffers, 1, -2), length(buffers, 1, -1)


@njit(**CALLED)
def _of_task(frame, number):
    """What `forward` and `gradient` need to know of a task.

    The numbers of its chain, of all chains and of its member, its block of sequences, whether its chain is
    reversed, the transfer function, and the shape of sequences.
    """
    n_tasks, n_chains = call_frame.n_tasks(frame, 0), n_settings(frame) - 1
    n_blocks = n_tasks // n_chains
    member, chain, i = number // n_tasks, number % n_tasks // n_blocks, number % n_blocks
    shape = shape_of(frame)
    block = block_of(i, n_blocks, shape[1])
    return chain, n_chains, member, block, setting(frame, 1 + chain) == 1, setting(frame, 0), shape


@njit(**CALLED)
def _of_chain(buffers, first, chain, member, shape, like):
    """A chain's moments, recurrent weights, initial moments, keep probability: arguments or gradients."""
    i, (_, n_sequences, n) = first + N_ARGUMENTS * chain, shape
    return (
        array(buffers, i, member, shape, like),
        array(buffers, i + 1, member, shape, like),
        array(buffers, i + 2, member, (n, n), like),
        array(buffers, i + 3, member, (n_sequences, n), like),
        array(buffers, i + 4, member, (n_sequences, n), like),
        array(buffers, i + 5, member, (1,), like),
    )


@njit(**CALLED)
def _kept(buffers, first, chain, n_chains, member, shape, like):
    """What `forward` results in for a chain; states of all chains lie before the preactivations."""
    states, preactivations = first + N_STATES * chain, first + N_STATES * (n_chains + chain)
    return (
        array(buffers, states, member, shape, like),
        array(buffers, states + 1, member, shape, like),
        array(buffers, preactivations, member, shape, like),
        array(buffers, preactivations + 1, member, shape, like),
    )


@njit(**CALLED)
def _totals(scratch, number, n, like):
    """A task's gradients of the recurrent weights and of the keep probability, in the scratch."""
    both = part(scratch, number, (n + 1, n), like)
    return both[:n], both[n]


def _forward_task(sources, scalar):
    """The task of `forward`, in the precision of a scalar type."""

    def task(frame, number, scratch):
        sources  # noqa: B018
        like = scalar(0)
        buffers = call_frame.arguments(frame)
        chain, n_chains, member, block, reverse, transfer, shape = _of_task(frame, number)
        forward(
            block,
            array(buffers, 0, member, shape[:2], False),
            _of_chain(buffers, 1, chain, member, shape, like),
            reverse,
            type(like)(transfer),
            _kept(call_frame.results(frame), 0, chain, n_chains, member, shape, like),
        )
        return DONE

    return task


def _gradient_task(sources, scalar):
    """The task of `gradient`, whose totals of a block of sequences stay in the scratch."""

    def task(frame, number, scratch):
        sources  # noqa: B018
        like = scalar(0)
        buffers = call_frame.arguments(frame)
        chain, n_chains, member, block, reverse, transfer, shape = _of_task(frame, number)
        kept = 1 + N_ARGUMENTS * n_chains
        cotangents = kept + N_KEPT * n_chains + N_STATES * chain
        by_recurrent, by_p_keep = _totals(scratch, number, shape[2], like)
        by_p_keep[0] = gradient(
            block,
            array(buffers, 0, member, shape[:2], False),
            _of_chain(buffers, 1, chain, member, shape, like),
            _kept(buffers, kept, chain, n_chains, member, shape, like),
            (
                array(buffers, cotangents, member, shape, like),
                array(buffers, cotangents + 1, member, shape, like),
            ),
            reverse,
            type(like)(transfer),
            _of_chain(call_frame.results(frame), 0, chain, member, shape, like),
            by_recurrent,
        )
        return DONE

    return task


def _totals_task(sources, scalar):
    """The task that adds up what the blocks of sequences of a chain have in the scratch."""

    def task(frame, number, scratch):
        sources  # noqa: B018
        like = scalar(0)
        n_chains = call_frame.n_tasks(frame, 1)
        n_blocks = call_frame.n_tasks(frame, 0) // n_chains
        shape = shape_of(frame)
        total = _of_chain(call_frame.results(frame), 0, number % n_chains, number // n_chains, shape, like)
        for i in range(n_blocks):
            by_recurrent, by_p_keep = _totals(scratch, number * n_blocks + i, shape[2], like)
            add_totals(i == 0, by_recurrent, by_p_keep, total[2], total[5])
        return DONE

    return task


KERNELS = {
    "recurrence": Kernel(_plan_forward, (_forward_task,), n_flags=1),
    "recurrence_gradient": Kernel(_plan_gradient, (_gradient_task, _totals_task), n_flags=1),
}

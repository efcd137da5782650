"""The tasks of the recurrence of values: a block of sequences, and the gradient of the weights of all blocks.

The settings say which transfer function is used (see `chain`), and whether the chain is reversed. The
arguments are `real`, the preactivations, the weights and the initial states.
"""

from numba import njit

from breze_like.native import call_frame
from breze_like.native.arrays import part
from breze_like.native.call_frame import array, setting
from breze_like.native.chain import add_up, forward, gradient
from breze_like.native.dispatch import CallPlan, Kernel
from breze_like.native.functions import CALLED, DONE
from breze_like.native.recurrence_tasks import block_of, n_blocks, n_blocks_without_sums, shape_of

H, COTANGENT = 4, 6  # where states and their gradients are; between them, preactivations


def _plan_forward(settings, shapes):
    arguments = _arguments(shapes[1])
    return CallPlan(arguments, [shapes[1]] * 2, (n_blocks_without_sums(shapes[1], 1),))


def _plan_gradient(settings, shapes):
    arguments, n = _arguments(shapes[1]), n_blocks(shapes[1])
    scratch = n * shapes[1][2] ** 2
    return CallPlan(arguments + [shapes[1]] * 3, arguments[1:], (n, 1), scratch)


def _arguments(shape):
    n_steps, n_sequences, n = shape
    return [(n_steps, n_sequences, 1), shape, (n, n), (n_sequences, n)]


@njit(**CALLED)
def _of_task(frame, number):
    """A task's member and block of sequences, whether it is reversed, and the transfer function."""
    n_tasks = call_frame.n_tasks(frame, 0)
    block = block_of(number % n_tasks, n_tasks, shape_of(frame)[1])
    return number // n_tasks, block, setting(frame, 1) == 1, setting(frame, 0)


@njit(**CALLED)
def _known(frame, member, like):
    """Which steps are real, and the arguments of the chain."""
    buffers, shape = call_frame.arguments(frame), shape_of(frame)
    real = array(buffers, 0, member, shape[:2], False)
    return real, _of_chain(buffers, 1, member, shape, like)


@njit(**CALLED)
def _of_chain(buffers, first, member, shape, like):
    """Preactivations, weights and initial states: arguments, or gradients."""
    _, n_sequences, n = shape
    return (
        array(buffers, first, member, shape, like),
        array(buffers, first + 1, member, (n, n), like),
        array(buffers, first + 2, member, (n_sequences, n), like),
    )


def _forward_task(sources, scalar):
    def task(frame, number, scratch):
        sources  # noqa: B018
        like = scalar(0)
        member, block, reverse, transfer = _of_task(frame, number)
        shape, results = shape_of(frame), call_frame.results(frame)
        both = array(results, 0, member, shape, like), array(results, 1, member, shape, like)
        forward(block, *_known(frame, member, like), reverse, type(like)(transfer), both)
        return DONE

    return task


def _gradient_task(sources, scalar):
    """The gradient of the weights stays in the scratch."""

    def task(frame, number, scratch):
        sources  # noqa: B018
        like = scalar(0)
        member, block, reverse, transfer = _of_task(frame, number)
        shape, buffers = shape_of(frame), call_frame.arguments(frame)
        gradient(
            block,
            *_known(frame, member, like),
            array(buffers, H, member, shape, like),
            array(buffers, COTANGENT, member, shape, like),
            reverse,
            type(like)(transfer),
            _of_chain(call_frame.results(frame), 0, member, shape, like),
            part(scratch, number, (shape[2], shape[2]), like),
        )
        return DONE

    return task


def _sum_task(sources, scalar):
    """The task that adds up the gradients of the weights of a member's blocks."""

    def task(frame, number, scratch):
        sources  # noqa: B018
        like = scalar(0)
        shape, n = shape_of(frame), call_frame.n_tasks(frame, 0)
        parts = part(scratch, number, (n, shape[2], shape[2]), like)
        add_up(parts, _of_chain(call_frame.results(frame), 0, number, shape, like)[1])
        return DONE

    return task


KERNELS = {
    "chain": Kernel(_plan_forward, (_forward_task,), n_flags=1),
    "chain_gradient": Kernel(_plan_gradient, (_gradient_task, _sum_task), n_flags=1),
}

"""The tasks of NADE: each handles a range of frames, or adds up the gradients of a few keys' weights.

The arguments are the weights into and out of the hidden units, the visible and the hidden bias; then the
values and the cotangent of the log-probabilities, or the noise.
"""

from numba import njit

from breze_like.native import call_frame
from breze_like.native.arrays import part
from breze_like.native.call_frame import array, length, setting
from breze_like.native.choices import SAMPLE
from breze_like.native.dispatch import CallPlan, Kernel
from breze_like.native.functions import CALLED, DONE
from breze_like.native.nade import add, copy, gradient, log_prob, values_gradient
from breze_like.native.nade_draws import key_by_key
from breze_like.native.rows import padded_rows

# Of a task; with less, much of its time would go into reading the weights, and adding up their gradients.
FRAMES_OF_TASK = 100
MOST_GRADIENTS = 64  # of the weights, that are added up
KEYS = 16  # of a task that adds up


def _plan_log_prob(settings, shapes):
    arguments = _parameters(shapes)
    n_frames, n_visible = arguments[2]
    return CallPlan([*arguments, (n_frames, n_visible)], [(n_frames,)], (_n_tasks(n_frames),))


def _plan_gradient(settings, shapes):
    arguments = _parameters(shapes)
    n_frames, n_visible = arguments[2]
    n_tasks = min(_n_tasks(n_frames), MOST_GRADIENTS)
    totals, scratch = -(-n_visible // KEYS), n_tasks * 2 * n_visible * arguments[0][1]
    return CallPlan([*arguments, (n_frames, n_visible), (n_frames,)], arguments, (n_tasks, totals), scratch)


def _plan_values_gradient(settings, shapes):
    arguments = _parameters(shapes)
    known = [*arguments, arguments[2], arguments[2][:1]]
    return CallPlan(known, [arguments[2]], (_n_tasks(arguments[2][0]),))


def _plan_key_by_key(settings, shapes):
    arguments = _parameters(shapes)
    noise = [arguments[2]] if settings[0] == SAMPLE else []
    return CallPlan(arguments + noise, [arguments[2]], (_n_tasks(arguments[2][0]),))


def _parameters(shapes):
    """Shapes of weights and biases."""
    (n_visible, n_hidden), n_frames = shapes[0], shapes[2][0]
    return [(n_visible, n_hidden), (n_visible, n_hidden), (n_frames, n_visible), (n_frames, n_hidden)]


def _n_tasks(n_frames):
    return max(1, n_frames // FRAMES_OF_TASK)


@njit(**CALLED)
def _of_task(frame, number):
    """A task's member, its first frame and the one behind its last, and the numbers of a member.

    These are the numbers of frames, of visible and of hidden units.
    """
    n_tasks, buffers = call_frame.n_tasks(frame, 0), call_frame.arguments(frame)
    member, i, n_frames = number // n_tasks, number % n_tasks, length(buffers, 2, -2)
    first, last = i * n_frames // n_tasks, (i + 1) * n_frames // n_tasks
    return member, first, last, (n_frames, length(buffers, 0, -2), length(buffers, 0, -1))


@njit(**CALLED)
def _of_member(buffers, member, sizes, like):
    """Weights and biases, or their gradients."""
    n_frames, n_visible, n_hidden = sizes
    return (
        array(buffers, 0, member, (n_visible, n_hidden), like),
        array(buffers, 1, member, (n_visible, n_hidden), like),
        array(buffers, 2, member, (n_frames, n_visible), like),
        array(buffers, 3, member, (n_frames, n_hidden), like),
    )


def _log_prob_task(sources, scalar):
    def task(frame, number, scratch):
        sources  # noqa: B018
        like = scalar(0)
        member, first, last, sizes = _of_task(frame, number)
        buffers = call_frame.arguments(frame)
        values = array(buffers, 4, member, sizes[:2], like)
        result = array(call_frame.results(frame), 0, member, sizes[:1], like)
        log_prob(first, last, *_of_member(buffers, member, sizes, like), values, result)
        return DONE

    return task


def _gradient_task(sources, scalar):
    """Gradients of the weights stay in the scratch."""

    def task(frame, number, scratch):
        sources  # noqa: B018
        like = scalar(0)
        member, first, last, sizes = _of_task(frame, number)
        _, n_visible, n_hidden = sizes
        buffers = call_frame.arguments(frame)
        values = array(buffers, 4, member, sizes[:2], like)
        cotangent = array(buffers, 5, member, sizes[:1], like)
        results = _of_member(call_frame.results(frame), member, sizes, like)
        by_in, by_out = padded_rows(n_visible, n_hidden, values), padded_rows(n_visible, n_hidden, values)
        parameters = _of_member(buffers, member, sizes, like)
        gradient(first, last, *parameters, values, cotangent, by_in, by_out, results[2], results[3])
        both = part(scratch, number, (2, n_visible, n_hidden), like)
        for j in range(n_visible):
            copy(by_in[j], both[0, j])
            copy(by_out[j], both[1, j])
        return DONE

    return task


def _totals_task(sources, scalar):
    """Of what the ranges of frames have in the scratch."""

    def task(frame, number, scratch):
        sources  # noqa: B018
        like = scalar(0)
        n_gradients, n_tasks = call_frame.n_tasks(frame, 0), call_frame.n_tasks(frame, 1)
        member, first = number // n_tasks, number % n_tasks * KEYS
        _, _, _, sizes = _of_task(frame, 0)
        _, n_visible, n_hidden = sizes
        by_in, by_out, _, _ = _of_member(call_frame.results(frame), member, sizes, like)
        for i in range(n_gradients):
            both = part(scratch, member * n_gradients + i, (2, n_visible, n_hidden), like)
            for j in range(first, min(first + KEYS, n_visible)):
                if i == 0:
                    copy(both[0, j], by_in[j])
                    copy(both[1, j], by_out[j])
                else:
                    add(both[0, j], by_in[j])
                    add(both[1, j], by_out[j])
        return DONE

    return task


def _values_gradient_task(sources, scalar):
    def task(frame, number, scratch):
        sources  # noqa: B018
        like = scalar(0)
        member, first, last, sizes = _of_task(frame, number)
        buffers = call_frame.arguments(frame)
        values = array(buffers, 4, member, sizes[:2], like)
        cotangent = array(buffers, 5, member, sizes[:1], like)
        result = array(call_frame.results(frame), 0, member, sizes[:2], like)
        parameters = _of_member(buffers, member, sizes, like)
        values_gradient(first, last, *parameters, values, cotangent, result)
        return DONE

    return task


def _key_by_key_task(sources, scalar):
    """The setting says what is chosen; without noise, the visible bias is in its place."""

    def task(frame, number, scratch):
        sources  # noqa: B018
        like = scalar(0)
        member, first, last, sizes = _of_task(frame, number)
        buffers, kind = call_frame.arguments(frame), setting(frame, 0)
        noise = array(buffers, 4 if kind == SAMPLE else 2, member, sizes[:2], like)
        result = array(call_frame.results(frame), 0, member, sizes[:2], like)
        key_by_key(first, last, *_of_member(buffers, member, sizes, like), noise, kind, result)
        return DONE

    return task


KERNELS = {
    "nade_log_prob": Kernel(_plan_log_prob, (_log_prob_task,)),
    "nade_gradient": Kernel(_plan_gradient, (_gradient_task, _totals_task)),
    "nade_values_gradient": Kernel(_plan_values_gradient, (_values_gradient_task,)),
    "nade_key_by_key": Kernel(_plan_key_by_key, (_key_by_key_task,)),
}

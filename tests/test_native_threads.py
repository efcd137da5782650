import ctypes
import importlib
import os
import subprocess
import sys
import threading

import numpy as np
import pytensor.tensor as pt
import pytest

from breze_like.backends import compile_function
from breze_like.distributions import NADE

xla = pytest.importorskip("breze_like.native.xla", reason="needs Numba", exc_type=ImportError)
threads = importlib.import_module("breze_like.native.threads")

THREE_AT_ONCE = """
import hashlib
import numpy as np
import pytensor.tensor as pt
from breze_like.backends import compile_function
from breze_like.distributions import NADE
from breze_like.distributions import NADE
from breze_like.moments import TRANSFERS
from breze_like.recurrence import Direction, fast_dropout_recurrence

rng = np.random.default_rng(0)
arrays = [rng.normal(size=(40, 20, 30)), rng.random((40, 20, 30)), 0.2 * rng.normal(size=(30, 30))]
a, v, w = variables = [pt.tensor3(), pt.tensor3(), pt.matrix()]
losses = 0.0
for i in range(3):
    zero, p_keep = pt.zeros_like(a[0]), pt.constant(0.5 + i / 10, dtype=a.dtype)
    real, start = pt.ones_like(a[:, :, :1], dtype=bool), [zero, zero]
    ((mean, variance),) = fast_dropout_recurrence(
        real, TRANSFERS["tanh_wang_manning"], Direction(a, v, w, *start, p_keep)
    )
    bits = pt.gt(a, 0).astype(a.dtype)
    losses += mean.sum() + variance.sum() + NADE(w, w + i, mean, variance).log_prob(bits).sum()
function = compile_function(variables, pt.grad(losses, variables), "jax")
digests = {
    hashlib.sha256(b"".join(g.tobytes() for g in function(*arrays))).hexdigest() for _ in range(30)
}
print(*digests)
"""


class TestThreads:
    """Tasks on threads of XLA's, in whose place these functions are."""

    @pytest.fixture
    def run(self):
        """`threads.run`, as a function of the task, the frame and the number of tasks."""
        from numba import cfunc, types

        xla._registered()
        code = cfunc(types.int64(types.int64, types.int64, types.int64))(
            lambda task, frame, n_tasks: threads.run(task, frame, n_tasks, 9)
        )
        return code.ctypes

    @pytest.fixture
    def table(self, run):
        """The table of addresses, for the time of a test."""
        table = xla._TABLE
        before = table.copy()
        yield table
        table[:] = before

    @pytest.mark.parametrize(
        "way", ["at once", "in threads", "too late", "refused", "no threads", "no memory"]
    )
    def test_each_task_is_done_once_and_nothing_is_left(self, run, table, way):
        word = ctypes.c_int64
        task = ctypes.CFUNCTYPE(word, word, word, word)
        one = ctypes.CFUNCTYPE(word, word)
        help = ctypes.CFUNCTYPE(word, word)(table[threads.HELPER].item())
        done, asked, memory, errors, started = [], [], {}, [], []

        def arguments(address, n):
            return list((word * n).from_address(address))

        def do(frame, number, scratch):
            assert (frame, scratch) == (ctypes.addressof(frame_words), 9)
            done.append(number)
            return int(number not in (7, 30))  # these fail

        def count_threads(address):
            if way == "no threads":
                return 77  # the address of an error
            size, _, context, number = arguments(address, 4)
            assert (size, context) == (32, 5)
            word.from_address(number).value = 4
            return 0

        def schedule(address):
            size, _, context, function, shared = arguments(address, 5)
            assert (size, context, function) == (40, 5, table[threads.HELPER])
            asked.append(shared)
            if way == "refused":
                return 77
            if way == "at once":
                help(shared)
            if way == "in threads":
                started.append(threading.Thread(target=help, args=(shared,)))
                started[-1].start()
            return 0

        def allocate(size):
            if way == "no memory":
                return 0
            room = (ctypes.c_char * size)()
            memory[ctypes.addressof(room)] = room
            return ctypes.addressof(room)

        def destroy_error(address):
            errors.append(arguments(address, 3)[2])
            return 0

        callbacks = {
            threads.ALLOCATE: one(allocate),
            threads.RELEASE: one(lambda address: len(memory.pop(address))),
        }
        for place, callback in callbacks.items():
            table[place] = ctypes.cast(callback, ctypes.c_void_p).value
        api = (word * 40)()
        of_xla = {
            threads.COUNT_THREADS: one(count_threads),
            threads.SCHEDULE: one(schedule),
            threads.DESTROY_ERROR: one(destroy_error),
        }
        for place, callback in of_xla.items():
            api[6 + table[place].item()] = ctypes.cast(callback, ctypes.c_void_p).value
        frame_words = (word * 4)(0, 0, ctypes.addressof(api), 5)
        called = task(do)
        assert run(ctypes.cast(called, ctypes.c_void_p).value, ctypes.addressof(frame_words), 50) == 2

        assert sorted(done) == list(range(50))
        if way == "too late":
            assert len(memory) == 1
            for shared in asked:
                help(shared)
        for thread in started:
            thread.join()
        assert not memory
        assert len(asked) == (0 if way in ("no threads", "no memory") else 3)
        assert errors == {"refused": [77] * 3, "no threads": [77]}.get(way, [])
        assert sorted(done) == list(range(50))

    def test_a_task_that_fails_is_an_error(self, table):
        """Numba prints exceptions in tasks, such as that there is no memory, and goes on."""
        x, nade = pt.matrix(), [pt.matrix() for _ in range(4)]
        function = compile_function([x, *nade], NADE(*nade).log_prob(x), "jax")
        arguments = np.ones((5, 3)), np.ones((3, 2)), np.ones((3, 2)), np.ones((5, 3)), np.ones((5, 2))
        before = function(*arguments)
        failing = ctypes.CFUNCTYPE(*[ctypes.c_int64] * 4)(lambda *_: 0)
        rest = table[threads.N_PLACES :]
        whole = rest.copy()
        rest[rest != 0] = ctypes.cast(failing, ctypes.c_void_p).value
        with pytest.raises(Exception, match="machine code failed, probably for lack of memory"):
            function(*arguments)
        rest[:] = whole
        np.testing.assert_array_equal(function(*arguments), before)

    def test_a_call_without_memory_is_an_error(self, table):
        x, nade = pt.matrix(), [pt.matrix() for _ in range(4)]
        function = compile_function([x, *nade], NADE(*nade).log_prob(x), "jax")
        arguments = np.ones((5, 3)), np.ones((3, 2)), np.ones((3, 2)), np.ones((5, 3)), np.ones((5, 2))
        function(*arguments)
        nothing = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(lambda size: 0)
        table[threads.ALLOCATE] = ctypes.cast(nothing, ctypes.c_void_p).value
        with pytest.raises(Exception, match="machine code failed, probably for lack of memory"):
            function(*arguments)

    @pytest.mark.parametrize(("kind", "is_query"), [(1, True), (2, False)])
    def test_only_a_question_for_the_version_is_one(self, kind, is_query):
        """Of the extensions that a call may have; it is answered."""
        from numba import cfunc, types

        call_frame = importlib.import_module("breze_like.native.call_frame")
        ask = cfunc(types.int64(types.int64))(lambda frame: types.int64(call_frame.is_query(frame))).ctypes
        metadata, extension, frame = ((ctypes.c_int64 * n)() for n in (8, 4, 2))
        extension[:] = 32, kind, 0, ctypes.addressof(metadata)
        frame[:] = 16, ctypes.addressof(extension)
        assert bool(ask(ctypes.addressof(frame))) == is_query
        assert list(np.frombuffer(metadata, np.int32)[6:8]) == ([0, 1] if is_query else [0, 0])

    @pytest.mark.slow
    def test_results_do_not_depend_on_the_number_of_threads(self):
        """Nor on whether calls run at the same time, or XLA has no threads at all."""
        settings = [{}, {"NPROC": "1"}, {"NPROC": "5"}, {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}]
        digests = [
            subprocess.run(
                [sys.executable, "-c", THREE_AT_ONCE], env=os.environ | s, check=True, capture_output=True
            ).stdout
            for s in settings
        ]
        assert len(digests[0]) > 64 and digests == digests[:1] * 4

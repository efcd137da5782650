import errno
import importlib
import os
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
from scipy.special import expit

from breze_like import native

pytest.importorskip("breze_like.native.xla", reason="needs Numba", exc_type=ImportError)
vectors = sys.modules["breze_like.native.vectors"]

CPUS = {"this": None, "avx2": {"avx2": True, "fma": True}, "least": {}}
if vectors.BYTES == 32:
    del CPUS["avx2"]  # it is this one


# Recurrences and NADEs of models are tested in double precision anyway.
DTYPES = [np.float32, pytest.param(np.float64, marks=pytest.mark.slow)]
OTHERS = [name for name in CPUS if name != "this"]


@pytest.fixture(
    scope="module", params=["this", *(pytest.param(cpu, marks=pytest.mark.slow) for cpu in OTHERS)]
)
def load(request):
    """Load a module of machine code anew, with all that it imports of it, for the vectors of a CPU."""
    import llvmlite.binding

    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in sys.modules if name.startswith("breze_like.native.")]:
            patch.delattr(native, name.split(".")[-1])  # both come back
            patch.delitem(sys.modules, name)
        if CPUS[request.param] is not None:
            patch.setattr(llvmlite.binding, "get_host_cpu_features", lambda: CPUS[request.param])
        yield lambda name: importlib.import_module(f"breze_like.native.{name}")


@pytest.fixture(scope="module")
def compiled(load):
    """Functions that Python can call."""
    from numba import njit

    module = load("products")
    padded, panels, multiply, add_outer = (
        module.padded,
        module.panels,
        module.multiply,
        module.add_outer,
    )

    @njit
    def product(x, weights, transposed, squared):
        both = panels(weights, transposed)
        factor, result = padded(len(x), len(weights), x), padded(len(x), len(weights), x)
        factor[: x.shape[0], : x.shape[1]] = x
        result[:] = np.nan  # what was there before does not matter
        multiply(factor, both[1] if squared else both[0], result)
        return result[: x.shape[0], : x.shape[1]]

    @njit
    def outer(x, y, n_rows):
        left, right = padded(len(x), x.shape[1], x), padded(len(y), y.shape[1], y)
        left[: x.shape[0], : x.shape[1]] = x
        right[: y.shape[0], : y.shape[1]] = y
        result = padded(x.shape[1], y.shape[1], x)
        result[:] = 1
        add_outer(left, right, n_rows, result)
        return result[: x.shape[1], : y.shape[1]]

    return product, outer


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_are_those_of_numpy(compiled, dtype, rng):
    product, outer = compiled
    tolerance = {"rtol": 0, "atol": 2e-5 if dtype == np.float32 else 1e-12}
    for n_rows, n in ((1, 1), (3, 5), (8, 48), (17, 50), (16, 97)):
        x, y = (rng.standard_normal((n_rows, n)).astype(dtype) for _ in range(2))
        weights = rng.standard_normal((n, n)).astype(dtype)
        np.testing.assert_allclose(product(x, weights, False, False), x @ weights, **tolerance)
        np.testing.assert_allclose(product(x, weights, True, True), x @ weights.T**2, **tolerance)
        np.testing.assert_allclose(outer(x, y, n_rows), 1 + x.T @ y, **tolerance)
        np.testing.assert_allclose(outer(x, y, n_rows - 1), 1 + x[:-1].T @ y[:-1], **tolerance)


GRADIENT = """
import hashlib
import numpy as np
from breze_like import VRAE

rng = np.random.default_rng(0)
model = VRAE(3, 2, (40,))
model.initialize(rng)
arrays = [rng.random((30, 16, 3)) < 0.5, np.ones((30, 16)), model.draw_noise(rng, 30, 16), np.ones(())]
gradient = model.function(list(model.training_inputs), "gradient")(*(np.float32(a) for a in arrays))
print(hashlib.sha256(gradient.tobytes()).hexdigest())
"""


class TestCodeCache:
    """Files of compiled code that were damaged since."""

    @pytest.fixture
    def compiled(self, monkeypatch, tmp_path):
        """A function's code, compiled or from a folder of its own, and whether it is from there."""
        from numba import config, types

        from breze_like.native.code_cache import is_kept, make_cfunc

        monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))

        def compile_it():
            code = make_cfunc(types.int64(types.int64), add_three, {})
            kept = is_kept(code)
            code.compile()
            assert code.ctypes(4) == 7
            assert kept == (code._cache_hits == 1)
            return kept

        return compile_it

    def test_it_is_read_once_it_is_there(self, compiled):
        assert [compiled() for _ in range(3)] == [False, True, True]

    @pytest.mark.parametrize("damage", ["cut", "empty", "bit", "text", "gone"])
    @pytest.mark.parametrize("kind", ["nbi", "nbc"])
    def test_what_is_damaged_is_compiled_anew(self, compiled, tmp_path, damage, kind):
        compiled()
        (path,) = tmp_path.rglob(f"*.{kind}")
        whole = path.read_bytes()
        bit = bytearray(whole)
        bit[len(whole) // 2] ^= 4
        damaged = {"cut": whole[:-40], "empty": b"", "bit": bytes(bit), "text": b"text"}
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(damaged[damage])
        assert [compiled(), compiled()] == [False, True]

    def test_where_no_file_can_be_written_the_code_is_there_all_the_same(self, compiled, monkeypatch):
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "replace", full)
        assert [compiled(), compiled()] == [False, False]


def add_three(x):
    return x + 3


@pytest.mark.slow
def test_numba_has_the_names_that_code_is_generated_with():
    """It does not document those of its contexts and arrays."""
    from llvmlite import ir
    from numba import njit, types
    from numba.extending import intrinsic

    missing = []

    def look_at(owner, names):
        missing.extend(name for name in names if not hasattr(owner, name))

    @intrinsic
    def look(typing_context, x):
        def generate(context, builder, signature, arguments):
            look_at(context, ("make_array", "get_value_type", "get_dummy_value", "cast"))
            if "make_array" not in missing:
                array = context.make_array(signature.args[0])(context, builder, arguments[0])
                look_at(array, ("data", "shape", "strides"))
            return ir.IntType(64)(0)

        return types.int64(x), generate

    njit(lambda x: look(x))(np.ones((2, 2)))
    assert not missing, (
        f"Numba {version('numba')} has no {missing}: native/vectors.py needs what took their place"
    )


def test_numba_has_the_names_of_its_compiler_and_of_its_cache():
    """It does not document these either."""
    from numba import types
    from numba.core.caching import FunctionCache
    from numba.core.ccallback import CFunc
    from numba.core.codegen import JITCodeLibrary
    from numba.core.runtime import rtsys

    names = {
        type(rtsys): "initialize",
        JITCodeLibrary: "_optimize_final_module _finalize_final_module _finalize_dynamic_globals finalize "
        "_ensure_finalized enable_object_caching codegen",
        FunctionCache: "load_overload _load_overload _index_key _guard_against_spurious_io_errors",
    }
    missing = [name for owner, of in names.items() for name in of.split() if not hasattr(owner, name)]
    code = CFunc(add_three, ((types.int64,), types.int64), locals={}, options={})
    missing += [name for name in ("_cache", "_sig", "_targetdescr") if not hasattr(code, name)]
    assert not missing, f"Numba {version('numba')} has no {missing}: see native/parts.py and code_cache.py"


class TestThreads:
    """Tasks on threads of XLA's, in whose place these functions are."""

    @pytest.fixture
    def run(self):
        """`threads.run`, as a function of the task, the frame and the number of tasks."""
        from numba import cfunc, types

        threads = importlib.import_module("breze_like.native.threads")
        importlib.import_module("breze_like.native.xla")._registered()
        code = cfunc(types.void(types.int64, types.int64, types.int64))(
            lambda task, frame, n_tasks: threads.run(task, frame, n_tasks, 9)
        )
        return code.ctypes

    @pytest.fixture
    def table(self, run):
        """The table of addresses, for the time of a test."""
        table = importlib.import_module("breze_like.native.xla")._TABLE
        before = table.copy()
        yield table
        table[:] = before

    @pytest.mark.parametrize("way", ["at once", "in threads", "too late", "refused", "no threads"])
    def test_each_task_is_done_once_and_nothing_is_left(self, run, table, way):
        import ctypes
        import threading

        threads = importlib.import_module("breze_like.native.threads")
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
            return 0

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
        run(ctypes.cast(called, ctypes.c_void_p).value, ctypes.addressof(frame_words), 50)

        assert sorted(done) == list(range(50))
        if way == "too late":
            assert len(memory) == 1
            for shared in asked:
                help(shared)
        for thread in started:
            thread.join()
        assert not memory
        assert len(asked) == (0 if way == "no threads" else 3)
        assert errors == {"refused": [77] * 3, "no threads": [77]}.get(way, [])
        assert sorted(done) == list(range(50))

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


THREE_AT_ONCE = """
import hashlib
import numpy as np
import pytensor.tensor as pt
from breze_like.backends import compile_function
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

# In place of processes of their own, the one that needs kernels compiles them.
WITHOUT_OTHERS = """
from breze_like.native import ahead
ahead.n_cores = lambda: 1
"""


@pytest.mark.slow
def test_whoever_compiles_and_who_reads_the_cache_compute_the_same_bits(tmp_path):
    def digest(code, folder):
        environment = {"NUMBA_CACHE_DIR": str(tmp_path / folder), "PYTENSOR_FLAGS": "floatX=float32"}
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=os.environ | environment, check=True, capture_output=True).stdout

    digests = [digest(GRADIENT, "a"), digest(GRADIENT, "a"), digest(WITHOUT_OTHERS + GRADIENT, "b")]
    assert len(digests[0]) > 64 and digests == digests[:1] * 3


class TestAhead:
    """Kernels that processes of their own compile."""

    @pytest.fixture
    def ahead(self, monkeypatch, tmp_path):
        """The module, with a cache that is empty, on a machine of two cores."""
        from numba import config

        ahead = importlib.import_module("breze_like.native.ahead")
        monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
        monkeypatch.setattr(ahead, "n_cores", lambda: 2)
        monkeypatch.setattr(ahead, "_begun", ahead._begun.__wrapped__)
        return ahead

    @pytest.mark.slow
    def test_they_are_in_the_cache_then(self, ahead):
        from breze_like.native.dispatch import is_kept
        from breze_like.native.nade_tasks import KERNELS

        tasks = KERNELS["nade_log_prob"].tasks
        assert not is_kept(*tasks, np.float32)
        ahead.wait(tasks, np.float32)
        assert is_kept(*tasks, np.float32)
        assert not is_kept(*tasks, np.float64)

    @pytest.mark.parametrize("command", [["no such program"], [sys.executable, "-c", "raise SystemExit(1)"]])
    def test_a_process_that_fails_is_no_error(self, ahead, monkeypatch, command):
        from breze_like.native.nade_tasks import KERNELS

        monkeypatch.setattr(ahead, "without_packages", lambda *_: command)
        ahead.wait(KERNELS["nade_log_prob"].tasks, np.float32)


@pytest.fixture(scope="module")
def nade(load):
    """A function that Python can call: log-probabilities and their gradients."""
    from numba import njit

    module, padded_rows = load("nade"), load("rows").padded_rows

    @njit
    def compute(cotangent, *arguments):
        n_visible, n_hidden = arguments[0].shape
        weights = padded_rows(n_visible, n_hidden, cotangent), padded_rows(n_visible, n_hidden, cotangent)
        biases = np.empty_like(arguments[2]), np.empty_like(arguments[3])
        log_prob = np.empty_like(cotangent)
        module.log_prob(0, len(cotangent), *arguments, log_prob)
        module.gradient(0, len(cotangent), *arguments, cotangent, *weights, *biases)
        by_in, by_out = weights[0][:n_visible, :n_hidden], weights[1][:n_visible, :n_hidden]
        return log_prob, by_in, by_out, *biases

    return compute


def nade_of_numpy(cotangent, weights_in, weights_out, visible_bias, hidden_bias, x):
    """Log-probabilities and gradients, by arrays of all keys' hidden units."""
    sums = np.cumsum(x[:, :, None] * weights_in, axis=1)
    hidden = expit(hidden_bias[:, None] + np.concatenate([np.zeros_like(sums[:, :1]), sums[:, :-1]], axis=1))
    logits = visible_bias + (hidden * weights_out).sum(axis=2)
    by_logits = cotangent[:, None] * (x - expit(logits))
    by_units = by_logits[:, :, None] * weights_out * hidden * (1 - hidden)
    later = np.cumsum(by_units[:, ::-1], axis=1)[:, ::-1] - by_units
    by_in, by_out = (x[:, :, None] * later).sum(axis=0), (by_logits[:, :, None] * hidden).sum(axis=0)
    return (x * logits - np.logaddexp(0, logits)).sum(axis=1), by_in, by_out, by_logits, by_units.sum(axis=1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nade_is_that_of_numpy(nade, dtype, rng):
    tolerance = {"rtol": 0, "atol": 1e-4 if dtype == np.float32 else 1e-11}
    for n_frames, n_visible, n_hidden in ((1, 1, 1), (3, 6, 5), (40, 21, 40), (4, 88, 7)):
        shapes = [2 * [(n_visible, n_hidden)], [(n_frames, n_visible), (n_frames, n_hidden)]]
        arguments = [rng.standard_normal(shape) for shape in sum(shapes, [])]
        arguments.append(
            rng.standard_normal((n_frames, n_visible)) * (rng.random((n_frames, n_visible)) < 0.3)
        )
        cotangent, *arguments = (a.astype(dtype) for a in (rng.standard_normal(n_frames), *arguments))
        expected = nade_of_numpy(*(a.astype(float) for a in (cotangent, *arguments)))
        for one, other in zip(nade(cotangent, *arguments), expected, strict=True):
            np.testing.assert_allclose(one, other, **tolerance)

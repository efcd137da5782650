import errno
import importlib
import os
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.special import expit, ndtr

from breze_like import native
from breze_like.backends import compile_function
from breze_like.moments import TRANSFERS, Moments

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


@pytest.fixture(scope="module")
def functions(load):
    """Functions that Python can call: of arrays, the exponential, log(1 + x), and the normal upper tail."""
    from numba import njit

    module = load("functions")

    @njit(**module.MATH)
    def compute(x, fractions, distances):
        exp, log1p, tail = np.empty_like(x), np.empty_like(fractions), np.empty_like(distances)
        for i in range(len(x)):
            exp[i] = module.exp(x[i])
        for i in range(len(fractions)):
            log1p[i] = module.log1p(fractions[i])
        for i in range(len(distances)):
            z = distances[i]
            tail[i] = module.upper_tail(z, module.exp(type(z)(-0.5) * z * z))
        return exp, log1p, tail

    return compute


@pytest.mark.parametrize("dtype", DTYPES)
def test_elementary_functions_are_those_of_scipy(functions, dtype):
    x, fractions, distances = np.linspace(-87, 88, 5001), np.linspace(0, 1, 999), np.linspace(0, 12.5, 999)
    arguments = [a.astype(dtype) for a in (x, fractions, distances)]
    exp, log1p, tail = functions(*arguments)
    exact = [a.astype(float) for a in arguments]
    rtol = 5e-7 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(exp, np.exp(exact[0]), rtol=rtol)
    np.testing.assert_allclose(log1p, np.log1p(exact[1]), rtol=rtol)
    # exp(-x^2 / 2) is as precise as its argument, which is large in the tail.
    np.testing.assert_allclose(tail, ndtr(-exact[2]), rtol=2e-5 if dtype == np.float32 else 1e-13)
    for special, expected in ((np.inf, np.inf), (-np.inf, 0), (200, np.inf), (-200, 0)):
        (value,) = functions(np.array([special], dtype), *arguments[1:])[0]
        # In single precision, the argument is kept from -87 to 88.
        assert value > 1e38 if expected else 0 <= value < 2e-38
    assert np.isnan(functions(np.array([np.nan], dtype), *arguments[1:])[0]).all()


@pytest.fixture(scope="module")
def transfers(load):
    """Functions that Python can call: moments behind a transfer function, and their gradients."""
    from numba import njit

    module = load("transfers")

    @njit
    def compute(transfer, m, v, by_mean, by_variance):
        mean, variance, by_m, by_v = np.empty_like(m), np.empty_like(m), by_mean.copy(), by_variance.copy()
        module.moments(transfer, m, v, mean, variance)
        module.pull_back(transfer, m, v, by_m, by_v)
        return mean, variance, by_m, by_v

    return compute


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("number", "name"), [(0, "rectifier"), (1, "sigmoid_wang_manning"), (2, "tanh_wang_manning")]
)
def test_moments_behind_transfer_functions_are_those_of_the_graphs(transfers, number, name, dtype, rng):
    """In all tails, on one side of 0, and where x is certain or as good as that."""
    means = np.concatenate([np.linspace(-12, 12, 97), [-1e4, -60, -1e-9, 1e-9, 60, 1e4]])
    variances = np.concatenate([[0, 1e-30, 1e-17, 1e-7], np.geomspace(1e-4, 400, 60)])
    m, v = (x.ravel().astype(dtype) for x in np.meshgrid(means, variances))
    cotangents = rng.standard_normal((2, len(m))).astype(dtype)
    actual = transfers(dtype(number), m, v, *cotangents)

    mean, variance, *weights = inputs = pt.dvectors(4)
    outputs = TRANSFERS[name].moments(Moments(mean, variance))
    loss = sum((w * o).sum() for w, o in zip(weights, outputs, strict=True))
    graph = [*outputs, *pt.grad(loss, [mean, variance])]
    expected = compile_function(inputs, graph)(*(x.astype(float) for x in (m, v, *cotangents)))
    # Moments grow with those of x, and a gradient of the variance is divided by its root.
    sizes = [
        1 + abs(m) + np.sqrt(v),
        1 + m.astype(float) ** 2 + v,
        1 + abs(m) + np.sqrt(v),
        1 + 1 / np.sqrt(v + 1e-8),
    ]
    if number:
        sizes = [1] * 4
    tolerance = (5e-5 if number else 5e-6) if dtype == np.float32 else 1e-12
    for one, other, size in zip(actual, expected, sizes, strict=True):
        assert one.dtype == dtype
        np.testing.assert_allclose(one / size, other / size, rtol=0, atol=tolerance)


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
            look_at(
                context, "make_array get_value_type get_data_type get_abi_sizeof get_dummy_value cast".split()
            )
            if "make_array" not in missing:
                array = context.make_array(signature.args[0])(context, builder, arguments[0])
                look_at(array, "data shape strides itemsize nitems".split())
            return ir.IntType(64)(0)

        return types.int64(x), generate

    njit(lambda x: look(x))(np.ones((2, 2)))
    assert not missing, (
        f"Numba {version('numba')} has no {missing}: native/arrays.py needs what took their place"
    )


def test_numba_has_the_names_of_its_compiler_and_of_its_cache():
    """It does not document these either."""
    from numba import types
    from numba.core import cgutils
    from numba.core.caching import FunctionCache
    from numba.core.ccallback import CFunc
    from numba.core.codegen import JITCodeLibrary
    from numba.core.runtime import rtsys
    from numba.np import arrayobj

    names = {
        arrayobj: "_empty_nd_impl",
        cgutils: "memset",
        type(rtsys): "initialize",
        JITCodeLibrary: "_optimize_final_module _finalize_final_module _finalize_dynamic_globals finalize "
        "_ensure_finalized enable_object_caching codegen",
        FunctionCache: "load_overload _load_overload _index_key _guard_against_spurious_io_errors",
    }
    missing = [name for owner, of in names.items() for name in of.split() if not hasattr(owner, name)]
    code = CFunc(add_three, ((types.int64,), types.int64), locals={}, options={})
    missing += [name for name in ("_cache", "_sig", "_targetdescr") if not hasattr(code, name)]
    assert not missing, (
        f"Numba {version('numba')} has no {missing}: see native/parts.py, code_cache.py and arrays.py"
    )


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

        monkeypatch.setattr(ahead, "starting", lambda *_: command)
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

import importlib
import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.builders import OpFromGraph
from pytensor.compile.mode import optdb
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from pytensor.tensor.elemwise import DimShuffle, Elemwise

from breze_like import backends
from breze_like.backends import (
    accelerator,
    available,
    compile_function,
    jax_context,
    jax_functions,
    resolve,
    traceable,
)
from breze_like.backends.jax_functions import INCLUDED, LEFT_OUT


def recurrent_loss():
    """Inputs of a small recurrent network, its states, loss and gradient."""
    x, w = pt.tensor3("x"), pt.matrix("w")
    h = pytensor.scan(
        lambda x, h, w: pt.tanh(x + h @ w),
        sequences=[x],
        outputs_info=[pt.zeros_like(x[0])],
        non_sequences=[w],
        strict=True,
        return_updates=False,
    )
    loss = (h**2).sum()
    return [x, w], h, [loss, *pt.grad(loss, [x, w])]


def numpy_loss(x, w):
    h, loss = np.zeros_like(x[0]), 0.0
    for row in x:
        h = np.tanh(row + h @ w)
        loss += (h**2).sum()
    return loss


def draw(n_steps, n_sequences=2):
    rng = np.random.default_rng(n_steps)
    return rng.normal(size=(n_steps, n_sequences, 3)), rng.normal(size=(3, 3))


@pytest.fixture(scope="module")
def recurrent():
    inputs, _, outputs = recurrent_loss()
    return compile_function(inputs, outputs, "jax")


class TestChoice:
    @pytest.fixture
    def nothing_installed(self, monkeypatch):
        monkeypatch.setattr(backends.importlib.util, "find_spec", lambda name: None)
        monkeypatch.setattr(backends, "pytensor", _WithoutCompiler)

    def test_prefers_jax(self):
        assert available()[0] == resolve() == resolve("auto") == "jax"
        assert set(available()) <= set(backends.BACKENDS)

    def test_takes_the_next_one(self, nothing_installed):
        assert available() == ("numba",)
        assert resolve() == "numba"

    @pytest.mark.parametrize("backend", ["jax", "cvm"])
    def test_rejects_what_is_not_at_hand(self, nothing_installed, backend):
        with pytest.raises(ValueError, match=rf"installed here, \('numba',\), got '{backend}'"):
            resolve(backend)

    @pytest.mark.parametrize("backend", ["JAX", "torch", "", None])
    def test_rejects_unknown(self, backend):
        with pytest.raises(ValueError, match="backend must be 'auto' or one of .*, got"):
            resolve(backend)
        with pytest.raises(ValueError, match="backend must be 'auto' or one of"):
            compile_function([], [], backend)

    def test_without_jax_there_is_no_accelerator(self, nothing_installed):
        assert accelerator() is None


class _WithoutCompiler:
    class config:
        cxx = ""


def test_loss_and_gradient_for_any_number_of_steps(recurrent):
    """One compiled function serves all lengths and batch sizes, one of each included."""
    for shape in [(5, 2), (1, 1), (7, 4), (5, 2)]:
        x, w = draw(*shape)
        loss, by_x, by_w = recurrent(x, w)
        np.testing.assert_allclose(loss, numpy_loss(x, w), rtol=1e-12)
        d = np.random.default_rng(0).normal(size=(3, 3))
        slope = (numpy_loss(x, w + 1e-6 * d) - numpy_loss(x, w - 1e-6 * d)) / 2e-6
        np.testing.assert_allclose((by_w * d).sum(), slope, rtol=1e-6, atol=1e-8)
        d = np.random.default_rng(0).normal(size=x.shape)
        slope = (numpy_loss(x + 1e-6 * d, w) - numpy_loss(x - 1e-6 * d, w)) / 2e-6
        np.testing.assert_allclose((by_x * d).sum(), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
@pytest.mark.skipif("cvm" not in available(), reason="no C++ compiler")
def test_jax_agrees_with_cvm(recurrent):
    inputs, _, outputs = recurrent_loss()
    independent = compile_function(inputs, outputs, "cvm")
    for n_steps in (4, 1):
        arrays = draw(n_steps)
        for actual, expected in zip(recurrent(*arrays), independent(*arrays), strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-13)


def test_both_precisions_in_one_process():
    functions = {}
    for precision in ("float32", "float64", "float32"):
        with pytensor.config.change_flags(floatX=precision):
            inputs, _, outputs = recurrent_loss()
            functions[precision] = compile_function(inputs, outputs, "jax")
    x, w = draw(5)
    for precision in ("float64", "float32", "float64"):  # whatever floatX is when they are called
        results = functions[precision](x.astype(precision), w.astype(precision))
        assert [r.dtype for r in results] == [precision] * 3
        tolerance = {"float32": 1e-5, "float64": 1e-13}[precision]
        np.testing.assert_allclose(results[0], numpy_loss(x, w), rtol=tolerance)


def test_logarithms_of_probabilities_stay_finite():
    x = pt.vector("x")
    outputs = [pt.log(pt.sigmoid(x)), pt.log(1 - pt.sigmoid(x)), pt.log(pt.exp(x).sum())]
    low, high, total = compile_function([x], outputs, "jax")(np.array([-800.0, 0.0, 800.0]))
    np.testing.assert_allclose(low, [-800, -np.log(2), 0])
    np.testing.assert_allclose(high, [0, -np.log(2), -800])
    np.testing.assert_allclose(total, 800)


def test_returns_what_was_asked_for():
    x = pt.vector("x")
    single = compile_function([x], x + 1, "jax")(np.ones(2))
    listed = compile_function([x], [x + 1], "jax")(np.ones(2))
    assert type(single) is np.ndarray
    assert type(listed) is list and type(listed[0]) is np.ndarray
    np.testing.assert_array_equal([single, listed[0]], np.full((2, 2), 2.0))


def test_cuts_the_graph_at_an_intermediate_variable():
    inputs, h, (loss, *_) = recurrent_loss()
    states = np.random.default_rng(0).normal(size=(4, 2, 3))
    np.testing.assert_allclose(compile_function([h], loss, "jax")(states), (states**2).sum(), rtol=1e-12)


def test_takes_inputs_that_are_not_used():
    x, y = pt.vector("x"), pt.vector("y")
    np.testing.assert_array_equal(compile_function([y, x], 2 * x, "jax")(np.zeros(5), np.ones(2)), [2, 2])


@pytest.mark.parametrize("n_sequences", [1, 2])
def test_sums_of_neighbours(n_sequences):
    """u_t + u_{t-1} reads each entry as it was: written in place by XLA, it would become a running sum."""
    u, mask = pt.tensor3("u"), pt.matrix("mask")
    kept = u * mask[:, :, None]
    neighbours = u + pt.set_subtensor(pt.zeros_like(kept)[1:], kept[:-1])
    loss = mask * (neighbours - pt.log(neighbours)).sum(axis=-1)
    x = np.random.default_rng(0).uniform(0.1, 2, (6, n_sequences, 3))
    function = compile_function([u, mask], [loss, pt.grad(loss.sum(), u)], "jax")
    before = np.concatenate([np.zeros_like(x[:1]), x[:-1]])
    expected = (x + before - np.log(x + before)).sum(axis=-1)
    np.testing.assert_allclose(function(x, np.ones(x.shape[:2]))[0], expected, rtol=1e-12)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_traceable_functions_can_be_transformed(precision):
    """Several weights at once, each with its own sequences: as one after another."""
    jax = pytest.importorskip("jax")
    with pytensor.config.change_flags(floatX=precision):
        inputs, _, outputs = recurrent_loss()
        one, context = traceable(inputs, outputs), jax_context()
    cases = [draw(n_steps) for n_steps in (5, 5, 5)]
    cases = [(k * x, w / k) for k, (x, w) in enumerate(cases, 1)]
    with context():
        xs, ws = (np.stack(arrays).astype(precision) for arrays in zip(*cases, strict=True))
        losses, by_x, by_w = jax.jit(jax.vmap(one))(xs, ws)
    assert [r.dtype for r in (losses, by_x, by_w)] == [precision] * 3
    tolerance = {"float32": 1e-5, "float64": 1e-12}[precision]
    np.testing.assert_allclose(losses, [numpy_loss(x, w) for x, w in cases], rtol=tolerance)
    single = compile_function(*recurrent_loss()[::2], "jax")
    for i, (x, w) in enumerate(cases):
        np.testing.assert_allclose(by_w[i], single(x, w)[2], rtol=tolerance, atol=tolerance)


def test_traceable_function_of_a_single_output():
    pytest.importorskip("jax")
    x, y = pt.vector("x"), pt.vector("y")
    assert traceable([y, x], x.sum())(np.zeros(2), np.ones(3)) == 3


def test_the_accelerator_is_the_default_device_unless_that_is_a_cpu():
    jax = pytest.importorskip("jax")
    with jax.default_device(jax.devices("cpu")[0]):
        assert accelerator() is None
    default = jax.devices()[0]
    assert accelerator() == (None if default.platform == "cpu" else default)


QUIET = """
import gc, json, sys
import jax
from pytensor.link.jax.dispatch import jax_funcify, jax_typify

def state():
    conversions = {c: f for d in (jax_funcify, jax_typify) for c, f in d.registry.items()}
    return conversions, (dict(jax.config.values), gc.get_threshold())

before = state()
import numpy as np
from breze_like import VRAE
model = VRAE(2, 2, n_hiddens=(3,))
model.initialize(np.random.default_rng(0))
model.function(["observations", "mask"], ["recognition/mean"])(np.ones((3, 1, 2)), np.ones((3, 1)))
conversions, settings = state()
changed = [c for c, f in before[0].items() if conversions[c] is not f]
added = [c.__module__ for c in set(conversions) - set(before[0])]
print(json.dumps([list(map(str, changed)), added, settings == before[1]]))
"""


@pytest.mark.slow
def test_others_find_pytensor_and_jax_as_they_were():
    """Conversions of classes that are not ours, JAX's settings with its folder, and the collector's."""
    pytest.importorskip("jax")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    run = subprocess.run([sys.executable, "-c", QUIET], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    changed, added, same_settings = json.loads(run.stdout.splitlines()[-1])
    assert changed == []
    assert all(module.startswith("breze_like.") for module in added)
    assert same_settings


def rewrites(**choices):
    """Names of all of PyTensor's rewrites that a query selects."""
    stream = io.StringIO()
    optdb.query(RewriteDatabaseQuery(**choices)).print_summary(stream)
    return set(re.findall(r"\w+", stream.getvalue()))


@pytest.mark.parametrize("name", LEFT_OUT)
def test_rewrites_that_are_left_out_exist(name):
    """They would be made otherwise: PyTensor takes any name, and says nothing."""
    pytest.importorskip("jax")  # whose rewrites are registered with it
    assert name in rewrites(include=INCLUDED), (
        f"PyTensor {pytensor.__version__} makes no rewrite {name}: LEFT_OUT in jax_functions.py needs what "
        "took its place, if anything"
    )
    assert name not in rewrites(include=INCLUDED, exclude=LEFT_OUT)


@pytest.mark.parametrize("kind", INCLUDED[1:])
def test_rewrites_that_are_included_exist(kind):
    assert len(optdb.query(RewriteDatabaseQuery(include=[kind]))) > 0, (
        f"PyTensor {pytensor.__version__} has no rewrites {kind}: INCLUDED in jax_functions.py needs what "
        "took their place"
    )


class TestConversions:
    """With those of PyTensor, which are not ours to rely on, as the reference."""

    def test_sums_products_casts_and_shapes(self):
        x, y = pt.matrix("x"), pt.vector("y")
        outputs = [x + y + 1.5, x * y * x, (x > 0).astype("int64") + x.shape[0], pt.zeros(x.shape) + y.size]
        arrays = np.arange(6.0).reshape(2, 3) - 2, np.arange(3.0)
        ours = compile_function([x, y], outputs, "jax")(*arrays)
        theirs = pytensor.function([x, y], outputs, mode="JAX")(*arrays)
        for our, their in zip(ours, theirs, strict=True):
            assert our.dtype == their.dtype
            np.testing.assert_allclose(our, their, rtol=1e-14)

    def test_shapes_are_known_while_jax_traces(self, monkeypatch):
        """Whatever they are made by; against NumPy, at two sizes. No operation is compiled by itself."""
        x = pt.matrix("x")
        n, m = x.shape
        half, least = n // 2, pt.switch(n < m, n, m)
        outputs = [
            x.reshape((m, n)),
            pt.ones(x.shape + np.array([1, 2])) * x.sum(),
            x.reshape((x.shape.prod(), 1)),
            x[half:, : least - 1],
            x[:: -(pt.cast(least, "int8") // 2)],
            pt.zeros(pt.concatenate([x.shape, [2]])) + m,
            pt.set_subtensor(pt.zeros((n + m, m))[half : half + n], x),
        ]
        function = compile_function([x], outputs, "jax")
        jax, eager = pytest.importorskip("jax"), []
        apply = jax.lax.add_p.impl.func
        for primitive in (
            jax.lax.add_p,
            jax.lax.reshape_p,
            jax.lax.select_n_p,
            jax.lax.convert_element_type_p,
        ):
            monkeypatch.setattr(
                primitive, "impl", lambda *a, p=primitive, **k: eager.append(p) or apply(p, *a, **k)
            )
        for shape in [(4, 6), (7, 5)]:
            a = np.arange(np.prod(shape), dtype=float).reshape(shape)
            (n, m), half, least = shape, shape[0] // 2, min(shape)
            inserted = np.zeros((n + m, m))
            inserted[half : half + n] = a
            expected = [
                a.reshape(m, n),
                np.full((n + 1, m + 2), a.sum()),
                a.reshape(-1, 1),
                a[half:, : least - 1],
                a[:: -(least // 2)],
                np.full((n, m, 2), m),
                inserted,
            ]
            for result, right in zip(function(a), expected, strict=True):
                np.testing.assert_array_equal(result, right)
        assert not eager

    def test_graphs_inside_ops(self):
        """A scan, and an op made of a graph: each node in them is converted by ours, too."""
        x = pt.matrix("x")
        inner = pt.vector("inner")
        doubled = OpFromGraph([inner], [inner + inner + inner * 2])
        h = pytensor.scan(
            lambda x, h: doubled(x) + h + x.shape[0],
            sequences=[x],
            outputs_info=[pt.zeros_like(x[0])],
            return_updates=False,
        )
        values = np.arange(6.0).reshape(3, 2)
        expected = np.cumsum(4 * values + 2, axis=0)
        np.testing.assert_allclose(compile_function([x], h, "jax")(values), expected)

    def test_rejects_shapes_that_do_not_broadcast(self):
        x, y = pt.vector("x"), pt.vector("y")
        with pytest.raises(Exception, match="[Bb]roadcast"):
            compile_function([x, y], x + y, "jax")(np.ones(1), np.ones(3))


def test_pytensor_has_the_private_names_that_are_taken_of_it():
    """Where one is gone, `backends` needs what took its place, or setup.cfg a bound on the version."""
    gone = f"is gone from PyTensor {pytensor.__version__}, or JAX, see"
    assert hasattr(Elemwise, "_check_runtime_broadcast"), f"Elemwise's check {gone} conversions.py"
    vm = pytensor.function([], pt.zeros(1), mode=jax_functions._jax_mode()).vm
    assert hasattr(vm, "jit_fn"), f"vm.jit_fn {gone} jax_functions.traceable"
    assert hasattr(vm.jit_fn, "__wrapped__"), f"vm.jit_fn.__wrapped__ {gone} jax_functions.traceable"


def test_graphs_that_are_built_quickly_are_the_same(monkeypatch):
    """`prepare_process`, which conftest.py has called, leaves out traces and most reading of C code."""
    made = DimShuffle(input_ndim=2, new_order=(1, "x", 0))
    monkeypatch.delattr(DimShuffle, "load_c_code")
    assert vars(made) == vars(DimShuffle(input_ndim=2, new_order=(1, "x", 0))), (
        f"what a DimShuffle of PyTensor {pytensor.__version__} reads is no longer all in process.py"
    )
    assert pt.exp(pt.vector()).owner.outputs[0].tag.trace == []


@pytest.mark.parametrize(
    ("place", "owner", "names"),
    [
        ("conversions.Linker", "pytensor.link.jax.linker.JAXLinker", ["fgraph_convert", "jit_compile"]),
        ("recurrence.loop.Loop", "pytensor.graph.op.Op", ["make_node", "perform", "pullback"]),
        (
            "recurrence.loop",
            "pytensor.compile.builders.OpFromGraph",
            ["infer_shape", "connection_pattern", "pullback"],
        ),
    ],
)
def test_pytensor_has_the_methods_that_take_the_place_of_its_own(place, owner, names):
    """Nobody would call those of ours else, and most things would be right, only slow."""
    pytest.importorskip("jax")
    owner = getattr(importlib.import_module(owner.rpartition(".")[0]), owner.rpartition(".")[2])
    for name in names:
        assert hasattr(owner, name), (
            f"PyTensor {pytensor.__version__} has no {owner.__name__}.{name}: {place} needs another name"
        )

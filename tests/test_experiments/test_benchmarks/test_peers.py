"""The comparison is fair: all systems compute the same loss and gradient."""

import numpy as np
import pytest

from experiments.benchmarks.peers import library
from experiments.benchmarks.peers.arithmetic import n_operations, n_operations_of
from experiments.benchmarks.peers.problem import (
    MODELS,
    N_LATENT,
    N_NADE_HIDDEN,
    N_VISIBLE,
    Problem,
    batchings,
)

SIZES = {"n_hidden": 7, "batch_size": 3, "n_steps": 6}


@pytest.fixture(scope="module", params=[*MODELS, "rnn_nade"])
def problem(request):
    return Problem(request.param, **SIZES, dtype="float64")


@pytest.fixture(scope="module")
def expected(problem):
    """Loss and gradient, by name, of the library."""
    loss, gradient = library.loss_and_gradient(problem)()
    shapes = library.make_model(problem).parameters.shapes
    assert shapes == problem.shapes
    parts = np.split(gradient, np.cumsum([np.prod(shape) for shape in shapes.values()])[:-1])
    return loss, dict(zip(shapes, parts, strict=True))


def assert_same(actual, expected):
    loss, gradient = actual
    np.testing.assert_allclose(float(loss), expected[0], rtol=1e-12)
    assert set(gradient) == set(expected[1])
    for name, values in expected[1].items():
        np.testing.assert_allclose(np.ravel(gradient[name]), values, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.slow
def test_direct_jax_computes_what_the_library_does(problem, expected):
    jax = pytest.importorskip("jax")
    from experiments.benchmarks.peers import direct_jax

    with jax.enable_x64(True):
        made = direct_jax.loss_and_gradient(problem)
        for run in made.values() if isinstance(made, dict) else [made]:
            assert_same(run(), expected)


@pytest.mark.slow
def test_pytorch_computes_what_the_library_does(problem, expected):
    pytest.importorskip("torch")
    from experiments.benchmarks.peers import pytorch

    if problem.model not in MODELS:
        pytest.skip("PyTorch has no NADE")
    assert_same(pytorch.loss_and_gradient(problem)(), expected)


def test_products_of_a_vrae():
    """Counted by hand: of both moments, two networks of an affine map, two chains and an affine map."""
    problem = Problem("vrae", **SIZES)
    n, n_rows = SIZES["n_hidden"], SIZES["batch_size"] * SIZES["n_steps"]
    chains, affine = 4 * n * n, 2 * n * (N_VISIBLE + N_LATENT)
    assert n_operations(problem, gradient=False) == 2 * 2 * n_rows * (chains + affine)
    # The gradient takes each product twice more, but for that of the observations.
    assert n_operations(problem, True) == 2 * 2 * n_rows * (3 * (chains + affine) - n * N_VISIBLE)


def test_products_of_a_vosp():
    problem = Problem("vosp", **SIZES)
    n, n_rows = SIZES["n_hidden"], SIZES["batch_size"] * SIZES["n_steps"]
    # Latents have no variance.
    weights = n * N_VISIBLE + n * n + n * N_LATENT + (N_LATENT / 2 + n) * n + n * N_VISIBLE
    assert n_operations(problem, gradient=False) == 2 * 2 * n_rows * weights
    assert n_operations(problem, True) == 2 * 2 * n_rows * (3 * weights - n * N_VISIBLE)


def test_products_of_an_rnn_nade():
    """Data come in twice, which takes no gradient of them."""
    n, n_rows = SIZES["n_hidden"], SIZES["batch_size"] * SIZES["n_steps"]
    data = N_VISIBLE * (n + N_NADE_HIDDEN)
    others = n * n + n * (N_VISIBLE + N_NADE_HIDDEN) + N_NADE_HIDDEN * N_VISIBLE
    problem = Problem("rnn_nade", **SIZES)
    assert n_operations(problem, gradient=False) == 2 * n_rows * (data + others)
    assert n_operations(problem, gradient=True) == 2 * n_rows * (2 * data + 3 * others)


def multiplied(jaxpr):
    """Multiplications and additions of all matrix products of a program of JAX's."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            length = np.prod([equation.invars[0].aval.shape[axis] for axis in contracted])
            total += int(2 * length * np.prod(equation.outvars[0].aval.shape))
        times = equation.params.get("length", 1)
        total += times * sum(
            multiplied(inner.jaxpr) for inner in equation.params.values() if hasattr(inner, "jaxpr")
        )
    return total


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_products_are_those_of_direct_jax(model, gradient):
    """But for two that can be avoided: of variances that are 0; for the observations' keep probability."""
    jax = pytest.importorskip("jax")
    from experiments.benchmarks.peers import direct_jax

    problem = Problem(model, **SIZES)
    loss = direct_jax.LOSSES[model]
    program = jax.make_jaxpr(jax.grad(loss) if gradient else loss)(
        problem.parameters, problem.observations, problem.noise
    )
    n_rows = SIZES["batch_size"] * SIZES["n_steps"]
    zeros = 2 * n_rows * N_LATENT * SIZES["n_hidden"] * (1 + 2 * gradient) if model == "vosp" else 0
    of_observations = 2 * 2 * n_rows * N_VISIBLE * SIZES["n_hidden"] * gradient
    assert multiplied(program.jaxpr) == n_operations(problem, gradient) + zeros + of_observations


def test_lengths_are_those_of_sequences():
    sizes = {"model": "vosp", "n_hidden": 7}
    assert n_operations_of([3, 15], **sizes) == n_operations(Problem("vosp", **SIZES), gradient=False)
    assert n_operations_of([3, 15], **sizes) == 18 * n_operations_of([1], **sizes)


class TestLimit:
    @pytest.mark.parametrize("multiply, make", [("_in_tiles", "_for_tiles"), ("_by_blas", "_for_blas")])
    def test_ways_multiply(self, multiply, make):
        """All rows, in several products of which the last one has less."""
        pytest.importorskip("numba")
        from experiments.benchmarks.peers import limit

        x, weights, result = getattr(limit, make)()
        n = x.shape[1]
        by_column = weights.transpose(1, 0, 2).reshape(n, -1)[:, :n] if weights.ndim == 3 else weights
        getattr(limit, multiply)(x, weights, result, 2 * len(x))
        np.testing.assert_allclose(result[: len(x), :n], x @ by_column, rtol=1e-4, atol=1e-4)
        result[...] = 0
        getattr(limit, multiply)(x, weights, result, 8)
        np.testing.assert_allclose(result[:8, :n], x[:8] @ by_column, rtol=1e-4, atol=1e-4)
        assert not result[8:].any()

    def test_cores_share_the_arithmetic(self):
        """All rows that it takes are multiplied, up to one of each core."""
        numba = pytest.importorskip("numba")
        from experiments.benchmarks.peers import limit

        done = []
        matrices = np.zeros((4, 5), np.float32), None, None
        limit.on_all_cores(lambda *arguments: done.append(arguments[-1]), lambda: matrices, 10_000)()
        assert len(done) == numba.get_num_threads()
        assert 0 <= 10_000 - 2 * 5 * 5 * sum(done) < 2 * 5 * 5 * len(done)

    def test_of_a_problem(self):
        pytest.importorskip("numba")
        from experiments.benchmarks.peers import limit

        for ways in (
            limit.loss_and_gradient(Problem("vrae", **SIZES)),
            limit.evaluation([3], model="vosp", n_hidden=7),
        ):
            assert set(ways) == {"tiles", "BLAS"}
            for run in ways.values():
                run()


def test_batches_hold_all_sequences():
    lengths = [3, 3, 4, 20]
    for batches in batchings(lengths, model="vosp", n_hidden=2).values():
        assert max(p.n_steps for p in batches) >= 20
        assert sum(lengths) <= sum(p.n_steps * p.batch_size for p in batches) <= sum(lengths) / 0.7

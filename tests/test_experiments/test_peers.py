"""The comparison is fair: all systems compute the same loss and gradient."""

import numpy as np
import pytest

from experiments.peers import library, products
from experiments.peers.problem import MODELS, N_LATENT, N_VISIBLE, Problem, padded_batches

SIZES = {"n_hidden": 7, "batch_size": 3, "n_steps": 6}


@pytest.fixture(scope="module", params=MODELS)
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


def test_direct_jax_computes_what_the_library_does(problem, expected):
    jax = pytest.importorskip("jax")
    from experiments.peers import direct_jax

    with jax.enable_x64(True):
        assert_same(direct_jax.loss_and_gradient(problem)(), expected)


def test_pytorch_computes_what_the_library_does(problem, expected):
    pytest.importorskip("torch")
    from experiments.peers import pytorch

    assert_same(pytorch.loss_and_gradient(problem)(), expected)


def n_operations(problem, gradient):
    return sum(product.n_operations for product in products.products_of(problem, gradient))


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
    weights = n * N_VISIBLE + n * n + n * N_LATENT + (N_LATENT + n) * n + n * N_VISIBLE
    assert n_operations(problem, gradient=False) == 2 * 2 * n_rows * weights
    assert n_operations(problem, True) == 2 * 2 * n_rows * (3 * weights - n * N_VISIBLE)


def test_padded_batches_hold_all_sequences():
    lengths = [3, 3, 4, 20]
    batches = padded_batches(lengths, model="vosp", n_hidden=2)
    assert sum(p.batch_size for p in batches) >= len(lengths)
    assert max(p.n_steps for p in batches) == 20
    assert sum(lengths) <= sum(p.n_steps * p.batch_size for p in batches) <= sum(lengths) / 0.75

import importlib
import sys

import numpy as np
import pytest

from breze_like import native

pytest.importorskip("breze_like.native.xla", reason="needs Numba", exc_type=ImportError)

CPUS = {"this": None, "avx2": {"avx2": True, "fma": True}, "least": {}}


@pytest.fixture(scope="module", params=CPUS)
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
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

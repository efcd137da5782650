"""The limit: the arithmetic of the models at the best rate that all cores reach, whatever its shapes.

Each core multiplies its own matrices, in single precision, which stay in its cache. All of these ways are
tried, and the fastest one counts:

=======  ===================================================================================================
`tiles`  in tiles that stay in registers (`breze_like.native.products`), of weights copied into panels once
`BLAS`   with NumPy, one thread on each core
=======  ===================================================================================================
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numba
import numpy as np

from breze_like.native.products import multiply, padded, panels
from experiments.benchmarks.peers.arithmetic import n_operations, n_operations_of

# Rows of what is multiplied with weights, and length of the weights' axes. Measured to be the best: about
# those of a recurrence for tiles, whole ones for all sizes of registers; more rows for a BLAS.
TILED, SQUARE = (32, 192), (256, 256)


def about():
    """Versions, number of threads and device."""
    versions = {"numpy": np.__version__, "numba": numba.__version__}
    return {**versions, "threads": numba.get_num_threads(), "device": "cpu"}


def device_memory():
    """None: it is not computed on a GPU."""


def loss_and_gradient(problem):
    """`ways` to do the arithmetic of the loss and gradient of the problem's minibatch."""
    return ways(n_operations(problem, gradient=True))


def evaluation(lengths, **sizes):
    """`ways` to do the arithmetic of the losses of sequences of such lengths, without any padding."""
    return ways(n_operations_of(lengths, **sizes))


def ways(n):
    """Functions without arguments, by name, that compute n multiplications and additions on all cores."""
    return {"tiles": on_all_cores(_in_tiles, _for_tiles, n), "BLAS": on_all_cores(_by_blas, _for_blas, n)}


def on_all_cores(multiply_rows, make, n):
    """A function without arguments in which each core does its part of n multiplications and additions.

    Parameters
    ----------
    multiply_rows : callable
        Multiplies so many rows, its last argument, with weights, its second one.
    make : callable
        Makes its other arguments.
    n : int
    """
    n_cores = numba.get_num_threads()
    matrices = [make() for _ in range(n_cores)]
    n_rows = n // (2 * matrices[0][0].shape[1] ** 2 * n_cores)
    pool = ThreadPoolExecutor(n_cores)
    return lambda: list(pool.map(multiply_rows, *zip(*matrices, strict=True), repeat(n_rows)))


def _drawn(n_rows, n):
    rng = np.random.default_rng(0)
    return (rng.standard_normal(shape, dtype=np.float32) for shape in ((n_rows, n), (n, n)))


def _for_tiles():
    return _packed(*_drawn(*TILED))


@numba.njit
def _packed(x, weights):
    return x, panels(weights, False)[0], padded(x.shape[0], weights.shape[1], x)


@numba.njit(nogil=True)
def _in_tiles(x, weights, result, n_rows):
    for left in range(n_rows, 0, -len(x)):
        multiply(x[:left], weights, result)


def _for_blas():
    x, weights = _drawn(*SQUARE)
    return x, weights, np.empty_like(x)


def _by_blas(x, weights, result, n_rows):
    for left in range(n_rows, 0, -len(x)):
        np.matmul(x[:left], weights, out=result[:left])

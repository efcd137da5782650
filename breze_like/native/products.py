"""Matrix products for the kernels, in tiles of the result that stay in the CPU's registers.

For each product, a BLAS copies the right factor, which takes as long as the product itself if the left one
has a few rows only. Here the weights of a recurrence are copied once, for all steps, into panels.

Tiles are always whole ones: results are as large as `padded` makes them, and rows and columns of factors
beyond those of the problem are read, too, though nothing comes of them that is looked at.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from breze_like.native.functions import CALLED
from breze_like.native.vectors import BYTES, N_REGISTERS, Matrix, loop, multiply_add

# A tile of the result is so many rows of so many vectors: the sums take three quarters of the registers.
VECTORS = 3
ROWS = N_REGISTERS // 4


@njit(**CALLED)
def padded(n_rows, n_columns, like):
    """Zeros of at least that shape, the least one that consists of tiles, in the dtype of `like`."""
    width = VECTORS * BYTES // like.itemsize
    return np.zeros((-(-n_rows // ROWS) * ROWS, -(-n_columns // width) * width), like.dtype)


@njit(**CALLED)
def panels(weights, transposed):
    """The weights (n, n), or their transpose, and their squares, in panels (n, width of a tile)."""
    n, width = len(weights), VECTORS * BYTES // weights.itemsize
    copied = np.zeros((-(-n // width), n, width), weights.dtype)
    squared = np.zeros_like(copied)
    for p in range(len(copied)):
        for i in range(n):
            for j in range(min(width, n - p * width)):
                k = p * width + j
                weight = weights[k, i] if transposed else weights[i, k]
                copied[p, i, j] = weight
                squared[p, i, j] = weight * weight
    return copied, squared


@njit(**CALLED)
def multiply(x, weights, result):
    """result = x weights, of weights in panels."""
    width = weights.shape[2]
    for p in range(weights.shape[0]):
        for i in range(0, x.shape[0], ROWS):
            _tile(x[i:], weights[p], result[i:, p * width :], False)


@njit(**CALLED)
def add_outer(x, y, n_rows, result):
    """result += x' y, of the first rows of x and y."""
    width = VECTORS * BYTES // x.itemsize
    for j in range(0, y.shape[1], width):
        for i in range(0, result.shape[0], ROWS):
            _tile(x.T[i:], y[:n_rows, j:], result[i:, j:], True)


@intrinsic
def _tile(typing_context, x, y, result, add):
    """The first tile of result = x y, or of result += x y: a sum over the rows of y."""

    def generate(context, builder, signature, arguments):
        x, y, result = (
            Matrix(context, builder, t, a) for t, a in zip(signature.args[:3], arguments[:3], strict=True)
        )
        tile = [(i, v) for i in range(ROWS) for v in range(VECTORS)]
        zero = ir.Constant(result.vector, None)
        start = {p: builder.select(arguments[3], result.load(*p), zero) for p in tile}
        total = loop(builder, y.n_rows, start, lambda k, sums: _add_row(builder, x, y, k, sums))
        for p in tile:
            result.store(total[p], *p)
        return context.get_dummy_value()

    return types.none(x, y, result, types.boolean), generate


def _add_row(builder, x, y, k, sums):
    """The sums, and the products of the k-th column of x with the k-th row of y."""
    of_y = [y.load(k, v) for v in range(VECTORS)]
    of_x = [x.repeated(i, k) for i in range(ROWS)]
    return {(i, v): multiply_add(builder, of_x[i], of_y[v], total) for (i, v), total in sums.items()}

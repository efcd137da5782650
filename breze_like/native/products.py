"""Matrix products for the kernels, in tiles of the result that stay in the CPU's registers.

For each product, a BLAS copies the right factor, which takes as long as the product itself if the left one
has a few rows only. Here the weights of a recurrence are copied once, for all steps, into panels.

Tiles are always whole ones: results are as large as `padded` makes them, and rows and columns of factors
beyond those of the problem are read, too, though nothing comes of them that is looked at.
"""

from functools import partial

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
    n_lanes = BYTES // like.itemsize
    n_vectors = max(VECTORS - 1, -(-n_columns // n_lanes))
    return np.zeros((-(-n_rows // ROWS) * ROWS, n_vectors * n_lanes), like.dtype)


@njit(**CALLED)
def panels(weights, transposed):
    """The weights, or their transpose, and their squares, as `multiply` takes them.

    Panels lie one after another, each with the columns of a tile, row by row.
    """
    n, m = weights.shape[::-1] if transposed else weights.shape
    n_lanes = BYTES // weights.itemsize
    n_vectors = max(VECTORS - 1, -(-m // n_lanes))
    copied = np.zeros(n * n_vectors * n_lanes, weights.dtype)
    squared = np.zeros_like(copied)
    for p in range(_n_panels(n_vectors)):
        first, width = _columns(p, n_vectors, n_lanes)
        for i in range(n):
            start = first * n + i * width
            for j in range(min(width, m - first)):
                weight = weights[first + j, i] if transposed else weights[i, first + j]
                copied[start + j] = weight
                squared[start + j] = weight * weight
    return copied, squared


@njit(**CALLED)
def multiply(x, weights, result):
    """result = x weights, of weights in panels."""
    n, n_lanes = weights.size // result.shape[1], BYTES // x.itemsize
    n_vectors = result.shape[1] // n_lanes
    for p in range(_n_panels(n_vectors)):
        first, width = _columns(p, n_vectors, n_lanes)
        panel = weights[first * n : (first + width) * n].reshape((n, width))
        for i in range(0, x.shape[0], ROWS):
            if width == VECTORS * n_lanes:
                _wide_tile(x[i:], panel, result[i:, first:], False)
            else:
                _narrow_tile(x[i:], panel, result[i:, first:], False)


@njit(**CALLED)
def add_outer(x, y, n_rows, result):
    """result += x' y, of the first rows of x and y."""
    n_lanes = BYTES // x.itemsize
    n_vectors = result.shape[1] // n_lanes
    for p in range(_n_panels(n_vectors)):
        first, width = _columns(p, n_vectors, n_lanes)
        for i in range(0, result.shape[0], ROWS):
            if width == VECTORS * n_lanes:
                _wide_tile(x.T[i:], y[:n_rows, first:], result[i:, first:], True)
            else:
                _narrow_tile(x.T[i:], y[:n_rows, first:], result[i:, first:], True)


@njit(**CALLED)
def _n_panels(n_vectors):
    """Into so many panels columns are divided, each as wide as a tile or a vector less."""
    return -(-n_vectors // VECTORS)


@njit(**CALLED)
def _columns(p, n_vectors, n_lanes):
    """The first column of a panel, and how many there are."""
    n = _n_panels(n_vectors)
    first = p * n_vectors // n
    return first * n_lanes, ((p + 1) * n_vectors // n - first) * n_lanes


def _tile(n_vectors):
    """What computes the first tile of result = x y, or of result += x y: a sum over the rows of y."""

    def tile(typing_context, x, y, result, add):
        def generate(context, builder, signature, arguments):
            x, y, result = (
                Matrix(context, builder, t, a) for t, a in zip(signature.args[:3], arguments[:3], strict=True)
            )
            places = [(i, v) for i in range(ROWS) for v in range(n_vectors)]
            zero = ir.Constant(result.vector, None)
            start = {p: builder.select(arguments[3], result.load(*p), zero) for p in places}
            total = loop(builder, y.n_rows, start, partial(_add_row, builder, x, y, n_vectors))
            for p in places:
                result.store(total[p], *p)
            return context.get_dummy_value()

        return types.none(x, y, result, types.boolean), generate

    return intrinsic(tile)


_wide_tile, _narrow_tile = _tile(VECTORS), _tile(VECTORS - 1)


def _add_row(builder, x, y, n_vectors, k, sums):
    """The sums, and the products of the k-th column of x with the k-th row of y."""
    of_y = [y.load(k, v) for v in range(n_vectors)]
    of_x = [x.repeated(i, k) for i in range(ROWS)]
    return {(i, v): multiply_add(builder, of_x[i], of_y[v], total) for (i, v), total in sums.items()}

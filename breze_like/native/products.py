"""Matrix products for the kernels, in tiles of the result that stay in the CPU's registers.

For each product, a BLAS copies the right factor, which takes as long as the product itself if the left factor
has only a few rows. Here the weights of a recurrence are copied once, for all steps, into panels.

Tiles are always complete: results are as large as `padded` makes them, and rows and columns of factors beyond
those of the problem are read, too, but the results for these are ignored.
"""

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from breze_like.native.arrays import Array, zeros
from breze_like.native.functions import CALLED
from breze_like.native.vectors import BYTES, N_REGISTERS, WORD, loop, multiply_add

# A tile of the result is so many rows of so many vectors: the sums take three quarters of the registers.
VECTORS = 3
ROWS = N_REGISTERS // 4


@njit(**CALLED)
def padded(n_rows, n_columns, like):
    """Zeros of at least that shape, the least one that consists of tiles, in the dtype of `like`."""
    n_lanes = BYTES // like.itemsize
    return zeros((-(-n_rows // ROWS) * ROWS, _n_vectors(n_columns, n_lanes) * n_lanes), like)


@njit(**CALLED)
def panels(weights, transposed):
    """The weights, or their transpose, and their squares, (n_vectors, n, n_lanes): columns by vectors."""
    n, m = weights.shape[::-1] if transposed else weights.shape
    n_lanes = BYTES // weights.itemsize
    copied = zeros((_n_vectors(m, n_lanes), n, n_lanes), weights)
    squared = zeros(copied.shape, copied)
    for v in range(-(-m // n_lanes)):
        first, n_columns = v * n_lanes, min(n_lanes, m - v * n_lanes)
        if transposed:
            for j in range(n_columns):
                for i in range(n):
                    copied[v, i, j] = weights[first + j, i]
        elif n_columns == n_lanes:  # with a number of columns that the compiler knows
            for i in range(n):
                for j in range(n_lanes):
                    copied[v, i, j] = weights[i, first + j]
        else:
            for i in range(n):
                for j in range(n_columns):
                    copied[v, i, j] = weights[i, first + j]
        for i in range(n):
            for j in range(n_lanes):
                squared[v, i, j] = copied[v, i, j] * copied[v, i, j]
    return copied, squared


@njit(**CALLED)
def multiply(x, weights, result):
    """result = x weights, of weights in panels."""
    for p in range(_n_panels(len(weights))):
        first, last = _panel(p, len(weights))
        for i in range(0, x.shape[0], ROWS):
            if last - first == VECTORS:
                _wide_tile(x, i, weights, first, result)
            else:
                _narrow_tile(x, i, weights, first, result)


@njit(**CALLED)
def add_outer(x, y, n_rows, result):
    """result += x' y, of the first rows of x and y."""
    n_vectors = result.shape[1] // (BYTES // x.itemsize)
    columns, rows = x.T, y[:n_rows]
    for p in range(_n_panels(n_vectors)):
        first, last = _panel(p, n_vectors)
        for i in range(0, result.shape[0], ROWS):
            if last - first == VECTORS:
                _wide_sum(columns, i, rows, first, result)
            else:
                _narrow_sum(columns, i, rows, first, result)


@njit(**CALLED)
def _n_vectors(n_columns, n_lanes):
    """Number of vectors for a number of columns, at least as many as in the narrower tile."""
    return max(VECTORS - 1, -(-n_columns // n_lanes))


@njit(**CALLED)
def _n_panels(n_vectors):
    """How many panels the columns are divided into, each as wide as a tile or narrower by a vector."""
    return -(-n_vectors // VECTORS)


@njit(**CALLED)
def _panel(p, n_vectors):
    """The first vector of a panel, and the one behind its last."""
    n = _n_panels(n_vectors)
    return p * n_vectors // n, (p + 1) * n_vectors // n


def _tile(n_vectors, add):
    """What computes a tile of result = x y, of y in panels, or of result += x y, of y as it is.

    It begins at row i and at vector v, and is a sum over the rows of y.
    """

    def tile(typing_context, x, i, y, v, result):
        def generate(context, builder, signature, arguments):
            x, y, result = (Array(context, builder, signature.args[k], arguments[k]) for k in (0, 2, 4))
            i, v = arguments[1], arguments[3]
            column = builder.mul(v, WORD(result.n_lanes))
            x, result = x.part(i), result.part(i, column)
            y, n_rows = (y.part(WORD(0), column), y.lengths[0]) if add else (y.part(v), y.lengths[1])
            places = [(i, v) for i in range(ROWS) for v in range(n_vectors)]
            if add:
                for i in range(ROWS):
                    result.fetch(i, 0)
                    result.fetch(i, n_vectors * result.n_lanes - 1)

            def step(k, sums):
                of_y = [y.load(k, v * y.n_lanes) if add else y.load(v, k) for v in range(n_vectors)]
                of_x = [x.repeated(i, k) for i in range(ROWS)]
                return {(i, v): multiply_add(builder, of_x[i], of_y[v], sums[i, v]) for i, v in places}

            start = dict.fromkeys(places, ir.Constant(result.vector, None))
            for (i, v), total in loop(builder, n_rows, start, step).items():
                place = i, v * result.n_lanes
                # What there was is read behind the loop, which does not wait for it.
                result.store(builder.fadd(total, result.load(*place)) if add else total, *place)
            return context.get_dummy_value()

        return types.none(x, types.int64, y, types.int64, result), generate

    return intrinsic(tile)


_wide_tile, _narrow_tile = _tile(VECTORS, add=False), _tile(VECTORS - 1, add=False)
_wide_sum, _narrow_sum = _tile(VECTORS, add=True), _tile(VECTORS - 1, add=True)

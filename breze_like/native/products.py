"""Matrix products for the kernels, in tiles of the result that stay in the CPU's registers.

For each product, a BLAS copies the right factor, which takes as long as the product itself if the left one
has a few rows only. Here the weights of a recurrence are copied once, for all steps, into panels.

Tiles are always whole ones: results are as large as `padded` makes them, and rows and columns of factors
beyond those of the problem are read, too, though nothing comes of them that is looked at.
"""

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

# Python never calls these functions. What calls them is what is kept in the cache.
CALLED = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def _registers():
    """Bytes of the CPU's vector registers, and how many there are."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 32
    if features.get("avx2") and features.get("fma"):
        return 32, 16
    return 16, 16 if llvmlite.binding.get_default_triple().startswith("x86") else 32


BYTES, N_REGISTERS = _registers()
# A tile of the result is so many rows of so many vectors: the sums take three quarters of the registers.
VECTORS = 3
ROWS = N_REGISTERS // 4
WORD = ir.IntType(64)


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
            _Matrix(context, builder, t, a) for t, a in zip(signature.args[:3], arguments[:3], strict=True)
        )
        tile = [(i, v) for i in range(ROWS) for v in range(VECTORS)]
        zero = ir.Constant(result.vector, None)
        start = {p: builder.select(arguments[3], result.load(*p), zero) for p in tile}
        total = _loop(builder, y.n_rows, start, lambda k, sums: _add_row(builder, x, y, k, sums))
        for p in tile:
            result.store(total[p], *p)
        return context.get_dummy_value()

    return types.none(x, y, result, types.boolean), generate


def _add_row(builder, x, y, k, sums):
    """The sums, and the products of the k-th column of x with the k-th row of y."""
    name = f"llvm.fmuladd.v{y.vector.count}f{8 * y.n_bytes}"
    fused = builder.module.declare_intrinsic(name, (), ir.FunctionType(y.vector, [y.vector] * 3))
    of_y = [y.load(k, v) for v in range(VECTORS)]
    of_x = [x.repeated(i, k) for i in range(ROWS)]
    return {(i, v): builder.call(fused, [of_x[i], of_y[v], total]) for (i, v), total in sums.items()}


def _loop(builder, n, start, step):
    """Apply `step` to 0, ..., n - 1 and a dict of values, first `start`."""
    before = builder.block
    loop, end = builder.append_basic_block("loop"), builder.append_basic_block("end")
    builder.cbranch(builder.icmp_signed(">", n, WORD(0)), loop, end)
    builder.position_at_end(loop)
    k, values = builder.phi(WORD), {p: builder.phi(value.type) for p, value in start.items()}
    stepped = step(k, values)
    following = builder.add(k, WORD(1))
    builder.cbranch(builder.icmp_signed("<", following, n), loop, end)
    builder.position_at_end(end)
    results = {p: builder.phi(value.type) for p, value in start.items()}
    k.add_incoming(WORD(0), before)
    k.add_incoming(following, loop)
    for p, value in start.items():
        for phi in (values[p], results[p]):
            phi.add_incoming(value, before)
            phi.add_incoming(stepped[p], loop)
    return results


class _Matrix:
    """A matrix in code that is being generated."""

    def __init__(self, context, builder, kind, value):
        array = context.make_array(kind)(context, builder, value)
        self._builder = builder
        self._start = builder.ptrtoint(array.data, WORD)
        self._strides = cgutils.unpack_tuple(builder, array.strides, 2)
        self._scalar = context.get_value_type(kind.dtype)
        self.n_rows = cgutils.unpack_tuple(builder, array.shape, 2)[0]
        self.n_bytes = kind.dtype.bitwidth // 8
        self.vector = ir.VectorType(self._scalar, BYTES // self.n_bytes)

    def load(self, i, v):
        """The v-th vector of row i."""
        return self._load(self._row(i, v), self.vector)

    def store(self, value, i, v):
        """Make `value` the v-th vector of row i."""
        place = self._builder.inttoptr(self._row(i, v), self.vector.as_pointer())
        self._builder.store(value, place).align = self.n_bytes

    def repeated(self, i, j):
        """A vector of copies of the entry (i, j)."""
        b, nothing = self._builder, ir.Constant(self.vector, ir.Undefined)
        entry = self._load(b.add(self._row(i, 0), b.mul(self._strides[1], j)), self._scalar)
        lane = ir.IntType(32)
        zeros = ir.Constant(ir.VectorType(lane, self.vector.count), None)
        return b.shuffle_vector(b.insert_element(nothing, entry, lane(0)), nothing, zeros)

    def _row(self, i, v):
        b = self._builder
        row = b.add(self._start, b.mul(self._strides[0], WORD(i) if isinstance(i, int) else i))
        return b.add(row, WORD(v * BYTES))

    def _load(self, address, kind):
        value = self._builder.load(self._builder.inttoptr(address, kind.as_pointer()))
        value.align = self.n_bytes
        return value

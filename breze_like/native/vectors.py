"""Generating code for vectors, as many numbers as a register of the CPU holds."""

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils

WORD = ir.IntType(64)


def _registers():
    """Bytes of the CPU's vector registers, and how many there are."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 32
    if features.get("avx2") and features.get("fma"):
        return 32, 16
    return 16, 16 if llvmlite.binding.get_default_triple().startswith("x86") else 32


BYTES, N_REGISTERS = _registers()


def multiply_add(builder, x, y, total):
    """x y + total, of vectors."""
    kind = x.type
    name = f"llvm.fmuladd.v{kind.count}{kind.element.intrinsic_name}"
    fused = builder.module.declare_intrinsic(name, (), ir.FunctionType(kind, [kind] * 3))
    return builder.call(fused, [x, y, total])


def loop(builder, n, start, step):
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


class Matrix:
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
        j = WORD(j) if isinstance(j, int) else j
        entry = self._load(b.add(self._row(i, 0), b.mul(self._strides[1], j)), self._scalar)
        lane = ir.IntType(32)
        zeros = ir.Constant(ir.VectorType(lane, self.vector.count), None)
        return b.shuffle_vector(b.insert_element(nothing, entry, lane(0)), nothing, zeros)

    def _row(self, i, v):
        b = self._builder
        i, v = (WORD(n) if isinstance(n, int) else n for n in (i, v))
        return b.add(b.add(self._start, b.mul(self._strides[0], i)), b.mul(v, WORD(BYTES)))

    def _load(self, address, kind):
        value = self._builder.load(self._builder.inttoptr(address, kind.as_pointer()))
        value.align = self.n_bytes
        return value

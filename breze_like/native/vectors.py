"""Generating code for vectors, as many numbers as a register of the CPU holds."""

import llvmlite.binding
from llvmlite import ir

WORD, LANE = ir.IntType(64), ir.IntType(32)


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


def repeat(builder, number, n):
    """A vector of n copies."""
    kind = ir.VectorType(number.type, n)
    nothing = ir.Constant(kind, ir.Undefined)
    zeros = ir.Constant(ir.VectorType(LANE, n), None)
    return builder.shuffle_vector(builder.insert_element(nothing, number, LANE(0)), nothing, zeros)


def pack(builder, numbers):
    """A vector of these numbers."""
    vector = ir.Constant(ir.VectorType(numbers[0].type, len(numbers)), ir.Undefined)
    for n, number in enumerate(numbers):
        vector = builder.insert_element(vector, number, LANE(n))
    return vector


def compare_lanes(builder, relation, word, n):
    """Which of 0, ..., n - 1 are so related to a word: a vector."""
    word = repeat(builder, builder.trunc(word, LANE), n)
    return builder.icmp_signed(relation, ir.Constant(word.type, list(range(n))), word)


def add_up(builder, vectors):
    """The sums of the numbers of each vector; how many vectors there are is a power of two.

    Two are added half by half at a time, so that one vector holds parts of as many sums as it can.
    """
    width = vectors[0].type.count
    vectors, owners = list(vectors), [[n] for n in range(len(vectors))]
    half = width // 2
    while half:
        if len(vectors) == 1:
            vectors, owners = vectors * 2, owners * 2
        starts = range(0, width, 2 * half)
        masks = [
            [start + which + n for start in starts for which in (side, width + side) for n in range(half)]
            for side in (0, half)
        ]
        masks = [ir.Constant(ir.VectorType(LANE, width), mask) for mask in masks]
        pairs = list(zip(vectors[::2], vectors[1::2], strict=True))
        vectors = [builder.fadd(*(builder.shuffle_vector(x, y, mask) for mask in masks)) for x, y in pairs]
        owners = [
            [n for both in zip(x, y, strict=True) for n in both]
            for x, y in zip(owners[::2], owners[1::2], strict=True)
        ]
        half //= 2
    places = {n: (vector, i) for vector, of in zip(vectors, owners, strict=True) for i, n in enumerate(of)}
    return [builder.extract_element(places[n][0], LANE(places[n][1])) for n in sorted(places)]


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


def layout(context, builder, kind, value):
    """Address, lengths of the axes, and strides of an array of NumPy's, as words.

    The one place that knows how Numba describes arrays.
    """
    array = context.make_array(kind)(context, builder, value)
    lengths, strides = (
        [builder.extract_value(words, axis) for axis in range(kind.ndim)]
        for words in (array.shape, array.strides)
    )
    return builder.ptrtoint(array.data, WORD), lengths, strides


class Matrix:
    """A matrix in code that is being generated."""

    def __init__(self, context, builder, kind, value):
        self._builder = builder
        self._start, (_, n_columns), self._strides = layout(context, builder, kind, value)
        self._scalar = context.get_value_type(kind.dtype)
        self.n_bytes = kind.dtype.bitwidth // 8
        self.vector = ir.VectorType(self._scalar, BYTES // self.n_bytes)
        self.n_vectors = builder.udiv(n_columns, WORD(self.vector.count))

    def load(self, i, v):
        """The v-th vector of row i."""
        return self._load(self._vector(i, v))

    def store(self, value, i, v):
        """Make `value` the v-th vector of row i."""
        self._store(value, self._vector(i, v))

    def load_few(self, i, j, n):
        """A vector of n numbers of row i, from the j-th one on; the number itself if n is 1."""
        kind = self._scalar if n == 1 else ir.VectorType(self._scalar, n)
        return self._load(self._entry(i, j, kind))

    def store_few(self, value, i, j):
        """Make `value`, any vector, the numbers of row i from the j-th one on."""
        self._store(value, self._entry(i, j, value.type))

    def _vector(self, i, v):
        return self._place(i, v, WORD(BYTES), self.vector)

    def _entry(self, i, j, kind):
        return self._place(i, j, self._strides[1], kind)

    def _place(self, i, j, step, kind):
        """Where the j-th of what lies so far apart is in row i."""
        b = self._builder
        i, j = (WORD(n) if isinstance(n, int) else n for n in (i, j))
        address = b.add(b.add(self._start, b.mul(self._strides[0], i)), b.mul(j, step))
        return b.inttoptr(address, kind.as_pointer())

    def _load(self, place):
        value = self._builder.load(place)
        value.align = self.n_bytes
        return value

    def _store(self, value, place):
        self._builder.store(value, place).align = self.n_bytes

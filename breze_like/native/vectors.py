"""Generating code for vectors, as many numbers as a register of the CPU holds."""

from copy import copy

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


class Array:
    """An array of NumPy's in code that is being generated.

    The one place that knows how Numba describes arrays. Indices and lengths are words; an index may be an
    integer, too.
    """

    def __init__(self, context, builder, kind, value):
        self._builder = builder
        array = context.make_array(kind)(context, builder, value)
        self._start = builder.ptrtoint(array.data, WORD)
        self.lengths, self._strides = (
            [builder.extract_value(words, axis) for axis in range(kind.ndim)]
            for words in (array.shape, array.strides)
        )
        self._n_bytes = kind.dtype.bitwidth // 8
        self.n_lanes = BYTES // self._n_bytes
        self._scalar = context.get_value_type(kind.dtype)
        self.vector = ir.VectorType(self._scalar, self.n_lanes)

    def part(self, *first):
        """What begins at an entry."""
        part = copy(self)
        part._start = self._address(first)
        return part

    def load(self, *place):
        """The vector that begins at an entry."""
        return self._load(place, self.vector)

    def load_few(self, n, *place):
        """The vector of n numbers that begins at an entry."""
        return self._load(place, ir.VectorType(self._scalar, n))

    def load_one(self, *place):
        """An entry."""
        return self._load(place, self._scalar)

    def repeated(self, *place):
        """A vector of copies of an entry."""
        return repeat(self._builder, self.load_one(*place), self.n_lanes)

    def store(self, value, *place):
        """Make `value`, any vector, what begins at an entry."""
        pointer = self._builder.inttoptr(self._address(place), value.type.as_pointer())
        self._builder.store(value, pointer).align = self._n_bytes

    def fetch(self, *place):
        """Have an entry in the cache by the time that it is written."""
        kind, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        signature = ir.FunctionType(ir.VoidType(), [kind, *[flag] * 3])
        prefetch = self._builder.module.declare_intrinsic("llvm.prefetch", (kind,), signature)
        pointer = self._builder.inttoptr(self._address(place), kind)
        self._builder.call(prefetch, [pointer, flag(1), flag(3), flag(1)])  # to write, all caches, data

    def _load(self, place, kind):
        value = self._builder.load(self._builder.inttoptr(self._address(place), kind.as_pointer()))
        value.align = self._n_bytes
        return value

    def _address(self, place):
        address = self._start
        for index, stride in zip(place, self._strides, strict=False):
            index = WORD(index) if isinstance(index, int) else index
            address = self._builder.add(address, self._builder.mul(index, stride))
        return address

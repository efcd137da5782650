"""Generating code for vectors, as many numbers as a register of the CPU holds."""

import llvmlite.binding
from llvmlite import ir

WORD, LANE, BYTE = ir.IntType(64), ir.IntType(32), ir.IntType(8)


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

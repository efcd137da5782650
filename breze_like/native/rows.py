"""Products of a few keys' weights with the hidden units of two segments, and their gradients.

Weights are used twice each time they are read; more sums would not fit into the registers. All rows are as
long as `padded_rows` makes them; weights beyond the problem's numbers are 0.

A row of `places` says, for a segment, in which row of the logits its keys are, which key is the first, and
which one follows the last.
"""

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from breze_like.native.arrays import Array, zeros
from breze_like.native.functions import CALLED
from breze_like.native.vectors import (
    BYTES,
    LANE,
    WORD,
    add_up,
    compare_lanes,
    loop,
    multiply_add,
    pack,
    repeat,
)

FEW = 4


@njit(**CALLED)
def padded_rows(n_rows, n_columns, like):
    """Zeros of at least that shape, in rows of vectors, a multiple of `FEW` of them."""
    width = BYTES // like.itemsize
    return zeros((-(-n_rows // FEW) * FEW, -(-n_columns // width) * width), like)


@intrinsic
def nonzero(typing_context, values, row, i):
    """Which of the `FEW` values of a row from the i-th one on are not 0: bits, from the lowest one on."""

    def generate(context, builder, signature, arguments):
        values, row, i = _unpack(context, builder, signature, arguments)
        few = values.load_few(FEW, row, i)
        other = builder.fcmp_unordered("!=", few, ir.Constant(few.type, None))
        return builder.zext(builder.bitcast(other, ir.IntType(FEW)), WORD)

    return types.int64(values, row, i), generate


@intrinsic
def first_bit(typing_context, bits):
    """Number of the lowest bit that is 1."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@intrinsic
def dots(typing_context, weights, i, hidden, logits, places, p, q):
    """Products of the weights of the `FEW` keys from the i-th one on with the rows p and q of hidden units.

    They are written into the logits, for the keys that are not before a segment's first one: that of p is not
    a later one of the same frame.
    """

    def generate(context, builder, signature, arguments):
        weights, i, hidden, logits, places, p, q = _unpack(context, builder, signature, arguments)
        pairs = [(segment, n) for segment in (p, q) for n in range(FEW)]

        def step(j, sums):
            units = {segment: hidden.load(segment, j) for segment in (p, q)}
            of_keys = [weights.load(builder.add(i, WORD(n)), j) for n in range(FEW)]
            return {
                (segment, n): multiply_add(builder, of_keys[n], units[segment], total)
                for (segment, n), total in sums.items()
            }

        zero = ir.Constant(hidden.vector, None)
        total = _over_vectors(builder, hidden, dict.fromkeys(pairs, zero), step)
        numbers = add_up(builder, [total[pair] for pair in pairs])
        for segment, products in ((p, numbers[:FEW]), (q, numbers[FEW:])):
            frame, start = (places.load_one(segment, n) for n in range(2))
            inside = compare_lanes(builder, ">=", builder.sub(start, i), FEW)
            products = builder.select(inside, pack(builder, products), logits.load_few(FEW, frame, i))
            logits.store(products, frame, i)
        return context.get_dummy_value()

    return types.none(weights, i, hidden, logits, places, p, q), generate


@intrinsic
def dots_gradient(typing_context, weights, i, hidden, by_logits, places, p, q, by_weights, by_hidden):
    """Add the gradients of the same weights and hidden units, from that of the logits."""

    def generate(context, builder, signature, arguments):
        weights, i, hidden, by_logits, places, p, q, by_weights, by_hidden = _unpack(
            context, builder, signature, arguments
        )
        factor = {}
        for segment in (p, q):
            frame, start, end = (places.load_one(segment, n) for n in range(3))
            inside = builder.and_(
                compare_lanes(builder, ">=", builder.sub(start, i), FEW),
                compare_lanes(builder, "<", builder.sub(end, i), FEW),
            )
            few = by_logits.load_few(FEW, frame, i)
            few = builder.select(inside, few, ir.Constant(few.type, None))
            for n in range(FEW):
                number = builder.extract_element(few, LANE(n))
                factor[segment, n] = repeat(builder, number, hidden.n_lanes)

        def step(j, nothing):
            units = {segment: hidden.load(segment, j) for segment in (p, q)}
            total = {segment: by_hidden.load(segment, j) for segment in (p, q)}
            for n in range(FEW):
                key = builder.add(i, WORD(n))
                weight, by_weight = weights.load(key, j), by_weights.load(key, j)
                for segment in (p, q):
                    total[segment] = multiply_add(builder, factor[segment, n], weight, total[segment])
                    by_weight = multiply_add(builder, factor[segment, n], units[segment], by_weight)
                by_weights.store(by_weight, key, j)
            for segment in (p, q):
                by_hidden.store(total[segment], segment, j)
            return nothing

        _over_vectors(builder, hidden, {}, step)
        return context.get_dummy_value()

    return types.none(weights, i, hidden, by_logits, places, p, q, by_weights, by_hidden), generate


@intrinsic
def send_back(typing_context, hidden, by_hidden, s, sent, factor, target, j):
    """Go on from a segment's hidden units to their preactivations, in the gradient.

    The gradient of the preactivations of the row s is added to what is sent to earlier keys already, in the
    first row; and the sum, times a factor, to the row j of the target.
    """

    def generate(context, builder, signature, arguments):
        hidden, by_hidden, s, sent, factor, target, j = _unpack(context, builder, signature, arguments)
        factor = repeat(builder, factor, hidden.n_lanes)

        def step(first, nothing):
            units = hidden.load(s, first)
            slope = builder.fmul(
                units, builder.fsub(ir.Constant(units.type, [1.0] * units.type.count), units)
            )
            total = multiply_add(builder, by_hidden.load(s, first), slope, sent.load(0, first))
            sent.store(total, 0, first)
            target.store(multiply_add(builder, factor, total, target.load(j, first)), j, first)
            return nothing

        _over_vectors(builder, hidden, {}, step)
        return context.get_dummy_value()

    return types.none(hidden, by_hidden, s, sent, hidden.dtype, target, j), generate


def _over_vectors(builder, rows, start, step):
    """Apply `step` to the first column of each vector of the rows, and to a dict of values, first `start`."""
    width = WORD(rows.n_lanes)
    n_vectors = builder.udiv(rows.lengths[1], width)
    return loop(builder, n_vectors, start, lambda v, values: step(builder.mul(v, width), values))


def _unpack(context, builder, signature, arguments):
    """Arrays, words and numbers."""
    for kind, value in zip(signature.args, arguments, strict=True):
        if isinstance(kind, types.Array):
            yield Array(context, builder, kind, value)
        else:
            yield (
                context.cast(builder, value, kind, types.int64) if isinstance(kind, types.Integer) else value
            )

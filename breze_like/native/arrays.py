"""NumPy's arrays in generated code: all that knows how Numba describes them.

For `numpy.zeros` and `numba.carray`, Numba would compile several functions of its own, for each number of
axes.
"""

from copy import copy

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Numba does not promise to keep this; tests/test_native.py tells when it has gone.
from numba.np.arrayobj import _empty_nd_impl

from breze_like.native.vectors import BYTE, BYTES, WORD, repeat


@intrinsic
def zeros(typing_context, shape, like):
    """Zeros in the dtype of `like`, a number or an array.

    Raises
    ------
    MemoryError
    """
    kind, lengths = kind_of(shape, like)

    def generate(context, builder, signature, arguments):
        array = _empty_nd_impl(context, builder, kind, _entries(builder, arguments[0], kind.ndim))
        cgutils.memset(builder, array.data, builder.mul(array.itemsize, array.nitems), 0)
        return array._getvalue()

    return kind(lengths, like), generate


@intrinsic
def part(typing_context, address, i, shape, like):
    """The i-th of the arrays of that shape that lie one after another from an address on; see `zeros`."""
    kind, lengths = kind_of(shape, like)

    def generate(context, builder, signature, arguments):
        address, i, lengths, _ = arguments
        return make_array(context, builder, kind, address, i, lengths)

    return kind(types.int64, types.int64, lengths, like), generate


def kind_of(shape, like):
    """Numba's types of the array that has a shape and a dtype, of which there are types, and of the shape."""
    dtype = like.dtype if isinstance(like, types.Array) else types.unliteral(like)
    return types.Array(dtype, len(shape), "C"), types.UniTuple(types.int64, len(shape))


def make_array(context, builder, kind, address, i, lengths):
    """The i-th of the arrays of a kind that lie one after another from an address on."""
    size = WORD(context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    lengths, strides, n_numbers = _entries(builder, lengths, kind.ndim), [], WORD(1)
    for length in reversed(lengths):
        strides.insert(0, builder.mul(n_numbers, size))
        n_numbers = builder.mul(n_numbers, length)
    start = builder.add(address, builder.mul(i, builder.mul(n_numbers, size)))
    array = context.make_array(kind)(context, builder)
    array.data = builder.inttoptr(start, array.data.type)
    array.nitems, array.itemsize = n_numbers, size
    array.shape, array.strides = _words(builder, lengths), _words(builder, strides)
    return array._getvalue()


def _entries(builder, words, n):
    return [builder.extract_value(words, place) for place in range(n)]


def _words(builder, numbers):
    words = ir.Constant(ir.ArrayType(WORD, len(numbers)), ir.Undefined)
    for place, number in enumerate(numbers):
        words = builder.insert_value(words, number, place)
    return words


class Array:
    """An array of NumPy's in code that is being generated.

    Indices and lengths are words; an index may be an integer, too.
    """

    def __init__(self, context, builder, kind, value):
        self._builder = builder
        array = context.make_array(kind)(context, builder, value)
        self._start = builder.ptrtoint(array.data, WORD)
        self.lengths, self._strides = (
            _entries(builder, words, kind.ndim) for words in (array.shape, array.strides)
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
        kind, flag = BYTE.as_pointer(), ir.IntType(32)
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

"""What XLA tells a handler of a custom call, as functions that Numba compiles.

The structs of that interface consist of 64-bit words; they are described in ``xla/ffi/api/c_api.h``, which
comes with JAX. Addresses are integers.
"""

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from breze_like.native.products import CALLED

# Version of the interface that this was written for; its later ones have the same layout.
MAJOR, MINOR = 0, 1
METADATA = 1  # the extension by which XLA asks a handler for its version
FLOAT32 = 11  # XLA's number of the type
TABLE = "breze_like_recurrence_tasks"


@intrinsic
def pointer(context, address):
    """An address as what `carray` takes."""

    def codegen(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), codegen


@intrinsic
def table(context):
    """The address that `llvmlite.binding.add_symbol` made known as `TABLE`."""

    def codegen(context, builder, signature, arguments):
        known = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), []), TABLE)
        return builder.ptrtoint(known, ir.IntType(64))

    return types.int64(), codegen


@intrinsic
def call(context, address, frame, task, scratch):
    """Call the function of three integers that lies there."""

    def codegen(context, builder, signature, arguments):
        word = ir.IntType(64)
        function = builder.inttoptr(arguments[0], ir.FunctionType(word, [word] * 3).as_pointer())
        return builder.call(function, arguments[1:])

    return types.int64(*[types.int64] * 4), codegen


@njit(**CALLED)
def words(address, n):
    """The n words that are there."""
    return carray(pointer(address), n, np.int64)


@njit(**CALLED)
def is_query(frame):
    """Whether XLA only asks for the version, which is answered then."""
    extension = words(frame, 2)[1]
    if extension == 0:
        return False
    known = words(extension, 4)  # size of struct; kind; next one; metadata
    if known[1] & 0xFFFFFFFF == METADATA:
        version = carray(pointer(known[3] + 24), 2, np.int32)
        version[0], version[1] = MAJOR, MINOR
    return True


@njit(**CALLED)
def arguments(frame):
    """Addresses of the structs that describe the arguments."""
    known = words(frame, 15)
    return words(known[9], known[7])


@njit(**CALLED)
def results(frame):
    """Addresses of the structs that describe the results."""
    known = words(frame, 15)
    return words(known[14], known[12])


@njit(**CALLED)
def is_float32(buffers, i):
    """Whether the numbers of a buffer are in single precision."""
    return words(buffers[i], 6)[2] & 0xFFFFFFFF == FLOAT32


@njit(**CALLED)
def address(buffers, i):
    """Where the numbers of a buffer lie."""
    return words(buffers[i], 6)[3]


@njit(**CALLED)
def shape(buffers, i):
    """Lengths of the axes of a buffer."""
    known = words(buffers[i], 6)
    return words(known[5], known[4])

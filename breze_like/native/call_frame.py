"""What XLA tells a handler of a custom call, as functions that Numba compiles.

The structs of that interface consist of 64-bit words; they are described in ``xla/ffi/api/c_api.h``, which
comes with JAX. Addresses are integers.

The first argument of a call consists of numbers written by `xla.custom_call`: where the kernel's tasks are in
the table of addresses, how much scratch memory they need, how many tasks each stage has, then the kernel's
settings. The other arguments are the arrays. `jax.vmap` adds a leading axis to all of them, for its
*members*; so the numbers also say how many members there are, and each has its own tasks.
"""

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic

from breze_like.native.functions import CALLED

# Version of the interface that this was written for; its later ones have the same layout.
MAJOR, MINOR = 0, 1
METADATA = 1  # the extension by which XLA asks a handler for its version
TABLE = "breze_like_tasks"
N_STAGES = 2
# Words of XLA's interface before its functions.
BEFORE_FUNCTIONS = 6
# Places in the first argument.
ADDRESS, SCRATCH, N_TASKS = 0, 1, 2
OWN = N_TASKS + N_STAGES


@intrinsic
def pointer(context, address):
    """An address as what `carray` takes."""

    def codegen(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), codegen


@intrinsic
def address_of_table(context):
    """The address that `llvmlite.binding.add_symbol` made known as `TABLE`."""

    def codegen(context, builder, signature, arguments):
        if TABLE not in builder.module.globals:
            ir.Function(builder.module, ir.FunctionType(ir.VoidType(), []), TABLE)
        return builder.ptrtoint(builder.module.globals[TABLE], ir.IntType(64))

    return types.int64(), codegen


@intrinsic
def call(context, address, frame, task, scratch):
    """Call the function of three integers at an address."""

    def codegen(context, builder, signature, arguments):
        word = ir.IntType(64)
        function = builder.inttoptr(arguments[0], ir.FunctionType(word, [word] * 3).as_pointer())
        return builder.call(function, arguments[1:])

    return types.int64(*[types.int64] * 4), codegen


@intrinsic
def call_one(context, address, argument):
    """Call the function of an integer at an address."""

    def codegen(context, builder, signature, arguments):
        word = ir.IntType(64)
        function = builder.inttoptr(arguments[0], ir.FunctionType(word, [word]).as_pointer())
        return builder.call(function, arguments[1:])

    return types.int64(types.int64, types.int64), codegen


@njit(**CALLED)
def words(address, n):
    """The n words at an address."""
    return carray(pointer(address), n, np.int64)


@njit(**CALLED)
def is_query(frame):
    """Whether XLA only asks for the version, which is answered then."""
    extension = words(frame, 2)[1]
    if extension == 0:
        return False
    known = words(extension, 4)  # size of struct; kind; next one; metadata
    if known[1] & 0xFFFFFFFF != METADATA:
        return False
    version = carray(pointer(known[3] + 24), 2, np.int32)
    version[0], version[1] = MAJOR, MINOR
    return True


@njit(**CALLED)
def arguments(frame):
    """Addresses of the structs that describe the kernel's arguments."""
    known = words(frame, 15)
    return words(known[9], known[7])[1:]


@njit(**CALLED)
def results(frame):
    """Addresses of the structs that describe the results."""
    known = words(frame, 15)
    return words(known[14], known[12])


@njit(**CALLED)
def shape(buffers, i):
    """Lengths of the axes of a buffer."""
    known = words(buffers[i], 6)
    return words(known[5], known[4])


@njit(**CALLED)
def array(buffers, i, member, shape, like):
    """A member's array, of that shape and with the dtype of `like`."""
    return part(words(buffers[i], 6)[3], member, shape, like)


@njit(**CALLED)
def part(address, i, shape, like):
    """The i-th of the arrays of that shape that lie one after another from an address on."""
    size = like.itemsize
    for length in shape:
        size *= length
    return carray(pointer(address + i * size), shape, like.dtype)


@njit(**CALLED)
def _numbers(frame):
    """The first argument's, of one member: they are the same for all."""
    buffer = words(words(frame, 15)[9], 1)
    return carray(pointer(words(buffer[0], 6)[3]), shape(buffer, 0)[-1], np.int32)


@njit(**CALLED)
def settings(frame):
    """The kernel's own settings."""
    return _numbers(frame)[OWN:]


@njit(**CALLED)
def n_members(frame):
    """How many calls this is at once."""
    n = 1
    for length in shape(words(words(frame, 15)[9], 1), 0)[:-1]:
        n *= length
    return n


@njit(**CALLED)
def n_scratch(frame):
    """Numbers of 8 bytes of each member's scratch."""
    return np.int64(_numbers(frame)[SCRATCH])


@njit(**CALLED)
def n_tasks(frame, stage):
    """How many tasks a stage has, of each member."""
    return np.int64(_numbers(frame)[N_TASKS + stage])


@njit(**CALLED)
def task(frame, stage):
    """The address of a stage's code."""
    return function(_numbers(frame)[ADDRESS] + stage)


@njit(**CALLED)
def function(place):
    """What the table of addresses has at a place."""
    return words(address_of_table(), place + 1)[place]


@njit(**CALLED)
def context(frame):
    """The execution context, which functions of XLA's take."""
    return words(frame, 4)[3]


@njit(**CALLED)
def of_xla(frame, i):
    """The address of a function of XLA's, the i-th one of its interface."""
    i += BEFORE_FUNCTIONS
    return words(words(frame, 3)[2], i + 1)[i]

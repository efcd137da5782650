"""What XLA tells a handler of a custom call, as functions that Numba compiles.

The structs of that interface consist of 64-bit words; they are described in ``xla/ffi/api/c_api.h``, which
comes with JAX. Addresses are integers. Words are read and written by instructions for just that: for arrays
of words, Numba would compile dozens of functions of its own.

The first argument of a call consists of numbers written by `xla.custom_call`: where the kernel's tasks are in
the table of addresses, how much scratch memory they need, how many tasks each stage has, then the kernel's
settings. The other arguments are the arrays. `jax.vmap` adds a leading axis to all of them, for its
*members*; so the numbers also say how many members there are, and each has its own tasks.
"""

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from breze_like.native.arrays import kind_of, make_array
from breze_like.native.functions import CALLED
from breze_like.native.vectors import LANE, WORD

# Version of the interface that this was written for; its later ones have the same layout.
MAJOR, MINOR = 0, 1
METADATA = 1  # the extension by which XLA asks a handler for its version
TABLE = "breze_like_tasks"
N_STAGES = 2
WORD_SIZE = 8  # bytes
# Places in the struct of a call, where those of its arguments and results are lists of addresses.
EXTENSION, FUNCTIONS, CONTEXT, ARGUMENTS, RESULTS = 1, 2, 3, 9, 14
# In that of an extension; the version is in the fourth word of what the latter is the address of.
KIND, ASKED, VERSION = 1, 3, 3
# In that of an array.
DATA, N_AXES, LENGTHS = 3, 4, 5
# Words of XLA's interface before its functions.
BEFORE_FUNCTIONS = 6
# Places in the first argument.
ADDRESS, SCRATCH, N_TASKS = 0, 1, 2
OWN = N_TASKS + N_STAGES
# The way to these from the struct of a call; all members have the same.
NUMBERS = ARGUMENTS, 0, DATA


def pointer_to(builder, address, place, kind=WORD):
    """To a place, if there are only integers of that kind from an address on."""
    place = WORD(place) if isinstance(place, int) else place
    return builder.gep(builder.inttoptr(address, kind.as_pointer()), [place])


def _read(builder, address, place, kind=WORD):
    return builder.sext(builder.load(pointer_to(builder, address, place, kind)), WORD)


def _reading(kind=WORD, path=(), first=0):
    """What reads the integer at a place behind the first one.

    It is given an address. There, and at each address that it reads on its way, a place of the path has the
    next address.
    """

    def read(typing_context, address, place):
        def generate(context, builder, signature, arguments):
            address, place = arguments
            for step in path:
                address = _read(builder, address, step)
            return _read(builder, address, builder.add(place, WORD(first)), kind)

        return types.int64(types.int64, types.int64), generate

    return intrinsic(read)


def _writing(kind=WORD):
    """What writes an integer at a place."""

    def write(typing_context, address, place, value):
        def generate(context, builder, signature, arguments):
            address, place, value = arguments
            builder.store(builder.trunc(value, kind), pointer_to(builder, address, place, kind))
            return context.get_dummy_value()

        return types.none(*[types.int64] * 3), generate

    return intrinsic(write)


word, put, _put_half = _reading(), _writing(), _writing(LANE)
# From a call's struct and a number of each: the address of a function of XLA's, the kernel's settings, how
# many tasks a stage has, of each member, and other numbers of the first argument's.
of_xla = _reading(path=(FUNCTIONS,), first=BEFORE_FUNCTIONS)
setting, n_tasks, number = (_reading(LANE, NUMBERS, first) for first in (OWN, N_TASKS, 0))


@intrinsic
def on_stack(typing_context, words):
    """The address of a tuple of words, which are there until the function that calls this returns."""
    kind = types.UniTuple(types.int64, len(words))

    def generate(context, builder, signature, arguments):
        with builder.goto_entry_block():
            start = builder.alloca(WORD, len(kind))
        for place in range(len(kind)):
            builder.store(builder.extract_value(arguments[0], place), builder.gep(start, [WORD(place)]))
        return builder.ptrtoint(start, WORD)

    return types.int64(kind), generate


@intrinsic
def function(typing_context, place):
    """What the table of addresses has at a place; `llvmlite.binding.add_symbol` made it known as `TABLE`."""

    def generate(context, builder, signature, arguments):
        if TABLE not in builder.module.globals:
            ir.Function(builder.module, ir.FunctionType(ir.VoidType(), []), TABLE)
        table = builder.ptrtoint(builder.module.globals[TABLE], WORD)
        return _read(builder, table, arguments[0])

    return types.int64(types.int64), generate


@intrinsic
def call(typing_context, address, frame, task, scratch):
    """Call the function of three integers at an address."""

    def generate(context, builder, signature, arguments):
        function = builder.inttoptr(arguments[0], ir.FunctionType(WORD, [WORD] * 3).as_pointer())
        return builder.call(function, arguments[1:])

    return types.int64(*[types.int64] * 4), generate


@intrinsic
def call_one(typing_context, address, argument):
    """Call the function of an integer at an address."""

    def generate(context, builder, signature, arguments):
        function = builder.inttoptr(arguments[0], ir.FunctionType(WORD, [WORD]).as_pointer())
        return builder.call(function, arguments[1:])

    return types.int64(types.int64, types.int64), generate


@intrinsic
def length(typing_context, buffers, i, axis):
    """Of an axis of the i-th buffer; axis -1 is the last one."""

    def generate(context, builder, signature, arguments):
        buffers, i, axis = arguments
        buffer = _read(builder, buffers, i)
        place = builder.add(_read(builder, buffer, N_AXES), axis)
        return _read(builder, _read(builder, buffer, LENGTHS), place)

    return types.int64(*[types.int64] * 3), generate


@intrinsic
def array(typing_context, buffers, i, member, shape, like):
    """A member's array in the i-th buffer, of that shape and in the dtype of `like`, a number or an array."""
    kind, lengths = kind_of(shape, like)

    def generate(context, builder, signature, arguments):
        buffers, i, member, lengths, _ = arguments
        data = _read(builder, _read(builder, buffers, i), DATA)
        return make_array(context, builder, kind, data, member, lengths)

    return kind(*[types.int64] * 3, lengths, like), generate


@njit(**CALLED)
def is_query(frame):
    """Whether XLA only asks for the version, which is answered then."""
    extension = word(frame, EXTENSION)
    if extension == 0 or word(extension, KIND) & 0xFFFFFFFF != METADATA:
        return False
    version = word(extension, ASKED) + VERSION * WORD_SIZE
    _put_half(version, 0, MAJOR)
    _put_half(version, 1, MINOR)
    return True


@njit(**CALLED)
def arguments(frame):
    """The kernel's arguments, as the address of those of their structs."""
    return word(frame, ARGUMENTS) + WORD_SIZE


@njit(**CALLED)
def results(frame):
    """The results, as the address of those of their structs."""
    return word(frame, RESULTS)


@njit(**CALLED)
def n_settings(frame):
    """How many settings the kernel has."""
    return length(word(frame, ARGUMENTS), 0, -1) - OWN


@njit(**CALLED)
def n_members(frame):
    """How many calls this is at once."""
    numbers, n = word(frame, ARGUMENTS), 1
    for axis in range(1, word(word(numbers, 0), N_AXES)):
        n *= length(numbers, 0, -1 - axis)
    return n

"""Tasks on the threads of XLA, which take part as soon as they are free from other work of the same program.

Threads of our own would compete with those, since XLA calls several handlers at the same time.

Whoever takes part takes the number of the next task, until there are no more. The call that has the tasks
takes part itself, so that it needs no other thread, and then waits for tasks that others are doing. A helper
that comes later finds no task. The words that they share are freed by the one that leaves last.
"""

from numba import njit, types
from numba.extending import intrinsic

from breze_like.native.call_frame import (
    CONTEXT,
    WORD_SIZE,
    call,
    call_one,
    function,
    of_xla,
    on_stack,
    pointer_to,
    put,
    word,
)
from breze_like.native.functions import CALLED, DONE

# Places at the beginning of the table of addresses: those of functions; then, of XLA's functions, which ones
# of its interface they are; and the address of the text of an error.
HELPER, ALLOCATE, RELEASE, YIELD, SCHEDULE, COUNT_THREADS, DESTROY_ERROR, CREATE_ERROR, MESSAGE = range(9)
N_PLACES = 9
OF_C_LIBRARY = {ALLOCATE: "malloc", RELEASE: "free", YIELD: "sched_yield"}
OF_XLA = {
    SCHEDULE: "XLA_FFI_ThreadPool_Schedule",
    COUNT_THREADS: "XLA_FFI_ThreadPool_NumThreads",
    DESTROY_ERROR: "XLA_FFI_Error_Destroy",
    CREATE_ERROR: "XLA_FFI_Error_Create",
}

# Places in the words that all share who take part: the number of the next task; how many are done; how many
# there are, how many have failed, how many may still look here, and what tasks are called with. Those that
# change all the time have lines of the cache to themselves.
NEXT, N_DONE, N_TASKS, N_FAILED, N_USERS, ADDRESS, FRAME, SCRATCH = 0, 8, *range(16, 22)
N_WORDS = 22
# XLA's number of such errors, since tasks fail if they get no memory.
RESOURCE_EXHAUSTED = 8
ERROR = b"breze_like: machine code failed, probably for lack of memory"
# So often a call looks whether all is done, before it offers its core to others each time.
N_LOOKS = 1000


@intrinsic
def add(typing_context, address, place, number):
    """Add to the word at a place, in one step for all threads; what it was before."""

    def generate(context, builder, signature, arguments):
        address, place, number = arguments
        return builder.atomic_rmw("add", pointer_to(builder, address, place), number, "seq_cst")

    return types.int64(*[types.int64] * 3), generate


@intrinsic
def look(typing_context, address, place):
    """The word at a place, as the last thread that added to it left it."""

    def generate(context, builder, signature, arguments):
        return builder.load_atomic(pointer_to(builder, *arguments), "acquire", WORD_SIZE)

    return types.int64(types.int64, types.int64), generate


@njit(**CALLED)
def run(task, frame, n_tasks, scratch):
    """Have the function at the address of a task called with the number of each task; how many failed."""
    n_helpers = min(n_tasks, _n_threads(frame)) - 1
    shared = allocate(N_WORDS) if n_helpers > 0 else 0
    if shared == 0:
        n_failed = 0
        for number in range(n_tasks):
            n_failed += call(task, frame, number, scratch) != DONE
        return n_failed
    for place in NEXT, N_DONE, N_FAILED:
        put(shared, place, 0)
    put(shared, N_TASKS, n_tasks)
    put(shared, N_USERS, 1 + n_helpers)
    put(shared, ADDRESS, task)
    put(shared, FRAME, frame)
    put(shared, SCRATCH, scratch)
    for _ in range(n_helpers):
        if not _schedule(frame, shared):
            add(shared, N_USERS, -1)
    take_part(shared)
    n_looks = 0
    while look(shared, N_DONE) < n_tasks:
        n_looks += 1
        if n_looks > N_LOOKS:
            call_one(function(YIELD), 0)
    n_failed = look(shared, N_FAILED)
    leave(shared)
    return n_failed


@njit(**CALLED)
def take_part(shared):
    """Do tasks until each has been taken."""
    task, frame, scratch = word(shared, ADDRESS), word(shared, FRAME), word(shared, SCRATCH)
    n_tasks = word(shared, N_TASKS)
    while True:
        number = add(shared, NEXT, 1)
        if number >= n_tasks:
            return
        if call(task, frame, number, scratch) != DONE:
            add(shared, N_FAILED, 1)
        add(shared, N_DONE, 1)


@njit(**CALLED)
def leave(shared):
    """Of those in `N_USERS`, one needs the shared words no longer; the last one frees them."""
    if add(shared, N_USERS, -1) == 1:
        release(shared)


@njit(**CALLED)
def allocate(n_words):
    """The address of so many words, 0 if there is no room for them."""
    return call_one(function(ALLOCATE), n_words * WORD_SIZE)


@njit(**CALLED)
def release(address):
    """Free what `allocate` gave."""
    call_one(function(RELEASE), address)


@njit(**CALLED)
def error(frame):
    """What tells XLA that a call failed."""
    ask = on_stack((4 * WORD_SIZE, 0, function(MESSAGE), RESOURCE_EXHAUSTED))
    return call_one(of_xla(frame, function(CREATE_ERROR)), ask)


@njit(**CALLED)
def _n_threads(frame):
    """How many threads XLA has; 1 if it has none to share."""
    number = on_stack((1,))
    ask = on_stack((4 * WORD_SIZE, 0, word(frame, CONTEXT), number))
    return word(number, 0) if _ask(frame, function(COUNT_THREADS), ask) else 1


@njit(**CALLED)
def _schedule(frame, shared):
    """Have a thread call the helper; whether it will."""
    ask = on_stack((5 * WORD_SIZE, 0, word(frame, CONTEXT), function(HELPER), shared))
    return _ask(frame, function(SCHEDULE), ask)


@njit(**CALLED)
def _ask(frame, which, ask):
    """Call one of XLA's functions with its struct of arguments; whether it returned no error."""
    error = call_one(of_xla(frame, which), ask)
    if error == 0:
        return True
    call_one(of_xla(frame, function(DESTROY_ERROR)), on_stack((3 * WORD_SIZE, 0, error)))
    return False

"""Tasks on the threads of XLA, which take part as soon as they are free from other work of the same program.

Threads of our own would compete with those, since XLA calls several handlers at the same time.

Whoever takes part takes the number of the next task, until there are no more. The call that has the tasks
takes part itself, so that it needs no other thread, and then waits for tasks that others are doing. A thread
that comes later finds nothing to do; the last one that looks releases what it has to look at for that.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from breze_like.native.call_frame import call, call_one, context, function, of_xla, words
from breze_like.native.functions import CALLED

# Places at the beginning of the table of addresses: those of functions, and then, of XLA's functions, which
# ones of its interface they are.
HELPER, ALLOCATE, RELEASE, YIELD, SCHEDULE, COUNT_THREADS, DESTROY_ERROR = range(7)
N_PLACES = 7
OF_C_LIBRARY = {ALLOCATE: "malloc", RELEASE: "free", YIELD: "sched_yield"}
OF_XLA = {
    SCHEDULE: "XLA_FFI_ThreadPool_Schedule",
    COUNT_THREADS: "XLA_FFI_ThreadPool_NumThreads",
    DESTROY_ERROR: "XLA_FFI_Error_Destroy",
}
# Places in the words that all share who take part: the number of the next task, how many are done, how many
# there are, how many may still look here, and what tasks are called with.
NEXT, DONE, N_TASKS, N_USERS, ADDRESS, FRAME, SCRATCH = range(7)
N_WORDS = 7
WORD_SIZE = 8  # bytes
# So often a call looks whether all is done, before it offers its core to others each time.
N_LOOKS = 1000


@intrinsic
def add(typing_context, address, number):
    """Add to the word at an address, in one step for all threads; what it was before."""

    def codegen(context, builder, signature, arguments):
        word = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", word, arguments[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@njit(**CALLED)
def run(task, frame, n_tasks, scratch):
    """Have the function at the address of a task called with the number of each task."""
    n_helpers = min(n_tasks, _n_threads(frame)) - 1
    if n_helpers < 1:
        for number in range(n_tasks):
            call(task, frame, number, scratch)
        return
    shared = call_one(function(ALLOCATE), N_WORDS * WORD_SIZE)
    state = words(shared, N_WORDS)
    state[NEXT], state[DONE], state[N_TASKS], state[N_USERS] = 0, 0, n_tasks, 1 + n_helpers
    state[ADDRESS], state[FRAME], state[SCRATCH] = task, frame, scratch
    for _ in range(n_helpers):
        if not _schedule(frame, shared):
            _count(shared, N_USERS, -1)
    take_part(shared)
    n_looks = 0
    while _count(shared, DONE, 0) < n_tasks:
        n_looks += 1
        if n_looks > N_LOOKS:
            call_one(function(YIELD), 0)
    leave(shared)


@njit(**CALLED)
def take_part(shared):
    """Do tasks until each has been taken."""
    state = words(shared, N_WORDS)
    while True:
        number = _count(shared, NEXT, 1)
        if number >= state[N_TASKS]:
            return
        call(state[ADDRESS], state[FRAME], number, state[SCRATCH])
        _count(shared, DONE, 1)


@njit(**CALLED)
def leave(shared):
    """Look there no more."""
    if _count(shared, N_USERS, -1) == 1:
        call_one(function(RELEASE), shared)


@njit(**CALLED)
def _count(shared, place, number):
    """Add to a word; what it was before."""
    return add(shared + place * WORD_SIZE, number)


@njit(**CALLED)
def _n_threads(frame):
    """How many threads XLA has; 1 if it has none to share."""
    number = np.ones(1, np.int64)
    ask = np.array([4 * WORD_SIZE, 0, context(frame), np.int64(number.ctypes.data)])
    return number[0] if _ask(frame, COUNT_THREADS, ask) else 1


@njit(**CALLED)
def _schedule(frame, shared):
    """Have a thread call the helper; whether it will."""
    ask = np.array([5 * WORD_SIZE, 0, context(frame), function(HELPER), shared])
    return _ask(frame, SCHEDULE, ask)


@njit(**CALLED)
def _ask(frame, place, ask):
    """Call one of XLA's functions with its struct of arguments; whether it returned no error."""
    error = call_one(of_xla(frame, function(place)), np.int64(ask.ctypes.data))
    if error == 0:
        return True
    destroy = np.array([3 * WORD_SIZE, 0, error])
    call_one(of_xla(frame, function(DESTROY_ERROR)), np.int64(destroy.ctypes.data))
    return False

"""Settings for a whole process, which the library leaves to its owner, such as a script."""

import ctypes
import gc
import os
import platform
from pathlib import Path

import pytensor
from pytensor.tensor.elemwise import DimShuffle

# After how many new objects Python looks for unreachable ones, and how often among older ones. Graphs are
# large: as often as usual, that takes a tenth of the time of compiling.
COLLECTION = 100_000, 50, 1000


def n_cores():
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare_process():
    """Have this process keep memory that is freed, and keep compiled programs in the user's cache folder.

    Unreachable objects are looked for more seldom, too, and graphs are built with less work: PyTensor does
    not remember where variables were made. To be called before JAX is imported. Processes that it starts keep
    programs, too. What is set already, as by $JAX_COMPILATION_CACHE_DIR, stays.
    """
    _keep_memory()
    _build_graphs_quickly()
    gc.set_threshold(*COLLECTION)
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(root / "breze_like" / "jax"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")


def _keep_memory():
    """Have the C library (glibc) keep memory that is freed, as the next call needs as much again.

    It would be given back to the system, which clears it page by page when it is needed again: of a training
    step, that is a third of the time.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    trim_threshold, top_pad, mmap_max, arena_max = -1, -2, -4, -8  # of mallopt(3)
    library = ctypes.CDLL(None)
    for option, size in ((trim_threshold, 2**31 - 1), (top_pad, 2**26), (mmap_max, 0), (arena_max, 1)):
        library.mallopt(option, size)


def _build_graphs_quickly():
    """Have PyTensor neither look for the lines that make variables, nor read C code with each DimShuffle.

    Both are half of the time in which a model is made, and there is one C code of all.
    """
    pytensor.config.traceback__limit = 0
    read = DimShuffle(input_ndim=0, new_order=())

    def take_code(made, func_files):
        made.func_codes, made.code_sections = read.func_codes, read.code_sections

    DimShuffle.load_c_code = take_code

"""Files that are written whole or not at all, whenever the process is killed."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

PathLike = str | os.PathLike[str]


def open_regular(path: PathLike) -> BinaryIO:
    """Open a file for reading that is one: what has no end, or waits for somebody to write, is refused.

    Raises
    ------
    OSError
        If it can't be opened, or is a folder.
    ValueError
        If it is a pipe or a device.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise ValueError("must be a regular file, got a pipe or device")
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


@contextmanager
def replacing(path: PathLike) -> Iterator[BinaryIO]:
    """A binary stream, whose content takes the place of `path` once it is safely on the disk.

    After an error, `path` is what it was before. A temporary file that a killed process left is written over
    by the next one.

    Parameters
    ----------
    path : str or path-like
        In a folder that exists.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.part")
    try:
        with open(temporary, "w+b") as stream:
            yield stream
            sync(stream)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # the renaming itself; Windows can't open folders
        folder = os.open(path.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def writing(target: PathLike | BinaryIO) -> AbstractContextManager[BinaryIO]:
    """A context with a binary stream: `target` itself if it is one, else what is `replacing` that path."""
    return replacing(target) if isinstance(target, str | os.PathLike) else nullcontext(target)


def sync(stream: BinaryIO) -> None:
    """Bring what was written to a stream to the disk."""
    stream.flush()
    os.fsync(stream.fileno())

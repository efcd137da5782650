"""Files that are written whole or not at all, even if the process is killed, and by one process at a time."""

import errno
import os
import re
import socket
import stat
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from breze_like.quoting import shown_path

PathLike = str | os.PathLike[str]

# Characters of a part of a path that comes from a name.
MAX_NAME = 100

# Temporary files that are being written: what ends a process at once may remove them.
unfinished: set[Path] = set()

# What a file system says that knows no locks.
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP)


def open_regular(path: PathLike) -> BinaryIO:
    """Open a regular file for reading: pipes and devices, which may be endless or block, are refused.

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
    """A binary stream, whose content replaces `path` once it is safely on the disk.

    After an error, `path` is what it was before. A temporary file that was left by a killed process is
    overwritten by the next one.

    Parameters
    ----------
    path : str or path-like
        In a folder that exists.

    Raises
    ------
    ValueError
        If `path` is something other than a file, such as a folder or a device.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError(f"{shown_path(path)} is not a regular file: choose another place")
    temporary = path.with_name(f".{path.name}.part")
    unfinished.add(temporary)
    try:
        with open(temporary, "w+b") as stream:
            yield stream
            sync(stream)
        os.replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename = str(path)  # which somebody knows
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    finally:
        unfinished.discard(temporary)
    if hasattr(os, "O_DIRECTORY"):  # the renaming itself; Windows can't open folders
        folder = os.open(path.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def writing(target: PathLike | BinaryIO) -> AbstractContextManager[BinaryIO]:
    """A context with a binary stream: `target` itself if it is one, else what is `replacing` that path."""
    return replacing(target) if isinstance(target, str | os.PathLike) else nullcontext(target)


@contextmanager
def alone(folder: PathLike, lock_name: str = ".writer", patience: float = 0.0) -> Iterator[None]:
    """Be the only process, on all machines that see a folder, that writes in it; contexts may be nested.

    The lock is on a file in the folder, which says who holds it. A process that dies loses the lock. If the
    file system has no locks, there is a warning.

    Parameters
    ----------
    folder : str or path-like
        That exists.
    lock_name : str
        Name of the lock's file.
    patience : float
        Seconds to wait for another process.

    Raises
    ------
    ValueError
        If another process holds the lock.

    Warns
    -----
    UserWarning
        If the file system has no locks.
    """
    path = Path(folder).resolve() / lock_name
    lock = FileLock(path, timeout=patience, is_singleton=True, fallback_to_soft=False, on_acquired=_sign)
    try:
        lock.acquire()
    except Timeout:
        raise ValueError(
            f"{folder} is in use by {_holder(path)}: wait until it ends, or choose another folder"
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        warnings.warn(f"{folder} can't be locked: let only one process at a time write there", stacklevel=3)
        lock = None
    try:
        yield
    finally:
        if lock:
            if lock.lock_counter == 1:
                with suppress(OSError):  # Windows keeps files that are open
                    path.unlink()
            lock.release()


def _holder(path):
    with suppress(OSError):
        return path.read_text(errors="replace").strip() or "another process"
    return "another process"


def _sign(descriptor):
    """Write into a lock's file who holds it."""
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())


def file_name(name: str) -> str:
    """A name from a file, made safe as a part of a path: letters, digits, ``_``, ``-`` and ``.``.

    Other characters become underscores, and dots in front are left out, so it never leads out of a folder.
    """
    return re.sub(r"[^\w.-]+", "_", name).lstrip(".")[:MAX_NAME] or "unnamed"


def sync(stream: BinaryIO) -> None:
    """Bring what was written to a stream to the disk."""
    stream.flush()
    os.fsync(stream.fileno())

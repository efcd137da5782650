"""Files that are written whole or not at all, whenever the process is killed."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

PathLike = str | os.PathLike[str]


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

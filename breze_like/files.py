"""Files that are written whole or not at all, whenever the process is killed."""

import os
from contextlib import contextmanager, nullcontext
from pathlib import Path


@contextmanager
def replacing(path):
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


def writing(target):
    """A context with a binary stream: `target` itself if it is one, else what is `replacing` that path."""
    return nullcontext(target) if hasattr(target, "write") else replacing(target)


def sync(stream):
    """Bring what was written to a stream to the disk."""
    stream.flush()
    os.fsync(stream.fileno())

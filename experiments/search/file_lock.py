"""A lock that its holder loses when it dies, however it dies. For POSIX systems."""

import fcntl
import os
from pathlib import Path


class FileLock:
    """A lock on a file, between processes of all machines that see it; also a context manager.

    Parameters
    ----------
    path : str or path-like
        Made if it is not there, and left there.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._file = None

    def acquire(self, wait=True):
        """Take the lock; whether it was to be had, without waiting for it."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._file = descriptor
        return True

    def release(self):
        """Give the lock back."""
        os.close(self._file)
        self._file = None

    def __enter__(self):
        self.acquire()
        return self

    def __exit__(self, *_):
        self.release()

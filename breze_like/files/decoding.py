"""One kind of error for everything that a parser may raise when a file is damaged."""

from collections.abc import Iterator
from contextlib import contextmanager

from breze_like.quoting import shown


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Turn every exception of the block into a ValueError of one line: "not a readable", what it was, why.

    h5py, NumPy, SciPy and pickle raise whatever they stumble over, in many words. A MemoryError stays
    what it is.

    Parameters
    ----------
    what : str
        What is read, for instance ``"MATLAB file"``.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ValueError(f"not a readable {what}: {type(error).__name__}: {shown(reason)}") from error

"""Read the piano rolls' original pickles without running what else a pickle may hold.

A pickle is a program: reading one from elsewhere with :func:`pickle.load` runs whatever its author
likes. The unpickler here builds lists, tuples, dicts, strings and integers and refuses to look up
anything but the names that a NumPy integer scalar is made of. For those it has stand-ins, so that
no code of NumPy's runs on unchecked input either.
"""

import pickle
import re
from typing import Any, BinaryIO


def load_notes(file: BinaryIO) -> Any:
    """Read a pickle of lists, tuples, dicts, integers and NumPy integer scalars.

    Parameters
    ----------
    file : binary file
        Written by Python 2 or 3, in any protocol.

    Returns
    -------
    object
        With every NumPy scalar as an ``int``.

    Raises
    ------
    pickle.UnpicklingError
        If the pickle names anything else. Damaged ones raise nearly any exception.
    """
    return _NotesUnpickler(file, encoding="latin1").load()


class _NotesUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}; only integers, lists, tuples and dicts are read"
            ) from None


class _StandIn:
    """A callable that a pickle can call but not alter."""

    def __init__(self, function):
        self._function = function

    def __call__(self, *arguments):
        return self._function(*arguments)

    def __setstate__(self, state):
        raise pickle.UnpicklingError("it alters what it may only call")


class _IntegerType:
    """For ``numpy.dtype``: an integer type of 1, 2, 4 or 8 bytes, signed or not."""

    def __init__(self, code, *_):
        if not (isinstance(code, str) and re.fullmatch("[iu][1248]", code)):
            raise pickle.UnpicklingError(f"it holds NumPy scalars of type {code!r}, not integers")
        self.signed = code[0] == "i"
        self.size = int(code[1])
        self.byte_order = "little"

    def __setstate__(self, state):
        # NumPy's state: version, byte order, and fields that integers don't have.
        self.byte_order = "big" if state[1] == ">" else "little"


def _integer(kind, value):
    """For ``numpy.core.multiarray.scalar``: the integer that some bytes stand for."""
    if not isinstance(kind, _IntegerType):
        raise pickle.UnpicklingError("it holds a NumPy scalar without a type")
    value = _to_bytes(value)
    if len(value) != kind.size:
        raise pickle.UnpicklingError(f"it holds an integer of {len(value)} bytes, not {kind.size}")
    return int.from_bytes(value, kind.byte_order, signed=kind.signed)


def _to_bytes(value, *_):
    """For ``_codecs.encode``, which old protocols need for bytes; Python 2 has them as strings."""
    if isinstance(value, str):
        return value.encode("latin1")
    if isinstance(value, bytes):
        return value
    raise pickle.UnpicklingError("it holds a NumPy scalar without bytes")


_STAND_INS = {
    ("numpy", "dtype"): _StandIn(_IntegerType),
    ("numpy.core.multiarray", "scalar"): _StandIn(_integer),
    ("numpy._core.multiarray", "scalar"): _StandIn(_integer),
    ("_codecs", "encode"): _StandIn(_to_bytes),
}

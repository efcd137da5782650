"""Read the original pickles of the piano rolls without running any code that a pickle may contain.

A pickle is a program: reading one from elsewhere with :func:`pickle.load` runs whatever its author
wanted. The unpickler here builds lists, tuples, dicts, strings and numbers, and refuses to look up
any names except those that NumPy's numbers and arrays consist of. For these it has stand-ins, so that
none of NumPy's code runs on unchecked input either.
"""

import math
import pickle
import re
from typing import Any, BinaryIO

import numpy as np

from breze_like.quoting import quote, shown


def load_notes(file: BinaryIO) -> Any:
    """Read a pickle of lists, tuples, dicts, numbers, and NumPy's numbers and arrays of them.

    Parameters
    ----------
    file : binary file
        Written by Python 2 or 3, in any protocol.

    Returns
    -------
    object
        With every NumPy scalar as an ``int`` or ``float``, and every array as a `PickledArray`.

    Raises
    ------
    pickle.UnpicklingError
        If the pickle names anything else. Damaged ones raise nearly any exception.
    """
    return _NotesUnpickler(file, encoding="latin1").load()


class PickledArray:
    """An array that was pickled: ``values`` are an ndarray of numbers, or a list of objects."""

    def __init__(self):
        self.values: np.ndarray | list = []

    def __setstate__(self, state):
        _, shape, kind, by_columns, data = state
        self._fill(shape, kind, "F" if by_columns else "C", data)

    def _fill(self, shape, kind, order, data):
        if not (isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)):
            raise pickle.UnpicklingError(f"it holds an array of shape {quote(shape)}")
        if not isinstance(kind, _NumberType):
            raise pickle.UnpicklingError("it holds an array without a type")
        if kind.code[0] == "O":
            fits = isinstance(data, list) and 1 <= len(shape) <= 3 and len(data) == math.prod(shape)
            # Of several dimensions, they are numbers: NumPy makes such arrays of sequences of one length, and
            # lists them by rows, whatever their order in memory was.
            if not fits or (len(shape) > 1 and not all(isinstance(value, int | float) for value in data)):
                raise pickle.UnpicklingError(f"it holds an array of objects of shape {quote(shape)}")
            self.values = data if len(shape) == 1 else np.array(data).reshape(shape)
            return
        data = _to_bytes(data)
        if len(shape) > 3 or len(data) != math.prod(shape) * kind.dtype.itemsize:
            raise pickle.UnpicklingError(f"it holds {len(data)} bytes for an array of shape {quote(shape)}")
        self.values = np.frombuffer(data, kind.dtype).reshape(shape, order=order)


class _NotesUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it refers to {shown(module, 40)}.{shown(name, 40)}; only numbers, lists, tuples, dicts and "
                "arrays are read"
            ) from None


class _StandIn:
    """A callable that a pickle can call but not alter."""

    def __init__(self, function):
        self._function = function

    def __call__(self, *arguments):
        return self._function(*arguments)

    def __setstate__(self, state):
        raise pickle.UnpicklingError("it modifies a function that it may only call")


class _NumberType:
    """For ``numpy.dtype``: a type of integers, signed or not, or floating-point numbers; or of objects."""

    def __init__(self, code, *_):
        if not (isinstance(code, str) and re.fullmatch("[iu][1248]|f[248]|b1|O[48]?", code)):
            raise pickle.UnpicklingError(f"it holds NumPy values of type {quote(code)}, not numbers")
        self.code, self.order = code, "<"

    @property
    def dtype(self):
        return np.dtype(self.code).newbyteorder(self.order)

    def __setstate__(self, state):
        # NumPy's state: version, byte order, and fields that numbers don't have.
        self.order = ">" if state[1] == ">" else "<"


def _scalar(kind, value):
    """For ``numpy.core.multiarray.scalar``: the number that some bytes stand for."""
    if not isinstance(kind, _NumberType) or kind.code[0] == "O":
        raise pickle.UnpicklingError("it holds a NumPy scalar without a type")
    value = _to_bytes(value)
    if len(value) != kind.dtype.itemsize:
        raise pickle.UnpicklingError(f"it holds a number of {len(value)} bytes, not {kind.dtype.itemsize}")
    return np.frombuffer(value, kind.dtype)[0].item()


def _empty_array(*_):
    """For ``numpy.core.multiarray._reconstruct``: what gets its state afterwards."""
    return PickledArray()


def _array_of_buffer(data, kind, shape, order):
    """For ``numpy.core.numeric._frombuffer``, which later protocols have."""
    array = PickledArray()
    array._fill(shape, kind, "F" if order == "F" else "C", data)
    return array


def _to_bytes(value, *_):
    """For ``_codecs.encode``, which old protocols need for bytes; Python 2 has them as strings."""
    if isinstance(value, str):
        return value.encode("latin1")
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    raise pickle.UnpicklingError("it holds a NumPy value without bytes")


def _no_bytes():
    return b""


_STAND_INS = {
    ("numpy", "dtype"): _StandIn(_NumberType),
    ("numpy", "ndarray"): _StandIn(_empty_array),
    ("_codecs", "encode"): _StandIn(_to_bytes),
    ("__builtin__", "bytes"): _StandIn(_no_bytes),  # of old protocols
    **{
        (f"{package}.{module}", name): _StandIn(function)
        for package in ("numpy.core", "numpy._core")
        for module, name, function in (
            ("multiarray", "scalar", _scalar),
            ("multiarray", "_reconstruct", _empty_array),
            ("numeric", "_frombuffer", _array_of_buffer),
        )
    },
}

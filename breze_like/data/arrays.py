"""NumPy's own files: ``.npy``, one array each, and ``.npz``, archives of them."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from breze_like.data.content import keys_of_splits
from breze_like.data.pickles import PickledArray, load_notes
from breze_like.files import open_regular
from breze_like.files.decoding import decoding
from breze_like.quoting import quote


def read_array(path: Path, name: str) -> NDArray:
    """The array of a ``.npy`` file.

    Raises
    ------
    ValueError
        If it can't be read, holds Python objects, or more than one array; it is called `name` then.
    """
    # Not numpy.load, which takes archives of several arrays, too.
    with decoding(f"NumPy file {name}"), open_regular(path) as file:
        array = npy.read_array(file, allow_pickle=False)
        if file.read(1):
            raise ValueError("it holds more than one array")
    return array


def read_archive(path: Path) -> dict[str, Any]:
    """The arrays of a ``.npz`` file that have a split's name, or all of them, by name.

    Those of objects are read as pickles are, running nothing.

    Raises
    ------
    ValueError
        If it can't be read, or two arrays have the same split's name.
    """
    with decoding("NumPy archive"), open_regular(path) as file, zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        arrays, members = {}, {name.removesuffix(".npy"): name for name in names}
        for name in keys_of_splits(name.removesuffix(".npy") for name in names).values() or members:
            with archive.open(members[name]) as member:
                arrays[name] = _read_member(member)
    return arrays


def _read_member(member):
    content = member.read(npy.MAGIC_LEN)
    version = npy.read_magic(_Replayed(content))
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"it holds an array of format {quote(version)}")
    shape, by_columns, dtype = readers[version](member)
    if dtype.hasobject:
        array = load_notes(member)
        return array.values if isinstance(array, PickledArray) else array
    n_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
    data = member.read(n_bytes + 1)
    if len(data) != n_bytes:
        raise ValueError(f"it holds {len(data)} bytes for an array of shape {quote(shape)}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if by_columns else "C")


class _Replayed:
    """A stream of bytes that were read already."""

    def __init__(self, content):
        self._content = content

    def read(self, n):
        found, self._content = self._content[:n], self._content[n:]
        return found

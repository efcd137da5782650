"""Arrays in HDF5 files that others may have made: only what is stored in the file itself is read.

Links, external storage and virtual arrays would lead to other files.
"""

from collections.abc import Sequence
from pathlib import Path

import h5py
from numpy.typing import NDArray

from breze_like.quoting import shown

# What deflate can't exceed, and up to which size that does not matter.
MAX_COMPRESSION = 1100
MAX_UNSTORED_BYTES = 10**8


def is_in(key: str, group: h5py.Group | h5py.Dataset | h5py.Datatype) -> bool:
    """Whether a group, which must be one, holds something by a name."""
    if not isinstance(group, h5py.Group):
        raise ValueError(f"{shown(group.name)} must be a group")
    return key in group


def own(group: h5py.Group, key: str) -> h5py.Group | h5py.Dataset:
    """What a group holds by a name, if that is in this file: links lead anywhere."""
    if not isinstance(group.get(key, getlink=True), h5py.HardLink):
        raise ValueError(f"{shown(f'{group.name}/{key}')} must be stored in the file itself")
    return group[key]


def stored(item: h5py.Group | h5py.Dataset) -> h5py.Dataset:
    """The same, if it is an array, and in the file itself: one that refers to others reads these."""
    name = shown(item.name)
    if not isinstance(item, h5py.Dataset):
        raise ValueError(f"{name} must be an array")
    if item.is_virtual or item.external:
        raise ValueError(f"{name} must be stored in the file itself")
    if item.shape is None:
        raise ValueError(f"{name} must be an array")
    return item


def own_texts(file: h5py.File, names: Sequence[str]) -> dict[str, str] | None:
    """Those of these attributes that are there, if all are of fixed length, of which HDF5 has checksums.

    Others lie in a heap without, where one changed bit can have HDF5 look for their end for ever: then None.
    """
    found = {name: file.attrs.get_id(name) for name in names if name in file.attrs}
    kinds = [h5py.check_string_dtype(attribute.dtype) for attribute in found.values()]
    if any(kind is None or kind.length is None for kind in kinds):
        return None
    return {name: _text(file, name) for name in found}


def _text(file, name):
    value = file.attrs[name]
    return value.decode() if isinstance(value, bytes) else str(value)


def arrays_of(file: h5py.File) -> dict[str, h5py.Dataset]:
    """All arrays of numbers of a file by name, not yet read, if it holds nothing else."""
    arrays = {name: stored(own(file, name)) for name in file}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu":
            raise ValueError(f"{shown(name)} is {shown(array.dtype)} {array.shape}, not an array of numbers")
    return arrays


def read_whole(path: Path, names: Sequence[str]) -> tuple[dict[str, NDArray], dict[str, str]]:
    """The arrays of a file, and these of its attributes, wherever they lie: for a process of its own."""
    with h5py.File(path) as file:
        arrays = {name: stored_array(array) for name, array in arrays_of(file).items()}
        return arrays, {name: _text(file, name) for name in names if name in file.attrs}


def stored_array(item: h5py.Group | h5py.Dataset) -> NDArray:
    """The array that a file says that it holds; compressed, a little file may hold a huge one."""
    array = stored(item)
    n_stored = array.id.get_storage_size()
    if array.nbytes > max(MAX_UNSTORED_BYTES, MAX_COMPRESSION * n_stored):
        raise ValueError(
            f"{shown(array.name)} must be completely in the file, got {n_stored} of {array.nbytes} bytes"
        )
    return array[()]

"""Arrays in HDF5 files that others may have made: what lies in the file itself, and no more than that.

Links, external storage and virtual arrays would read other files.
"""

import h5py
from numpy.typing import NDArray

from breze_like.quoting import shown

# What deflate can't exceed, and up to which size that does not matter.
MAX_COMPRESSION = 1100
MAX_UNSTORED_BYTES = 10**8


def own(group: h5py.Group, key: str) -> h5py.Group | h5py.Dataset:
    """What a group holds by a name, if that is in this file: links lead anywhere."""
    if not isinstance(group, h5py.Group):
        raise ValueError(f"{shown(group.name)} must be a group")
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


def stored_array(item: h5py.Group | h5py.Dataset) -> NDArray:
    """The array that a file says that it holds; compressed, a little file may hold a huge one."""
    array = stored(item)
    n_stored = array.id.get_storage_size()
    if array.nbytes > max(MAX_UNSTORED_BYTES, MAX_COMPRESSION * n_stored):
        raise ValueError(
            f"{shown(array.name)} must be in the file as a whole, got {n_stored} of {array.nbytes} bytes"
        )
    return array[()]

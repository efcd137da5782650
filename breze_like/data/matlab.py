"""MATLAB files with ``traindata``, ``validdata`` and ``testdata``, cell arrays of piano rolls.

Files of version 7.3 are HDF5: a cell array is an array of references, and arrays are transposed.
"""

from pathlib import Path

import h5py
import numpy as np
import scipy.io
import scipy.sparse

from breze_like.data.content import Content, keys_of_splits
from breze_like.data.dataset import SPLITS
from breze_like.files import open_regular
from breze_like.files.decoding import decoding
from breze_like.files.stored import own, stored_array
from breze_like.music.rolls import N_KEYS
from breze_like.quoting import shown
from breze_like.sequences import check_sequences

SUFFIX = "data"


def read_matlab(path: Path) -> Content:
    """Read a MATLAB file of version 5 to 7; version 4 has no cell arrays.

    Raises
    ------
    ValueError
        If it is damaged, or holds anything else, such as sparse matrices.
    """
    with decoding("MATLAB file"), open_regular(path) as stream:
        keys = _keys(name for name, *_ in scipy.io.whosmat(stream))
        stream.seek(0)
        content = scipy.io.loadmat(stream, variable_names=list(keys.values()))
    return _content({split: _cells(content, key) for split, key in _all(keys).items()})


def read_matlab_73(path: Path) -> Content:
    """Read a MATLAB file of version 7.3, as `read_matlab` reads others."""
    with decoding("MATLAB file"), open_regular(path) as stream, h5py.File(stream, "r") as file:
        keys = _keys(file)
        if len(keys) == len(SPLITS):
            splits = {split: _referenced(file, own(file, key)) for split, key in keys.items()}
    _all(keys)
    return _content(splits)


def _keys(names):
    return keys_of_splits(names, SUFFIX)


def _all(keys):
    for split in SPLITS:
        if split not in keys:
            raise ValueError(f"must have traindata, validdata and testdata, got no {split}{SUFFIX}")
    return keys


def _cells(content, key):
    if scipy.sparse.issparse(content[key]) or content[key].dtype != object:
        got = (
            "a sparse matrix" if scipy.sparse.issparse(content[key]) else f"an array of {content[key].dtype}"
        )
        raise ValueError(f"{key} must be a cell array of piano rolls, got {shown(got)}")
    cells = content[key].ravel()
    _check_full([scipy.sparse.issparse(cell) for cell in cells], key)
    return cells


def _check_full(are_sparse, key):
    """Raise a ValueError if one of the cells is sparse, counted from 1, as MATLAB does."""
    for number, is_sparse in enumerate(are_sparse, 1):
        if is_sparse:
            raise ValueError(
                f"{key}{{{number}}} is a sparse matrix: save full({key}{{{number}}}) in its place"
            )


def _referenced(file, cells):
    """The arrays that a cell array refers to, transposed as MATLAB has them."""
    name = shown(cells.name)
    references = stored_array(cells)
    if h5py.check_ref_dtype(references.dtype) is not h5py.Reference:
        raise ValueError(f"{name} must be a cell array of piano rolls, got an array of {references.dtype}")
    cells = [file[reference] for reference in references.ravel()]
    _check_full(["MATLAB_sparse" in cell.attrs for cell in cells], name.removeprefix("/"))
    return [np.ascontiguousarray(stored_array(cell).T) for cell in cells]


def _content(cells):
    return Content(
        {split: check_sequences(list(cells[split]), N_KEYS, name=split) for split in SPLITS if split in cells}
    )

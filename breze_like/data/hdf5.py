"""The project's own file format, HDF5: writing, and reading, with checks of files from elsewhere.

A group for each split, ``train``, ``valid`` and ``test``, holds

- ``notes`` (n_total, 88) ``uint8``, the split's piano rolls one after another, or, for any other
  data, ``values`` (n_total, n_features): binary if integers, real-valued if floating-point;
- ``lengths`` (n_sequences,), the number of steps of each sequence;
- the attribute ``digest``, see :func:`breze_like.data.digest`;

and the file has the attributes ``name``, ``source`` and ``licence``.
"""

import io
from pathlib import Path

import h5py
import numpy as np

from breze_like.data.content import Content, keys_of_splits
from breze_like.data.dataset import SPLITS, Dataset
from breze_like.files import PathLike, open_regular, replacing
from breze_like.files.decoding import decoding
from breze_like.files.stored import is_in, own, stored_array
from breze_like.music.rolls import N_KEYS
from breze_like.quoting import shown
from breze_like.sequences import check_sequences


def read_hdf5(path: Path) -> Content:
    """Read a file of this project's layout.

    Raises
    ------
    ValueError
        If it is damaged or of another layout, or takes arrays from elsewhere.
    """
    keys = ("notes", "values", "lengths")
    with decoding("HDF5 file"), open_regular(path) as stream, h5py.File(stream, "r") as file:
        attributes = {key: _text(file.attrs.get(key, "")) for key in ("name", "source", "licence")}
        groups = {split: own(file, key) for split, key in keys_of_splits(file).items()}
        content = {
            split: {key: stored_array(own(group, key)) for key in keys if is_in(key, group)}
            for split, group in groups.items()
        }
    splits = {split: _split_values(content.get(split), split) for split in SPLITS}
    if all("notes" in arrays for arrays in content.values()):
        splits = {split: check_sequences(rolls, N_KEYS, name=split) for split, rolls in splits.items()}
    return Content(splits, **attributes)


def _text(value):
    """Text of an attribute, which some programs write as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _split_values(arrays, split):
    """Sequences of one split, from its arrays by name."""
    if arrays is None:
        raise ValueError(f"must have the groups {', '.join(SPLITS)}, got no {split}")
    if "lengths" not in arrays or ("notes" in arrays) == ("values" in arrays):
        found = ", ".join(arrays) or "nothing"
        raise ValueError(f"{split} must have lengths and either notes or values, got {found}")
    values = arrays.get("notes", arrays.get("values"))
    lengths = arrays["lengths"]
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu":
        got = shown(f"{lengths.dtype} of shape {lengths.shape}")
        raise ValueError(f"{split} lengths must be a list of positive integers, got {got}")
    if (lengths < 1).any():
        raise ValueError(f"{split} lengths must be a list of positive integers, got {lengths.min()}")
    if values.ndim != 2 or len(values) != sum(lengths.tolist()):
        n_steps = sum(lengths.tolist())
        raise ValueError(f"{split} must have the {n_steps} steps of its lengths, got shape {values.shape}")
    return np.split(values, np.cumsum(lengths)[:-1])


def write_hdf5(path: PathLike, dataset: Dataset) -> None:
    """Write a data set in this project's own layout, completely or not at all.

    Parameters
    ----------
    path : str or path-like
        A file of this name is replaced.
    dataset : Dataset

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    # In memory first: where a disk is full, the HDF5 library ends the process as it closes a file.
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        _write(file, dataset)
    with replacing(path) as stream:
        stream.write(content.getbuffer())


def _write(file, dataset):
    file.attrs.update(name=dataset.name, source=dataset.source, licence=dataset.licence)
    key = "notes" if dataset.binary and dataset.n_features == N_KEYS else "values"
    for split in SPLITS:
        sequences = getattr(dataset, split)
        group = file.create_group(split)
        group.attrs["digest"] = dataset.digests[split]
        group["lengths"] = np.array([len(sequence) for sequence in sequences], dtype=np.uint32)
        # With checksums, so that a reader notices a damaged file.
        group.create_dataset(
            key, data=np.concatenate(sequences), compression=6, shuffle=True, fletcher32=True
        )

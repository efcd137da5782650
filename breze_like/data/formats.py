"""Read data sets from files of several kinds and from folders; write them as HDF5.

What users have:

* MATLAB files with ``traindata``, ``validdata`` and ``testdata``, cell arrays of piano rolls;
* pickles, and JSON files of the same layout: ``train``, ``valid`` and ``test``, each a list of
  sequences, each a list of the MIDI notes 21 to 108 that sound at a step;
* HDF5 files in this project's own layout: a group for each split, which holds

  - ``notes`` (n_total, 88) ``uint8``, the split's piano rolls one after another, or, for any other
    data, ``values`` (n_total, n_features): binary if integers, real-valued if floating-point;
  - ``lengths`` (n_sequences,), the number of steps of each sequence;
  - the attribute ``digest``, see :func:`breze_like.data.digest`;

  and the file's attributes ``name``, ``source`` and ``licence``;
* folders of ``.npy`` or MIDI files, one for each sequence, see :mod:`breze_like.data.folders`.
"""

import itertools
import json
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from breze_like.data.dataset import SPLITS, Dataset
from breze_like.data.folders import MAX_ARRAY_BYTES, read_folder
from breze_like.data.pickles import load_notes
from breze_like.decoding import decoding
from breze_like.files import PathLike, replacing
from breze_like.music.rolls import HIGHEST_NOTE, LOWEST_NOTE, N_KEYS
from breze_like.sequences import check_sequences

# What deflate can't exceed, and up to which size that does not matter.
MAX_COMPRESSION = 1100
MAX_UNSTORED_BYTES = 10**8


def read(path: PathLike, steps_per_quarter: int = 2) -> Dataset:
    """Read a data set from a MATLAB, pickle, JSON or HDF5 file, which its content tells apart, or a folder.

    Parameters
    ----------
    path : str or path-like
    steps_per_quarter : int
        Grid of a folder's MIDI files: 1, 2 or 4.

    Returns
    -------
    Dataset
        Its name is the one in the file, else the file's without extension, or the folder's. Nothing is
        verified: that is what :func:`breze_like.data.load` adds.

    Raises
    ------
    ValueError
        If there is no such file or folder, or it is damaged or none of these kinds, or holds anything but
        what it should. The message is one line and names the file.

    Warns
    -----
    UserWarning
        If notes of MIDI files are left out, with how many and why.
    """
    path = Path(path)
    try:
        return read_folder(path, steps_per_quarter) if path.is_dir() else _reader(path)(path)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _reader(path):
    with open(path, "rb") as file:
        start = file.read(64).lstrip()
    readers = {
        b"\x89HDF": _read_hdf5,
        b"MATLAB": _read_matlab,
        b"{": _read_json,
        b"\x80": _read_pickle,  # protocol 2 and later
        b"(d": _read_pickle,  # protocol 0
        b"}": _read_pickle,  # protocol 1
    }
    for magic, reader in readers.items():
        if start.startswith(magic):
            return reader
    rule = "must be a MATLAB, HDF5, JSON or pickle file or a folder of .npy or .mid files"
    raise ValueError(f"{rule}, got a file that begins with {start[:16]!r}")


def _read_matlab(path):
    keys = {split: f"{split}data" for split in SPLITS}
    with decoding("MATLAB file"):
        content = scipy.io.loadmat(path, appendmat=False, variable_names=list(keys.values()))
    for key in keys.values():
        if key not in content:
            raise ValueError(f"must have traindata, validdata and testdata, got no {key}")
        if content[key].dtype != object:
            raise ValueError(
                f"{key} must be a cell array of piano rolls, got an array of {content[key].dtype}"
            )
    return _rolls(path.stem, {split: content[key].ravel() for split, key in keys.items()})


def _read_pickle(path):
    with decoding("pickle file"), open(path, "rb") as file:
        content = load_notes(file)
    return _notes(path.stem, content)


def _read_json(path):
    with decoding("JSON file"):
        content = json.loads(path.read_bytes())
    return _notes(path.stem, content)


def _notes(name, content):
    if not isinstance(content, dict) or not set(SPLITS) <= set(content):
        raise ValueError(f"must be a dictionary of {', '.join(SPLITS)}, got {_named(content)}")
    splits = {}
    for split in SPLITS:
        _check_list(content[split], split)
        splits[split] = [
            _roll(sequence, f"{split}[{index}]") for index, sequence in enumerate(content[split])
        ]
    return _rolls(name, splits)


def _named(content):
    """What was found instead of a dictionary of splits, in words."""
    if not isinstance(content, dict):
        return type(content).__name__
    return ", ".join(map(str, content)) or "an empty one"


def _roll(steps, name):
    """Piano roll (n_steps, 88) of a list of lists of MIDI notes."""
    _check_list(steps, name)
    for step, notes in enumerate(steps):
        _check_list(notes, f"{name}[{step}]")
        for note in notes:
            if type(note) is not int or not LOWEST_NOTE <= note <= HIGHEST_NOTE:
                rule = f"MIDI notes {LOWEST_NOTE} to {HIGHEST_NOTE}"
                # The text of a list in place of a note may be endless.
                got = repr(note) if isinstance(note, int | float | str) else type(note).__name__
                raise ValueError(f"{name}[{step}] must be {rule}, got {got:.40}")
    roll = np.zeros((len(steps), N_KEYS), dtype=np.uint8)
    rows = np.repeat(np.arange(len(steps)), [len(notes) for notes in steps])
    keys = np.fromiter(itertools.chain.from_iterable(steps), dtype=int) - LOWEST_NOTE
    roll[rows, keys] = 1
    return roll


def _check_list(value, name):
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} must be a list, got {type(value).__name__}")


def _rolls(name, splits, **attributes):
    """Data set of binary sequences of 88 keys, which are checked before anything else is."""
    checked = {split: check_sequences(sequences, N_KEYS, name=split) for split, sequences in splits.items()}
    return Dataset(name, **checked, **attributes)


def _read_hdf5(path):
    keys = ("notes", "values", "lengths")
    with decoding("HDF5 file"), h5py.File(path) as file:
        attributes = {key: _text(file.attrs.get(key, "")) for key in ("name", "source", "licence")}
        content = {
            split: {key: _array(file[split][key]) for key in keys if key in file[split]}
            for split in SPLITS
            if split in file
        }
    name = attributes.pop("name") or path.stem
    splits = {split: _split_values(content.get(split), split) for split in SPLITS}
    if all("notes" in arrays for arrays in content.values()):
        return _rolls(name, splits, **attributes)
    return Dataset(name, **splits, **attributes)


def _array(stored):
    """The array that a file says that it holds; compressed, a little file may hold a huge one.

    It must be in the file itself: an array that is put together from other files reads them, too.
    """
    if not isinstance(stored, h5py.Dataset) or stored.shape is None:
        raise ValueError(f"{stored.name} must be an array")
    if stored.is_virtual or stored.external:
        raise ValueError(f"{stored.name} must be stored in the file itself")
    if stored.nbytes > MAX_ARRAY_BYTES:
        raise ValueError(f"{stored.name} is larger than {MAX_ARRAY_BYTES / 1e9:.0f} GB")
    n_stored = stored.id.get_storage_size()
    if stored.nbytes > max(MAX_UNSTORED_BYTES, MAX_COMPRESSION * n_stored):
        raise ValueError(
            f"{stored.name} must be in the file as a whole, got {n_stored} of {stored.nbytes} bytes"
        )
    return stored[()]


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
        got = f"{lengths.dtype} of shape {lengths.shape}"
        raise ValueError(f"{split} lengths must be a list of positive integers, got {got}")
    if (lengths < 1).any():
        raise ValueError(f"{split} lengths must be a list of positive integers, got {lengths.min()}")
    if values.ndim != 2 or len(values) != lengths.sum():
        raise ValueError(
            f"{split} must have the {lengths.sum()} steps of its lengths, got shape {values.shape}"
        )
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
    with replacing(path) as stream, h5py.File(stream, "w") as file:
        _write(file, dataset)


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

"""Read data sets from folders of NumPy's ``.npy`` files or of MIDI files, each of them one sequence.

A folder has either

* the subfolders ``train``, ``valid`` and ``test`` with the files of each split, or
* all files in itself; they are then divided at random, see :func:`divide`.

A ``.npy`` file is an array (n_steps, n_features). Integers and booleans are binary data, all 0 or 1; if one
of the files has floating-point numbers, the data are real-valued. A MIDI file, ``.mid`` or ``.midi``, is a
piano roll, see :mod:`breze_like.music.midi`. A split's sequences are in the order of the file names. Hidden
files, and what is not called so, are left alone.
"""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breze_like.data.dataset import SPLITS, Dataset, is_integer
from breze_like.decoding import decoding
from breze_like.music.midi import read_midi, report
from breze_like.sequences import check_sequence

SEED = 0
MIDI_EXTENSIONS = (".mid", ".midi")
SEQUENCE_EXTENSIONS = (".npy", *MIDI_EXTENSIONS)
MAX_ARRAY_BYTES = 2_000_000_000  # of an array, so that a wrong file does not take all memory


def read_folder(folder: Path, steps_per_quarter: int = 2) -> Dataset:
    """Read a data set; it is called what the folder is called.

    Parameters
    ----------
    folder : Path
    steps_per_quarter : int
        Grid of MIDI files.

    Returns
    -------
    Dataset

    Raises
    ------
    OSError
        If the folder can't be read.
    ValueError
        If a subfolder or files are missing, or a file is damaged, holds Python objects, or breaks a rule of
        :func:`breze_like.data.check_sequences`, or there are files of both kinds. The message is one line
        and names the file.

    Warns
    -----
    UserWarning
        If notes of MIDI files are left out, with how many and why.
    """
    names = _names_by_split(folder)
    sequences = read_files(folder, [name for split in SPLITS for name in names[split]], steps_per_quarter)
    splits = {split: [sequences[name] for name in names[split]] for split in SPLITS}
    return Dataset(folder.resolve().name, splits["train"], splits["valid"], splits["test"])


def read_files(folder: Path, names: Sequence[str], steps_per_quarter: int = 2) -> dict[str, NDArray]:
    """Read some files of a folder, all of one kind and with the same number of features.

    Parameters
    ----------
    folder : Path
    names : list of str
        Relative to the folder.
    steps_per_quarter : int
        Grid of MIDI files.

    Returns
    -------
    dict of str to ndarray, shape (n_steps, n_features)
        By name; `uint8` if all data are binary.

    Raises
    ------
    OSError, ValueError
        As `read_folder`.
    """
    midi_names = [name for name in names if name.lower().endswith(MIDI_EXTENSIONS)]
    if not midi_names:
        return _check({name: _read_array(folder, name) for name in names})
    if len(midi_names) < len(names):
        raise ValueError("must have .npy files or .mid files, got both: put them into two folders")
    rolls = {name: read_midi(folder / name, steps_per_quarter, name) for name in names}
    if left_out := report(rolls.values()):
        where = folder / names[0] if len(names) == 1 else folder
        warnings.warn(f"{where}: {left_out}", stacklevel=2)
    return _check({name: roll.roll for name, roll in rolls.items()})


def names_of_files(folder: Path) -> list[str]:
    """Names of the sequences' files that lie in the folder itself, in order."""
    paths = (path for path in folder.iterdir() if path.suffix.lower() in SEQUENCE_EXTENSIONS)
    return sorted(path.name for path in paths if not path.name.startswith("."))


def divide(names: Sequence[str]) -> dict[str, list[str]]:
    """Divide files into splits: a fifth for validation, a fifth for testing, the others for training.

    The random permutation has a fixed seed, 0, so the same number of files is divided the same way each time.

    Parameters
    ----------
    names : list of str
        In order, at least 3.

    Returns
    -------
    dict of str to list of str
        For each split its names, at least one, in order.

    Raises
    ------
    ValueError
        If there are fewer than 3.
    """
    if len(names) < 3:
        rule = f"must have the subfolders {', '.join(SPLITS)}, or 3 .npy or .mid files at least"
        raise ValueError(f"{rule}, got {len(names)} files")
    # RandomState: its permutations are the same in all versions of NumPy.
    order = np.random.RandomState(SEED).permutation(len(names))  # noqa: NPY002
    n_held_out = max(1, round(len(names) / 5))
    test, valid, train = np.split(order, [n_held_out, 2 * n_held_out])
    indices = {"train": train, "valid": valid, "test": test}
    return {split: [names[index] for index in sorted(indices[split])] for split in SPLITS}


def _names_by_split(folder):
    """Names of each split's files, relative to the folder."""
    if not any((folder / split).is_dir() for split in SPLITS):
        return divide(names_of_files(folder))
    names = {}
    for split in SPLITS:
        if not (folder / split).is_dir():
            raise ValueError(
                f"must have the subfolders {', '.join(SPLITS)}, got no {split}: make it, or use one folder"
            )
        names[split] = [f"{split}/{name}" for name in names_of_files(folder / split)]
        if not names[split]:
            raise ValueError(
                f"{split} must have .npy or .mid files, got none: put some of the sequences there"
            )
    return names


def _check(arrays):
    """The same arrays, by name, as sequences of one data type."""
    binary = all(map(is_integer, arrays.values()))
    n_features = None
    for name, array in arrays.items():
        arrays[name] = check_sequence(array, n_features, binary, name)
        n_features = array.shape[1]
    return arrays


def _read_array(folder, name):
    # Not numpy.load, which takes archives of several arrays, too.
    with decoding(f"NumPy file {name}"), open(folder / name, "rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_ARRAY_BYTES:
            raise ValueError(f"it is larger than {MAX_ARRAY_BYTES / 1e9:.0f} GB")
        array = np.lib.format.read_array(file, allow_pickle=False)
        if file.read(1):
            raise ValueError("there is more in it than one array")
    return array

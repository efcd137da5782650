"""Read data sets from folders of NumPy's ``.npy`` files, MIDI files or tables, each of them one sequence.

A folder has either

* the subfolders ``train``, ``valid`` (or ``validation``) and ``test`` with the files of each split, at any
  depth, or
* all files directly in it; they are then divided at random, see :func:`breze_like.data.dividing.divide`.

A ``.npy`` file is an array (n_steps, n_features). Integers and booleans are binary data, all 0 or 1; if one
of the files has floating-point numbers, the data are real-valued. A MIDI file, ``.mid`` or ``.midi``, is a
piano roll, see :mod:`breze_like.music.midi`. Tables, ``.csv`` or ``.tsv``, see
:mod:`breze_like.data.tables`, are read only if there are no other files. A split's sequences are in the order
of the file names. Sequences that lie elsewhere in the folder are left out, with a warning. Hidden files, and
files with other extensions, are ignored.
"""

import os
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from numpy.typing import NDArray

from breze_like.data.content import keys_of_splits
from breze_like.data.dataset import SPLITS, Dataset, is_integer
from breze_like.data.dividing import divide
from breze_like.data.process import Job, read_apart, usual_limits
from breze_like.music.midi import MidiRoll, report
from breze_like.quoting import shown, shown_path
from breze_like.sequences import check_array, check_sequence

MIDI_EXTENSIONS = (".mid", ".midi")
TABLE_EXTENSIONS = (".csv", ".tsv")
SEQUENCE_EXTENSIONS = (".npy", *MIDI_EXTENSIONS, *TABLE_EXTENSIONS)
MAX_NAMED = 10  # files that one message names


def read_folder(
    folder: Path, steps_per_quarter: int = 2, limits: bool | None = None, leave_out: bool = False
) -> Dataset:
    """Read a data set; it is called what the folder is called.

    Parameters
    ----------
    folder : Path
    steps_per_quarter, limits, leave_out
        As of `breze_like.data.read`.

    Returns
    -------
    Dataset

    Raises
    ------
    OSError
        If the folder can't be read.
    ValueError
        If a subfolder or files are missing, or files are damaged, hold Python objects, or break a rule of
        :func:`breze_like.data.check_sequences`, or there are files of both kinds. The message is one line
        and names the files.

    Warns
    -----
    UserWarning
        If notes of MIDI files, or files, are left out, with how many and why, or notes may be lost to damage.
    """
    names = _names_by_split(folder)
    in_order = [name for split in names for name in names[split]] or _names_to_divide(folder)
    warn_of_others(folder, in_order, f"one of {', '.join(SPLITS)}" if names else "the folder itself")
    sequences = read_files(folder, in_order, steps_per_quarter, limits, leave_out)
    names = names or divide(list(sequences))
    splits = {split: [sequences[name] for name in names[split] if name in sequences] for split in SPLITS}
    return Dataset(shown_path(folder.resolve().name), splits["train"], splits["valid"], splits["test"])


def read_files(
    folder: Path,
    names: Sequence[str],
    steps_per_quarter: int = 2,
    limits: bool | None = None,
    leave_out: bool = False,
) -> dict[str, NDArray]:
    """Read some files of a folder, all of one kind and with the same number of features, in one process.

    That number, and the names of a table's columns, are those of most files, or of the first one where
    several are as common.

    Parameters
    ----------
    folder : Path
    names : list of str
        Relative to the folder.
    steps_per_quarter, limits, leave_out
        As of `breze_like.data.read`.

    Returns
    -------
    dict of str to ndarray, shape (n_steps, n_features)
        By name; `uint8` if all data are binary.

    Raises
    ------
    OSError, ValueError
        As `read_folder`.
    """
    kinds = {name: _kind(name) for name in names}
    if "midi" in kinds.values() and len(set(kinds.values())) > 1:
        raise ValueError("must have .npy files or .mid files, got both: put them into two folders")
    jobs = [
        job_of(kind, folder / name, shown_path(name), *([steps_per_quarter] if kind == "midi" else []))
        for name, kind in kinds.items()
    ]
    answers = dict(zip(names, read_apart(jobs, usual_limits(limits)), strict=True))
    wrong = {name: answer for name, answer in answers.items() if isinstance(answer, ValueError)}
    arrays = {name: answer.arrays[0] for name, answer in answers.items() if name not in wrong}
    sequences, more_wrong = _check(arrays)
    more_wrong |= _other_columns({name: answers[name].about.get("columns") for name in sequences})
    sequences = {name: sequence for name, sequence in sequences.items() if name not in more_wrong}
    if wrong := {**wrong, **more_wrong}:
        message = _message(wrong, len(names))
        if not leave_out or not sequences:
            raise ValueError(message)
        warnings.warn(f"{shown_path(folder)}: left out: {message}", stacklevel=2)
    songs = [answers[name] for name in sequences if kinds[name] == "midi"]
    if left_out := report([MidiRoll(song.arrays[0], **song.about) for song in songs]):
        where = folder / names[0] if len(names) == 1 else folder
        warnings.warn(f"{shown_path(where)}: {left_out}", stacklevel=2)
    return sequences


def job_of(kind: str, path: Path, *arguments: object) -> Job:
    """A file that is to be read apart; that it is missing is found there."""
    n_bytes = os.stat(path).st_size if os.path.isfile(path) else 0
    return Job(kind, str(path), n_bytes, arguments)


def names_of_files(folder: Path, deep: bool = False) -> list[str]:
    """Names of the sequences' files in the folder itself, or also below it, relative to it, in order.

    Tables don't count if there are other files.
    """
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if deep and not name.startswith(".")]
        found += [Path(parent, name).relative_to(folder) for name in files if not name.startswith(".")]
    found = [path for path in found if path.suffix.lower() in SEQUENCE_EXTENSIONS]
    others = [path for path in found if path.suffix.lower() not in TABLE_EXTENSIONS]
    return sorted(path.as_posix() for path in others or found)


def _kind(name):
    extension = Path(name).suffix.lower()
    return {".npy": "array", ".csv": "table", ".tsv": "table"}.get(extension, "midi")


def _names_to_divide(folder):
    names = names_of_files(folder) or names_of_files(folder, deep=True)
    if len(names) < len(SPLITS):
        rule = f"must have the subfolders {', '.join(SPLITS)}, or at least 3 .npy, .csv or .mid files"
        raise ValueError(f"{rule}, got {len(names)} files")
    return names


def _names_by_split(folder):
    """Names of each split's files, relative to the folder; none if there are no subfolders of splits."""
    subfolders = keys_of_splits(path.name for path in folder.iterdir() if path.is_dir())
    if not subfolders:
        return {}
    names = {}
    for split in SPLITS:
        if split not in subfolders:
            raise ValueError(
                f"must have the subfolders {', '.join(SPLITS)}, got no {split}: make it, or put all "
                "files into one folder"
            )
        own = subfolders[split]
        names[split] = [f"{own}/{name}" for name in names_of_files(folder / own, deep=True)]
        if not names[split]:
            raise ValueError(
                f"{own} must have .npy, .csv or .mid files, got none: move some of the sequences there"
            )
    return names


def warn_of_others(folder, names, place):
    """Warn of files of sequences that are not among `names`, since they lie elsewhere than in some place."""
    if others := sorted(set(names_of_files(folder, deep=True)) - set(names)):
        which = _listed(map(shown_path, others), ", ")
        warnings.warn(
            f"{shown_path(folder)}: left out: {which}: if they belong to the data, move them into {place}",
            stacklevel=4,
        )


def _check(arrays):
    """The same arrays, by name, as sequences of one data type; and what is wrong with others.

    They have as many features as most arrays have; what others are does not matter to the data type.
    """
    arrays, wrong = _passing(check_array, arrays)
    n_features = _most_common(array.shape[1] for array in arrays.values())
    binary = all(is_integer(array) for array in arrays.values() if array.shape[1] == n_features)
    checked, more_wrong = _passing(
        lambda array, name: check_sequence(array, n_features, binary, name, missing=not binary), arrays
    )
    return checked, wrong | more_wrong


def _passing(check, arrays):
    """What a check of an array and its name returns, by name; and the errors of others."""
    passed, wrong = {}, {}
    for name, array in arrays.items():
        try:
            passed[name] = check(array, shown_path(name))
        except ValueError as error:
            wrong[name] = error
    return passed, wrong


def _other_columns(columns):
    """What is wrong with tables whose columns have other names than those of most, by name."""
    expected, wrong = _most_common(tuple(names) for names in columns.values() if names), {}
    for name, names in columns.items():
        if names and tuple(names) != expected:
            rule, got = (shown(", ".join(own)) for own in (expected, names))
            wrong[name] = ValueError(f"columns must be {rule}, as in other files, got {got}")
    return wrong


def _most_common(values):
    """Of several that are as common, the first one."""
    counts = Counter(values)
    return max(counts, key=counts.get, default=None)


def _message(wrong, n):
    """One line about the files that can't be read, by name, of n."""
    reasons = _listed((_reason(name, error) for name, error in wrong.items()), "; ")
    return reasons if len(wrong) == 1 else f"{len(wrong)} of {n} files can't be read: {reasons}"


def _listed(texts, between):
    """Some texts in one, of at most `MAX_NAMED` of them."""
    first, n_more = (texts := list(texts))[:MAX_NAMED], len(texts) - MAX_NAMED
    return between.join([*first, f"and {n_more} more"] if n_more > 0 else first)


def _reason(name, error):
    """What is wrong with a file; messages of the readers' own name it, those of its process don't."""
    name, message = shown_path(name), str(error)
    return message if name in message else f"{name}: {message}"

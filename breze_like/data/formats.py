"""Read data sets from files of several kinds and from folders.

What users have:

* MATLAB files with ``traindata``, ``validdata`` and ``testdata``, cell arrays of piano rolls, see
  :mod:`breze_like.data.matlab`;
* pickles, JSON files and NumPy's ``.npz``: ``train``, ``valid`` and ``test``, each a list of sequences, see
  :mod:`breze_like.data.notes`;
* HDF5 files in this project's own layout, see :mod:`breze_like.data.hdf5`;
* long tables, see :mod:`breze_like.data.long_tables`;
* folders of ``.npy``, MIDI or CSV files, one for each sequence, see :mod:`breze_like.data.folders`.

Except for folders, kinds of files are recognised by their content.
"""

import json
import re
import warnings
from pathlib import Path

from breze_like.data.arrays import read_archive
from breze_like.data.content import Content, keys_of_splits
from breze_like.data.dataset import SPLITS, Dataset
from breze_like.data.folders import TABLE_EXTENSIONS, job_of, read_folder
from breze_like.data.notes import sequences_of
from breze_like.data.pickles import load_notes
from breze_like.data.process import Found, read_apart, usual_limits
from breze_like.files import PathLike, open_regular
from breze_like.files.decoding import decoding
from breze_like.quoting import quote, shown, shown_path

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
HDF5_MAGIC = b"\x89HDF"


def read(
    path: PathLike, steps_per_quarter: int = 2, limits: bool | None = None, leave_out: bool = False
) -> Dataset:
    """Read a data set from a file or folder, in a separate process.

    Parameters
    ----------
    path : str or path-like
        A MATLAB, pickle, JSON, ``.npz``, HDF5 or CSV file or a folder.
    steps_per_quarter : int
        Grid of a folder's MIDI files: 1, 2 or 4.
    limits : bool, optional
        Whether time, memory and size are limited, see `breze_like.data.process.Limits`; by default they are,
        unless ``$BREZE_LIKE_LIMITS`` is "off".
    leave_out : bool
        Whether files of a folder that can't be read are left out, with a warning, instead of an error.

    Returns
    -------
    Dataset
        Its name is the one in the file, else the file's without extension, or the folder's. Nothing is
        verified: that is what :func:`breze_like.data.load` adds.

    Raises
    ------
    ValueError
        If there is no such file or folder, or it is damaged, of another kind, or holds anything that it
        should not, or reading it exceeds a limit. The message is one line and names the file.

    Warns
    -----
    UserWarning
        If notes of MIDI files, or files, are left out, with how many and why, or may be lost to damage, or
        if a table has gaps in time.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return read_folder(path, steps_per_quarter, limits, leave_out)
        (found,) = read_apart([job_of("data set", path)], usual_limits(limits))
        if isinstance(found, ValueError):
            raise found
        return dataset_of(path, found)
    except OSError as error:
        raise ValueError(f"{shown_path(path)}: {shown(error.strerror or error)}") from error
    except ValueError as error:
        raise ValueError(f"{shown_path(path)}: {error}") from error


def dataset_of(path: Path, found: Found) -> Dataset:
    """The data set of a file that was read in a separate process."""
    arrays = iter(found.arrays)
    splits = {split: [next(arrays) for _ in range(found.about["sizes"][split])] for split in SPLITS}
    about = (found.about[key] for key in ("name", "source", "licence", "warning"))
    return _dataset(path, Content(splits, *about))


def read_trusted(path: PathLike) -> Dataset:
    """Read a data set from a file that came with this package, in this process; otherwise as `read`."""
    try:
        return _dataset(Path(path), read_content(Path(path)))
    except (OSError, ValueError) as error:
        raise ValueError(f"{shown_path(path)}: {error}") from error


def _dataset(path, content):
    if content.warning:
        warnings.warn(f"{shown_path(path)}: {content.warning}", stacklevel=4)
    name = shown(content.name) or shown(path.stem)
    return Dataset(name, **content.splits, source=content.source, licence=content.licence)


def read_content(path: Path) -> Content:
    """What a file of any kind holds, read in this process.

    Raises
    ------
    Exception
        Nearly any, if it is damaged, and crashes and hangs.
    """
    with open_regular(path) as file:
        beginning = file.read(64)
        file.seek(512)
        is_hdf5_too = file.read(4) == HDF5_MAGIC
    start = beginning.removeprefix(BYTE_ORDER_MARK).lstrip()
    readers = {
        HDF5_MAGIC: _read_hdf5,
        b"MATLAB": _read_matlab_73 if is_hdf5_too else _read_matlab,
        b"{": _read_json,
        b"PK\x03\x04": _read_archive,
        b"\x80": _read_pickle,  # protocol 2 and later
        b"(d": _read_pickle,  # protocol 0
        b"}": _read_pickle,  # protocol 1
    }
    for magic, reader in readers.items():
        if start.startswith(magic):
            return reader(path)
    if path.suffix.lower() in TABLE_EXTENSIONS:
        return _read_long_table(path)
    if _is_matlab_4(beginning):
        raise ValueError("is a MATLAB file of version 4, which has no cell arrays: save it with -v7")
    rule = "must be a MATLAB, HDF5, JSON, pickle, .npz or .csv file or a folder of .npy, .csv or .mid files"
    raise ValueError(f"{rule}, got a file that begins with {quote(start[:16])}")


def _is_matlab_4(beginning):
    """Whether a file begins with five integers and a name, of as many letters as the last of them says."""
    found = re.match(rb".{16}(.{4})([a-z]\w*)\0", beginning, re.DOTALL | re.IGNORECASE)
    orders = ("little", "big")
    return found and len(found[2]) + 1 in [int.from_bytes(found[1], order) for order in orders]


# What reads each kind is imported where it is needed: the process that reads files starts the sooner.


def _read_hdf5(path):
    from breze_like.data.hdf5 import read_hdf5

    return read_hdf5(path)


def _read_matlab(path):
    from breze_like.data.matlab import read_matlab

    return read_matlab(path)


def _read_matlab_73(path):
    from breze_like.data.matlab import read_matlab_73

    return read_matlab_73(path)


def _read_long_table(path):
    from breze_like.data.long_tables import read_long_table

    return read_long_table(path)


def _read_pickle(path):
    with decoding("pickle file"), open_regular(path) as file:
        content = load_notes(file)
    return Content(sequences_of(content))


def _read_json(path):
    names = []

    def object_of(pairs):
        names[:] = [name for name, _ in pairs]  # in the end, those of the outermost object
        return dict(pairs)

    with decoding("JSON file"), open_regular(path) as file:
        content = json.loads(file.read(), object_pairs_hook=object_of)
    keys_of_splits(names)
    return Content(sequences_of(content))


def _read_archive(path):
    return Content(sequences_of(read_archive(path)))

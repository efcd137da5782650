"""Tables of numbers as text, CSV: one sequence, or a long table of several.

Values are separated by commas, semicolons or tabs. If anything in the first row is not a number, that row has
the names of the columns. A cell that is empty, or one of ``NA``, ``NaN`` and ``null``, is a missing value,
NaN; empty rows at the end are ignored. A long table has a column for the sequence and one for the time, with
one of the names below, and may have one for the split; all other columns are features. Its rows may be in any
order.
"""

import csv
import io
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breze_like.data.content import OTHER_NAMES, Content
from breze_like.data.dataset import SPLITS
from breze_like.data.dividing import divide
from breze_like.decoding import decoding
from breze_like.files import open_regular
from breze_like.quoting import quote, shown

SEQUENCE_NAMES = ("sequence", "sequence_id", "id", "series", "song")
TIME_NAMES = ("time", "step", "t", "timestamp")
SPLIT_NAMES = ("split", "set")
# What stands for a missing value, in lower case.
MISSING_CELLS = ("", "na", "n/a", "nan", "null", "none")


def read_table(path: Path, name: str) -> NDArray:
    """The sequence of a file, (n_steps, n_features): integers if all are written as such and 0 or 1.

    Raises
    ------
    ValueError
        If it is no table of numbers; it is called `name` then.
    """
    _, rows = _read(path, name)
    return _numbers(rows, name)


def read_long_table(path: Path) -> Content:
    """The sequences of a long table, by split; without a column for it they are divided at random.

    Raises
    ------
    ValueError
        If it is not such a table.
    """
    header, rows = _read(path, path.name)
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    names = [cell.strip().lower() for cell in header]
    sequence, time = (_column(names, known) for known in (SEQUENCE_NAMES, TIME_NAMES))
    if sequence is None or time is None:
        raise ValueError(
            f"a table of several sequences must have a column {SEQUENCE_NAMES[0]!r} and a column "
            f"{TIME_NAMES[0]!r}, got {shown(', '.join(header)) or 'no names of columns'}; tables of one "
            "sequence each go into a folder"
        )
    split = _column(names, SPLIT_NAMES)
    features = [i for i in range(len(names)) if i not in (sequence, time, split)]
    values = _numbers([[row[i] for i in features] for row in rows], path.name)
    times = _numbers([[row[time]] for row in rows], f"{path.name} {header[time]}", missing=False)[:, 0]
    members = {}
    for index, row in enumerate(rows):
        members.setdefault((row[split] if split is not None else None, row[sequence]), []).append(index)
    arrays = {}
    for key, own in members.items():
        own = np.array(own)
        arrays[key] = values[own[np.argsort(times[own], kind="stable")]]
    return Content(_by_split(arrays))


def _by_split(arrays):
    """Sequences by (split or None, name of the sequence), as splits, in the order of the table."""
    if any(split is None for split, _ in arrays):
        return {split: [arrays[key] for key in keys] for split, keys in divide(list(arrays)).items()}
    splits = {split: [] for split in SPLITS}
    for (split, _), array in arrays.items():
        split = OTHER_NAMES.get(split.strip().lower(), split.strip().lower())
        if split not in splits:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {quote(split)}")
        splits[split].append(array)
    return splits


def _read(path, name):
    """Header, empty if there is none, and rows of texts."""
    with decoding(f"table {name}"):
        with open_regular(path) as file:
            text = file.read().decode("utf-8-sig")
        first = text.partition("\n")[0]
        delimiter = max(",;\t", key=first.count)
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
        filled = [index for index, row in enumerate(rows) if any(row)] or [0]
        rows, first = rows[: filled[-1] + 1], filled[0]
        header = []
        if rows and not all(map(_is_value, rows[first])):
            header, rows = rows[first], rows[first + 1 :]
        if not rows:
            raise ValueError("it holds no numbers")
        for index, row in enumerate(rows):
            if len(row) != len(header or rows[0]):
                raise ValueError(f"row {index} has {len(row)} values, not {len(header or rows[0])}")
    return header, rows


def _is_value(text):
    return _is_missing(text) or _is_number(text)


def _is_missing(text):
    return text.strip().lower() in MISSING_CELLS


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(rows, name, missing=True):
    for index, row in enumerate(rows):
        for cell in row:
            if not (_is_value(cell) if missing else _is_number(cell)):
                raise ValueError(f"{name} must be numbers, got {quote(cell)} in row {index}")
    values = np.array([[np.nan if _is_missing(cell) else float(cell) for cell in row] for row in rows])
    binary = all(re.fullmatch(r"\s*[01]\s*", cell) for row in rows for cell in row)
    return values.astype(np.uint8) if binary else values


def _column(names, known):
    return next((names.index(name) for name in known if name in names), None)

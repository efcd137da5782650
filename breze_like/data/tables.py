"""Tables of numbers as text, CSV: one sequence, or a long table of several.

Values are separated by tabs, semicolons, commas or blanks, whichever of these comes first in this list and is
in the first row; that may also be a line ``sep=;``, as spreadsheets write it. A row of names is the header:
none of its cells is a number, or those that are, are whole numbers, and the others begin with a letter. The
row 0, 1, 2, ... of three or more columns is one, too, as is 21, 22, ... above zeros and ones. A cell that is
empty, or one of ``NA``, ``NaN`` and ``null``, is a missing value, NaN; empty rows at the end are ignored.
Where columns have names, one without a name that only numbers the rows, in any order, or is empty, is left
out.

A long table has a column for the sequence and one for the time, with one of the names below, and may have one
for the split; all other columns are features. Its rows may be in any order; they become successive steps,
whatever the times between them are.
"""

import csv
import io
import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from breze_like.data.content import OTHER_NAMES, Content
from breze_like.data.dataset import SPLITS
from breze_like.data.dividing import divide
from breze_like.files import open_regular
from breze_like.files.decoding import decoding
from breze_like.quoting import quote, shown

SEQUENCE_NAMES = ("sequence", "sequence_id", "id", "series", "song")
TIME_NAMES = ("time", "step", "t", "timestamp")
SPLIT_NAMES = ("split", "set")
# Bytes in which a header is.
N_HEADER = 2**16
# Between two rows, so many times the shortest time of the sequence is a gap.
GAP = 1.5
# What stands for a missing value, in lower case.
MISSING_CELLS = ("", "na", "n/a", "nan", "null", "none")


# Names of columns begin with a letter; these are numbers.
NAME, WHOLE = re.compile(r"\s*[^\W\d].*"), re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
NUMBER = re.compile(r"\s*[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf|infinity|nan)\s*", re.ASCII | re.IGNORECASE)


class Table(NamedTuple):
    """Texts of a table: names of columns, empty if there are none; rows, and the lines they are on."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def read_table(path: Path, name: str) -> tuple[NDArray, list[str]]:
    """The sequence of a file, (n_steps, n_features): integers if all are written as such and 0 or 1.

    Also the names of its columns, none if it has none.

    Raises
    ------
    ValueError
        If it is no table of numbers; it is called `name` then.
    """
    table = _read(path, name)
    return _numbers(table.rows, table.lines, name), [cell.strip() for cell in table.header]


def read_long_table(path: Path) -> Content:
    """The sequences of a long table, by split; without a column for it they are divided at random.

    They are in the order of their names, which are numbers if all of them can be.

    Raises
    ------
    ValueError
        If it is not such a table.
    """
    header, rows, lines = _read(path, path.name)
    filled = [index for index, row in enumerate(rows) if any(map(str.strip, row))]
    rows, lines = ([given[index] for index in filled] for given in (rows, lines))
    names = [cell.strip().lower() for cell in header]
    sequence, time, split = (_column(names, known) for known in (SEQUENCE_NAMES, TIME_NAMES, SPLIT_NAMES))
    if sequence is None or time is None:
        raise ValueError(
            f"a table of several sequences must have a column {SEQUENCE_NAMES[0]!r} and a column "
            f"{TIME_NAMES[0]!r}, got {shown(', '.join(header)) or 'no names of columns'}; tables of one "
            "sequence each go into a folder"
        )
    features = [i for i in range(len(names)) if i not in (sequence, time, split)]
    values = _numbers([[row[i] for i in features] for row in rows], lines, path.name)
    times = _times([row[time] for row in rows], lines, f"{path.name} {header[time]}")
    members = {}
    for index, row in enumerate(rows):
        if not row[sequence].strip():
            raise ValueError(f"each row must name its sequence, got an empty cell on line {lines[index]}")
        members.setdefault(_key(row[sequence]), []).append(index)
    arrays, splits, gaps = {}, {}, []
    for key in _in_order(members):
        own = sorted(members[key], key=lambda index: times[index])
        for before, after in pairwise(own):
            if times[before] == times[after]:
                both = f"lines {lines[before]} and {lines[after]}"
                raise ValueError(f"times of a sequence must differ, got {quote(rows[after][time])} on {both}")
        gaps += _gaps([times[index] for index in own], [lines[index] for index in own])
        arrays[key] = values[own]
        splits[key] = {_split_of(rows[index][split]) for index in own} if split is not None else {None}
        if len(splits[key]) > 1:
            raise ValueError(
                f"a sequence must be in one split, {quote(rows[own[0]][sequence])} is in {len(splits[key])}"
            )
    split_of = {key: found for key, (found,) in splits.items()}
    return Content(_by_split(arrays, split_of), warning=_warning_of(gaps))


def is_long_table(path: Path) -> bool:
    """Whether its names of columns are those of a table of several sequences."""
    with open_regular(path) as file:
        beginning = file.read(N_HEADER).decode("utf-8-sig", errors="replace")
    rows, _ = _cells("\n".join(beginning.splitlines()[:2]) + "\n")
    names = {cell.strip().lower() for row in rows for cell in row}
    return not names.isdisjoint(SEQUENCE_NAMES) and not names.isdisjoint(TIME_NAMES)


def _gaps(times, lines):
    """Lines behind which time is missing."""
    apart = [after - before for before, after in pairwise(times)]
    return [line for line, gap in zip(lines, apart, strict=False) if gap > GAP * min(apart)]


def _warning_of(gaps):
    if not gaps:
        return ""
    others = f" and {len(gaps) - 1} other{'s' * (len(gaps) > 2)}" if len(gaps) > 1 else ""
    where = f"behind line {gaps[0]}{others}"
    return f"there is a gap in time {where}, but rows become successive steps: give it rows with empty cells"


def _by_split(arrays, splits):
    if None in splits.values():
        return {split: [arrays[key] for key in keys] for split, keys in divide(list(arrays)).items()}
    return {split: [arrays[key] for key, found in splits.items() if found == split] for split in SPLITS}


def _split_of(text):
    split = OTHER_NAMES.get(text.strip().lower(), text.strip().lower())
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {quote(split)}")
    return split


def _key(name):
    """The name of a sequence: 1.0, as data frames write 1, is 1; but 1.10 is not 1.1, nor is 01."""
    return re.sub(r"^([+-]?\d+)\.0*$", r"\1", name.strip())


def _in_order(names):
    """Sorted as numbers, if all names are finite numbers."""
    if all(map(WHOLE.fullmatch, names)):
        return sorted(names, key=lambda name: (int(name), name))  # in all their digits
    are_numbers = all(_is_number(name) and np.isfinite(float(name)) for name in names)
    return sorted(names, key=lambda name: (float(name), name)) if are_numbers else sorted(names)


def _times(texts, lines, name):
    """Numbers, finite ones; whole numbers in all their digits."""
    if all(map(WHOLE.fullmatch, texts)):
        return list(map(int, texts))
    times = _numbers([[text] for text in texts], lines, name, missing=False)[:, 0]
    for time, line in zip(times, lines, strict=True):
        if not np.isfinite(time):
            raise ValueError(f"{name} must be finite, got {time} on line {line}")
    return times


def _read(path, name):
    """The `Table`, without columns that say nothing."""
    with decoding(f"table {name}"):
        with open_regular(path) as file:
            content = file.read()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError("it is not UTF-8 text: save it as such") from None
        rows, lines = _cells(text)
        filled = [index for index, row in enumerate(rows) if any(row)]
        if not filled:
            raise ValueError("it holds no numbers")
        n_columns = len(rows[filled[0]])
        kept = [i for i in range(filled[-1] + 1) if rows[i] or n_columns == 1]  # there, nothing is a cell
        rows, lines = [rows[i] or [""] for i in kept], [lines[i] for i in kept]
        first, header = next(i for i, row in enumerate(rows) if any(row)), []
        if _is_header(rows[first], rows[first + 1 :]):
            header, rows, lines = rows[first], rows[first + 1 :], lines[first + 1 :]
        if not rows:
            raise ValueError("it holds no numbers")
        for row, line in zip(rows, lines, strict=True):
            if len(row) != n_columns:
                raise ValueError(f"line {line} has {len(row)} values, not {n_columns}")
    told = [i for i in range(n_columns) if not _says_nothing(header[i : i + 1], [row[i] for row in rows])]
    return Table([header[i] for i in told if header], [[row[i] for i in told] for row in rows], lines)


def _cells(text):
    """Rows of texts, and the numbers of their lines."""
    start, delimiter = 0, None
    if given := re.match(r"sep=(.)\r?\n", text, re.IGNORECASE):
        start, delimiter = given.end(), given[1]
    text = text[start:]
    first = re.sub(r'"[^"]*"', "", next((line for line in text.splitlines() if line.strip()), ""))
    delimiter = delimiter or next((mark for mark in "\t;," if mark in first), None)
    if delimiter is None and _are_blanks_between(text):
        rows = [line.split() for line in text.splitlines()]
        return rows, list(range(1, len(rows) + 1))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or ",")
    found = [(row, reader.line_num + bool(start)) for row in reader]
    return [row for row, _ in found], [line for _, line in found]


def _are_blanks_between(text):
    """Whether the first row, or the one below it, is of values between blanks, as many as in the first."""
    rows = (line.split() for line in text.splitlines() if line.strip())
    first, second = next(rows, []), next(rows, [])
    return all(map(_is_value, first)) or (len(second) == len(first) > 1 and all(map(_is_value, second)))


def _is_header(cells, below):
    """Whether a row has the names of columns; `below` are the rows below it.

    Raises
    ------
    ValueError
        If it has neither names nor numbers.
    """
    filled = [cell for cell in cells if not _is_missing(cell)]
    numbers = [cell for cell in filled if _is_number(cell)]
    if len(numbers) == len(filled):
        if not filled or not all(map(WHOLE.fullmatch, filled)):
            return False
        start, firsts = int(filled[0]), [row[0] for row in below]
        numbers_columns = list(map(int, filled)) == list(range(start, start + len(filled)))
        numbers_rows = not cells[0].strip() and firsts == list(map(str, range(len(below))))
        if not numbers_columns or not (len(filled) > 2 or numbers_rows):
            return False
        return start == 0 or all(cell.strip() in ("0", "1", "") for row in below for cell in row)
    if numbers and not all(WHOLE.fullmatch(cell) or NAME.fullmatch(cell) for cell in filled):
        odd = next(cell for cell in filled if not _is_number(cell))
        raise ValueError(f"the first row must be numbers or names of columns, got {quote(odd)}")
    return bool(filled)


def _says_nothing(name, cells):
    """Whether a column has no name where others have one, and is empty or has the numbers of rows.

    These are whole and not equal: data frames keep them when rows are left out or mixed.
    """
    if not name or name[0].strip():
        return False
    are_numbers = all(map(WHOLE.fullmatch, cells)) and len(set(map(int, cells))) == len(cells)
    return not any(map(str.strip, cells)) or are_numbers


def _is_value(text):
    return _is_missing(text) or _is_number(text)


def _is_missing(text):
    return text.strip().lower() in MISSING_CELLS


def _is_number(text):
    return NUMBER.fullmatch(text) is not None


def _numbers(rows, lines, name, missing=True):
    for row, line in zip(rows, lines, strict=True):
        for cell in row:
            if not (_is_value(cell) if missing else _is_number(cell)):
                comma = ": write a point in place of the comma" if _is_number(cell.replace(",", ".")) else ""
                raise ValueError(f"{name} must be numbers, got {quote(cell)} on line {line}{comma}")
    values = np.array([[np.nan if _is_missing(cell) else float(cell) for cell in row] for row in rows])
    binary = all(re.fullmatch(r"\s*[01]\s*", cell) for row in rows for cell in row)
    return values.astype(np.uint8) if binary else values


def _column(names, known):
    """Where one of the known names is.

    Raises
    ------
    ValueError
        If several of them are there.
    """
    found = [index for index, name in enumerate(names) if name in known]
    if len(found) > 1:
        got = " and ".join(repr(names[index]) for index in found)
        raise ValueError(f"only one column may be called one of {', '.join(known)}, got {got}: rename one")
    return found[0] if found else None

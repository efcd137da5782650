"""Tables of numbers as text, CSV: one sequence each.

Values are separated by tabs, semicolons, commas or blanks, whichever of these comes first in this list and is
in the first row; that may also be a line ``sep=;``, as spreadsheets write it. A row of names is the header:
none of its cells is a number, or those that are, are whole numbers, and the others begin with a letter. The
row 0, 1, 2, ... of three or more columns is one, too, as is 21, 22, ... above zeros and ones. A cell that is
empty, or one of ``NA``, ``NaN`` and ``null``, is a missing value, NaN; empty rows at the end are ignored.
Where columns have names, one without a name that only numbers the rows, in any order, or is empty, is left
out.
"""

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from breze_like.files import open_regular
from breze_like.files.decoding import decoding
from breze_like.quoting import quote

# What stands for a missing value, in lower case.
MISSING_CELLS = ("", "na", "n/a", "nan", "null", "none")


# Names of columns begin with a letter; these are numbers. Whole ones are of so few digits that they are
# finite in double precision, too.
NAME, WHOLE = re.compile(r"\s*[^\W\d].*"), re.compile(r"\s*[+-]?\d{1,300}\s*", re.ASCII)
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
    table = read_texts(path, name)
    return numbers_of(table.rows, table.lines, name), [cell.strip() for cell in table.header]


def read_texts(path: Path, name: str) -> Table:
    """The texts of a file, without columns that say nothing.

    Raises
    ------
    ValueError
        If it is no table; it is called `name` then.
    """
    with decoding(f"table {name}"):
        with open_regular(path) as file:
            content = file.read()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError("it is not UTF-8 text: save it as such") from None
        rows, lines = cells_of(text)
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


def cells_of(text: str) -> tuple[list[list[str]], list[int]]:
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
    try:
        found = [(row, reader.line_num + bool(start)) for row in reader]
    except csv.Error as error:
        raise ValueError(f"{error} on line {reader.line_num + bool(start)}") from error
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
    numbers = [cell for cell in filled if is_number(cell)]
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
        odd = next(cell for cell in filled if not is_number(cell))
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
    return _is_missing(text) or is_number(text)


def _is_missing(text):
    return text.strip().lower() in MISSING_CELLS


def is_number(text: str) -> bool:
    """Whether a text is a number, finite or not."""
    return NUMBER.fullmatch(text) is not None


def numbers_of(rows: list[list[str]], lines: list[int], name: str, missing: bool = True) -> NDArray:
    """The numbers (n_rows, n_columns) that texts are: integers if all are written as such and 0 or 1.

    Raises
    ------
    ValueError
        If a text is no finite number, nor, if anything may be `missing`, stands for a missing value.
    """
    for row, line in zip(rows, lines, strict=True):
        for cell in row:
            if not (_is_value(cell) if missing else is_number(cell)):
                comma = ": write a point in place of the comma" if is_number(cell.replace(",", ".")) else ""
                raise ValueError(f"{name} must be numbers, got {quote(cell)} on line {line}{comma}")
    values = np.array([[np.nan if _is_missing(cell) else float(cell) for cell in row] for row in rows])
    wrong = np.isinf(values) if missing else ~np.isfinite(values)
    for row, column in np.argwhere(wrong)[:1]:
        got = f"{quote(rows[row][column].strip())} on line {lines[row]}"
        raise ValueError(f"{name} must be finite, got {got}: write a number below 1e308")
    binary = all(re.fullmatch(r"\s*[01]\s*", cell) for row in rows for cell in row)
    return values.astype(np.uint8) if binary else values

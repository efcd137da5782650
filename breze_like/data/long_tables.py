"""Long tables of text, CSV: several sequences in one file.

A long table has a column for the sequence and one for the time, with one of the names below, and may have one
for the split; all other columns are features. Its rows may be in any order; they become successive steps,
whatever the times between them are.
"""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from breze_like.data.content import OTHER_NAMES, Content
from breze_like.data.dataset import SPLITS
from breze_like.data.dividing import divide
from breze_like.data.tables import WHOLE, cells_of, is_number, numbers_of, read_texts
from breze_like.files import open_regular
from breze_like.quoting import quote, shown

SEQUENCE_NAMES = ("sequence", "sequence_id", "id", "series", "song")
TIME_NAMES = ("time", "step", "t", "timestamp")
SPLIT_NAMES = ("split", "set")
# Bytes in which a header is.
N_HEADER = 2**16
# Between two rows, so many times the shortest time of the sequence is a gap.
GAP = 1.5


def read_long_table(path: Path) -> Content:
    """The sequences of a long table, by split; without a column for it they are divided at random.

    They are in the order of their names, which are numbers if all of them can be.

    Raises
    ------
    ValueError
        If it is not such a table.
    """
    header, rows, lines = read_texts(path, path.name)
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
    values = numbers_of([[row[i] for i in features] for row in rows], lines, path.name)
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
        if split is not None:
            splits[key] = _split_of(key, {lines[index]: rows[index][split] for index in members[key]})
    return Content(_by_split(arrays, splits), warning=_warning_of(gaps))


def is_long_table(path: Path) -> bool:
    """Whether its names of columns are those of a table of several sequences."""
    with open_regular(path) as file:
        beginning = file.read(N_HEADER).decode("utf-8-sig", errors="replace")
    rows, _ = cells_of("\n".join(beginning.splitlines()[:2]) + "\n")
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
    if not splits:
        return {split: [arrays[key] for key in keys] for split, keys in divide(list(arrays)).items()}
    return {split: [arrays[key] for key, found in splits.items() if found == split] for split in SPLITS}


def _split_of(key, texts):
    """The split of a sequence, which texts name, by the lines that they are on."""
    lines = {}
    for line, text in texts.items():
        split = OTHER_NAMES.get(text.strip().lower(), text.strip().lower())
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {quote(split)} on line {line}")
        lines.setdefault(split, line)
    if len(lines) > 1:
        where = " and ".join(f"{split} on line {line}" for split, line in lines.items())
        raise ValueError(f"a sequence must be in one split, {quote(key)} is in {where}: choose one")
    return next(iter(lines))


def _key(name):
    """The name of a sequence: 1.0, as data frames write 1, is 1; but 1.10 is not 1.1, nor is 01."""
    return re.sub(r"^([+-]?\d+)\.0*$", r"\1", name.strip())


def _in_order(names):
    """Sorted as numbers, if all names are finite numbers."""
    if all(map(WHOLE.fullmatch, names)):
        return sorted(names, key=lambda name: (int(name), name))  # in all their digits
    are_numbers = all(is_number(name) and np.isfinite(float(name)) for name in names)
    return sorted(names, key=lambda name: (float(name), name)) if are_numbers else sorted(names)


def _times(texts, lines, name):
    """Numbers, finite ones; whole numbers in all their digits."""
    if all(map(WHOLE.fullmatch, texts)):
        return list(map(int, texts))
    return numbers_of([[text] for text in texts], lines, name, missing=False)[:, 0].tolist()


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

"""Rows of an existing table, which a new table of other systems keeps."""

import json

from breze_like.quoting import quote, shown_path
from breze_like.runs.records import COUNT_OR_NONE, NUMBER_OR_NONE, TEXT, check
from experiments.paper.rows import SCORES, Row, floor_row
from experiments.paper.systems import FLOOR, TITLES

RULES = {
    "dataset": TEXT,
    "system": (f"one of {', '.join(TITLES)}", lambda value: value in TITLES),
    "title": TEXT,
    "estimator": TEXT,
    **dict.fromkeys([*SCORES, *(f"{name}_standard_error" for name in SCORES)], NUMBER_OR_NONE),
    **dict.fromkeys(["n_draws", "n_moves"], COUNT_OR_NONE),
    "config": ("an object or null", lambda value: value is None or isinstance(value, dict)),
}


def read(path, dataset, force=False):
    """The rows of a table, in JSON, of a data set; none if there is no such file.

    Raises
    ------
    ValueError
        If it is something else, or a table of other data; with `force`, there are no rows then.
    """
    if not path.exists():
        return []
    try:
        return _read(path, dataset)
    except ValueError:
        if force:
            return []
        raise


def _read(path, dataset):
    place = shown_path(path)
    try:
        entries = json.loads(path.read_bytes())
        if not isinstance(entries, list):
            raise ValueError(f"a list of rows, got {type(entries).__name__}")
        rows = [Row(**entry) for entry in entries]
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{place} must be a table that this script made, so that its rows can be kept: choose another "
            f"folder, or replace it with --force ({quote(str(error))})"
        ) from None
    for entry in entries:
        check(entry, RULES, place)
    for row in rows:
        digests = ((row.config or {}).get("data") or {}).get("digests", dataset.digests)
        if digests != dataset.digests:
            raise ValueError(
                f"{place} must be a table for the data set {dataset.name}, its rows are for other data: "
                "choose another folder, or replace it with --force"
            )
    return rows


def together(new, before, dataset):
    """New rows with those of other systems that were there before, in the order of `TITLES`."""
    systems = {row.system for row in new}
    kept = [row for row in before if row.system not in systems]
    if any(row.system == FLOOR for row in kept):  # nothing in it says of which data it is
        kept = [floor_row(dataset), *(row for row in kept if row.system != FLOOR)]
    return sorted([*new, *kept], key=lambda row: list(TITLES).index(row.system))


def draws_of(rows, system):
    """The number of draws of a system's row; None if there is no such row, or it has none."""
    return max((row.n_draws for row in rows if row.system == system and row.n_draws), default=None)

"""The JSON files of a run, typed, and read strictly, since folders are edited, truncated, and moved.

Each table of rules describes one kind of record, in all formats up to `FORMAT`: what a field must be if it
exists. Reading a field that is missing is an error that names it, see `Record`.
"""

import json
import math
from collections.abc import Callable
from typing import Any

from breze_like.quoting import quote

Rules = dict[str, tuple[str, Callable[[Any], bool]]]

# Version of what is in the files, as ``"format"`` of the configuration. Folders without one are of version 0,
# which has neither weights nor ``"created"``.
FORMAT = 1


class Record(dict):
    """A JSON object from the file `where`. Reading a missing field is a ValueError.

    The same is true of ``record | changes``, a record with some fields replaced.
    """

    where = "a record"

    def __missing__(self, name):
        raise ValueError(f"{self.where} must have {name!r}, which is missing: restore a copy")

    def __or__(self, other):
        record = Record({**self, **other})
        record.where = self.where
        return record


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _is_text(value):
    return isinstance(value, str)


def _are_texts(values):
    return isinstance(values, list) and bool(values) and all(map(_is_text, values))


def _is_object(value):
    return isinstance(value, dict)


def _are_digests(value):
    return _is_object(value) and all(_is_text(digest) and len(digest) == 64 for digest in value.values())


def _or_none(holds):
    return lambda value: value is None or holds(value)


TEXT = ("text", _is_text)
OBJECT = ("an object", _is_object)
COUNT = ("an integer, not negative", _is_count)
POSITIVE_COUNT = ("a positive integer", lambda value: _is_count(value) and value > 0)
COUNT_OR_NONE = ("an integer, not negative, or null", _or_none(_is_count))
NUMBER = ("a number", _is_number)
NUMBER_OR_NONE = ("a number or null", _or_none(_is_number))

# What training begins from; elsewhere it is only shown.
SEED: Rules = {"seed": ("an integer, not negative", lambda value: isinstance(value, int) and value >= 0)}

CONFIG: Rules = {
    "model": TEXT,
    "arguments": OBJECT,
    "initialization": OBJECT,
    "training": OBJECT,
    "data": OBJECT,
    "backend": TEXT,
    "command": ("a list of text", _are_texts),
    "versions": ("an object of text", lambda v: _is_object(v) and all(map(_or_none(_is_text), v.values()))),
    "created": ("text or null", _or_none(_is_text)),
}
DATA: Rules = {
    "name": TEXT,
    "digests": ("an object of sha256 sums", _are_digests),
    "verified": ("true, false or null", lambda value: value in (True, False, None)),
    "file": TEXT,
}
ENTRY: Rules = {
    "update": COUNT,
    "train_loss": NUMBER_OR_NONE,
    "valid_score": NUMBER_OR_NONE,
    "kl_weight": NUMBER_OR_NONE,
    "gradient_norm": NUMBER_OR_NONE,
    "n_skipped": COUNT,
    "seconds": NUMBER,
}
AVERAGES: Rules = {
    "per_step": NUMBER,
    "per_sequence": NUMBER,
    "per_observed_entry": NUMBER,
    "per_step_standard_error": NUMBER_OR_NONE,
    "per_sequence_standard_error": NUMBER_OR_NONE,
    "n_draws": COUNT,
    "n_moves": COUNT,
    "effective_draws": ("an object of numbers", lambda v: _is_object(v) and all(map(_is_number, v.values()))),
}
SCORING: Rules = {"n_samples": COUNT, "update": COUNT_OR_NONE, "seconds": NUMBER, "scored": TEXT}


def check(record: dict[str, Any], rules: Rules, where: object, name: str = "") -> None:
    """Raise a ValueError for the first field that breaks its rule; `name` is what the record is called."""
    for field, (rule, holds) in rules.items():
        if field in record and not holds(record[field]):
            called = f"{name}.{field}" if name else field
            raise ValueError(f"{where}: {called} must be {rule}, got {quote(record[field])}; restore a copy")


def parse(text: bytes | str, where: object) -> Record:
    """The object that a text in JSON is.

    Raises
    ------
    ValueError
        If it is not JSON, holds a number that is not finite, or is not an object.
    """

    def made(pairs):
        record = Record(pairs)
        record.where = where
        return record

    def number(digits):
        if not math.isfinite(float(digits)):
            raise ValueError(f"{quote(digits)} is not a finite number")
        return float(digits)

    try:
        value = json.loads(text, object_pairs_hook=made, parse_float=number, parse_constant=number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is damaged, it is not JSON: {error}; restore a copy") from None
    if not isinstance(value, Record):
        raise ValueError(f"{where} is damaged, it must hold JSON objects, got {quote(value)}; restore a copy")
    return value

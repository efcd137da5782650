"""What settings may be."""

import math
from dataclasses import field, fields

import numpy as np

from breze_like.checks import is_number


def _is_integer(value, least):
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= least


def _is_finite(value):
    return is_number(value) and math.isfinite(value)


POSITIVE_COUNT = ("a positive integer", lambda value: _is_integer(value, 1))
COUNT = ("a non-negative integer", lambda value: _is_integer(value, 0))
POSITIVE_COUNT_OR_NONE = ("a positive integer or None", lambda value: value is None or _is_integer(value, 1))
COUNT_OR_NONE = (
    "a non-negative integer or None",
    lambda value: value is None or _is_integer(value, 0),
)
POSITIVE = ("a positive number", lambda value: _is_finite(value) and value > 0)
FRACTION = ("in [0, 1)", lambda value: _is_finite(value) and 0 <= value < 1)


def setting(default, rule):
    """A field of a dataclass of settings: its default, and the rule that `check` holds it to."""
    return field(default=default, metadata={"rule": rule})


def check(settings):
    """Raise a ValueError for the first field whose value breaks its rule."""
    for own in fields(settings):
        (rule, holds), value = own.metadata["rule"], getattr(settings, own.name)
        if not holds(value):
            raise ValueError(f"{own.name} must be {rule}, got {value!r}")

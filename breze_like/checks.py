"""Checks of arguments, each with a ValueError that says what is wrong and what is expected."""

from types import BuiltinFunctionType

import numpy as np
from pytensor.graph.op import Op


def choose(argument, value, choices, *needed):
    """The object that `value` names in `choices`; an object is taken as it is.

    Raises
    ------
    ValueError
        If the name is unknown, or the object lacks one of the `needed` attributes, by default that it can be
        called and is no op of PyTensor's, or if it is one of Python's or NumPy's own functions or types.
    """
    if isinstance(value, str) and value in choices:
        return choices[value]
    missing = [name for name in needed or ["__call__"] if not hasattr(value, name)]
    is_op = isinstance(value, Op) and not needed
    if isinstance(value, str) or missing or is_op or _knows_no_variables(value):
        lacks = f", without {missing[0]}" if missing and not isinstance(value, str) else ""
        raise ValueError(
            f"{argument} must be one of {sorted(choices)} or an object of that kind, got {value!r}{lacks}"
        )
    return value


def _knows_no_variables(value):
    """Whether it is one of Python's or NumPy's own functions or types."""
    is_type = isinstance(value, type) and value.__module__ == "builtins"
    return is_type or isinstance(value, BuiltinFunctionType | np.ufunc)


def check_positive_integers(**arguments):
    """Raise a ValueError for an argument that is not a positive integer."""
    for name, value in arguments.items():
        if not _is_positive_integer(value):
            raise ValueError(f"{name} must be a positive integer, got {value!r}")


def check_sizes(**arguments):
    """Raise a ValueError for an argument that is not a sequence of positive integers, one for each layer."""
    for name, value in arguments.items():
        if not isinstance(value, tuple | list) or not value or not all(map(_is_positive_integer, value)):
            raise ValueError(
                f"{name} must be positive integers, one for each layer, such as (200,), got {value!r}"
            )


def _is_positive_integer(value):
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and value > 0


def is_number(value):
    """Whether it is a real number, and no boolean."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool | np.complexfloating)


def check_rng(rng):
    """Raise a ValueError if it is no generator of random numbers."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a generator, such as numpy.random.default_rng(0), got {rng!r}")


def check_drawing(rng, temperature):
    """Raise a ValueError unless these are a generator and a temperature that leaves finite numbers finite."""
    check_rng(rng)
    if not (is_number(temperature) and 1e-12 <= temperature <= 1e12):
        raise ValueError(f"temperature must be from 1e-12 to 1e12, got {temperature!r}")


def check_positive(**arguments):
    """Raise a ValueError for an argument that is not a positive, finite number."""
    for name, value in arguments.items():
        if not (is_number(value) and 0 < value < np.inf):
            raise ValueError(f"{name} must be positive and finite, got {value!r}")

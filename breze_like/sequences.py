"""What a sequence is: an array (n_steps, n_features), binary or real-valued, of one data type."""

import warnings
from collections.abc import Iterable, Sized
from contextlib import suppress

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breze_like.quoting import shown

# Rounding errors of a sequence's values, as a share of their range, that are worth a warning.
MOST_ROUNDED = 0.01


def check_sequences(
    sequences: Iterable[ArrayLike],
    n_features: int | None = None,
    binary: bool = True,
    name: str = "sequences",
    missing: bool = False,
) -> list[NDArray]:
    """Check sequences and bring them to one data type.

    Parameters
    ----------
    sequences : iterable of array_like, each (n_steps, n_features)
    n_features : int, optional
        What every sequence must have; by default what the first one has.
    binary : bool
        Whether every value must be 0 or 1. Otherwise it must be finite.
    name : str
        What to call the argument in error messages.
    missing : bool
        Whether values may also be NaN, which stands for what is missing.

    Returns
    -------
    list of ndarray, each (n_steps, n_features)
        ``uint8`` if `binary`, and nothing is missing in any of them; else floatX.

    Raises
    ------
    ValueError
        If there is no sequence, or one of them is not 2-D, has no steps or no features, another
        number of features, or a value that is not allowed.

    Notes
    -----
    Data frames are taken as arrays. A 1-D array is taken as one of a single feature if `n_features` is 1.
    """
    checked = []
    for index, sequence in enumerate(listed(sequences, name)):
        checked.append(check_sequence(sequence, n_features, binary, f"{name}[{index}]", missing))
        n_features = checked[0].shape[1]
    check_any(checked, name)
    if len({sequence.dtype for sequence in checked}) > 1:  # NaN, in some of them
        return [_floating(sequence) for sequence in checked]
    return checked


def listed(sequences: Iterable[ArrayLike], name: str) -> list[ArrayLike]:
    """The items of any iterable; a dict, a text and a data frame iterate over something else.

    Raises
    ------
    ValueError
        If it is one of these, or can't be iterated over.
    """
    odd = isinstance(sequences, dict | str | bytes) or hasattr(sequences, "columns")
    if odd or not isinstance(sequences, Iterable):
        raise ValueError(f"{name} must be a list of sequences, got {shown(type(sequences).__name__)}")
    return list(sequences)


def check_sequence(
    sequence: ArrayLike, n_features: int | None, binary: bool, name: str, missing: bool = False
) -> NDArray:
    """Check one sequence, as :func:`check_sequences` does; `name` is its own."""
    values = check_array(sequence, name, n_features)
    if n_features is not None and values.shape[1] != n_features:
        raise ValueError(f"{name} must have {n_features} features, got {values.shape[1]}")
    if binary:
        if values.dtype.kind in "bu" and values.max() <= 1:  # the same, without arrays as large as this one
            return values.astype(np.uint8)
        absent = missing & np.isnan(values)
        _allowed(values, (values == 0) | (values == 1) | absent, "0 or 1", name)
        return _floating(values) if absent.any() else values.astype(np.uint8)
    values = _floating(values)
    _allowed(values, np.isfinite(values) | (missing & np.isnan(values)), "finite", name)
    largest = np.sqrt(np.finfo(values.dtype).max)  # models square what they read
    rule = f"at most {largest:.2g} in size ({values.dtype} has no squares of larger ones: change the units)"
    return _allowed(values, ~(abs(values) > largest), rule, name)


def first_missing(sequences: Iterable[NDArray]) -> tuple[int, int, int] | None:
    """Sequence, step and feature of the first NaN, if there is one."""
    for index, sequence in enumerate(sequences):
        if sequence.dtype.kind != "f":
            continue
        absent = np.isnan(sequence)
        if absent.any():
            return index, *map(int, np.argwhere(absent)[0])
    return None


def numbers_of_observed(sequences: Iterable[ArrayLike]) -> NDArray[np.int64] | None:
    """How many entries of each sequence are not NaN: ndarray, (n_sequences,); None if none is."""
    arrays = [np.asarray(_without_mask(sequence)) for sequence in sequences]
    if all(array.dtype.kind != "f" for array in arrays):
        return None
    n_missing = np.array([np.count_nonzero(np.isnan(array)) for array in arrays])
    return np.array([array.size for array in arrays]) - n_missing if n_missing.any() else None


def check_array(sequence: ArrayLike, name: str, n_features: int | None = None) -> NDArray:
    """An array (n_steps, n_features) of real numbers, whatever they are.

    Data frames are arrays, too; NaN is where masked arrays of NumPy's have nothing; a 1-D array is one of a
    single feature where that is the number it must have.
    """
    sequence = _without_mask(sequence)
    try:
        values = np.asarray(sequence)
    except ValueError:
        raise ValueError(f"{name} must be a rectangular array, got rows of different lengths") from None
    if values.dtype == object and hasattr(sequence, "to_numpy"):  # a data frame of types that know NA
        with suppress(TypeError, ValueError):  # texts are no numbers, as is said below
            values = sequence.to_numpy(dtype=float, na_value=np.nan)
    if values.dtype.kind not in "buif":
        raise ValueError(f"{name} must be real numbers, got data type {shown(values.dtype)}")
    if values.ndim == 1 and n_features == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise ValueError(f"{name} must be 2-D, (n_steps, n_features), got shape {shown(values.shape)}")
    if 0 in values.shape:
        raise ValueError(f"{name} must have at least one step and one feature, got shape {values.shape}")
    return values


def _without_mask(sequence):
    """NaN in place of what is masked, if it is a masked array of NumPy's."""
    if not np.ma.is_masked(sequence):
        return sequence
    return sequence.astype(np.result_type(sequence, np.float32)).filled(np.nan)


def _floating(values):
    """In the precision of the graph; NaN of whatever sign and payload is one and the same."""
    # Here, so that the process that reads files, which needs none of it, starts at once.
    from pytensor import config

    with np.errstate(over="ignore", invalid="ignore"):
        rounded = values.astype(config.floatX)
        if rounded.dtype.itemsize < values.dtype.itemsize:
            _warn_of_rounding(values, rounded)
    rounded[np.isnan(rounded)] = np.nan
    return rounded


def _warn_of_rounding(values, rounded):
    """Warn if rounding changes values by much of their range, as it does if large numbers differ little."""
    known, values = np.isfinite(rounded), values.astype(float)  # integers have no infinity
    highest, lowest = (
        f(values, axis=0, where=known, initial=start) for f, start in ((np.max, -np.inf), (np.min, np.inf))
    )
    error = np.max(abs(values - rounded), axis=0, where=known, initial=0.0)
    if ((highest > lowest) & (error > MOST_ROUNDED * (highest - lowest))).any():
        warnings.warn(
            "some values are so large that single precision rounds away how they differ: subtract the mean "
            "of each feature first",
            stacklevel=2,
        )


def _allowed(values, is_allowed, rule, name):
    if not is_allowed.all():
        step, feature = np.argwhere(~is_allowed)[0]
        raise ValueError(
            f"{name} must be {rule}, got {values[step, feature]} at step {step}, feature {feature}"
        )
    return values


def check_any(sequences: Sized, name: str) -> None:
    """Raise a ValueError if there is no sequence."""
    if len(sequences) == 0:
        raise ValueError(f"{name} must hold at least one sequence, got none")

"""A data set: three lists of sequences, their origin, and a fingerprint of their content."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breze_like.quoting import shown
from breze_like.sequences import check_sequences, first_missing

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Sequences for training, validation and testing.

    Sequences of integers or booleans are binary data, and every value must be 0 or 1; sequences of
    floating-point numbers are real-valued data, in which NaN stands for what is missing.

    Parameters
    ----------
    name : str
    train, valid, test : list of array_like, each (n_steps, n_features)
        Kept as lists of ``uint8`` arrays (binary data) or floatX arrays (real-valued data).
    source, licence : str
        Where the data come from and on which terms they may be used.
    verified : bool or None
        Whether the content is what is published under this name; None where there is nothing to
        compare it with.

    Raises
    ------
    ValueError
        If a split breaks a rule of :func:`breze_like.data.check_sequences`.
    """

    name: str
    train: list
    valid: list
    test: list
    source: str = ""
    licence: str = ""
    verified: bool | None = None

    def __post_init__(self):
        """Check the splits and unify their data types."""
        splits = {split: list(getattr(self, split)) for split in SPLITS}
        binary = all(is_integer(sequence) for split in splits.values() for sequence in split)
        n_features = None
        for split, sequences in splits.items():
            name = f"{shown(self.name)}, {split}"
            checked = check_sequences(sequences, n_features, binary, name, missing=not binary)
            n_features = checked[0].shape[1]
            if not binary and all(np.isnan(sequence).all() for sequence in checked):
                raise ValueError(f"{name} must have a value that is not missing, all are NaN")
            object.__setattr__(self, split, checked)

    @property
    def n_features(self) -> int:
        """Number of features of every sequence; 88, the keys of a piano, for a piano roll."""
        return self.train[0].shape[1]

    @property
    def binary(self) -> bool:
        """Whether all values are 0 or 1."""
        return self.train[0].dtype == np.uint8

    @cached_property
    def has_missing(self) -> bool:
        """Whether anything is missing, NaN."""
        return not self.binary and any(first_missing(getattr(self, split)) for split in SPLITS)

    @cached_property
    def is_of_zeros_and_ones(self) -> bool:
        """Whether all that is not missing is 0 or 1, whatever the data type."""
        sequences = [sequence for split in SPLITS for sequence in getattr(self, split)]
        return self.binary or all(((s == 0) | (s == 1) | np.isnan(s)).all() for s in sequences)

    @cached_property
    def digests(self) -> dict[str, str]:
        """Digest of each split, by the split's name."""
        return {split: digest(getattr(self, split)) for split in SPLITS}


def digest(sequences: Iterable[NDArray]) -> str:
    """Fingerprint of a split's content, whatever file it was read from.

    It is the SHA-256 sum over, for each sequence in order, two little-endian ``uint32``
    ``(n_steps, n_features)`` and then the values: binary data as
    ``numpy.packbits(sequence, axis=1)``, real-valued data as little-endian ``float32``, in which all NaN
    are the same.

    Parameters
    ----------
    sequences : list of ndarray, each (n_steps, n_features)

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    total = hashlib.sha256()
    for sequence in sequences:
        total.update(np.array(sequence.shape, dtype="<u4").tobytes())
        if is_integer(sequence):
            total.update(np.packbits(sequence, axis=1).tobytes())
        else:
            total.update(sequence.astype("<f4").tobytes())
    return total.hexdigest()


def is_integer(sequence: ArrayLike) -> bool:
    """Whether a sequence is of integers or booleans, so of binary data."""
    return np.asarray(sequence).dtype.kind in "bui"

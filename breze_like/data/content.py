"""The content of a file of any kind, before it becomes a data set: arrays by split, as they were found."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from numpy.typing import NDArray

from breze_like.data.dataset import SPLITS

# What else people call the splits.
OTHER_NAMES = {"validation": "valid", "val": "valid"}


@dataclass(frozen=True, eq=False)
class Content:
    """The sequences of a file, by split, and what it says of itself.

    Parameters
    ----------
    splits : dict of str to list of ndarray, each (n_steps, n_features)
    name, source, licence : str
        Empty if the file does not say.
    warning : str
        What may not be as its owner meant it, in a sentence; empty if nothing is odd.
    """

    splits: dict[str, list[NDArray]]
    name: str = ""
    source: str = ""
    licence: str = ""
    warning: str = ""


def keys_of_splits(found: Iterable[str], suffix: str = "") -> dict[str, str]:
    """What each split is called, if it is there at all: ``{"train": "train", "valid": "validation"}``.

    Parameters
    ----------
    found : iterable of str
        All names, each as often as it is there.
    suffix : str
        What is after the split in a name.

    Raises
    ------
    ValueError
        If a split is there twice, under one name or two.
    """
    counts, keys = Counter(iter(found)), {}  # of a mapping, its names
    for name, split in [*OTHER_NAMES.items(), *zip(SPLITS, SPLITS, strict=True)]:
        if n := counts[name + suffix]:
            if n > 1:
                raise ValueError(f"{name + suffix!r} must be there once, is there {n} times: leave one out")
            if split in keys:
                both = f"{keys[split]!r} and {name + suffix!r}"
                raise ValueError(f"split {split} must be there once, got {both}: leave one out")
            keys[split] = name + suffix
    return keys

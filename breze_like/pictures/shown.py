"""Sequences as a notebook shows them: pictures with players, or text where matplotlib is not installed."""

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from breze_like.pictures.html import element
from breze_like.sequences import check_any, check_array, listed

# So many sequences are shown, unless more are asked for.
N_SHOWN = 4


def can_draw() -> bool:
    """Whether matplotlib is installed: it is in the extra ``scripts``."""
    return find_spec("matplotlib") is not None


class Sequences(list):
    """A list of sequences, arrays (n_steps, n_features), that a notebook shows.

    Parameters
    ----------
    sequences : iterable of ndarray, shape (n_steps, n_features)
    observed : list of ndarray of bool, of the same shapes, optional
        False where something was missing; such steps are shaded.
    """

    def __init__(self, sequences=(), observed=None):
        super().__init__(sequences)
        self.observed = observed

    def _repr_html_(self):
        return show(self, observed=self.observed)._repr_html_()


class Shown:
    """What `show` returns: a notebook displays it as pictures; as text, it says what the sequences are."""

    def __init__(self, sequences, truths, observed, first):
        self._sequences, self._truths, self._observed = sequences, truths, observed
        self._first = first

    def __repr__(self):
        lengths = [len(x) for x in self._sequences]
        n_features = self._sequences[0].shape[1]
        return (
            f"{len(lengths)} sequences of {min(lengths)} to {max(lengths)} steps, {n_features} features; "
            "pictures need a notebook, and matplotlib: pip install matplotlib"
        )

    def _repr_html_(self):
        if not can_draw():
            return None
        n = len(self._sequences)
        rows = [self._row(i) for i in range(min(n, self._first))]
        rest = element("p", f"{n - self._first} more are not shown.") if n > self._first else ""
        return element("div", *rows, rest)

    def _row(self, i):
        from breze_like.pictures.songs import Songs

        values = self._sequences[i]
        truth = None if self._truths is None else self._truths[i]
        missing = None if self._observed is None else ~np.all(self._observed[i], axis=1)
        binary = all(map(_is_binary, [values] if truth is None else [values, truth]))
        if binary:
            values, truth = _as_notes(values), _as_notes(truth)
        label = "sequence" if len(self._sequences) == 1 else f"sequence {i + 1}"
        songs = Songs(values if truth is None else truth, binary, values)
        return songs.row(label, values, missing, marked=truth is not None)


def show(
    sequences: Sequence[NDArray] | NDArray,
    truths: Sequence[NDArray] | None = None,
    observed: Sequence[NDArray] | None = None,
    first: int = N_SHOWN,
) -> Shown:
    """Sequences as pictures in a notebook's cell, piano rolls with players.

    Parameters
    ----------
    sequences : list of ndarray, shape (n_steps, n_features), or one array (n_steps, n_sequences, n_features)
        The latter is what a model's `sample` returns. Zeros and ones are shown as rolls, other values as
        lines; NaN is left out.
    truths : list of ndarray of the same shapes, optional
        Sequences to compare with: wrong notes are red, missing ones blue; real values are drawn over the true
        ones, in grey.
    observed : list of ndarray of bool, of the same shapes, optional
        Steps with something False, which was missing, are shaded.
    first : int
        Number of sequences to show.

    Returns
    -------
    Shown

    Raises
    ------
    ValueError
        If there is none, or one of them is not an array (n_steps, n_features) of numbers, or the lists don't
        match.
    """
    if isinstance(sequences, np.ndarray) and sequences.ndim == 3:
        sequences = list(np.swapaxes(sequences, 0, 1))
    checked = _checked(sequences, "sequences")
    truths, observed = _beside(checked, truths, "truths"), _beside(checked, observed, "observed")
    return Shown(checked, truths, observed, first)


def _beside(checked, others, name):
    """What is beside sequences, of the same shapes, or None."""
    if others is None:
        return None
    others = _checked(others, name)
    shapes = [other.shape for other in others]
    if shapes != [x.shape for x in checked]:
        raise ValueError(f"{name} must have the same shapes as the sequences, got {shapes[:3]}")
    return others


def _checked(sequences, name):
    sequences = listed(sequences, name)
    check_any(sequences, name)
    return [check_array(x, f"{name}[{i}]", 1 if np.ndim(x) == 1 else None) for i, x in enumerate(sequences)]


def _is_binary(values):
    return bool((np.isin(values, (0, 1)) | np.isnan(values)).all())


def _as_notes(values):
    """Zeros and ones as they are played, if nothing is missing."""
    return values if values is None or np.isnan(values).any() else values.astype(np.uint8)

"""Sequences from nested lists and arrays, as pickles, JSON files and archives of NumPy's have them.

Each split is a list of sequences, or an array of them, and each sequence one of

* a list of the MIDI notes 21 to 108 that sound at each step; 67.0 counts as 67;
* an array (n_steps, n_voices) of MIDI notes, with -1 or NaN where a voice rests, which becomes a piano roll;
* an array (n_steps, n_features) of other numbers: binary if they are all 0 or 1, else real-valued.

Arrays are taken for voices if all of their numbers are notes or rests.
"""

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breze_like.data.content import keys_of_splits
from breze_like.data.dataset import SPLITS
from breze_like.data.pickles import PickledArray
from breze_like.music.rolls import HIGHEST_NOTE, LOWEST_NOTE, N_KEYS
from breze_like.quoting import quote, shown
from breze_like.sequences import check_any, check_array, check_sequences

RULE = f"MIDI notes {LOWEST_NOTE} to {HIGHEST_NOTE}"
REST = -1
MAX_NAMED = 8  # keys that a message names


def sequences_of(content: Any) -> dict[str, list[NDArray]]:
    """The sequences of each split.

    Raises
    ------
    ValueError
        If something is not as it should be, with its place.
    """
    keys = keys_of_splits(content) if isinstance(content, dict) and _are_texts(content) else {}
    if len(keys) < len(SPLITS):
        raise ValueError(f"must be a dictionary of {', '.join(SPLITS)}, got {_named(content)}")
    rolls, arrays = {}, {}
    for split in SPLITS:
        sequences = _items(_not_flat(_plain(content[keys[split]]), split), split)
        check_any(sequences, split)
        for index, sequence in enumerate(sequences):
            name = f"{split}[{index}]"
            sequence = _plain(sequence)
            if isinstance(sequence, np.ndarray):
                arrays[name] = check_array(sequence, name)
            else:
                rolls[name] = _roll(_items(sequence, name), name)
    found = {**rolls, **_sequences(arrays)}
    splits = {split: [] for split in SPLITS}
    for name in sorted(found, key=lambda name: int(name[:-1].partition("[")[2])):
        splits[name.partition("[")[0]].append(found[name])
    if all(array.dtype == np.uint8 for array in found.values()):
        n_features = N_KEYS if rolls else None
        for split in SPLITS:
            splits[split] = check_sequences(splits[split], n_features, name=split)
    return splits


def _are_texts(keys):
    return all(isinstance(key, str) for key in keys)


def _named(content):
    """What was found instead of a dictionary of splits, in words."""
    if not isinstance(content, dict):
        return type(content).__name__
    keys = [shown(key, 40) if isinstance(key, str) else quote(key) for key in itertools.islice(content, 9)]
    return shown(", ".join(keys)) or "an empty one"


def _plain(value):
    """Arrays of numbers and lists as they are, also where a pickle holds them."""
    return value.values if isinstance(value, PickledArray) else value


def _not_flat(value, split):
    """Raise a ValueError for a split that is an array of fewer than two dimensions."""
    if isinstance(value, np.ndarray) and value.ndim < 2:
        raise ValueError(
            f"{split} must be an array (n_steps, n_features) or (n_sequences, n_steps, n_features), got "
            f"shape {value.shape}: one sequence x of one feature is x[:, None]"
        )
    return value


def _items(value, name):
    """The items of a list or tuple or, of an array, what is along its first axis."""
    value = _plain(value)
    if isinstance(value, np.ndarray) and value.ndim:
        return [value] if name in SPLITS and value.ndim == 2 else list(value)
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name} must be a list, got {type(value).__name__}")
    return value


def _roll(steps, name):
    """Piano roll (n_steps, 88) of a list of lists of MIDI notes."""
    chords = [
        [note for note in (_note(note, name, step) for note in _items(notes, f"{name}[{step}]")) if note]
        for step, notes in enumerate(steps)
    ]
    roll = np.zeros((len(steps), N_KEYS), dtype=np.uint8)
    rows = np.repeat(np.arange(len(steps)), [len(chord) for chord in chords])
    roll[rows, np.fromiter(itertools.chain.from_iterable(chords), dtype=int) - LOWEST_NOTE] = 1
    return roll


def _note(note, name, step):
    """A note as an integer; None for a rest."""
    if isinstance(note, np.number):
        note = note.item()
    if type(note) is float and note.is_integer():
        note = int(note)
    if note is None or note != note or (type(note) is int and note == REST):
        return None
    if type(note) is not int or not LOWEST_NOTE <= note <= HIGHEST_NOTE:
        got = quote(note) if isinstance(note, int | float | str) else type(note).__name__
        raise ValueError(f"{name}[{step}] must be {RULE}, got {shown(got, 40)}")
    return note


def _sequences(arrays):
    """Arrays of all splits, by name, as what they are: piano rolls of voices, binary, or real-valued."""
    if all(_is_binary(array) for array in arrays.values()):
        return {name: array.astype(np.uint8) for name, array in arrays.items()}
    wrong = {name: array for name, array in arrays.items() if not _are_notes(array).all()}
    if not wrong:
        return {name: _roll_of_voices(array) for name, array in arrays.items()}
    if any(array.dtype.kind == "f" for array in arrays.values()):
        return {name: array.astype(float) for name, array in arrays.items()}
    name, array = next(iter(wrong.items()))
    got = array[~_are_notes(array)][0]
    raise ValueError(f"{name} must be 0 and 1, or {RULE} with {REST} for rests, got {got}")


def _is_binary(array):
    return ((array == 0) | (array == 1)).all()


def _are_notes(array):
    rests = np.isnan(array) | (array == REST)
    return rests | ((array >= LOWEST_NOTE) & (array <= HIGHEST_NOTE) & (array == np.floor(array)))


def _roll_of_voices(array):
    steps, voices = np.nonzero(array > 0)
    roll = np.zeros((len(array), N_KEYS), np.uint8)
    roll[steps, array[steps, voices].astype(int) - LOWEST_NOTE] = 1
    return roll

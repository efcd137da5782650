"""Piano rolls: arrays (n_steps, 88) of zeros and ones, a column for each key of a piano.

A roll that comes from music, or is to be played, has a grid: 1, 2 or 4 steps in a quarter note, that is,
quarter, eighth or sixteenth notes.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from breze_like.quoting import quote
from breze_like.sequences import check_sequence

LOWEST_NOTE, HIGHEST_NOTE = 21, 108  # MIDI numbers of the first and the last key
N_KEYS = HIGHEST_NOTE - LOWEST_NOTE + 1
GRIDS = (1, 2, 4)
MAX_ROLL_STEPS = 100_000  # of a roll that is read or written, so that a wrong number does not take all memory


def check_roll(roll: ArrayLike) -> NDArray[np.uint8]:
    """A roll as ``uint8``; of all arrays without steps, only (0, 88) is one.

    Raises
    ------
    ValueError
        If it is not a roll, or has too many steps.
    """
    if np.shape(roll) == (0, N_KEYS):
        return np.zeros((0, N_KEYS), np.uint8)
    roll = check_sequence(roll, N_KEYS, binary=True, name="roll")
    check_length(len(roll))
    return roll


def check_length(n_steps: int) -> None:
    """Raise a ValueError if a roll has more than `MAX_ROLL_STEPS` steps."""
    if n_steps > MAX_ROLL_STEPS:
        raise ValueError(f"roll must have at most {MAX_ROLL_STEPS} steps, got {n_steps}")


def check_grid(steps_per_quarter: int) -> int:
    """The number of steps in a quarter note as an integer.

    Raises
    ------
    ValueError
        If it is not in `GRIDS`.
    """
    if steps_per_quarter not in GRIDS:
        raise ValueError(f"steps_per_quarter must be one of {GRIDS}, got {quote(steps_per_quarter)}")
    return int(steps_per_quarter)


def check_tempo(tempo: float) -> float:
    """Check a number of quarter notes a minute, and return it.

    Raises
    ------
    ValueError
        If it is not from 4 to 1000. A MIDI file can't be slower.
    """
    if not 4 <= tempo <= 1000:
        raise ValueError(f"tempo must be from 4 to 1000 quarter notes per minute, got {quote(tempo)}")
    return tempo


def strokes(roll: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Where keys are pressed, 1, and released, -1; else 0.

    Steps of a key that follow one another are one held note.

    Parameters
    ----------
    roll : ndarray, shape (n_steps, 88)

    Returns
    -------
    ndarray, shape (n_steps + 1, 88), int8
        What sounds at the last step is released after it.
    """
    padded = np.pad(roll.astype(np.int8), ((1, 1), (0, 0)))
    return padded[1:] - padded[:-1]

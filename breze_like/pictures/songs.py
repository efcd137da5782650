"""One song, or another sequence, in several versions: pictures with players."""

import numpy as np

from breze_like.music import wav_bytes
from breze_like.music.rolls import N_KEYS
from breze_like.pictures import figures, strips
from breze_like.pictures.html import element, player

# Sound, in as few bytes as sound well: four steps a second.
SOUND = {"steps_per_quarter": 1, "tempo": 240.0, "rate": 11_025}


class Songs:
    """Pictures of one song in several states, with players of piano rolls.

    Parameters
    ----------
    truth : ndarray, shape (n_steps, n_features)
        The song as it should be.
    binary : bool
        Whether the values are zeros and ones.
    *others : ndarray of the same shape
        What else is shown in the same range of notes.
    """

    def __init__(self, truth, binary, *others):
        self._truth, self._binary = truth, binary
        self._notes = figures.note_range(truth, *others) if binary else None

    def row(self, label, values, missing=None, marked=True):
        """A picture, and a player if the values are a roll, of notes and not of probabilities.

        Parameters
        ----------
        label : str
        values : ndarray, shape (n_steps, n_features)
        missing : ndarray of bool, shape (n_steps,), optional
            Steps that are shaded.
        marked : bool
            Whether to mark how the values differ from the truth.
        """
        truth = self._truth if marked else None
        image = strips.strip(values, truth, missing, self._notes)
        detail = self._detail(values) if marked else ""
        kind = "piano roll" if self._binary else "lines"
        alt = f"{label}, {kind} of {len(values)} time steps{detail and f': {detail}'}"
        caption = element("figcaption", label, element("small", f" {detail}") if detail else "")
        return element("figure", caption, figures.picture(image, alt), _player(values, label))

    def _detail(self, values):
        if np.isnan(values).any():
            return ""
        if not self._binary:
            return f"root mean squared error {np.sqrt(np.nanmean((values - self._truth) ** 2)):.3f}"
        wrong, missing = (values > self._truth).sum(), (values < self._truth).sum()
        return f"{wrong} notes wrong (red), {missing} missing (blue)"


def _player(values, label):
    is_music = values.dtype == np.uint8 and values.shape[1] == N_KEYS
    return player(wav_bytes(values, **SOUND), label) if is_music else ""

"""Piano rolls as sound: WAV files, mono, 16 bits, whose notes are decaying harmonics.

>>> import numpy as np
>>> content = wav_bytes(np.eye(5, 88, dtype=np.uint8))
>>> content[:4]
b'RIFF'
"""

import io
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from breze_like.files import PathLike, writing
from breze_like.music.rolls import LOWEST_NOTE, check_grid, check_roll, check_tempo, strokes
from breze_like.quoting import quote

N_HARMONICS = 8
LOUDNESS = 0.2  # of a note, 1 is the most that a file holds; louder chords make the whole roll softer
MAX_SECONDS = 3600


def write_wav(
    target: PathLike | BinaryIO,
    roll: ArrayLike,
    steps_per_quarter: int = 2,
    tempo: float = 120.0,
    rate: int = 22_050,
) -> None:
    """Write a piano roll as sound.

    Parameters
    ----------
    target, roll, steps_per_quarter, tempo
        As for `write_midi`; the roll lasts at most an hour.
    rate : int
        Samples a second, 4000 to 192000.

    Raises
    ------
    ValueError
        If an argument breaks one of these rules.
    """
    roll = check_roll(roll)
    seconds_per_step = check_duration(len(roll), steps_per_quarter, tempo)
    samples = _samples(roll, seconds_per_step, _check_rate(rate))
    from scipy.io import wavfile  # half of the time that importing all of `breze_like.music` would take

    with writing(target) as stream:
        wavfile.write(stream, rate, samples.astype(np.int16))


def wav_bytes(roll: ArrayLike, steps_per_quarter: int = 2, tempo: float = 120.0, rate: int = 22_050) -> bytes:
    """The content of the file that `write_wav` writes, for a page or a player."""
    stream = io.BytesIO()
    write_wav(stream, roll, steps_per_quarter, tempo, rate)
    return stream.getvalue()


def check_duration(n_steps: int, steps_per_quarter: int, tempo: float) -> float:
    """Seconds that a step of a roll lasts.

    Raises
    ------
    ValueError
        If one of the numbers is not allowed, or all steps last for more than `MAX_SECONDS`.
    """
    seconds_per_step = 60 / (check_grid(steps_per_quarter) * check_tempo(tempo))
    seconds = n_steps * seconds_per_step
    if seconds > MAX_SECONDS:
        raise ValueError(f"roll must last at most {MAX_SECONDS} seconds, got {seconds:.0f}")
    return seconds_per_step


def _samples(roll, seconds_per_step, rate):
    """Numbers from -32767 to 32767."""
    total = np.zeros(round(len(roll) * seconds_per_step * rate), dtype=np.float32)
    pressed, released = (np.argwhere(strokes(roll).T == sign) for sign in (1, -1))
    for (key, step), (_, end) in zip(pressed, released, strict=True):
        first, last = (round(s * seconds_per_step * rate) for s in (step, end))
        frequency = 440 * 2 ** ((key + LOWEST_NOTE - 69) / 12)
        total[first:last] += LOUDNESS * _tone(frequency, last - first, rate)
    return np.round(total * (32_767 / np.abs(total).max(initial=1)))


def _tone(frequency, n_samples, rate):
    """A note: the higher a harmonic, the weaker it is, and the faster it decays."""
    seconds = np.arange(n_samples) / rate
    tone = sum(
        np.exp(-h * seconds) * np.sin(2 * np.pi * h * frequency * seconds) / h**2
        for h in range(1, N_HARMONICS + 1)
        if h * frequency < rate / 2
    )
    # Without clicks: the sound rises in 5 ms, and fades in the last 50.
    return tone * np.minimum(1, np.minimum(seconds / 0.005, (n_samples / rate - seconds) / 0.05))


def _check_rate(rate):
    if not 4000 <= rate <= 192_000:
        raise ValueError(f"rate must be from 4000 to 192000 samples per second, got {quote(rate)}")
    return rate

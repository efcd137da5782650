"""Piano rolls from MIDI files and back; files are written by mido.

A key is on at a step if it sounds at the step's grid point, where

* a note that begins or ends late, by less than a quarter of a step, counts as on time;
* a note that begins less than a quarter of a step before or after a grid point occupies that step, however
  short it is;
* a note that then sounds at no grid point is left out: on a coarse grid, a passing note between two chords
  belongs to neither.

A key that is struck again while it sounds is held until it has been released as often as it was struck; if
that never happens, the first release ends it.

The roll ends where the longest track does, so that silence at the end is kept. A roll that was written to a
file is read back unchanged if it has a note: a file without notes is refused.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from breze_like.files import PathLike, open_regular, writing
from breze_like.files.decoding import decoding
from breze_like.music import events
from breze_like.music.rolls import (
    HIGHEST_NOTE,
    LOWEST_NOTE,
    MAX_ROLL_STEPS,
    N_KEYS,
    check_grid,
    check_roll,
    check_tempo,
    strokes,
)
from breze_like.quoting import quote, shown_path

TICKS_PER_QUARTER = 480
VELOCITY = 80
PERCUSSION = 9  # the channel whose note numbers are instruments, not pitches

MAX_MIDI_BYTES = 10_000_000  # of a file, so that a wrong one does not take all time; a few seconds


@dataclass(frozen=True, eq=False)
class MidiRoll:
    """The piano roll of a MIDI file.

    Parameters
    ----------
    roll : ndarray, shape (n_steps, 88), uint8
    n_notes : int
        Of the file.
    left_out : dict of str to int
        For each reason to leave notes out, of how many it was true; without reasons that were true of none.
    damage : dict of str to int
        For each kind of damage by which notes may be lost, how many tracks have it; without others.
    """

    roll: np.ndarray
    n_notes: int
    left_out: dict
    damage: dict = field(default_factory=dict)


def report(rolls: Iterable[MidiRoll]) -> str:
    """What was left out of some `MidiRoll`, or may be lost, in words; empty if that is nothing."""
    left_out = sum((Counter(roll.left_out) for roll in rolls), Counter())
    damage = sum((Counter(roll.damage) for roll in rolls), Counter())
    reasons = ", ".join(f"{n} {reason}" for reason, n in left_out.items())
    n_notes = sum(roll.n_notes for roll in rolls)
    notes = [f"{left_out.total()} of {n_notes} notes left out: {reasons}"] if left_out else []
    return "; ".join([*notes, *(f"{n} {kind}" for kind, n in damage.items())])


def read_midi(path: PathLike, steps_per_quarter: int = 2, name: str | None = None) -> MidiRoll:
    """Read the piano roll of a MIDI file of type 0 or 1, all of its tracks and channels but percussion.

    Tracks are read however many the header says, and each up to an event that does not end within it.

    Parameters
    ----------
    path : str or path-like
    steps_per_quarter : int
        1, 2 or 4.
    name : str, optional
        What to call the file in error messages; by default its path.

    Returns
    -------
    MidiRoll

    Raises
    ------
    ValueError
        If there is no such file, or it is damaged, too large or too long, of another kind, or has no note.
        The message is one line and names the file.
    """
    steps_per_quarter = check_grid(steps_per_quarter)
    try:
        with decoding("MIDI file"), open_regular(path) as file:
            content = file.read(MAX_MIDI_BYTES + 1)
        return _read(content, steps_per_quarter)
    except ValueError as error:
        raise ValueError(f"{shown_path(path if name is None else name)}: {error}") from error


def write_midi(
    target: PathLike | BinaryIO,
    roll: ArrayLike,
    steps_per_quarter: int = 2,
    tempo: float = 120.0,
    instrument: int = 0,
) -> None:
    """Write a piano roll as a MIDI file; steps of a key that follow one another are one held note.

    Parameters
    ----------
    target : str, path-like or binary stream
        A file of this name is replaced, completely or not at all.
    roll : array_like, shape (n_steps, 88)
        Zeros and ones.
    steps_per_quarter : int
        1, 2 or 4.
    tempo : float
        Quarter notes a minute, 4 to 1000.
    instrument : int
        General MIDI program, 0 to 127: 0 is a piano, 19 a church organ, 48 strings, 52 a choir.

    Raises
    ------
    ValueError
        If an argument breaks one of these rules, or mido is missing.
    """
    mido, roll = import_mido(), check_roll(roll)
    now, ticks = 0, TICKS_PER_QUARTER // check_grid(steps_per_quarter)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(check_tempo(tempo)))])
    track.append(mido.Message("program_change", program=check_instrument(instrument)))
    signs = strokes(roll)
    for step, key in np.argwhere(signs).tolist():
        kind = "note_on" if signs[step, key] > 0 else "note_off"
        time, now = step * ticks - now, step * ticks
        track.append(mido.Message(kind, note=key + LOWEST_NOTE, velocity=VELOCITY, time=time))
    track.append(mido.MetaMessage("end_of_track", time=len(roll) * ticks - now))
    with writing(target) as stream:
        mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_QUARTER, tracks=[track]).save(file=stream)


def _read(content, steps_per_quarter):
    if len(content) > MAX_MIDI_BYTES:
        raise ValueError(f"must be a MIDI file of at most {MAX_MIDI_BYTES / 1e6:.0f} MB, it is larger")
    with decoding("MIDI file"):
        header = events.read_header(content)
    quarter = header.ticks_per_quarter
    if header.kind not in (0, 1):
        raise ValueError(f"must be of type 0 or 1, got type {header.kind}")
    if quarter < 1:
        raise ValueError("must have its time in quarter notes, got a file in seconds")
    with decoding("MIDI file"):
        tracks = events.read_tracks(content, header, max_ticks=(MAX_ROLL_STEPS + 1) * quarter)

    def steps(ticks):
        """The first step whose grid point is later, or less than a quarter of a step earlier."""
        return (4 * ticks * steps_per_quarter - quarter) // (4 * quarter) + 1

    n_steps = max((steps(track.end) for track in tracks), default=0)
    if n_steps > MAX_ROLL_STEPS:
        raise ValueError(f"must have at most {MAX_ROLL_STEPS} steps, it has more")
    if sum(map(events.count, tracks)) > events.MAX_NOTES:
        raise ValueError(f"must have at most {events.MAX_NOTES} strokes and releases, it has more")
    (start, end, note, channel), n_unreleased = _notes(tracks)
    n_notes = len(note) + n_unreleased
    if not n_notes:
        raise ValueError("has no notes: leave it out")
    first, last = steps(start), steps(end)
    struck = 4 * np.abs(first * quarter - start * steps_per_quarter) < quarter
    last = np.where(struck, np.maximum(last, first + 1), last)
    reasons = {
        "of percussion": channel == PERCUSSION,
        f"outside the {N_KEYS} keys": (note < LOWEST_NOTE) | (note > HIGHEST_NOTE),
        "between grid points": first >= last,
    }
    kept, left_out = np.ones(len(note), bool), {}
    for reason, holds in reasons.items():
        left_out[reason] = int((kept & holds).sum())
        kept &= ~holds
    left_out["never released"] = n_unreleased
    roll = _roll(first[kept], last[kept], note[kept] - LOWEST_NOTE, n_steps)
    damage = {
        "of the tracks cut off": sum(track.cut for track in tracks),
        "of the tracks missing": max(0, header.n_tracks - len(tracks)),
    }
    return MidiRoll(roll, n_notes, _without_zeros(left_out), _without_zeros(damage))


def _without_zeros(counts):
    return {what: n for what, n in counts.items() if n}


def _notes(tracks):
    """Start and end in ticks, note and channel of each note, and how many were not released."""
    found, n_unreleased = [np.zeros((0, 4), int)], 0
    for key, key_events in chain.from_iterable(track.keys.items() for track in tracks):
        ended, n_sounding = events.notes(key_events)
        n_unreleased += n_sounding
        if ended:
            found.append(np.column_stack([np.array(ended), np.tile(key, (len(ended), 1))]))
    return np.concatenate(found).T, n_unreleased


def _roll(first, last, keys, n_steps):
    """Piano roll of notes that last from the step `first` up to, without it, the step `last`."""
    starts_less_ends = np.zeros((last.max(initial=n_steps) + 1, N_KEYS), dtype=np.int32)
    np.add.at(starts_less_ends, (first, keys), 1)
    np.add.at(starts_less_ends, (last, keys), -1)
    return (starts_less_ends.cumsum(axis=0)[:-1] > 0).astype(np.uint8)


def check_instrument(instrument: int) -> int:
    """A General MIDI program.

    Raises
    ------
    ValueError
        If it is not an integer from 0 to 127.
    """
    if instrument not in range(128):
        raise ValueError(f"instrument must be an integer from 0 to 127, got {quote(instrument)}")
    return instrument


def import_mido():
    """The module mido, if it is installed.

    Raises
    ------
    ValueError
        If it is not installed, with how to get it.
    """
    try:
        import mido
    except ImportError:
        raise ValueError("MIDI files need the package mido: pip install mido") from None
    return mido

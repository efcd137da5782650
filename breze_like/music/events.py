"""The notes of a MIDI file, and nothing else.

Everything that does not concern notes is skipped, whatever it contains: invalid key signatures, texts, system
messages, chunks of other programs. A data byte above 127 counts as 127. A track ends at its end-of-track
event, or where an event does not end within it. Time and memory are linear in the bytes of the file, and
notes and ticks are bounded.

Source: *The Complete MIDI 1.0 Detailed Specification* (1996), Standard MIDI Files 1.0.
"""

import struct
from collections import defaultdict
from itertools import accumulate
from typing import NamedTuple

MAX_NOTES = 1_000_000  # of a file, struck or released
LARGEST = 1 << 62  # numbers are of any length in a damaged file; larger ones are as wrong as this one

# Bytes after a status byte, by its upper half; those of system messages by all of it.
N_DATA = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
N_SYSTEM_DATA = {0xF1: 1, 0xF2: 2, 0xF3: 1}
RELEASE, STROKE = 0x8, 0x9
META, END_OF_TRACK = 0xFF, 0x2F
N_END = 4  # bytes of an end-of-track event: all that a file may lack at its end
WITH_LENGTH = {0xF0, 0xF7, META}


class Track(NamedTuple):
    """One of a file's tracks: its last tick, and by (note, channel) when it is struck and released.

    The latter are lists of (tick, whether it is a stroke), in order. A track is `cut` if it stops within an
    event, or where no chunk begins, without an end-of-track event: nobody knows what comes next.
    """

    end: int
    keys: dict[tuple[int, int], list[tuple[int, bool]]]
    cut: bool = False


class Header(NamedTuple):
    """What a file begins with: its type, 0 to 2, and the time of its ticks; and where its chunks begin."""

    kind: int
    n_tracks: int
    ticks_per_quarter: int
    end: int


def read_header(content: bytes) -> Header:
    """The header of a file; negative `ticks_per_quarter` are of files in seconds.

    Raises
    ------
    ValueError
        If it is no MIDI file, or ends too early.
    """
    if content[:4] != b"MThd"[: len(content)]:
        raise ValueError("it does not begin like one")
    if len(content) < 14:
        raise ValueError("it ends too early")
    length, *numbers = struct.unpack(">Ihhh", content[4:14])
    return Header(*numbers, end=8 + length)


def read_tracks(content: bytes, header: Header, max_ticks: int) -> list[Track]:
    """The tracks of a file; they are cut off where they have more ticks, or all have more than `MAX_NOTES`.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    tracks, at, n_left = [], header.end, MAX_NOTES
    while at + 8 <= len(content):  # however many tracks the header says
        name, length = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "big")
        if name == b"MThd":  # of another file
            break
        at += 8
        if name == b"MTrk":
            tracks.append(_read_track(content, at, at + length, max_ticks, n_left))
            n_left -= count(tracks[-1])
        at += length
    if len(tracks) < header.n_tracks and (at != len(content) or not tracks):
        raise ValueError("it ends too early")
    return tracks


def count(track: Track) -> int:
    """Number of strokes and releases of a track."""
    return sum(map(len, track.keys.values()))


def _read_track(content, at, end, max_ticks, max_notes):
    """The track from `at` up to, without it, `end`, which may lie behind the end of the file."""
    now, running, keys, n_notes = 0, None, defaultdict(list), 0
    known = last = min(end, len(content))
    while at < last and now <= max_ticks and n_notes <= max_notes:
        ticks, at = _number(content, at, last)
        if at >= last:
            at = last + 1
            break
        status = content[at]
        if status >= 0x80:
            at += 1
        elif running is None:
            raise ValueError("there is no event where one must be")
        else:
            status = running
        if status in WITH_LENGTH:
            at += status == META
            if status == META and at <= last and content[at - 1] == END_OF_TRACK:
                return Track(now + ticks, dict(keys))
            length, at = _number(content, at, last)
            at += length
            known = max(known, at)
        else:
            running = status if status < 0xF0 else running
            upper = status >> 4
            data, at = at, at + N_DATA.get(upper, N_SYSTEM_DATA.get(status, 0))
            if upper in (RELEASE, STROKE) and at <= last:
                key = min(content[data], 127), status & 0xF
                keys[key].append((now + ticks, upper == STROKE and content[data + 1] > 0))
                n_notes += 1
        if at > last:
            break
        now += ticks
    if known < end - N_END:
        raise ValueError("it ends too early")
    return Track(now, dict(keys), cut=at > last or not _is_chunk(content[end : end + 4]))


def _is_chunk(start):
    """Whether a chunk may begin so, or nothing but zeros follow."""
    return start.isalnum() or not start.strip(b"\0")


def _number(content, at, end):
    """A number of variable length, of 7 bits a byte, and where it ends; behind `end` if it does not."""
    value = 0
    while at < end:
        byte = content[at]
        value, at = min(value << 7 | byte & 0x7F, LARGEST), at + 1
        if byte < 0x80:
            return value, at
    return value, end + 1


def notes(events: list[tuple[int, bool]]) -> tuple[list[tuple[int, int]], int]:
    """Start and end of each note of a key, in ticks, and how many were not released.

    A key that is struck again while it sounds is held until it was released as often as it was struck: the
    first release ends the first of its notes, and so on. Where that does not happen any more, one release
    ends all of them, but not what was struck in the same instant after something else.

    Parameters
    ----------
    events : list of tuple of int and bool
        As `Track.keys` has them.
    """
    # Releases less strokes, up to each event, and the most that they will be from there on.
    balance = list(accumulate(1 - 2 * struck for _, struck in events))
    most = list(accumulate(reversed(balance), max))[::-1]
    ended, sounding, first = [], [], 0  # what sounds are those from `first` on
    for index, (now, struck) in enumerate(events):
        if struck:
            sounding.append(now)
            continue
        n_sounding = len(sounding) - first
        before = balance[index] - 1
        if not n_sounding or most[index] - before >= n_sounding:
            n_ended = min(n_sounding, 1)
        else:
            n_ended = sum(start < now for start in sounding[first:]) or n_sounding
        ended += [(start, now) for start in sounding[first : first + n_ended]]
        first += n_ended
    return ended, len(sounding) - first

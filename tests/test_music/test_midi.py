"""MIDI files: rolls survive the way there and back, files made by hand, and what is none."""

import io
import os
import sys
import tracemalloc

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breze_like.music import events, midi
from breze_like.music.midi import read_midi, report, write_midi

C, D, E = 60 - 21, 62 - 21, 64 - 21  # columns of keys


def number(value):
    """A number of variable length, as MIDI files have it: 7 bits a byte, the last one below 128."""
    rest = [value >> shift & 0x7F for shift in range(0, 70, 7) if value >> shift or not shift]
    return bytes([0x80 | part for part in rest[:0:-1]] + rest[:1])


def chunk(name, content):
    return name + len(content).to_bytes(4, "big") + content


def midi_file(*tracks, kind=1, division=96):
    """A MIDI file, made by hand: a track is a list of (ticks since the event before, bytes of the event)."""
    header = b"".join(n.to_bytes(2, "big") for n in (kind, len(tracks), division))
    bodies = (b"".join(number(ticks) + event for ticks, event in track) for track in tracks)
    return chunk(b"MThd", header) + b"".join(chunk(b"MTrk", body) for body in bodies)


def on(note, channel=0, velocity=64):
    return bytes([0x90 | channel, note, velocity])


def off(note, channel=0):
    return bytes([0x80 | channel, note, 0])


END = b"\xff\x2f\x00"
DAMAGED = "not a readable MIDI file: ValueError: "
CUT = {"of the tracks cut off": 1}
NOTE = [(0, on(60)), (96, off(60)), (0, END)]


@pytest.fixture
def read(tmp_path):
    """Read a file of any bytes."""

    def read(content, steps_per_quarter=1):
        path = tmp_path / "song.mid"
        path.write_bytes(content)
        return read_midi(path, steps_per_quarter)

    return read


@pytest.fixture
def message_of(read, tmp_path):
    """What `read_midi` complains of: one line, which begins with the file's name."""

    def message_of(content):
        with pytest.raises(ValueError) as caught:
            read(content)
        message = str(caught.value)
        assert message.startswith(f"{tmp_path / 'song.mid'}: ") and "\n" not in message
        return message.removeprefix(f"{tmp_path / 'song.mid'}: ")

    return message_of


def sounding(roll):
    """The MIDI numbers that sound at each step."""
    return [(21 + np.flatnonzero(step)).tolist() for step in roll]


@st.composite
def rolls(draw):
    """Rolls from empty to full, with silence anywhere."""
    shape = draw(st.integers(0, 30)), 88
    density = draw(st.sampled_from([0.0, 0.02, 0.5, 1.0]))
    return (np.random.default_rng(draw(st.integers(0, 99))).random(shape) < density).astype(np.uint8)


class TestRoundTrip:
    @given(rolls(), st.sampled_from([1, 2, 4]), st.floats(4, 1000), st.integers(0, 127))
    @settings(max_examples=60, deadline=None)
    def test_every_roll(self, tmp_path_factory, roll, grid, tempo, instrument):
        path = tmp_path_factory.mktemp("midi") / "song.mid"
        write_midi(path, roll, grid, tempo, instrument)
        if not roll.any():
            with pytest.raises(ValueError, match="has no notes: leave it out"):
                read_midi(path, grid)
            return
        again = read_midi(path, grid)
        assert again.roll.dtype == np.uint8
        np.testing.assert_array_equal(again.roll, roll)
        assert again.left_out == {}

    def test_silence_at_both_ends(self, tmp_path):
        roll = np.zeros((7, 88), int)
        roll[3, C] = 1
        write_midi(tmp_path / "song.mid", roll)
        np.testing.assert_array_equal(read_midi(tmp_path / "song.mid").roll, roll)

    def test_a_finer_grid_repeats_steps(self, tmp_path, rng):
        roll = rng.integers(0, 2, (9, 88))
        write_midi(tmp_path / "song.mid", roll, steps_per_quarter=1)
        np.testing.assert_array_equal(read_midi(tmp_path / "song.mid", 4).roll, np.repeat(roll, 4, axis=0))


class TestWriteMidi:
    def test_messages(self):
        roll = np.zeros((5, 88), int)
        roll[1:3, C] = roll[3, D] = 1
        stream = io.BytesIO()
        write_midi(stream, roll, steps_per_quarter=2, tempo=90, instrument=19)
        file = mido.MidiFile(file=io.BytesIO(stream.getvalue()))
        (track,) = file.tracks
        assert file.type == 0
        beats = np.cumsum([message.time for message in track]) / file.ticks_per_beat
        assert [(b, m.type, getattr(m, "note", None)) for b, m in zip(beats, track, strict=True)] == [
            (0, "set_tempo", None),
            (0, "program_change", None),
            (0.5, "note_on", 60),
            (1.5, "note_off", 60),
            (1.5, "note_on", 62),
            (2.0, "note_off", 62),
            (2.5, "end_of_track", None),
        ]
        assert track[0].tempo == round(60e6 / 90)
        assert track[1].program == 19
        assert file.length == pytest.approx(2.5 / 90 * 60, rel=1e-5)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"roll": np.zeros((3, 87))}, "roll must have 88 features, got 87"),
            ({"roll": np.zeros(88)}, r"roll must be 2-D, .*, got shape \(88,\)"),
            ({"roll": np.full((1, 88), 0.5)}, "roll must be 0 or 1, got 0.5"),
            ({"roll": np.zeros((100_001, 88))}, "roll must have at most 100000 steps, got 100001"),
            ({"steps_per_quarter": 3}, r"steps_per_quarter must be one of \(1, 2, 4\), got 3"),
            ({"tempo": 3}, "tempo must be from 4 to 1000 quarter notes per minute, got 3"),
            ({"tempo": np.nan}, "tempo must be from 4 to 1000 quarter notes per minute, got nan"),
            ({"instrument": 128}, "instrument must be an integer from 0 to 127, got 128"),
            ({"instrument": 0.5}, "instrument must be an integer from 0 to 127, got 0.5"),
        ],
    )
    def test_bad_arguments(self, arguments, message, tmp_path):
        path = tmp_path / "song.mid"
        path.write_bytes(b"before")
        with pytest.raises(ValueError, match=message):
            write_midi(path, **{"roll": np.eye(88), **arguments})
        assert path.read_bytes() == b"before"
        assert list(tmp_path.iterdir()) == [path]


class TestGrid:
    """Notes of 96 ticks a quarter."""

    @pytest.mark.parametrize(
        ("start", "end", "grid", "steps"),
        [
            (0, 96, 1, [0]),
            (96, 288, 1, [1, 2]),
            (0, 12, 1, [0]),  # short, but struck on the grid
            (48, 96, 1, []),  # passes between the grid points
            (48, 97, 1, []),  # and is released late
            (48, 120, 1, [1]),
            (24, 48, 1, []),
            (48, 96, 2, [1]),
            (24, 48, 4, [1]),
            (23, 119, 1, [0]),  # late
            (24, 120, 1, [1]),  # too late
            (73, 180, 1, [1]),  # early
            (80, 90, 1, [1]),  # early and short
            (96, 96, 1, [1]),  # no time at all
        ],
    )
    def test_a_note(self, start, end, grid, steps, read):
        song = read(midi_file([(start, on(60)), (end - start, off(60)), (0, END)]), grid)
        assert np.flatnonzero(song.roll[:, C]).tolist() == steps
        assert song.roll.sum() == len(steps)
        assert song.left_out == ({} if steps else {"between grid points": 1})

    @pytest.mark.parametrize(("ticks", "n_steps"), [(24, 1), (23, 0), (96, 1), (960, 10), (970, 10)])
    def test_the_end_of_the_track_is_the_end(self, ticks, n_steps, read):
        assert len(read(midi_file([(0, on(60, 9)), (0, off(60, 9)), (ticks, END)])).roll) == n_steps

    def test_the_longest_track_counts(self, read):
        assert sounding(read(midi_file([(384, END)], NOTE, [])).roll) == [[60], [], [], []]


class TestNotes:
    def test_several_tracks_and_channels(self, read):
        tracks = NOTE, [(96, on(62, channel=3)), (96, off(62, channel=3))], [(0, on(64)), (192, off(64))]
        song = read(midi_file(*tracks))
        assert sounding(song.roll) == [[60, 64], [62, 64]]
        assert (song.n_notes, song.left_out) == (3, {})

    def test_velocity_zero_releases(self, read):
        assert sounding(read(midi_file([(0, on(60)), (96, on(60, velocity=0)), (96, END)])).roll) == [
            [60],
            [],
        ]

    def test_running_status(self, read):
        track = [(0, on(60)), (96, b"\x3c\x00"), (0, b"\x3e\x40"), (96, b"\x3e\x00"), (0, END)]
        assert sounding(read(midi_file(track)).roll) == [[60], [62]]

    def test_a_release_ends_its_own_channel_and_key(self, read):
        track = [(0, on(60)), (0, on(60, 1)), (0, on(62)), (96, off(60, 1)), (96, off(60)), (0, off(62))]
        assert sounding(read(midi_file(track)).roll) == [[60, 62], [60, 62]]

    def test_a_key_that_is_struck_again_before_its_release(self, read):
        track = [(0, on(60)), (96, on(60)), (0, off(60)), (96, off(60))]
        song = read(midi_file(track))
        assert sounding(song.roll) == [[60], [60]]
        assert (song.n_notes, song.left_out) == (2, {})

    def test_one_release_of_several(self, read):
        track = [(0, on(60)), (96, on(60)), (96, off(60)), (96, END)]
        assert sounding(read(midi_file(track)).roll) == [[60], [60], []]

    def test_overlapping_channels_are_one_key(self, read):
        track = [(0, on(60)), (96, on(60, 1)), (96, off(60)), (96, off(60, 1))]
        assert sounding(read(midi_file(track)).roll) == [[60]] * 3

    def test_what_is_left_out_is_counted(self, read):
        outside = (
            [(0, on(n)) for n in (20, 109, 21, 108)] + [(96, off(20))] + [(0, off(n)) for n in (109, 21, 108)]
        )
        percussion = [(0, on(60, 9)), (96, off(60, 9)), (0, on(5, 9)), (96, off(5, 9))]
        unreleased = [(0, on(60)), (0, off(61))]
        song = read(midi_file(outside, percussion, unreleased, [(40, on(70)), (10, off(70))], [(192, END)]))
        assert sounding(song.roll) == [[21, 108], []]
        assert song.n_notes == 8
        assert song.left_out == {
            "of percussion": 2,
            "outside the 88 keys": 2,
            "between grid points": 1,
            "never released": 1,
        }
        assert report([read(midi_file(NOTE))]) == ""
        assert report([song, read(midi_file(NOTE)), song]) == (
            "12 of 17 notes left out: 4 of percussion, 4 outside the 88 keys, 2 between grid points, "
            "2 never released"
        )

    @pytest.mark.parametrize(
        ("sequence", "expected"),
        [
            ("on on off off", [60, 60, 60]),
            ("on on on off off off", [60] * 5),
            ("on on off on off off", [60] * 5),
            ("on on off on off", [60, 60, None, 60]),  # released once for two strokes
            ("off on on off off", [None, 60, 60, 60]),
            ("on off on on off off on off", [60, None, 60, 60, 60, None, 60]),
        ],
    )
    def test_as_many_releases_as_strokes(self, sequence, expected, read):
        """One event each quarter."""
        track = [(96 * (i > 0), {"on": on(60), "off": off(60)}[e]) for i, e in enumerate(sequence.split())]
        song = read(midi_file(track))
        assert sounding(song.roll) == [[note] if note else [] for note in expected]
        assert (song.n_notes, song.left_out) == (sequence.split().count("on"), {})

    @given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=12))
    @settings(max_examples=200, deadline=None)
    def test_notes_of_a_key(self, drawn):
        """Against a search of all later events at each release."""
        times = np.cumsum([ticks for ticks, _ in drawn]).tolist()
        history = [(time, struck) for time, (_, struck) in zip(times, drawn, strict=True)]
        sounding, expected = [], []
        for index, (now, struck) in enumerate(history):
            if struck:
                sounding.append(now)
                continue
            surplus = np.cumsum([-1 if struck else 1 for _, struck in history[index:]]).max()
            old = [start for start in sounding if start < now] or sounding
            ended = sounding[:1] if surplus >= len(sounding) else old
            expected += [(start, now) for start in ended]
            sounding = sounding[len(ended) :]
        assert events.notes(history) == (expected, len(sounding))

    def test_what_is_no_note_is_skipped_whatever_it_is(self, read):
        odd = [b"\xff\x59\x02\x08\x00", b"\xff\x59\x02\xfe\xff", b"\xff\x51\x00", b"\xff\x58\x01\x04"]
        odd += [b"\xb0\x07\xc8", b"\xe0\xff\xff", b"\xf1\x80", b"\xf2\x01\x80", b"\xf4", b"\xfe", b"\xc0\xff"]
        odd += [b"\xff\x05" + number(20_000) + b"\xe3\x81" * 10_000, b"\xf0\x03\xff\xff\xf7"]
        for event in odd:
            song = read(midi_file([(0, event), *NOTE[:1], (96, event), (0, off(60)), (0, END)]))
            assert (sounding(song.roll), song.left_out) == ([[60]], {})

    def test_velocities_and_notes_above_127(self, read):
        assert sounding(read(midi_file([(0, on(60, velocity=200)), *NOTE[1:]])).roll) == [[60]]
        song = read(midi_file([(0, on(200)), (96, off(200))]))
        assert (sounding(song.roll), song.left_out) == ([[]], {"outside the 88 keys": 1})

    def test_chunks_of_other_programs(self, read):
        content, alien = midi_file(NOTE, NOTE), chunk(b"XFIH", b"MTrk")
        assert read(content[:14] + alien + content[14:] + alien).n_notes == 2
        longer = b"MThd\x00\x00\x00\x08" + content[8:14] + b"\0\0" + content[14:]
        assert read(longer).n_notes == 2

    @given(
        st.lists(st.tuples(st.integers(0, 300), st.integers(0, 15), st.integers(0, 127), st.integers(0, 127)))
    )
    @settings(max_examples=100, deadline=None)
    def test_the_events_are_those_that_mido_reads(self, drawn):
        """Strokes, releases, and other messages among them, with and without running status."""
        kinds = [b"\x90", b"\x80", b"\xb0", b"\xff\x01\x02"]
        track = []
        for ticks, channel, note, value in drawn:
            kind = kinds[(ticks + note) % 4]
            status = kind if len(kind) > 1 else bytes([kind[0] | channel])
            track.append((ticks, status + bytes([note, value])))
        content = midi_file([*track, (7, END)])
        (theirs,) = mido.MidiFile(file=io.BytesIO(content)).tracks
        now, expected = 0, {}
        for message in theirs:
            now += message.time
            if message.type in ("note_on", "note_off"):
                struck = message.type == "note_on" and message.velocity > 0
                expected.setdefault((message.note, message.channel), []).append((now, struck))
        (ours,) = events.read_tracks(content, events.read_header(content), 10**9)
        assert (ours.end, ours.keys) == (now, expected)

    def test_type_0_and_what_is_no_note(self, read):
        texts = [(0, b"\xff\x03\x02\xe9\x41"), (0, b"\xff\x51\x03\x07\xa1\x20"), (0, b"\xf0\x02\x01\xf7")]
        pedal = [(0, b"\xb0\x40\x7f"), (0, b"\xe0\x00\x40"), (0, b"\xc0\x05")]
        assert sounding(read(midi_file(texts + pedal + NOTE, kind=0)).roll) == [[60]]


class TestRejects:
    @pytest.mark.parametrize("content", [b"", b"MThd", b"<html>404</html>", b"\0" * 100, b"RIFF" * 9])
    def test_other_files(self, content, message_of):
        assert message_of(content).startswith("not a readable MIDI file: ")

    def test_no_file(self, tmp_path):
        with pytest.raises(ValueError, match=r"no\.mid: not a readable MIDI file: FileNotFoundError"):
            read_midi(tmp_path / "no.mid")
        with pytest.raises(ValueError, match=r": not a readable MIDI file: IsADirectoryError"):
            read_midi(tmp_path)

    def test_a_name_for_messages(self, tmp_path):
        with pytest.raises(ValueError, match="^the first song: not a readable MIDI file: "):
            read_midi(tmp_path / "no.mid", name="the first song")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (midi_file(NOTE, kind=2), "must be of type 0 or 1, got type 2"),
            (midi_file(NOTE, kind=0xFFFF), "must be of type 0 or 1, got type -1"),
            (midi_file(), "has no notes: leave it out"),
            (midi_file(NOTE, division=0), "must have its time in quarter notes, got a file in seconds"),
            (midi_file(NOTE, division=0xE728), "must have its time in quarter notes, got a file in seconds"),
            (midi_file([(10**9, END)]), "must have at most 100000 steps, it has more"),
            (midi_file([(2**68, on(60)), (2**68, off(60))]), "must have at most 100000 steps, it has more"),
            (midi_file([(0, b"\xff\x03" + b"\xff" * 10_000)]), "has no notes: leave it out"),
            (midi_file([(0, b"\x3c\x40")]), f"{DAMAGED}there is no event where one must be"),
            (midi_file([(0, b"\xff\x03\x07nothing"), (96, END)]), "has no notes: leave it out"),
        ],
    )
    def test_what_is_not_meant(self, content, message, message_of):
        assert message_of(content) == message

    def test_huge_files_are_not_read(self, tmp_path):
        path = tmp_path / "song.mid"
        with open(path, "wb") as file:
            file.write(midi_file(NOTE))
            file.truncate(10**11)  # sparse: it takes no space, but reading it would take all memory
        with pytest.raises(ValueError, match="must be a MIDI file of at most 10 MB, it is larger"):
            read_midi(path)

    def test_longest_roll(self, read):
        assert read(midi_file([*NOTE[:2], (99_999 * 96, END)])).roll.shape == (100_000, 88)

    def test_most_notes(self, message_of, monkeypatch):
        monkeypatch.setattr(events, "MAX_NOTES", 5)
        message = "must have at most 5 strokes and releases, it has more"
        assert message_of(midi_file(*3 * [NOTE])) == message
        assert message_of(midi_file(3 * NOTE[:2])) == message

    def test_long_numbers_and_many_of_them_take_neither_time_nor_memory(self, message_of):
        """Each number of ticks takes 1000 bytes; their sum would take as many for each note."""
        late = b"\xff" * 999 + b"\x7f"
        track = b"".join(late + on(60) + b"\x00" + off(60) for _ in range(9_999))
        content = midi_file([]).replace(chunk(b"MTrk", b""), chunk(b"MTrk", track))
        tracemalloc.start()
        assert message_of(content[: midi.MAX_MIDI_BYTES]) == f"{DAMAGED}it ends too early"
        content = midi_file([]).replace(chunk(b"MTrk", b""), chunk(b"MTrk", track[:9_000_000]))
        assert message_of(content) == "must have at most 100000 steps, it has more"
        assert tracemalloc.get_traced_memory()[1] < 60e6
        tracemalloc.stop()

    def test_what_is_no_regular_file(self, tmp_path):
        os.mkfifo(tmp_path / "song.mid")
        with pytest.raises(ValueError, match="must be a regular file, got a pipe or device"):
            read_midi(tmp_path / "song.mid")

    def test_grid(self, read):
        with pytest.raises(ValueError, match=r"steps_per_quarter must be one of \(1, 2, 4\), got 0"):
            read(midi_file(NOTE), 0)

    def test_without_mido(self, read, monkeypatch, tmp_path):
        monkeypatch.setitem(sys.modules, "mido", None)
        assert sounding(read(midi_file(NOTE)).roll) == [[60]]
        with pytest.raises(ValueError, match="MIDI files need the package mido: pip install mido"):
            write_midi(tmp_path / "other.mid", np.eye(88))
        assert not (tmp_path / "other.mid").exists()


class TestDamage:
    @pytest.fixture
    def content(self, rng):
        stream = io.BytesIO()
        write_midi(stream, rng.random((10, 88)) < 0.03)
        return stream.getvalue()

    def test_truncated_files(self, content, message_of):
        for n_bytes in range(len(content) - 4):
            assert message_of(content[:n_bytes]).startswith("not a readable MIDI file: ")

    def test_truncated_within_the_end_of_the_track(self, content, read):
        whole = read(content, 2)
        for n_bytes in range(1, 5):
            song = read(content[:-n_bytes], 2)
            np.testing.assert_array_equal(song.roll, whole.roll)
            assert (song.n_notes, song.left_out) == (whole.n_notes, {})

    def test_any_byte_for_one_of_the_end_of_the_track(self, content, read):
        """Silence may follow, whose length is one of these bytes; the notes are those that mido reads."""
        (track,) = mido.MidiFile(file=io.BytesIO(content)).tracks
        n_notes = sum(message.type == "note_on" for message in track)
        whole = read(content, 2).roll
        for index in range(-4, 0):
            for byte in range(256):
                song = read(content[:index] + bytes([byte]) + content[len(content) + index + 1 :], 2)
                assert sounding(song.roll[: len(whole)]) == sounding(whole)
                assert not song.roll[len(whole) :].any()
                assert song.n_notes - song.left_out.get("never released", 0) == n_notes

    @pytest.mark.parametrize(
        "event", [b"\xff\x01\x09late", b"\xff\x7f\xff\xff\x7f", b"\xf0\x7f\x01", b"\xff\x01"]
    )
    def test_an_event_that_ends_behind_its_track(self, event, read):
        song = read(midi_file([*NOTE[:2], (0, event)], NOTE))
        assert (sounding(song.roll), song.n_notes, song.left_out, song.damage) == ([[60]], 2, {}, CUT)
        song = read(midi_file([NOTE[0], (96, on(62)), (0, event), (96, off(62)), (0, off(60))], NOTE))
        assert (sounding(song.roll), song.left_out, song.damage) == ([[60]], {"never released": 2}, CUT)
        assert report([song, read(midi_file(NOTE)), song]) == (
            "4 of 7 notes left out: 4 never released; 2 of the tracks cut off"
        )

    def test_a_text_whose_length_leads_out_of_the_file(self, read):
        content = midi_file([*NOTE[:2], (0, b"\xff\x01\x04last"), (0, END)])
        for length in range(9, 128):
            song = read(content.replace(b"\xff\x01\x04", b"\xff\x01" + bytes([length])))
            assert (sounding(song.roll), song.damage) == ([[60]], CUT)
        for n_bytes in range(5, 8):  # of a file that is cut off within the text
            song = read(content[:-n_bytes])
            assert (sounding(song.roll), song.damage) == ([[60]], CUT)

    def test_a_track_whose_length_is_too_small(self, read, message_of):
        """Wherever it stops, between two events, too, someone says so."""
        content = midi_file([(0, on(60)), (96, off(60)), (0, on(62)), (96, off(62)), (0, END)])
        start = content.index(b"MTrk") + 4
        length = int.from_bytes(content[start : start + 4], "big")
        for shorter in range(length - 1):  # a byte less leaves a complete end-of-track event
            song = content[:start] + shorter.to_bytes(4, "big") + content[start + 4 :]
            if shorter < 4:
                assert message_of(song) == "has no notes: leave it out"
            else:
                assert read(song).damage == CUT

    @pytest.mark.parametrize("n_tracks", [0, 1, 2, 3, 4, 258, 0xFFFF])
    def test_another_number_of_tracks_in_the_header(self, n_tracks, read):
        content = midi_file(NOTE, [(96, on(62)), (96, off(62))], [(192, on(64)), (96, off(64)), (0, END)])
        song = read(content[:10] + n_tracks.to_bytes(2, "big") + content[12:])
        assert sounding(song.roll) == [[60], [62], [64]]
        n_missing = max(n_tracks - 3, 0) % 0xFFFC  # more than 32767 are none
        assert song.damage == ({"of the tracks missing": n_missing} if n_missing else {})

    @pytest.mark.parametrize("track", [NOTE, NOTE[:2]])
    def test_what_follows_the_tracks(self, track, read):
        """With an end-of-track event, or without one."""
        content = midi_file(track)
        for tail in (
            bytes(100),
            b"tail",
            b"tail of any bytes",
            chunk(b"XFIH", b"x"),
            midi_file([(0, on(62))]),
        ):
            song = read(content + tail)
            assert (sounding(song.roll), song.n_notes, song.damage) == ([[60]], 1, {})

    def test_a_track_that_is_cut_off_is_missed(self, message_of, read):
        content, n_track = midi_file(NOTE, NOTE), len(midi_file(NOTE)) - len(midi_file())
        assert read(content[:-n_track]).damage == {"of the tracks missing": 1}  # or the header is wrong
        for n_bytes in {*range(5, n_track + 3)} - {n_track}:
            assert message_of(content[:-n_bytes]) == f"{DAMAGED}it ends too early"

    def test_damaged_files_raise_nothing_else(self, content, read, rng, tmp_path):
        content = np.frombuffer(content, np.uint8)
        for _ in range(300):
            damaged = content.copy()
            where = rng.integers(len(content) if rng.random() < 0.8 else 24, size=rng.integers(1, 6))
            damaged[where] = rng.integers(256, size=len(where))
            try:
                song = read(damaged.tobytes())
            except ValueError as error:
                assert str(error).startswith(f"{tmp_path}") and "\n" not in str(error)
            else:
                assert song.roll.shape[1] == 88 and len(song.roll) <= midi.MAX_ROLL_STEPS + 1

    @given(st.binary(max_size=200))
    @settings(max_examples=300, deadline=None)
    def test_any_bytes_for_a_track(self, tmp_path_factory, content):
        path = tmp_path_factory.mktemp("midi") / "song.mid"
        path.write_bytes(midi_file([]).replace(chunk(b"MTrk", b""), chunk(b"MTrk", content)))
        try:
            read_midi(path)
        except ValueError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)

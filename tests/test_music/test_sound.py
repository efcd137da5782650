"""Sound: what the files say of themselves, and that the right notes are in them."""

import io
import wave

import numpy as np
import pytest

from breze_like.music.sound import wav_bytes, write_wav


def samples_of(content):
    """Samples in [-1, 1], and how many there are in a second."""
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        frames = file.readframes(file.getnframes())
        assert len(frames) == 2 * file.getnframes()
        return np.frombuffer(frames, "<i2") / 32_768, file.getframerate()


def peaks(samples, rate, n):
    """Frequencies of the `n` strongest partials, at least 20 Hz apart."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    frequencies, found = np.fft.rfftfreq(8 * len(samples), 1 / rate), []
    for _ in range(n):
        found.append(frequencies[power.argmax()])
        power[np.abs(frequencies - found[-1]) < 20] = 0
    return sorted(found)


def roll_of(*steps):
    """A roll of the MIDI numbers of each step."""
    roll = np.zeros((len(steps), 88), np.uint8)
    for step, notes in enumerate(steps):
        roll[step, [note - 21 for note in notes]] = 1
    return roll


class TestNotes:
    @pytest.mark.parametrize(("note", "frequency"), [(69, 440.0), (60, 261.626), (45, 110.0), (108, 4186.01)])
    def test_the_fundamental_is_the_strongest(self, note, frequency):
        samples, rate = samples_of(wav_bytes(roll_of([note], [note])))
        np.testing.assert_allclose(peaks(samples, rate, 1), [frequency], atol=1)

    def test_the_lowest_key(self):
        samples, rate = samples_of(wav_bytes(roll_of(*[[21]] * 8)))
        np.testing.assert_allclose(peaks(samples, rate, 1), [27.5], atol=1)

    def test_a_chord(self):
        samples, rate = samples_of(wav_bytes(roll_of(*[[60, 64, 67]] * 4)))
        np.testing.assert_allclose(peaks(samples, rate, 3), [261.6, 329.6, 392.0], atol=1)

    def test_each_at_its_time(self):
        samples, rate = samples_of(wav_bytes(roll_of([60], [], [69], [69]), steps_per_quarter=1, tempo=60))
        assert len(samples) == 4 * rate
        np.testing.assert_allclose(peaks(samples[:rate], rate, 1), [261.6], atol=1)
        assert not samples[rate : 2 * rate].any()
        np.testing.assert_allclose(peaks(samples[2 * rate :], rate, 1), [440], atol=1)

    def test_no_partial_is_above_half_the_rate(self):
        """It would sound as another, lower note."""
        samples, rate = samples_of(wav_bytes(roll_of([100]), rate=8000))  # 2637 Hz
        power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
        frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
        assert power[np.abs(frequencies - 2637) < 50].sum() > 0.999 * power.sum()

    def test_a_held_note_is_struck_once(self):
        def strokes(roll):
            """Steps that are louder at their beginning than the step before at its end."""
            samples, rate = samples_of(wav_bytes(roll, steps_per_quarter=1, tempo=60))
            loudness = np.abs(samples).reshape(len(roll), 10, -1).max(axis=2)
            return 1 + np.flatnonzero(loudness[1:, 0] > 1.05 * loudness[:-1, -2])

        assert strokes(roll_of([60], [60], [60])).tolist() == []
        assert strokes(roll_of([60], [61], [60])).tolist() == [1, 2]

    def test_no_clicks(self):
        samples, _ = samples_of(wav_bytes(roll_of([45], [47], [45])))
        assert np.abs(np.diff(samples)).max() < 0.05


class TestFiles:
    @pytest.mark.parametrize(("grid", "tempo", "seconds"), [(1, 120, 1.5), (2, 120, 0.75), (4, 60, 0.75)])
    def test_duration(self, grid, tempo, seconds):
        samples, rate = samples_of(wav_bytes(np.eye(3, 88), grid, tempo))
        assert (len(samples), rate) == (round(seconds * 22_050), 22_050)

    def test_loud_chords_are_not_cut_off(self):
        samples, _ = samples_of(wav_bytes(np.ones((2, 88))))
        assert np.abs(samples).max() == pytest.approx(32_767 / 32_768)
        assert (np.abs(samples) > 0.999).sum() < 5

    @pytest.mark.parametrize("n_steps", [0, 3])
    def test_silence(self, n_steps):
        samples, rate = samples_of(wav_bytes(np.zeros((n_steps, 88))))
        assert len(samples) == round(n_steps * rate / 4) and not samples.any()

    def test_to_a_path(self, tmp_path):
        write_wav(tmp_path / "song.wav", np.eye(88))
        assert (tmp_path / "song.wav").read_bytes() == wav_bytes(np.eye(88))
        assert [path.name for path in tmp_path.iterdir()] == ["song.wav"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"roll": np.zeros((3, 87))}, "roll must have 88 features, got 87"),
            ({"roll": np.zeros((5000, 88)), "tempo": 4}, "roll must last at most 3600 seconds, got 37500"),
            ({"steps_per_quarter": 3}, r"steps_per_quarter must be one of \(1, 2, 4\), got 3"),
            ({"tempo": 0}, "tempo must be from 4 to 1000 quarter notes per minute, got 0"),
            ({"rate": 0}, "rate must be from 4000 to 192000 samples per second, got 0"),
        ],
    )
    def test_bad_arguments(self, arguments, message, tmp_path):
        path = tmp_path / "song.wav"
        path.write_bytes(b"before")
        with pytest.raises(ValueError, match=message):
            write_wav(path, **{"roll": np.eye(88), **arguments})
        assert path.read_bytes() == b"before"
        assert list(tmp_path.iterdir()) == [path]

"""Sequences from files of all kinds, and results that are written whole or not at all."""

import sys
import wave

import numpy as np
import pytest
from scipy.io import wavfile

from breze_like.data import Dataset, load, write_hdf5
from breze_like.music import read_midi, write_midi
from experiments.music.files import Results, read


@pytest.fixture
def rolls(rng):
    return [(rng.random((n, 88)) < 0.1).astype(np.uint8) for n in (3, 5, 4)]


class TestRead:
    def test_one_midi_file(self, rolls, tmp_path):
        write_midi(tmp_path / "song.MID", rolls[0], steps_per_quarter=4)
        (item,) = read(tmp_path / "song.MID", steps_per_quarter=4).items()
        assert item[0] == "song"
        np.testing.assert_array_equal(item[1], rolls[0])

    @pytest.mark.parametrize("values", [np.eye(3, dtype=int), np.eye(3)])
    def test_one_array(self, values, tmp_path):
        np.save(tmp_path / "a.npy", values)
        (item,) = read(tmp_path / "a.npy").items()
        assert item[0] == "a" and (item[1].dtype == np.uint8) == (values.dtype == int)
        np.testing.assert_array_equal(item[1], values)

    def test_a_folder_is_not_divided(self, rolls, tmp_path):
        for name, roll in zip("cab", rolls, strict=True):
            write_midi(tmp_path / f"{name}.mid", roll)
        (tmp_path / "README").touch()
        sequences = read(tmp_path)
        assert list(sequences) == ["a", "b", "c"]
        np.testing.assert_array_equal(sequences["c"], rolls[0])

    def test_a_folder_of_results(self, rolls, tmp_path):
        """Arrays go before the same as MIDI files, and means of draws are no sequences."""
        for name in ("a_denoised", "b_draw_0", "b_draw_1"):
            np.save(tmp_path / f"{name}.npy", rolls[0])
            write_midi(tmp_path / f"{name}.mid", rolls[0])
        for name in ("b_expectation", "b_variance", "of_variance"):
            np.save(tmp_path / f"{name}.npy", np.full((2, 88), 0.5))
        assert list(read(tmp_path)) == ["a_denoised", "b_draw_0", "b_draw_1", "of_variance"]

    @pytest.mark.parametrize("split", ["train", "valid", "test"])
    def test_a_split_of_a_data_set(self, split, rolls, tmp_path):
        splits = {"train": rolls, "valid": rolls[1:], "test": rolls[:1] * 11}
        write_hdf5(tmp_path / "mine.h5", Dataset("mine", **splits))
        sequences = read(tmp_path / "mine.h5", split)
        n = len(splits[split])
        assert list(sequences) == [f"{split}_{index:0{1 + (n > 9)}}" for index in range(n)]
        for sequence, roll in zip(sequences.values(), splits[split], strict=True):
            np.testing.assert_array_equal(sequence, roll)

    @pytest.mark.parametrize("first", ["", "sep=;\n"])
    def test_a_long_table_is_a_data_set(self, first, tmp_path):
        rows = [
            f"{name};{t};{t};{split}"
            for name, split in zip("abcd", ("train", "test", "test", "valid"), strict=True)
            for t in range(4)
        ]
        (tmp_path / "long.csv").write_text(first + "\n".join(["id;time;x;split", *rows]))
        assert {name: x[:, 0].tolist() for name, x in read(tmp_path / "long.csv").items()} == {
            "test_0": [0, 1, 2, 3],
            "test_1": [0, 1, 2, 3],
        }

    def test_a_folder_with_splits(self, rolls, tmp_path):
        for index, split in enumerate(("train", "valid", "test")):
            (tmp_path / split).mkdir()
            np.save(tmp_path / split / "a.npy", rolls[index])
        (item,) = read(tmp_path, "valid").items()
        assert item[0] == "valid_0"
        np.testing.assert_array_equal(item[1], rolls[1])

    def test_what_is_left_out_is_reported(self, tmp_path):
        write_midi(tmp_path / "song.mid", np.eye(4, 88), steps_per_quarter=2)
        with pytest.warns(UserWarning, match=r"song\.mid: 2 of 4 notes left out: 2 between grid points"):
            assert len(read(tmp_path / "song.mid", steps_per_quarter=1)["song"]) == 2

    def test_subfolders_are_left_out_with_a_warning(self, rolls, tmp_path):
        for place in ("one.npy", "artist/two.npy"):
            (tmp_path / place).parent.mkdir(exist_ok=True)
            np.save(tmp_path / place, rolls[0])
        with pytest.warns(UserWarning, match=r"left out: artist/two\.npy: if they belong to the data, move"):
            assert list(read(tmp_path)) == ["one"]


class TestReadRejects:
    def message_of(self, path):
        with pytest.raises(ValueError) as caught:
            read(path)
        message = str(caught.value)
        assert str(path) in message and "\n" not in message
        return message.replace(str(path), "PATH")

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("a.mid", b"", "PATH: not a readable MIDI file: ValueError: it ends too early"),
            (
                "a.mid",
                b"<html>404</html>",
                "PATH: not a readable MIDI file: ValueError: it does not begin like one",
            ),
            ("a.npy", b"\x93NUMPY", "not a readable NumPy file PATH: "),
            ("a.h5", b"\x89HDF\r\n\x1a\n", "PATH: not a readable HDF5 file: "),
            (
                "a.wav",
                b"RIFF",
                "PATH: must be a MATLAB, HDF5, JSON, pickle, .npz or .csv file or a folder of .npy",
            ),
        ],
    )
    def test_damaged_and_other_files(self, name, content, message, tmp_path):
        (tmp_path / name).write_bytes(content)
        assert self.message_of(tmp_path / name).startswith(message)

    @pytest.mark.parametrize("name", ["no.mid", "no.npy", "no.h5", "no"])
    def test_no_file(self, name, tmp_path):
        assert "No such file or directory" in self.message_of(tmp_path / name)

    def test_folders(self, tmp_path):
        assert self.message_of(tmp_path) == "PATH: has no .npy or .mid files: choose another folder"
        write_midi(tmp_path / "a.midi", np.eye(2, 88))
        write_midi(tmp_path / "a.mid", np.eye(2, 88))
        assert (
            self.message_of(tmp_path)
            == "PATH: files must have different names, got a.mid, a.midi: rename some"
        )
        (tmp_path / "a.midi").rename(tmp_path / "b.npy")
        assert (
            self.message_of(tmp_path)
            == "PATH: must have .npy files or .mid files, got both: put them into two folders"
        )

    def test_without_steps(self, tmp_path):
        write_midi(tmp_path / "a.mid", np.zeros((0, 88)))
        assert self.message_of(tmp_path / "a.mid") == "PATH: has no notes: leave it out"
        np.save(tmp_path / "a.npy", np.zeros((0, 88)))
        message = "PATH must have at least one step and one feature, got shape (0, 88)"
        assert self.message_of(tmp_path / "a.npy") == message


class TestResults:
    def test_all_kinds_of_files(self, tmp_path, rolls):
        results = Results(tmp_path / "new" / "out", True, wav=True, steps_per_quarter=1, tempo=60)
        results.reserve(["song"], 3, ["song.png"])
        results.write("song", rolls[0])
        folder = tmp_path / "new" / "out"
        assert sorted(path.name for path in folder.iterdir()) == ["song.mid", "song.npy", "song.wav"]
        np.testing.assert_array_equal(np.load(folder / "song.npy"), rolls[0])
        np.testing.assert_array_equal(read_midi(folder / "song.mid", 1).roll, rolls[0])
        with wave.open(str(folder / "song.wav")) as file:
            assert file.getnframes() == 3 * file.getframerate()
        assert results.describe(1) == f"1 sequence in {folder} as .npy, .mid, .wav"

    def test_what_is_no_piano_roll(self, tmp_path):
        results = Results(tmp_path, False)
        results.reserve(["a"], 10**9)
        results.write("a", np.eye(3))
        assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
        assert results.describe(2) == f"2 sequences in {tmp_path} as .npy"

    def test_without_mido(self, tmp_path, rolls, monkeypatch):
        monkeypatch.setitem(sys.modules, "mido", None)
        results = Results(tmp_path, True)
        results.reserve(["a"], 3)
        results.write("a", rolls[0])
        assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
        assert results.describe(1) == f"1 sequence in {tmp_path} as .npy; for .mid files: pip install mido"

    @pytest.mark.parametrize("name", ["a.npy", "a.mid", "a.wav", "a.png"])
    def test_nothing_is_overwritten(self, name, tmp_path, rolls):
        (tmp_path / name).write_bytes(b"before")
        with pytest.raises(
            ValueError, match=rf"{name} already exists: choose another --out; --force replaces it"
        ):
            Results(tmp_path, True, wav=True).reserve(["a"], 3, ["a.png"])
        results = Results(tmp_path, True, wav=True, force=True)
        results.reserve(["a"], 3, ["a.png"])
        results.write("a", rolls[0])
        np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), rolls[0])

    def test_a_folder_is_never_replaced(self, tmp_path):
        (tmp_path / "a.npy").mkdir()
        with pytest.raises(ValueError, match="is a folder; choose a file"):
            Results(tmp_path, False, force=True).reserve(["a"], 3)

    def test_the_folder_is_a_file(self, tmp_path):
        (tmp_path / "out").touch()
        with pytest.raises(ValueError, match="is a file; choose a folder for --out"):
            Results(tmp_path / "out", False).reserve(["a"], 3)

    def test_too_long(self, tmp_path):
        with pytest.raises(ValueError, match="roll must have at most 100000 steps, got 100001"):
            Results(tmp_path / "out", True).reserve(["a"], 100_001)
        with pytest.raises(ValueError, match="roll must last at most 3600 seconds, got 5000"):
            Results(tmp_path / "out", True, wav=True).reserve(["a"], 20_000)
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"steps_per_quarter": 3}, "steps_per_quarter must be one of"),
            ({"tempo": 0.0}, "tempo must be from 4 to 1000"),
            ({"instrument": -1}, "instrument must be an integer from 0 to 127, got -1"),
            (
                {"rolls": False, "wav": True},
                "--wav needs piano rolls, which are binary data with 88 keys: leave it out",
            ),
        ],
    )
    def test_settings(self, arguments, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            Results(tmp_path, **{"rolls": True, **arguments})

    def test_nothing_is_half_written(self, tmp_path, rolls, monkeypatch):
        (tmp_path / "a.wav").write_bytes(b"before")
        results = Results(tmp_path, True, wav=True, force=True)

        def fails(*_):
            raise OSError("disk full")

        monkeypatch.setattr(wavfile, "write", fails)
        with pytest.raises(OSError, match="disk full"):
            results.write("a", rolls[0])
        assert (tmp_path / "a.wav").read_bytes() == b"before"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mid", "a.npy", "a.wav"]


def test_the_embedded_chorales_go_through_midi(tmp_path):
    chorales = load("chorales").valid[:5]
    for index, roll in enumerate(chorales):
        write_midi(tmp_path / f"{index}.mid", roll, steps_per_quarter=1)
    for sequence, roll in zip(read(tmp_path, steps_per_quarter=1).values(), chorales, strict=True):
        np.testing.assert_array_equal(sequence, roll)

import io
import pickle
from pathlib import Path

import numpy as np
import pytest

from breze_like.data import DIGESTS, SPLITS, Dataset, load, read, write_hdf5
from breze_like.data.dividing import divide
from breze_like.music import write_midi


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "mine"


@pytest.fixture
def save(folder):
    """Write files below the folder: ``save({"train/a.npy": array, "b.npy": b"any bytes"})``."""

    def save(contents):
        for name, content in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                np.save(path, content)
        return folder

    return save


@pytest.fixture
def reals(rng):
    """Real-valued sequences of 3 features, by file name, in three subfolders."""
    names = ["train/b.npy", "train/a.npy", "train/10.npy", "train/9.npy", "valid/x.npy", "test/x.npy"]
    return {name: rng.normal(size=(length, 3)) for length, name in enumerate(names, start=2)}


def ramp(n_steps, n_features=2):
    """A sequence that differs from those of other lengths."""
    return np.full((n_steps, n_features), n_steps / 10)


class TestSubfolders:
    def test_in_order_of_file_names(self, save, reals):
        dataset = read(save(reals))
        assert (dataset.name, dataset.binary, dataset.n_features) == ("mine", False, 3)
        assert dataset.verified is None
        for read_one, name in zip(dataset.train, ["10", "9", "a", "b"], strict=True):
            np.testing.assert_array_equal(read_one, reals[f"train/{name}.npy"])
        np.testing.assert_array_equal(dataset.valid[0], reals["valid/x.npy"])
        np.testing.assert_array_equal(dataset.test[0], reals["test/x.npy"])

    @pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, ">i2"])
    def test_integers_and_booleans_are_binary(self, dtype, save, rng):
        rolls = {f"{split}/a.npy": rng.integers(0, 2, (4, 5)).astype(dtype) for split in SPLITS}
        dataset = read(save(rolls))
        assert dataset.binary and dataset.train[0].dtype == np.uint8
        np.testing.assert_array_equal(dataset.valid[0], rolls["valid/a.npy"].astype(int))

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, ">f8"])
    def test_floating_point_numbers_are_real_values(self, dtype, save):
        dataset = read(save({f"{split}/a.npy": np.eye(3, dtype=dtype) for split in SPLITS}))
        assert not dataset.binary and dataset.test[0].dtype == np.float64
        np.testing.assert_array_equal(dataset.test[0], np.eye(3))

    def test_one_file_of_real_values_makes_all_of_them_real(self, save, reals):
        dataset = read(save({**reals, "valid/x.npy": np.full((2, 3), 7)}))
        assert not dataset.binary and dataset.valid[0].tolist() == [[7.0] * 3] * 2

    def test_either_memory_layout(self, save, reals):
        fortran = {name: np.asfortranarray(array) for name, array in reals.items()}
        digests = read(save(reals)).digests
        assert read(save(fortran)).digests == digests

    def test_what_is_no_sequence_is_left_alone(self, save, reals):
        digests = read(save(reals)).digests
        others = ("train/README.txt", "LICENSE", "test/._x.npy", ".x.npy", ".git/y.npy", "labels.csv")
        assert read(save(dict.fromkeys(others, b""))).digests == digests

    def test_sequences_beside_the_subfolders_are_named(self, save, reals):
        digests = read(save(reals)).digests
        save({"means.npy": b"", "more/deep/y.mid": b"", "README.md": b""})
        message = (
            r"mine: left out: means\.npy, more/deep/y\.mid: if .* move them into one of train, valid, test$"
        )
        with pytest.warns(UserWarning, match=message):
            assert read(save({})).digests == digests
        save({f"x{i}.npy": b"" for i in range(10)})
        with pytest.warns(UserWarning, match=r"x7\.npy, and 2 more: if they"):
            read(save({}))

    def test_tables_beside_the_subfolders_are_named(self, save):
        save({f"{split}/a.csv": b"1,2.5\n" for split in SPLITS} | {"b.csv": b"3,4\n"})
        with pytest.warns(UserWarning, match=r"mine: left out: b\.csv: if"):
            assert len(read(save({})).train) == 1

    def test_a_round_trip_through_hdf5(self, save, reals, tmp_path):
        dataset = read(save(reals))
        write_hdf5(tmp_path / "mine.h5", dataset)
        assert read(tmp_path / "mine.h5").digests == dataset.digests


class TestFlatFolder:
    def test_every_sequence_is_in_one_split_in_order(self, save):
        dataset = load(save({f"{length:02}.npy": ramp(length) for length in range(1, 21)}))
        lengths = {split: [len(s) for s in getattr(dataset, split)] for split in SPLITS}
        assert {split: len(lengths[split]) for split in SPLITS} == {"train": 12, "valid": 4, "test": 4}
        assert sorted(sum(lengths.values(), [])) == list(range(1, 21))
        assert all(lengths[split] == sorted(lengths[split]) for split in SPLITS)
        assert lengths["train"] != list(range(1, 13))

    def test_the_same_each_time(self, save):
        folder = save({f"{length:02}.npy": ramp(length) for length in range(1, 21)})
        assert load(folder).digests == load(str(folder)).digests
        # RandomState(0).permutation(10) is 2 8 4 9 1 6 7 3 0 5, forever: a run finds its data again.
        assert divide(list("abcdefghij")) == {
            "train": list("abdfgh"),
            "valid": list("ej"),
            "test": list("ci"),
        }

    @pytest.mark.parametrize(
        ("n", "sizes"), [(3, [1, 1, 1]), (4, [2, 1, 1]), (5, [3, 1, 1]), (100, [60, 20, 20])]
    )
    def test_sizes(self, n, sizes):
        assert [len(names) for names in divide([str(i) for i in range(n)]).values()] == sizes

    def test_sequences_in_subfolders_are_named(self, save):
        save({f"{length}.npy": ramp(length) for length in range(1, 5)})
        save({"more/x.npy": b"", ".old/y.npy": b""})
        message = r"mine: left out: more/x\.npy: if they .*, move them into the folder itself$"
        with pytest.warns(UserWarning, match=message):
            assert len(read(save({})).train) == 2

    def test_only_subfolders(self, save):
        """Of another purpose than splits: all their sequences, at any depth, are divided."""
        save({f"{folder}/{length}.npy": ramp(length) for folder in ("a", "b/c") for length in range(1, 5)})
        dataset = read(save({}))
        lengths = [len(x) for split in (dataset.train, dataset.valid, dataset.test) for x in split]
        assert sorted(lengths) == sorted([1, 2, 3, 4] * 2)

    @pytest.mark.parametrize("n", [0, 1, 2])
    def test_too_few_files(self, n, save, folder, message_of):
        folder.mkdir()
        save({f"{i}.npy": ramp(3) for i in range(n)})
        message = (
            f"must have the subfolders train, valid, test, or at least 3 .npy, .csv or .mid files, "
            f"got {n} files"
        )
        assert message_of(folder) == message


class TestMostFilesDecide:
    @pytest.fixture
    def mixed(self, save):
        """Of six files, the first and the fourth have other numbers of features, and other data types."""
        n_features = [3, 2, 2, 1, 2, 2]
        return save({f"{i}.npy": np.full((i + 1, n), 0.5 if n != 2 else 1) for i, n in enumerate(n_features)})

    def test_others_are_named(self, mixed, message_of):
        others = "0.npy must have 2 features, got 3; 3.npy must have 2 features, got 1"
        assert message_of(mixed) == f"2 of 6 files can't be read: {others}"

    def test_others_are_left_out(self, mixed):
        with pytest.warns(UserWarning, match="left out: 2 of 6 files can't be read: 0.npy must have 2 "):
            dataset = read(mixed, leave_out=True)
        assert dataset.binary and dataset.n_features == 2
        lengths = [len(sequence) for split in SPLITS for sequence in getattr(dataset, split)]
        assert sorted(lengths) == [2, 3, 5, 6]

    def test_of_as_many_the_first_ones_do(self, save, message_of):
        folder = save({f"{i}.npy": ramp(3, 2 + i % 2) for i in range(4)})
        message = "2 of 4 files can't be read: 1.npy must have 2 features, got 3; 3.npy must have 2 features"
        assert message_of(folder).startswith(message)

    def test_names_of_columns(self, save, message_of):
        names = ["b,a", "a,b", "a,b", "c,b", "a,b"]
        folder = save({f"{i}.csv": f"{head}\n1,2.5\n".encode() for i, head in enumerate(names)})
        assert message_of(folder) == (
            "2 of 5 files can't be read: 0.csv: columns must be a, b, as in other files, got b, a; "
            "3.csv: columns must be a, b, as in other files, got c, b"
        )


class TestMidi:
    @pytest.fixture
    def rolls(self, rng):
        """Piano rolls on a grid of eighth notes, by file name, in three subfolders."""
        names = ["train/b.mid", "train/a.MID", "valid/x.midi", "test/x.mid"]
        return {name: (rng.random((n, 88)) < 0.1).astype(np.uint8) for n, name in enumerate(names, start=2)}

    @pytest.fixture
    def save_midi(self, save):
        def save_midi(rolls):
            contents = {name: io.BytesIO() for name in rolls}
            for name, stream in contents.items():
                write_midi(stream, rolls[name])
            return save({name: stream.getvalue() for name, stream in contents.items()})

        return save_midi

    def test_subfolders(self, save_midi, rolls):
        dataset = read(save_midi(rolls))
        assert (dataset.name, dataset.binary, dataset.n_features) == ("mine", True, 88)
        for roll, name in zip(dataset.train, ["a.MID", "b.mid"], strict=True):
            np.testing.assert_array_equal(roll, rolls[f"train/{name}"])
        np.testing.assert_array_equal(dataset.valid[0], rolls["valid/x.midi"])

    def test_another_grid(self, save_midi, rolls):
        folder = save_midi(rolls)
        for grid in (2, 4):
            dataset = load(folder, steps_per_quarter=grid)
            np.testing.assert_array_equal(dataset.test[0], np.repeat(rolls["test/x.mid"], grid // 2, axis=0))

    def test_a_flat_folder(self, save_midi):
        folder = save_midi({f"{n:02}.mid": np.ones((n, 88)) for n in range(1, 11)})
        assert [len(roll) for roll in read(folder).valid] == [5, 10]  # as the files of TestFlatFolder

    def test_notes_that_are_left_out_are_reported(self, save_midi, rolls):
        folder = save_midi(rolls)
        track = b"\x00\x90\x14\x40\x60\x80\x14\x40\x00\xff\x2f\x00"  # key 20, for an eighth
        header = b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\xc0MTrk"
        for name in ("train/c.mid", "test/y.mid"):
            (folder / name).write_bytes(header + len(track).to_bytes(4) + track)
        with pytest.warns(UserWarning, match="notes left out: 2 outside the 88 keys$"):
            assert read(folder).test[1].tolist() == [[0] * 88]

    def test_damage_by_which_notes_may_be_lost_is_reported(self, save, save_midi, rolls):
        content = (save_midi(rolls) / "valid/x.midi").read_bytes()
        save({"valid/x.midi": content[:11] + b"\x03" + content[12:-3] + b"\xff\x01\x09"})
        message = "mine: 1 of the tracks cut off; 2 of the tracks missing$"
        with pytest.warns(UserWarning, match=message):
            np.testing.assert_array_equal(read(save({})).valid[0], rolls["valid/x.midi"])

    def test_damaged_files_are_named(self, save, save_midi, rolls, message_of):
        save_midi(rolls)
        message = "valid/x.midi: not a readable MIDI file: ValueError: it ends too early"
        assert message_of(save({"valid/x.midi": b""})) == message

    def test_files_without_a_step(self, save_midi, rolls, message_of):
        message = "test/x.mid: has no notes: leave it out"
        assert message_of(save_midi({**rolls, "test/x.mid": np.zeros((0, 88))})) == message

    def test_both_kinds(self, save, save_midi, rolls, message_of):
        save_midi(rolls)
        message = "must have .npy files or .mid files, got both: put them into two folders"
        assert message_of(save({"train/c.npy": np.ones((2, 88), int)})) == message


class TestRejects:
    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("train/a.npy", np.zeros(4), "train/a.npy must be 2-D, (n_steps, n_features), got shape (4,)"),
            (
                "valid/x.npy",
                np.zeros((4, 3, 1)),
                "valid/x.npy must be 2-D, (n_steps, n_features), got shape (4, 3, 1)",
            ),
            ("test/x.npy", np.zeros((4, 2)), "test/x.npy must have 3 features, got 2"),
            (
                "train/9.npy",
                np.zeros((0, 3)),
                "train/9.npy must have at least one step and one feature, got shape (0, 3)",
            ),
            (
                "test/x.npy",
                np.array([[0, 1, 0], [0, np.inf, 0]]),
                "test/x.npy must be finite, got inf at step 1, feature 1",
            ),
            (
                "test/x.npy",
                np.array([[-np.inf, 0, 0]]),
                "test/x.npy must be finite, got -inf at step 0, feature 0",
            ),
            ("test/x.npy", np.array([["a"] * 3]), "test/x.npy must be real numbers, got data type <U1"),
            (
                "test/x.npy",
                np.ones((2, 3), complex),
                "test/x.npy must be real numbers, got data type complex128",
            ),
        ],
    )
    def test_arrays_that_are_no_sequences(self, name, content, message, save, reals, message_of):
        assert message_of(save({**reals, name: content})) == message

    def test_integers_that_are_not_binary(self, save, message_of):
        contents = {f"{split}/a.npy": np.eye(2, dtype=int) for split in SPLITS}
        message = "valid/a.npy must be 0 or 1, got 2 at step 1, feature 1"
        assert message_of(save({**contents, "valid/a.npy": np.diag([1, 2])})) == message

    def test_python_objects_are_not_unpickled(self, save, reals, tmp_path, message_of):
        class Malicious:
            def __reduce__(self):
                return Path.touch, (tmp_path / "ran",)

        objects = np.empty((1, 1), dtype=object)
        objects[0, 0] = Malicious()
        message = "not a readable NumPy file test/x.npy: ValueError: Object arrays cannot be loaded when"
        assert message_of(save({**reals, "test/x.npy": objects})).startswith(message)
        message = "not a readable NumPy file test/x.npy: ValueError: the magic string is not correct"
        assert message_of(save({"test/x.npy": pickle.dumps(Malicious())})).startswith(message)
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04", b"<html>404</html>"])
    def test_other_files(self, content, save, reals, message_of):
        message = message_of(save({**reals, "train/b.npy": content}))
        assert message.startswith("not a readable NumPy file train/b.npy: ")

    def test_archives_and_several_arrays(self, save, reals, tmp_path, message_of):
        np.savez(tmp_path / "archive.npz", np.zeros((2, 3)))
        archive = (tmp_path / "archive.npz").read_bytes()
        twice = 2 * (save(reals) / "train/a.npy").read_bytes()
        for content in (archive, twice):
            message = message_of(save({"train/a.npy": content}))
            assert message.startswith("not a readable NumPy file train/a.npy: ")

    def test_truncated_files(self, save, reals, message_of):
        path = save(reals) / "valid/x.npy"
        content = path.read_bytes()
        for n_bytes in {*range(0, len(content), 7), len(content) - 1}:
            path.write_bytes(content[:n_bytes])
            assert message_of(path.parents[1]).startswith("not a readable NumPy file valid/x.npy: ")

    def test_damaged_files_raise_nothing_else(self, save, reals, rng):
        folder = save(reals)
        path = folder / "valid/x.npy"
        content = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(300):
            damaged = content.copy()
            damaged[rng.integers(140, size=3)] = rng.integers(256, size=3)
            path.write_bytes(damaged.tobytes())
            try:
                read(folder)
            except ValueError as error:
                assert str(error).startswith(f"{folder}: ") and "valid/x.npy" in str(error)

    def test_huge_files_are_not_read(self, save, reals, message_of):
        path = save(reals) / "test/x.npy"
        with open(path, "ab") as file:
            file.truncate(10**11)
        message = "test/x.npy: is larger than 100 MB: "
        assert message_of(path.parents[1]).startswith(message)

    def test_a_folder_that_is_called_like_a_file(self, save, reals, folder):
        """It is one like any other."""
        digests = read(save(reals)).digests
        (folder / "test/y.npy").mkdir()
        assert read(folder).digests == digests

    def test_missing_subfolder(self, save, reals, message_of):
        contents = {name: array for name, array in reals.items() if not name.startswith("valid")}
        assert message_of(save(contents)) == (
            "must have the subfolders train, valid, test, got no valid: make it, or put all files into one "
            "folder"
        )

    def test_empty_subfolder(self, save, reals, folder, message_of):
        save(reals)
        (folder / "test/x.npy").unlink()
        assert message_of(folder) == (
            "test must have .npy, .csv or .mid files, got none: move some of the sequences there"
        )


class TestLoad:
    def test_a_name_goes_before_a_folder(self, save, reals, tmp_path, monkeypatch):
        save(reals).rename(tmp_path / "chorales")
        monkeypatch.chdir(tmp_path)
        assert load("chorales").verified
        with pytest.warns(UserWarning, match="chorales is not the published data set"):
            assert load("./chorales").n_features == 3

    def test_the_current_folder(self, save, reals, monkeypatch):
        monkeypatch.chdir(save(reals))
        assert (load(".").name, load(".").verified) == ("mine", None)

    def test_a_standard_set_is_verified(self, save, splits, folder, monkeypatch):
        monkeypatch.setitem(DIGESTS, "nottingham", Dataset("nottingham", **splits).digests)
        save({f"{split}/{i}.npy": roll for split in SPLITS for i, roll in enumerate(splits[split])})
        dataset = load(folder.rename(folder.with_name("Nottingham")))
        assert (dataset.name, dataset.verified) == ("nottingham", True)

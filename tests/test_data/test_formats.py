import json
import os
import pickle

import h5py
import numpy as np
import pytest
import scipy.io

from breze_like.data import SPLITS, Dataset, read, write_hdf5

KINDS = ["mat", "pickle", "json", "h5"]


@pytest.fixture
def source(write, notes, splits):
    """A file of each kind with the same content: ``source("json")``."""
    groups = {
        split: {"notes": np.concatenate(rolls), "lengths": [len(roll) for roll in rolls]}
        for split, rolls in splits.items()
    }
    contents = {"mat": splits, "pickle": notes, "json": notes, "h5": groups}
    return lambda kind: write(f"mine.{kind}", contents[kind])


def assert_equal(dataset, splits):
    for split in SPLITS:
        read_ones = getattr(dataset, split)
        assert [sequence.dtype for sequence in read_ones] == [np.uint8] * len(splits[split])
        for ours, theirs in zip(read_ones, splits[split], strict=True):
            assert np.array_equal(ours, theirs)


class TestRead:
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind(self, kind, source, splits):
        dataset = read(source(kind))
        assert_equal(dataset, splits)
        assert (dataset.name, dataset.verified) == ("mine", None)

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_pickles_of_every_protocol(self, protocol, write, notes, splits):
        notes["train"][0][0] = tuple(map(np.int64, notes["train"][0][0]))
        assert_equal(read(write("mine.pickle", notes, protocol=protocol)), splits)

    @pytest.mark.parametrize("kind", KINDS)
    def test_by_content_not_extension(self, kind, source, splits):
        path = source(kind)
        assert_equal(read(path.rename(path.with_name("mine"))), splits)

    def test_real_values(self, write, rng):
        groups = {split: {"values": rng.normal(size=(5, 3)), "lengths": [2, 3]} for split in SPLITS}
        dataset = read(write("mine.h5", groups))
        assert not dataset.binary
        assert np.array_equal(np.concatenate(dataset.valid), groups["valid"]["values"])

    def test_attributes_written_as_bytes(self, source):
        path = source("h5")
        with h5py.File(path, "a") as file:
            file.attrs["name"] = np.bytes_("theirs")
            file.attrs["licence"] = "CC0"
        assert (read(path).name, read(path).licence) == ("theirs", "CC0")


class TestReadRejects:
    def test_missing_file(self, tmp_path, message_of):
        assert message_of(tmp_path / "no.mat") == "No such file or directory"

    @pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\0" * 100])
    def test_other_files(self, content, tmp_path, message_of):
        path = tmp_path / "mine.mat"
        path.write_bytes(content)
        rule = (
            "must be a MATLAB, HDF5, JSON, pickle, .npz or .csv file or a folder of .npy, .csv or .mid files"
        )
        assert message_of(path).startswith(f"{rule}, got a file that begins with ")

    @pytest.mark.parametrize("kind", KINDS)
    def test_truncated_files(self, kind, source, message_of):
        path = source(kind)
        content = path.read_bytes()
        for n_bytes in {int(len(content) * part / 20) for part in range(20)} | {len(content) - 1}:
            path.write_bytes(content[:n_bytes])
            message_of(path)

    # MATLAB and HDF5 files are left to SciPy's and HDF5's C code, which may crash the process.
    @pytest.mark.parametrize("kind", ["pickle", "json"])
    def test_damaged_files_raise_nothing_else(self, kind, source, rng):
        path = source(kind)
        content = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(300):
            damaged = content.copy()
            damaged[rng.integers(len(content), size=3)] = rng.integers(256, size=3)
            path.write_bytes(damaged.tobytes())
            try:
                read(path)
            except ValueError as error:
                assert str(error).startswith(f"{path}: ")

    def test_checksums_find_damage(self, tmp_path, splits, message_of):
        path = tmp_path / "mine.h5"
        write_hdf5(path, Dataset("mine", **splits))
        with h5py.File(path) as file:
            chunk = file["train/notes"].id.get_chunk_info(0)
        content = bytearray(path.read_bytes())
        content[chunk.byte_offset + chunk.size // 2] ^= 1
        path.write_bytes(content)
        assert "not a readable HDF5 file" in message_of(path)

    def test_malicious_pickle(self, write, tmp_path, message_of):
        class Malicious:
            def __reduce__(self):
                return os.system, (f"touch {tmp_path}/ran",)

        message = message_of(write("mine.pickle", {"train": Malicious()}))
        assert "not a readable pickle file: UnpicklingError: it refers to" in message
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize(
        "change, message",
        [
            ({"test": [[[20]]]}, "test[0][0] must be MIDI notes 21 to 108, got 20"),
            ({"test": [[[60]], [[], [109]]]}, "test[1][1] must be MIDI notes 21 to 108, got 109"),
            ({"train": [[[60.5]]]}, "train[0][0] must be MIDI notes 21 to 108, got 60.5"),
            ({"train": [[[True]]]}, "train[0][0] must be MIDI notes 21 to 108, got True"),
            ({"train": [["a"]]}, "train[0][0] must be a list, got str"),
            ({"train": [60]}, "train[0] must be a list, got int"),
            ({"train": {"0": []}}, "train must be a list, got dict"),
            (
                {"train": [[]]},
                "train[0] must have at least one step and one feature, got shape (0, 88)",
            ),
            ({"valid": []}, "valid must hold at least one sequence, got none"),
        ],
    )
    @pytest.mark.parametrize("kind", ["pickle", "json"])
    def test_wrong_notes(self, kind, change, message, write, notes, message_of):
        assert message_of(write(f"mine.{kind}", {**notes, **change})) == message

    @pytest.mark.parametrize(
        ("content", "got"),
        [({}, "an empty one"), ({"train": [], "valid": []}, "train, valid"), ({1: 2}, "1")],
    )
    def test_wrong_keys(self, content, got, write, message_of):
        message = f"must be a dictionary of train, valid, test, got {got}"
        assert message_of(write("mine.pickle", content)) == message

    def test_a_list_for_a_note_is_not_written_out(self, write, notes, message_of):
        nested = [60]  # its text would be of 2^40 numbers
        for _ in range(40):
            nested = [nested, nested]
        message = "train[0][0] must be MIDI notes 21 to 108, got list"
        assert message_of(write("mine.pickle", {**notes, "train": [[[nested]]]})) == message

    def test_pickle_of_a_list(self, tmp_path, message_of):
        path = tmp_path / "mine.pickle"
        path.write_bytes(pickle.dumps([[(60,)]]))
        assert message_of(path) == "must be a dictionary of train, valid, test, got list"

    @pytest.mark.parametrize(
        "roll, message",
        [
            (np.eye(2, 87), "valid[0] must have 88 features, got 87"),
            (2 * np.eye(2, 88), "valid[0] must be 0 or 1, got 2.0 at step 0, feature 0"),
            (np.nan * np.ones((2, 88)), "valid[0] must be 0 or 1, got nan at step 0, feature 0"),
            (
                np.zeros((0, 88)),
                "valid[0] must have at least one step and one feature, got shape (0, 88)",
            ),
            (np.array("abc"), "valid[0] must be real numbers, got data type <U3"),
        ],
    )
    def test_wrong_rolls_in_matlab_files(self, roll, message, write, splits, message_of):
        splits["valid"][0] = roll
        assert message_of(write("mine.mat", splits)) == message

    def test_wrong_matlab_files(self, write, tmp_path, splits, message_of):
        del splits["test"]
        path = write("mine.mat", splits)
        assert message_of(path) == "must have traindata, validdata and testdata, got no testdata"
        scipy.io.savemat(path, dict.fromkeys(("traindata", "validdata", "testdata"), np.eye(88)))
        assert message_of(path) == "traindata must be a cell array of piano rolls, got an array of float64"

    @pytest.mark.parametrize("large_array", [np.eye(88), scipy.sparse.eye_array(88).tocsc(), "text"])
    @pytest.mark.parametrize("to_big_endian", [False, True])
    def test_matlab_files_of_version_4(self, large_array, to_big_endian, tmp_path, message_of):
        path = tmp_path / "mine.mat"
        scipy.io.savemat(path, {f"{split}data": large_array for split in SPLITS}, format="4")
        if to_big_endian:
            content = path.read_bytes()
            header = np.frombuffer(content[:20], "<i4") + [1000, 0, 0, 0, 0]
            path.write_bytes(header.astype(">i4").tobytes() + content[20:])
        assert message_of(path) == "is a MATLAB file of version 4, which has no cell arrays: save it with -v7"

    def test_sparse_matrices_in_matlab_files(self, write, splits, message_of):
        splits["test"][1] = scipy.sparse.csc_matrix(splits["test"][1])
        message = "testdata{2} is a sparse matrix: save full(testdata{2}) in its place"
        assert message_of(write("mine.mat", splits)) == message
        path = write("mine.mat", {})
        scipy.io.savemat(path, {f"{split}data": scipy.sparse.eye_array(88).tocsc() for split in SPLITS})
        assert message_of(path) == "traindata must be a cell array of piano rolls, got a sparse matrix"

    def test_a_variable_that_is_in_a_matlab_file_twice(self, write, splits, message_of):
        path = write("mine.mat", splits)
        content = path.read_bytes()
        path.write_bytes(content + write("other.mat", {"test": splits["train"]}).read_bytes()[128:])
        message = "'testdata' must be there once, is there 2 times: leave one out"
        assert message_of(path) == f"not a readable MATLAB file: ValueError: {message}"

    @pytest.mark.parametrize(
        "group, message",
        [
            (None, "must have the groups train, valid, test, got no valid"),
            ({}, "valid must have lengths and either notes or values, got nothing"),
            ({"lengths": [1]}, "valid must have lengths and either notes or values, got lengths"),
            (
                {"notes": np.zeros((2, 88)), "values": np.zeros((2, 88)), "lengths": [2]},
                "valid must have lengths and either notes or values, got notes, values, lengths",
            ),
            (
                {"notes": np.zeros((2, 87)), "lengths": [2]},
                "valid[0] must have 88 features, got 87",
            ),
            (
                {"notes": np.full((2, 88), 2), "lengths": [1, 1]},
                "valid[0] must be 0 or 1, got 2 at step 0, feature 0",
            ),
            (
                {"notes": np.zeros((3, 88)), "lengths": [2]},
                "valid must have the 2 steps of its lengths, got shape (3, 88)",
            ),
            (
                {"notes": np.zeros((2, 88)), "lengths": [2, 0]},
                "valid lengths must be a list of positive integers, got 0",
            ),
            (
                {"notes": np.zeros((2, 88)), "lengths": [2.0]},
                "valid lengths must be a list of positive integers, got float64 of shape (1,)",
            ),
            (
                {"notes": np.zeros((2, 88)), "lengths": [[2]]},
                "valid lengths must be a list of positive integers, got int64 of shape (1, 1)",
            ),
            (
                {"notes": np.zeros((0, 88)), "lengths": np.zeros(0, int)},
                "valid[0] must have at least one step and one feature, got shape (0, 88)",
            ),
        ],
    )
    def test_wrong_hdf5_files(self, group, message, write, message_of):
        good = {"notes": np.zeros((2, 88)), "lengths": [2]}
        groups = {"train": good, "valid": group, "test": good}
        path = write("mine.h5", {key: value for key, value in groups.items() if value is not None})
        assert message_of(path) == message

    def test_real_values_that_are_not_finite(self, write, message_of):
        good = {"values": np.zeros((2, 4)), "lengths": [2]}
        bad = {"values": np.full((2, 4), np.inf), "lengths": [2]}
        path = write("mine.h5", {"train": good, "valid": good, "test": bad})
        message = "mine, test[0] must be finite, got inf at step 0, feature 0"
        assert message_of(path) == message

    def test_huge_arrays_are_not_read(self, tmp_path, message_of):
        path = tmp_path / "mine.h5"
        with h5py.File(path, "w") as file:
            for split in SPLITS:
                file[f"{split}/lengths"] = [10**9]
                file[split].create_dataset("notes", (10**9, 88), np.uint8, chunks=True, compression=9)
        reason = "/train/notes must be completely in the file, got 0 of 88000000000 bytes"
        message = f"not a readable HDF5 file: ValueError: {reason}"
        assert message_of(path) == message

    def test_arrays_that_the_file_does_not_hold_are_not_read(self, tmp_path, message_of):
        path, secret = tmp_path / "mine.h5", tmp_path / "secret"
        secret.write_bytes(bytes(176))
        layout = h5py.VirtualLayout((2, 88), np.uint8)
        layout[:] = h5py.VirtualSource(".", "train/notes", (2, 88))
        elsewhere = "/train/notes must be stored in the file itself"

        def external(group):
            group.create_dataset("notes", (2, 88), np.uint8, external=[(str(secret), 0, 176)])

        def virtual(group):
            group.create_virtual_dataset("notes", layout)

        def never_written(group):
            group.create_dataset("notes", (2 * 10**6, 88), np.uint8, chunks=True, compression=9)

        def null(group):
            group["notes"] = h5py.Empty(np.uint8)

        for make, message in (
            (external, elsewhere),
            (virtual, elsewhere),
            (never_written, "/train/notes must be completely in the file, got 0 of 176000000 bytes"),
            (null, "/train/notes must be an array"),
            (lambda group: group.create_group("notes"), "/train/notes must be an array"),
            (_without_a_group, "/train must be a group"),
        ):
            with h5py.File(path, "w") as file:
                for split in SPLITS:
                    make(file.create_group(split))
            assert message_of(path) == f"not a readable HDF5 file: ValueError: {message}"

    def test_json_of_a_list(self, write, message_of):
        path = write("mine.json", {})
        path.write_text(json.dumps([1]))
        assert "must be a MATLAB, HDF5, JSON, pickle, .npz or .csv file" in message_of(path)


def _without_a_group(group):
    file, name = group.file, group.name
    del file[name]
    file[name] = np.ones(3)


class TestWriteHdf5:
    def test_round_trip(self, tmp_path, splits):
        path = tmp_path / "mine.h5"
        dataset = Dataset("name of it", **splits, source="somewhere", licence="CC0")
        write_hdf5(path, dataset)
        again = read(path)
        assert_equal(again, splits)
        assert again.digests == dataset.digests
        assert (again.name, again.source, again.licence) == ("name of it", "somewhere", "CC0")

    def test_layout(self, tmp_path, splits):
        dataset = Dataset("mine", **splits)
        write_hdf5(tmp_path / "mine.h5", dataset)
        with h5py.File(tmp_path / "mine.h5") as file:
            assert set(file) == set(SPLITS)
            assert set(file["test"]) == {"notes", "lengths"}
            assert file["test/notes"].dtype == np.uint8
            assert file["test/notes"].shape == (8, 88)
            assert file["test/lengths"][()].tolist() == [2, 1, 5]
            assert file["test"].attrs["digest"] == dataset.digests["test"]

    @pytest.mark.parametrize(
        "make",
        [
            lambda rng: rng.normal(size=(4, 3)).astype(np.float32),
            lambda rng: rng.integers(0, 2, (4, 3)),
            lambda rng: rng.normal(size=(4, 88)).astype(np.float32),
        ],
        ids=["real", "binary", "real, 88 features"],
    )
    def test_round_trip_of_other_data(self, make, tmp_path, rng):
        dataset = Dataset("mine", *([make(rng), make(rng)] for _ in SPLITS))
        write_hdf5(tmp_path / "mine.h5", dataset)
        again = read(tmp_path / "mine.h5")
        assert again.binary == dataset.binary
        assert again.digests == dataset.digests
        assert np.array_equal(again.test[1], dataset.test[1])

    def test_replaces_a_file(self, tmp_path, splits):
        path = tmp_path / "mine.h5"
        path.write_text("old")
        write_hdf5(str(path), Dataset("mine", **splits))
        assert read(path).name == "mine"
        assert list(tmp_path.iterdir()) == [path]

    def test_leaves_the_old_file_if_it_fails(self, tmp_path, splits, monkeypatch):
        path = tmp_path / "mine.h5"
        path.write_text("old")
        monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            write_hdf5(path, Dataset("mine", **splits))
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

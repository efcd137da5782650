import hashlib
import io
import json
import os
import platform
import re
import stat
import struct
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import h5py
import numpy as np
import pytest

from breze_like.backends.process import n_cores
from breze_like.data.process import Limits
from breze_like.parameters import ParameterSet
from breze_like.runs import Run, checkpoints
from breze_like.runs.run import FILES


def declared(**shapes):
    parameters = ParameterSet()
    for name, shape in shapes.items():
        parameters.declare(name, shape)
    return parameters


DATA_TYPE, DATA_LAYOUT = 3, 8  # kinds of messages of HDF5's object headers


def header_messages(content):
    """Kind and body of the messages in the first chunks of object headers, by the format's specification."""
    for start in [match.start() for match in re.finditer(b"OHDR\x02", content)]:
        flags, place = content[start + 5], start + 6
        place += 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        width = 2 ** (flags & 3)
        end = place + width + int.from_bytes(content[place : place + width], "little")
        place += width
        while place + 4 <= end:
            size = int.from_bytes(content[place + 1 : place + 3], "little")
            body = place + 4 + 2 * bool(flags & 0x04)
            yield content[place], content[body : body + size]
            place = body + size


PARAMETERS = declared(weights=(2, 3), bias=(3,))
ARRAYS = {"best": np.arange(9.0), "order": np.arange(6).reshape(2, 3), "single": np.ones(2, np.float32)}
ATTRIBUTES = {"update": 3, "rng": {"state": 2**127}, "loss": 0.1 + 0.2, "best_score": None, "finished": False}


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "runs" / "first", {"seed": 1})


class TestConfig:
    def test_is_written_once_with_versions(self, tmp_path):
        config = {"seed": np.int64(3), "rate": np.float32(0.5), "sizes": (1, 2)}
        created = Run.create(tmp_path / "run", config)
        opened = Run(str(tmp_path / "run"))
        assert opened.config == created.config
        versions, now = opened.config.pop("versions"), datetime.now(UTC)
        assert abs(datetime.fromisoformat(opened.config.pop("created")) - now) < timedelta(minutes=1)
        assert opened.config == {"seed": 3, "rate": 0.5, "sizes": [1, 2], "format": 1}
        assert versions["numpy"] == np.__version__
        assert versions["python"] == platform.python_version()
        assert versions["cores"] == str(n_cores())
        names = {"breze_like", "commit", "python", "platform", "cores", "pytensor", "jax", "numpy", "climin"}
        assert set(versions) == names

    @pytest.mark.parametrize("name", FILES)
    def test_a_folder_with_a_run_is_left_alone(self, tmp_path, name):
        (tmp_path / name).write_text("precious")
        with pytest.raises(
            ValueError, match="there is already a run in .*: resume it or choose another folder"
        ):
            Run.create(tmp_path, {})
        assert [path.name for path in tmp_path.iterdir()] == [name]
        assert (tmp_path / name).read_text() == "precious"

    def test_other_files_do_not_matter(self, tmp_path):
        (tmp_path / "notes.txt").write_text("mine")
        (tmp_path / ".config.json.part").write_text("{")
        assert Run.create(tmp_path, {"seed": 1}).config["seed"] == 1

    def test_a_file_is_no_folder(self, tmp_path):
        (tmp_path / "run").write_text("")
        with pytest.raises(ValueError, match="run is a file; choose a folder"):
            Run.create(tmp_path / "run", {})

    @pytest.mark.parametrize("config", [{"rate": float("nan")}, {"kernel": min}])
    def test_what_json_cannot_hold_leaves_no_run(self, tmp_path, config):
        with pytest.raises((ValueError, TypeError)):
            Run.create(tmp_path / "run", config)
        Run.create(tmp_path / "run", {})

    def test_opening_needs_a_run(self, tmp_path):
        with pytest.raises(ValueError, match="there is no run in .*nowhere: give the folder of a run"):
            Run(tmp_path / "nowhere")

    @pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe\x00", b"[]"])
    def test_damaged(self, tmp_path, text):
        (tmp_path / "config.json").write_bytes(text)
        with pytest.raises(
            ValueError,
            match=r"config.json is damaged, it (is not JSON|must hold JSON objects).*; restore a copy",
        ) as caught:
            Run(tmp_path)
        assert "\n" not in str(caught.value)


class TestLog:
    def test_appends_one_line_each(self, run):
        assert run.read_log() == []
        run.append_log({"epoch": 1, "score": np.float64(0.5)})
        run.append_log({"epoch": 2, "score": None})
        assert Run(run.folder).read_log() == [{"epoch": 1, "score": 0.5}, {"epoch": 2, "score": None}]
        assert len((run.folder / "log.jsonl").read_text().splitlines()) == 2

    @pytest.mark.parametrize("n_kept", range(4))
    def test_truncates(self, run, n_kept):
        for epoch in range(3):
            run.append_log({"epoch": epoch})
        with open(run.folder / "log.jsonl", "a") as stream:
            stream.write('{"epoch": 3, "sco')
        run.truncate_log(n_kept)
        assert run.read_log() == [{"epoch": epoch} for epoch in range(n_kept)]
        run.append_log({"epoch": "next"})
        assert run.read_log()[n_kept:] == [{"epoch": "next"}]

    def test_half_a_line_at_the_end_is_ignored(self, run):
        run.append_log({"epoch": 1})
        with open(run.folder / "log.jsonl", "a") as stream:
            stream.write('{"epoch": 2')
        assert run.read_log() == [{"epoch": 1}]

    def test_a_log_that_lost_entries(self, run):
        run.append_log({"epoch": 1})
        with pytest.raises(
            ValueError, match="log.jsonl has 1 entries, but the checkpoint was saved after 2: restore"
        ):
            run.truncate_log(2)

    def test_damaged(self, run):
        (run.folder / "log.jsonl").write_text('{"epoch": 1}\nnonsense\n')
        with pytest.raises(ValueError, match="log.jsonl is damaged, it is not JSON: .*; restore a copy"):
            run.read_log()


class TestCheckpoint:
    def test_write_and_read_are_inverse(self, run):
        assert not run.has_checkpoint
        for _ in range(2):
            run.write_checkpoint(PARAMETERS, ARRAYS, ATTRIBUTES)
            assert run.has_checkpoint
            arrays, attributes = Run(run.folder).read_checkpoint(declared(weights=(2, 3), bias=(3,)))
            assert attributes == ATTRIBUTES
            assert set(arrays) == set(ARRAYS)
            for name, array in ARRAYS.items():
                np.testing.assert_array_equal(arrays[name], array)
                assert arrays[name].dtype == array.dtype

    def test_missing(self, run):
        with pytest.raises(
            ValueError, match="there is no checkpoint.h5 in .*first: give the folder of a run"
        ):
            run.read_checkpoint(PARAMETERS)

    @pytest.mark.parametrize("failing", ["fsync", "replace"])
    def test_replaced_completely_or_not_at_all(self, run, monkeypatch, failing):
        run.write_checkpoint(PARAMETERS, ARRAYS, ATTRIBUTES)

        def fail(*_):
            raise OSError("no space left")

        with monkeypatch.context() as patch, pytest.raises(OSError, match="no space left"):
            patch.setattr(os, failing, fail)
            run.write_checkpoint(PARAMETERS, ARRAYS, {"update": 4})
        assert run.read_checkpoint(PARAMETERS)[1] == ATTRIBUTES
        run.write_checkpoint(PARAMETERS, ARRAYS, {"update": 5})
        assert run.read_checkpoint(PARAMETERS)[1] == {"update": 5}
        assert sorted(path.name for path in run.folder.iterdir()) == ["checkpoint.h5", "config.json"]

    def test_is_on_the_disk_before_and_after_it_is_renamed(self, run, monkeypatch):
        calls, fsync, replace = [], os.fsync, os.replace

        def recorded_fsync(descriptor):
            calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", recorded_fsync)
        monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("rename"), replace(*paths)))
        run.write_checkpoint(PARAMETERS, ARRAYS, ATTRIBUTES)
        assert calls == ["file", "rename", "folder"]

    def test_truncated_anywhere(self, run):
        run.write_checkpoint(PARAMETERS, ARRAYS, ATTRIBUTES)
        path = run.folder / "checkpoint.h5"
        content = path.read_bytes()
        for length in [*range(0, len(content), 97), len(content) - 1]:
            path.write_bytes(content[:length])
            with pytest.raises(ValueError, match="checkpoint.h5 must be a checkpoint, but") as caught:
                run.read_checkpoint(PARAMETERS)
            assert "\n" not in str(caught.value)

    def test_damaged_anywhere(self, run):
        """A changed byte is noticed, or does not matter."""
        run.write_checkpoint(PARAMETERS, ARRAYS, ATTRIBUTES)
        path = run.folder / "checkpoint.h5"
        content, n_noticed = path.read_bytes(), 0
        assert b"GCOL" not in content  # a heap, of which there are no checksums
        for position in range(0, len(content), 61):
            path.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
            try:
                arrays, attributes = run.read_checkpoint(PARAMETERS)
            except ValueError as error:
                assert "checkpoint.h5 must be a checkpoint" in str(error)
                n_noticed += 1
            else:
                assert attributes == ATTRIBUTES
                assert all(np.array_equal(arrays[name], array) for name, array in ARRAYS.items())
        assert n_noticed > 0

    def test_of_an_earlier_version(self, run, apart, monkeypatch):
        """Its texts are in a heap, where HDF5 looks for the end of a damaged one for ever."""
        run.write_checkpoint(PARAMETERS, ARRAYS, ATTRIBUTES)
        path, content = run.folder / "checkpoint.h5", io.BytesIO()
        with h5py.File(path) as new, h5py.File(content, "w", libver=("v110", "v110")) as old:
            old.attrs.update({name: text.decode() for name, text in new.attrs.items()})
            for name in new:
                old.create_dataset(name, data=new[name][()], fletcher32=True)
        path.write_bytes(content.getvalue())
        arrays, attributes = run.read_checkpoint(PARAMETERS)
        assert attributes == ATTRIBUTES and arrays.keys() == ARRAYS.keys()
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(arrays[name], array)
            assert arrays[name].dtype == array.dtype
        damaged = bytearray(content.getvalue())
        size_of_the_first = damaged.index(b"GCOL") + 24
        damaged[size_of_the_first : size_of_the_first + 8] = struct.pack("<Q", 2**64 - 16)
        path.write_bytes(damaged)
        monkeypatch.setattr(checkpoints, "LIMITS", Limits(seconds=1.0))
        with pytest.raises(ValueError, match="it is not: takes more than 1 seconds to read: it is damaged$"):
            run.read_checkpoint(PARAMETERS)

    def test_is_read_by_earlier_versions(self, run):
        """Of HDF5 1.10: the superblock, and all messages of headers that later versions have changed."""
        run.write_checkpoint(PARAMETERS, ARRAYS, ATTRIBUTES)
        content = (run.folder / "checkpoint.h5").read_bytes()
        assert content[8] <= 3  # the superblock's version
        found = list(header_messages(content))
        assert {DATA_TYPE, DATA_LAYOUT} <= {kind for kind, _ in found}
        assert all(body[0] <= 4 for kind, body in found if kind == DATA_LAYOUT)
        assert all(body[0] >> 4 <= 4 for kind, body in found if kind == DATA_TYPE)
        later = io.BytesIO()
        with h5py.File(later, "w", libver="latest") as file:
            file.create_dataset("one", data=np.ones(3), fletcher32=True)
        versions = [body[0] for kind, body in header_messages(later.getvalue()) if kind == DATA_LAYOUT]
        assert versions == [5] or h5py.version.hdf5_version_tuple < (2, 0, 0)  # so this would be noticed

    @pytest.mark.parametrize("place", ["superblock", "object header"])
    def test_of_a_later_version(self, run, place):
        run.write_checkpoint(PARAMETERS, ARRAYS, ATTRIBUTES)
        path = run.folder / "checkpoint.h5"
        content = bytearray(path.read_bytes())
        content[8 if place == "superblock" else content.index(b"OHDR") + 4] = 99
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=f"a later version of HDF5 than .*: install .*bad {place} version"
        ):
            run.read_checkpoint(PARAMETERS)

    def test_foreign(self, run):
        path = run.folder / "checkpoint.h5"
        path.write_text(json.dumps({"not": "HDF5"}))
        with pytest.raises(ValueError, match="checkpoint.h5 must be a checkpoint, but"):
            run.read_checkpoint(PARAMETERS)
        with h5py.File(path, "w") as file:
            file["parameters"] = np.ones(9)
        with pytest.raises(ValueError, match="checkpoint.h5 must be a checkpoint, but"):
            run.read_checkpoint(PARAMETERS)
        with h5py.File(path, "w") as file:
            file.attrs["format"] = "something else"
        with pytest.raises(ValueError, match="its format is 'something else', not 'breze_like checkpoint 1'"):
            run.read_checkpoint(PARAMETERS)

    @pytest.mark.parametrize(
        "shapes, message",
        [
            (
                {"weights": (4, 3), "bias": (3,)},
                r"'weights' is \(2, 3\) in the file and \(4, 3\) in the model",
            ),
            ({"weights": (2, 3)}, r"'bias' is \(3,\) in the file and nothing in the model"),
            (
                {"weights": (2, 3), "bias": (3,), "gate": (1,)},
                r"'gate' is nothing in the file and \(1,\) in the model",
            ),
            ({"bias": (3,), "weights": (2, 3)}, "the file has the same parameters in another order"),
        ],
    )
    def test_of_another_model(self, run, shapes, message):
        run.write_checkpoint(PARAMETERS, ARRAYS, ATTRIBUTES)
        with pytest.raises(ValueError, match=f"checkpoint.h5 belongs to another model: {message}"):
            run.read_checkpoint(declared(**shapes))


class TestWeights:
    VALUES = np.linspace(-1, 1, 9) ** 3

    def test_are_the_parameters_in_single_precision(self, run):
        assert not run.has_weights
        digest = run.write_weights(PARAMETERS, self.VALUES)
        assert run.has_weights and not run.has_checkpoint
        read = run.read_weights(PARAMETERS)
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, self.VALUES.astype(np.float32))
        assert digest == hashlib.sha256(struct.pack("<9f", *self.VALUES)).hexdigest()

    def test_of_another_model(self, run):
        run.write_weights(PARAMETERS, self.VALUES)
        with pytest.raises(
            ValueError, match=r"weights.h5 belongs to another model: 'weights' is \(2, 3\) in the file"
        ):
            run.read_weights(declared(weights=(3, 2), bias=(3,)))

    def test_a_changed_number_is_noticed(self, run):
        run.write_weights(PARAMETERS, self.VALUES)
        with h5py.File(run.folder / "weights.h5", "r+") as file:
            file["weights"][4] = 7
        with pytest.raises(ValueError, match="its content is not that of its digest"):
            run.read_weights(PARAMETERS)

    def test_more_numbers_than_parameters_are_not_read(self, run):
        run.write_weights(PARAMETERS, self.VALUES)
        with h5py.File(run.folder / "weights.h5", "r+") as file:
            del file["weights"]
            file.create_dataset("weights", (10**12,), "<f4", chunks=(10**6,))
        with pytest.raises(ValueError, match=r"its weights are float32 \(1000000000000,\), not 9 float32"):
            run.read_weights(PARAMETERS)

    def test_a_checkpoint_is_no_file_of_weights(self, run):
        run.write_checkpoint(PARAMETERS, ARRAYS, ATTRIBUTES)
        os.rename(run.folder / "checkpoint.h5", run.folder / "weights.h5")
        with pytest.raises(ValueError, match="weights.h5 must be a file of weights, but it is not"):
            run.read_weights(PARAMETERS)


class TestFormat:
    def test_a_later_one(self, run):
        path = run.folder / "config.json"
        path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
        with pytest.raises(
            ValueError, match="has format 2, .* reads formats up to 1: install a later version"
        ):
            Run(run.folder)


class TestScores:
    def test_write_and_read_are_inverse(self, run):
        assert run.read_scores() == {}
        run.write_scores({"test": {"per_step": 9.5}})
        run.write_scores({"test": {"per_step": np.float32(8.5), "kind": "bound"}})
        assert run.read_scores() == {"test": {"per_step": 8.5, "kind": "bound"}}

    def test_all_that_are_added_at_once_are_there(self, run):
        with ThreadPoolExecutor() as pool:
            added = [pool.submit(run.add_scores, str(split), {"per_step": split}) for split in range(20)]
        assert [future.result() for future in added] == [None] * 20
        assert run.read_scores() == {str(split): {"per_step": split} for split in range(20)}
        assert not (run.folder / ".scorer").exists()

    def test_damaged(self, run):
        (run.folder / "scores.json").write_text('{"test": ')
        with pytest.raises(ValueError, match="scores.json is damaged, it is not JSON: .*; restore a copy"):
            run.read_scores()
        (run.folder / "scores.json").unlink()
        os.mkfifo(run.folder / "scores.json")
        with pytest.raises(ValueError, match="scores.json is not a file: restore a copy"):
            run.read_scores()

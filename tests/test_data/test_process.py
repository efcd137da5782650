"""Files in a process of their own: whatever happens in there is one line here."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import breze_like
from breze_like.data import load, process, read
from breze_like.data.process import Found, Job, Limits, read_apart
from breze_like.music import write_midi

pytestmark = pytest.mark.usefixtures("apart")
START = process.START
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part of it is Linux'")


@pytest.fixture
def misdeed(monkeypatch):
    """Let the reader of data sets do something else: ``misdeed("os.abort()")``; it is given `path`."""

    def misdeed(code):
        lines = [
            "import os, signal, itertools, time, numpy as np",
            "from breze_like.data import reading",
            f"def misdeed(path, *_):\n    {code}",
            "reading._READERS = dict.fromkeys(reading._READERS, misdeed)",
            "main()",
        ]
        monkeypatch.setattr(process, "START", START.removesuffix("main()\n") + "\n".join(lines))

    return misdeed


def read_one(path, limits=None, kind="data set", *arguments):
    (answer,) = read_apart([Job(kind, str(path), os.path.getsize(path), arguments)], limits or Limits())
    return answer


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.h5"
    path.write_bytes(b"anything")
    return path


class TestRead:
    def test_arrays_come_back(self, tmp_path, rng):
        arrays = {
            "a": rng.normal(size=(3, 2)),
            "b": np.asfortranarray(rng.integers(0, 2, (4, 5)).astype(">i2")),
            "c": np.array([[True]]),
            "d": np.zeros((0, 2), np.float16),
        }
        jobs = []
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", array)
            jobs.append(Job("array", str(tmp_path / f"{name}.npy"), 1, [name]))
        for answer, array in zip(read_apart(jobs, Limits()), arrays.values(), strict=True):
            assert answer.arrays[0].dtype == array.dtype and answer.arrays[0].flags.writeable
            np.testing.assert_array_equal(answer.arrays[0], array)

    def test_data_sets_and_folders(self, write, notes, splits, tmp_path):
        dataset = load(write("mine.pickle", notes))
        for i, roll in enumerate(splits["train"] + splits["test"]):
            (tmp_path / "songs").mkdir(exist_ok=True)
            write_midi(tmp_path / "songs" / f"{i}.mid", roll)
        assert dataset.name == "mine" and np.array_equal(dataset.test[2], splits["test"][2])
        assert sum(len(roll) for roll in load(tmp_path / "songs").train) > 0

    def test_it_starts_without_what_it_does_not_need(self, misdeed, file):
        misdeed("raise ValueError(' '.join(sorted({m.partition('.')[0] for m in reading.sys.modules})))")
        loaded = str(read_one(file)).split()
        assert "numpy" in loaded
        assert not {"pytensor", "jax", "scipy", "h5py", "mido"} & set(loaded)

    def test_the_embedded_chorales_are_read_at_once(self, monkeypatch):
        monkeypatch.setattr(process, "run", None)
        assert load("chorales").verified


class TestMisdeeds:
    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("os.kill(os.getpid(), signal.SIGSEGV)", "the process that read it died of SIGSEGV"),
            ("os._exit(3)", "the process that read it ended with status 3"),
            ("sum(itertools.repeat(0))", "takes more than 0 seconds to read: it is damaged, or huge"),
            ("time.sleep(60)", "takes more than 0 seconds to read: it is damaged, or huge"),
            ("return [0] * 10**10", "takes too much memory: it is damaged, or huge"),
            ("return misdeed(path)", "can't be read: RecursionError"),
            ("raise KeyError('a\\nb' * 1000)", "can't be read: KeyError: 'a\\nba"),
            ("raise OSError('disk')", "disk"),
            ("print('noise' * 10**5); os.write(2, b'noise'); 1 / 0", "can't be read: ZeroDivisionError"),
            ("return reading.Found([np.zeros(10**8, np.int32)], {})", "holds more than 250 MB"),
            ("return reading.Found([np.zeros(1)] * 100_001, {})", "holds more than 100000 sequences"),
        ],
    )
    def test_each_is_one_line(self, code, message, misdeed, file):
        misdeed(code)
        answer = read_one(file, Limits(seconds=0.3))
        assert isinstance(answer, ValueError)
        assert message in str(answer) and "\n" not in str(answer) and len(str(answer)) < 300

    def test_time_that_others_take_does_not_count(self, misdeed, file):
        misdeed("time.sleep(2.5); raise ValueError('awake')")
        assert str(read_one(file, Limits(seconds=2.0))) == "awake"

    def test_names_the_file(self, misdeed, file):
        misdeed("os.abort()")
        with pytest.raises(
            ValueError, match=f"^{file}: can't be read: the process that read it died of SIGABRT"
        ):
            load(file)

    def test_others_of_a_folder_are_read(self, misdeed, tmp_path):
        misdeed("return os.abort() if path.name == '2.npy' else reading.Found([np.full((1, 1), 1.5)], {})")
        for i in range(5):
            np.save(tmp_path / f"{i}.npy", np.eye(2))
        message = r"2\.npy: can't be read: the process .* SIGABRT"
        with pytest.raises(ValueError, match=message):
            read(tmp_path)
        with pytest.warns(UserWarning, match=f"left out: {message}"):
            dataset = read(tmp_path, leave_out=True)
        assert sum(map(len, (dataset.train, dataset.valid, dataset.test))) == 4

    def test_a_few_that_end_it_are_enough(self, misdeed, file):
        misdeed("os.abort()")
        answers = read_apart([Job("data set", str(file), 1)] * 5, Limits())
        assert ["was not read, since 3 other files" in str(answer) for answer in answers] == 3 * [
            False
        ] + 2 * [True]

    def test_that_it_cannot_be_started_is_said(self, monkeypatch, file):
        monkeypatch.setattr(process, "START", "raise SystemExit('no\\nluck')")
        with pytest.raises(ValueError, match="the process that reads files could not be started: luck"):
            read_one(file)

    def test_what_it_says_is_not_believed(self, misdeed, file):
        for line in (b"\xff", b"[]", b'{"arrays": [["O", [1]]]}', b'{"arrays": [["<f8", [1000000000000]]]}'):
            misdeed(f"reading.write = lambda *_: _[1].write({line!r}); return reading.Found([], {{}})")
            answers = read_apart([Job("data set", str(file), 1)] * 2, Limits())
            assert "ended with status 0" in str(answers[1])


class TestLimits:
    def test_huge_files(self, file):
        with open(file, "ab") as stream:
            stream.truncate(10**11)
        assert str(read_one(file)).startswith("is larger than 100 MB: it is damaged, or huge: limits=False")

    @pytest.mark.parametrize("how", ["argument", "environment"])
    def test_can_be_lifted(self, how, misdeed, file, monkeypatch):
        monkeypatch.setattr(process, "Limits", partial(Limits, n_sequences=9))
        about = {
            "sizes": {"train": 8, "valid": 1, "test": 1},
            "name": "",
            "source": "",
            "licence": "",
            "warning": "",
        }
        misdeed(f"return reading.Found([np.zeros((1, 1), np.uint8)] * 10, {about})")
        if how == "environment":
            monkeypatch.setenv("BREZE_LIKE_LIMITS", "off")
        assert len(load(file, limits=False if how == "argument" else None).train) == 8
        with pytest.raises(ValueError, match="holds more than 9 sequences"):
            load(file, limits=True)


# A parent that waits for a file that is never read, without PyTensor, so that it starts at once.
PARENT = """
from breze_like.data import process
process.START = sys.argv.pop()
process.read_apart([process.Job("data set", sys.argv.pop(), 1)], process.Limits())
"""


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_its_parent(end, misdeed, file, tmp_path):
    misdeed("path.with_name('pid').write_text(str(os.getpid())); sum(itertools.repeat(0))")
    package = Path(breze_like.__file__).parent
    folders = [f"breze_like={package}", f"breze_like.data={package / 'data'}"]
    code = process.START.partition("from breze_like")[0]
    parent = subprocess.Popen(
        [sys.executable, "-c", code.replace("argv[1:]", "argv[1:3]") + PARENT, *folders, file, process.START],
        stderr=subprocess.DEVNULL,
    )
    pid = tmp_path / "pid"
    deadline = time.monotonic() + 20
    while not (pid.exists() and pid.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    parent.send_signal(end)
    parent.wait()
    while Path("/proc", pid.read_text()).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert time.monotonic() < deadline


def test_found_is_what_json_can_hold(tmp_path):
    """What a reader says of a file goes through JSON, and so must not be anything else."""
    write_midi(tmp_path / "a.mid", np.eye(2, 88))
    answer = read_one(tmp_path / "a.mid", None, "midi", "a.mid", 2)
    assert isinstance(answer, Found) and json.loads(json.dumps(answer.about)) == answer.about

"""Damaged files of all kinds, by the thousand: each is read, or refused in one line, within the limits."""

import io
import json
import pickle
from collections import Counter

import h5py
import numpy as np
import pytest
import scipy.io

from breze_like.data import SPLITS, Dataset, process, write_hdf5
from breze_like.data.folders import job_of
from breze_like.data.formats import dataset_of
from breze_like.data.process import Limits, read_apart
from breze_like.music import write_midi

LIMITS = Limits(seconds=3.0)
BATCH = 250  # files that a process reads
NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1]


def contents(rng, folder):
    """Good files, as bytes, by name; an extension says the kind."""
    notes = {split: [[(60, 64, 67), (), (21, 108)], [(50,)] * 4] for split in SPLITS}
    rolls = {split: [(rng.random((n, 88)) < 0.05).astype(np.uint8) for n in (3, 5)] for split in SPLITS}
    reals = {split: [rng.normal(size=(n, 3)) for n in (3, 5)] for split in SPLITS}
    voices = {split: rng.integers(40, 80, (2, 5, 4)) for split in SPLITS}

    def written(write):
        stream = io.BytesIO()
        write(stream)
        return stream.getvalue()

    def cells(stream, compressed):
        content = {f"{split}data": np.empty((1, 2), object) for split in SPLITS}
        for split in SPLITS:
            content[f"{split}data"][0, :] = rolls[split]
        scipy.io.savemat(stream, content, do_compression=compressed)

    def plain_hdf5(stream):
        with h5py.File(stream, "w") as file:
            for split in SPLITS:
                file[f"{split}/values"], file[f"{split}/lengths"] = np.concatenate(reals[split]), [3, 5]

    def matlab_73():
        with h5py.File(folder / "made.mat", "w", userblock_size=512) as file:
            for split in SPLITS:
                made = [file.create_dataset(f"r/{split}{i}", data=r.T) for i, r in enumerate(rolls[split])]
                file[f"{split}data"] = np.array([d.ref for d in made], h5py.ref_dtype)[:, None]
        return b"MATLAB 7.3".ljust(512) + (folder / "made.mat").read_bytes()[512:]

    write_hdf5(folder / "made.h5", Dataset("made", **rolls))
    table = "".join(f"{s},{t},{t / 3!r}\n" for s in range(4) for t in range(3))
    return {
        "own.h5": (folder / "made.h5").read_bytes(),
        "plain.h5": written(plain_hdf5),
        "small.mat": written(lambda stream: cells(stream, True)),
        "large.mat": written(lambda stream: cells(stream, False)),
        "new.mat": matlab_73(),
        "0.pickle": pickle.dumps(notes, 0),
        "2.pickle": pickle.dumps({**notes, "x": [np.int64(3)]}, 2),
        "5.pickle": pickle.dumps({split: list(voices[split]) for split in SPLITS}, 5),
        "a.json": json.dumps(notes).encode(),
        "a.npz": written(lambda stream: np.savez_compressed(stream, **voices)),
        "o.npz": written(
            lambda stream: np.savez(stream, **{s: voices[s].astype(object)[:, 0] for s in SPLITS})
        ),
        "a.npy": written(lambda stream: np.save(stream, reals["train"][0])),
        "a.tsv": b"0.5\t1\n-2e3\t0\n",
        "long.csv": b"id,t,x\n" + table.encode(),
        "a.mid": written(lambda stream: write_midi(stream, rolls["train"][1])),
    }


def damaged(content, rng):
    """The same with one to three changes, most of them in the first few hundred bytes."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(max(1, min(len(content), 400) if rng.random() < 0.5 else len(content))))
        length = int(rng.integers(1, 9))
        match rng.integers(6):
            case 0:
                content[at : at + 1] = bytes([(content[at] if content else 0) ^ 1 << rng.integers(8)])
            case 1:
                content[at : at + length] = rng.bytes(length)
            case 2:
                number, size = NUMBERS[rng.integers(len(NUMBERS))], int(2 ** rng.integers(4))
                order = "big" if rng.random() < 0.5 else "little"
                content[at : at + size] = (number % 256**size).to_bytes(size, order)
            case 3:
                del content[at : at + length]
            case 4:
                other = int(rng.integers(len(content) or 1))
                content[at:at] = content[other : other + int(rng.integers(1, 100))]
            case 5:
                del content[at + int(rng.integers(1, 200)) :]
    return bytes(content)


def kind_of(path):
    kinds = {".npy": ("array", "it"), ".tsv": ("table", "it"), ".mid": ("midi", "it", 2)}
    return kinds.get(path.suffix, ("data set",))


def fuzz(n_files, seed, folder):
    """Read damaged files; how many of each kind were read all the same, were refused, ended the process."""
    rng = np.random.default_rng(seed)
    good = contents(rng, folder)
    ends = Counter()
    for _ in range(0, n_files, BATCH):
        jobs = []
        for index in range(BATCH):
            name = list(good)[rng.integers(len(good))]
            path = folder / f"{index}_{name}"
            path.write_bytes(damaged(good[name], rng))
            kind, *arguments = kind_of(path)
            jobs.append(job_of(kind, path, *arguments))
        for job, answer in zip(jobs, read_apart(jobs, LIMITS), strict=True):
            name = job.path.partition("_")[2]
            if isinstance(answer, ValueError):
                message = str(answer)
                assert message.isprintable() and len(message) < 400, (name, message)
                ended = "the process that read it" in message
                ends[name, "ended" if ended else "late" if "takes more" in message else "refused"] += 1
                assert ended or not message.startswith("can't be read: "), (job.path, message)
            else:
                LIMITS.check(answer.arrays)
                ends[name, "read"] += 1
                if job.kind == "data set":
                    try:
                        dataset_of(folder / name, answer)
                    except ValueError as error:
                        assert str(error).isprintable()
    return ends


@pytest.fixture
def any_number_of_ends(apart, monkeypatch):
    monkeypatch.setattr(process, "MAX_ENDS", np.inf)


@pytest.mark.slow
def test_some_damaged_files(any_number_of_ends, tmp_path):
    ends = fuzz(1000, 0, tmp_path)
    assert ends.total() == 1000 and {"read", "refused"} <= {end for _, end in ends}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 11))
def test_many_damaged_files(seed, any_number_of_ends, tmp_path):
    assert fuzz(2500, seed, tmp_path).total() == 2500

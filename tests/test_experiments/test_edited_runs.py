"""Folders of runs that were edited or cut: what scripts make of them is one line, or a result."""

import copy
import json
import random
import shutil

import h5py
import numpy as np
import pytest

from experiments import (
    command_line,
    denoise,
    evaluate,
    figure3,
    impute,
    outliers,
    publish,
    report,
    sample,
    train,
    trials,
)

N_QUICK, N_LONG = 12, 400

DEEP = "[" * 100_000

VALUES = [
    *(None, True, False, 0, -1, 1, 2**40, 10**400, 1e308, -0.5, "", "x", "../../x", "$x_$", "\x00"),
    *([], [1], [[[]]], ["a", 2], {}, {"a": {"b": 1}}, [10**9], {"train": 1}),
]

WORDS = ["--n-hiddens", "3", "--quiet", "--n-epochs", "2"]


@pytest.fixture(scope="module")
def whole(songs, tmp_path_factory):
    """The folder of a run that is finished and scored."""
    folder = tmp_path_factory.mktemp("runs") / "rnn"
    assert train.main(["--model", "rnn", "--dataset", str(songs), "--out", str(folder), *WORDS]) == 0
    assert evaluate.main([str(folder)]) == 0
    return folder


def scripts(run, songs, out):
    """Each script that reads a run, with its arguments."""
    run, songs, out = map(str, (run, songs, out))
    resumed = ["--model", "rnn", "--dataset", songs, "--out", run, *WORDS, "--resume"]
    return [
        (evaluate, [run]),
        (report, [run, "--out", f"{out}/report.html", "--force"]),
        (denoise, [run, "--out", out, "--force"]),
        (impute, [run, "--missing", "1:2", "--out", out, "--force"]),
        (sample, [run, "--n-steps", "3", "--out", out, "--force"]),
        (outliers, [run, "--out", out, "--force"]),
        (figure3, ["--run", run, "--out", out]),
        (publish, [run, "--name", "songs/rnn", "--force"]),
        (trials, [run, "--list", f"{out}/trials.csv"]),
        (train, resumed),
    ]


def places_of(value, place=()):
    """The places of all that is in a value of JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield (*place, name)
        yield from places_of(part, (*place, name))


def edited(value, moments):
    """A copy of a value of JSON in which something is missing or another."""
    value = copy.deepcopy(value)
    *outer, last = moments.choice(list(places_of(value)))
    holder = value
    for name in outer:
        holder = holder[name]
    if moments.random() < 0.3:
        del holder[last]
    else:
        holder[last] = moments.choice(VALUES)
    return value


def edit_text(path, moments):
    """Edit a file of JSON, or of lines of JSON; in words, how."""
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    kind = moments.choice(["edit", "edit", "edit", "edit", "cut", "empty", "deep", "nan", "gone", "list"])
    index = moments.randrange(len(lines))
    line = {
        "edit": lambda: json.dumps(edited(json.loads(lines[index]), moments)),
        "cut": lambda: lines[index][: moments.randrange(len(lines[index]))],
        "empty": lambda: "",
        "deep": lambda: DEEP,
        "nan": lambda: lines[index].replace("1", moments.choice(["NaN", "Infinity", "1e999"]), 1),
        "list": lambda: "[]",
        "gone": lambda: "",
    }[kind]()
    if kind == "gone":
        path.unlink()
    else:
        path.write_text("\n".join([*lines[:index], line, *lines[index + 1 :]]) + "\n")
    return f"{path.name}: {kind} {line[:3000]}"


def edit_checkpoint(path, moments):
    """Edit a checkpoint, as who knows the format would; in words, how."""
    kind = moments.choice(
        ["nan", "shape", "text", "group", "gone", "virtual", "link", "huge", "state", "cut"]
    )
    if kind == "cut":
        content = path.read_bytes()
        path.write_bytes(content[: moments.randrange(len(content))])
        return kind
    with h5py.File(path, "r+") as file:
        name = moments.choice(list(file))
        array = file[name][()]
        if kind == "state":
            attributes = edited(json.loads(file.attrs["attributes"]), moments)
            file.attrs["attributes"] = json.dumps(attributes)
            return f"state {attributes}"
        del file[name]
        if kind == "nan":
            file[name] = np.full(array.shape, np.nan)
        elif kind == "shape":
            file[name] = np.zeros((*array.shape, 2), array.dtype)
        elif kind == "text":
            file[name] = ["text"] * 3
        elif kind == "group":
            file.create_group(name)
        elif kind == "virtual":
            layout = h5py.VirtualLayout(array.shape, array.dtype)
            layout[...] = h5py.VirtualSource(".", name, array.shape)
            file.create_virtual_dataset(name, layout)
        elif kind == "link":
            file[name] = h5py.ExternalLink("/etc/passwd", "/x")
        elif kind == "huge":
            file.create_dataset(name, (10**12,), array.dtype, chunks=(10**6,))
    return f"{kind} {name}"


def check(seed, whole, songs, tmp_path, monkeypatch, capsys):
    moments = random.Random(seed)
    run, out = tmp_path / f"run{seed}", tmp_path / f"out{seed}"
    monkeypatch.setenv("BREZE_LIKE_MODELS", str(tmp_path / "models"))
    shutil.copytree(whole, run)
    name = moments.choice(
        ["config.json"] * 3 + ["log.jsonl", "scores.json", "checkpoint.h5", "checkpoint.h5"]
    )
    how = (edit_checkpoint if name == "checkpoint.h5" else edit_text)(run / name, moments)
    out.mkdir()
    script, words = moments.choice(scripts(run, songs, out))
    try:
        with pytest.raises(SystemExit) as ended:
            command_line.run(lambda: script.main(words), "nothing is kept")
    except BaseException as error:
        raise AssertionError(f"{script.__name__}, seed {seed}: {how}") from error
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert (ended.value.code, len(said)) in [(0, 0), (2, 1)], f"{script.__name__}, seed {seed}: {how}"
    shutil.rmtree(run)


@pytest.fixture(autouse=True)
def single_precision(monkeypatch):
    """As scripts compute; and warnings of odd numbers are no errors."""
    import pytensor

    with pytensor.config.change_flags(floatX="float32"):
        yield


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_edits(whole, songs, tmp_path, monkeypatch, capsys):
    for seed in range(N_QUICK):
        check(seed, whole, songs, tmp_path, monkeypatch, capsys)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_many_edits(whole, songs, tmp_path, monkeypatch, capsys):
    for seed in range(N_QUICK, N_QUICK + N_LONG):
        check(seed, whole, songs, tmp_path, monkeypatch, capsys)


def test_a_run_without_a_log_is_refused_before_it_is_scored(whole, songs, tmp_path, monkeypatch):
    run = shutil.copytree(whole, tmp_path / "run")
    (run / "log.jsonl").unlink()
    monkeypatch.setattr("experiments.paper.results.score", None)
    with pytest.raises(
        ValueError, match="run has no entry in its log.jsonl, which says how far it was trained"
    ):
        evaluate.main([str(run)])

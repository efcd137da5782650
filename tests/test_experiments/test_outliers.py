"""Outliers from the command line."""

import csv
import json

import numpy as np
import pytest

from breze_like.estimators import negative_log_likelihood
from experiments import outliers

pytestmark = pytest.mark.usefixtures("loaded_once")


def run(*words):
    assert outliers.main([str(word) for word in words]) == 0


def test_the_test_set(run_of_rolls, loaders, tmp_path, capsys):
    run(run_of_rolls, "--out", tmp_path / "out", "--show", "2")
    rows = json.loads((tmp_path / "out" / "outliers.json").read_text())
    _, model, dataset = loaders["load"](run_of_rolls, None)
    scores = {f"test_{i}": negative_log_likelihood(model, [s]).per_step for i, s in enumerate(dataset.test)}
    assert [row["sequence"] for row in rows] == sorted(scores, key=scores.get, reverse=True)
    for row in rows:
        assert row["nats_per_step"] == pytest.approx(scores[row["sequence"]], rel=1e-5)
        assert row["nats_per_step"] == pytest.approx(np.mean(row["steps"]))
        assert (row["worst_step"], row["worst_nats"]) == (np.argmax(row["steps"]), max(row["steps"]))
        assert row["n_steps"] == len(row["steps"])
    with open(tmp_path / "out" / "outliers.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [{**row, "steps": ...} for row in table] == [
        {name: str(value) for name, value in row.items()} | {"steps": ...} for row in rows
    ]
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["sequence", "nats", "per", "step", "steps", "worst", "step", "nats"]
    assert [line.split()[0] for line in lines] == [row["sequence"] for row in rows]
    assert (tmp_path / "out" / "outliers.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_what_is_odd_comes_first(run_of_rolls, rng, tmp_path):
    (tmp_path / "songs").mkdir()
    for name, density in (("silence", 0), ("song", 0.05), ("noise", 0.9)):
        np.save(tmp_path / "songs" / f"{name}.npy", rng.random((12, 88)) < density)
    run(run_of_rolls, tmp_path / "songs", "--out", tmp_path)
    names = [row["sequence"] for row in json.loads((tmp_path / "outliers.json").read_text())]
    assert names == ["noise", "song", "silence"]


def test_real_values(run_of_reals, rng, tmp_path):
    steps = rng.normal(size=(9, 3))
    steps[5] += 30
    np.save(tmp_path / "a.npy", steps)
    run(run_of_reals, tmp_path / "a.npy", "--out", tmp_path)
    (row,) = json.loads((tmp_path / "outliers.json").read_text())
    assert row["worst_step"] == 5


def test_missing_values(untrained_run, rng, tmp_path, capsys):
    for split in ("train", "valid", "test"):
        (tmp_path / "own" / split).mkdir(parents=True)
        for i, share in enumerate((0.1, 0.9, 0.5)):
            x = rng.normal(size=(8, 3))
            np.save(tmp_path / "own" / split / f"{i}.npy", np.where(rng.random(x.shape) < share, np.nan, x))
    trained = untrained_run("rnn", tmp_path / "own", "--missing", "zero", "--emission", "gaussian_shared")
    run(trained, "--out", tmp_path)
    rows = json.loads((tmp_path / "outliers.json").read_text())
    per_entry = [row["nats_per_observed_entry"] for row in rows]
    assert per_entry == sorted(per_entry, reverse=True)
    assert "nats per entry" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--draws", "0"], "--draws must be positive, got 0"),
        (["--draws", "3"], "--draws must not be given for a model with exact scores: leave it out"),
        (["--show", "0"], "--show must be positive, got 0"),
        (["no.npy"], "not a readable NumPy file no.npy"),
    ],
)
def test_bad_input(words, message, run_of_rolls, tmp_path, complaint):
    assert message in complaint(outliers, [run_of_rolls, *words, "--out", tmp_path / "out"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", outliers.FILES)
def test_nothing_is_overwritten(name, run_of_rolls, tmp_path, complaint):
    (tmp_path / name).write_bytes(b"before")
    message = f"{tmp_path / name} already exists: choose another --out; --force replaces it"
    assert complaint(outliers, [run_of_rolls, "--out", tmp_path]) == message
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]

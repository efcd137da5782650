import csv
import json
import shutil
from pathlib import Path

import pytest

from experiments import trials
from experiments.paper.trials import line as line_of

FINISHED = Path(__file__).resolve().parents[1] / "goldens" / "run_format_0"


def add_run(folder, created, **changes):
    shutil.copytree(FINISHED, folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "created": created, "format": 1, **changes}))
    return folder


def lines(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_line_says_how_and_when(tmp_path):
    run = add_run(tmp_path / "first", "2026-01-02T03:04:05+00:00")
    scores = json.loads((run / "scores.json").read_text())
    scores["test"]["scored"] = "2026-01-02T04:00:00+00:00"
    (run / "scores.json").write_text(json.dumps(scores))
    assert trials.main([str(run), "--list", str(tmp_path / "list.csv")]) == 0
    (line,) = lines(tmp_path / "list.csv")
    assert line == {
        "dataset": "chorales",
        "run": "first",
        "model": "rnn",
        "divergence": "",
        "started": "2026-01-02T03:04:05+00:00",
        "minutes": "0.3",
        "updates": "8",
        "finished": "yes",
        "best_valid_score": "34.9070",
        "scored_on_test": "2026-01-02T04:00:00+00:00",
        "seed": "1",
        "commit": "528df60",
        "command": "python -m experiments.train --model rnn --dataset chorales --n-hiddens 3 --n-epochs 2 "
        "--batch-size 64 --quiet --out runs/first",
    }


def test_a_run_that_was_stopped_between_validations_counts_as_a_whole(tmp_path):
    """As those of a search do, that stay at a rung: what they cost is in the list."""
    run = add_run(tmp_path / "first", "2026-01-02T03:04:05+00:00")
    expected = line_of(run)
    (run / "log.jsonl").write_text("")
    found = line_of(run)
    assert [found[name] for name in ("updates", "minutes")] == ["8", expected["minutes"]]
    assert found["best_valid_score"] == ""


def test_is_in_order_and_keeps_what_is_no_longer_there(tmp_path):
    path = tmp_path / "results" / "list.csv"
    runs = [add_run(tmp_path / f"run_{day}", f"2026-01-0{day}T00:00:00+00:00") for day in (3, 1, 2)]
    trials.main([*map(str, runs[:2]), "--list", str(path)])
    shutil.rmtree(runs[0])
    (runs[1] / "scores.json").unlink()
    trials.main([*map(str, runs[1:]), "--list", str(path)])
    assert [line["run"] for line in lines(path)] == ["run_1", "run_2", "run_3"]
    assert [bool(line["scored_on_test"]) for line in lines(path)] == [False, True, True]


def test_a_run_that_was_not_validated(tmp_path):
    run = add_run(tmp_path / "run", "2026-01-01T00:00:00+00:00")
    for name in ("log.jsonl", "checkpoint.h5"):
        (run / name).unlink()
    line = line_of(run)
    assert (line["best_valid_score"], line["finished"], line["updates"]) == ("", "no", "0")


def test_another_file_is_left_alone(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"is not a list of trials, its columns are \['a', 'b'\]"):
        trials.main([str(FINISHED), "--list", str(path)])
    assert path.read_text() == "a,b\n1,2\n"

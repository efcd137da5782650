"""The page about all results, of made-up models and trials."""

import json

import pytest

from experiments import results_page
from experiments.paper import trials
from experiments.paper.published import DATASETS
from experiments.paper.systems import FLOOR, SYSTEMS, TITLES


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Of the page; models are in the folder beside it."""
    monkeypatch.setenv("BREZE_LIKE_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    (tmp_path / "page").mkdir()
    return tmp_path / "page"


def averages(value, **more):
    return {"per_step": value, "per_sequence": value + 0.01, **more}


def put_model(folder, dataset, name, system, score, seed=1):
    """A trained model, but for its weights, which nobody reads."""
    model = folder.parent / "models" / dataset / name
    model.mkdir(parents=True)
    published = SYSTEMS[system].arguments.get("kl")
    sampled = SYSTEMS[system].model in ("vrae", "vosp")
    error = {"per_step_standard_error": 0.02, "per_sequence_standard_error": 0.02, "n_draws": 2000}
    scores = {"nll": averages(score)}
    if sampled:
        above = 20.0 if published else 0.0
        scores = {
            "bound": averages(score + above + 0.5, **error),
            "objective": averages(score, **error),
            "importance_sampled": averages(score + above, **error),
        }
    config = {
        "model": SYSTEMS[system].model,
        "arguments": SYSTEMS[system].arguments,
        "data": {"name": dataset, "verified": True, "digests": {}},
        "seed": seed,
        "command": ["experiments/train.py", "--out", f"runs/{name}", "--model", SYSTEMS[system].model],
        "versions": {"commit": "abc1234"},
    }
    log = [
        {"update": 10, "valid_score": 9.0, "seconds": 30.0},
        {"update": 20, "valid_score": 8.25, "seconds": 90.0},
    ]
    files = {
        "config.json": json.dumps(config),
        "log.jsonl": "".join(json.dumps(entry) + "\n" for entry in log),
        "scores.json": json.dumps({"test": {**scores, "n_samples": 2000, "update": 20, "seconds": 12.0}}),
    }
    for file, text in files.items():
        (model / file).write_text(text)


def put_trials(folder, *changes):
    line = dict.fromkeys(trials.COLUMNS, "") | {
        "dataset": "jsb_chorales",
        "model": "rnn",
        "minutes": "30.0",
        "updates": "100",
        "finished": "yes",
        "seed": "1",
        "command": "python -m experiments.train --quiet --out runs/a --model rnn --n-hiddens 7",
    }
    made = [{**line, "run": f"run_{i}", **change} for i, change in enumerate(changes)]
    trials.write(made, folder / "trials.csv")


def make(folder):
    assert results_page.main(["--results", str(folder)]) == 0
    return (folder / "README.md").read_text()


def table_under(text, title):
    """The first table below a heading: a list of lists of cells."""
    below = text[text.index(f"{title}\n") :].splitlines()
    start = next(i for i, line in enumerate(below) if line.startswith("|"))
    lines = below[start:]
    n_lines = next((i for i, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:n_lines]]


def test_of_few_models(folder, capsys):
    put_model(folder, "nottingham", "vosp_published", "vosp_published", 2.034)
    text = make(folder)
    assert table_under(text, "## In short") == [
        ["system", "Nottingham"],
        ["---", "---"],
        ["VOSP, published objective", "2.03 ± 0.02 [2.63]"],
    ]
    assert "<22.53 ± 0.02" in text and "<2.03" not in text
    assert (
        "- **VOSP, published objective**: seed 1, 20 updates in 1.5 minutes, best validation score 8.250, "
        "scored in 0.2 minutes, commit abc1234.\n  `python -m experiments.train --out runs/vosp_published "
        "--model vosp`\n"
    ) in text
    assert (folder / "curves_nottingham.png").stat().st_size > 5000
    assert "![Validation scores over updates, nottingham](curves_nottingham.png)" in text
    assert "What it cost" not in text and "What the test sets share" not in text
    assert "README.md is about 1 model and 0 trials" in capsys.readouterr().out


def test_of_all_models(folder):
    """Each number is there, in the row and the column that it belongs to."""
    scores = {}
    for i, dataset in enumerate(DATASETS):
        for j, system in enumerate(SYSTEMS):
            scores[dataset, system] = 3 + i + j / 100
            put_model(folder, dataset, system, system, scores[dataset, system])
    put_model(folder, "jsb_chorales", "something_else", "rnn", 0.5)
    text = make(folder)
    head, _, *lines = table_under(text, "## In short")
    assert head == ["system", *DATASETS.values()]
    assert [line[0] for line in lines] == [TITLES[system] for system in SYSTEMS]
    for system, line in zip(SYSTEMS, lines, strict=True):
        for dataset, shown in zip(DATASETS, line[1:], strict=True):
            assert shown.lstrip("<").startswith(f"{scores[dataset, system]:.2f}")
    rnn_nade = next(line for line in lines if line[0] == "RNN-NADE")
    assert rnn_nade[1].endswith("[5.19, 5.56 RNN-NADE]")
    for dataset, title in DATASETS.items():
        head, _, *rows = table_under(text, f"## {title}")
        assert head[0].startswith(dataset) and head[-1] == "others, valid"
        assert {row[0] for row in rows} == set(TITLES.values()) - {TITLES[FLOOR]}
        assert len({len(row) for row in rows}) == 1
    assert "0.50" not in text  # of no system


def test_seeds_are_one_row(folder):
    put_model(folder, "jsb_chorales", "rnn", "rnn", 8.5)
    put_model(folder, "jsb_chorales", "rnn_seed2", "rnn", 8.7, seed=2)
    text = make(folder)
    assert table_under(text, "## In short")[-1] == ["plain RNN", "8.60 (8.50 to 8.70) [8.58]"]
    assert "seeds 1, 2, 20 updates in 3.0 minutes" in text


def test_trials(folder):
    put_model(folder, "nottingham", "rnn", "rnn", 3.5)
    found = [
        {"best_valid_score": score, "commit": f"c{i}"} for i, score in enumerate(["9.1", "8.2", "8.7", "9.9"])
    ]
    found[1]["scored_on_test"] = "2026-01-01"
    found[2]["finished"] = "no"
    put_trials(folder, *found, {"dataset": "nottingham", "minutes": "12.0"})
    (folder / "leakage.md").write_text("| data set | copies |\n| --- | --: |\n| jsb_chorales | 0 |\n")
    text = make(folder)
    assert "No model for this data set has been published here yet." in text
    _, _, *rows = table_under(text, "### What was tried")
    assert [row[:3] for row in rows] == [
        ["plain RNN, 4 trials, 2.0 h", "8.2 *", "100 updates, 30.0 min"],
        ["", "8.7", "100 updates, 30.0 min, stopped"],
        ["", "9.1", "100 updates, 30.0 min"],
    ]
    assert [row[4] for row in rows] == ["c1", "c2", "c0"]
    assert {row[5] for row in rows} == {"`--n-hiddens 7`"}
    assert table_under(text, "## What it cost")[2:] == [
        ["JSB Chorales", "4", "2.0 h"],
        ["Nottingham", "1", "12 min"],
        ["all", "5", "2.2 h"],
    ]
    assert "at most 4.4 core-hours" in text
    assert table_under(text, "## What the test sets share with their training sets")[-1] == [
        "jsb_chorales",
        "0",
    ]


@pytest.mark.parametrize(("best", "is_said"), [("8.1", True), ("8.1996", False), ("", False)])
def test_a_better_trial_that_was_not_scored_is_named(folder, best, is_said):
    starred = {"best_valid_score": "8.2", "scored_on_test": "2026-01-01"}
    others = [
        {"model": "hmm", "best_valid_score": "5.0"},
        {"command": "python -m experiments.train --chunk-length 400", "best_valid_score": "7.0"},
    ]
    put_trials(folder, {"best_valid_score": best}, starred, *others)
    said = "The best trial was not scored on the test set: plain RNN (8.100, 8.200 with a star).\n"
    text = make(folder)
    assert (said in text) == is_said == ("The best trial" in text)


def test_published_numbers_have_their_sources(folder):
    put_trials(folder, {})
    rows = table_under(make(folder), "## Published elsewhere")
    assert [
        "STORN",
        "6.91",
        "2.85",
        "7.13",
        "6.16",
        "importance sampled",
        "its authors, as quoted elsewhere",
    ] in rows
    assert [row[1] for row in rows if row[0] == "RNN-NADE"] == ["5.19", "5.56"]


def test_without_anything(folder):
    with pytest.raises(ValueError, match="there are no trained models in .*, and no trials in"):
        results_page.main(["--results", str(folder)])

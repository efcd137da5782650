"""Trained models are scored anew; here a small RNN of the chorales, whose scores are in single precision."""

import json
import re
import shutil
from pathlib import Path

import pytest

from breze_like import Run, trained
from experiments import table1
from experiments.paper import rescoring

FINISHED = Path(__file__).resolve().parents[2] / "goldens" / "run_format_0"


@pytest.fixture
def model(tmp_path, monkeypatch):
    """The folder of the only trained model, chorales/rnn."""
    monkeypatch.setenv("BREZE_LIKE_MODELS", str(tmp_path / "models"))
    folder = tmp_path / "models" / "chorales" / "rnn"
    folder.mkdir(parents=True)
    for name in ("config.json", "log.jsonl", "scores.json"):
        (folder / name).write_bytes((FINISHED / name).read_bytes())
    _, found = trained.load_model(FINISHED)
    Run(folder).write_weights(found.parameters, found.parameters.data)
    return folder


def test_the_table_of_trained_models(model, tmp_path, capsys):
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    assert (
        table1.main(["--trained", "--models", "floor", "rnn", "fdrnn", "--out", str(tmp_path / "out")]) == 0
    )
    said = capsys.readouterr().out
    assert re.search(r"chorales/rnn, nll: 34\.8906, as published \(34\.8906\)", said)
    assert "no trained model" in said
    rows = json.loads((tmp_path / "out" / "trained.json").read_text())
    assert [row["system"] for row in rows] == ["floor", "rnn"]
    assert rows[1]["per_step"] == pytest.approx(34.89056278, rel=1e-6)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


def test_all_seeds_of_a_trained_model(model, tmp_path, capsys):
    shutil.copytree(model, model.with_name("rnn_seed2"))
    shutil.copytree(model, model.with_name("rnn_nade"))  # of another system
    assert table1.main(["--trained", "--models", "rnn", "--out", str(tmp_path / "out")]) == 0
    assert "chorales/rnn_seed2, nll: 34.8906" in capsys.readouterr().out
    (row,) = json.loads((tmp_path / "out" / "trained.json").read_text())
    assert (row["estimator"], row["seeds"]) == ("exact; 2 seeds", 2 * [row["seed"]])
    assert row["per_step_range"] == pytest.approx(2 * [row["per_step"]])


def test_a_seed_of_which_only_scores_are_there(model, tmp_path, capsys):
    other = shutil.copytree(model, model.with_name("rnn_seed2"))
    (other / "weights.h5").unlink()
    scores = Run(other).read_scores()
    scores["test"]["nll"]["per_step"] = 36.0
    Run(other).write_scores(scores)
    assert table1.main(["--trained", "--models", "rnn", "--out", str(tmp_path / "out")]) == 0
    assert "chorales/rnn_seed2: as published, since its parameters" in capsys.readouterr().out
    (row,) = json.loads((tmp_path / "out" / "trained.json").read_text())
    assert row["per_step_range"] == pytest.approx([34.89056278, 36.0], rel=1e-6)


def test_other_scores_are_noticed():
    kept = {"nll": {"per_step": 8.0}, "bound": {"per_step": 7.0, "per_step_standard_error": 0.03}}
    now = {"nll": {"per_step": 8.0002}, "bound": {"per_step": 7.14, "per_step_standard_error": 0.04}}
    exact, bound = rescoring.comparison(kept, now)
    assert exact == "nll: 8.0002, DIFFERS (8.0000)"
    assert bound == "bound: 7.1400, as published (7.0000)"  # three times the root of .03^2 + .04^2: 0.15
    now["bound"]["per_step"] = 7.16
    assert list(rescoring.comparison(kept, now))[1] == "bound: 7.1600, DIFFERS (7.0000)"


def test_without_models(tmp_path, monkeypatch):
    monkeypatch.setenv("BREZE_LIKE_MODELS", str(tmp_path))
    with pytest.raises(ValueError, match="there are no trained models in"):
        table1.main(["--trained"])


def test_of_other_data(model, small_data, tmp_path):
    config = json.loads((model / "config.json").read_text())
    config["data"]["digests"]["train"] = "0" * 64
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        ValueError, match="chorales/rnn was trained on another version of the data set chorales"
    ):
        table1.main(["--trained", "--models", "rnn", "--out", str(tmp_path / "out")])

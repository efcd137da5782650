import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from breze_like import Run, trained
from experiments import publish

FINISHED = Path(__file__).resolve().parents[1] / "goldens" / "run_format_0"


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("BREZE_LIKE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def run(tmp_path):
    return shutil.copytree(FINISHED, tmp_path / "runs" / "small")


def test_keeps_what_is_needed_to_use_and_to_repeat_it(run, models, capsys):
    assert publish.main([str(run)]) == 0
    folder = models / "chorales" / "small"
    assert "digest" in capsys.readouterr().out
    names = {"config.json", "log.jsonl", "scores.json", "weights.h5"}
    assert {path.name for path in folder.iterdir()} == names
    before, after = (json.loads((f / "config.json").read_text()) for f in (run, folder))
    assert after.pop("format") == 1 and after.pop("created") is None
    assert before.pop("command")[0] == after.pop("command")[0] == "experiments/train.py"
    assert before == after
    assert Run(folder).read_log() == Run(run).read_log()
    assert Run(folder).read_scores() == Run(run).read_scores()
    (_, model), (_, original) = trained.load_model("chorales/small"), trained.load_model(run)
    weights = model.parameters.data
    np.testing.assert_allclose(weights, original.parameters.data, rtol=2.0**-16)
    # 8 of the 24 bits of a significand are left out, if no number is denormal
    assert not np.any(weights.astype(np.float32).view(np.uint32) & 0xFF)
    with h5py.File(folder / "weights.h5") as file:
        assert file["weights"].dtype == np.float32 and file["weights"].compression == "gzip"


def test_paths_of_this_machine_are_left_out(run, models):
    config = json.loads((run / "config.json").read_text())
    config["command"] = ["/home/me/code/experiments/train.py", "--data-dir", "/data", "--out", "/home/me/x"]
    (run / "config.json").write_text(json.dumps(config))
    publish.publish(run)
    assert "/home" not in (models / "chorales" / "small" / "config.json").read_text()


def test_is_not_replaced_by_accident(run, models):
    publish.publish(run, "chorales/rnn")
    with pytest.raises(ValueError, match="rnn already has a model: replace it with --force"):
        publish.publish(run, "chorales/rnn")
    publish.main([str(run), "--name", "chorales/rnn", "--force"])
    assert trained.model_names() == ["chorales/rnn"]


def test_further_seeds_may_come_without_parameters(run, models, capsys):
    with pytest.raises(ValueError, match="--scores-only is for further seeds, such as chorales/rnn_seed2"):
        publish.publish(run, "chorales/rnn", scores_only=True)
    assert publish.main([str(run), "--name", "chorales/rnn_seed2", "--scores-only"]) == 0
    assert "only its scores" in capsys.readouterr().out
    folder = models / "chorales" / "rnn_seed2"
    assert {path.name for path in folder.iterdir()} == {"config.json", "log.jsonl", "scores.json"}
    assert Run(folder).read_scores() == Run(run).read_scores()


def test_must_be_scored(run, models):
    (run / "scores.json").unlink()
    with pytest.raises(ValueError, match="has no scores yet: run python -m experiments.evaluate"):
        publish.publish(run)
    assert not models.exists()


def test_must_be_finished(run, models):
    (run / "checkpoint.h5").unlink()
    with pytest.raises(ValueError, match="is not finished: train it to the end"):
        publish.publish(run)


@pytest.mark.parametrize("name", ["rnn", "../rnn", "a/b/c", "a/.b"])
def test_names(run, models, name):
    with pytest.raises(ValueError, match="--name must be DATASET/SYSTEM"):
        publish.publish(run, name)


def test_models_have_a_limit(run, models, monkeypatch):
    publish.publish(run, "chorales/first")
    monkeypatch.setattr(publish, "MAX_MODELS_BYTES", publish.size(models) * 3 // 2)
    with pytest.raises(ValueError, match="would grow to .* MB, more than"):
        publish.publish(run, "chorales/second")
    assert trained.model_names() == ["chorales/first"]
    assert [path.name for path in (models / "chorales").iterdir()] == ["first"]
    publish.publish(run, "chorales/first", replace=True)

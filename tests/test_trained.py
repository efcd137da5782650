"""Runs as they were written by earlier versions, and models by name."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytensor
import pytest

from breze_like import Run, negative_log_likelihood, trained
from breze_like.models.objectives import OBJECTIVES
from breze_like.training import TrainingSettings, fit

# A run of the version before formats were numbered, on the chorales, with its scores in single precision.
FORMAT_0 = Path(__file__).parent / "goldens" / "run_format_0"


@pytest.fixture(scope="module")
def loaded():
    return trained.load(FORMAT_0)


@pytest.fixture
def models(tmp_path, monkeypatch):
    """An empty folder for trained models."""
    monkeypatch.setenv("BREZE_LIKE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def named(models):
    """The run's weights, as a trained model of the name chorales/small."""
    folder = models / "chorales" / "small"
    folder.mkdir(parents=True)
    for name in ("config.json", "log.jsonl", "scores.json"):
        shutil.copy(FORMAT_0 / name, folder)
    run, model = trained.load_model(FORMAT_0)
    Run(folder).write_weights(model.parameters, model.parameters.data)
    return folder


def test_a_run_without_a_format_scores_the_same(loaded):
    score = negative_log_likelihood(loaded.model, loaded.dataset.test)
    expected = loaded.run.read_scores()["test"]["nll"]
    assert score.per_step == pytest.approx(expected["per_step"], rel=1e-6)
    assert score.per_sequence == pytest.approx(expected["per_sequence"], rel=1e-6)


def test_it_can_be_resumed(loaded, tmp_path):
    """Two epochs are done: nothing is left to do, and the best parameters are those of the checkpoint."""
    shutil.copytree(FORMAT_0, tmp_path / "run")
    run = Run(tmp_path / "run")
    with pytensor.config.change_flags(floatX="float32"):  # as it was trained
        model = trained.make_model(run.config)
        assert model.parameters.data.dtype == np.float32
    settings = TrainingSettings(**run.config["training"])
    data = loaded.dataset
    history = fit(model, data.train, data.valid, settings, np.random.default_rng(1), None, run, False)
    assert history.best_score == run.read_log()[-1]["valid_score"]
    np.testing.assert_array_equal(model.parameters.data, loaded.model.parameters.data)


def test_a_model_by_its_name(named, loaded):
    run, model, dataset = trained.load("chorales/small")
    assert run.folder == named and trained.model_names() == ["chorales/small"]
    np.testing.assert_array_equal(model.parameters.data, loaded.model.parameters.data)
    assert dataset.digests == loaded.dataset.digests


def test_a_folder_goes_before_a_name(named, tmp_path, monkeypatch):
    shutil.copytree(FORMAT_0, tmp_path / "chorales" / "small")
    monkeypatch.chdir(tmp_path)
    assert trained.find_run("chorales/small").has_checkpoint


def test_neither_folder_nor_name(named):
    with pytest.raises(ValueError, match=r"no run in chorales/large: .* trained model \(chorales/small\)"):
        trained.load("chorales/large")


def test_without_any_model(models):
    with pytest.raises(ValueError, match=r"no run in somewhere: .* \(none here\)"):
        trained.load("somewhere")


def test_a_trained_model_is_not_trained_on(named, loaded):
    run, model, data = trained.load("chorales/small")
    settings = TrainingSettings(**run.config["training"])
    before = {path.name: path.read_bytes() for path in named.iterdir()}
    message = f"{re.escape(str(named))} has the weights of a trained model, but not what training needs"
    with pytest.raises(ValueError, match=message):
        fit(model, data.train, data.valid, settings, np.random.default_rng(1), None, run, False)
    assert {path.name: path.read_bytes() for path in named.iterdir()} == before


def test_other_data(named):
    path = named / "config.json"
    config = json.loads(path.read_text())
    config["data"]["digests"]["test"] = "0" * 64
    path.write_text(json.dumps(config))
    with pytest.raises(
        ValueError,
        match="data set chorales is not the one that chorales/small was trained on: restore its data",
    ):
        trained.load("chorales/small")


def variational(**arguments):
    sizes = {"n_visible": 2, "n_latent": 1, "n_hiddens": [2]}
    return trained.make_model({"model": "vrae", "arguments": {**sizes, **arguments}, "backend": "auto"})


def test_free_bits_of_a_configuration_are_its_objective():
    """As older configurations have them, which say "bound", too."""
    assert variational(free_bits=0.0).objective is OBJECTIVES["bound"]
    for objective in ({}, {"objective": "bound"}, {"objective": "free_bits"}):
        assert variational(**objective, free_bits=0.5).objective.nats == 0.5
    for name, objective in OBJECTIVES.items():
        assert variational(objective=name, free_bits=0.0).objective is objective


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(free_bits=-0.1), "nats must be positive and finite, got -0.1"),
        (dict(free_bits=0.1, objective="importance_weighted"), "free_bits must be 0 unless .*, got 0.1 with"),
        (dict(free_bits=0.1, kl="independent_increments", posterior="diagonal"), "kl must be 'exact' if"),
    ],
)
def test_free_bits_that_there_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        variational(**arguments)

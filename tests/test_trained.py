"""Runs as they were written by earlier versions, and models by name."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytensor
import pytest

from breze_like import Run, data, negative_log_likelihood, trained
from breze_like.backends import resolve
from breze_like.data import write_hdf5
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


def test_any_backend_computes_with_a_run(loaded, tmp_path):
    """Also with one that was trained by a backend that is not here."""
    folder = shutil.copytree(FORMAT_0, tmp_path / "run")
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "backend": "of before"}))
    _, model = trained.load_model(folder)
    assert model.backend == loaded.model.backend == resolve()
    np.testing.assert_array_equal(model.parameters.data, loaded.model.parameters.data)
    assert trained.load_model(folder, "numba")[1].backend == "numba"
    with pytest.raises(ValueError, match="backend must be 'auto' or one of"):
        trained.load_model(folder, "fortran")


def test_it_can_be_resumed(loaded, tmp_path):
    """Two epochs are done: nothing is left to do, and the best parameters are those of the checkpoint."""
    shutil.copytree(FORMAT_0, tmp_path / "run")
    run = Run(tmp_path / "run")
    with pytensor.config.change_flags(floatX="float32"):  # as it was trained
        model = trained.make_model(run.config)
        assert model.parameters.data.dtype == np.float32
    settings = TrainingSettings(**run.config["training"])
    train, valid = loaded.dataset.train, loaded.dataset.valid
    history = fit(model, train, valid, settings, np.random.default_rng(1), None, run, False)
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
    run, model, _ = trained.load("chorales/small")
    settings = TrainingSettings(**run.config["training"])
    before = {path.name: path.read_bytes() for path in named.iterdir()}
    message = f"{re.escape(str(named))} has the weights of a trained model, but no checkpoint"
    with pytest.raises(ValueError, match=message):
        fit(
            model,
            loaded.dataset.train,
            loaded.dataset.valid,
            settings,
            np.random.default_rng(1),
            None,
            run,
            False,
        )
    assert {path.name: path.read_bytes() for path in named.iterdir()} == before


def test_other_data(named):
    path = named / "config.json"
    config = json.loads(path.read_text())
    config["data"]["digests"]["test"] = "0" * 64
    path.write_text(json.dumps(config))
    with pytest.raises(
        ValueError,
        match="data set chorales is not the one that chorales/small was trained on: restore that one",
    ):
        trained.load("chorales/small")


def variational(model="vrae", **arguments):
    sizes = {"n_visible": 2, "n_latent": 1, "n_hiddens": [2]}
    return trained.make_model({"model": model, "arguments": {**sizes, **arguments}, "backend": "auto"})


def test_free_bits_of_a_configuration_are_its_objective():
    """As older configurations have them, which say "bound", too."""
    assert variational(free_bits=0.0).objective is OBJECTIVES["bound"]
    for objective in ({}, {"objective": "bound"}, {"objective": "free_bits"}):
        assert variational(**objective, free_bits=0.5).objective.nats == 0.5
    for name, objective in OBJECTIVES.items():
        model = variational("vosp", objective=name, free_bits=0.0, posterior="diagonal")
        assert model.objective is objective


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


@pytest.fixture
def moved(tmp_path, loaded, monkeypatch):
    """A run on a file of the chorales that is now elsewhere: the run's folder, the file."""
    monkeypatch.delenv("BREZE_LIKE_DATA", raising=False)
    shutil.copytree(FORMAT_0, tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    config = json.loads(path.read_text())
    config["data"] |= {"name": "songs", "file": str(tmp_path / "gone" / "songs.h5")}
    path.write_text(json.dumps(config))
    (tmp_path / "here").mkdir()
    write_hdf5(tmp_path / "here" / "songs.h5", loaded.dataset)
    return tmp_path / "run", tmp_path / "here" / "songs.h5"


class TestDataThatMoved:
    """They are known by their content; the path in a configuration is a hint."""

    def test_nowhere(self, moved):
        run, file = moved
        for place, nor in ({}, ""), ({"data_dir": run}, f", nor in {re.escape(str(run))}"):
            message = f"songs in .*gone/songs.h5, where there is nothing now{nor}: say .* --dataset FILE"
            with pytest.raises(ValueError, match=message):
                trained.load(run, **place)

    def test_elsewhere(self, moved, loaded, monkeypatch):
        run, file = moved
        other_name = file.rename(file.with_name("others.h5"))
        shutil.copy(other_name, file)
        for place in ({"data_dir": file.parent}, {"dataset": file}, {"dataset": str(other_name)}):
            dataset = trained.load(run, **place).dataset
            assert (dataset.name, dataset.digests) == ("songs", loaded.dataset.digests)
        monkeypatch.setenv("BREZE_LIKE_DATA", str(file.parent))
        assert trained.load(run).dataset.digests == loaded.dataset.digests

    def test_where_they_were_if_others_are_there_now(self, moved, loaded):
        run, file = moved
        before = run.parent / "gone" / "songs.h5"
        before.parent.mkdir()
        shutil.copy(file, before)
        others = replace(loaded.dataset, name="others", test=loaded.dataset.test[:1])
        write_hdf5(file, others)  # under the name of the published one, it would be warned of
        assert trained.load(run, data_dir=file.parent).dataset.digests == loaded.dataset.digests
        with pytest.raises(
            ValueError, match="others is not the one that .*run was trained on: restore that one"
        ):
            trained.load(run, dataset=file)

    def test_a_folder_of_sequences(self, moved, loaded):
        run, file = moved
        folder = file.parent / "sines"
        for split in ("train", "valid", "test"):
            (folder / split).mkdir(parents=True)
            for i, sequence in enumerate(getattr(loaded.dataset, split)[:2]):
                np.save(folder / split / f"{i}.npy", sequence)
        config = json.loads((run / "config.json").read_text())
        config["data"] |= {"file": "/gone/sines", "digests": data.load(folder).digests}
        (run / "config.json").write_text(json.dumps(config))
        for place in ({"data_dir": file.parent}, {"data_dir": folder}, {"dataset": folder}):
            assert trained.load(run, **place).dataset.digests == config["data"]["digests"]

    def test_a_standard_set_by_its_name(self, moved, loaded):
        """A run on some file of the chorales, where only the chorales themselves are at hand."""
        run, file = moved
        assert trained.load(run, dataset="chorales").dataset.name == "songs"

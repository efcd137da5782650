"""Runs on data some of which are missing, from the command line."""

import json

import numpy as np
import pytest

from breze_like import Run, data
from breze_like.data import Dataset, write_hdf5
from breze_like.trained import load_model
from experiments import evaluate, impute, train
from experiments.paper import experiment


@pytest.fixture(scope="module")
def gaps(tmp_path_factory):
    """Folder of a file with short real-valued sequences, and of one with rolls, of which some is missing."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("gaps")
    reals = [rng.standard_normal((n, 2)) for n in (6, 4, 5, 5)]
    rolls = [rng.integers(0, 2, (n, 2)).astype(float) for n in (6, 4, 5, 5)]
    for name, sequences in (("reals", reals), ("rolls", rolls)):
        for sequence in sequences:
            sequence[1, 0] = sequence[2] = np.nan
        write_hdf5(folder / f"{name}.h5", Dataset(name, sequences[:2], sequences[2:3], sequences[3:]))
    return folder


SIZES = {
    "rnn": ["--n-hiddens", "3"],
    "vosp": ["--n-hiddens", "3", "--n-latent", "2", "--n-emission-hiddens", "3"],
    "hmm": ["--n-states", "3"],
    "nade": [],
}


def words(model, dataset, out, *more):
    sizes = [*SIZES[model], "--n-epochs", "2", "--quiet"]
    return ["--model", model, "--dataset", str(dataset), "--out", str(out), *sizes, *more]


def test_files_keep_what_is_missing(gaps):
    dataset = data.load(gaps / "rolls.h5")
    assert dataset.has_missing and dataset.is_of_zeros_and_ones and not dataset.binary
    np.testing.assert_array_equal(np.isnan(dataset.test[0]).sum(axis=1), [0, 1, 2, 0, 0])
    assert not data.load("chorales").has_missing


def test_train_evaluate_impute(gaps, tmp_path, capsys):
    run = tmp_path / "run"
    assert train.main(words("rnn", gaps / "reals.h5", run)) == 0
    assert "missing: 30 % of the training set (--missing zero)" in capsys.readouterr().out
    arguments = Run(run).config["arguments"]
    assert (arguments["missing"], arguments["emission"]) == ("zero", "gaussian_shared")
    assert evaluate.main([str(run)]) == 0
    kept = json.loads((run / "scores.json").read_text())["test"]["nll"]
    assert kept["per_observed_entry"] == pytest.approx(kept["per_step"] * 5 / 7)
    assert f"exact: {kept['per_observed_entry']:.3f} nats per observed entry" in capsys.readouterr().out
    assert impute.main([str(run), "--out", str(tmp_path / "out")]) == 0
    assert "missing entries" not in capsys.readouterr().out
    given, made = data.load(gaps / "reals.h5").test[0], np.load(tmp_path / "out" / "test_0_imputed.npy")
    np.testing.assert_array_equal(np.where(np.isnan(given), np.nan, made), given)
    assert np.isfinite(made).all()


def test_what_can_not_be(gaps, real_data, run_of_reals, tmp_path, complaint):
    assert "--model must not be nade if values are missing" in complaint(
        train, words("nade", gaps / "rolls.h5", tmp_path / "run")
    )
    for more, message in (
        (
            ["--missing", "refuse"],
            "reals, train[0] must be finite, got nan at step 1, feature 0: if values are missing",
        ),
        (["--emission", "nade"], "emission must be one whose missing entries can be left out"),
    ):
        assert message in complaint(train, words("rnn", gaps / "reals.h5", tmp_path / "run", *more))
    assert not (tmp_path / "run").exists()
    message = "--missing must say what is missing, since nothing in the sequences is NaN: frames as 8:16"
    assert message in complaint(impute, [str(run_of_reals), "--out", str(tmp_path / "out")])


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vosp", "hmm"])
def test_rolls_go_on_where_they_stopped(model, gaps, tmp_path):
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    more = ["--missing", "indicator"] if model == "vosp" else []
    assert train.main(words(model, gaps / "rolls.h5", straight, *more)) == 0
    if model == "vosp":
        options = train.make_parser().parse_args(words(model, gaps / "rolls.h5", "x", *more))
        dataset = data.load(gaps / "rolls.h5")
        config = train.make_config(options, dataset)
        assert config["arguments"]["emission"] == "bernoulli"
        experiment.train(config, dataset, stopped, progress=False, until=0.4)
    assert train.main(words(model, gaps / "rolls.h5", stopped, *more, "--resume")) == 0
    (_, expected), (_, other) = (load_model(folder) for folder in (straight, stopped))
    np.testing.assert_array_equal(expected.parameters.data, other.parameters.data)
    assert np.isfinite(expected.parameters.data).all()


def test_a_run_keeps_its_standardization(gaps, tmp_path, complaint, capsys):
    command = words("rnn", gaps / "reals.h5", tmp_path / "run", "--standardize")
    assert train.main(command) == 0
    path = tmp_path / "run" / "config.json"
    config = json.loads(path.read_text())
    frames = np.concatenate(data.load(gaps / "reals.h5").train)
    stored = config["arguments"]["standardization"]
    np.testing.assert_allclose(stored["mean"], np.nanmean(frames, axis=0))
    np.testing.assert_allclose(stored["variance"], np.nanvar(frames, axis=0))
    # What is stored is what is used, by a resumed run and by its scores.
    config["arguments"]["standardization"] = {"mean": [1.0, 2.0], "variance": [3.0, 4.0]}
    path.write_text(json.dumps(config))
    assert train.main([*command, "--resume"]) == 0
    _, model = load_model(tmp_path / "run")
    np.testing.assert_array_equal(model.standardization.variance, [3, 4])
    capsys.readouterr()
    other = words("hmm", gaps / "rolls.h5", tmp_path / "other", "--standardize")
    assert "--standardize must not be given for hmm, which does not use it" in complaint(train, other)
    other = words("rnn", "chorales", tmp_path / "other", "--standardize")
    assert "--standardize must not be given for binary data: leave it out" in complaint(train, other)

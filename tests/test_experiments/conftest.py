"""A small data set, and a run on it."""

import json
from functools import cache

import numpy as np
import pytensor
import pytest

from breze_like import Run, data
from breze_like.data import Dataset, write_hdf5
from experiments import command_line, task_options, train
from experiments.experiment import load, load_model, make_model


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """Path of a file with short piano rolls of unequal lengths."""
    rng = np.random.default_rng(0)

    def rolls(n):
        return [(rng.random((length, 88)) < 0.05).astype(np.uint8) for length in rng.integers(3, 9, n)]

    path = tmp_path_factory.mktemp("data") / "small.h5"
    write_hdf5(path, Dataset("small", rolls(6), rolls(3), rolls(3)))
    return path


@pytest.fixture(scope="session")
def real_data(tmp_path_factory):
    """Path of a file with short real-valued sequences of 3 features."""
    rng = np.random.default_rng(0)
    splits = ([rng.normal(size=(length, 3)) for length in rng.integers(3, 9, n)] for n in (4, 2, 2))
    path = tmp_path_factory.mktemp("data") / "real.h5"
    write_hdf5(path, Dataset("real", *splits))
    return path


@pytest.fixture(scope="session")
def small_space(tmp_path_factory):
    """File with choices for a random search: models of one small shape, told apart by step rates."""
    path = tmp_path_factory.mktemp("space") / "space.json"
    choices = {"n_hiddens": [4], "momentum": [0.0, 0.9], "step_rate": [0.01, 0.005, 0.001]}
    path.write_text(json.dumps(choices))
    return path


@pytest.fixture(scope="session")
def untrained_run(tmp_path_factory):
    """Make a run whose parameters are the initial ones, in no time: ``untrained_run("rnn", path)``."""

    def untrained_run(model_name, path, *more):
        folder = tmp_path_factory.mktemp("runs") / model_name
        words = ["--model", model_name, "--dataset", str(path), "--out", str(folder), "--n-hiddens", "3"]
        options = train.make_parser().parse_args(
            [*words, "--n-latent", "2", "--n-emission-hiddens", "3", *more]
        )
        config = train.make_config(options, data.load(path))
        model = make_model(config)
        model.initialize(np.random.default_rng(0))
        run = Run.create(folder, config)
        run.write_checkpoint(model.parameters, {"best_parameters": model.parameters.data}, {})
        return folder

    return untrained_run


@pytest.fixture(scope="session")
def run_of_rolls(untrained_run, small_data):
    """An RNN of piano rolls."""
    return untrained_run("rnn", small_data)


@pytest.fixture(scope="session")
def run_of_reals(untrained_run, real_data):
    """An RNN of real values."""
    return untrained_run("rnn", real_data)


@pytest.fixture(scope="session")
def loaders():
    """Loading of runs by which each of them is loaded, and its functions are compiled, once for all tests."""
    return {"load": cache(load), "load_model": cache(load_model)}


@pytest.fixture
def loaded_once(loaders, monkeypatch):
    """Let the scripts that use a trained model load a run once; to be used by whole modules."""
    for name, loader in loaders.items():
        monkeypatch.setattr(task_options, name, loader)


@pytest.fixture
def complaint(capsys):
    """What a script says of bad input, one line, as it ends: ``complaint(script, ["run", ...])``."""

    def complaint(script, words):
        with pytensor.config.change_flags(floatX=pytensor.config.floatX), pytest.raises(SystemExit) as ended:
            command_line.run(lambda: script.main([str(word) for word in words]))
        output = capsys.readouterr()
        assert (ended.value.code, output.out) == (2, "")
        (line,) = output.err.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")

    return complaint

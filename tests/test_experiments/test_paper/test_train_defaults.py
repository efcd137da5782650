"""What is not given to `experiments.train`: as in Table 1, as the run has it, or as flags are by default."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from breze_like import data
from breze_like.data import Dataset
from breze_like.runs import Run
from breze_like.trained import make_model
from experiments import train
from experiments.command_line.arguments import parse
from experiments.paper.presets import PRESETS, system_for
from experiments.paper.system_runs import make_config
from experiments.paper.systems import SYSTEMS
from experiments.paper.train_config import check_given
from experiments.paper.train_defaults import fill

CHORALES = data.load("chorales")


def configured(*words, dataset=CHORALES):
    """The configuration, and which system it is of."""
    options = parse(train.make_parser(), ["--dataset", dataset.name, "--out", "x", *words])
    check_given(options)
    name = fill(options, dataset)
    return train.make_config(options, dataset), name


def words_of(system):
    """What a person gives, who means a system of the table."""
    parts = ("emission", "kl", "layer", "objective")
    given = {name: [system.arguments[name]] for name in parts if name in system.arguments}
    n_hiddens = system.arguments.get("n_hiddens", ())
    if system.model == "fdrnn" and len(n_hiddens) > 1:
        given["n-hiddens"] = map(str, n_hiddens)
    return ["--model", system.model, *(w for name, words in given.items() for w in (f"--{name}", *words))]


@pytest.mark.parametrize("dataset_name", ["chorales", *PRESETS])
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_known_data_set_has_what_the_table_has(name, dataset_name):
    roll = np.zeros((500, 88), np.uint8)
    dataset = Dataset(dataset_name, 30 * [roll], [roll], [roll], verified=True)
    system = system_for(name, dataset)
    expected = make_config(system, dataset, dataset_name, SimpleNamespace(budget=1.0, seed=1, backend="auto"))
    found, of = configured(*words_of(system), dataset=dataset)
    assert of == name
    n_updates = {**expected["training"], **found["training"]}.pop("n_epochs") * 30 * 500 / 1600
    annealing = expected["training"].pop("annealing_updates", None)
    assert {**found["training"], **expected["training"]} == found["training"]
    if annealing:  # the same share of what the epochs have in all
        assert found["training"]["annealing_updates"] == pytest.approx(annealing, abs=0.01 * n_updates + 10)
    assert found["initialization"] == expected["initialization"]
    assert {**found["arguments"], **expected["arguments"]} == found["arguments"]


def test_the_first_command_of_the_page():
    config, name = configured("--model", "vrae")
    assert name == "vrae"
    assert config["training"]["step_rate_schedule"] == "cosine"
    assert config["training"]["n_epochs"] == 54
    assert config["training"]["annealing_updates"] == round(400 / 700 * 54 * 13)


def test_what_is_given_is_taken():
    words = ["--model", "vosp", "--n-epochs", "3", "--step-rate", "0.003", "--recognition-p-keep", "learned"]
    config, _ = configured(*words, "--n-latent", "32", "--generative-p-keep", "0.9", "--prior", "wiener")
    assert config["training"]["n_epochs"] == 3
    assert config["training"]["step_rate"] == 0.003  # the default elsewhere
    assert config["training"]["annealing_updates"] == round(450 / 700 * 3 * 13)
    assert config["arguments"]["recognition_p_keep"] == "learned"
    assert (config["arguments"]["prior"], config["arguments"]["variance"]) == ("wiener", "explicit")


def test_a_layer_of_its_own_drops_nothing_of_its_state():
    config, name = configured("--model", "vosp", "--layer", "gru", "--n-hiddens", "3")
    assert name == "vosp"
    assert "recognition_recurrent_p_keep" not in config["arguments"]
    assert make_model(config)


def test_an_objective_chooses_among_systems_that_are_alike():
    config, name = configured("--model", "vosp", "--objective", "tensor_monte_carlo")
    assert name == "vosp_tensor"
    assert (config["arguments"]["posterior"], config["training"]["n_draws"]) == ("diagonal", 5)


@pytest.mark.parametrize(
    "words", [["--model", "dts_rnn"], ["--model", "rnn", "--emission", "gaussian_shared"]]
)
def test_other_models_are_as_by_default(words):
    config, name = configured(*words)
    assert name is None
    assert config["training"]["step_rate_schedule"] == "constant"


def test_data_of_ones_own_are_as_by_default(small_data):
    config, name = configured("--model", "fdrnn", dataset=data.load(small_data))
    assert name is None
    assert (config["arguments"]["p_keep"], config["training"]["n_epochs"]) == (0.9, 100)


@pytest.mark.slow
def test_a_run_that_goes_on_has_what_it_has(small_data, tmp_path, capsys, complaint):
    given = ["--n-hiddens", "4", "--generative-p-keep", "0.8", "--n-epochs", "2", "--seed", "3"]
    given += ["--batch-size", "3", "--spectral-radius", "0.5"]
    words = ["--model", "fdrnn", "--dataset", str(small_data), "--out", str(tmp_path / "run"), "--quiet"]
    assert train.main([*words, *given]) == 0
    config = Run(tmp_path / "run").config
    assert train.main([*words, "--resume"]) == 0
    assert Run(tmp_path / "run").config == config
    assert len(Run(tmp_path / "run").read_log()) == 2
    assert train.main([*words, "--resume", "--n-epochs", "3"]) == 0
    assert len(Run(tmp_path / "run").read_log()) == 3
    capsys.readouterr()
    other = ["--resume", "--generative-p-keep", "0.9"]
    assert "p_keep 0.8, got 0.9; choose another folder" in complaint(train, [*words, *other])
    other = [*words[:1], "rnn", *words[2:], "--resume"]
    assert "must be a run with the same model: model 'fdrnn', got 'rnn'" in complaint(train, other)
    path = tmp_path / "run" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seed": "three"}))
    assert "seed must be an integer, not negative" in complaint(train, [*words, "--resume"])

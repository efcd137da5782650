"""Systems as they are trained on each data set."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from breze_like import data
from breze_like.data import Dataset
from breze_like.initialize import Initialization
from breze_like.training import EMSettings, TrainingSettings
from experiments.paper.presets import PRESETS, check_rolls, system_for
from experiments.paper.system_runs import existing_run, make_config, make_settings
from experiments.paper.systems import SYSTEMS


def dataset(name="own", n_sequences=1, verified=True):
    sequences = n_sequences * [np.zeros((100, 88), np.uint8)]
    return Dataset(name, sequences, sequences[:1], sequences[:1], verified=verified)


def test_on_the_chorales_systems_are_as_they_are_written():
    chorales = data.load("chorales")
    assert {name: system_for(name, chorales) for name in SYSTEMS} == SYSTEMS


@pytest.mark.parametrize(
    ("n_batches", "factor"), [(13, 1.0), (52, 2.0), (3.25, 0.5), (16 / 16, (1 / 13) ** 0.5)]
)
def test_updates_follow_the_square_root_of_the_size(n_batches, factor):
    system = system_for("vosp", dataset(n_sequences=int(16 * n_batches - 15 * (n_batches % 1 > 0))))
    exact = system.n_updates / SYSTEMS["vosp"].n_updates
    assert exact == pytest.approx(factor, rel=0.12)
    assert system.annealing_updates / system.n_updates == pytest.approx(450 / 700, rel=0.02)
    assert replace(system, n_updates=700, annealing_updates=450) == SYSTEMS["vosp"]


def test_a_hidden_markov_model_sees_all_in_an_update():
    assert system_for("hmm", dataset(n_sequences=100)) == SYSTEMS["hmm"]


def test_a_preset_is_of_the_published_content():
    assert system_for("fdrnn_nade", dataset("nottingham")).arguments["recurrent_p_keep"] == 0.4
    for other in (
        dataset("nottingham", verified=False),
        dataset("own"),
        dataset("nottingham", verified=None),
    ):
        assert system_for("fdrnn_nade", other).arguments == SYSTEMS["fdrnn_nade"].arguments


@pytest.mark.parametrize("name", PRESETS)
def test_presets_can_be_trained(name):
    """As systems are that were there before, of the same kind."""
    of_name = dataset(name, n_sequences=40)
    for system_name in SYSTEMS:
        system = system_for(system_name, of_name)
        config = make_config(system, of_name, name, SimpleNamespace(budget=1.0, seed=1, backend="auto"))
        kind = EMSettings if system.model == "hmm" else TrainingSettings
        assert kind(**config["training"])
        assert Initialization(**config["initialization"])
        usual = SYSTEMS[system_name]
        assert system.arguments.keys() >= usual.arguments.keys()
        for fixed in ("kl", "emission"):
            assert system.arguments.get(fixed) == usual.arguments.get(fixed)
        assert (system.annealing_updates > 0) == (usual.annealing_updates > 0)
        assert system.annealing_updates < system.n_updates
    assert set(PRESETS[name]) < set(SYSTEMS)


def test_presets_are_what_the_trained_models_were_made_by(standard_data):
    """Those that come with the project, as far as they are not newer."""
    nottingham = data.load("nottingham", standard_data)
    training = make_settings(system_for("vosp", nottingham), nottingham, 1.0)
    assert (training["n_epochs"], training["batch_size"], training["chunk_length"]) == (50, 16, 100)
    half = make_settings(system_for("vosp", nottingham), nottingham, 0.5)
    assert half == {**training, "n_epochs": 25, "annealing_updates": training["annealing_updates"] // 2}
    assert existing_run(standard_data / "nothing", system_for("vosp", nottingham), nottingham) is None


def test_rolls_with_gaps_are_refused_where_nothing_may_be_missing():
    roll = np.array([[0.0, np.nan], [1.0, 0.0]])
    gaps = Dataset("gaps", [roll], [roll], [roll])
    check_rolls(gaps, "--dataset", "choose another")
    with pytest.raises(
        ValueError, match="must be binary, like piano rolls, gaps has missing entries: choose"
    ):
        check_rolls(gaps, "--dataset", "choose another", missing=False)

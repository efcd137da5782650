"""The space of the random search, and the configurations that are made of it."""

import json
from collections import Counter

import numpy as np
import pytest

from breze_like import data
from breze_like.initialize import Initialization
from breze_like.training import TrainingSettings
from experiments import table1, train
from experiments.search_space import (
    ADDITIONS,
    FAST_DROPOUT,
    PLACES,
    TABLE_2,
    check_space,
    configure,
    draw,
    make_space,
    read_choices,
)
from experiments.systems import SYSTEMS

VARIATIONAL = [name for name, system in SYSTEMS.items() if system.model in ("vrae", "vosp")]


@pytest.fixture(scope="module")
def config_of():
    dataset = data.load("chorales")
    return lambda name: table1.make_config(SYSTEMS[name], dataset, "chorales", table1.parse([]))


def test_every_hyper_parameter_has_a_place():
    assert {*TABLE_2, *FAST_DROPOUT, *ADDITIONS, "p_drop"} == set(PLACES)


class TestMakeSpace:
    @pytest.mark.parametrize(
        ("name", "rates"),
        [
            ("rnn", []),
            ("dots_rnn", []),
            ("fdrnn", list(FAST_DROPOUT)),
            *((v, ["p_drop"]) for v in VARIATIONAL),
        ],
    )
    def test_only_what_the_model_has(self, name, rates):
        assert list(make_space(SYSTEMS[name])) == [*TABLE_2, *rates]

    def test_additions_come_last_in_any_order(self):
        space = make_space(SYSTEMS["vrae"], ["kl", "n_latent"])
        assert list(space) == [*TABLE_2, "p_drop", "n_latent", "kl"]

    def test_own_choices_take_the_place_of_the_table(self):
        space = make_space(SYSTEMS["rnn"], own={"n_hiddens": [4]})
        assert space["n_hiddens"] == [4]
        assert space["momentum"] == list(TABLE_2["momentum"])

    @pytest.mark.parametrize(
        ("also", "own", "message"),
        [
            (["n_latent"], None, r"--also must be among \[\] for a rnn, got n_latent"),
            ([], {"n_latent": [3]}, "--space must be about n_hiddens, .*, got n_latent"),
            ([], {"decay": []}, "list of numbers or names for decay, got \\[\\]"),
            ([], {"decay": 0.9}, "list of numbers or names for decay, got 0.9"),
            ([], {"decay": [[0.9]]}, "list of numbers or names for decay"),
        ],
    )
    def test_what_the_system_does_not_have(self, also, own, message):
        with pytest.raises(ValueError, match=message):
            make_space(SYSTEMS["rnn"], also, own)

    @pytest.mark.parametrize("text", ["{", "[1]"])
    def test_file_of_own_choices(self, tmp_path, text):
        path = tmp_path / "space.json"
        path.write_text('{"decay": [0.5]}')
        assert read_choices(path) == {"decay": [0.5]}
        path.write_text(text)
        with pytest.raises(ValueError, match="--space must be a"):
            read_choices(path)


class TestDraw:
    def test_follows_from_seed_and_number_alone(self):
        space = make_space(SYSTEMS["vrae"])
        first = [draw(space, 1, number) for number in range(5)]
        assert [draw(space, 1, number) for number in reversed(range(5))] == first[::-1]
        assert all(draw(space, 2, number) != first[number] for number in range(5))

    def test_additions_leave_the_others_as_they_are(self):
        faithful, more = make_space(SYSTEMS["vrae"]), make_space(SYSTEMS["vrae"], list(ADDITIONS))
        for number in range(20):
            assert draw(faithful, 1, number).items() <= draw(more, 1, number).items()

    def test_all_choices_are_equally_probable(self):
        space, n = make_space(SYSTEMS["fdrnn"]), 3000
        drawn = [draw(space, 1, number) for number in range(n)]
        for name, choices in space.items():
            counts, expected = Counter(d[name] for d in drawn), n / len(choices)
            # A share has a standard deviation of less than the root of its count.
            assert all(abs(counts[choice] - expected) < 4 * np.sqrt(expected) for choice in choices)

    def test_is_plain(self):
        drawn = draw(make_space(SYSTEMS["vosp"], list(ADDITIONS)), 1, 0)
        assert json.loads(json.dumps(drawn)) == drawn


class TestConfigure:
    def test_has_what_a_configuration_of_train_has(self, config_of):
        options = train.make_parser().parse_args(["--model", "vrae", "--out", "nowhere"])
        usual = train.make_config(options, data.load("chorales"))
        made = configure(config_of("vrae"), draw(make_space(SYSTEMS["vrae"]), 1, 0), 1, 0)
        assert made.keys() == usual.keys()
        assert made["arguments"].keys() <= usual["arguments"].keys()
        for part in ("initialization", "training"):
            assert made[part].keys() == usual[part].keys()

    def test_hyper_parameters_of_a_fast_dropout_network(self, config_of):
        params = {"n_hiddens": 400, "p_drop_input": 0.1, "p_drop_recurrent": 0.3, "p_drop_output": 0.5}
        params |= {"step_rate": 0.01, "momentum": 0.99, "decay": 0.8}
        made = configure(config_of("fdrnn"), params, 1, 0)
        expected = {"n_hiddens": [400], "input_p_keep": 0.9, "recurrent_p_keep": 0.7, "p_keep": 0.5}
        assert expected.items() <= made["arguments"].items()
        assert {"step_rate": 0.01, "momentum": 0.99, "decay": 0.8}.items() <= made["training"].items()

    @pytest.mark.parametrize("variance", [0.1, 0.0001])
    def test_variance_of_weights_behind_a_hidden_layer(self, config_of, variance, rng):
        params = {"n_hiddens": 400, "weight_variance": variance, "spectral_radius": 1.2, "n_incoming": 15}
        initialization = Initialization(**configure(config_of("vrae"), params, 1, 0)["initialization"])
        assert initialization.weights(rng, (400, 300)).var() == pytest.approx(variance, rel=0.05)
        recurrent = initialization.recurrent(rng, (50, 50))
        assert (recurrent != 0).sum(axis=0).max() == 15
        assert np.abs(np.linalg.eigvals(recurrent)).max() == pytest.approx(1.2)

    @pytest.mark.parametrize(("n_incoming", "expected"), [(35, 35), ("all", 600)])
    def test_incoming_connections(self, config_of, n_incoming, expected):
        params = {"n_hiddens": 600, "n_incoming": n_incoming}
        assert configure(config_of("vosp"), params, 1, 0)["initialization"]["n_incoming"] == expected

    def test_additions(self, config_of):
        usual = config_of("vosp")
        params = {"n_latent": 80, "posterior": "increments", "annealing": 1.5, "learned_p_keep": 0.8}
        made = configure(usual, {**params, "kl": "exact"}, 1, 0)
        expected = {"n_latent": 80, "posterior": "increments", "prior": "white"}
        assert expected.items() <= made["arguments"].items()
        assert made["initialization"]["learned_p_keep"] == 0.8
        assert made["training"]["annealing_updates"] == 1.5 * usual["training"]["annealing_updates"]

    def test_published_divergence_brings_its_posterior_and_prior(self, config_of):
        params = {"posterior": "gauss_markov", "kl": "independent_increments"}
        arguments = configure(config_of("vosp"), params, 1, 0)["arguments"]
        assert (arguments["posterior"], arguments["prior"]) == ("diagonal", "wiener")

    def test_each_has_a_seed_of_its_own(self, config_of):
        usual = config_of("rnn")
        seeds = {configure(usual, {}, seed, number)["seed"] for seed in range(3) for number in range(50)}
        assert len(seeds) == 150
        assert usual == config_of("rnn")

    @pytest.mark.parametrize("name", SYSTEMS)
    def test_all_choices_are_usable(self, config_of, name):
        also = list(ADDITIONS) if name in VARIATIONAL else []
        space = make_space(SYSTEMS[name], also)
        check_space(space, config_of(name))
        made = configure(config_of(name), draw(space, 1, 0), 1, 0)
        TrainingSettings(**made["training"])

    def test_useless_choices(self, config_of):
        with pytest.raises(ValueError, match="usable choices of momentum, got 2: momentum must be"):
            check_space({"momentum": [0.9, 2]}, config_of("rnn"))
        with pytest.raises(ValueError, match="usable choices of weight_variance, got 'much'"):
            check_space({"weight_variance": ["much"]}, config_of("rnn"))

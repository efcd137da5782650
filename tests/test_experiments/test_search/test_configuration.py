"""The configurations that are made of a space and of draws from it."""

import numpy as np
import pytest

from breze_like import data
from breze_like.initialize import Initialization
from breze_like.models import MODELS
from breze_like.models.variational import VariationalModel
from breze_like.training import TrainingSettings
from experiments import table1, train
from experiments.paper.system_runs import make_config
from experiments.paper.systems import SEARCHED
from experiments.search import space as space_of_search
from experiments.search.configuration import PLACES, check_space, configure, follow
from experiments.search.space import ADDITIONS, UNSAID, draw, make_space

PAPER = ("rnn", "fdrnn", "dots_rnn", "rnn_nade", "vrae_published", "vosp_published")


@pytest.fixture(scope="module")
def config_of():
    dataset = data.load("chorales")

    def config_of(name, base="ours"):
        return follow(base, make_config(SEARCHED[name], dataset, "chorales", table1.parse([])))

    return config_of


def test_every_hyper_parameter_has_a_place():
    spaces = [space for space in vars(space_of_search).values() if isinstance(space, dict)]
    assert {name for space in spaces for name in space if isinstance(name, str)} >= set(PLACES)
    for name in SEARCHED:
        assert set(make_space(SEARCHED[name])) <= set(PLACES)


class TestFollow:
    """What is fixed, whatever is drawn."""

    @pytest.mark.parametrize("name", PAPER)
    def test_paper(self, config_of, name):
        space = make_space(SEARCHED[name], "paper")
        for number in range(5):
            made = configure(config_of(name, "paper"), draw(space, 1, number), 1, number)
            training, arguments = made["training"], made["arguments"]
            assert (training["step_rate_schedule"], training["annealing_updates"]) == ("constant", 0)
            assert (training["max_gradient_norm"], training["chunk_length"]) == (225, 100)
            assert len(arguments["n_hiddens"]) == 1
            assert arguments.get("transfer", "tanh_wang_manning") == "tanh_wang_manning"
            if name == "vosp_published":
                assert arguments["n_emission_hiddens"] == arguments["n_hiddens"]
            if name == "fdrnn":
                assert [arguments[f"{part}p_keep"] for part in ("", "input_", "recurrent_")] == 3 * [0.9]
            assert made["initialization"]["emission_bias"] == -0.8  # b_y

    @pytest.mark.parametrize("name", ["vrae_published", "vosp_published", "vosp"])
    def test_the_papers_variational_models(self, config_of, name):
        arguments = config_of(name, "paper")["arguments"]
        found = {part: arguments[part] for part in ("kl", "posterior", "prior")}
        assert found == {"kl": "independent_increments", "posterior": "diagonal", "prior": "wiener"}
        assert (arguments["generative_p_keep"], arguments["recognition_p_keep"]) == (0.9, "learned")
        assert arguments["recognition_recurrent_p_keep"] is None  # as the others: learned
        assert arguments["variance"] == "implicit"
        assert arguments.get("emission", "bernoulli") == "bernoulli"

    @pytest.mark.parametrize("name", SEARCHED)
    def test_ours(self, config_of, name):
        made, system = config_of(name), SEARCHED[name]
        assert made["training"]["step_rate_schedule"] == "cosine"
        assert made["training"]["annealing_updates"] == system.annealing_updates
        assert system.arguments.items() <= made["arguments"].items()
        if issubclass(MODELS[system.model], VariationalModel):
            assert made["training"]["annealing_updates"] > 0.5 * system.n_updates


class TestConfigure:
    @pytest.mark.parametrize(("name", "base"), [("vrae", "ours"), ("vosp_published", "paper")])
    def test_has_what_a_configuration_of_train_has(self, config_of, name, base):
        words = ["--model", SEARCHED[name].model, "--out", "nowhere", "--recurrent-p-keep", "0.5"]
        options = train.make_parser().parse_args(words)
        usual = train.make_config(options, data.load("chorales"))
        made = configure(config_of(name, base), draw(make_space(SEARCHED[name], base), 1, 0), 1, 0)
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

    def test_the_recognition_network_forgets(self, config_of):
        made = configure(config_of("vosp"), {"p_drop_recognition_recurrent": 0.7}, 1, 0)
        assert made["arguments"]["recognition_recurrent_p_keep"] == 0.3

    @pytest.mark.parametrize("variance", [0.1, 0.0001])
    def test_variance_of_weights_however_many_inputs(self, config_of, variance, rng):
        params = {"n_hiddens": 400, "input_variance": variance, "recurrent_variance": 0.01}
        params |= {"spectral_radius": 1.2, "n_incoming": 15}
        made = configure(config_of("vrae_published", "paper"), params, 1, 0)
        initialization = Initialization(**made["initialization"])
        for n_in in (88, 400):
            assert initialization.weights(rng, (n_in, 900)).var() == pytest.approx(variance, rel=0.05)
        recurrent = initialization.recurrent(rng, (50, 50))
        assert (recurrent != 0).sum(axis=0).max() == 15
        assert np.abs(np.linalg.eigvals(recurrent)).max() == pytest.approx(1.2)
        assert initialization.recurrent_variance == 0.01

    @pytest.mark.parametrize(("n_incoming", "expected"), [(35, 35), ("all", 600)])
    def test_incoming_connections(self, config_of, n_incoming, expected):
        params = {"n_hiddens": 600, "n_incoming": n_incoming}
        assert configure(config_of("vosp"), params, 1, 0)["initialization"]["n_incoming"] == expected

    def test_additions(self, config_of):
        usual = config_of("vosp")
        params = {"n_latent": 80, "posterior": "increments", "annealing": 1.5, "learned_p_keep": 0.8}
        made = configure(usual, {**params, "kl": "exact"}, 1, 0)
        expected = {"n_latent": 80, "posterior": "increments", "prior": "ornstein_uhlenbeck"}
        assert expected.items() <= made["arguments"].items()
        assert made["initialization"]["learned_p_keep"] == 0.8
        assert made["training"]["annealing_updates"] == 1.5 * usual["training"]["annealing_updates"]

    def test_published_divergence_brings_its_posterior_and_prior(self, config_of):
        params = {"posterior": "gauss_markov", "kl": "independent_increments"}
        arguments = configure(config_of("vosp"), params, 1, 0)["arguments"]
        assert (arguments["posterior"], arguments["prior"]) == ("diagonal", "wiener")

    def test_the_emission_network_keeps_its_number_of_layers(self, config_of):
        usual = config_of("vosp")["arguments"]["n_emission_hiddens"]
        made = configure(config_of("vosp"), {"n_hiddens": 77}, 1, 0)["arguments"]["n_emission_hiddens"]
        assert made == [77] * len(usual) == [77, 77]

    def test_each_has_a_seed_of_its_own(self, config_of):
        usual = config_of("rnn")
        seeds = {configure(usual, {}, seed, number)["seed"] for seed in range(3) for number in range(50)}
        assert len(seeds) == 150
        assert usual == config_of("rnn")


class TestCheckSpace:
    @pytest.mark.parametrize("name", SEARCHED)
    def test_all_choices_are_usable(self, config_of, name):
        variational = issubclass(MODELS[SEARCHED[name].model], VariationalModel)
        bases = {"ours": ADDITIONS if variational else ()}
        if name in PAPER:
            bases["paper"] = UNSAID if variational else ()
        for base, also in bases.items():
            space, config = make_space(SEARCHED[name], base, list(also)), config_of(name, base)
            check_space(space, config)
            made = configure(config, draw(space, 1, 0), 1, 0)
            TrainingSettings(**made["training"])

    def test_useless_choices(self, config_of):
        with pytest.raises(ValueError, match="usable choices of momentum, got 2: momentum must be"):
            check_space({"momentum": [0.9, 2]}, config_of("rnn"))
        with pytest.raises(ValueError, match="usable choices of input_variance, got 'much'"):
            check_space({"input_variance": ["much"]}, config_of("rnn"))

"""Flags that the chosen model reads nothing of are refused, of all models and all flags."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from breze_like import data
from breze_like.initialize import Initialization
from breze_like.models import MODELS
from breze_like.trained import make_model
from breze_like.training import EMSettings
from experiments import train
from experiments.command_line.arguments import parse
from experiments.paper import train_config
from experiments.paper.train_config import check_effects, check_given, initialization_read, make_config

# By hand, what each model has; everything else is of no use to it.
GENERAL = {"model", "dataset", "data_dir", "no_limits", "out", "resume", "seed", "backend", "quiet", "help"}
FIT = {"n_epochs", "batch_size", "chunk_length", "step_rate", "momentum", "decay", "step_rate_schedule"}
FIT |= {"max_gradient_norm", "validate_every", "patience", "max_skipped"}
NETWORK = FIT | {"n_hiddens", "transfer", "emission", "missing", "standardize"}
WEIGHTS = {"weight_scale", "weight_variance", "emission_bias"}
RECURRENT = {"recurrent_variance", "n_incoming", "spectral_radius"}
VARIATIONAL = (
    NETWORK | WEIGHTS | RECURRENT | {"n_latent", "prior", "posterior", "variance", "kl", "objective"}
)
VARIATIONAL |= {"free_bits", "recognition_p_keep", "generative_p_keep", "recurrent_p_keep"}
VARIATIONAL |= {"learned_p_keep", "annealing_updates", "n_draws"}
TAKEN = {
    "rnn": NETWORK | WEIGHTS | RECURRENT | {"layer"},
    "dts_rnn": NETWORK | WEIGHTS | RECURRENT,
    "dots_rnn": NETWORK | WEIGHTS | RECURRENT,
    "fdrnn": NETWORK | WEIGHTS | RECURRENT | {"generative_p_keep", "input_p_keep", "recurrent_p_keep"},
    "nade": FIT | WEIGHTS | {"n_nade_hidden"},
    "hmm": {"n_states", "missing", "n_epochs", "patience", "transition_count", "emission_count", "sharing"},
    "vrae": VARIATIONAL,
    "vosp": VARIATIONAL | {"n_emission_hiddens", "layer"},
}
OTHER = {
    **{"weight_scale": 0.5, "weight_variance": 0.01, "recurrent_variance": 0.5, "n_incoming": 1},
    **{"spectral_radius": 0.7, "learned_p_keep": 0.5, "emission_bias": -1.0},
}


def options_of(*words):
    return parse(train.make_parser(), [*words, "--out", "x"])


@pytest.fixture(scope="module")
def models(small_data):
    """Small ones, with the flags that all have by default."""
    dataset = data.load(small_data)
    sizes = {"n_hiddens": [3], "n_latent": 2, "n_emission_hiddens": [3], "n_states": 3, "n_nade_hidden": 3}

    def made(name):
        options = options_of("--model", name, "--dataset", str(small_data))
        vars(options).update(sizes)
        config = make_config(options, dataset)
        return options, config, make_model(config)

    return {name: made(name) for name in MODELS}


def flags():
    return {action.dest for action in train.make_parser()._actions} - GENERAL


def test_all_flags_are_known_here():
    assert set(TAKEN) == set(MODELS)
    assert set().union(*TAKEN.values()) == flags()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_what_a_model_reads_nothing_of_is_refused(models, name, monkeypatch, capsys):
    options, config, model = models[name]
    monkeypatch.setattr(train_config, "make_model", lambda config: model)
    refused = set()
    for flag in flags():
        options.given = {"model", "out", flag}
        try:
            check_given(options)
            if flag in (*OTHER, "annealing_updates", "n_draws"):
                check_effects(options, config)
        except ValueError as error:
            assert f"--{flag.replace('_', '-')} must not be given" in str(error)
            assert "leave it out" in str(error)
            refused.add(flag)
        if said := capsys.readouterr().err:
            assert said == f"--{flag.replace('_', '-')} is ignored: {name} does not use it\n"
            refused.add(flag)
    assert refused == flags() - TAKEN[name]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_what_is_read_is_what_initial_parameters_depend_on(models, name):
    _, _, model = models[name]

    def initial(**changes):
        model.initialize(np.random.default_rng(0), replace(Initialization(), **changes))
        return model.parameters.data.copy()

    before = initial()
    found = {field for field, value in OTHER.items() if not np.array_equal(initial(**{field: value}), before)}
    scaled = {"recurrent_variance"} if "spectral_radius" in found else set()  # after they were drawn
    assert initialization_read(model, Initialization()) == found | scaled
    assert set(OTHER) == set(asdict(Initialization()))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--model", "rnn", "--prior", "white"],
            "must not be given for rnn, which does not use it: leave it out; it is for vosp, vrae",
        ),
        (["--model", "hmm", "--transfer", "tanh"], "--transfer must not be given for hmm"),
        (["--model", "hmm", "--step-rate", "0.003"], "--step-rate must not be given for hmm"),  # the default
        (["--model", "vosp", "--sharing", "0"], "leave it out; it is for hmm"),
        (["--model", "rnn", "--n-nade-hidden", "5", "--emission", "nade"], "; it is for nade"),
        (["--model", "dts_rnn", "--layer", "gru"], "leave it out; it is for rnn, vosp"),
        (
            ["--model", "vrae", "--free-bits", "1", "--objective", "importance_weighted"],
            "--free-bits must not be given with --objective importance_weighted",
        ),
        (
            ["--model", "rnn", "--n-draws", "3"],
            "--n-draws must not be given here, no part of this model uses it (rnn, --emission bernoulli)",
        ),
        (
            ["--model", "fdrnn", "--n-hiddens", "3", "--learned-p-keep", "0.8"],
            "--learned-p-keep must not be given here",
        ),
        (
            ["--model", "rnn", "--n-hiddens", "3", "--weight-scale", "0.8", "--weight-variance", "0.1"],
            "--weight-scale must not be given here, no part of this model uses it (rnn, --emission "
            "bernoulli, --weight-variance 0.1)",
        ),
    ],
)
def test_a_script_says_so_in_one_line(words, message, small_data, complaint, tmp_path):
    words = [*words, "--dataset", str(small_data), "--out", str(tmp_path / "run")]
    assert message in complaint(train, words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (["--model", "fdrnn", "--generative-p-keep", "learned"], "learned_p_keep"),
        (["--model", "vrae", "--objective", "free_bits"], "free_bits"),
    ],
)
def test_what_is_read_because_of_another_flag(words, flag, small_data):
    options = options_of(*words, "--dataset", str(small_data), "--n-hiddens", "3")
    options.given.add(flag)
    check_given(options)
    check_effects(options, make_config(options, data.load(small_data)))


def test_real_values_have_no_bias_of_notes(real_data):
    options = options_of("--model", "rnn", "--dataset", str(real_data), "--n-hiddens", "3")
    options.given.add("emission_bias")
    with pytest.raises(ValueError, match="--emission-bias must not .* --emission gaussian_shared"):
        check_effects(options, make_config(options, data.load(real_data)))


def test_a_hidden_markov_model_has_its_own_patience(small_data):
    options = options_of("--model", "hmm", "--dataset", str(small_data))
    assert make_config(options, data.load(small_data))["training"]["patience"] == EMSettings.patience

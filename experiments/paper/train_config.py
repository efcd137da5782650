"""From the flags of `experiments.train` to the configuration of a run; flags without effect are refused."""

import sys
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from breze_like.backends import resolve
from breze_like.initialize import Initialization
from breze_like.models import MODELS
from breze_like.models.saving import argument_names
from breze_like.models.standardization import Standardization
from breze_like.runs import Run
from breze_like.trained import describe, make_model
from breze_like.training import EMSettings, TrainingSettings
from experiments.command_line.arguments import flag

# Flags that are arguments of models, by what these are called there: one that the model's class has.
ARGUMENTS = {
    "n_hiddens": ("n_hiddens",),
    "transfer": ("transfer",),
    "emission": ("emission",),
    "missing": ("missing",),
    "standardize": ("standardization",),
    "layer": ("layer",),
    "n_latent": ("n_latent",),
    "prior": ("prior",),
    "posterior": ("posterior",),
    "variance": ("variance",),
    "kl": ("kl",),
    "objective": ("objective",),
    "free_bits": ("objective",),
    "recognition_p_keep": ("recognition_p_keep",),
    "generative_p_keep": ("generative_p_keep", "p_keep"),
    "input_p_keep": ("input_p_keep",),
    "recurrent_p_keep": ("recurrent_p_keep", "recognition_recurrent_p_keep"),
    "n_emission_hiddens": ("n_emission_hiddens",),
    "n_states": ("n_states",),
    "n_nade_hidden": ("n_hidden",),
}

# Models whose layers are what their name says.
OWN_LAYERS = ("dts_rnn", "dots_rnn")

# Arguments that configurations have, also where there is nothing to say.
STATED = ("input_p_keep", "recurrent_p_keep")

# Sizes of parts that not all models have: commands with one line of sizes, for whatever model, are common.
SIZES = ("n_latent", "n_emission_hiddens")

# What of a model the settings act on that not all models have.
INPUTS = {"annealing_updates": "kl_weight", "n_draws": "noise"}


def argument(name, model):
    """What a flag is called among the arguments of a model, by its name in `MODELS`; None if it is none."""
    if name == "layer" and model in OWN_LAYERS:
        return None
    taken = argument_names(MODELS[model])
    return next((called for called in ARGUMENTS[name] if called in taken), None)


def settings_class(model):
    """How a model is trained: the class of its settings."""
    return EMSettings if model == "hmm" else TrainingSettings


def check_given(options):
    """Refuse flags that the chosen model, and the way in which it is trained, read nothing of.

    But for `SIZES`: standard error says of these that they are left out.

    Parameters
    ----------
    options : Namespace
        As of `parse`, with ``given``.

    Raises
    ------
    ValueError
        For the first one.
    """
    names = {model: _names(model) for model in MODELS}
    everywhere = set().union(*names.values())
    for name in sorted(options.given & everywhere - names[options.model]):
        others = ", ".join(sorted(model for model in MODELS if name in names[model]))
        if name in SIZES:
            print(f"{flag(name)} is ignored: {options.model} does not use it", file=sys.stderr)
            continue
        raise ValueError(
            f"{flag(name)} must not be given for {options.model}, which does not use it: leave it out; "
            f"it is for {others}"
        )
    if {"free_bits", "objective"} <= options.given and options.objective != "free_bits":
        raise ValueError(
            f"--free-bits must not be given with --objective {options.objective}: leave out one of the two"
        )


def _names(model):
    arguments = {name for name in ARGUMENTS if argument(name, model)}
    return arguments | {field.name for field in fields(settings_class(model))}


def check_effects(options, config):
    """Refuse flags that nothing in the configured model reads: its weights, its noise, its divergence.

    Raises
    ------
    ValueError
        For the first one.
    """
    own = {field.name for field in fields(Initialization)}
    if not options.given & (own | set(INPUTS)):
        return
    model = make_model(config)
    read = initialization_read(model, Initialization(**config["initialization"]))
    read |= {name for name, of_model in INPUTS.items() if of_model in model.training_inputs}
    for name in sorted(options.given & (own | set(INPUTS)) - read):
        others = ", ".join([options.model, *map(str, _choices(options, config))])
        raise ValueError(
            f"{flag(name)} must not be given here, no part of this model uses it ({others}): leave it out"
        )


def _choices(options, config):
    """What distinguishes the model from others of its kind."""
    given = sorted(options.given & {"emission", "layer", "weight_variance"} | {"emission"})
    arguments = config["arguments"] | config["initialization"]
    return [f"{flag(name)} {arguments[name]}" for name in given if arguments.get(name) is not None]


def initialization_read(model, initialization):
    """Names of what a model reads of an `Initialization` when it draws its weights, a set."""
    read = set()

    class Noted(Initialization):
        def __getattribute__(self, name):
            read.add(name)
            return super().__getattribute__(name)

    noted = Noted(**asdict(initialization))
    read.clear()
    model.initialize(np.random.default_rng(0), noted)
    return read & {field.name for field in fields(Initialization)}


def make_config(options, dataset):
    """The run's configuration, from the command line.

    Raises
    ------
    ValueError
        If the data are not such as the model takes.
    """

    def settings(kind):
        return {field.name: getattr(options, field.name) for field in fields(kind)}

    training = settings(settings_class(options.model))
    if options.model == "hmm" and training["patience"] is None:
        training["patience"] = EMSettings.patience
    return {
        "model": options.model,
        "arguments": {"n_visible": dataset.n_features, **_arguments(options, dataset)},
        "initialization": settings(Initialization),
        "training": training,
        "data": describe(dataset, options.dataset),
        "seed": options.seed,
        "backend": resolve(options.backend),
    }


def _arguments(options, dataset):
    # What networks read where something is missing is said where something is.
    missing = options.missing or ("zero" if dataset.has_missing else None)
    if missing not in (None, "refuse") and not argument("missing", options.model):
        raise ValueError(
            "--model must not be nade if values are missing, since each of its keys depends on those "
            "before it: choose another one"
        )
    if options.standardize and dataset.binary:
        raise ValueError("--standardize must not be given for binary data: leave it out")
    values = {name: getattr(options, name) for name in ARGUMENTS} | {
        "emission": options.emission or default_emission(dataset),
        "missing": missing,
        "standardize": _standardization(options, dataset) if options.standardize else None,
    }
    arguments = {}
    for name, value in values.items():
        called = argument(name, options.model)
        if called and (value is not None or called in STATED):
            arguments["free_bits" if name == "free_bits" else called] = value
    return arguments


def _standardization(options, dataset):
    """Mean and variance of the training set; of a run that goes on, those that it has."""
    if options.resume and (Path(options.out) / "config.json").is_file():
        stored = Run(options.out).config.get("arguments", {}).get("standardization")
        if stored:
            return stored
    return Standardization.of(dataset.train).arguments


def default_emission(dataset):
    """Of binary data; these are floating-point numbers if some are missing."""
    binary = dataset.binary or (dataset.has_missing and dataset.is_of_zeros_and_ones)
    return "bernoulli" if binary else "gaussian_shared"

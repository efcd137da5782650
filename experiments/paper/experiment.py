"""From a configuration to a trained model."""

import json
import sys
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

from breze_like import data
from breze_like.data import SPLITS, check_sequences, chunk
from breze_like.estimators import (
    validation_score,
)
from breze_like.initialize import Initialization
from breze_like.models import HiddenMarkov
from breze_like.models.base import check_observations
from breze_like.quoting import quote
from breze_like.runs import Run
from breze_like.runs.records import SEED, check
from breze_like.trained import decoding_arguments, make_model
from breze_like.training import (
    EMSettings,
    Member,
    TrainingDiverged,
    TrainingSettings,
    check_setup,
    fit,
    fit_em,
    fit_population,
    n_batches,
)

NO_SCORE = "no validation score was finite: try a smaller step_rate"

# What of a configuration is the same whenever its run goes on.
IDENTITY = ("model", "arguments", "initialization", "training", "backend", "data", "seed")


def train(config, dataset, folder, resume=False, progress=True, watch=None, until=1.0):
    """Train a model, or continue its training.

    Parameters
    ----------
    config : dict
        Of a run; see `breze_like.trained`.
    dataset : Dataset
    folder : str or path-like
        Of the run.
    resume : bool
        Whether to continue a run with the same configuration, if there is one.
    progress : bool
        Whether to show a progress bar.
    watch : callable, optional
        Takes the score of each validation, before it is logged; what it raises ends training, which can be
        resumed.
    until : float
        As for `fit`.

    Returns
    -------
    run : Run
    model : Model
        With the parameters that did best on the validation set; where training stops before its end, with
        the last ones.

    Raises
    ------
    ValueError
        If the folder holds a run and `resume` is not set, or one of another configuration, or the data are
        real-valued and the emission is not.
    TrainingDiverged
        See `fit`; or if no validation score was finite.
    """
    model = make_model(config)
    settings, rng, run = _begin(config, model, dataset, folder, resume)

    def validate(sequences):
        score = validation_score(model, sequences, getattr(settings, "n_draws", 1))
        if watch:
            watch(score)
        return score

    arguments = model, dataset.train, dataset.valid, settings, rng, validate, run, progress
    history = fit_em(*arguments) if isinstance(model, HiddenMarkov) else fit(*arguments, until)
    if until == 1 and history.best_score is None:
        raise TrainingDiverged(NO_SCORE)
    return run, model


def train_together(configs, dataset, folders):
    """Train runs that differ only in their seeds as one program, or continue their training.

    Each run is, up to rounding, as `train` would have made it, which can also go on with it. One that
    diverges stops there, and the others go on.

    Parameters
    ----------
    configs : list of dict
        As of `train`, of a model that JAX compiles and that `fit` trains.
    dataset : Dataset
    folders : list of path-like
        One for each.

    Raises
    ------
    ValueError
        As for `train`.
    """
    model = make_model(configs[0])
    members = []
    for config, folder in zip(configs, folders, strict=True):
        settings, rng, run = _begin(config, model, dataset, folder, resume=True)
        members.append(Member(settings, rng, model.parameters.data.copy(), run))
    validate = partial(validation_score, model, n_draws=settings.n_draws)
    fit_population(model, members, dataset.train, dataset.valid, validate)


def reconstruct(model, sequence):
    """The emission's mean at the mode of the approximate posterior, of the shape of the sequence."""
    function = model.function(["observations", "mask"], "reconstruction")
    return function(*data.pad([sequence]))[:, 0]


def validation_chunks(dataset, config):
    """The validation set as training sees it: a hidden Markov model is trained on whole sequences."""
    length = config["training"].get("chunk_length")
    return chunk(dataset.valid, length) if length else dataset.valid


def _check_emission(emission, dataset):
    """Refuse real values, before there is a run, if the emission is of binary ones; 0.0 and 1.0 will do."""
    if dataset.binary or not emission.binary:
        return
    try:
        for split in SPLITS:
            check_sequences(getattr(dataset, split), name=f"{dataset.name}, {split}", missing=True)
    except ValueError as error:
        raise ValueError(
            "the model's emission is of zeros and ones: choose another --emission, or another model if it "
            f"has none ({error})"
        ) from error


def _begin(config, model, dataset, folder, resume):
    """Settings, random numbers and run of a training; the model gets the initial parameters."""
    is_hidden_markov = isinstance(model, HiddenMarkov)
    check(config, SEED, folder)
    with decoding_arguments("training"):
        EMSettings(**config["training"]) if is_hidden_markov else TrainingSettings(**config["training"])
        initialization = Initialization(**config["initialization"])
    settings = (
        EMSettings(**config["training"]) if is_hidden_markov else _settle(config, model, dataset, folder)
    )
    _check_emission(model.emission, dataset)
    for split in ("train", "valid"):
        check_observations(model, getattr(dataset, split), f"{dataset.name}, {split}")
    config = config | {"training": asdict(settings), "command": sys.argv}
    run = _open(folder, config) if resume else Run.create(folder, config)
    rng = np.random.default_rng(config["seed"])
    model.initialize(rng, initialization)
    return settings, rng, run


def _settle(config, model, dataset, folder):
    """The settings of a run; what they leave open is as the run in the folder has it, if there is one."""
    settings = TrainingSettings(**config["training"])
    stored = Run(folder).config if (Path(folder) / "config.json").exists() else {}
    if settings.annealing_updates is None and "annealing_updates" in stored.get("training", {}):
        return replace(settings, annealing_updates=stored["training"]["annealing_updates"])
    n_chunks = len(chunk(dataset.train, settings.chunk_length))
    n_updates = settings.n_epochs * n_batches(n_chunks, settings.batch_size)
    return settings.settled(n_updates, "kl_weight" in model.training_inputs)


def _open(folder, config):
    if not (Path(folder) / "config.json").exists():
        return Run.create(folder, config)
    run = Run(folder)
    if differences(run.config, config) == ["training"] and _goes_on(run, config["training"]):
        run.reconfigure(training=config["training"])
    if names := differences(run.config, config):
        names = names[:1] if names[0] == "model" else names
        what = "; ".join(_difference(run.config, config, name) for name in names)
        raise ValueError(
            f"{folder} must be a run with the same {', '.join(names)}: {what}; choose another folder"
        )
    if (file := config["data"].get("file")) and file != run.config["data"].get("file"):  # it was moved
        run.reconfigure(data=run.config["data"] | {"file": file})
    return run


def _goes_on(run, training):
    """Whether only more epochs are asked for, and the run can be continued with them."""
    before = json.loads(json.dumps(run.config["training"]))
    n_before, n_epochs = before.get("n_epochs"), training["n_epochs"]
    if before | {"n_epochs": n_epochs} != training or not isinstance(n_before, int) or n_epochs < n_before:
        return False
    if run.has_checkpoint:
        attributes = run.read_checkpoint()[1]
        setup = attributes.get("setup") if isinstance(attributes.get("setup"), dict) else {}
        check_setup(attributes, {**setup, "n_epochs": n_epochs}, run.folder)
    return True


def _difference(one, other, name):
    """In words, what two configurations say about something; for a dict, only where they differ."""
    if name == "data":
        return "{}, got {} with other digests".format(*(c[name]["name"] for c in (one, other)))
    first, second = _comparable(one, other).get(name), _comparable(other, one).get(name)
    if not (isinstance(first, dict) and isinstance(second, dict)):
        return f"{name} {quote(first)}, got {quote(second)}"
    names = [key for key in first | second if first.get(key) != second.get(key)]
    return "; ".join(f"{key} {quote(first.get(key))}, got {quote(second.get(key))}" for key in names)


def differences(one, other):
    """What two configurations of runs differ in, a list of names in `IDENTITY`; ``"seed"`` comes last."""
    first, second = _comparable(one, other), _comparable(other, one)
    return [name for name in IDENTITY if first.get(name) != second.get(name)]


def _comparable(config, other):
    # What older runs don't say of their initialization is as it is by default. But biases, which once started
    # elsewhere, are as the other configuration has them: a run that goes on has their start behind it.
    stated, there = (c.get("initialization", {}) for c in (config, other))
    biases = {name: there[name] for name in ["emission_bias"] if name in there}
    whole = {**config, "initialization": asdict(Initialization()) | biases | stated}
    whole["data"] = whole.get("data", {}).get("digests")  # the same wherever they are, and however called
    return json.loads(json.dumps(whole))  # in which tuples are lists

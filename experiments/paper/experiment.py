"""From a configuration to a trained model and its scores."""

import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from breze_like import data
from breze_like.data import SPLITS, check_sequences, chunk
from breze_like.estimators import (
    negative_log_likelihood,
    sampled_scores,
    training_objective,
    validation_score,
    variational_bound,
)
from breze_like.initialize import Initialization
from breze_like.models import HiddenMarkov
from breze_like.runs import Run
from breze_like.trained import make_model
from breze_like.training import EMSettings, TrainingSettings, fit, fit_em, n_batches
from experiments.paper.averages import averages

# All validations of all runs see the same noise, so that their differences are those of the parameters.
NOISE_SEED = 1234

# Draws of the latents where it is to be quick.
N_FEW = 5


def train(config, dataset, folder, resume=False, progress=True, watch=None, until=1.0):
    """Train a model, or go on training it.

    Parameters
    ----------
    config : dict
        Of a run; see `breze_like.trained`.
    dataset : Dataset
    folder : str or path-like
        Of the run.
    resume : bool
        Whether to go on with a run of the same configuration, if there is one.
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
    """
    model = make_model(config)
    is_hidden_markov = isinstance(model, HiddenMarkov)
    settings = (
        EMSettings(**config["training"]) if is_hidden_markov else _settle(config, model, dataset, folder)
    )
    _check_emission(model.emission, dataset)
    config = {**config, "training": asdict(settings), "command": sys.argv}
    run = _open(folder, config) if resume else Run.create(folder, config)
    rng = np.random.default_rng(config["seed"])
    model.initialize(rng, Initialization(**config["initialization"]))

    def validate(sequences):
        score = validation_score(model, sequences, getattr(settings, "n_draws", 1))
        if watch:
            watch(score)
        return score

    arguments = model, dataset.train, dataset.valid, settings, rng, validate, run, progress
    if is_hidden_markov:
        fit_em(*arguments)
    else:
        fit(*arguments, until)
    return run, model


def score(model, sequences, n_samples=50, seed=NOISE_SEED, progress=False):
    """All scores of a model on sequences, in nats per time step.

    Parameters
    ----------
    model : Model
    sequences : list of ndarray, shape (n_steps, n_visible)
    n_samples : int
        Draws of the latents, for all estimates. With 0, there are no importance sampled ones, and a few draws
        for the others, by what a validation has compiled already.
    seed : int
        Of the draws.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    dict
        ``"nll"`` of a model without latents; else ``"bound"``, exact, with ``"kl"`` and ``"reconstruction"``,
        its parts, ``"objective"``, what was trained on, and ``"importance_sampled"``. Each is a dict as of
        `averages`.
    """
    if not model.has_latents:
        return {"nll": averages(negative_log_likelihood(model, sequences))}

    def rng():
        return np.random.default_rng(seed)

    n_draws = n_samples or N_FEW
    if n_samples:
        bound, objective, weighted = sampled_scores(model, sequences, rng(), n_draws, progress)
        more = {"importance_sampled": weighted}
    else:
        bound = variational_bound(model, sequences, rng(), n_draws)
        objective, more = training_objective(model, sequences, rng(), n_draws), {}
    estimates = {"reconstruction": bound.reconstruction, "objective": objective, **more}
    return {
        "bound": averages(bound, n_draws),
        "kl": averages(bound.kl),
        **{name: averages(estimate, n_draws) for name, estimate in estimates.items()},
    }


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
            check_sequences(getattr(dataset, split), name=f"{dataset.name} {split}")
    except ValueError as error:
        kind = type(emission).__name__
        raise ValueError(f"emission must be one of real values, got {kind}: {error}") from error


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
    fixed = ("model", "arguments", "initialization", "training", "seed", "backend", "data")
    # What older runs don't say of their initialization is as it is by default.
    stored = {**run.config, "initialization": asdict(Initialization()) | run.config.get("initialization", {})}
    for name in fixed:
        # Through JSON, the configuration's tuples have become lists.
        if stored.get(name) != _as_json(config[name]):
            raise ValueError(
                f"{folder} must be a run of the same {name}: {stored.get(name)}, got {config[name]}"
            )
    return run


def _as_json(value):
    if isinstance(value, dict):
        return {k: _as_json(v) for k, v in value.items()}
    return [_as_json(v) for v in value] if isinstance(value, list | tuple) else value

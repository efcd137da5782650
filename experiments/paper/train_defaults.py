"""The values of flags of `experiments.train` that are not given.

In a resumed run, they are the run's own. On the paper's data sets, and on the chorales, they are those with
which `experiments.table1` trains the system with the same model, emission and divergence. Elsewhere they are
the defaults of the flags.
"""

from dataclasses import fields
from pathlib import Path

from breze_like.data import chunk
from breze_like.initialize import Initialization
from breze_like.runs import Run
from breze_like.training import n_batches
from experiments.paper.presets import system_for
from experiments.paper.system_runs import VALIDATE_EVERY
from experiments.paper.systems import find_system
from experiments.paper.train_config import ARGUMENTS, argument, settings_class


def fill(options, dataset):
    """Set the options that are not given; returns the name of the system whose values they get, if any.

    Parameters
    ----------
    options : Namespace
        As of `parse`, with ``given``.
    dataset : Dataset

    Returns
    -------
    str or None
    """
    stored = stored_config(options)
    if stored and stored["model"] == options.model:
        _fill_from(options, stored["arguments"], stored["training"], stored["initialization"])
        _set(options, "seed", stored["seed"])
        return None
    name = system_of(options) if dataset.verified else None
    if name:
        system = system_for(name, dataset)
        _fill_from(options, system.arguments, system.training, system.initialization)
        _fill_lengths(options, dataset, system)
    return name


def stored_config(options):
    """The configuration of the run that is to be continued; None if there is none."""
    if not options.resume or not (Path(options.out) / "config.json").is_file():
        return None
    return Run(options.out).config


def system_of(options):
    """The system of Table 1 with this model, emission and divergence; None if there is none."""
    n_hiddens = options.n_hiddens if "n_hiddens" in options.given else ()
    parts = options.kl, options.emission, options.layer, n_hiddens, options.objective
    return find_system(options.model, *parts)


def _fill_from(options, arguments, training, initialization):
    for name in ARGUMENTS:
        called = argument(name, options.model)
        called = "free_bits" if name == "free_bits" else called
        # A layer of its own has no state to be dropped.
        if called in arguments and not (name == "recurrent_p_keep" and "layer" in options.given):
            value = arguments[called]
            _set(options, name, bool(value) if name == "standardize" else value)
    for kind, values in ((settings_class(options.model), training), (Initialization, initialization)):
        for name in values.keys() & {field.name for field in fields(kind)}:
            _set(options, name, values[name])


def _fill_lengths(options, dataset, system):
    """Numbers of epochs and of updates, of minibatches as they are by now."""
    if options.model == "hmm":
        _set(options, "n_epochs", system.n_updates)
        return
    of_epoch = n_batches(len(chunk(dataset.train, options.chunk_length)), options.batch_size)
    _set(options, "n_epochs", max(1, round(system.n_updates / of_epoch)))
    _set(options, "validate_every", max(1, round(VALIDATE_EVERY / of_epoch)))
    if system.annealing_updates:
        share = system.annealing_updates / system.n_updates
        _set(options, "annealing_updates", round(share * options.n_epochs * of_epoch))


def _set(options, name, value):
    if name not in options.given:
        setattr(options, name, value)

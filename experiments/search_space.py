"""The space of the random search, as data, and how a draw from it changes a system's configuration.

The choices are those that the authors give for their random searches: as published for the fast-dropout RNNs
that this search continues. What they distinguish and a model here does not is left out:

- A variational model has one rate at which its generative network drops units; its choices are those of the
  recurrent connections. Rates of its recognition network are learned. A plain RNN has none.
- The deviation of weights is given for all of them alike. Here they are scaled by their number of inputs, so
  it holds for weights behind a hidden layer; recurrent ones are scaled to their spectral radius in any case.

`ADDITIONS` are not the paper's, and left out unless they are asked for.

References
----------
Bayer & Osendorfer (2014), Table 2; Bayer et al. (2013), On fast dropout and its applicability to recurrent
networks, Table 1.
"""

import json
import math
from pathlib import Path

import numpy as np

from breze_like.initialize import Initialization
from breze_like.models import MODELS
from breze_like.models.variational import VariationalModel
from breze_like.training import TrainingSettings
from experiments.systems import PUBLISHED

# All choices of a hyper-parameter are equally probable.
TABLE_2 = {
    "n_hiddens": (200, 400, 600),
    "step_rate": (0.01, 0.005, 0.001, 0.0005, 0.0001, 0.00001),
    "momentum": (0.0, 0.9, 0.95, 0.99, 0.995),
    "decay": (0.8, 0.9),
    "weight_variance": (0.1, 0.01, 0.001, 0.0001),
    "spectral_radius": (1.0, 1.005, 1.01, 1.05, 1.1, 1.2),
    "n_incoming": (15, 25, 35, "all"),
}
FAST_DROPOUT = {
    "p_drop_input": (0.1, 0.2),
    "p_drop_recurrent": (0.1, 0.2, 0.3, 0.4, 0.5),
    "p_drop_output": (0.2, 0.5),
}
VARIATIONAL = {"p_drop": FAST_DROPOUT["p_drop_recurrent"]}

ADDITIONS = {
    # The paper does not say.
    "n_latent": (16, 24, 32, 48, 64, 80, 100),
    "posterior": ("gauss_markov", "increments", "diagonal"),
    # With the published one come its posterior and its prior.
    "kl": ("exact", "independent_increments"),
    # Factor of the updates over which the system's weight of the divergence rises.
    "annealing": (0.0, 0.5, 1.0, 1.5),
    # Where the recognition network's, which is learned, starts.
    "learned_p_keep": (0.95, 0.9, 0.8, 0.5),
}

# In which part of a configuration a hyper-parameter stands, and what it is called there.
PLACES = {
    "n_hiddens": ("arguments", "n_hiddens"),
    "p_drop": ("arguments", "generative_p_keep"),
    "p_drop_input": ("arguments", "input_p_keep"),
    "p_drop_recurrent": ("arguments", "recurrent_p_keep"),
    "p_drop_output": ("arguments", "p_keep"),
    "step_rate": ("training", "step_rate"),
    "momentum": ("training", "momentum"),
    "decay": ("training", "decay"),
    "weight_variance": ("initialization", "weight_scale"),
    "spectral_radius": ("initialization", "spectral_radius"),
    "n_incoming": ("initialization", "n_incoming"),
    "n_latent": ("arguments", "n_latent"),
    "posterior": ("arguments", "posterior"),
    "kl": ("arguments", "kl"),
    "annealing": ("training", "annealing_updates"),
    "learned_p_keep": ("initialization", "learned_p_keep"),
}


def make_space(system, also=(), own=None):
    """What is searched for a system: a dict of the choices of each hyper-parameter.

    Parameters
    ----------
    system : System
    also : list of str
        Names of `ADDITIONS`.
    own : dict of str to list, optional
        Other choices for hyper-parameters of the space.

    Raises
    ------
    ValueError
        If the system does not have a hyper-parameter, or there is no choice for it.
    """
    space, own = dict(TABLE_2), own or {}
    is_variational = issubclass(MODELS[system.model], VariationalModel)
    if is_variational:
        space |= VARIATIONAL
    elif system.model == "fdrnn":
        space |= FAST_DROPOUT
    allowed = list(ADDITIONS) if is_variational else []
    unknown = [name for name in also if name not in allowed]
    if unknown:
        raise ValueError(f"--also must be among {allowed} for a {system.model}, got {', '.join(unknown)}")
    # In the order of the table, and behind all others: they leave the draws of the others as they are.
    space |= {name: choices for name, choices in ADDITIONS.items() if name in also}
    for name, choices in own.items():
        if name not in space:
            raise ValueError(f"--space must be about {', '.join(space)}, got {name}")
        if not isinstance(choices, list) or not choices or not all(map(_is_plain, choices)):
            raise ValueError(f"--space must have a list of numbers or names for {name}, got {choices!r}")
    return {name: list(own.get(name, choices)) for name, choices in space.items()}


def _is_plain(value):
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def read_choices(path):
    """A file with choices of one's own: a JSON object, with a list for each hyper-parameter it is about.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    try:
        own = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"--space must be a file of JSON, {path} is none: {error}") from None
    if not isinstance(own, dict):
        raise ValueError(f"--space must be a JSON object, with a list for each name, got {own!r}")
    return own


def draw(space, seed, number):
    """Hyper-parameters of a search's configuration: they follow from its seed and this number alone."""
    rng = np.random.default_rng([seed, number])
    return {name: choices[rng.integers(len(choices))] for name, choices in space.items()}


def configure(config, params, seed, number):
    """A system's configuration with these hyper-parameters, and with a seed of its own.

    Parameters
    ----------
    config : dict
        As of `table1.make_config`.
    params : dict
        See `draw`; which of them there are, and how they were chosen, is not important.
    seed, number : int
        Of the search, and of the configuration in it.
    """
    parts = {name: dict(config[name]) for name in ("arguments", "initialization", "training")}
    n_hidden = params.get("n_hiddens", parts["arguments"]["n_hiddens"][0])
    for name, value in params.items():
        part, place = PLACES[name]
        parts[part][place] = _converted(name, value, n_hidden, parts[part].get(place))
    if params.get("kl") == PUBLISHED["kl"]:
        parts["arguments"] |= PUBLISHED
    own_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    return {**config, **parts, "seed": own_seed}


def _converted(name, value, n_hidden, usual):
    """A hyper-parameter as it stands in a configuration, in whose place there was the `usual` one."""
    if name == "n_hiddens":
        return [value]
    if name.startswith("p_drop"):
        return round(1 - value, 9)
    if name == "weight_variance":
        return math.sqrt(value * n_hidden)
    if name == "n_incoming":
        return n_hidden if value == "all" else value
    if name == "annealing":
        return round(value * usual)
    return value


def check_space(space, config):
    """Raise a ValueError if a choice is outside of what training and initialization allow."""
    for name, choices in space.items():
        for value in choices:
            try:
                made = configure(config, {name: value}, 0, 0)
                TrainingSettings(**made["training"])
                Initialization(**made["initialization"])
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"--space must have usable choices of {name}, got {value!r}: {error}"
                ) from None

"""The spaces of the random search, as data: the choices of each hyper-parameter, all equally probable.

There are two spaces, each with a procedure, which fixes what is not searched; see `configuration.follow`.

``paper``
    Table 2, and what the paper says about training: a constant step rate; a weight of the divergence of
    always 1; the published objective, with its prior; dropout of 0.1, and learned rates in the recognition
    network. Where the table has a single choice, all models here have it: one hidden layer, tanh, biases of
    0, and of -0.8 for the notes. What the paper does not say is decided here. Weights to outputs, like all
    that are not recurrent, have the variance of W_in. The hidden layer of a VOSP's emission has as many units
    as the recognition network. Latents, minibatches and the number of updates are the system's. One-step
    models, for which the paper quotes numbers of others, are searched in the same table.

``ours``
    What did well here, or in later publications; see `OURS`.

`ADDITIONS` are searched only on request.

References
----------
Bayer & Osendorfer (2014), Table 2, section 4.1 and appendix; Bayer et al. (2013), On fast dropout and its
applicability to recurrent networks; Krishnan et al. (2017), Structured inference networks for nonlinear state
space models.
"""

import json
from pathlib import Path

import numpy as np

from breze_like.models import MODELS
from breze_like.models.variational import VariationalModel
from experiments.paper.systems import PUBLISHED, SYSTEMS

SPACES = ("ours", "paper")

TABLE_2 = {
    "n_hiddens": (200, 400, 600),
    "step_rate": (0.01, 0.005, 0.001, 0.0005, 0.0001, 0.00001),
    "momentum": (0.0, 0.9, 0.95, 0.99, 0.995),
    "decay": (0.8, 0.9),
    # Makes no difference, since the weights are scaled to their spectral radius afterwards.
    "recurrent_variance": (0.1, 0.01, 0.001, 0.0001),
    "input_variance": (0.1, 0.01, 0.001, 0.0001),
    "spectral_radius": (1.0, 1.05, 1.1, 1.2),
    "n_incoming": (15, 25, 35, 50, "all"),
}

# Beside these, the procedure is: a step rate that falls to 0 along a cosine; a weight of the divergence that
# rises over more than half of the updates, as it does for the system, since latents that cost their full
# price from the start are often given up; and weights that are scaled by their number of inputs, so that no
# layer starts saturated. The first two take a VRAE on the chorales from 11.3 to 8.5 nats per time step.
OURS = {
    # The paper's: a VRAE with 200 hardly overfits Nottingham.
    "n_hiddens": (200, 400, 600),
    # The systems' own, 0.001 and 0.003, and their neighbours. Less gets nowhere in a few thousand updates.
    "step_rate": (0.0005, 0.001, 0.002, 0.003),
    # The systems' own; and up to that of the authors' FD-RNN, which had a step rate of 0.001.
    "momentum": (0.9, 0.95, 0.99),
    # The paper's.
    "decay": (0.8, 0.9),
    # A small one starts close to a feed-forward network, whose latents tell of their own step from the start;
    # the paper's lowest one is for those that are better off with a memory.
    "spectral_radius": (0.1, 0.3, 1.0),
}
# The best ones on JSB Chorales have 100; there is no dropout against overfitting.
OURS_DETERMINISTIC = {"n_hiddens": (100, 200, 400)}
# From what an FD-RNN wants on Nottingham, 0.1 for all, and the authors' own, 0.1, 0.2 and 0.5, to what it
# wants on the small JSB Chorales, where it is best to drop a little of the input and most of the memory.
OURS_FAST_DROPOUT = {
    "p_drop_input": (0.1, 0.2),
    "p_drop_recurrent": (0.1, 0.2, 0.5, 0.85, 0.95),
    "p_drop_output": (0.1, 0.35, 0.5, 0.65),
}
OURS_VARIATIONAL = {
    # The paper's; what a VOSP wants on the chorales, lest it predict without latents; and between them.
    "p_drop": (0.1, 0.25, 0.4),
    # The paper's; and more of the recognition network's memory than of anything else, for smaller data sets:
    # of the VOSPs with NADE emissions that were tried on JSB Chorales, the best one has 0.8.
    "p_drop_recognition_recurrent": (0.1, 0.5, 0.7, 0.8),
    # The systems' own, and that of the deep Markov models.
    "n_latent": (32, 50, 100),
}

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
# Of these, what does not contradict the paper.
UNSAID = ("n_latent", "learned_p_keep")


def make_space(system, base="ours", also=(), own=None):
    """What is searched for a system: a dict of the choices of each hyper-parameter.

    Parameters
    ----------
    system : System
    base : "ours" or "paper"
    also : list of str
        Names of `ADDITIONS`.
    own : dict of str to list, optional
        Other choices for hyper-parameters of the space, or choices for others of the paper's.

    Raises
    ------
    ValueError
        If the system does not have a hyper-parameter, or there is no choice for it; or the paper has nothing
        like the system.
    """
    is_variational = issubclass(MODELS[system.model], VariationalModel)
    space, own = _paper(system) if base == "paper" else _ours(system), own or {}
    allowed = [name for name in ADDITIONS if is_variational and (base == "ours" or name in UNSAID)]
    unknown = [name for name in also if name not in allowed]
    if unknown:
        raise ValueError(
            f"--also must be among {allowed} for a {system.model} and --space {base}, "
            f"got {', '.join(unknown)}"
        )
    # In the order of the table, and behind all others: they leave the draws of the others as they are.
    space |= {name: c for name, c in ADDITIONS.items() if name in also and name not in space}
    space |= {name: TABLE_2[name] for name in own if name in TABLE_2 and name not in space}
    for name, choices in own.items():
        if name not in space:
            raise ValueError(f"--space may have choices for {', '.join(space)} only, got {name}")
        if not isinstance(choices, list) or not choices or not all(map(_is_plain, choices)):
            raise ValueError(f"--space must have a list of numbers or names for {name}, got {choices!r}")
    return {name: list(own.get(name, choices)) for name, choices in space.items()}


def _paper(system):
    is_variational = issubclass(MODELS[system.model], VariationalModel)
    if is_variational and not PUBLISHED.items() <= system.arguments.items():
        published = [name for name, s in SYSTEMS.items() if PUBLISHED.items() <= s.arguments.items()]
        raise ValueError(
            f"--space paper needs a model that is trained on the published objective, got {system.title}"
            f": choose --model {' or '.join(published)}"
        )
    return dict(TABLE_2)


def _ours(system):
    if issubclass(MODELS[system.model], VariationalModel):
        return OURS | OURS_VARIATIONAL
    return OURS | (OURS_FAST_DROPOUT if system.model == "fdrnn" else OURS_DETERMINISTIC)


def _is_plain(value):
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def read_space(words):
    """What is meant by the words of --space: the name of a space, a file with other choices, or both.

    Returns
    -------
    base : str
        One of `SPACES`.
    own : dict or None
        See `read_choices`.

    Raises
    ------
    ValueError
        If it is something else.
    """
    names = [word for word in words if word in SPACES]
    paths = [word for word in words if word not in SPACES]
    if len(names) > 1 or len(paths) > 1:
        raise ValueError(
            f"--space must be one of {', '.join(SPACES)}, a file, or one of these and a file, got "
            f"{' '.join(words)}"
        )
    return names[0] if names else SPACES[0], read_choices(paths[0]) if paths else None


def read_choices(path):
    """A file with a user's choices: a JSON object, with a list for each of its hyper-parameters.

    Raises
    ------
    ValueError
        If it is not such a file.
    """
    try:
        own = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"--space must be a JSON file, {path} is not one: {error}") from None
    if not isinstance(own, dict):
        raise ValueError(f"--space must be a JSON object, with a list for each name, got {own!r}")
    return own


def draw(space, seed, number):
    """Hyper-parameters of a search's configuration: they follow from its seed and this number alone."""
    rng = np.random.default_rng([seed, number])
    return {name: choices[rng.integers(len(choices))] for name, choices in space.items()}

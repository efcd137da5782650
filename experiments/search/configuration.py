"""From a space of the random search, and a draw from it, to a configuration that can be trained."""

import numpy as np

from breze_like.initialize import Initialization
from breze_like.models import MODELS
from breze_like.models.variational import VariationalModel
from breze_like.training import TrainingSettings
from experiments.paper.systems import COSINE, PUBLISHED

# In which part of a configuration a hyper-parameter stands, and what it is called there.
PLACES = {
    "n_hiddens": ("arguments", "n_hiddens"),
    "p_drop": ("arguments", "generative_p_keep"),
    "p_drop_input": ("arguments", "input_p_keep"),
    "p_drop_recurrent": ("arguments", "recurrent_p_keep"),
    "p_drop_output": ("arguments", "p_keep"),
    "p_drop_recognition_recurrent": ("arguments", "recognition_recurrent_p_keep"),
    "step_rate": ("training", "step_rate"),
    "momentum": ("training", "momentum"),
    "decay": ("training", "decay"),
    "recurrent_variance": ("initialization", "recurrent_variance"),
    "input_variance": ("initialization", "weight_variance"),
    "spectral_radius": ("initialization", "spectral_radius"),
    "n_incoming": ("initialization", "n_incoming"),
    "n_latent": ("arguments", "n_latent"),
    "posterior": ("arguments", "posterior"),
    "kl": ("arguments", "kl"),
    "annealing": ("training", "annealing_updates"),
    "learned_p_keep": ("initialization", "learned_p_keep"),
}

# What the paper drops, where it does not say anything else, and how it goes on training.
PAPER_P_KEEP = 0.9
PAPER_INITIALIZATION = {"emission_bias": -0.8}
PAPER_TRAINING = {"step_rate_schedule": "constant", "annealing_updates": 0, "chunk_length": 100}
PAPER_ARGUMENTS = {"transfer": "tanh_wang_manning"}


def follow(base, config):
    """A system's configuration, by the procedure of a space.

    Parameters
    ----------
    base : "ours" or "paper"
    config : dict
        As of `system_runs.make_config`.
    """
    if base == "ours":
        return config | {"training": config["training"] | COSINE}
    arguments = dict(PAPER_ARGUMENTS)
    if issubclass(MODELS[config["model"]], VariationalModel):
        arguments |= {"recognition_p_keep": "learned", "recognition_recurrent_p_keep": None}
        arguments |= {"variance": "implicit", "generative_p_keep": PAPER_P_KEEP, **PUBLISHED}
    if config["model"] == "vosp":
        arguments["n_emission_hiddens"] = config["arguments"]["n_hiddens"][-1:]
    if config["model"] == "fdrnn":
        arguments |= dict.fromkeys(("p_keep", "input_p_keep", "recurrent_p_keep"), PAPER_P_KEEP)
    return config | {
        "arguments": config["arguments"] | arguments,
        "initialization": config["initialization"] | PAPER_INITIALIZATION,
        "training": config["training"] | PAPER_TRAINING,
    }


def configure(config, params, seed, number):
    """A system's configuration with these hyper-parameters, and its own seed.

    Parameters
    ----------
    config : dict
        See `follow`.
    params : dict
        See `space.draw`; which of them there are, and how they were chosen, is not important.
    seed, number : int
        Of the search, and of the configuration in it.
    """
    parts = {name: dict(config[name]) for name in ("arguments", "initialization", "training")}
    n_hidden = params.get("n_hiddens", parts["arguments"]["n_hiddens"][0])
    for name, value in params.items():
        part, place = PLACES[name]
        parts[part][place] = _converted(name, value, n_hidden, parts[part].get(place))
    if config["model"] == "vosp":
        n_layers = len(parts["arguments"].get("n_emission_hiddens", [n_hidden]))
        parts["arguments"]["n_emission_hiddens"] = [n_hidden] * n_layers
    if params.get("kl") == PUBLISHED["kl"]:
        parts["arguments"] |= PUBLISHED
    own_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    return {**config, **parts, "seed": own_seed}


def _converted(name, value, n_hidden, usual):
    """A hyper-parameter in the form of a configuration, where it replaces the `usual` one."""
    if name == "n_hiddens":
        return [value]
    if name.startswith("p_drop"):
        return round(1 - value, 9)
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

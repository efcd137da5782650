"""How each system is trained on each data set: what differs from `SYSTEMS`, which was chosen on the chorales.

`PRESETS` has what did best on the validation set of each of the paper's sets, out of all that was tried: the
trained models that come with the project have these configurations, and `experiments/results/trials.csv` has
the trials. Small sets need more dropout than large ones, Nottingham needs rectifiers. Where nothing was
tried, and on users' own data sets, a system is as on the chorales, except for the number of updates: it is
proportional to the square root of the set's size, as is roughly the case for what did best on the four sets.

`experiments.table1`, `experiments.random_search` and the defaults of `experiments.train` use these.
"""

import math
from dataclasses import replace

from breze_like.data import chunk
from breze_like.training import TrainingSettings, n_batches
from experiments.paper.systems import COSINE, SLOW, SYSTEMS

# Minibatches of an epoch of the chorales.
N_BATCHES = 13

LATENT_64 = {"prior": "ornstein_uhlenbeck", "variance": "explicit", "n_latent": 64}
LARGE = {"n_hiddens": [400], "n_latent": 100}
TANH = {"transfer": "tanh_wang_manning"}
# VOSPs that were chosen before rectifiers, and a second layer of the emission network, were tried.
SHALLOW = {**TANH, "n_emission_hiddens": [200]}
# No chorale is longer than the first ones.
WHOLE = {"chunk_length": 200}
CHUNKS = {"chunk_length": 100} | SLOW
LONG_CHUNKS = {"chunk_length": 400, "batch_size": 6}


def recognition(p_keep, recurrent_p_keep, generative_p_keep):
    """Shares that are kept of the recognition network's inputs and of its states, and of what generates."""
    return {
        "recognition_p_keep": p_keep,
        "recognition_recurrent_p_keep": recurrent_p_keep,
        "generative_p_keep": generative_p_keep,
    }


def fast_dropout(p_keep, input_p_keep, recurrent_p_keep):
    return {"p_keep": p_keep, "input_p_keep": input_p_keep, "recurrent_p_keep": recurrent_p_keep}


# By data set and system, what of a `System` differs: entries of dicts, and whole numbers.
PRESETS = {
    "jsb_chorales": {
        "rnn": {"n_updates": 450, "arguments": {"n_hiddens": [600]}, "training": WHOLE},
        "gru": {"n_updates": 600, "training": WHOLE},
        "fdrnn": {
            "n_updates": 900,
            "arguments": {"n_hiddens": [400], **fast_dropout(0.35, 0.85, 0.1)},
            "training": {"step_rate": 0.004},
        },
        "fdrnn_nade": {"n_updates": 1600},
        "hmm": {"n_updates": 100, "arguments": {"n_states": 1536}, "training": {"emission_count": 0.7}},
        "vrae": {
            "n_updates": 4800,
            "annealing_updates": 3000,
            "arguments": {**LATENT_64, **recognition(0.6, 0.3, 0.9)},
        },
        "vosp": {
            "n_updates": 3200,
            "annealing_updates": 2000,
            "arguments": {**LATENT_64, **recognition(0.4, 0.2, 0.9)},
        },
        "vosp_tensor": {
            "n_updates": 3200,
            "annealing_updates": 2000,
            "arguments": recognition(0.4, 0.2, 0.9),
        },
        "vosp_nade": {
            "n_updates": 3200,
            "annealing_updates": 1500,
            "arguments": recognition(0.5, 0.2, 0.4),
        },
        "vrae_published": {
            "n_updates": 6400,
            "annealing_updates": 1000,
            "arguments": LARGE,
            "training": COSINE,
        },
        "vosp_published": {"n_updates": 3200, "annealing_updates": 1000, "training": COSINE},
    },
    "nottingham": {
        "rnn": {"n_updates": 2000, "arguments": {"n_hiddens": [200]}},
        "fdrnn": {
            "n_updates": 5000,
            "arguments": {"n_hiddens": [400], **fast_dropout(0.6, 0.8, 0.4)},
            "training": CHUNKS,
        },
        "deep_fdrnn": {
            "n_updates": 5000,
            "arguments": {"n_hiddens": [300, 300], "transfer": "rectifier", **fast_dropout(0.6, 0.8, 0.4)},
            "training": CHUNKS,
        },
        # Not tried: the FD-RNN's dropout, since it learns little here with that of JSB Chorales.
        "fdrnn_nade": {"n_updates": 5000, "arguments": fast_dropout(0.6, 0.8, 0.4)},
        "rnn_nade": {
            "n_updates": 2750,
            "arguments": {"n_hiddens": [200]},
            "training": {"decay": 0.8},
            "initialization": {"spectral_radius": 1.0},
        },
        "hmm": {"n_updates": 100},
        "vrae": {
            "n_updates": 16250,
            "annealing_updates": 4000,
            "arguments": {"n_hiddens": [300], **LATENT_64, **recognition(0.85, 0.7, 0.97)},
            "training": {"step_rate": 0.002},
        },
        "vosp": {
            "n_updates": 6250,
            "annealing_updates": 2500,
            "arguments": {"n_hiddens": [400], **LATENT_64, **SHALLOW, **recognition(0.7, 0.5, 0.9)},
            "training": SLOW,
        },
        "vosp_nade": {
            "n_updates": 3750,
            "annealing_updates": 1500,
            "arguments": recognition(0.8, 0.8, 0.8),
        },
        "vrae_published": {
            "n_updates": 15000,
            "annealing_updates": 2000,
            "arguments": LARGE,
            "training": COSINE,
        },
        "vosp_published": {
            "n_updates": 5000,
            "annealing_updates": 2000,
            "arguments": {**LARGE, "n_emission_hiddens": [400], "generative_p_keep": 0.8},
            "training": COSINE,
        },
    },
    "piano_midi": {
        "rnn": {"n_updates": 390, "arguments": {"n_hiddens": [250], **TANH}, "training": LONG_CHUNKS},
        "fdrnn": {
            "n_updates": 4080,
            "arguments": {"n_hiddens": [600], **TANH, **fast_dropout(0.25, 0.35, 0.15)},
            "training": CHUNKS,
        },
        "deep_fdrnn": {"n_updates": 4080, "arguments": fast_dropout(0.25, 0.35, 0.15)},  # not tried, likewise
        "fdrnn_nade": {
            "n_updates": 4080,
            "arguments": {"n_hiddens": [300], **fast_dropout(0.4, 0.5, 0.3)},
        },
        "vrae": {
            "n_updates": 4080,
            "annealing_updates": 2000,
            "arguments": {**LATENT_64, **recognition(0.5, 0.3, 0.7)},
        },
        "vosp": {
            "n_updates": 4080,
            "annealing_updates": 1500,
            "arguments": {**LATENT_64, **SHALLOW, **recognition(0.5, 0.3, 0.5)},
            "training": SLOW,
        },
        "vosp_nade": {
            "n_updates": 4080,
            "annealing_updates": 2000,
            "arguments": {"n_hiddens": [300], **recognition(0.5, 0.3, 0.4)},
        },
        "vrae_published": {
            "n_updates": 4080,
            "annealing_updates": 2000,
            "arguments": {"recognition_p_keep": 0.8, "generative_p_keep": 0.95},
            "training": COSINE,
        },
        "vosp_published": {
            "n_updates": 5100,
            "annealing_updates": 2000,
            "arguments": {**LARGE, "n_emission_hiddens": [400]},
            "training": COSINE,
        },
    },
    "musedata": {
        "rnn": {"n_updates": 3040, "arguments": {"n_hiddens": [150], **TANH}, "training": LONG_CHUNKS},
        "fdrnn": {
            "n_updates": 4080,
            "arguments": {"n_hiddens": [400], **TANH, **fast_dropout(0.6, 0.8, 0.4)},
            "training": CHUNKS,
        },
        "deep_fdrnn": {"n_updates": 4080, "arguments": fast_dropout(0.6, 0.8, 0.4)},  # not tried, likewise
        "fdrnn_nade": {
            "n_updates": 4080,
            "arguments": {"n_hiddens": [300], **fast_dropout(0.6, 0.7, 0.5)},
        },
        "vosp": {
            "n_updates": 6800,
            "annealing_updates": 2500,
            "arguments": {"n_hiddens": [400], **LATENT_64, **SHALLOW, **recognition(0.7, 0.5, 0.9)},
            "training": SLOW,
        },
        "vosp_nade": {
            "n_updates": 5100,
            "annealing_updates": 2000,
            "arguments": {"n_hiddens": [300], **recognition(0.6, 0.4, 0.5)},
        },
        "vrae_published": {"n_updates": 8500, "annealing_updates": 3000, "training": COSINE},
        "vosp_published": {"n_updates": 3400, "annealing_updates": 1133, "training": COSINE},
    },
}


def system_for(name, dataset):
    """A system as it is trained on a data set.

    Parameters
    ----------
    name : str
        A key of `SYSTEMS`.
    dataset : Dataset
        `PRESETS` are for the published content of a name alone.

    Returns
    -------
    System
    """
    system = scaled(SYSTEMS[name], dataset)
    preset = PRESETS.get(dataset.name, {}).get(name, {}) if dataset.verified else {}
    return replace(
        system,
        **{
            part: {**getattr(system, part), **value} if isinstance(value, dict) else value
            for part, value in preset.items()
        },
    )


def check_rolls(dataset, argument, what_to_do, missing=True):
    """Raise a ValueError unless all that is there is 0 or 1; unless `missing`, nothing may be missing."""
    if not dataset.is_of_zeros_and_ones:
        got = "is real-valued"
    elif dataset.has_missing and not missing:
        got = "has missing entries"
    else:
        return
    raise ValueError(f"{argument} must be binary, like piano rolls, {dataset.name} {got}: {what_to_do}")


def refuses(name, dataset):
    """Whether a system, or row, is impossible for a data set, since values are missing there."""
    system = SYSTEMS.get(name)
    has_nade = system and (system.model == "nade" or system.arguments.get("emission") == "nade")
    return bool(has_nade and dataset.has_missing)


def scaled(system, dataset):
    """A system with the numbers of updates for a data set of another size than that of the chorales."""
    if system.model == "hmm":
        return system
    factor = size_factor(batches_of_epoch(dataset))
    numbers = {name: round(factor * getattr(system, name)) for name in ("n_updates", "annealing_updates")}
    return replace(system, **numbers | {"n_updates": max(1, numbers["n_updates"])})


def size_factor(n_batches):
    """Number of updates relative to the chorales, if an epoch has this number of minibatches."""
    return math.sqrt(n_batches / N_BATCHES)


def batches_of_epoch(dataset):
    """Minibatches of an epoch, as most systems are trained."""
    settings = TrainingSettings()
    return n_batches(len(chunk(dataset.train, settings.chunk_length)), settings.batch_size)

"""The runs of a system: how a new one is configured, and which ones exist already."""

from dataclasses import asdict
from pathlib import Path

from breze_like.backends import accelerator, resolve
from breze_like.data import chunk
from breze_like.files import file_name
from breze_like.initialize import Initialization
from breze_like.quoting import shown_path
from breze_like.runs import Run
from breze_like.trained import bounds_nothing, describe
from breze_like.training import EMSettings, TrainingSettings, is_finished, n_batches
from experiments.paper.experiment import differences
from experiments.paper.presets import system_for
from experiments.paper.results import describe_run
from experiments.paper.systems import SYSTEMS

# About so many updates lie between two validations.
VALIDATE_EVERY = 65

# Draws of the latents for new scores; of the published objective, bounds only show that it is none.
N_DRAWS, N_DRAWS_OF_PUBLISHED = 500, 100


def make_config(system, dataset, given, options):
    """The configuration of a new run of a system, as `presets.system_for` the data set gives it."""
    missing = {"missing": "zero"} if dataset.has_missing else {}
    return {
        "model": system.model,
        "arguments": {"n_visible": dataset.n_features, **missing, **system.arguments},
        "initialization": {**asdict(Initialization()), **system.initialization},
        "training": make_settings(system, dataset, options.budget),
        "data": describe(dataset, given),
        "seed": options.seed,
        "backend": resolve(options.backend),
    }


def make_settings(system, dataset, budget):
    """How a system is trained, a dict; updates are turned into epochs of the data set."""
    if system.model == "hmm":
        return asdict(EMSettings(n_epochs=max(1, round(budget * system.n_updates)), **system.training))
    settings = TrainingSettings(**system.training)
    n_chunks = len(chunk(dataset.train, settings.chunk_length))
    of_epoch = n_batches(n_chunks, settings.batch_size)
    lengths = {
        "n_epochs": max(1, round(budget * system.n_updates / of_epoch)),
        "annealing_updates": round(budget * system.annealing_updates),
        "validate_every": max(1, round(VALIDATE_EVERY / of_epoch)),
    }
    return {**asdict(settings), **lengths}


def existing_run(folder, system, dataset):
    """The existing run of a system, or None.

    Raises
    ------
    ValueError
        If it is of another system or of other data. Its hyper-parameters may be any.
    """
    if not (folder / "config.json").exists():
        return None
    run = Run(folder)
    arguments = run.config.get("arguments", {})
    fixed = {
        "model": (run.config.get("model"), system.model),
        "kl": (arguments.get("kl", "exact"), system.arguments.get("kl", "exact")),
        "emission": (arguments.get("emission", "bernoulli"), system.arguments.get("emission", "bernoulli")),
    }
    for name, (found, expected) in fixed.items():
        if found != expected:
            raise ValueError(
                f"{folder} must hold a run with {name} {expected!r}, got {found!r}: choose another --out"
            )
    if run.config.get("data", {}).get("digests") != dataset.digests:
        raise ValueError(
            f"{folder} must hold a run on the data set {dataset.name}, but its data differ: choose "
            "another --out"
        )
    return run


def find_config(folder, system, dataset, given, options):
    """The configuration of the existing run of a system, or that of a new one."""
    run = existing_run(folder, system, dataset)
    return run.config if run else make_config(system, dataset, given, options)


def other_budget(run, system, dataset, budget):
    """A line if a run has another number of updates than the one asked for; else None."""
    training, asked = run.config["training"], make_settings(system, dataset, budget)
    if any(training.get(name) != asked.get(name) for name in ("batch_size", "chunk_length")):
        return None  # it is of a search, and has settings of its own
    length = asked.get("chunk_length")
    n_chunks = len(chunk(dataset.train, length)) if length else 1
    of_epoch = n_batches(n_chunks, asked.get("batch_size", 1))
    has, wanted = (some["n_epochs"] * of_epoch for some in (training, asked))
    return None if has == wanted else f"{run.folder} has {has} updates, {wanted} asked for: kept"


def trainable_together(configs):
    """Of the runs of a system, those that are better trained as one program, by `train_together`.

    These are all on a GPU, for which one of them is too small, if JAX compiles them, they are not finished,
    and differ in nothing but their seeds. On a CPU, which one of them keeps busy, there are none.

    Parameters
    ----------
    configs : dict of Path to dict
        Configurations, by the folders of their runs, which may not be there yet.

    Returns
    -------
    dict of Path to dict
    """
    found = {}
    for folder, config in configs.items():
        trained_by_fit = config["backend"] == "jax" and config["model"] != "hmm"
        finished = (folder / "config.json").exists() and is_finished(Run(folder))
        alike = all(differences(config, other) == ["seed"] for other in found.values())
        if trained_by_fit and alike and not finished:
            found[folder] = config
    return found if accelerator() and len(found) > 1 else {}


def best_run(folder, system):
    """The folder of a search's run with the best validation score; None if there is none.

    It is one that has come to its end, and was trained on the system's divergence: others don't compare.
    """
    scores = {}
    for path in sorted(Path(folder).glob("trial_*/config.json")):
        run = Run(path.parent)
        kl = run.config.get("arguments", {}).get("kl", "exact")
        if kl == system.arguments.get("kl", "exact") and is_finished(run):
            values = [e["valid_score"] for e in run.read_log() if e["valid_score"] is not None]
            if values:
                scores[run.folder] = min(values)
    return min(scores, key=scores.get, default=None)


def found_by_search(folder, name, dataset):
    """The `best_run` of a system's search on a data set."""
    return best_run(Path(folder) / file_name(dataset.name) / name, system_for(name, dataset))


def check_search(folder, datasets):
    """Raise a ValueError if the folder has no run that `found_by_search` finds on any of the data sets."""
    if not any(found_by_search(folder, name, dataset) for dataset in datasets for name in SYSTEMS):
        raise ValueError(
            "--search must be a folder with finished trials in DATASET/SYSTEM, such as "
            f"{shown_path(Path(folder) / file_name(datasets[0].name) / 'rnn')}, got {shown_path(folder)}"
        )


def draws_for(config):
    """Number of draws for new scores of a run."""
    return N_DRAWS_OF_PUBLISHED if bounds_nothing(config) else N_DRAWS


def done(run, n_draws=None):
    """`describe_run` of a run that is finished, and has test scores of its end; else None.

    Parameters
    ----------
    run : Run
    n_draws : int, optional
        At least so many draws of the latents make the scores, if draws do; by default as many as for new
        ones, or else as many as there are.
    """
    if not is_finished(run):
        return None
    result = describe_run(run, "test", n_draws or draws_for(run.config))
    enough = n_draws is None or result.get("n_samples", 0) >= n_draws
    scored = "nll" in result["scores"] or ("importance_sampled" in result["scores"] and enough)
    of_its_end = result.get("update") in [entry["update"] for entry in result["log"][-1:]]
    return result if scored and of_its_end else None

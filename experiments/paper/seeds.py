"""Several runs of one system with different seeds: where they are kept, and how they are combined.

The run of the first seed is in DATASET/SYSTEM, the others in DATASET/SYSTEM_seed2 and so on.
"""

import math
import re

AVERAGES = ("per_step", "per_sequence")


def place(system, seed, first):
    """The name of a seed's run; `first` is the first seed of all."""
    return system if seed == first else f"{system}_seed{seed}"


def system_of(name):
    """The system of a run, by the name that `place` gave it."""
    return re.sub(r"_seed\d+$", "", name)


def combine(results):
    """One result from those of all seeds: means of their scores, and their ranges.

    Parameters
    ----------
    results : list of dict
        As of `describe_run`, for one system and data set.

    Returns
    -------
    dict
        The first one, with the command of the last one, which is that of all seeds where one command made
        them, with ``"seeds"``, a list of all that have scores, and ``"n_diverged"``, how many have
        none. Of each score, both averages are means over the seeds, their standard errors those of these
        means, and ``"per_step_range"`` and ``"per_sequence_range"`` the least and the largest one; there
        are so many draws, and effective ones, as the worst has. ``"training_seconds"`` and ``"seconds"`` are
        sums. A single result has no ranges.
    """
    scored = [result for result in results if result["scores"]]
    about = {
        "seeds": [result["config"]["seed"] for result in scored or results],
        "n_diverged": len(results) - len(scored),
        "training_seconds": sum(result["log"][-1]["seconds"] for result in results if result["log"]),
        "seconds": sum(result.get("seconds", 0.0) for result in results),
    }
    if len(scored) < 2:
        return {**(scored or results)[0], **about}
    names = [name for name in scored[0]["scores"] if all(name in result["scores"] for result in scored)]
    scores = {name: _combine_scores([result["scores"][name] for result in scored]) for name in names}
    config = {**scored[0]["config"], "command": scored[-1]["config"].get("command")}
    return {**scored[0], **about, "config": config, "scores": scores}


def _combine_scores(kept):
    """The `averages` of several runs as one."""
    combined = {}
    for name in AVERAGES:
        values = [averages[name] for averages in kept]
        combined[name] = sum(values) / len(values)
        combined[f"{name}_range"] = [min(values), max(values)]
        errors = [averages.get(f"{name}_standard_error") for averages in kept]
        if None not in errors:
            combined[f"{name}_standard_error"] = math.hypot(*errors) / len(errors)
    for name in ("n_draws", "n_moves"):
        if all(name in averages for averages in kept):
            combined[name] = min(averages[name] for averages in kept)
    sizes = [averages["effective_draws"] for averages in kept if "effective_draws" in averages]
    if sizes:
        combined["effective_draws"] = {name: min(size[name] for size in sizes) for name in ("min", "median")}
    return combined

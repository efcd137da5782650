"""The result of a run, one dict: its scores and how they were obtained; and how it is printed."""

import time
from datetime import UTC, datetime

from breze_like.trained import bounds_nothing
from experiments.paper import collapse
from experiments.paper.averages import average_text, effective_text
from experiments.paper.kept_scores import MEANINGS, choose, join
from experiments.paper.scoring import in_draws, score

BOUNDS = ("bound", "objective", "importance_sampled", "particle_filter", "annealed")

# Scores that many draws make tighter: they are printed with the number of these.
WITH_DRAWS = BOUNDS[2:]

# Scores in the comparison of runs, and what they are called there.
COMPARED = {
    "nll": "exact",
    "bound": "upper bound",
    "importance_sampled": "importance sampled",
    "particle_filter": "particle filter",
    "annealed": "annealed importance sampling",
}


def evaluate(run, model, dataset, split, n_samples, progress=True):
    """Score a trained model on a split, save that in its run's scores.json, and return `describe_run`.

    Scores from other numbers of draws are kept there, too.
    """
    started, log = time.monotonic(), run.read_log()
    if not log:
        raise ValueError(
            f"{run.folder} has no entry in its log.jsonl, which says how far it was trained: restore it"
        )
    run.read_scores()  # what is wrong is said before work begins
    run.check_writable()
    scores = score(model, getattr(dataset, split), n_samples, progress=progress)
    # The update says whether the run has been trained further since.
    about = {"n_samples": n_samples, "update": log[-1]["update"]}
    about["seconds"] = round(time.monotonic() - started, 2)
    about["scored"] = datetime.now(UTC).isoformat(timespec="seconds")
    run.add_scores(split, {**scores, **about}, join)
    return with_warning(describe_run(run, split), dataset)


def with_warning(result, dataset):
    """The same with ``"warning"``, a line about what has collapsed, if something has."""
    line = collapse.describe(result["scores"], result["config"], dataset, result["split"])
    return result | {"warning": line} if line else result


def describe_run(run, split, n_draws=None):
    """All that is known about a run, one dict: ``"scores"`` of a split, and how, when and with what made.

    Of several scores, they are those that `choose` chooses by the number of draws.
    """
    kept = choose(run.read_scores().get(split, {}), n_draws, run.folder / "scores.json", split)
    scores = {name: kept.pop(name) for name in MEANINGS if name in kept}
    about = {"run": str(run.folder), "split": split, **kept}
    return {**about, "config": run.config, "log": run.read_log(), "scores": scores}


def rows(result):
    """Name and both averages of each score of a result; the published objective is not a score."""
    for name, kept in result["scores"].items():
        if name == "objective" and bounds_nothing(result["config"]):
            continue
        sign = "<" if name in BOUNDS else ""
        meaning = MEANINGS[name]
        if name in WITH_DRAWS:
            meaning += f", {in_draws(name, kept, result['n_samples'])}"
        yield meaning, *(average_text(kept, a, 3, sign) for a in ("per_step", "per_sequence"))


def remarks(result):
    """Lines below the table: warning, draws that count, nats per observed entry, the published objective."""
    said = [f"warning: {result['warning']}"] if "warning" in result else []
    said += effective_text(result["scores"].get("importance_sampled", {}))
    for name, kept in result["scores"].items():
        if name in COMPARED and "per_observed_entry" in kept:
            said.append(f"{MEANINGS[name]}: {kept['per_observed_entry']:.3f} nats per observed entry")
    if bounds_nothing(result["config"]):
        kept = result["scores"]["objective"]
        both = (average_text(kept, name, 3) for name in ("per_step", "per_sequence"))
        said.append("published objective, not a bound: {} per step, {} per sequence".format(*both))
    return said

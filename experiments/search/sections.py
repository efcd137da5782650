"""The tables of a report on a search: what was searched, the best trials, and those that failed."""

import os
from collections import Counter
from statistics import median
from urllib.parse import quote

from breze_like.models import MODELS
from breze_like.models.variational import VariationalModel
from breze_like.pictures.html import element, table
from breze_like.runs import Run
from experiments.paper.averages import average_text
from experiments.paper.results import BOUNDS, COMPARED
from experiments.paper.systems import PUBLISHED, SYSTEMS, TITLES
from experiments.search.charts import complete_scores, scores_at
from experiments.search.rungs import WHOLE, cost, named
from experiments.search.studies import attempts, is_void
from experiments.search.table import choices, duration

N_BEST_SHOWN = 10

# States of trials, by Optuna's names, and what they are called here.
STATES = {
    "COMPLETE": "complete",
    "PRUNED": "pruned",
    "FAIL": "failed",
    "RUNNING": "running",
    "WAITING": "waiting",
}


def section(title, words, *content):
    """A heading, a paragraph if there are words, and what else there is."""
    paragraph = element("p", words, class_="soft") if words else ""
    return element("section", element("h2", title), paragraph, *content)


def score_words(model, space):
    """What kind of number the validation scores of a system are."""
    system = SYSTEMS[model]
    if not issubclass(MODELS[system.model], VariationalModel):
        return "exact negative log-likelihood"
    is_published = "kl" not in space and system.arguments.get("kl") == PUBLISHED["kl"]
    return "published objective, not a bound" if is_published else "upper bound"


def summary(outcomes, model, space):
    """The best score in a sentence."""
    shown = ranked(outcomes)
    if not shown:
        return element("p", "No trial has been completed yet.")
    best = shown[0]
    score = element("b", f"{best.value:.3f} nats per time step")
    kind = score_words(model, space)
    return element("p", "Best: ", score, f" on the validation set ({kind}), by trial {best.number}.")


def searched(study, outcomes):
    """What was searched, and the state of the search."""
    attributes = study.user_attrs
    counts = Counter(outcome.state.name for outcome in outcomes)
    states = [f"{counts[name]} {title}" for name, title in STATES.items() if counts[name]]
    n_void = sum(is_void(attempt) for tries in attempts(study).values() for attempt in tries)
    facts = [
        ("data set", attributes["dataset"]),
        ("model", TITLES[attributes["model"]]),
        ("trials", f"{len(outcomes)}: {', '.join(states)}" if outcomes else "none yet"),
        *([("restarted", f"{n_void} times, after a process had died")] if n_void else []),
        (
            "training",
            duration(sum(outcome.seconds or 0 for outcome in outcomes)) + ", all trials together",
        ),
        *cost_so_far(outcomes, rungs_of(attributes)),
        *([("procedure", attributes["procedure"])] if "procedure" in attributes else []),
        ("budget", f"{attributes['budget']:g} times the updates of experiments.table1"),
        ("seed", attributes["seed"]),
        ("sampler", attributes["sampler"]),
        ("pruner", attributes["pruner"]),
        ("version", attributes["version"]),
    ]
    space = [(name, ", ".join(map(str, values))) for name, values in attributes["space"].items()]
    return section(
        "What was searched",
        "",
        table([("study", False), (study.study_name, False)], facts, "What was searched"),
        table([("hyper-parameter", False), ("choices", False)], space, "Space of the search"),
    )


def rungs_of(attributes):
    """The shares of a full training at which there are rungs, from what a study says of itself."""
    return tuple(attributes.get("rungs", WHOLE))


def cost_so_far(outcomes, shares):
    """A fact: how many full trainings all updates so far make, and all that will be needed; or none.

    Studies of older versions don't know.
    """
    done = sum(outcome.share for outcome in outcomes)
    if not done:
        return []
    of_all = f", of {cost(len(outcomes), shares):.3g} in all" if shares != WHOLE else ""
    return [("cost", f"{done:.3g} times a full training{of_all}")]


def rungs(outcomes, attributes):
    """A table of the rungs of successive halving, if there are any before the end."""
    shares = rungs_of(attributes)
    if shares == WHOLE:
        return ""
    lines = []
    for rung, share in enumerate(shares):
        bound_there = [outcome for outcome in outcomes if outcome.rung >= rung]
        n_failed = sum(outcome.state.name == "FAIL" and outcome.rung == rung for outcome in bound_there)
        scores = complete_scores(outcomes) if share == 1 else scores_at(outcomes, rung)
        shown = [f"{pick(scores.values()):.3f}" if scores else "" for pick in (min, median)]
        lines.append([named(share), len(bound_there), n_failed, len(scores), *shown])
    names = ("updates", "trials on the way", "failed on the way", "arrived", "best score", "median")
    return section(
        "Rungs",
        "Once all trials have reached a rung, the best quarter continues. Scores at a rung are on the "
        "validation set, with the weight that the divergence has at that point.",
        table([(name, name != "updates") for name in names], lines, "Rungs"),
    )


def ranked(outcomes):
    """Complete trials, the best first; among equals, the one with the lower number."""
    complete = [outcome for outcome in outcomes if outcome.state.name == "COMPLETE"]
    return sorted(complete, key=lambda outcome: (outcome.value, outcome.number))


def best(outcomes, space, folder, beside):
    """A table of the best trials.

    Parameters
    ----------
    outcomes : list of Outcome
    space : dict
        Of the study.
    folder : Path
        Of the study; runs lie in it.
    beside : Path
        Folder of the page, from which links to runs start.
    """
    shown = ranked(outcomes)[:N_BEST_SHOWN]
    if not shown:
        return ""
    head = [("trial", False), *((run_link(outcome, folder, beside), True) for outcome in shown)]
    lines = [["validation", *(f"{outcome.value:.3f}" for outcome in shown)]]
    tested = [test_scores(folder / outcome.run) for outcome in shown]
    for name in (name for name in COMPARED if any(name in scores for scores in tested)):
        lines.append([f"test, {COMPARED[name]}", *(scores.get(name, "") for scores in tested)])
    lines += [[name, *(str(outcome.params.get(name, "")) for outcome in shown)] for name in space]
    lines.append(["time", *(duration(outcome.seconds or 0) for outcome in shown)])
    command = element("code", f"python -m experiments.evaluate {folder / shown[0].run}")
    is_here = (folder / shown[0].run).is_dir()  # it may have been trained elsewhere
    return section(
        "Best trials",
        "Scores on the validation set, and on the test set if a run was evaluated, in nats per time step; "
        "lower is better. Trial numbers are links to the runs.",
        table(head, lines, "Best trials"),
        element("p", "To score a run on the test set: ", command) if is_here else "",
    )


def failed(outcomes, folder, beside):
    """A table of failed trials, with their reasons."""
    shown = [outcome for outcome in outcomes if outcome.state.name == "FAIL"]
    head = [("trial", False), ("reason", False), ("hyper-parameters", False)]
    lines = [[run_link(o, folder, beside), o.reason, choices(o.params)] for o in shown]
    return section("Failed trials", "", table(head, lines, "Failed trials") if lines else "None.")


def run_link(outcome, folder, beside):
    """A trial's number, a link to the folder of its run if that is there."""
    run = folder / outcome.run
    if not run.is_dir():
        return outcome.number
    place = quote(os.path.relpath(run.resolve(), beside.resolve()))
    return element("a", outcome.number, href=f"{place}/", title=outcome.run)


def test_scores(folder):
    """Texts of a run's scores of the test set, by the names of `COMPARED`; empty if it was not evaluated."""
    kept = Run(folder).read_scores().get("test", {}) if (folder / "config.json").is_file() else {}
    return {n: average_text(kept[n], "per_step", 3, "<" * (n in BOUNDS)) for n in COMPARED if n in kept}

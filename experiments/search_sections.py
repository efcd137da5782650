"""The tables of a report on a search: what was searched, the best trials, and those that failed."""

import os
from collections import Counter
from urllib.parse import quote

from breze_like.models import MODELS
from breze_like.models.variational import VariationalModel
from breze_like.runs import Run
from experiments.averages import average_text
from experiments.evaluate import BOUNDS
from experiments.pages import element, table
from experiments.report import COMPARED
from experiments.search import attempts, is_void
from experiments.search_table import choices, duration
from experiments.systems import PUBLISHED, SYSTEMS, TITLES

N_BEST = 10

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
        return element("p", "No trial is complete yet.")
    best = shown[0]
    score = element("b", f"{best.value:.3f} nats per time step")
    kind = score_words(model, space)
    return element("p", "Best: ", score, f" of the validation set, {kind}, by trial {best.number}.")


def searched(study, outcomes):
    """What was searched, and how far it is."""
    known = study.user_attrs
    counts = Counter(outcome.state.name for outcome in outcomes)
    states = [f"{counts[name]} {title}" for name, title in STATES.items() if counts[name]]
    n_void = sum(is_void(attempt) for tries in attempts(study).values() for attempt in tries)
    facts = [
        ("data set", known["dataset"]),
        ("model", TITLES[known["model"]]),
        ("trials", f"{len(outcomes)}: {', '.join(states)}" if outcomes else "none yet"),
        *([("begun again", f"{n_void} times, after the end of a process")] if n_void else []),
        (
            "training",
            duration(sum(outcome.seconds or 0 for outcome in outcomes)) + ", of all trials together",
        ),
        *([("procedure", known["procedure"])] if "procedure" in known else []),
        ("budget", f"{known['budget']:g} times the updates of experiments.table1"),
        ("seed", known["seed"]),
        ("sampler", known["sampler"]),
        ("pruner", known["pruner"]),
        ("version", known["version"]),
    ]
    space = [(name, ", ".join(map(str, values))) for name, values in known["space"].items()]
    return section(
        "What was searched",
        "",
        table([("study", False), (study.study_name, False)], facts, "What was searched"),
        table([("hyper-parameter", False), ("choices", False)], space, "Space of the search"),
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
    shown = ranked(outcomes)[:N_BEST]
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
    return section(
        "Best trials",
        "Scores of the validation set, and of the test set where a run was evaluated, in nats per time step; "
        "lower is better. Numbers of trials lead to their runs.",
        table(head, lines, "Best trials"),
        element("p", "Scores of the test set: ", command),
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
    known = Run(folder).read_scores().get("test", {}) if (folder / "config.json").is_file() else {}
    return {n: average_text(known[n], "per_step", 3, "<" * (n in BOUNDS)) for n in COMPARED if n in known}

"""The rows of Table 1, and how they are written: as text, Markdown, CSV and JSON.

Scores and published objectives never share a column. A score with "<" is an upper bound.
"""

import json
from dataclasses import asdict, dataclass, fields, replace

from breze_like.trained import bounds_nothing
from experiments.command_line import tables
from experiments.command_line.commands import portable
from experiments.paper.averages import text
from experiments.paper.collapse import floor
from experiments.paper.published import DATASETS, EXACT, OBJECTIVE, of_others, of_paper
from experiments.paper.row_notes import notes
from experiments.paper.scoring import in_draws
from experiments.paper.systems import FLOOR, TITLES


@dataclass(frozen=True)
class Row:
    """One estimate of the score of a system; None where there is nothing to say.

    Parameters
    ----------
    dataset : str
    verified : bool or None
        Whether the data are the published ones of this name.
    system, title : str
    estimator : str
    per_step, per_sequence : float
        Both averages of the estimate, nats per time step of the test set; means over the seeds.
    per_step_standard_error, per_sequence_standard_error : float
        Of a Monte Carlo estimate.
    per_step_range, per_sequence_range : list of float
        The least and the largest one, of several seeds.
    n_draws : int
        Of the latents, likewise.
    n_moves : int
        Of each of these draws, in annealed importance sampling.
    effective_draws : dict
        Of an importance sampled one, see `averages.averages`.
    published_objective, published_objective_standard_error, published_objective_range
        On the first row of a system that was trained on it, as of `per_step`.
    paper_exact, paper_published : float or str
        On the first row of a system, what the paper says: an exact score, or a published objective.
    others : str
        On the first row of a system, valid scores of others that compare with it.
    command : str
        Which trained the system.
    seed : int
    seeds : list of int
        All that the row is of.
    n_diverged : int
        How many others have no score.
    versions : dict
        Of packages.
    config : dict
        The rest of the run's configuration.
    n_updates : int
        Of one run.
    seconds, scoring_seconds : float
        That training and scoring took, of all seeds; all rows of a system say the same.
    """

    dataset: str
    verified: bool | None
    system: str
    title: str
    estimator: str
    per_step: float | None = None
    per_sequence: float | None = None
    per_step_standard_error: float | None = None
    per_sequence_standard_error: float | None = None
    per_step_range: list | None = None
    per_sequence_range: list | None = None
    n_draws: int | None = None
    n_moves: int | None = None
    effective_draws: dict | None = None
    published_objective: float | None = None
    published_objective_standard_error: float | None = None
    published_objective_range: list | None = None
    paper_exact: float | str | None = None
    paper_published: float | str | None = None
    others: str | None = None
    command: str | None = None
    seed: int | None = None
    seeds: list | None = None
    n_diverged: int = 0
    versions: dict | None = None
    config: dict | None = None
    n_updates: int | None = None
    seconds: float | None = None
    scoring_seconds: float | None = None


ESTIMATOR_TITLES = {
    "nll": "exact",
    "bound": "upper bound",
    "importance_sampled": "upper bound, importance sampled",
    "particle_filter": "upper bound, particle filter",
    "annealed": "upper bound, annealed importance sampling",
}
DIVERGED = "training diverged"

# Titles of the columns, by the name of the field. The paper's are there for its own data sets only.
TABLE_COLUMNS = {
    "title": "{}, test set, nats per time step",
    "estimator": "estimator",
    "per_step": "per step",
    "per_sequence": "per sequence",
    "published_objective": "published objective, not a bound",
}
PAPER_COLUMNS = {
    "paper_exact": "paper, exact",
    "paper_published": "paper, published objective, not a bound",
    "others": "others, valid",
}
NUMBERS = ("per_step", "per_sequence", "published_objective", "paper_exact", "paper_published")
SCORES = ("per_step", "per_sequence")
# Fields that CSV has no place for.
RANGES = ("per_step_range", "per_sequence_range", "published_objective_range")
NESTED = ("config", "versions", "effective_draws", "seeds", *RANGES)


def floor_row(dataset):
    """The score of independent notes with the frequencies of the training set."""
    score = floor(dataset.train, dataset.test)
    return Row(
        dataset.name, dataset.verified, FLOOR, TITLES[FLOOR], "exact", score.per_step, score.per_sequence
    )


def system_rows(dataset, name, result):
    """The rows of a trained system, one for each valid score; one row without numbers if it has none.

    Parameters
    ----------
    dataset : Dataset
    name : str
        A key of `SYSTEMS`.
    result : dict
        As of `describe_run` or, for several seeds, of `seeds.combine`.
    """
    config, scores = result["config"], result["scores"]
    about = {name: config[name] for name in ("seed", "versions")}
    about["command"] = portable(config["command"])
    about["config"] = {name: value for name, value in config.items() if name not in about}
    about |= {"seeds": result.get("seeds"), "n_diverged": result.get("n_diverged", 0)}
    if result["log"]:
        last = result["log"][-1]
        about |= {"n_updates": last["update"], "seconds": result.get("training_seconds", last["seconds"])}
    row = Row(dataset.name, dataset.verified, name, TITLES[name], DIVERGED, **about)
    rows = [
        replace(row, estimator=estimator(score, result), scoring_seconds=result["seconds"], **scores[score])
        for score in ESTIMATOR_TITLES
        if score in scores
    ]
    first, *others = rows or [row]
    if bounds_nothing(config) and scores:
        objective = scores["objective"]
        first = replace(
            first,
            published_objective=objective["per_step"],
            published_objective_standard_error=objective.get("per_step_standard_error"),
            published_objective_range=objective.get("per_step_range"),
        )
    return [replace(first, **paper(dataset, name)), *others]


def estimator(score, result):
    """The kind of a score, and its number of draws, if the result has it: for bounds, older ones don't."""
    n_samples = result["n_samples"] if score == "importance_sampled" else None
    draws = in_draws(score, result["scores"][score], n_samples)
    n_seeds = len(result.get("seeds", ()))
    return (
        ESTIMATOR_TITLES[score]
        + (f", {draws}" if draws else "")
        + (f"; {n_seeds} seeds" if n_seeds > 1 else "")
    )


def paper(dataset, name):
    """Published numbers for a system on a data set, if it is the published one, by the name of the field."""
    if not dataset.verified:
        return {}
    others = [f"{p.numbers[dataset.name]} {p.method}" for p in of_others(name, dataset.name)]
    return {
        "paper_exact": of_paper(name, dataset.name, EXACT),
        "paper_published": of_paper(name, dataset.name, OBJECTIVE),
        "others": ", ".join(others) or None,
    }


def columns(rows):
    """Titles of the columns of a table, by the name of the field."""
    comparable = rows[0].verified and rows[0].dataset in DATASETS
    others = any(row.others for row in rows)
    paper = {name: title for name, title in PAPER_COLUMNS.items() if name != "others" or others}
    return TABLE_COLUMNS | (paper if comparable else {})


def cell(row, column):
    """The text of a row's cell; a bound has a "<", an estimate its error, several seeds a range."""
    value = getattr(row, column)
    if value is None or isinstance(value, str):
        return value or ""
    sign = "<" if column in SCORES and row.estimator.startswith("upper bound") else ""
    number = text(value, getattr(row, f"{column}_standard_error", None), 2, sign)
    ends = getattr(row, f"{column}_range", None)
    return number + (" ({:.2f} to {:.2f})".format(*ends) if ends else "")


def cells(rows):
    """The table: a list of strings for the head, and one for each row."""
    titles = columns(rows)
    head = [title.format(rows[0].dataset) for title in titles.values()]
    return [head, *([cell(row, column) for column in titles] for row in rows)]


def as_text(rows):
    table = zip(*cells(rows), strict=True)
    named = zip(columns(rows), table, strict=True)
    aligned = [tables.numbers(c) if name in NUMBERS else tables.left(c) for name, c in named]
    return "".join(f"{line}\n" for line in tables.lines(aligned))


def as_markdown(rows):
    """The table with what made it: command, seed, versions, time."""
    return f"{markdown_table(rows)}\n\n{notes(rows)}\n"


def markdown_table(rows):
    head, *lines = cells(rows)
    return tables.markdown(head, lines, tables.rule_of([column in NUMBERS for column in columns(rows)]))


def as_csv(rows):
    """All columns but the nested ones, in full precision."""
    names = [field.name for field in fields(Row) if field.name not in NESTED]
    return tables.csv_of(names, ({name: getattr(row, name) for name in names} for row in rows))


def as_json(rows):
    """A list of objects, one for each row, in full precision."""
    return json.dumps([asdict(row) for row in rows], indent=2) + "\n"


# What earlier tables have in their first lines, and no other files.
MARKS = {
    ".txt": " test set, nats per time step ",
    ".md": " test set, nats per time step | estimator |",
    ".csv": "dataset,verified,system,title,estimator,",
    ".json": '"verified": ',
}
FORMATS = {".txt": as_text, ".md": as_markdown, ".csv": as_csv, ".json": as_json}

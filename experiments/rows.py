"""The rows of Table 1, and how they are written: as text, Markdown, CSV and JSON.

Scores and published objectives never share a column. A score with "<" is an upper bound.
"""

import csv
import io
import json
from dataclasses import asdict, dataclass, fields, replace

from breze_like.trained import bounds_nothing
from experiments.averages import aligned, text
from experiments.collapse import floor
from experiments.evaluate import portable
from experiments.systems import FLOOR, PAPER_DATASETS, PAPER_EXACT, PAPER_PUBLISHED, TITLES


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
        Both averages of the estimate, nats per time step of the test set.
    per_step_standard_error, per_sequence_standard_error : float
        Of a Monte Carlo estimate.
    n_draws : int
        Of the latents, likewise.
    effective_draws : dict
        Of an importance sampled one, see `averages.averages`.
    published_objective, published_objective_standard_error : float
        On the first row of a system that was trained on it, `per_step`.
    paper_exact, paper_published : float or str
        On the first row of a system, what the paper says: an exact score, or a published objective.
    command : str
        Which trained the system.
    seed : int
    versions : dict
        Of packages.
    config : dict
        The rest of the run's configuration.
    n_updates : int
    seconds, scoring_seconds : float
        That training and scoring took; all rows of a system say the same.
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
    n_draws: int | None = None
    effective_draws: dict | None = None
    published_objective: float | None = None
    published_objective_standard_error: float | None = None
    paper_exact: float | str | None = None
    paper_published: float | str | None = None
    command: str | None = None
    seed: int | None = None
    versions: dict | None = None
    config: dict | None = None
    n_updates: int | None = None
    seconds: float | None = None
    scoring_seconds: float | None = None


ESTIMATORS = {"nll": "exact", "bound": "upper bound", "importance_sampled": "upper bound, importance sampled"}
DIVERGED = "training diverged"

# Titles of the columns, by the name of the field. The paper's are there for its own data sets only.
COLUMNS = {
    "title": "{}, test set, nats per time step",
    "estimator": "estimator",
    "per_step": "per step",
    "per_sequence": "per sequence",
    "published_objective": "published objective, not a bound",
}
PAPER_COLUMNS = {"paper_exact": "paper, exact", "paper_published": "paper, published objective, not a bound"}
NUMBERS = ("per_step", "per_sequence", "published_objective", "paper_exact", "paper_published")
SCORES = ("per_step", "per_sequence")
# Fields that CSV has no place for.
NESTED = ("config", "versions", "effective_draws")
# With fewer effective draws, in the median, a score is said to depend on a few draws.
FEW_DRAWS = 10


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
        As of `describe_run`.
    """
    config, scores = dict(result["config"]), result["scores"]
    about = {name: config.pop(name) for name in ("seed", "versions")}
    about["command"] = portable(config.pop("command"))
    about["config"] = config
    if result["log"]:
        about |= {"n_updates": result["log"][-1]["update"], "seconds": result["log"][-1]["seconds"]}
    row = Row(dataset.name, dataset.verified, name, TITLES[name], DIVERGED, **about)
    rows = [
        replace(row, estimator=estimator(score, result), scoring_seconds=result["seconds"], **scores[score])
        for score in ESTIMATORS
        if score in scores
    ]
    first, *others = rows or [row]
    if bounds_nothing(config) and scores:
        objective = scores["objective"]
        first = replace(
            first,
            published_objective=objective["per_step"],
            published_objective_standard_error=objective.get("per_step_standard_error"),
        )
    return [replace(first, **paper(dataset, name)), *others]


def estimator(score, result):
    """What a score is, and of how many draws, as far as the result says so: older ones don't of bounds."""
    n_draws = result["scores"][score].get("n_draws")
    if score == "importance_sampled":
        n_draws = n_draws or result["n_samples"]
    return ESTIMATORS[score] + (f", {n_draws} draws" if n_draws else "")


def paper(dataset, name):
    """What the paper says of a system on a data set, if it is the published one, by the name of the field."""
    said = {}
    for field, numbers in (("paper_exact", PAPER_EXACT), ("paper_published", PAPER_PUBLISHED)):
        if dataset.verified and dataset.name in numbers.get(name, {}):
            number = numbers[name][dataset.name]
            said[field] = "did not finish" if number is None else number
    return said


def columns(rows):
    """Titles of the columns of a table, by the name of the field."""
    comparable = rows[0].verified and rows[0].dataset in PAPER_DATASETS
    return COLUMNS | (PAPER_COLUMNS if comparable else {})


def cell(row, column):
    """What stands in a row's cell; a bound has a "<", an estimate its standard error."""
    value = getattr(row, column)
    if value is None or isinstance(value, str):
        return value or ""
    sign = "<" if column in SCORES and row.estimator.startswith("upper bound") else ""
    return text(value, getattr(row, f"{column}_standard_error", None), 2, sign)


def cells(rows):
    """The table: a list of strings for the head, and one for each row."""
    titles = columns(rows)
    head = [title.format(rows[0].dataset) for title in titles.values()]
    return [head, *([cell(row, column) for column in titles] for row in rows)]


def as_text(rows):
    table = zip(*cells(rows), strict=True)
    named = zip(columns(rows), table, strict=True)
    texts = [aligned(c) if name in NUMBERS else left(c) for name, c in named]
    return "".join("  ".join(line).rstrip() + "\n" for line in zip(*texts, strict=True))


def left(cells):
    """Texts of a column, all of one length, aligned on their left."""
    return [cell.ljust(max(map(len, cells))) for cell in cells]


def as_markdown(rows):
    """The table with what made it: command, seed, versions, time."""
    head, *lines = cells(rows)
    rule = ["--:" if column in NUMBERS else "---" for column in columns(rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))
    return f"{table}\n\n{notes(rows)}\n"


def notes(rows):
    """A sentence on data and time, and one for each way in which some of the systems were made."""
    runs = {row.system: row for row in rows if row.command}.values()
    verified = {True: "verified by digest", False: "not the published ones", None: "not verified"}
    said = [f"Data: {rows[0].dataset}, {verified[rows[0].verified]}."]
    if runs:
        minutes = sum((run.seconds or 0) + (run.scoring_seconds or 0) for run in runs) / 60
        said[0] += f" Training and scoring took {minutes:.1f} minutes in all."

    if any(row.per_step_standard_error is not None for row in rows):
        said.append('"±" is the standard error that the draws of the latents make.')
    said += few_draws(rows)

    def made(run):
        versions = ", ".join(f"{name} {version}" for name, version in run.versions.items() if version)
        return f"`{run.command}`; seed {run.seed}; {versions}."

    ways = {}
    for run in runs:
        ways.setdefault(made(run), []).append(run.system)
    said += [way if len(ways) == 1 else f"{', '.join(names)}: {way}" for way, names in ways.items()]
    return "\n\n".join(said)


def few_draws(rows):
    """A list of a sentence about scores that depend on few draws; of none if there are none."""
    sizes = {row.title: row.effective_draws["median"] for row in rows if row.effective_draws}
    few = ", ".join(f"{title} ({size:.1f})" for title, size in sizes.items() if size < FEW_DRAWS)
    if not few:
        return []
    return [
        "A few draws have nearly all of the weight in these importance sampled scores, which are too high by "
        f"more than their standard errors say (in brackets a sequence's effective draws, the median): {few}."
    ]


def as_csv(rows):
    """All columns but the nested ones, in full precision."""
    names = [field.name for field in fields(Row) if field.name not in NESTED]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(asdict, rows))
    return stream.getvalue()


def as_json(rows):
    """A list of objects, one for each row, in full precision."""
    return json.dumps([asdict(row) for row in rows], indent=2) + "\n"


FORMATS = {".txt": as_text, ".md": as_markdown, ".csv": as_csv, ".json": as_json}

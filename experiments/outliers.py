"""Find sequences, and steps in them, that are improbable under a trained model.

    python -m experiments.outliers runs/table1/chorales/vosp --out results
    python -m experiments.outliers runs/table1/chorales/vosp songs --out results

Scores are in nats per time step, the highest ones first. The results are a table, outliers.csv, the scores of
all steps in outliers.json, and a picture of the first sequences with those of their steps.
"""

import json

import numpy as np
from matplotlib.figure import Figure

from breze_like.pictures.figures import plain
from breze_like.tasks import outlier_scores
from breze_like.tasks.outliers import ESTIMATORS
from experiments import command_line
from experiments.command_line import tables
from experiments.command_line.arguments import add_count, parse, refuse_unused
from experiments.music.task import Task, make_parser

FILES = ("outliers.csv", "outliers.json", "outliers.png")


def ranking(names, scores):
    """A row for each sequence, a dict, in descending order of the scores' `ranks`.

    Parameters
    ----------
    names : list of str
    scores : OutlierScores
    """
    order = np.argsort(-scores.ranks, kind="stable")
    per_entry = None if scores.n_observed is None else scores.per_observed_entry
    return [
        {
            "sequence": names[index],
            "nats_per_step": float(scores.sequences[index]),
            **({} if per_entry is None else {"nats_per_observed_entry": float(per_entry[index])}),
            "n_steps": len(scores.steps[index]),
            "worst_step": int(scores.steps[index].argmax()),
            "worst_nats": float(scores.steps[index].max()),
            "steps": scores.steps[index].tolist(),
        }
        for index in order
    ]


def as_text(rows):
    """The table to print."""
    per_entry = [
        tables.right(["nats per entry", *(f"{row['nats_per_observed_entry']:.3f}" for row in rows)])
        for _ in range("nats_per_observed_entry" in rows[0])
    ]
    columns = [
        tables.left(["sequence", *(row["sequence"] for row in rows)]),
        tables.right(["nats per step", *(f"{row['nats_per_step']:.3f}" for row in rows)]),
        *per_entry,
        tables.right(["steps", *(str(row["n_steps"]) for row in rows)], width=6),
        tables.right(["worst step", *(str(row["worst_step"]) for row in rows)]),
        tables.right(["nats", *(f"{row['worst_nats']:.2f}" for row in rows)], width=8),
    ]
    return "\n".join(tables.lines(columns, between=" "))


def as_csv(rows):
    """The table without the steps, in full precision."""
    names = [name for name in rows[0] if name != "steps"]
    return tables.csv_of(names, ({name: row[name] for name in names} for row in rows))


def draw(rows):
    """The scores of the steps of some sequences.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9, 0.6 + 1.5 * len(rows)), layout="constrained")
    for axes, row in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], rows, strict=True):
        axes.step(np.arange(row["n_steps"] + 1), [*row["steps"], row["steps"][-1]], where="post", linewidth=1)
        axes.axhline(row["nats_per_step"], color="0.6", linewidth=1)
        axes.plot(row["worst_step"] + 0.5, row["worst_nats"], "o", color="#d62728", markersize=4)
        axes.set(title=f"{plain(row['sequence'])}: {row['nats_per_step']:.2f} nats per step", ylabel="nats")
        axes.set_xlim(0, row["n_steps"])
    axes.set_xlabel("time step")
    return figure


def main(arguments=None):
    parser = make_parser(__doc__)
    add = parser.add_argument
    add_count(parser, "--draws", 10, "draws of the latents for the estimate (10)")
    add("--estimator", default="bound", choices=sorted(ESTIMATORS), help="for models with latents (bound)")
    add_count(parser, "--show", 6, "number of sequences in the picture (6)")
    options = parse(parser, arguments)
    task = Task(options)
    if not task.model.has_latents:
        refuse_unused(options, "for a model with exact scores", "draws", "estimator")
    task.results.reserve([], 0, FILES)
    sequences = list(task.sequences.values())
    scores = outlier_scores(task.model, sequences, task.rng, options.draws, options.estimator)
    rows = ranking(list(task.sequences), scores)
    task.results.write_text("outliers.csv", as_csv(rows))
    task.results.write_text("outliers.json", json.dumps(rows, indent=1) + "\n")
    task.results.write_picture("outliers.png", draw(rows[: options.show]))
    print(as_text(rows))
    return 0


if __name__ == "__main__":
    command_line.run(main, "files already written are kept; run the same command with --force to start over")

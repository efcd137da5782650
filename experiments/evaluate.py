"""Score trained runs on sequences that are not cut.

    python -m experiments.evaluate runs/first [--split test] [--n-draws 2000] [--json]
    python -m experiments.evaluate runs/* --report runs/scores.md

Scores are in nats per time step; lower is better. A score with "<" is an upper bound on the negative
log-likelihood; "±" precedes the standard error due to the draws of the latents. The published objective is
not a score, and has a line of its own. Ctrl-C leaves the scores of a run as they were, unless all its new
ones are there.
"""

import json
from pathlib import Path

from breze_like.data import SPLITS
from breze_like.quoting import shown_path
from breze_like.trained import load
from experiments import command_line
from experiments.command_line import tables
from experiments.command_line.arguments import (
    NotNegative,
    Parser,
    add_data_of_run,
    data_of_run,
    parse,
    refuse_unused,
)
from experiments.command_line.commands import portable
from experiments.command_line.reports import add_report, check_report, write_report
from experiments.paper.results import evaluate, remarks, rows


def as_text(result):
    names, *numbers = zip(("", "per step", "per sequence"), *rows(result), strict=True)
    table = tables.lines([tables.left(names), *map(tables.numbers, numbers)])
    head = f"{shown_path(result['run'])}: {result['split']} set of {result['config']['data']['name']}"
    return "\n".join([head, *table, *remarks(result)])


def as_markdown(result):
    """A section with scores, command, configuration, duration and versions."""
    config = result["config"]
    last = result["log"][-1]
    head = [f"{result['split']} set, nats per time step", "per step", "per sequence"]
    return "\n".join(
        [
            f"## {tables.inline(config['data']['name'])}: {config['model']}, "
            + tables.inline(Path(result["run"]).name),
            "",
            tables.markdown(head, rows(result), "|---|---|---|"),
            "",
            *(f"{line[0].upper()}{line[1:]}.\n" for line in remarks(result)),
            *([f"`{portable(config['command'])}`", ""] if "command" in config else []),
            f"Seed {config['seed']}; {last['epoch']} epochs, {last['update']} updates in "
            f"{last['seconds'] / 60:.1f} minutes; data "
            f"{'verified by digest' if config['data']['verified'] else 'not verified'}; "
            + ", ".join(f"{name} {version}" for name, version in config["versions"].items())
            + ".",
            "",
        ]
    )


def main(arguments=None):
    parser = Parser(__doc__)
    parser.add_argument("runs", nargs="+", help="folders of runs")
    parser.add_argument("--split", default="test", choices=SPLITS)
    parser.add_argument(
        "--n-draws",
        "--samples",
        type=int,
        default=2000,
        action=NotNegative,
        help="number of draws of the latents (2000); 0: no importance sampled estimate",
    )
    add_data_of_run(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, one object for each run")
    add_report(parser, "write a Markdown report of the runs to this file")
    options = parse(parser, arguments)
    check_report(options, " set, nats per time step | per step | per sequence |")
    results = []
    for folder in options.runs:
        run, model, dataset = load(folder, **data_of_run(options))
        if not model.has_latents and len(options.runs) == 1:
            refuse_unused(options, "for a model with exact scores", "n_draws")
        results.append(evaluate(run, model, dataset, options.split, options.n_draws))
        print(json.dumps(results[-1]) if options.json else as_text(results[-1]), flush=True)
    if options.report is not None:
        write_report(options, "\n".join(map(as_markdown, results)))
    return 0


if __name__ == "__main__":
    command_line.run(
        main, "scores printed above are saved, others are unchanged; run the same command to start over"
    )

"""Score trained runs on sequences that are not cut.

    python -m experiments.evaluate runs/first [--split test] [--samples 50] [--json]
    python -m experiments.evaluate runs/* --report experiments/results/jsb_chorales.md

Scores are in nats per time step, lower is better. A score with "<" is an upper bound of the negative
log-likelihood.
"""

import argparse
import json
import shlex
from pathlib import Path

from experiments import command_line
from experiments.experiment import bounds_nothing, load, score

MEANINGS = {
    "nll": "negative log-likelihood, exact",
    "bound": "variational bound, exact divergence",
    "kl": "its divergence",
    "reconstruction": "its reconstruction",
    "objective": "training objective",
    "importance_sampled": "importance sampled",
}
BOUNDS = ("bound", "importance_sampled")


def evaluate(folder, split, n_samples, data_dir=None):
    """Score a run, add the scores to its scores.json, and return what describes it: one dict."""
    run, model, dataset = load(folder, data_dir)
    scores = score(model, getattr(dataset, split), n_samples)
    run.write_scores({**run.read_scores(), split: {**scores, "n_samples": n_samples}})
    return {
        "run": str(folder),
        "split": split,
        "n_samples": n_samples,
        "config": run.config,
        "log": run.read_log(),
        "scores": scores,
    }


def rows(result):
    """Name, both averages and kind of each score of a result."""
    for name, averages in result["scores"].items():
        meaning = MEANINGS[name]
        if name == "objective" and bounds_nothing(result["config"]):
            meaning = "published objective, not a bound"
        sign = "<" if name in BOUNDS else ""
        yield meaning, f"{sign}{averages['per_step']:.3f}", f"{sign}{averages['per_sequence']:.3f}"


def as_text(result):
    lines = [
        f"{result['run']}: {result['split']} set of {result['config']['data']['name']}",
        f"{'':36s} {'per step':>10s} {'per sequence':>13s}",
    ]
    return "\n".join(lines + [f"{name:36s} {a:>10s} {b:>13s}" for name, a, b in rows(result)])


def as_markdown(result):
    """A section with scores, command, configuration, duration and versions."""
    config = result["config"]
    last = result["log"][-1]
    command = portable(["python", "-m", "experiments.train", *config["command"][1:]])
    return "\n".join(
        [
            f"## {config['data']['name']}: {config['model']}, {Path(result['run']).name}",
            "",
            f"| {result['split']} set, nats per time step | per step | per sequence |",
            "|---|---|---|",
            *(f"| {name} | {a} | {b} |" for name, a, b in rows(result)),
            "",
            f"`{command}`",
            "",
            f"Seed {config['seed']}; {last['epoch']} epochs, {last['update']} updates in "
            f"{last['seconds'] / 60:.0f} minutes; "
            f"importance sampling with {result['n_samples']} draws; data "
            f"{'verified by digest' if config['data']['verified'] else 'not verified'}; "
            + ", ".join(f"{name} {version}" for name, version in config["versions"].items())
            + ".",
            "",
        ]
    )


def portable(words):
    """A command line as one would type it elsewhere: without the folder of the data, and runs in ``runs``."""
    words = list(words)
    if "--data-dir" in words:
        place = words.index("--data-dir")
        del words[place : place + 2]
    if "--out" in words:
        place = words.index("--out") + 1
        words[place] = f"runs/{Path(words[place]).name}"
    return shlex.join(words)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", help="folders of runs")
    parser.add_argument("--split", default="test", choices=("train", "valid", "test"))
    parser.add_argument(
        "--samples", type=int, default=50, help="draws of the importance sampled estimate; 0: none"
    )
    parser.add_argument("--data-dir", help="folder of the standard data sets; else $BREZE_LIKE_DATA")
    parser.add_argument("--json", action="store_true", help="print JSON, one object for each run")
    parser.add_argument("--report", help="write a Markdown report of the runs to this file")
    options = parser.parse_args(arguments)
    if options.samples < 0:
        raise ValueError(f"--samples must not be negative, got {options.samples}")
    results = []
    for folder in options.runs:
        results.append(evaluate(folder, options.split, options.samples, options.data_dir))
        print(json.dumps(results[-1]) if options.json else as_text(results[-1]), flush=True)
    if options.report:
        Path(options.report).write_text("\n".join(as_markdown(r) for r in results))
    return 0


if __name__ == "__main__":
    command_line.run(main)

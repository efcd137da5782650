"""Score trained runs on sequences that are not cut.

    python -m experiments.evaluate runs/first [--split test] [--samples 50] [--json]
    python -m experiments.evaluate runs/* --report experiments/results/jsb_chorales.md

Scores are in nats per time step, lower is better. A score with "<" is an upper bound of the negative
log-likelihood. The published objective is no score: it stands on a line of its own.
"""

import argparse
import json
import shlex
import time
from datetime import UTC, datetime
from pathlib import Path

from breze_like.files import replacing
from breze_like.trained import bounds_nothing, load
from experiments import command_line
from experiments.experiment import score

MEANINGS = {
    "nll": "negative log-likelihood, exact",
    "bound": "variational bound, exact divergence",
    "kl": "its divergence",
    "reconstruction": "its reconstruction",
    "objective": "training objective",
    "importance_sampled": "importance sampled",
}
BOUNDS = ("bound", "objective", "importance_sampled")


def evaluate(run, model, dataset, split, n_samples):
    """Score a trained model on a split, save that in its run's scores.json, and return `describe_run`."""
    started = time.monotonic()
    scores = score(model, getattr(dataset, split), n_samples)
    # The update says whether the run has been trained further since.
    about = {"n_samples": n_samples, "update": run.read_log()[-1]["update"]}
    about["seconds"] = round(time.monotonic() - started, 2)
    about["scored"] = datetime.now(UTC).isoformat(timespec="seconds")
    run.write_scores({**run.read_scores(), split: {**scores, **about}})
    return describe_run(run, split)


def describe_run(run, split):
    """All that is known of a run, one dict: ``"scores"`` of a split, and how, when and with what."""
    known = run.read_scores().get(split, {})
    scores = {name: known.pop(name) for name in MEANINGS if name in known}
    about = {"run": str(run.folder), "split": split, **known}
    return {**about, "config": run.config, "log": run.read_log(), "scores": scores}


def rows(result):
    """Name and both averages of each score of a result; the published objective is none."""
    meanings = MEANINGS | {"importance_sampled": f"importance sampled, {result['n_samples']} draws"}
    for name, averages in result["scores"].items():
        if name == "objective" and bounds_nothing(result["config"]):
            continue
        sign = "<" if name in BOUNDS else ""
        yield meanings[name], f"{sign}{averages['per_step']:.3f}", f"{sign}{averages['per_sequence']:.3f}"


def published(result):
    """The line about the published objective: a list, empty for a run that was trained on something else."""
    if not bounds_nothing(result["config"]):
        return []
    averages = result["scores"]["objective"]
    return [
        f"published objective, not a bound: {averages['per_step']:.3f} per step, "
        f"{averages['per_sequence']:.3f} per sequence"
    ]


def as_text(result):
    lines = [
        f"{result['run']}: {result['split']} set of {result['config']['data']['name']}",
        f"{'':36s} {'per step':>10s} {'per sequence':>13s}",
    ]
    lines += [f"{name:36s} {a:>10s} {b:>13s}" for name, a, b in rows(result)]
    return "\n".join(lines + published(result))


def as_markdown(result):
    """A section with scores, command, configuration, duration and versions."""
    config = result["config"]
    last = result["log"][-1]
    return "\n".join(
        [
            f"## {config['data']['name']}: {config['model']}, {Path(result['run']).name}",
            "",
            f"| {result['split']} set, nats per time step | per step | per sequence |",
            "|---|---|---|",
            *(f"| {name} | {a} | {b} |" for name, a, b in rows(result)),
            "",
            *(f"{line[0].upper()}{line[1:]}.\n" for line in published(result)),
            f"`{portable(config['command'])}`",
            "",
            f"Seed {config['seed']}; {last['epoch']} epochs, {last['update']} updates in "
            f"{last['seconds'] / 60:.1f} minutes; data "
            f"{'verified by digest' if config['data']['verified'] else 'not verified'}; "
            + ", ".join(f"{name} {version}" for name, version in config["versions"].items())
            + ".",
            "",
        ]
    )


def portable(command):
    """A script's `sys.argv` as one would type it elsewhere: without data and report, and runs in ``runs``."""
    words = ["python", "-m", f"experiments.{Path(command[0]).stem}", *command[1:]]
    for name in ("--data-dir", "--report"):
        if name in words:
            place = words.index(name)
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
        run, model, dataset = load(folder, options.data_dir)
        results.append(evaluate(run, model, dataset, options.split, options.samples))
        print(json.dumps(results[-1]) if options.json else as_text(results[-1]), flush=True)
    if options.report:
        Path(options.report).parent.mkdir(parents=True, exist_ok=True)
        with replacing(options.report) as stream:
            stream.write("\n".join(map(as_markdown, results)).encode())
    return 0


if __name__ == "__main__":
    command_line.run(main)

"""Score trained runs on sequences that are not cut.

    python -m experiments.evaluate runs/first [--split test] [--n-draws 2000] [--json]
    python -m experiments.evaluate runs/* --report experiments/results/jsb_chorales.md

Scores are in nats per time step, lower is better. A score with "<" is an upper bound of the negative
log-likelihood, what follows "±" is the standard error that the draws of the latents make. The published
objective is no score: it stands on a line of its own. Ctrl-C leaves the scores of a run as they were, until
all its new ones are there.
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
from experiments.averages import aligned, average_text, effective_text
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


def evaluate(run, model, dataset, split, n_samples, progress=True):
    """Score a trained model on a split, save that in its run's scores.json, and return `describe_run`."""
    started = time.monotonic()
    scores = score(model, getattr(dataset, split), n_samples, progress=progress)
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
    for name, kept in result["scores"].items():
        if name == "objective" and bounds_nothing(result["config"]):
            continue
        sign = "<" if name in BOUNDS else ""
        yield meanings[name], *(average_text(kept, a, 3, sign) for a in ("per_step", "per_sequence"))


def remarks(result):
    """Lines below the table: the published objective, if it is that, and how many draws count."""
    said = effective_text(result["scores"].get("importance_sampled", {}))
    if bounds_nothing(result["config"]):
        kept = result["scores"]["objective"]
        both = (average_text(kept, name, 3) for name in ("per_step", "per_sequence"))
        said.append("published objective, not a bound: {} per step, {} per sequence".format(*both))
    return said


def as_text(result):
    names, *numbers = zip(("", "per step", "per sequence"), *rows(result), strict=True)
    width = max(map(len, names))
    columns = [[f"{name:{width}}" for name in names], *map(aligned, numbers)]
    table = ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]
    head = f"{result['run']}: {result['split']} set of {result['config']['data']['name']}"
    return "\n".join([head, *table, *remarks(result)])


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
            *(f"{line[0].upper()}{line[1:]}.\n" for line in remarks(result)),
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
        "--n-draws",
        "--samples",
        type=int,
        default=2000,
        help="draws of the latents (2000); 0: no importance sampled estimate",
    )
    parser.add_argument("--data-dir", help="folder of the standard data sets; else $BREZE_LIKE_DATA")
    parser.add_argument("--json", action="store_true", help="print JSON, one object for each run")
    parser.add_argument("--report", help="write a Markdown report of the runs to this file")
    options = parser.parse_args(arguments)
    if options.n_draws < 0:
        raise ValueError(f"--n-draws must not be negative, got {options.n_draws}")
    results = []
    for folder in options.runs:
        run, model, dataset = load(folder, options.data_dir)
        results.append(evaluate(run, model, dataset, options.split, options.n_draws))
        print(json.dumps(results[-1]) if options.json else as_text(results[-1]), flush=True)
    if options.report:
        Path(options.report).parent.mkdir(parents=True, exist_ok=True)
        with replacing(options.report) as stream:
            stream.write("\n".join(map(as_markdown, results)).encode())
    return 0


if __name__ == "__main__":
    command_line.run(main, "the same command begins anew")

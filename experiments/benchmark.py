"""Time and memory of the library, next to the same models in JAX and PyTorch, and as a fraction of the limit.

    python -m experiments.benchmark --report runs/benchmark/report.md
    python -m experiments.benchmark --quick --parts step compile

All installed systems are measured in one run, taking turns, each in a separate process. The report is
Markdown; a chart and the results as JSON are written next to it. If JAX sees a GPU, it is used, with
different default sizes.

The limit is the time that the arithmetic of the models' matrix products would take at the best rate of
all cores.
"""

import json
import os
import platform
import re
import sys
from datetime import date
from pathlib import Path

from breze_like import data
from breze_like.pictures import figures
from experiments import command_line
from experiments.benchmarks import report
from experiments.benchmarks.parts import LIBRARY, PARTS, PEERS, describe
from experiments.benchmarks.peers.problem import MODELS
from experiments.command_line.arguments import Parser
from experiments.command_line.commands import portable
from experiments.command_line.reports import add_report, check_files, write_text

# What reports say of where they come from.
COMMAND = "python -m experiments.benchmark"

# Sizes on a CPU, on a GPU, and to see quickly whether everything works. Test sequences are counted.
ON_CPU = {
    "n_hiddens": [200, 400, 600],
    "batch_sizes": [16, 64, 256],
    "lengths": [100, 200, 400, 800, 1600, 3200],
    "test_sequences": 1000,
    "rounds": 9,
    "n_members": 8,
    "member_n_hidden": 50,
    "member_batch_size": 16,
}
ON_GPU = ON_CPU | {
    "n_hiddens": [600],
    "batch_sizes": [256],
    "n_members": 64,
    "member_n_hidden": 200,
    "member_batch_size": 32,
}
QUICK = {
    "n_hiddens": [200],
    "batch_sizes": [16],
    "lengths": [100, 200],
    "test_sequences": 8,
    "rounds": 3,
    "n_members": 4,
    "member_n_hidden": 20,
    "member_batch_size": 8,
}


def make_parser():
    parser = Parser(__doc__)
    add = parser.add_argument
    add("--json", action="store_true", help="print JSON instead of tables")
    add("--quick", action="store_true", help="small sizes, few rounds")
    add("--parts", nargs="+", choices=list(PARTS), default=list(PARTS), help="what to measure")
    add("--systems", nargs="+", choices=PEERS, help="systems to measure; ratios are to the first (all)")
    add("--models", nargs="+", choices=MODELS, default=list(MODELS), help="which models")
    add("--n-hiddens", nargs="+", type=int, help="numbers of hidden units")
    add("--batch-sizes", nargs="+", type=int, help="sequences in a minibatch")
    add("--n-steps", type=int, default=100, help="time steps of a training step")
    add("--lengths", nargs="+", type=int, help="time steps, where time and memory are measured against them")
    add("--test-sequences", type=int, help="how many of the chorales' test set to evaluate")
    add("--n-members", type=int, help="models of a population")
    add("--member-n-hidden", type=int, help="number of hidden units of each")
    add("--member-batch-size", type=int, help="sequences in a minibatch of each")
    add("--rounds", type=int, help="rounds, in each of which every system runs once")
    add("--seconds", type=float, default=120.0, help="no new round of a comparison starts after so many")
    add_report(parser, "write tables to this Markdown file, with a chart and JSON next to it")
    return parser


def parse(arguments):
    options = make_parser().parse_args(arguments)
    for name, value in vars(options).items():
        numbers = value if isinstance(value, list) else [value]
        if any(isinstance(n, int | float) and not isinstance(n, bool) and n <= 0 for n in numbers):
            raise ValueError(f"--{name.replace('_', '-')} must be positive, got {value}")
    if options.report:
        check_report(Path(options.report), options.force)
    return options


def complete(options, on_gpu):
    """Fill in sizes that are not given."""
    defaults = QUICK if options.quick else ON_GPU if on_gpu else ON_CPU
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    sequences = data.load("chorales").test[: options.test_sequences]
    options.test_lengths = [len(sequence) for sequence in sequences]


def machine():
    """What the numbers depend on, in words."""
    cpuinfo = Path("/proc/cpuinfo")
    match = re.search("model name.*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    name = match[1] if match else platform.processor()
    return f"{date.today()}: {os.cpu_count()} cores, {name}, load {os.getloadavg()[0]:.1f} before"


def places(report):
    """The places of a report and of the files next to it."""
    return {kind: report.with_suffix(f".{kind}") for kind in ("png", "json")} | {"md": report}


def check_report(report, force):
    """Raise a ValueError if files can't be written, or are there that are not of this script."""
    if report.suffix in (".png", ".json"):
        raise ValueError(f"--report must be Markdown, got {report}: JSON and a chart are written next to it")
    marks = {"md": COMMAND, "json": COMMAND, "png": figures.MARK}
    check_files(
        report.parent, {places(report)[kind].name: mark for kind, mark in marks.items()}, force, "--report"
    )


def save(results, path):
    """Write the report, and the chart and the JSON next to it; each file whole or not at all."""
    place = places(Path(path))
    place["md"].parent.mkdir(parents=True, exist_ok=True)
    figure, text = report.chart(results), report.as_markdown(results)
    if figure:
        figures.save(figure, place["png"])
        text += f"\n![Throughput against the limit]({place['png'].name})\n"
    write_text(place["md"], text)
    write_text(place["json"], json.dumps(results, indent=1) + "\n")


def main(arguments=None):
    options = parse(arguments)
    about = describe(options.systems or PEERS)
    on_gpu = about.get(LIBRARY, {}).get("device", "cpu") != "cpu"
    if on_gpu and not options.systems:
        del about["limit"]  # that of the CPU
    options.systems = [system for system in about if "failed" not in about[system]]
    if not options.systems:
        reasons = "; ".join(f"{system}: {said['failed']}" for system, said in about.items())
        raise ValueError(f"none of the --systems can run here, install one: {reasons}")
    complete(options, on_gpu)
    words = sys.argv if arguments is None else [__file__, *arguments]
    sizes = {name: value for name, value in vars(options).items() if name not in ("json", "report", "force")}
    origin = {"command": portable(words), "machine": machine(), "about": about, "options": sizes}
    results = {**origin, "parts": {}}
    for part in options.parts:
        results["parts"][part] = []
        for row in PARTS[part](options):
            results["parts"][part].append(row)
            print(report.as_line(part, row), file=sys.stderr, flush=True)
        if options.report:
            save(results, options.report)
    print(json.dumps(results) if options.json else report.as_markdown(results))
    return 0


if __name__ == "__main__":
    command_line.run(
        main, "finished parts are in the --report, if there is one; run the same command to start over"
    )

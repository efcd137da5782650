"""What the random search of Table 1 costs, estimated from measured throughput.

    python -m experiments.search_cost --results experiments/results
    python -m experiments.search_cost --budget 4 --epochs 300
    python -m experiments.search_cost --benchmarks experiments/results/benchmark.json gpu.json

Benchmark files measured on a CPU give core-hours, those measured on a GPU give GPU-hours. Sizes that were not
measured are scaled from those that were, and the table says which.
"""

import argparse
import math
from itertools import product
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from breze_like.training import TrainingSettings
from experiments import command_line
from experiments.benchmarks.parts import LIBRARY
from experiments.benchmarks.peers.problem import MODELS
from experiments.benchmarks.report import aligned_lines
from experiments.benchmarks.throughput import compile_time, is_gpu, joined, n_cores, read, step_time
from experiments.command_line.arguments import Parser, Positive, add_count
from experiments.command_line.reports import add_force, check_files, write_text
from experiments.paper.presets import PRESETS, size_factor
from experiments.paper.published import DATASETS
from experiments.paper.system_runs import VALIDATE_EVERY
from experiments.paper.systems import SYSTEMS
from experiments.search.rungs import SHARES, cost, quota
from experiments.search.space import TABLE_2

RESULTS = Path(__file__).parent / "results"
REPORT, MARK = "search_cost.md", "trials for each data set and model\n"
MEASURED = [str(RESULTS / name) for name in ("benchmark.json", "benchmark_sizes.json")]

CHUNK_LENGTH = TrainingSettings().chunk_length

# Chunks of so many steps at most: of the training and the validation set.
CHUNKS = {
    "chorales": (200, 68),
    "jsb_chorales": (243, 83),
    "nottingham": (1994, 513),
    "piano_midi": (802, 90),
    "musedata": (2719, 894),
}

# A gradient takes two products for each product of the loss, so a validation, without, a third of the time.
VALIDATION = 1 / 3

# A core is kept busy by each chain of so many sequences of a minibatch. Measured, of two cores: with 16, 1.9
# by the VRAE's two directions and 1.3 by the VOSP's one; with 64, 1.8 by the VRAE.
SEQUENCES_A_CORE = 16
N_DIRECTIONS = {"vrae": 2, "vosp": 1}

REMARKS = (
    "Trials are as long as experiments.random_search makes them with that budget, or have that many "
    "epochs. Each consists of a compilation from a fresh cache, since dropout probabilities are constants "
    f"of the compiled program; updates, each of a whole minibatch of {CHUNK_LENGTH} steps; and "
    "validations, which take a third of an update's time for the same number of sequences. With "
    "successive halving, all trials are trained for a sixteenth of that, a quarter of them for a quarter, "
    "and a sixteenth to the end; each time a trial continues costs one more compilation and one more "
    "validation. Nothing is subtracted for diverged trials. An update keeps one core busy for every "
    f"{SEQUENCES_A_CORE} sequences of its minibatch, and for each direction in which the model reads them, "
    "as far as there are cores.",
    'Times that were not measured are marked "~": they are the nearest measured time, multiplied by the '
    "ratio of the matrix products. This is a rough estimate, since some sizes are multiplied faster than "
    "others. On a GPU, no time is scaled down.",
)


class Cost(NamedTuple):
    """What the search for a model on a data set costs.

    Attributes
    ----------
    n_updates : int
    trial_seconds : float
        Of the average trial that is trained to its end.
    hours, halved_hours : float
        Core- or GPU-hours of all trials: if all are trained to their ends, and with successive halving.
    """

    n_updates: int
    trial_seconds: float
    hours: float
    halved_hours: float


def lengths(dataset, model, options):
    """Epochs of a trial, by what determines them: the budget, as in `make_config`, or their number."""
    n = n_batches(dataset, options)
    usual = round(size_factor(n) * SYSTEMS[model].n_updates)
    n_updates = options.budget * PRESETS.get(dataset, {}).get(model, {}).get("n_updates", usual)
    in_budget = max(1, round(n_updates / n))
    return {f"budget {options.budget:g}": in_budget, f"{options.epochs} epochs": options.epochs}


def n_batches(dataset, options):
    """Minibatches of an epoch."""
    return math.ceil(CHUNKS[dataset][0] / options.batch_size)


def trial_time(dataset, n_epochs, step, compilation, options):
    """Seconds of a trial whose update takes `step` and whose compilation takes `compilation` seconds."""
    n = n_batches(dataset, options)
    settings = TrainingSettings(n_epochs=n_epochs, validate_every=max(1, round(VALIDATE_EVERY / n)))
    n_validations = settings.n_validations(n_epochs)
    return compilation + n_epochs * n * step + n_validations * validation_time(dataset, step, options)


def validation_time(dataset, step, options):
    """Seconds of a validation."""
    return VALIDATION * CHUNKS[dataset][1] / options.batch_size * step


def halved_time(trial, compilation, validation, n_trials):
    """Seconds of a search by successive halving, whose average trial takes `trial` seconds to its end."""
    n_attempts = [quota(n_trials, rung) for rung in range(len(SHARES))]
    trained = cost(n_trials, SHARES) * (trial - compilation)
    return trained + sum(n_attempts) * compilation + sum(n_attempts[:-1]) * validation


def estimates(results, options):
    """For each model, an `Estimate` of its compilation, and of an update by number of hidden units."""
    sizes = {"batch_size": options.batch_size, "n_steps": CHUNK_LENGTH}
    for model in options.models:
        steps = {n: step_time(results, {"model": model, "n_hidden": n, **sizes}) for n in options.n_hiddens}
        yield model, compile_time(results, model), steps


def costs(results, options):
    """For each data set and model, a `Cost` by length; all numbers of hidden units are equally likely."""
    for dataset, (model, compilation, steps) in product(options.datasets, estimates(results, options)):
        found = {}
        for title, n_epochs in lengths(dataset, model, options).items():
            times = [
                trial_time(dataset, n_epochs, step.seconds, compilation.seconds, options)
                for step in steps.values()
            ]
            n_updates, mean = n_epochs * n_batches(dataset, options), sum(times) / len(times)
            validations = [validation_time(dataset, step.seconds, options) for step in steps.values()]
            validation = sum(validations) / len(validations)
            seconds = options.trials * mean
            halved = halved_time(mean, compilation.seconds, validation, options.trials)
            n_cores_busy = n_busy(results, model, options)
            hours, halved_hours = (n_cores_busy * total / 3600 for total in (seconds, halved))
            found[title] = Cost(n_updates, mean, hours, halved_hours)
        yield dataset, model, found


def n_busy(results, model, options):
    """How many cores, of those that were measured with, an update keeps busy; a GPU is always one."""
    if is_gpu(results):
        return 1
    n_tasks = N_DIRECTIONS[model] * math.ceil(options.batch_size / SEQUENCES_A_CORE)
    return min(n_cores(results), n_tasks)


def as_markdown(results, options):
    """The table of one file of the benchmark, and how its times were found."""
    rows = list(costs(results, options))
    unit = "GPU-hours" if is_gpu(results) else "core-hours"
    columns = [("data set", itemgetter(0)), ("model", itemgetter(1))]
    totals = []
    for title in rows[0][2]:
        columns += [
            (f"{title}: updates", lambda row, title=title: str(row[2][title].n_updates)),
            ("minutes of a trial", lambda row, title=title: f"{row[2][title].trial_seconds / 60:.1f}"),
            (f"{unit} of {options.trials}", lambda row, title=title: f"{row[2][title].hours:.1f}"),
            ("halved", lambda row, title=title: f"{row[2][title].halved_hours:.1f}"),
        ]
        total = sum(found[title].hours for _, _, found in rows)
        halved = sum(found[title].halved_hours for _, _, found in rows)
        totals.append(f"{total:.0f} {unit} with {title}, {halved:.0f} with successive halving")
    about = results["about"][LIBRARY]
    facts = [f"{name} {about[name]}" for name in ("commit", "jax", "device") if about.get(name)]
    return "\n".join(
        [
            f"## {unit[0].upper()}{unit[1:]}",
            "",
            f"Measured {', '.join([results['machine'], *facts])}.",
            "",
            *aligned_lines(rows, columns),
            "",
            f"In all: {'; '.join(totals)}.",
            "",
            *basis(results, options),
            "",
        ]
    )


def basis(results, options):
    """A line for each model: the times that its rows rest on, and where these come from."""
    for model, compilation, steps in estimates(results, options):
        said = [f"{n} hidden units {step} s{_source(step)}" for n, step in steps.items()]
        compiled = f"compilation {compilation} s{_source(compilation)}"
        yield f"- {model}, minibatches of {options.batch_size}: an update of {', of '.join(said)}; {compiled}"


def _source(estimate):
    if not estimate.scaled_from:
        return ""
    words = {"n_hidden": "{} hidden", "batch_size": "batch {}", "n_steps": "{} steps"}
    said = [words.get(name, "{}").format(value) for name, value in estimate.scaled_from.items()]
    return f" (from {', '.join(said)})"


def document(measured, options):
    """All tables, and a word on GPUs where none has been measured."""
    about = f"# The cost of {options.trials} trials for each data set and model"
    tables = [as_markdown(results, options) for results in measured]
    if not any(map(is_gpu, measured)):
        tables.append("## GPU-hours\n\nNone are given: no throughput has been measured on a GPU.\n")
    return "\n".join([about, "", *(f"{note}\n" for note in REMARKS), *tables])


def make_parser():
    parser = Parser(__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--datasets", nargs="+", choices=list(CHUNKS), default=list(DATASETS), help="which data sets")
    add("--models", nargs="+", choices=MODELS, default=list(MODELS), help="which models")
    add_count(parser, "--trials", 64, "number of trials for each data set and model")
    add("--budget", type=float, action=Positive, default=1.0, help="budget, as for experiments.random_search")
    add_count(
        parser, "--epochs", TrainingSettings().n_epochs, "number of epochs of each trial, instead of a budget"
    )
    add_count(parser, "--batch-size", TrainingSettings().batch_size, "chunks in a minibatch")
    add(
        "--n-hiddens",
        type=int,
        nargs="+",
        action=Positive,
        default=list(TABLE_2["n_hiddens"]),
        help="numbers of hidden units, equally likely",
    )
    add("--benchmarks", nargs="+", default=MEASURED, help="JSON files of experiments.benchmark")
    add("--results", help=f"folder in which to write {REPORT}")
    add_force(parser, f"let {REPORT} replace any file")
    return parser


def main(arguments=None):
    options = make_parser().parse_args(arguments)
    if options.results:
        check_files(options.results, {REPORT: MARK}, options.force, "--results")
    text = document(joined(map(read, options.benchmarks)), options)
    print(text, end="")
    if options.results:
        write_text(Path(options.results) / REPORT, text)
    return 0


if __name__ == "__main__":
    command_line.run(main, "nothing was written; run the same command to start over")

"""Search for the hyper-parameters of a system: many draws from a space, each trained, the best one kept.

    python -m experiments.random_search --dataset chorales --model vrae --trials 64 --jobs 2

It can be stopped and killed at any time; the same command goes on with what is missing. The same command
started on several machines, with a common --storage and, best, a common --out, shares the work.

By default, trials are pruned by successive halving, so that 64 of them cost as much as ten full trainings;
`search.rungs` says how. With --record, what the search knows is kept in a small file, from which it goes on
where there is nothing else left of it.

A trial's folder, OUT/trial_0007, is an ordinary run. `experiments.search_report` writes a page about the
search, and `experiments.table1 --search` takes its best run.
"""

import argparse
from pathlib import Path

import optuna

from breze_like import data
from breze_like.backends import resolve
from breze_like.files import file_name
from experiments import command_line
from experiments.command_line.arguments import Positive, add_count, add_data_dir, add_seed
from experiments.paper.presets import check_rolls, refuses
from experiments.paper.systems import SEARCHED
from experiments.search import studies
from experiments.search.configuration import check_space
from experiments.search.plan import PRUNERS, SAMPLERS, Plan
from experiments.search.processes import supervise
from experiments.search.record import Record
from experiments.search.space import ADDITIONS, SPACES, make_space, read_space
from experiments.search.storage import explained, file_of, shown
from experiments.search.table import best_of, showing, summary


def make_parser():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--model", required=True, choices=list(SEARCHED), help="which system, a row of Table 1")
    add("--dataset", default="chorales", help="name of a piano-roll data set, or a file")
    add_data_dir(parser)
    add(
        "--space",
        nargs="+",
        default=[SPACES[0]],
        metavar="NAME_OR_FILE",
        help="ours; paper, its Table 2 and its procedure; or a JSON file with other choices, a list for each "
        "name; or both",
    )
    add_count(parser, "--trials", 64, "how many configurations, those that are there included")
    about = "factor of the number of updates that a system has on the data set"
    add("--budget", type=float, default=1.0, action=Positive, help=about)
    add_seed(parser, "of the search: it decides on all configurations")
    add("--backend", default="auto", help="auto, jax, cvm or numba")

    group = parser.add_argument_group("where")
    add = group.add_argument
    add("--out", help="folder of the search; by default runs/search/DATASET/MODEL")
    add("--storage", help="URL of a database, or journal:PATH; by default the file study.db in --out")
    add("--study", help="its name in the storage; by default DATASET/MODEL")
    add(
        "--record",
        metavar="FILE",
        help="JSON in which to keep what the search knows; one that is there is gone on from, on any machine",
    )
    add_count(group, "--jobs", 1, "processes that train, on this machine")
    add_count(group, "--threads", 1, "of each; with another number, last digits differ")
    add_count(group, "--heartbeat", 60, "seconds between signs of life of a trial")

    group = parser.add_argument_group("what the paper does not do")
    add = group.add_argument
    add("--also", nargs="+", default=[], metavar="NAME", help=f"search also {', '.join(ADDITIONS)}")
    add("--sampler", default="random", choices=SAMPLERS, help="tpe: proposals learn from what has ended")
    add(
        "--pruner",
        choices=PRUNERS,
        help="ends trials early that look hopeless; by default halving, which trains all for a sixteenth of "
        "the updates, the best quarter for a quarter, and the best sixteenth to the end; none in the paper's "
        "space, and with --also kl",
    )
    return parser


def parse(arguments):
    options = make_parser().parse_args(arguments)
    if "kl" in options.also and options.pruner not in (None, "none"):
        raise ValueError(
            "--pruner must be none with --also kl: objectives of different divergences don't compare"
        )
    return options


def default_pruner(base, also):
    """What the paper does for its space; elsewhere what costs less, if scores compare before the end."""
    return "none" if base == "paper" or "kl" in also else "halving"


def make_plan(options, dataset):
    """The `Plan` of a command line."""
    check_rolls(dataset, "--dataset", "choose another")
    if refuses(options.model, dataset):
        raise ValueError(
            "--model must not be of NADEs where data are missing, since each key depends on those before it: "
            f"choose another than {options.model}"
        )
    system = SEARCHED[options.model]
    base, own = read_space(options.space)
    folder = Path(options.out or Path("runs", "search", file_name(dataset.name), options.model))
    if options.storage and options.storage.startswith("journal:"):
        if file_of(options.storage).resolve().parent != folder.resolve():
            raise ValueError(
                f"--storage must be a journal in the folder --out, {folder}, got {shown(options.storage)}"
            )
    plan = Plan(
        given=options.dataset,
        data_dir=options.data_dir,
        system=options.model,
        base=base,
        space=make_space(system, base, options.also, own),
        seed=options.seed,
        budget=options.budget,
        backend=resolve(options.backend),
        sampler=options.sampler,
        pruner=options.pruner or default_pruner(base, options.also),
        n_trials=options.trials,
        folder=folder,
        storage=options.storage,
        study=options.study or f"{dataset.name}/{options.model}",
        heartbeat=options.heartbeat,
    )
    check_space(plan.space, plan.config(dataset))
    return plan


def run(plan, study, options, record):
    """Have workers work on a plan, show how far it is, and keep that in the record, if there is one."""
    with showing(study, plan.n_trials) as look:

        def look_and_write(news):
            look(news)
            if record:
                record.write(study)

        try:
            supervise(plan, options.jobs, options.threads, look_and_write)
        finally:
            if record:
                record.write(study)


def main(arguments=None):
    options = parse(arguments)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    dataset = data.load(options.dataset, options.data_dir)
    plan = make_plan(options, dataset)
    record = Record(options.record, plan) if options.record else None
    with explained(plan.place):
        study = plan.open(dataset)
        if record:
            record.read_into(study)
            record.write(study)
        plan.replenish(study)
        if not plan.is_done(study):
            run(plan, study, options, record)
        outcomes = plan.outcomes(study)
    best = best_of(outcomes)
    print(summary(outcomes, plan.n_trials, studies.shares_of(study)))
    if best:
        folder = plan.folder / best.run
        here = "" if folder.is_dir() else f" is not here: its score is from {options.record}"
        print(f"best run: {folder}{here}")
    print(f"next: python -m experiments.search_report {plan.folder}")
    return 0


if __name__ == "__main__":
    command_line.run(main, "all trials are saved; run the same command to continue")

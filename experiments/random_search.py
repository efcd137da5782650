"""Search for the hyper-parameters of a system: many draws from a space, each trained, the best one kept.

    python -m experiments.random_search --dataset chorales --model vrae --trials 64 --jobs 2

The search can be stopped and killed at any time; the same command does what is left to do. Several machines
share the work if they run the same command with a common --storage and, preferably, a common --out.

By default, trials are pruned by successive halving, so that 64 of them cost as much as ten full trainings;
`search.rungs` says how. With --record, all that the search knows is kept in a small file, from which it can
continue even if nothing else of it is left.

A trial's folder, such as OUT/trial_0007, is an ordinary run. `experiments.search_report` writes a page about
the search, and `experiments.table1 --search` uses its best run.
"""

import argparse
import shlex
from pathlib import Path

import optuna

from breze_like import data
from breze_like.backends import resolve
from breze_like.files import file_name
from experiments import command_line
from experiments.command_line.arguments import Parser, Positive, add_count, add_data_dir, add_seed
from experiments.paper.presets import check_rolls, refuses
from experiments.paper.systems import SEARCHED
from experiments.search import studies
from experiments.search.configuration import check_space
from experiments.search.plan import PRUNERS, SAMPLERS, Plan
from experiments.search.processes import supervise
from experiments.search.record import Record
from experiments.search.space import ADDITIONS, SPACES, make_space, read_space
from experiments.search.storage import explained, file_of, without_password
from experiments.search.table import best_of, showing, summary


def make_parser():
    parser = Parser(__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--model", required=True, choices=list(SEARCHED), help="which system, a row of Table 1")
    add("--dataset", default="chorales", help="name of a piano-roll data set, or a file")
    add_data_dir(parser)
    add(
        "--space",
        nargs="+",
        default=[SPACES[0]],
        metavar="NAME_OR_FILE",
        help="ours; paper, for Table 2 and the procedure of the paper; a JSON file with other choices, a "
        "list for each name; or one of the names and a file",
    )
    add_count(parser, "--trials", 64, "number of configurations in all, including those that exist already")
    about = "factor by which the usual number of updates on the data set is multiplied"
    add("--budget", type=float, default=1.0, action=Positive, help=about)
    add_seed(parser, "seed of the search; it determines all configurations")
    add("--backend", default="auto", help="auto, jax, cvm or numba")

    group = parser.add_argument_group("where")
    add = group.add_argument
    add("--out", help="folder of the search; by default runs/search/DATASET/MODEL")
    add("--storage", help="URL of a database, or journal:PATH; by default the file study.db in --out")
    add("--study", help="name of the search in the storage; by default DATASET/MODEL")
    add(
        "--record",
        metavar="FILE",
        help="JSON file in which to keep what the search knows; an existing one is continued, on any machine",
    )
    add_count(group, "--jobs", 1, "number of training processes on this machine")
    add_count(group, "--threads", 1, "threads of each process; with another number, last digits differ")
    add_count(group, "--heartbeat", 60, "seconds between signs of life of a trial")

    group = parser.add_argument_group("what the paper does not do")
    add = group.add_argument
    add("--also", nargs="+", default=[], metavar="NAME", help=f"also search {', '.join(ADDITIONS)}")
    add("--sampler", default="random", choices=SAMPLERS, help="tpe: learns from the trials that have ended")
    add(
        "--pruner",
        choices=PRUNERS,
        help="how to end unpromising trials early; by default halving, which trains all for a sixteenth of "
        "the updates, the best quarter for a quarter, and the best sixteenth to the end; by default "
        "none in the paper's space, and with --also kl",
    )
    return parser


def parse(arguments):
    options = make_parser().parse_args(arguments)
    if "kl" in options.also and options.pruner not in (None, "none"):
        raise ValueError(
            "--pruner must be none with --also kl: objectives with different divergences can't be compared"
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
            "--model must not have a NADE if values are missing, since each key depends on those before it: "
            f"choose another one than {options.model}"
        )
    system = SEARCHED[options.model]
    base, own = read_space(options.space)
    folder = Path(options.out or Path("runs", "search", file_name(dataset.name), options.model))
    if options.storage and options.storage.startswith("journal:"):
        if file_of(options.storage).resolve().parent != folder.resolve():
            got = without_password(options.storage)
            raise ValueError(f"--storage must be a journal in the folder --out, {folder}, got {got}")
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
        here = "" if folder.is_dir() else f" (not on this machine: its score is from {options.record})"
        print(f"best run: {folder}{here}")
    print(f"next: python -m experiments.search_report {shlex.quote(str(plan.folder))}")
    return 0


if __name__ == "__main__":
    command_line.run(main, "all trials are saved; run the same command to continue")

"""Write one HTML page about a search: its history, its best trials, and which hyper-parameters mattered.

    python -m experiments.search_report runs/search/chorales/vrae
    python -m experiments.search_report runs/search/chorales/vrae --storage URL --out search.html

The page needs no other file and no network. It can be written at any time during the search.
"""

from pathlib import Path

import optuna

from experiments import command_line
from experiments.command_line.arguments import Parser
from experiments.command_line.reports import add_force, check_place
from experiments.pages.html import page, write
from experiments.search.pictures import pictures
from experiments.search.sections import best, failed, rungs, searched, summary
from experiments.search.storage import default_place, explained
from experiments.search.studies import FIXED, load_study, outcomes

# What the title of a page begins with, by which one is known that may be replaced.
TITLE = "Search "


def distributions_of(study):
    """Those of all hyper-parameters, by name."""
    return {
        name: distribution
        for trial in study.get_trials(deepcopy=False)
        for name, distribution in trial.distributions.items()
    }


def document(study, folder, beside):
    """The page of a study; for the folders, see `best`."""
    attributes, found = study.user_attrs, outcomes(study)
    if not attributes.keys() >= {*FIXED} - {"procedure"}:  # which older ones don't say
        raise ValueError(
            f"study {study.study_name} was not made by experiments.random_search: name another one "
            "with --study"
        )
    space = attributes["space"]
    content = [
        summary(found, attributes["model"], space),
        searched(study, found),
        rungs(found, attributes),
        best(found, space, folder, beside),
        *pictures(found, distributions_of(study), attributes),
        failed(found, folder, beside),
    ]
    return page(f"{TITLE}{study.study_name}", *content)


def make_parser():
    parser = Parser(__doc__)
    add = parser.add_argument
    add("folder", metavar="STUDY", help="folder of the search")
    add("--storage", help="as for experiments.random_search; by default the file study.db in STUDY")
    add("--study", help="name of the search, if there are several in the storage")
    add("--out", help="file to write the page to; by default report.html in STUDY")
    add_force(parser, "let the page replace any file")
    return parser


def main(arguments=None):
    options = make_parser().parse_args(arguments)
    folder = Path(options.folder)
    target = Path(options.out) if options.out else folder / "report.html"
    check_place(target, options.force, f"<title>{TITLE}")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = load_study(folder, options.storage, options.study)
    with explained(options.storage or default_place(folder)):
        content = document(study, folder, target.parent)
    write(target, content)
    return 0


if __name__ == "__main__":
    command_line.run(main, "no page was written; run the same command to start over")

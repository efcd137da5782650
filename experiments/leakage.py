"""What test sets share with training sets, and other facts about piano rolls that scores depend on.

    python -m experiments.leakage --datasets jsb_chorales nottingham piano_midi musedata

For each data set: pieces of the validation and the test set that are also in the training set, note for note;
the share of the test set's frames, and of its windows of 32 frames, that occur in the training set; notes of
the test set on keys that are never on in the training set; the share of pieces whose last lowest note is a C;
and the score of independent notes on the test set, in nats per time step.
"""

import numpy as np

from breze_like import data
from breze_like.music.rolls import LOWEST_NOTE
from experiments import command_line
from experiments.command_line import tables
from experiments.command_line.arguments import Parser, add_data_dir
from experiments.command_line.reports import add_report, check_report, write_report
from experiments.paper.collapse import floor
from experiments.paper.presets import check_rolls
from experiments.paper.published import DATASETS

WINDOW = 32  # steps


def windows(roll, n_steps):
    """The roll's windows of so many steps, each as bytes."""
    packed = np.packbits(np.asarray(roll, bool), axis=1)
    return (packed[t : t + n_steps].tobytes() for t in range(len(packed) - n_steps + 1))


def share_known(train, test, n_steps):
    """Share of the test set's windows that occur in the training set."""
    of_training = {window for roll in train for window in windows(roll, n_steps)}
    found = [window in of_training for roll in test for window in windows(roll, n_steps)]
    return float(np.mean(found)) if found else 0.0


def n_copies(train, others):
    """Number of pieces that are in the training set."""
    of_training = {next(windows(roll, len(roll))) for roll in train}
    return sum(next(windows(roll, len(roll))) in of_training for roll in others)


def n_new_notes(train, test):
    """How often a key is on in the test set that is never on in the training set."""
    in_training = np.any([np.any(roll, axis=0) for roll in train], axis=0)
    return sum(int(np.sum(roll[:, ~in_training])) for roll in test)


def share_ending_on_c(rolls):
    """Share of the pieces whose last sounding frame has a C as its lowest note."""
    ends = [roll[np.any(roll, axis=1)][-1] for roll in rolls if np.any(roll)]
    return float(np.mean([(LOWEST_NOTE + np.argmax(frame)) % 12 == 0 for frame in ends]))


def facts(dataset):
    """What is found of a data set: a dict of columns to text."""
    train, valid, test = dataset.train, dataset.valid, dataset.test
    return {
        "data set": dataset.name,
        "copies in valid": str(n_copies(train, valid)),
        "copies in test": str(n_copies(train, test)),
        "known frames": f"{share_known(train, test, 1):.1%}",
        f"known windows of {WINDOW}": f"{share_known(train, test, WINDOW):.1%}",
        "notes of new keys": str(n_new_notes(train, test)),
        "pieces that end on C": f"{share_ending_on_c([*train, *valid, *test]):.0%}",
        "independent notes": f"{floor(train, test).per_step:.2f}",
    }


def as_markdown(found):
    return tables.markdown(list(found[0]), [list(row.values()) for row in found]) + "\n"


def main(arguments=None):
    parser = Parser(__doc__)
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), help="names of data sets, or files")
    add_data_dir(parser)
    add_report(parser, "write the table to this Markdown file, too")
    options = parser.parse_args(arguments)
    check_report(options, "| data set | copies in valid | copies in test |")
    datasets = [data.load(name, options.data_dir) for name in options.datasets]
    for dataset in datasets:
        check_rolls(dataset, "--datasets", "leave it out", missing=False)
    table = as_markdown([facts(dataset) for dataset in datasets])
    print(table, end="")
    write_report(options, table)
    return 0


if __name__ == "__main__":
    command_line.run(main, "nothing was written; run the same command to start over")

"""The command line of the scripts that use a trained model, and what they load."""

import argparse
from pathlib import Path

import numpy as np

from breze_like.data import SPLITS
from breze_like.music.rolls import N_KEYS
from breze_like.quoting import shown_path
from breze_like.sequences import check_sequence
from breze_like.trained import load, load_model
from experiments.command_line.arguments import (
    Parser,
    Positive,
    add_backend,
    add_data_of_run,
    add_seed,
    data_of_run,
)
from experiments.command_line.commands import script
from experiments.music import files

# Steps in a quarter note of the data sets whose grid is not that of eighth notes.
STEPS_PER_QUARTER = {"chorales": 1, "jsb_chorales": 1}


def make_parser(doc, sequences=True):
    """A parser of what all of these scripts take; `sequences` says whether they take sequences."""
    doc = doc.replace("python -m experiments.", script(""))
    parser = Parser(
        doc, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("run", metavar="RUN", help="folder of a trained run")
    if sequences:
        add(
            "input",
            metavar="INPUT",
            nargs="?",
            help="a MIDI or .npy file, a folder of these, or the file of a data set; by default the run's "
            "own data",
        )
        add("--split", default="test", choices=SPLITS, help="which part of a data set (test)")
        add("--first", type=int, action=Positive, metavar="N", help="use only the first N sequences")
        add_data_of_run(parser)
    else:
        add_backend(parser)
    add("--out", required=True, metavar="FOLDER", help="folder for the results")
    add("--force", action="store_true", help="replace existing files")
    add_seed(parser, "seed of all random numbers (1)")
    group = parser.add_argument_group("music, for models of piano rolls")
    add = group.add_argument
    add(
        "--steps-per-quarter",
        type=int,
        choices=(1, 2, 4),
        help="grid: steps in a quarter note (1 if the run is on chorales, else 2)",
    )
    add("--tempo", type=float, default=120.0, help="quarter notes per minute (120)")
    add("--instrument", type=int, default=0, help="General MIDI program: 0 piano, 19 organ, 48 strings (0)")
    add("--wav", action="store_true", help="also write sound")
    return parser


class Task:
    """What a script works with.

    Parameters
    ----------
    options : Namespace
        Of `make_parser`.

    Attributes
    ----------
    model : Model
    rng : numpy.random.Generator
    results : Results
    sequences : dict of str to ndarray, shape (n_steps, n_visible)
        By name, of the kind that the model emits; absent where the script takes none.

    Raises
    ------
    ValueError
        If an option is not allowed, the run can't be loaded, or the sequences are not of its kind.
    """

    def __init__(self, options):
        self.rng = np.random.default_rng(options.seed)
        own = "input" in options and options.input is None
        if own:
            run, self.model, *dataset = load(options.run, **data_of_run(options))
        elif "input" in options and options.dataset:
            raise ValueError(f"--dataset must be left out if an INPUT is given, got {options.dataset}")
        else:
            run, self.model = load_model(options.run, options.backend)
        grid = options.steps_per_quarter or STEPS_PER_QUARTER.get(run.config.get("data", {}).get("name"), 2)
        self.results = files.Results(
            Path(options.out),
            self.binary and self.model.n_visible == N_KEYS,
            options.wav,
            options.force,
            grid,
            options.tempo,
            options.instrument,
        )
        if own:
            sequences = files.numbered(getattr(dataset[0], options.split), options.split)
            self.sequences = self._first(sequences, options)
        elif "input" in options:
            self.sequences = self._first(self.read(options.input, options.split), options)

    @property
    def binary(self):
        """Whether the sequences are zeros and ones."""
        return self.model.emission.binary

    def read(self, path, split="test"):
        """The sequences of a file or folder, by name, if they are of the kind that the model emits."""
        sequences = files.read(path, split, self.results.steps_per_quarter)
        return {
            name: check_sequence(
                sequence, self.model.n_visible, self.binary, shown_path(f"{path}: {name}"), True
            )
            for name, sequence in sequences.items()
        }

    def _first(self, sequences, options):
        return dict(list(sequences.items())[: options.first])


def difference(sequences, truths, binary):
    """How much lists of sequences, or of parts of them, differ from the true values, where known."""
    made, true = (np.concatenate([np.ravel(part) for part in parts]) for parts in (sequences, truths))
    known = ~np.isnan(true) & ~np.isnan(made)
    made, true = made[known], true[known]
    if not made.size:
        return "no true values to compare with"
    if not binary:
        return f"mean squared difference {((made - true) ** 2).mean():.4g}"
    made, true = made.astype(bool), true.astype(bool)
    hits, wrong = (made & true).sum(), (made != true).sum()
    entries = f"{100 * wrong / made.size:.2f} % of the entries differ"
    if not true.any():  # where nothing is to be found there is no F1
        return f"{entries}, {f'{wrong} notes where there should be none' if wrong else 'no notes'}"
    return f"{entries}, F1 of the notes {2 * hits / (2 * hits + wrong):.3f}"


def changes(sequences, given, binary):
    """In words, how lists of sequences were changed, if their true values are unknown."""
    if not binary:
        return difference(sequences, given, binary)
    made, before = (np.concatenate([np.ravel(part) for part in parts]) for parts in (sequences, given))
    missing, n_notes = np.isnan(before), int(np.nansum(before))
    filled = f", {int(made[missing].sum())} in place of missing entries" if missing.any() else ""
    return f"{(before > made).sum()} of {n_notes} notes removed, {(made > before).sum()} added{filled}"

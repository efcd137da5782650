"""Complete sequences of which something is missing by a trained model.

    python -m experiments.impute runs/table1/chorales/vrae --missing 8:16 --first 4 --out results --wav
    python -m experiments.impute runs/table1/chorales/vrae song.mid --missing keys:60:72 --draws 5 --out new

The first one takes the frames 8 to 15 out of sequences of the run's own test set, and fills in the most
probable ones, by rounds of modes. The second one fills in draws, several times: what they have in common is
certain. What is NaN in sequences is missing in any case, and --missing can be left out then.
"""

import numpy as np

from breze_like.music.rolls import LOWEST_NOTE
from breze_like.pictures import sequence_figures
from breze_like.pictures.sequence_figures import Spread
from breze_like.tasks import impute, impute_draws
from experiments import command_line
from experiments.command_line.arguments import Positive
from experiments.music.missing import RULE, find_missing
from experiments.music.task import Task, difference, make_parser


def complete(task, observed, n_rounds):
    """Fill in modes, and write and compare them."""
    given = list(task.sequences.values())
    names = [f"{name}_imputed" for name in task.sequences]
    task.results.reserve(names, max(map(len, given)), (f"{name}.png" for name in names))
    imputed = impute(task.model, given, observed, task.rng, **n_rounds)
    for name, sequence, mask, other in zip(task.sequences, given, observed, imputed, strict=True):
        task.results.write(f"{name}_imputed", as_notes(task, other))
        panels = {"imputed": other, "imputed against given": (other, sequence)}
        draw(task, name, sequence, mask, panels, f"{name}_imputed.png")
    made, true = ([x[~o] for x, o in zip(xs, observed, strict=True)] for xs in (imputed, given))
    if not all(np.isnan(values).all() for values in true):
        print(f"missing entries against given: {difference(made, true, task.binary)}")
    print(task.results.describe(len(given)))


def complete_by_draws(task, observed, n_rounds, n_draws):
    """Fill in draws, and write them, their expectation and their variance."""
    given = list(task.sequences.values())
    digits = len(str(n_draws - 1))
    numbers = [f"draw_{number:0{digits}}" for number in range(n_draws)]
    kinds = ("expectation.npy", "variance.npy", "draws.png")
    others = [f"{name}_{kind}" for name in task.sequences for kind in kinds]
    names = [f"{name}_{number}" for name in task.sequences for number in numbers]
    task.results.reserve(names, max(map(len, given)), others)
    made = impute_draws(task.model, given, observed, task.rng, n_draws=n_draws, **n_rounds)
    parts = zip(given, observed, made.draws, made.expectation, made.variance, strict=True)
    for name, (sequence, mask, draws, expectation, variance) in zip(task.sequences, parts, strict=True):
        for number, other in zip(numbers, draws, strict=True):
            task.results.write(f"{name}_{number}", as_notes(task, other))
        task.results.write_array(f"{name}_expectation.npy", expectation)
        task.results.write_array(f"{name}_variance.npy", variance)
        panels = {numbers[0]: draws[0], "expectation": expectation, "variance of the draws": Spread(variance)}
        draw(task, name, sequence, mask, panels, f"{name}_draws.png")
    pairs = zip(given, observed, made.draws, strict=True)
    parts = [(draw[~mask], sequence[~mask]) for sequence, mask, draws in pairs for draw in draws]
    drawn, true = zip(*parts, strict=True)
    print(f"missing entries of all draws against given: {difference(drawn, true, task.binary)}")
    print(task.results.describe(n_draws * len(given)))


def as_notes(task, sequence):
    """Of binary data, as integers, which they can't be while some are missing."""
    return sequence.astype(np.uint8) if task.binary else sequence


def draw(task, name, sequence, observed, panels, file_name):
    """Write a picture of a sequence, of what is known of it, and of other panels."""
    panels = {"given": sequence, "known": np.where(observed, sequence, np.nan), **panels}
    figure = sequence_figures.draw(name, panels, task.binary)
    task.results.write_picture(file_name, figure)


def main(arguments=None):
    parser = make_parser(__doc__)
    add = parser.add_argument
    help_text = f"what is missing: {RULE}; all together, and what is NaN in any case"
    add("--missing", nargs="+", metavar="WHAT", help=help_text)
    add("--rounds", type=int, action=Positive, help="rounds of filling in (20, of draws 50)")
    add(
        "--draws",
        type=int,
        action=Positive,
        metavar="N",
        help="draw N times instead of taking the most probable",
    )
    options = parser.parse_args(arguments)
    task = Task(options)
    lowest = LOWEST_NOTE if task.results.rolls else 0
    observed = [~np.isnan(sequence) for sequence in task.sequences.values()]
    if options.missing:
        taken = [find_missing(options.missing, known.shape, task.rng, lowest) for known in observed]
        observed = [known & ~out for known, out in zip(observed, taken, strict=True)]
    elif all(known.all() for known in observed):
        raise ValueError(f"--missing must say what is missing, as nothing is NaN in the sequences: {RULE}")
    n_rounds = {"n_rounds": options.rounds} if options.rounds else {}
    if options.draws:
        complete_by_draws(task, observed, n_rounds, options.draws)
    else:
        complete(task, observed, n_rounds)
    return 0


if __name__ == "__main__":
    command_line.run(main, "the same command with --force starts again")

"""Fill in missing entries of sequences by a trained model.

    python -m experiments.impute runs/table1/chorales/vrae --missing 8:16 --first 4 --out results --wav
    python -m experiments.impute runs/table1/chorales/vrae song.mid --missing keys:60:72 --draws 5 --out new

The first command takes the frames 8 to 15 out of sequences of the run's own test set, draws them 20 times,
and combines the draws: real values become their mean; of notes, the most probable ones are switched on, so
many that the expected F1, by an approximation, is largest. The second command writes the draws: the more
they agree, the more certain they are. --modes fills in the most probable frames, in rounds, as the paper
does: these have hardly any notes. Entries that are NaN are always missing; if there are some, --missing can
be left out.
"""

import numpy as np

from breze_like.models import HiddenMarkov
from breze_like.music.rolls import LOWEST_NOTE
from breze_like.pictures import sequence_figures
from breze_like.pictures.sequence_figures import Spread
from breze_like.tasks import impute, impute_draws
from experiments import command_line
from experiments.command_line.arguments import Positive, parse, refuse_unused
from experiments.music.measures import nats_per_frame
from experiments.music.missing import RULE, find_missing
from experiments.music.task import Task, difference, make_parser

# Draws that are asked together, and the most rounds of a model without latents.
N_DRAWS, MAX_ROUNDS = 20, 200


def complete(task, observed, n_rounds, by_modes):
    """Fill in one answer, and write and compare it."""
    given = list(task.sequences.values())
    names = [f"{name}_imputed" for name in task.sequences]
    task.results.reserve(names, max(map(len, given)), (f"{name}.png" for name in names))
    if by_modes:
        imputed, made = impute(task.model, given, observed, task.rng, **n_rounds), None
    else:
        made = impute_draws(task.model, given, observed, task.rng, n_draws=N_DRAWS, **n_rounds)
        imputed = made.completed
    for name, sequence, mask, other in zip(task.sequences, given, observed, imputed, strict=True):
        task.results.write(f"{name}_imputed", as_notes(task, other))
        panels = {"imputed": other, "imputed against given": (other, sequence)}
        draw(task, name, sequence, mask, panels, f"{name}_imputed.png")
    entries, true = ([x[~o] for x, o in zip(xs, observed, strict=True)] for xs in (imputed, given))
    if not all(np.isnan(values).all() for values in true):
        print(f"missing entries against given: {difference(entries, true, task.binary)}")
        if made:
            say_nats(task, made, given, observed)
    print(task.results.describe(len(given)))


def say_nats(task, made, given, observed):
    """Of notes, how probable the draws have those that are missing."""
    nats = nats_per_frame(made.expectation, given, observed) if task.binary else None
    if nats is not None:
        print(f"their probabilities: {nats:.2f} nats for each frame of which something is missing")


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
    if not all(np.isnan(values).all() for values in true):
        print(f"missing entries of all draws against given: {difference(drawn, true, task.binary)}")
        say_nats(task, made, given, observed)
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
    help_text = f"what is missing: {RULE}, or several of these; entries that are NaN always are"
    add("--missing", nargs="+", metavar="WHAT", help=help_text)
    help_text = "number of rounds (50; without latents, one for each incomplete frame; 20 with --modes)"
    add("--rounds", type=int, action=Positive, help=help_text)
    way = parser.add_mutually_exclusive_group()
    add = way.add_argument
    add("--draws", type=int, action=Positive, metavar="N", help="write N single draws, not combined")
    add("--modes", action="store_true", help="fill in the most probable frames, as in the paper: few notes")
    options = parse(parser, arguments)
    task = Task(options)
    if isinstance(task.model, HiddenMarkov):
        refuse_unused(options, "for a hidden Markov model, which needs none", "rounds")
    lowest = LOWEST_NOTE if task.results.rolls else 0
    observed = [~np.isnan(sequence) for sequence in task.sequences.values()]
    if options.missing:
        taken = [find_missing(options.missing, known.shape, task.rng, lowest) for known in observed]
        observed = [known & ~out for known, out in zip(observed, taken, strict=True)]
    elif all(known.all() for known in observed):
        raise ValueError(f"--missing must say what is missing, since nothing in the sequences is NaN: {RULE}")
    n_rounds = {"n_rounds": options.rounds} if options.rounds else {}
    if not (task.model.has_latents or options.rounds or options.modes):
        n_incomplete = max((~known).any(axis=1).sum() for known in observed)
        n_rounds = {"n_rounds": int(np.clip(n_incomplete, 1, MAX_ROUNDS))}
    if options.draws:
        complete_by_draws(task, observed, n_rounds, options.draws)
    else:
        complete(task, observed, n_rounds, options.modes)
    return 0


if __name__ == "__main__":
    command_line.run(main, "files already written are kept; run the same command with --force to start over")

"""Draw new sequences from a trained model, or let it continue a given one.

    python -m experiments.sample runs/table1/chorales/vrae --n-steps 64 --out results --wav
    python -m experiments.sample runs/table1/chorales/vosp --prefix song.mid --prefix-steps 16 --out results

The given beginning is part of the results. A VRAE can't continue a sequence, since it does not run forward.
"""

import numpy as np

from breze_like.pictures import sequence_figures
from breze_like.tasks import sample
from experiments import command_line
from experiments.command_line.arguments import Positive, add_count, parse, refuse_unused
from experiments.command_line.commands import script
from experiments.music.files import numbered
from experiments.music.task import Task, make_parser


def read_prefix(task, path, n_steps):
    """The first frames of a file, (n_prefix, n_visible); none without a file."""
    if path is None:
        return np.zeros((0, task.model.n_visible), np.uint8 if task.binary else np.float32)
    sequences = task.read(path)
    if len(sequences) != 1:
        raise ValueError(
            f"--prefix must be a file with one sequence, got {len(sequences)} in {path}: choose another"
        )
    prefix = next(iter(sequences.values()))[:n_steps]
    if np.isnan(prefix).any():
        raise ValueError(
            f"--prefix must have no missing values, {path} has NaN: fill it in by {script('impute')}"
        )
    return prefix


def main(arguments=None):
    parser = make_parser(__doc__, sequences=False)
    add = parser.add_argument
    add_count(parser, "--n-steps", 64, "number of time steps to draw (64)")
    add_count(parser, "--n-sequences", 4, "number of sequences to draw (4)")
    add("--prefix", metavar="FILE", help="a MIDI or .npy file to continue")
    add("--prefix-steps", type=int, action=Positive, help="use only this many of its first steps")
    add(
        "--temperature",
        type=float,
        default=1.0,
        action=Positive,
        help="temperature of each frame; lower gives more probable frames (1)",
    )
    options = parse(parser, arguments)
    if options.prefix is None:
        refuse_unused(options, "without --prefix", "prefix_steps")
    task = Task(options)
    prefix = read_prefix(task, options.prefix, options.prefix_steps)
    names = list(numbered(range(options.n_sequences), "sample"))
    task.results.reserve(names, len(prefix) + options.n_steps, (f"{name}.png" for name in names))

    start = prefix if options.prefix else None
    drawn = sample(task.model, task.rng, options.n_steps, options.n_sequences, start, options.temperature)
    for name, new in zip(names, drawn, strict=True):
        sequence = np.concatenate([prefix, new.astype(prefix.dtype)])
        task.results.write(name, sequence)
        panels, boundary = {f"seed {options.seed}": sequence}, len(prefix) or None
        task.results.write_picture(f"{name}.png", sequence_figures.draw(name, panels, task.binary, boundary))
    print(task.results.describe(len(names)))
    return 0


if __name__ == "__main__":
    command_line.run(main, "files already written are kept; run the same command with --force to start over")

"""Remove noise from sequences: the most probable frames at the most probable latents of a trained model.

    python -m experiments.denoise runs/table1/chorales/vrae song.mid --out results --wav
    python -m experiments.denoise runs/table1/chorales/vosp --noise 0.05 --first 4 --out results

The first command cleans a file, or all files of a folder. The second one takes sequences of the run's own
test set and adds noise first, to see how much of it is removed.

For piano rolls, noise is assumed to switch notes on, with the probability --noise (else 0.05), and never off:
the most probable notes given the noisy ones keep nearly all true notes. With --modes, the noise is not
modelled, as in the paper, and many true notes are lost.
"""

import numpy as np

from breze_like.pictures import sequence_figures
from breze_like.tasks import denoise
from experiments import command_line
from experiments.command_line.arguments import parse, refuse_unused
from experiments.music.corruption import P_ON, add_noise
from experiments.music.task import Task, changes, difference, make_parser


def check_noise(noise, binary):
    """Raise a ValueError if `add_noise` can't take it; None is no noise."""
    if noise is not None and not 0 <= noise <= (1 if binary else np.finfo(np.float32).max):
        raise ValueError(f"--noise must be {'a probability' if binary else 'a variance'}, got {noise}")


def main(arguments=None):
    parser = make_parser(__doc__)
    parser.add_argument(
        "--noise",
        type=float,
        help="add noise first: probability that a note is switched on, or variance of real values",
    )
    parser.add_argument("--modes", action="store_true", help="don't model the noise, as in the paper")
    options = parse(parser, arguments)
    task = Task(options)
    if not task.binary:
        refuse_unused(options, "for real values, whose modes are taken anyway", "modes")
    check_noise(options.noise, task.binary)
    p_on = (options.noise or P_ON) if task.binary and options.noise != 1 and not options.modes else None
    names, given = list(task.sequences), list(task.sequences.values())
    made = {} if options.noise is None else {"noisy": [add_noise(s, options.noise, task.rng) for s in given]}
    pictures = [f"{name}_denoised.png" for name in names]
    written = [f"{name}_{kind}" for name in names for kind in (*made, "denoised")]
    task.results.reserve(written, max(map(len, given)), pictures)

    made["denoised"] = denoise(task.model, made.get("noisy", given), p_on)
    for name, picture, sequence, *others in zip(names, pictures, given, *made.values(), strict=True):
        panels = {"given": sequence}
        for kind, other in zip(made, others, strict=True):
            task.results.write(f"{name}_{kind}", other)
            panels |= {kind: other, f"{kind} against given": (other, sequence)}
        task.results.write_picture(picture, sequence_figures.draw(name, panels, task.binary))
    for kind, sequences in made.items():
        compare = difference if options.noise is not None else changes
        print(f"{kind} against given: {compare(sequences, given, task.binary)}")
    print(task.results.describe(len(names)))
    return 0


if __name__ == "__main__":
    command_line.run(main, "files already written are kept; run the same command with --force to start over")

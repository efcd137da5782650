"""Pictures of runs."""

import numpy as np
from matplotlib.figure import Figure

LOWEST_NOTE = 21  # MIDI number of the first key


def learning_curves(axes, logs):
    """Validation scores over epochs, one line for each named log.

    Parameters
    ----------
    axes : matplotlib Axes
    logs : dict of str to list of dict
        By name, the entries of a run's log.
    """
    for name, entries in logs.items():
        known = [(e["epoch"], e["valid_score"]) for e in entries if e["valid_score"] is not None]
        axes.plot(*zip(*known, strict=True), label=name)
    axes.set(xlabel="epoch", ylabel="validation score\n[nats per time step]", ylim=(None, 20))
    axes.legend(frameon=False)


def piano_roll(axes, roll, title, **style):
    """A roll (n_steps, 88), of notes or probabilities, time to the right and pitch upwards."""
    style = {"cmap": "Greys", "vmin": 0, "vmax": 1, **style}
    extent = (0, len(roll), LOWEST_NOTE - 0.5, LOWEST_NOTE + roll.shape[1] - 0.5)
    axes.imshow(roll.T, origin="lower", aspect="auto", interpolation="nearest", extent=extent, **style)
    axes.set(title=title, ylim=(35, 85), ylabel="MIDI note")


def reconstruction(roll, mean, logs):
    """Learning curves; a roll, its reconstruction, and the difference of the two.

    Parameters
    ----------
    roll, mean : ndarray, shape (n_steps, 88)
        The notes, and the probabilities of the reconstruction.
    logs : dict
        As for `learning_curves`.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9, 9), layout="constrained")
    curves, original, reconstructed, difference = figure.subplots(4, 1)
    learning_curves(curves, logs)
    piano_roll(original, roll, "a chorale of the test set")
    piano_roll(reconstructed, mean, "its reconstruction: mean of p(x | z) at the mode of q(z | x)")
    wrong = np.asarray(mean, float) - roll
    piano_roll(difference, wrong, "difference: red is too much, blue too little", cmap="RdBu_r", vmin=-1)
    difference.set_xlabel("time step [quarter notes]")
    return figure


def save(figure, path):
    """Write a figure whole or not at all."""
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    figure.savefig(temporary, dpi=120)
    temporary.replace(path)

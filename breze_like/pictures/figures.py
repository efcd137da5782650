"""Pictures of runs."""

import io

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.text import Text

from breze_like.files import replacing
from breze_like.html import image
from breze_like.music.rolls import LOWEST_NOTE

# Notes that are not in the truth, and those that are missing.
WRONG, MISSING = "#d62728", "#1f77b4"


def learning_curves(axes, logs, dashed=()):
    """Validation scores over updates, one line for each named log.

    Parameters
    ----------
    axes : matplotlib Axes
    logs : dict of str to list of dict
        By name, the entries of a run's log.
    dashed : container of str
        Names of what is no score: the published objective.
    """
    best = []
    for name, entries in logs.items():
        scored = [(e["update"], e["valid_score"]) for e in entries if e["valid_score"] is not None]
        if scored:
            updates, scores = zip(*scored, strict=True)
            axes.plot(updates, scores, ".--" if name in dashed else ".-", label=plain(name))
            best.append(min(scores))
    if best:  # the scores of the first updates would flatten the rest
        axes.set_ylim(None, max(best) + max(1.0, 0.5 * abs(max(best))))
        axes.legend(frameon=False, fontsize="small")
    axes.set(xlabel="update", ylabel="validation score\n[nats per time step]")


def plain(name):
    """A name as text of a picture.

    Matplotlib takes what is between dollars for mathematics, and hides labels that begin with an underscore.
    """
    text = "".join(c if c.isprintable() else " " for c in name).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def piano_roll(axes, roll, notes, title, **style):
    """A roll (n_steps, n_features), of notes or probabilities, time to the right and pitch upwards.

    `notes`, a pair of MIDI numbers, is the range that is shown.
    """
    style = {"cmap": "Greys", "vmin": 0, "vmax": 1, **style}
    extent = (0, len(roll), LOWEST_NOTE - 0.5, LOWEST_NOTE + roll.shape[1] - 0.5)
    axes.imshow(roll.T, origin="lower", aspect="auto", interpolation="nearest", extent=extent, **style)
    axes.set(title=title, ylim=notes, ylabel="MIDI note")


def note_range(*rolls):
    """The lowest and the highest MIDI number that is played in one of the rolls, and some more."""
    played = LOWEST_NOTE + np.flatnonzero(sum(np.nan_to_num(roll).any(axis=0) for roll in rolls))
    return (played.min() - 5, played.max() + 5) if played.size else (None, None)


def compared_roll(axes, roll, truth, notes, title):
    """A roll: its notes are black where the truth has them, red where not, blue where they are missing."""
    kinds = np.where(truth, 1, 2) * roll + 3 * (truth > roll)
    piano_roll(axes, kinds, notes, title, cmap=ListedColormap(["white", "black", WRONG, MISSING]), vmax=3)


def lines(axes, values):
    """A real-valued sequence (n_steps, n_features): a line a feature, values in the middle of steps."""
    steps = np.arange(len(values)) + 0.5
    for feature, line in enumerate(values.T):
        axes.plot(steps, line, linewidth=1, color=f"C{feature % 10}", label=str(feature))
    axes.set_xlim(0, len(values))


def shade(axes, first, end):
    """Steps that were missing, from the first one up to, without it, `end`."""
    axes.axvspan(first, end, color="black", alpha=0.1, linewidth=0)


def reconstruction(axes, roll, mean):
    """A roll, its reconstruction, and the difference of the two.

    Parameters
    ----------
    axes : sequence of 3 matplotlib Axes
    roll, mean : ndarray, shape (n_steps, n_features)
        The notes, and the probabilities of the reconstruction.
    """
    notes = note_range(roll)
    piano_roll(axes[0], roll, notes, "a sequence of the test set")
    piano_roll(axes[1], mean, notes, "its reconstruction: mean of p(x | z) at the mode of q(z | x)")
    wrong, style = np.asarray(mean, float) - roll, {"cmap": "RdBu_r", "vmin": -1}
    piano_roll(axes[2], wrong, notes, "difference: red is too much, blue too little", **style)
    axes[2].set_xlabel("time step")


def curves_and_roll(logs, dashed, roll=None, mean=None):
    """Learning curves, and below them, if they are given, a roll and its reconstruction.

    Parameters
    ----------
    logs, dashed
        As for `learning_curves`.
    roll, mean
        As for `reconstruction`.

    Returns
    -------
    Figure
    """
    n_rows = 1 if roll is None else 4
    figure = Figure(figsize=(9, 2 + 2 * n_rows), layout="constrained")
    curves, *others = figure.subplots(n_rows, 1, squeeze=False, height_ratios=[2, 1, 1, 1][:n_rows])[:, 0]
    learning_curves(curves, logs, dashed)
    if others:
        reconstruction(others, roll, mean)
    return figure


def show_names(figure):
    """Names of files can have anything in them: what is not UTF-8 is escaped, and nothing is mathematics."""
    for text in figure.findobj(Text):
        words = text.get_text().encode(errors="backslashreplace").decode()
        text.set_text(words)
        if "$" in words and "\\mathdefault" not in words:  # that is how matplotlib writes numbers
            text.set_parse_math(False)


def save(figure, path):
    """Write a figure whole or not at all."""
    show_names(figure)
    with replacing(path) as stream:
        figure.savefig(stream, format=path.suffix[1:], dpi=120)


def picture(figure, alt, kind="png"):
    """A figure as an element of a page; `kind` is "png" or "svg"."""
    stream = io.BytesIO()
    show_names(figure)
    figure.savefig(stream, format=kind, dpi=160)
    media = {"png": "image/png", "svg": "image/svg+xml"}[kind]
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    return image(media, stream.getvalue(), alt, width, height)

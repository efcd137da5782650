"""Pictures of runs."""

import io

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

from breze_like.files import replacing
from breze_like.music.rolls import LOWEST_NOTE
from breze_like.pictures.html import image

# The label, in matplotlib's sense, of texts that are mathematics; others may hold names with dollars in them.
MATHEMATICS = "mathematics"

# More than a picture has, in keys and in steps.
N_PIXELS = (900, 3000)

# How a file of such a picture begins, and no others.
MARK = "Software\0breze_like"

# Notes that are not in the truth, and those that are missing.
WRONG, MISSING = "#d62728", "#1f77b4"


def learning_curves(axes, logs, dashed=(), floor=None):
    """Validation scores over updates, one line for each named log, from the first one on.

    The axis is linear near the lowest score and logarithmic in the distance to it further up, so that the
    first scores don't flatten the rest: y = asinh((score - lowest) / unit).

    Parameters
    ----------
    axes : matplotlib Axes
    logs : dict of str to list of dict
        By name, the entries of a run's log.
    dashed : container of str
        Names of what is no score: the published objective.
    floor : float, optional
        What every model has to beat, nats per time step: a line.
    """
    best, all_scores = [], []
    for name, entries in logs.items():
        scored = [(e["update"], e["valid_score"]) for e in entries if e["valid_score"] is not None]
        if scored:
            updates, scores = zip(*scored, strict=True)
            axes.plot(updates, scores, ".--" if name in dashed else ".-", label=plain(name))
            best.append(min(scores))
            all_scores += scores
    axes.set(xlabel="update", ylabel="validation score\n[nats per time step]")
    if not best:
        return
    if floor is not None:
        axes.axhline(floor, color="0.4", linestyle=":", label="floor: independent notes")
        all_scores.append(floor)
    _set_distance_scale(axes, min(best), max(all_scores), max(1.0, max(best) - min(best)))
    axes.legend(frameon=False, fontsize="small")


def _set_distance_scale(axes, lowest, highest, unit):
    """See `learning_curves`; ticks are at round scores, about as far apart as they can be read."""
    axes.set_yscale(
        "function",
        functions=(
            lambda y: np.arcsinh((np.asarray(y) - lowest) / unit),
            lambda y: lowest + unit * np.sinh(np.asarray(y)),
        ),
    )
    top = np.arcsinh((highest - lowest) / unit)
    margin = 0.06 * max(top, 0.5)
    bottom, top = lowest - unit * np.sinh(margin), lowest + unit * np.sinh(top + margin)
    wanted = lowest + unit * np.sinh(np.linspace(0, np.arcsinh((top - lowest) / unit), 6))
    digits = [-int(np.floor(np.log10(gap))) for gap in np.diff(wanted, append=2 * wanted[-1] - wanted[-2])]
    ticks = {f"{y:.{max(d, 0)}f}": round(y, d) for y, d in zip(wanted.tolist(), digits, strict=True)}
    axes.set_yticks(list(ticks.values()), [f"{tick:g}" for tick in ticks.values()])
    axes.set_ylim(bottom, top)


def plain(name):
    """A name as text of a picture.

    Matplotlib takes what is between dollars for mathematics, and hides labels that begin with an underscore.
    """
    text = "".join(c if c.isprintable() else " " for c in name).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


class RollImage(AxesImage):
    """Entries with sharp edges, however many keys and steps share a pixel: none is dropped.

    Matplotlib smooths in both directions if it must in one, which would blur long notes. So there are more
    entries than pixels when it does, and colours are mixed, not values, some of which are names of kinds.
    """

    def __init__(self, axes, **style):
        super().__init__(axes, interpolation="antialiased", interpolation_stage="rgba", **style)

    def make_image(self, *arguments, **named):
        entries = self.get_array()
        repeated = entries
        for direction, n in enumerate(entries.shape):
            repeated = np.repeat(repeated, -(-N_PIXELS[direction] // n), axis=direction)
        self.set_data(repeated)
        try:
            return super().make_image(*arguments, **named)
        finally:
            self.set_data(entries)


def piano_roll(axes, roll, notes, title, **style):
    """A roll (n_steps, n_features), of notes or probabilities, time to the right and pitch upwards.

    `notes`, a pair of MIDI numbers, is the range that is shown.
    """
    style = {"cmap": "Greys", "vmin": 0, "vmax": 1, **style}
    extent = (0, len(roll), LOWEST_NOTE - 0.5, LOWEST_NOTE + roll.shape[1] - 0.5)
    axes.set(title=title, ylabel="MIDI note")
    image = axes.add_image(RollImage(axes, extent=extent, origin="lower", cmap=style["cmap"]))
    image.set(data=roll.T, clim=(style["vmin"], style["vmax"]), clip_path=axes.patch)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    axes.set_ylim(notes)
    return image


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


def curves_and_roll(logs, published=(), roll=None, mean=None, floor=None):
    """Learning curves and, below them, if they are given, a roll and its reconstruction.

    Parameters
    ----------
    logs : dict of str to list of dict
        As for `learning_curves`.
    published : container of str
        Names of those whose validation score is the published objective, not a bound: they have a panel of
        their own, since their numbers don't compare.
    roll, mean
        As for `reconstruction`.
    floor : float, optional
        As for `learning_curves`; of the other panel.

    Returns
    -------
    Figure
    """
    n_rows = 1 if roll is None else 4
    figure = Figure(figsize=(9, 2 + 2 * n_rows), layout="constrained")
    grid = figure.add_gridspec(n_rows, 1, height_ratios=[2, 1, 1, 1][:n_rows])
    panels = {
        None: {name: log for name, log in logs.items() if name not in published},
        "published objective, not a bound": {name: log for name, log in logs.items() if name in published},
    }
    panels = {title: of_panel for title, of_panel in panels.items() if of_panel} or {None: {}}
    curves = grid[0].subgridspec(1, len(panels)).subplots(squeeze=False)[0]
    for axes, (title, of_panel) in zip(curves, panels.items(), strict=True):
        learning_curves(axes, of_panel, published, None if title else floor)
        axes.set_title(title or "", fontsize="medium")
    if len(panels) == 2:
        curves[0].set_title("scores: exact, or bounds", fontsize="medium")
        curves[1].set_ylabel(None)
    if roll is not None:
        reconstruction([figure.add_subplot(grid[i]) for i in (1, 2, 3)], roll, mean)
    return figure


def show_names(figure):
    """Names of files can have anything in them: what is not UTF-8 is escaped, and nothing is mathematics."""
    for text in figure.findobj(Text):
        words = text.get_text().encode(errors="backslashreplace").decode()
        text.set_text(words)
        is_number = "\\mathdefault" in words  # that is how matplotlib writes them
        if "$" in words and not is_number and text.get_label() != MATHEMATICS:
            text.set_parse_math(False)


def save(figure, path):
    """Write a figure whole or not at all."""
    show_names(figure)
    kind = path.suffix[1:]
    about = {"Software": "breze_like"} if kind == "png" else None
    with replacing(path) as stream:
        figure.savefig(stream, format=kind, dpi=120, metadata=about)


def picture(figure, alt, kind="png"):
    """A figure as an element of a page; `kind` is "png" or "svg"."""
    stream = io.BytesIO()
    show_names(figure)
    figure.savefig(stream, format=kind, dpi=160)
    media = {"png": "image/png", "svg": "image/svg+xml"}[kind]
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    return image(media, stream.getvalue(), alt, width, height)

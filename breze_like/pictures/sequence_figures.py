"""Pictures of sequences: piano rolls if they are binary, else lines."""

from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from breze_like.music.rolls import LOWEST_NOTE, N_KEYS
from breze_like.pictures import figures

# Notes, or probabilities; what is missing is NaN.
NOTE_COLORS = matplotlib.colormaps["Greys"].with_extremes(bad="#fde2b8")


# White where there is none.
SPREAD_COLORS = "hot_r"


class Spread(NamedTuple):
    """Variances (n_steps, n_features): of notes at most 1/4, so their colours have a scale of their own."""

    values: np.ndarray


def draw(title, panels, binary, boundary=None):
    """Sequences below one another, time to the right.

    Parameters
    ----------
    title : str
    panels : dict of str to ndarray, pair of ndarray or Spread, shape (n_steps, n_features)
        By title. A pair is shown by how the first one differs from the second one.
    binary : bool
        Whether the values are from 0 to 1: notes or probabilities.
    boundary : int, optional
        A step before which a line is drawn.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9, 0.6 + 1.9 * len(panels)), layout="constrained")
    figure.suptitle(figures.plain(title))
    all_axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
    arrays = [panel for panel in panels.values() if not isinstance(panel, tuple)]
    notes = figures.note_range(*(np.nan_to_num(array) > 0.1 for array in arrays)) if binary else None
    for axes, (name, panel) in zip(all_axes, panels.items(), strict=True):
        if binary and isinstance(panel, Spread):
            image = figures.piano_roll(
                axes, panel.values, notes, name, cmap=SPREAD_COLORS, vmax=max(panel.values.max(), 1e-3)
            )
            _name_features(axes, panel.values)
            figure.colorbar(image, ax=axes, pad=0.01)
        elif binary:
            _roll(axes, panel, notes, name)
        else:
            _lines(axes, panel.values if isinstance(panel, Spread) else panel, name)
        if boundary is not None:
            axes.axvline(boundary, color=figures.WRONG, linewidth=1)
    all_axes[-1].set_xlabel("time step")
    return figure


def _roll(axes, panel, notes, title):
    if isinstance(panel, tuple):
        figures.compared_roll(axes, *panel, notes, f"{title}: red is too much, blue too little")
    else:
        figures.piano_roll(axes, panel, notes, title, cmap=NOTE_COLORS)
    _name_features(axes, panel)


def _name_features(axes, panel):
    if np.shape(panel)[-1] != N_KEYS:  # no piano
        axes.yaxis.set_major_formatter(lambda y, _: f"{y - LOWEST_NOTE:g}")
        axes.set_ylabel("feature")


def _lines(axes, panel, title):
    values = panel
    if isinstance(panel, tuple):
        values, title = panel[0] - panel[1], f"{title}: difference"
    figures.lines(axes, values)
    axes.set_title(title)
    if values.shape[1] <= 10:
        axes.legend(title="feature", frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))

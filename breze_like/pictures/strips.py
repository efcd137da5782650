"""Pictures of sequences in a report: rolls or lines, without words, which are next to them in the page."""

import numpy as np
from matplotlib.figure import Figure

from breze_like.music.rolls import N_KEYS
from breze_like.pictures import figures

WIDTH = 5.4

# How many latents have a picture.
N_LATENTS = 6


def strip(values, truth=None, missing=None, notes=None):
    """One sequence.

    Parameters
    ----------
    values : ndarray, shape (n_steps, n_features)
    truth : ndarray of the same shape, optional
        Notes are red where they are not in it, and blue where they are missing; of real values, it is grey.
    missing : ndarray of bool, shape (n_steps,), optional
        Steps that are shaded.
    notes : pair of int, optional
        MIDI numbers from and to which a roll is shown; None: the values are real, and lines.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 1.7))
    axes = figure.add_axes((0.11, 0.15, 0.87, 0.82))  # at the same place in all of them
    if notes is None:
        _lines(axes, values, truth)
    elif truth is None:
        figures.piano_roll(axes, values, notes, None)
    else:
        figures.compared_roll(axes, values, truth, notes, None)
    if notes is not None and values.shape[1] != N_KEYS:  # no piano
        axes.set(yticks=[], ylabel="feature")
    for step in np.flatnonzero(missing) if missing is not None else ():
        figures.shade(axes, step, step + 1)
    axes.set(xlim=(0, len(values)))
    return figure


def latents(mean, variance):
    """Those latents whose mean moves most: mean and two standard deviations to both sides, over time.

    Parameters
    ----------
    mean, variance : ndarray, shape (n_steps, n_latent)

    Returns
    -------
    Figure
    """
    chosen = np.sort(np.argsort(-mean.var(axis=0), kind="stable")[:N_LATENTS])
    n_rows = -(-len(chosen) // 2)
    figure = Figure(figsize=(1.6 * WIDTH, 0.5 + 1.2 * n_rows), layout="constrained")
    all_axes = list(figure.subplots(n_rows, 2, squeeze=False, sharex=True).flat)
    steps = np.arange(len(mean)) + 0.5
    for axes, latent in zip(all_axes, chosen, strict=False):
        centre, spread = mean[:, latent], 2 * np.sqrt(variance[:, latent])
        axes.fill_between(steps, centre - spread, centre + spread, color="tab:blue", alpha=0.2, linewidth=0)
        axes.plot(steps, centre, color="tab:blue")
        axes.set(ylabel=f"latent {latent}", xlim=(0, len(mean)))
    for axes in all_axes[len(chosen) :]:
        axes.set_axis_off()
    figure.supxlabel("time step", fontsize="medium")
    return figure


def _lines(axes, values, truth):
    if truth is not None:
        axes.plot(np.arange(len(truth)) + 0.5, truth, color="0.75", linewidth=2)
    figures.lines(axes, values)
    axes.set_ylabel("value")

"""Draw a model as a graph over time, as the paper's Figures 1(a) and 2(a), from the symbolic graph itself.

    python -m experiments.graph --model vrae
    python -m experiments.graph --model vosp --posterior gauss_markov --out pictures

Circles are random, diamonds deterministic, and shaded nodes observed; the upper row of x is distributed given
what is below it. An arrow is a direct dependency, found by `experiments.pictures.dependencies`.
"""

import argparse
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, Polygon

from breze_like.distributions import POSTERIORS
from breze_like.models import MODELS, VOSP
from breze_like.models.variational import VariationalModel
from breze_like.pictures import figures
from experiments import command_line
from experiments.command_line.arguments import Parser
from experiments.command_line.reports import add_force, check_files
from experiments.pictures.dependencies import find_dependencies

# Sizes that matter for which quantity depends on which in no way, but to the time that it takes.
N_VISIBLE, N_LATENT, N_HIDDENS = 4, 2, (4,)

SYMBOLS = {"observations": "x", "latents": "z", "emission/mean": "x"}

# Steps to each side that are looked at, but not shown: the ends of a sequence are special.
MARGIN = 2

RADIUS = 0.24
SHADE, LINE = "#d4d4d8", "#27272a"
STYLE = {"mathtext.fontset": "cm", "svg.hashsalt": "breze_like"}


def make_model(name, posterior):
    """A small model of that kind."""
    kind, sizes, choices = MODELS[name], (N_VISIBLE,), {}
    if issubclass(kind, VariationalModel):
        sizes, choices = (N_VISIBLE, N_LATENT), {"posterior": posterior}
    if kind is VOSP:
        choices["n_emission_hiddens"] = N_HIDDENS
    return kind(*sizes, N_HIDDENS, **choices)


def draw(dependencies, n_steps):
    """The figure of the inner `n_steps` of the steps that dependencies were found for.

    Parameters
    ----------
    dependencies : Dependencies
        For `n_steps` + 2 `MARGIN` steps.
    n_steps : int

    Returns
    -------
    Figure
    """
    places = _places(dependencies)
    height = max(y for _, y in places.values())
    figure = Figure(figsize=(1.5 * n_steps, height + 1))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(aspect="equal", xlim=(-0.75, 1.5 * n_steps - 0.75), ylim=(-0.5, height + 0.5))
    axes.axis("off")

    nodes = {
        (name, t + MARGIN): _node(axes, kind, *_at(places[name], t), _label(name, t, dependencies, n_steps))
        for name, kind in dependencies.kinds.items()
        for t in range(-1, n_steps + 1)
    }
    for (_, t), node in nodes.items():  # those beside the picture are there for the arrows across its border
        node.set_visible(MARGIN <= t < n_steps + MARGIN)
    for parent, child in dependencies.edges:
        if parent in nodes and child in nodes:
            _arrow(axes, nodes[parent], nodes[child])
    return figure


def _places(dependencies):
    """Where the quantities are at step 0: each above those of its step that it depends on.

    Those of the same height, such as the states of both directions, are staggered.
    """
    height = {}
    for name in dependencies.kinds:
        below = {parent for (parent, _), (child, _) in dependencies.edges if child == name} - {name}
        height[name] = max((height[parent] + 1 for parent in below), default=0)
    places, y = {}, 0.0
    for level in range(max(height.values()) + 1):
        beside = sorted((name for name in height if height[name] == level), reverse=True)  # forward first
        extra = 0.45 * (len(beside) - 1)
        for i, name in enumerate(beside):
            x = 0.33 * (2 * i - len(beside) + 1)
            places[name] = x, y + 0.45 * i
        y += 1 + extra
    return places


def _at(place, t):
    x, y = place
    return x + 1.5 * t, y


def _label(name, t, dependencies, n_steps):
    """Symbol and index: the middle step is t. States of generation are g where those of recognition are h."""
    offset = t - n_steps // 2
    index = f"t{offset:+d}" if offset else "t"
    if name in SYMBOLS:
        return f"${SYMBOLS[name]}_{{{index}}}$"
    network, layer, direction = name.split("/")
    both = f"{network}/{layer}/backward" in dependencies.kinds
    arrow = {"forward": "right", "backward": "left"}[direction]
    apart = any(other.startswith("recognition/") for other in dependencies.kinds)
    letter = "g" if network == "generative" and apart else "h"
    return rf"$\over{arrow}arrow{{{letter}}}_{{{index}}}$" if both else f"${letter}_{{{index}}}$"


def _node(axes, kind, x, y, label):
    style = {"facecolor": SHADE if kind == "observed" else "white", "edgecolor": LINE, "linewidth": 1.1}
    if kind == "deterministic":
        r = 1.25 * RADIUS
        node = Polygon([(x - r, y), (x, y - r), (x + r, y), (x, y + r)], zorder=2, **style)
    else:
        node = Circle((x, y), RADIUS, zorder=2, **style)
    axes.add_patch(node)
    about = {"label": figures.MATHEMATICS, "fontsize": 11, "zorder": 3, "clip_on": True}
    axes.text(x, y, label, ha="center", va="center", **about)
    node.centre = x, y
    return node


def _arrow(axes, parent, child):
    arrow = FancyArrowPatch(
        parent.centre,
        child.centre,
        patchA=parent,
        patchB=child,
        arrowstyle="-|>,head_length=4,head_width=2",
        shrinkA=0,
        shrinkB=0,
        color=LINE,
        linewidth=0.9,
        zorder=1,
    )
    axes.add_patch(arrow)


def main(arguments=None):
    parser = Parser(__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--model", required=True, choices=sorted(set(MODELS) - {"hmm", "nade"}), help="which system")
    add(
        "--posterior",
        default="diagonal",
        choices=sorted(POSTERIORS),
        help="approximate posterior; the paper's is diagonal",
    )
    add("--n-steps", type=int, default=3, help="number of steps to show")
    add("--out", default="runs/figures", help="folder for the pictures")
    add_force(parser)
    options = parser.parse_args(arguments)
    if not 1 <= options.n_steps <= 20:
        raise ValueError(f"--n-steps must be from 1 to 20, got {options.n_steps}")
    files = [f"graph_{options.model}.{extension}" for extension in ("svg", "png")]
    check_files(options.out, dict.fromkeys(files), options.force)
    model = make_model(options.model, options.posterior)
    dependencies = find_dependencies(model, options.n_steps + 2 * MARGIN)
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        figure = draw(dependencies, options.n_steps)
        for name in files:
            figures.save(figure, folder / name)
    print(f"graph_{options.model}.svg and .png are in {folder}")
    return 0


if __name__ == "__main__":
    command_line.run(main, "nothing was written; run the same command to start over")

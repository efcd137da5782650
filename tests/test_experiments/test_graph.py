"""Pictures of models as graphs."""

from xml.etree import ElementTree

import matplotlib.image
import pytest
from matplotlib.patches import Circle, FancyArrowPatch, Polygon

from breze_like.pictures import figures
from experiments import graph
from experiments.pictures.dependencies import Dependencies

# As of a VOSP over seven steps, of which three are shown.
NAMES = ("observations", "recognition/hidden_0/forward", "latents", "emission/mean")
KINDS = dict(zip(NAMES, ("observed", "deterministic", "random", "observed"), strict=True))
LAGS = [(0, 1, 0), (1, 1, 1), (1, 2, 0), (2, 3, 0), (1, 3, 1)]
EDGES = {((NAMES[p], s), (NAMES[c], s + lag)) for p, c, lag in LAGS for s in range(7 - lag)}


@pytest.fixture(scope="module")
def patches():
    figure = graph.draw(Dependencies(KINDS, EDGES), 3)
    figure.canvas.draw()
    return [patch for patch in figure.axes[0].patches if patch.get_visible()]


def test_deterministic_ones_are_diamonds_and_observed_ones_are_shaded(patches):
    circles = [p for p in patches if isinstance(p, Circle)]
    diamonds = [p for p in patches if isinstance(p, Polygon)]
    assert len(circles) == 9 and len(diamonds) == 3
    shades = {p.get_facecolor() for p in circles}
    assert len(shades) == 2
    assert [p.get_facecolor() for p in diamonds] == 3 * [(1, 1, 1, 1)]
    assert sum(p.get_facecolor() != (1, 1, 1, 1) for p in circles) == 6


def test_states_of_two_networks_are_named_apart():
    names = [f"{network}/hidden_0/forward" for network in ("recognition", "generative")]
    of_one, of_both = ({name: "deterministic" for name in some} for some in (names[:1], names))
    assert graph._label(names[0], 2, Dependencies(of_one, set()), 3) == "$h_{t+1}$"
    both = [graph._label(name, 2, Dependencies(of_both, set()), 3) for name in names]
    assert both == ["$h_{t+1}$", "$g_{t+1}$"]


def test_labels_are_mathematics():
    figure = graph.draw(Dependencies(KINDS, EDGES), 3)
    figures.show_names(figure)
    assert {text.get_parse_math() for text in figure.axes[0].texts} == {True}
    plain = figure.text(0, 0, "$a$")
    figures.show_names(figure)
    assert not plain.get_parse_math()


def test_all_edges_are_there(patches):
    arrows = [p for p in patches if isinstance(p, FancyArrowPatch)]
    # Also those of the steps beside the picture, for what crosses its border.
    assert len(arrows) == sum(1 <= s and t <= 5 for (_, s), (_, t) in EDGES)


def test_nodes_keep_apart(patches):
    centres = [p.centre for p in patches if hasattr(p, "centre")]
    apart = [abs(complex(*a) - complex(*b)) for i, a in enumerate(centres) for b in centres[:i]]
    assert min(apart) > 3 * graph.RADIUS


def test_pictures_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(graph, "find_dependencies", lambda model, n_steps: Dependencies(KINDS, EDGES))
    assert graph.main(["--model", "vosp", "--out", str(tmp_path / "new")]) == 0
    svg, png = (tmp_path / "new" / f"graph_vosp.{extension}" for extension in ("svg", "png"))
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")
    assert matplotlib.image.imread(png).shape[0] > 400
    assert str(tmp_path) in capsys.readouterr().out


def test_number_of_steps_is_checked():
    with pytest.raises(ValueError, match="--n-steps must be from 1 to 20, got 0"):
        graph.main(["--model", "vosp", "--n-steps", "0"])

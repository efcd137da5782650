"""Figures of Plotly as drawings."""

from xml.etree import ElementTree

import plotly.graph_objects as go
import pytest

from experiments.pages.html import page
from experiments.pages.plots import plot

BAD = "</script><script>console.error('1')</script>"


def marks(figure):
    """The marks of a figure, and all that is written in it."""
    root = ElementTree.fromstring(plot(figure, "any"))
    return [e for e in root.iter() if e.get("class") in ("point", "js-line")], "|".join(root.itertext())


def test_points_are_where_their_values_are():
    figure = go.Figure(go.Scatter(x=[1, 2, 3], y=[1.0, 4.0, 9.0], mode="markers"))
    points, said = marks(figure)
    x, y = ([float(p.get(name)) for p in points] for name in ("cx", "cy"))
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2) and x[0] < x[1]
    assert (y[0] - y[2]) / (y[0] - y[1]) == pytest.approx(8 / 3, abs=0.02) and y[2] < y[0]
    assert "2, 4" in said


def test_steps():
    (line,), _ = marks(go.Figure(go.Scatter(x=[0, 1], y=[2, 1], mode="lines", line_shape="hv")))
    first, corner, last = (tuple(map(float, pair.split(","))) for pair in line.get("points").split())
    assert corner == (last[0], first[1])


def test_bars_begin_at_zero_and_categories_are_apart():
    figure = go.Figure(go.Bar(x=[0.75, 0.25], y=["a", "b"], orientation="h"))
    (first, second), said = marks(figure)
    assert first.get("x") == second.get("x") and first.get("y") != second.get("y")
    assert float(first.get("width")) == pytest.approx(3 * float(second.get("width")), abs=0.5)
    assert "a: 75.0%" in said


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A page with two figures, one with a bad name."""
    scatter = go.Scatter(x=[1, 2, 3], y=[1, 4, 9], mode="lines+markers", name=BAD)
    content = [
        plot(go.Figure(scatter), BAD),
        plot(go.Figure(go.Bar(x=[1, 2], y=["a", "b"]), {"height": 300, "title": BAD}), "bars"),
    ]
    path = tmp_path_factory.mktemp("pages") / "plain.html"
    path.write_text(page("title", *content))
    return path


def test_figures_are_drawn_without_a_network(plain, browser):
    seen = browser(plain)
    assert seen["console"] == [] and seen["failed"] == []
    assert sum(url.startswith("file:") for url in seen["requests"]) == 1
    assert seen["plots"] == [4, 2]
    assert seen["overflow"] <= 0


def test_names_are_text(plain):
    assert "<script" not in plain.read_text()


def test_no_script_runs(plain, tmp_path, browser):
    (tmp_path / "changed.html").write_text(plain.read_text().replace("</body>", "<script>1</script></body>"))
    seen = browser(tmp_path / "changed.html")
    assert "Content Security Policy" in seen["console"][0] and seen["plots"] == [4, 2]

"""Figures of Plotly, drawn by a browser."""

import plotly.graph_objects as go
import pytest

from experiments.pages.html import page
from experiments.pages.interactive import Plots

BAD = "</script><script>console.error('1')</script>"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A page with two figures, one with a bad name."""
    plots = Plots()
    content = [
        plots.add(go.Figure(go.Scatter(x=[1, 2, 3], y=[1, 4, 9], mode="lines+markers", name=BAD)), BAD),
        plots.add(go.Figure(go.Bar(x=["a", "b"], y=[1, 2]), {"height": 300, "title": BAD}), "bars"),
    ]
    path = tmp_path_factory.mktemp("pages") / "plain.html"
    path.write_text(page("title", *content, scripts=plots.scripts))
    return path


def test_figures_are_drawn_without_a_network(plain, browser):
    seen = browser(plain)
    assert seen["console"] == [] and seen["failed"] == []
    assert sum(url.startswith("file:") for url in seen["requests"]) == 1
    assert all(url.startswith(("data:", "file:", "blob:")) for url in seen["requests"])
    assert seen["plots"] == [4, 2]
    assert seen["pictures"] == 2 * ["data:image/png"]
    assert seen["overflow"] <= 0


def test_no_other_script_runs(plain, tmp_path, browser):
    (tmp_path / "changed.html").write_text(plain.read_text().replace("</body>", "<script>1</script></body>"))
    seen = browser(tmp_path / "changed.html")
    assert "Content Security Policy" in seen["console"][0] and seen["plots"] == [4, 2]


def test_the_program_is_there_once(plain):
    text = plain.read_text()
    assert text.count("<script>") == text.count("</script>") == 2
    assert text.count("plotly.js v") == 1


def test_without_figures_there_is_no_script():
    assert Plots().scripts == []
    assert "script" not in page("title", scripts=Plots().scripts)

"""Plotly's figures in a page, with one copy of its program, which needs no network.

>>> plots = Plots()
>>> text = page("title", plots.add(figure, "what it shows"), scripts=plots.scripts)
"""

from plotly.offline import get_plotlyjs

from breze_like.html import element

# The buttons are listed since one of those that are there by default sends the figure to Plotly's server.
SHOW = """
for (const [id, plot] of Object.entries({FIGURES}))
  Plotly.newPlot(id, plot.data, plot.layout, {
    responsive: true, displaylogo: false,
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  });
"""

# Pixels, of figures that have no height of their own.
HEIGHT = 420


class Plots:
    """The figures of a page.

    Attributes
    ----------
    scripts : list of str
        What the page must run; none without figures.
    """

    def __init__(self):
        self._figures = {}

    def add(self, figure, alt):
        """The place of a figure in the page, as wide as there is room; `alt` says what it shows."""
        name = f"plot-{len(self._figures) + 1}"
        self._figures[name] = figure
        style = f"height: {figure.layout.height or HEIGHT}px; min-width: 36rem"
        return element("div", id=name, class_="plot", role="img", aria_label=alt, style=style)

    @property
    def scripts(self):
        if not self._figures:
            return []
        figures = ", ".join(f'"{name}": {figure.to_json()}' for name, figure in self._figures.items())
        # Within a script, no text may look like markup.
        return [get_plotlyjs(), SHOW.replace("FIGURES", figures.replace("<", "\\u003c"))]

"""Plotly's figures as drawings in a page, without Plotly's JavaScript: SVG, with tooltips.

>>> page("title", plot(figure, "what it shows"))

It can draw what the charts of a search consist of: scatters of lines and points, horizontal bars, several
panels, categories, lines and texts of the layout, a legend. Where the pointer rests on a mark, the browser
shows the mark's text.
"""

import numpy as np

from breze_like.pictures.html import element

# Pixels, of all figures and of those that have no height of their own.
WIDTH, HEIGHT = 900, 420
MARGIN = {"l": 70, "r": 20, "t": 40, "b": 50}

TEXT, GRID = "#18181b", "#e4e4e7"
COLORS = ("#1d4ed8", "#d97706", "#15803d", "#b91c1c")


def plot(figure, alt):
    """A figure, as wide as there is room; `alt` says what it shows."""
    layout = figure.layout
    height = layout.height or HEIGHT
    margin = {side: _or(layout.margin[side], default) for side, default in MARGIN.items()}
    names = [name for trace in figure.data if trace.type == "bar" for name in trace.y]
    margin["l"] = max([margin["l"], *(16 + 7 * len(name) for name in names)])
    panels = {}
    for i, trace in enumerate(figure.data):
        panels.setdefault((trace.xaxis or "x", trace.yaxis or "y"), []).append((i, trace))
    axes = {name: _Axis(figure, name, margin, height) for names in panels for name in names}
    drawn = [_panel(axes[x], axes[y], traces) for (x, y), traces in panels.items()]
    first = [axes[name] for name in next(iter(panels), ())]
    drawn += [_shape(shape, *first) for shape in layout.shapes]
    drawn += [_annotation(annotation, *first) for annotation in layout.annotations if annotation.text]
    if layout.title.text:
        drawn.append(_text(WIDTH / 2, 16, layout.title.text, "middle", 14))
    if len(figure.data) > 1 and layout.showlegend is not False:
        drawn.append(_legend(figure.data, margin))
    svg = element("svg", *drawn, viewBox=f"0 0 {WIDTH} {height}", font_family="system-ui, Arial, sans-serif")
    return element("div", svg, class_="plot", role="img", aria_label=alt, style="min-width: 36rem")


class _Axis:
    """Where the values of an axis are in the picture."""

    def __init__(self, figure, name, margin, height):
        self.is_x = name[0] == "x"
        self.about = about = figure.layout[f"{name[0]}axis{name[1:]}"]
        low, high = about.domain or (0, 1)
        if self.is_x:
            begin, size = margin["l"], WIDTH - margin["l"] - margin["r"]
        else:
            begin, size = height - margin["b"], margin["t"] + margin["b"] - height
        self.pixels = begin + low * size, begin + high * size
        shared = about.matches or name
        values = [
            value
            for trace in figure.data
            for value in (trace[name[0]] if trace[name[0]] is not None else ())
            if name == (own := trace[f"{name[0]}axis"] or name[0])
            or shared in (own, figure.layout[f"{name[0]}axis{own[1:]}"].matches)
        ]
        self.categories = None
        if about.type == "category" or any(isinstance(value, str) for value in values):
            order = values if about.categoryarray is None else about.categoryarray
            self.categories = list(dict.fromkeys(map(str, order)))
        self.range = about.range or self._range(values, any(trace.type == "bar" for trace in figure.data))

    def _range(self, values, has_bars):
        if self.categories:
            return -0.5, len(self.categories) - 0.5
        low, high = (min(values), max(values)) if values else (0, 1)
        room = 0.05 * (high - low or 1.0)
        from_zero = has_bars or self.about.rangemode == "tozero"
        return (min(0.0, low) if from_zero else low - room), high + room

    def __call__(self, value):
        number = self.categories.index(str(value)) if self.categories else float(value)
        begin, end = self.pixels
        low, high = self.range
        return round(begin + (number - low) / (high - low) * (end - begin), 1)

    def ticks(self):
        """Values with their texts."""
        about = self.about
        if about.tickvals is not None:
            texts = about.tickvals if about.ticktext is None else about.ticktext
            return list(zip(about.tickvals, map(str, texts), strict=True))
        if self.categories:
            return [(name, name) for name in self.categories]
        low, high = self.range
        rough = (high - low) / 5
        power = 10.0 ** np.floor(np.log10(rough))
        step = next(n * power for n in (1, 2, 5, 10) if n * power >= rough * (1 - 1e-9))
        values = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step + 0.0  # no -0
        return [(value, format(value, ".0%") if about.tickformat else f"{value:.6g}") for value in values]


def _panel(x, y, traces):
    left, right = x.pixels
    bottom, top = y.pixels
    parts = []
    for axis in (x, y):
        if axis.about.visible is False:
            continue
        for value, text in axis.ticks():
            at = axis(value)
            if axis.about.showgrid is not False:
                ends = {"x1": at, "x2": at, "y1": top, "y2": bottom}
                if axis is y:
                    ends = {"x1": left, "x2": right, "y1": at, "y2": at}
                parts.append(element("line", **ends, stroke=GRID))
            if axis.about.showticklabels is not False:
                place = (at, bottom + 16, text, "middle") if axis is x else (left - 6, at + 4, text, "end")
                parts.append(_text(*place, 11))
    if x.about.title.text:
        parts.append(_text((left + right) / 2, bottom + 34, x.about.title.text, "middle", 12))
    if y.about.title.text:
        turned = f"translate({left - 50},{(top + bottom) / 2}) rotate(-90)"
        parts.append(element("g", _text(0, 0, y.about.title.text, "middle", 12), transform=turned))
    return element("g", *parts, *(part for i, trace in traces for part in _trace(x, y, i, trace)))


def _trace(x, y, i, trace):
    """The marks of a trace, with what they say."""
    if trace.x is None or not len(trace.x):
        return
    color = _color(trace, i)
    if trace.type == "bar":
        for value, name in zip(trace.x, trace.y, strict=True):
            box = {"x": x(0), "width": round(x(value) - x(0), 1), "y": y(name) - 9, "height": 18}
            yield element("rect", element("title", f"{name}: {value:.1%}"), **box, fill=color, class_="point")
        return
    points = [(x(a), y(b)) for a, b in zip(trace.x, trace.y, strict=True)]
    mode = trace.mode or "lines+markers"
    if "lines" in mode:
        steps = zip(points, points[1:] if trace.line.shape == "hv" else (), strict=False)
        corners = {
            i: (c, b) for i, ((_, b), (c, _)) in enumerate(steps, 1)
        }  # of each point, the one before it
        said = element("title", *_lines_of(trace.hovertext)) if isinstance(trace.hovertext, str) else ""
        way = [p for i, point in enumerate(points) for p in (corners.get(i), point) if p]
        path = " ".join(f"{a},{b}" for a, b in way)
        style = {"stroke": color, "stroke_width": trace.line.width or 2, "fill": "none"}
        yield element("polyline", said, points=path, **style, class_="js-line")
    if "markers" in mode:
        is_line = trace.marker.symbol == "line-ns"
        for (a, b), (u, v) in zip(points, zip(trace.x, trace.y, strict=True), strict=True):
            said = element("title", f"{_number(u)}, {_number(v)}")
            if is_line:
                ends = {"x1": a, "x2": a, "y1": b - 8, "y2": b + 8}
                yield element("line", said, **ends, stroke=color, stroke_width=2, class_="point")
            else:
                yield element("circle", said, cx=a, cy=b, r=3, fill=color, opacity=0.6, class_="point")


def _legend(traces, margin):
    parts, at = [], margin["l"]
    for i, trace in enumerate(traces):
        if trace.name is None or trace.showlegend is False:
            continue
        line = _is_line(trace)
        style = {"stroke": _color(trace, i), "stroke_width": 2 if line else 8}
        about = {"class_": "js-line"} if line else {}
        parts.append(element("line", x1=at, x2=at + (20 if line else 8), y1=18, y2=18, **style, **about))
        parts.append(_text(at + 26, 22, trace.name, "start", 12))
        at += 50 + 7 * len(trace.name)
    return element("g", *parts)


def _shape(shape, x, y):
    ends = {"x1": x(shape.x0), "x2": x(shape.x1), "y1": y(shape.y0), "y2": y(shape.y1)}
    return element("line", **ends, stroke=shape.line.color or TEXT, stroke_width=shape.line.width or 1)


def _annotation(about, x, y):
    anchor = {"right": "end", "left": "start"}.get(about.xanchor, "middle")
    return _text(x(about.x) + (about.xshift or 0), y(about.y) + 4, about.text, anchor, 11, outlined=True)


def _text(x, y, text, anchor, size, outlined=False):
    lines = _lines_of(text)
    spans = [element("tspan", line, x=round(x, 1), dy=size if i else 0) for i, line in enumerate(lines)]
    behind = {"stroke": "#fff", "stroke_width": 3, "paint_order": "stroke"} if outlined else {}
    place = {"y": round(y, 1), "text_anchor": anchor, "font_size": size, "fill": TEXT}
    return element("text", *(spans if len(lines) > 1 else lines), x=round(x, 1), **place, **behind)


def _lines_of(text):
    """Plotly's own markup in texts is that of new lines."""
    lines = text.split("<br>")
    return [line if i == len(lines) - 1 else f"{line}\n" for i, line in enumerate(lines)]


def _is_line(trace):
    return trace.type == "scatter" and trace.mode == "lines"


def _color(trace, i):
    given = trace.line.color if _is_line(trace) else trace.marker.line.color or trace.marker.color
    return given if isinstance(given, str) else COLORS[i % len(COLORS)]


def _number(value):
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def _or(value, default):
    return default if value is None else value

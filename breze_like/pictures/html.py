"""HTML: elements whose text is escaped, tables, and pictures and sounds embedded in the markup.

>>> element("p", "1 < 2, ", element("b", "always"), id="truth")
'<p id="truth">1 &lt; 2, <b>always</b></p>'
"""

import base64
from html import escape

VOID = {"img", "link", "meta"}


class Markup(str):
    """Text that is markup already."""


def element(tag, *children, **attributes):
    """``<tag attributes>children</tag>``, in which all text that is not `Markup` is escaped.

    Attributes that are None are left out, and those that are True have no value. An underscore at the end of
    a name, as in ``class_``, is dropped, others become hyphens.
    """
    names = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    written = "".join(
        f" {name}" if value is True else f' {name}="{escape(str(value))}"'
        for name, value in names.items()
        if value is not None
    )
    inside = "".join(c if isinstance(c, Markup) else escape(str(c)) for c in children)
    return Markup(f"<{tag}{written}>" + ("" if tag in VOID else f"{inside}</{tag}>"))


def table(head, rows, label):
    """A table of rows of cells; a cell of the head is a pair of a text and whether numbers are below it."""
    kinds = ["number" if numbers else None for _, numbers in head]

    def line(cells, *tags):
        return element("tr", *(element(t, c, class_=k) for t, c, k in zip(tags, cells, kinds, strict=True)))

    others = ["td"] * (len(head) - 1)
    lines = [line(cells, "th", *others) for cells in rows]
    top = line([text for text, _ in head], *["th"] * len(head))
    return wide(element("table", element("thead", top), element("tbody", *lines)), label)


def wide(content, label):
    """What is scrolled, also with the keyboard, where the screen is narrow."""
    return element("div", content, class_="wide", tabindex="0", role="region", aria_label=label)


def image(media, content, alt, width, height):
    """A picture of that media type, in pixels of the page."""
    return element("img", src=_data(media, content), alt=alt, width=width, height=height)


def player(wav, label):
    """Controls for the content of a WAV file."""
    return element(
        "audio", controls=True, preload="metadata", src=_data("audio/wav", wav), aria_label=f"Play: {label}"
    )


def _data(media, content):
    return f"data:{media};base64,{base64.b64encode(content).decode()}"

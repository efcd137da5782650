"""HTML pages that need nothing else: pictures, sounds and scripts are in the page itself.

>>> from experiments.pages import element
>>> element("p", "1 < 2, ", element("b", "always"), id="truth")
'<p id="truth">1 &lt; 2, <b>always</b></p>'
"""

import base64
import io
from hashlib import sha256
from html import escape

from breze_like.files import replacing
from experiments.pictures.figures import show_names

VOID = {"img", "link", "meta"}

# Nothing is loaded but what is in the page, and nothing in it runs but the scripts that are meant to.
POLICY = (
    "default-src 'none'; img-src data: blob:; media-src data:; style-src 'unsafe-inline'; form-action 'none'"
)

CSS = """
:root { color-scheme: light; --line: #d4d4d8; --soft: #52525b; --link: #1d4ed8; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem; background: #fff; color: #18181b;
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 3rem 0 .25rem; padding-top: 1rem;
  border-top: 2px solid #18181b; overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; margin: 2rem 0 .4rem; }
p { margin: .4rem 0 .8rem; max-width: 44rem; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.soft, figcaption small { color: var(--soft); }
.wide { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: anywhere; min-width: 7.5rem; }
thead th { border-bottom: 1px solid #18181b; font-weight: 600; }
th.number, td.number { text-align: right; min-width: 4.5rem; overflow-wrap: normal; }
thead th { vertical-align: bottom; line-height: 1.25; }
tbody th { font-weight: 400; }
figure { margin: 0 0 1.1rem; }
figcaption { margin-bottom: .2rem; font-weight: 600; font-size: .95rem; }
figcaption small { font-weight: 400; }
img { display: block; max-width: 100%; height: auto; }
@media (max-width: 40rem) { .wide img { max-width: none; width: 36rem; } }
audio { display: block; width: 100%; max-width: 26rem; height: 2.5rem; margin-top: .35rem; }
code { font: .85rem/1.5 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 600; padding: .3rem 0; }
.songs { display: grid; gap: .4rem 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
"""


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


def picture(figure, alt, kind="png"):
    """A matplotlib figure as an image; `kind` is "png" or "svg"."""
    stream = io.BytesIO()
    show_names(figure)
    figure.savefig(stream, format=kind, dpi=160)
    media = {"png": "image/png", "svg": "image/svg+xml"}[kind]
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    return element("img", src=_data(media, stream.getvalue()), alt=alt, width=width, height=height)


def player(wav, label):
    """Controls for the content of a WAV file."""
    return element(
        "audio", controls=True, preload="metadata", src=_data("audio/wav", wav), aria_label=f"Play: {label}"
    )


def page(title, *content, scripts=()):
    """A whole document; `scripts` are texts in JavaScript, which run one after the other at its end."""
    allowed = [f"'sha256-{base64.b64encode(sha256(s.encode()).digest()).decode()}'" for s in scripts]
    policy = "; ".join([POLICY, *([f"script-src {' '.join(allowed)}"] if allowed else [])])
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        element("style", Markup(CSS)),
    )
    run = [element("script", Markup(script)) for script in scripts]
    body = element("body", element("main", element("h1", title), *content), *run)
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def write(target, page):
    """Write a page whole or not at all, in a folder that is made if it is not there; and say so."""
    content = page.encode(errors="backslashreplace")
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as stream:
        stream.write(content)
    print(f"{target}, {len(content) / 1e6:.1f} MB: open it in a browser")


def _data(media, content):
    return f"data:{media};base64,{base64.b64encode(content).decode()}"

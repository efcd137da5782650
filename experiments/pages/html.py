"""HTML pages that need nothing else: pictures and sounds are in the page itself.

>>> page("A truth", element("p", "1 < 2"))
"""

from breze_like.files import replacing
from breze_like.pictures.html import Markup, element

# Nothing is loaded but what is in the page, and nothing in it runs.
POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; form-action 'none'"

CSS = """
:root { color-scheme: light dark; --page: #fff; --text: #18181b; --line: #d4d4d8; --soft: #52525b;
  --link: #1d4ed8; }
@media (prefers-color-scheme: dark) {
  :root { --page: #18181b; --text: #e4e4e7; --line: #3f3f46; --soft: #a1a1aa; --link: #93b4fd; }
  img, .plot { filter: invert(.906) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem;
  background: var(--page); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 3rem 0 .25rem; padding-top: 1rem;
  border-top: 2px solid var(--text); overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; margin: 2rem 0 .4rem; }
p { margin: .4rem 0 .8rem; max-width: 44rem; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.soft, figcaption small { color: var(--soft); }
.wide { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: anywhere; min-width: 7.5rem; }
thead th { border-bottom: 1px solid var(--text); font-weight: 600; }
th.number, td.number { text-align: right; min-width: 4.5rem; overflow-wrap: normal; }
thead th { vertical-align: bottom; line-height: 1.25; }
tbody th { font-weight: 400; }
figure { margin: 0 0 1.1rem; }
figcaption { margin-bottom: .2rem; font-weight: 600; font-size: .95rem; }
figcaption small { font-weight: 400; }
img { display: block; max-width: 100%; height: auto; }
@media (max-width: 40rem) {
  .wide img { max-width: none; width: 36rem; }
  .wide th:first-child { position: sticky; left: 0; min-width: 6rem; max-width: 9rem;
    background: var(--page); }
}
audio { display: block; width: 100%; max-width: 26rem; height: 2.5rem; margin-top: .35rem; }
code { font: .85rem/1.5 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 600; padding: .3rem 0; overflow-wrap: anywhere; }
details.run { border-top: 1px solid var(--line); }
details.run > summary { padding: .7rem 0; }
details.run h2 { margin-top: 0; border-top: 0; padding-top: 0; }
.songs { display: grid; gap: .4rem 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
"""


def page(title, *content):
    """A whole document."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        element("style", Markup(CSS)),
    )
    body = element("body", element("main", element("h1", title), *content))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def write(target, page):
    """Write a page whole or not at all, in a folder that is made if it is not there; and say so."""
    content = page.encode(errors="backslashreplace")
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as stream:
        stream.write(content)
    print(f"{target}, {len(content) / 1e6:.1f} MB: open it in a browser")

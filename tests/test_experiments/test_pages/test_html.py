"""HTML without a place for markup that nobody meant."""

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure

from breze_like.music import wav_bytes
from breze_like.pictures.figures import picture
from breze_like.pictures.html import VOID, Markup, element, player, table, wide
from experiments.pages.html import page

BAD = "<script>alert('1')</script> & \"2\""


class Tags(HTMLParser):
    """Tags and their attributes, and the text between them; every tag is closed in its turn."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.text, self._open = [], "", []
        self.feed(markup)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_text_and_attributes_are_escaped():
    parsed = Tags(element("p", BAD, element("b", BAD), title=BAD, class_="x", aria_label=None, hidden=True))
    assert [tag for tag, _ in parsed.tags] == ["p", "b"]
    assert parsed.tags[0][1] == {"title": BAD, "class": "x", "hidden": None}
    assert parsed.text == 2 * BAD


def test_everything_on_a_page_is_escaped():
    content = [
        table([(BAD, False), (BAD, True)], [[BAD, 1.5]], BAD),
        wide(picture(Figure(), BAD), BAD),
        player(b"", BAD),
    ]
    parsed = Tags(page(BAD, BAD, *content))
    assert "script" not in [tag for tag, _ in parsed.tags]
    attributes = [value for _, named in parsed.tags for value in named.values() if value]
    assert attributes.count(BAD) == 3 and f"Play: {BAD}" in attributes
    assert parsed.text.count(BAD) == 6


def test_markup_stays_markup():
    assert element("p", Markup("<i>1</i>")) == "<p><i>1</i></p>"


def test_numbers_are_to_the_right_of_names():
    parsed = Tags(table([("name", False), ("nats", True)], [["a", 1], ["b", 2]], "Scores"))
    cells = [(tag, named.get("class")) for tag, named in parsed.tags if tag in ("th", "td")]
    assert cells == [("th", None), ("th", "number"), *(2 * [("th", None), ("td", "number")])]


def content(markup):
    (media, text) = re.search(r'src="data:([^;]*);base64,([^"]*)"', markup).groups()
    return media, base64.b64decode(text)


@pytest.mark.parametrize(
    ("kind", "media", "start"), [("png", "image/png", b"\x89PNG"), ("svg", "image/svg+xml", b"<?xml")]
)
def test_pictures_are_inside(kind, media, start):
    found, data = content(picture(Figure(figsize=(2, 1)), "nothing", kind))
    assert found == media and data.startswith(start)


def test_sounds_are_inside():
    wav = wav_bytes(np.eye(3, 88, dtype=np.uint8))
    assert content(player(wav, "a scale")) == ("audio/wav", wav)


def test_nothing_else_is_referred_to():
    text = page("title", picture(Figure(), "nothing"), element("a", "there", href="#here"))
    references = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert len(references) == 3
    assert all(reference.startswith(("data:", "#")) for reference in references)
    assert not re.search("url|import|http:", text)

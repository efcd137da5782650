import numpy as np
import pytest

from breze_like.quoting import quote, shown, shown_path


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "'a'"),
        (60.5, "60.5"),
        (True, "True"),
        (float("nan"), "nan"),
        (b"\x1b\n", r"b'\x1b\n'"),
        ([1, [2, [3, [4]]]], "[1, [2, [...]]]"),
        (list(range(9)), "[0, 1, 2, 3, ...]"),
        ("\n", r"'\n'"),
    ],
)
def test_quote(value, expected):
    assert quote(value) == expected


class Silent:
    def __repr__(self):
        raise RuntimeError("\n")


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**7,
        b"x" * 10**7,
        [[[["x" * 1000] * 1000] * 1000] * 1000],
        {i: {j: "y" * 50 for j in range(50)} for i in range(50)},
        np.zeros((1000, 1000)),
        "\u2028\x07" * 100,
        Silent(),
    ],
)
def test_at_most_so_much_on_one_line(value):
    assert len(quote(value)) <= 100 and quote(value).isprintable()


def test_what_shares_its_elements():
    """Written out, it would be of 2^60 elements."""
    value = [60]
    for _ in range(60):
        value = [value, value]
    assert quote(value) == "[[[...], [...]], [[...], [...]]]"


def test_integers_that_python_does_not_write_out():
    assert quote(1 << 99_999) == "an integer of 100000 bits"


def test_shown():
    assert shown("songs of the café, 曲") == "songs of the café, 曲"
    assert shown("caf\udce9\ud800\t") == r"caf\xe9\ud800\t"
    assert shown("x" * 101) == "x" * 97 + "..."
    assert shown("\n" * 99) == r"\n" * 48 + "\\..."
    assert shown_path("x" * 300 + "\udce9") == "x" * 300 + r"\xe9"

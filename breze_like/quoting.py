r"""Values quoted in messages: on one line, printable, and short, whatever they are.

>>> quote("a" * 200)
"'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
>>> shown("caf\udce9\n.mid")
'caf\\xe9\\n.mid'
"""

import reprlib
from typing import Any

MAX_CHARACTERS = 100
MAX_PATH = 4096
MAX_BITS = 200  # of an integer that is written out


def shown(text: Any, most: int = MAX_CHARACTERS) -> str:
    r"""A text, of at most `most` characters, with what can't be printed escaped.

    Bytes of file names that are not UTF-8, which Python has as lone surrogates, are shown as ``\xNN``.
    """
    text = str(text)
    printable = "".join(c if c.isprintable() else _escaped(c) for c in text[: most + 1])
    return printable if len(printable) <= most else f"{printable[: most - 3]}..."


def shown_path(path: Any) -> str:
    """The whole path of a file, so that it can be found; only what can't be printed is escaped."""
    return shown(path, MAX_PATH)


def quote(value: Any) -> str:
    """The source text of a value of any kind, of at most `MAX_CHARACTERS` characters.

    Of what is nested or long, only the beginning is looked at, so that time and memory are bounded.
    """
    return shown(_REPR.repr(value))


def _escaped(character):
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


class _Repr(reprlib.Repr):
    def repr_int(self, x, level):
        n_bits = x.bit_length()
        return repr(x) if n_bits <= MAX_BITS else f"an integer of {n_bits} bits"

    def repr_bytes(self, x, level):
        return repr(x[:20]) + "..." * (len(x) > 20)


_REPR = _Repr()
_REPR.maxlevel = 2
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _REPR.maxset = _REPR.maxfrozenset = _REPR.maxdeque = 4
_REPR.maxstring = _REPR.maxother = 80

"""Tables as text, Markdown and CSV. Cells are strings; a table is its head and rows, or its columns.

>>> print(markdown(["system", "nats"], [["RNN", "8.71"], ["VRAE", "<7.45"]]))
| system | nats |
| --- | --: |
| RNN | 8.71 |
| VRAE | <7.45 |
>>> lines([left(["RNN", "VRAE"]), numbers(["8.71", "<7.45 ± 0.01"])])
['RNN    8.71', 'VRAE  <7.45 ± 0.01']
"""

import csv
import io
import re


def left(cells, width=0):
    """Cells of a column, all of one length, `width` at least, that begin at the same place."""
    width = max(width, *map(len, cells))
    return [cell.ljust(width) for cell in cells]


def right(cells, width=0):
    """Cells of a column, all of one length, `width` at least, that end at the same place."""
    width = max(width, *map(len, cells))
    return [cell.rjust(width) for cell in cells]


def numbers(cells):
    """Cells of a column, all of one length: numbers end at the same place, whatever follows them."""
    parts = [re.fullmatch(r"(.*?)( (?:±|\(\d).*)?", cell).groups("") for cell in cells]
    before, after = zip(*parts, strict=True)
    return [number + error for number, error in zip(right(before), left(after), strict=True)]


def lines(columns, between="  "):
    """Lines of a table in a terminal or a text file, of its aligned columns."""
    return [between.join(cells).rstrip() for cells in zip(*columns, strict=True)]


def markdown(head, rows, rule=None):
    """A table in Markdown, without a newline at its end.

    Parameters
    ----------
    head : list of str
    rows : iterable of list of str
    rule : str, optional
        The line below the head, see `rule_of`; by default, all columns but the first one are numbers.
    """
    if rule is None:
        rule = rule_of([False, *[True] * (len(head) - 1)])
    return "\n".join([_line(head), rule, *map(_line, rows)])


def rule_of(are_numbers, widths=None):
    """The line below a head: it says of each column whether it has numbers, which end at the same place."""
    widths = widths or [3] * len(are_numbers)
    return _line(
        "-" * (width - 1) + (":" if is_number else "-")
        for is_number, width in zip(are_numbers, widths, strict=True)
    )


def inline(text):
    """Text as a part of a line of Markdown: names from files make no cells, lines or HTML of their own."""
    text = "".join(c if c.isprintable() else " " for c in text).replace("|", r"\|")
    return re.sub(r"<(?=[a-zA-Z/!?])", "&lt;", text)


def _line(cells):
    return f"| {' | '.join(map(inline, cells))} |"


def csv_of(columns, rows):
    """A table as CSV: a line of the columns' names, then one for each row, a dict.

    Raises
    ------
    ValueError
        If a row has more than these columns.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()

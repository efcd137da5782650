"""Tables: what is aligned, and that Markdown and CSV are read as they were meant."""

import csv
import io

import pytest

from experiments.command_line.tables import csv_of, inline, left, lines, markdown, numbers, right, rule_of


def test_numbers_are_aligned_whatever_follows():
    assert numbers(["per step", "8.12", "<7.25 ± 0.01", "", "<12.50 ± 0.004"]) == [
        "per step        ",
        "    8.12        ",
        "   <7.25 ± 0.01 ",
        "                ",
        "  <12.50 ± 0.004",
    ]


def test_cells_of_a_column_have_one_length():
    assert left(["a", "", "long"]) == ["a   ", "    ", "long"]
    assert right(["a", "", "long"], width=5) == ["    a", "     ", " long"]


def test_lines_have_no_spaces_at_their_ends():
    assert lines([left(["RNN", "FD-RNN"]), left(["8.7", ""])]) == ["RNN     8.7", "FD-RNN"]


def test_markdown():
    expected = "| set | copies |\n| --- | --: |\n| one | 2 |"
    assert markdown(["set", "copies"], [["one", "2"]]) == expected
    texts = markdown(["set", "copies"], [["one", "2"]], rule_of([False, False], [3, 6]))
    assert texts.splitlines()[1] == "| --- | ------ |"


def test_csv_is_read_as_it_was_written():
    rows = [{"name": 'a "b", c', "nats": 0.1}, {"name": "", "nats": None}]
    text = csv_of(["name", "nats"], rows)
    assert list(csv.DictReader(io.StringIO(text))) == [
        {"name": 'a "b", c', "nats": "0.1"},
        {"name": "", "nats": ""},
    ]
    with pytest.raises(ValueError, match="nats"):
        csv_of(["name"], rows)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("VRAE", "VRAE"),
        ("<8.58 ± 0.01", "<8.58 ± 0.01"),
        ("a|b", r"a\|b"),
        ("a\nb\x1b[2J", "a b [2J"),
        ("<script>x</script>", "&lt;script>x&lt;/script>"),
    ],
)
def test_names_make_no_cells_lines_or_html(name, expected):
    assert inline(name) == expected
    assert markdown(["x"], [[name]]).splitlines()[2:] == [f"| {expected} |"]

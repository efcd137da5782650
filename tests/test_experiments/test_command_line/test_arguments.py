"""Numbers on the command line, and what is said of those that are not allowed."""

import pytest

from experiments.command_line.arguments import NotNegative, Parser, Positive, add_data_dir, add_seed


@pytest.fixture
def parser():
    made = Parser("A script.")
    made.add_argument("--rounds", "-r", type=int, action=Positive)
    made.add_argument("--sizes", type=float, nargs="+", action=Positive, default=[-1.0])
    made.add_argument("--n-draws", type=int, action=NotNegative)
    add_seed(made)
    add_data_dir(made)
    return made


def test_takes_what_is_allowed(parser):
    words = ["--rounds", "1", "--sizes", "0.5", "2", "--n-draws", "0", "--seed", "0", "--data-dir", "sets"]
    expected = {"rounds": 1, "sizes": [0.5, 2.0], "n_draws": 0, "seed": 0, "data_dir": "sets"}
    assert vars(parser.parse_args(words)) == expected


def test_what_is_not_given(parser):
    expected = {"rounds": None, "sizes": [-1.0], "n_draws": None, "seed": 1, "data_dir": None}
    assert vars(parser.parse_args([])) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rounds", "0"], "--rounds must be positive, got 0"),
        (["-r", "-3"], "--rounds must be positive, got -3"),
        (["--sizes", "1", "nan"], "--sizes must be positive, got [1.0, nan]"),
        (["--sizes", "inf"], "--sizes must be positive, got [inf]"),
        (["--n-draws", "-1"], "--n-draws must not be negative, got -1"),
        (["--seed", "-1"], "--seed must not be negative, got -1"),
        (["--seed", "one"], "argument --seed: invalid int value: 'one'; --help shows the options"),
        (["--rounds"], "argument --rounds/-r: expected one argument; --help shows the options"),
        (["--data-dir", ""], "--data-dir must not be empty; --help shows the options"),
        (["--colour", "red"], "unrecognized arguments: --colour red; --help shows the options"),
    ],
)
def test_rejects(parser, words, message):
    with pytest.raises(ValueError) as raised:
        parser.parse_args(words)
    assert str(raised.value) == message


def test_what_stands_without_a_flag_must_not_be_empty_either():
    made = Parser("A script.")
    made.add_argument("runs", nargs="+")
    assert made.parse_args(["one", "two"]).runs == ["one", "two"]
    with pytest.raises(ValueError, match="^runs must not be empty; --help"):
        made.parse_args(["one", ""])


def test_a_default_may_be_empty():
    made = Parser("A script.")
    made.add_argument("--only", default="")
    made.add_argument("--labels", nargs="*", default=[""])
    assert vars(made.parse_args([])) == {"only": "", "labels": [""]}
    with pytest.raises(ValueError, match="^--labels must not be empty; --help"):
        made.parse_args(["--labels", "a", ""])

"""The spaces of the random search: what is in them, and what is drawn from them."""

import json
from collections import Counter

import numpy as np
import pytest

from experiments.paper.systems import PUBLISHED, SEARCHED
from experiments.search.space import (
    ADDITIONS,
    OURS,
    OURS_DETERMINISTIC,
    OURS_FAST_DROPOUT,
    OURS_VARIATIONAL,
    TABLE_2,
    UNSAID,
    draw,
    make_space,
    read_choices,
    read_space,
)

VARIATIONAL = [name for name, system in SEARCHED.items() if system.model in ("vrae", "vosp")]
PAPER = [n for n in SEARCHED if n not in VARIATIONAL or SEARCHED[n].arguments.get("kl") == PUBLISHED["kl"]]


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_space_is_its_table(name):
    """Typed in from Table 2 of Bayer & Osendorfer (2014); what has a single choice there is not searched."""
    assert make_space(SEARCHED[name], "paper") == {
        "n_hiddens": [200, 400, 600],
        "step_rate": [1e-2, 5e-3, 1e-3, 5e-4, 1e-4, 1e-5],
        "momentum": [0, 0.9, 0.95, 0.99, 0.995],
        "decay": [0.8, 0.9],
        "recurrent_variance": [1e-1, 1e-2, 1e-3, 1e-4],
        "input_variance": [1e-1, 1e-2, 1e-3, 1e-4],
        "spectral_radius": [1, 1.05, 1.1, 1.2],
        "n_incoming": [15, 25, 35, 50, "all"],
    }


class TestMakeSpace:
    @pytest.mark.parametrize("name", SEARCHED)
    def test_only_what_the_model_has(self, name):
        model = SEARCHED[name].model
        more = OURS_VARIATIONAL if name in VARIATIONAL else OURS_FAST_DROPOUT if model == "fdrnn" else {}
        space = make_space(SEARCHED[name])
        assert list(space) == [*OURS, *more]
        assert (space["n_hiddens"] == list(OURS_DETERMINISTIC["n_hiddens"])) == (not more)

    @pytest.mark.parametrize("name", sorted(set(SEARCHED) - set(PAPER)))
    def test_the_paper_trained_on_its_own_objective(self, name):
        with pytest.raises(ValueError, match="choose --model vrae_published or vosp_published"):
            make_space(SEARCHED[name], "paper")

    def test_additions_come_last_in_any_order(self):
        space = make_space(SEARCHED["vrae"], also=["kl", "n_latent", "posterior"])
        assert list(space) == [*OURS, *OURS_VARIATIONAL, "posterior", "kl"]
        assert space["n_latent"] == list(OURS_VARIATIONAL["n_latent"])  # which is searched anyway
        space = make_space(SEARCHED["vrae_published"], "paper", UNSAID[::-1])
        assert list(space) == [*TABLE_2, *UNSAID]

    def test_own_choices_take_the_place_of_the_table(self):
        space = make_space(SEARCHED["rnn"], own={"n_hiddens": [4]})
        assert space["n_hiddens"] == [4]
        assert space["momentum"] == list(OURS["momentum"])
        assert make_space(SEARCHED["rnn"], own={"n_incoming": [4]}) == make_space(SEARCHED["rnn"]) | {
            "n_incoming": [4]
        }

    @pytest.mark.parametrize(
        ("system", "base", "also", "own", "message"),
        [
            ("rnn", "ours", ["kl"], None, r"--also must be among \[\] for a rnn and --space ours, got kl"),
            ("vrae_published", "paper", ["annealing"], None, "for a vrae and --space paper, got ann"),
            (
                "rnn",
                "ours",
                [],
                {"n_latent": [3]},
                "--space may have choices for n_hiddens, .* only, got n_latent",
            ),
            ("rnn", "paper", [], {"decay": []}, "list of numbers or names for decay, got \\[\\]"),
            ("rnn", "ours", [], {"decay": 0.9}, "list of numbers or names for decay, got 0.9"),
            ("rnn", "ours", [], {"decay": [[0.9]]}, "list of numbers or names for decay"),
        ],
    )
    def test_what_the_system_does_not_have(self, system, base, also, own, message):
        with pytest.raises(ValueError, match=message):
            make_space(SEARCHED[system], base, also, own)


class TestReadSpace:
    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "space.json"
        path.write_text('{"decay": [0.5]}')
        return str(path)

    def test_a_name_a_file_or_both(self, path):
        assert read_space(["paper"]) == ("paper", None)
        assert read_space([path]) == ("ours", {"decay": [0.5]})
        assert read_space(["paper", path]) == read_space([path, "paper"]) == ("paper", {"decay": [0.5]})

    def test_more_than_that(self, path):
        for words in (["paper", "ours"], [path, path]):
            with pytest.raises(
                ValueError, match="--space must be one of ours, paper, a file, or one of these and a file"
            ):
                read_space(words)

    @pytest.mark.parametrize("text", ["{", "[1]"])
    def test_file_of_something_else(self, tmp_path, text):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(ValueError, match="--space must be a"):
            read_choices(tmp_path / "other.json")


class TestDraw:
    def test_follows_from_seed_and_number_alone(self):
        space = make_space(SEARCHED["vrae"])
        first = [draw(space, 1, number) for number in range(5)]
        assert [draw(space, 1, number) for number in reversed(range(5))] == first[::-1]
        assert all(draw(space, 2, number) != first[number] for number in range(5))

    def test_additions_leave_the_others_as_they_are(self):
        fewer, more = make_space(SEARCHED["vrae"]), make_space(SEARCHED["vrae"], also=list(ADDITIONS))
        for number in range(20):
            assert draw(fewer, 1, number).items() <= draw(more, 1, number).items()

    def test_all_choices_are_equally_probable(self):
        space, n = make_space(SEARCHED["fdrnn"]), 3000
        drawn = [draw(space, 1, number) for number in range(n)]
        for name, choices in space.items():
            counts, expected = Counter(d[name] for d in drawn), n / len(choices)
            # A share has a standard deviation of less than the root of its count.
            assert all(abs(counts[choice] - expected) < 4 * np.sqrt(expected) for choice in choices)

    def test_is_plain(self):
        drawn = draw(make_space(SEARCHED["vosp"], also=list(ADDITIONS)), 1, 0)
        assert json.loads(json.dumps(drawn)) == drawn

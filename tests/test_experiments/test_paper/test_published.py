"""Published numbers stand beside the right systems."""

import pytest

from breze_like.data import DIGESTS
from breze_like.trained import bounds_nothing
from experiments.paper.published import (
    DATASETS,
    EXACT,
    NOT_FINISHED,
    OBJECTIVE,
    OTHERS,
    PAPER,
    of_others,
    of_paper,
)
from experiments.paper.systems import SYSTEMS

ALL = (*PAPER, *OTHERS)


@pytest.mark.parametrize("published", ALL, ids=lambda p: f"{p.method}, {p.estimator}")
def test_numbers_are_of_the_papers_data_sets(published):
    assert published.numbers and set(published.numbers) <= set(DATASETS) < set(DIGESTS)
    for number in published.numbers.values():
        first = number.partition(" to ")[0]
        assert number == NOT_FINISHED or 1 < float(first) < 12
    assert set(published.beside) <= set(SYSTEMS)


def test_what_bounds_nothing_is_beside_what_bounds_nothing():
    """And nothing else is."""
    for published in ALL:
        for system in published.beside:
            ours = bounds_nothing({"arguments": SYSTEMS[system].arguments})
            assert (published.estimator == OBJECTIVE) == ours


def test_table_1():
    """Typed in anew, row by row: VRAE, VOSP, FD, plain, RNN-NADE, deep."""
    systems = ("vrae_published", "vosp_published", "fdrnn", "rnn", "rnn_nade", "dots_rnn")
    table = {
        "nottingham": (2.00, 2.63, 3.09, 3.43, 2.31, 2.95),
        "jsb_chorales": (5.53, 6.21, 8.01, 8.58, 5.19, 7.92),
        "musedata": (NOT_FINISHED, NOT_FINISHED, None, None, 5.60, None),
        "piano_midi": (4.00, 6.08, 7.39, 7.58, 7.05, None),
    }
    for dataset, row in table.items():
        kinds = [OBJECTIVE] * 2 + [EXACT] * 4
        assert tuple(of_paper(s, dataset, k) for s, k in zip(systems, kinds, strict=True)) == row
        assert not any(of_paper(s, dataset, EXACT) for s in systems[:2])
    for same, system in (("fdrnn_nade", "rnn_nade"), ("deep_fdrnn", "dots_rnn")):
        assert all(of_paper(same, name, EXACT) == of_paper(system, name, EXACT) for name in table)


def test_of_others():
    assert [p.numbers["jsb_chorales"] for p in of_others("rnn_nade", "jsb_chorales")] == ["5.56"]
    assert of_others("rnn_nade", "nottingham") == []
    (found,) = of_others("vosp_nade", "musedata")
    assert (found.method, found.numbers["musedata"], found.quoted) == ("DMM-Aug-NADE", "6.049", False)

"""What is drawn of a search."""

import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from experiments.search import charts
from experiments.search.importance import Importance
from experiments.search.studies import Outcome

SPACE = {"n_incoming": [15, "all"], "step_rate": [0.1, 0.01, 0.001]}
DISTRIBUTIONS = {name: CategoricalDistribution(choices) for name, choices in SPACE.items()}


def outcome(number, value, n_incoming, step_rate, state=TrialState.COMPLETE):
    params = {"n_incoming": n_incoming, "step_rate": step_rate}
    return Outcome(number, params, state, value, f"trial_{number:04}", 1.0, None)


OUTCOMES = [
    outcome(0, 9.0, "all", 0.001),
    outcome(1, 8.5, 15, 0.1, TrialState.PRUNED),
    outcome(2, 8.0, 15, 0.01),
    outcome(3, None, 15, 0.1, TrialState.FAIL),
    outcome(4, 10.0, 15, 0.001),
    outcome(5, None, 15, 0.1, TrialState.RUNNING),
]
AT_RUNGS = [(1, 6.0, 1, (7.0, 6.0)), (2, 9.5, 0, (9.5,)), (3, 5.0, 1, (8.0, 5.0)), (4, 9.0, 0, (9.0,))]
SCORES = {0: 9.0, 2: 8.0, 4: 10.0}


@pytest.fixture(scope="module")
def study():
    return charts.as_study(OUTCOMES, DISTRIBUTIONS, SCORES)


def test_scores_of_complete_trials():
    assert charts.complete_scores(OUTCOMES) == SCORES


def test_pruned_and_failed_trials_are_the_worst():
    assert charts.ranked_scores(OUTCOMES) == SCORES | {1: 11.0, 3: 11.0}
    assert charts.ranked_scores([]) == {}


def test_at_rungs_the_further_ones_are_better():
    outcomes = [
        OUTCOMES[0],
        *(outcome(n, v, 15, 0.1, TrialState.PRUNED)._replace(rung=r, scores=s) for n, v, r, s in AT_RUNGS),
        OUTCOMES[3]._replace(number=5),
    ]
    ranks = charts.ranked_scores(outcomes)
    assert sorted(ranks, key=ranks.get) == [0, 3, 1, 4, 2, 5]
    assert charts.scores_at(outcomes, 0) == {1: 7.0, 2: 9.5, 3: 8.0, 4: 9.0}
    assert charts.scores_at(outcomes, 1) == {1: 6.0, 3: 5.0}


def test_trials_have_the_numbers_of_their_configurations(study):
    assert [trial.value for trial in study.trials] == [9.0, None, 8.0, None, 10.0]
    assert study.trials[2].params == {"n_incoming": 15, "step_rate": 0.01}


def test_what_is_far_from_the_best_is_drawn_nearer():
    assert charts.highest_drawn({0: 8.0, 1: 9.0, 2: 1e6}) == 12.0
    assert charts.highest_drawn({0: 8.0}) == 8.0


def test_history(study):
    points, line, *_ = charts.history(study).data
    assert (list(points.x), list(points.y)) == ([0, 2, 4], [9.0, 8.0, 10.0])
    assert list(line.y) == [9.0, 9.0, 8.0, 8.0, 8.0] and line.name == "best so far"


def test_slices_have_all_choices_in_their_order(study):
    figure = charts.slices(study, SPACE)
    assert [list(trace.y) for trace in figure.data] == [[8.0, 10.0, 9.0], [8.0, 9.0, 10.0]]
    assert list(figure.layout.xaxis.ticktext) == ["15", "all"]
    assert list(figure.layout.xaxis2.ticktext) == ["0.1", "0.01", "0.001"]
    assert list(figure.layout.xaxis2.range) == [-0.5, 2.5]


def test_parallel(study):
    worst, middle, best = charts.parallel(study, SPACE).data
    assert worst.hovertext.startswith("trial 4, 10.000<br>") and best.hovertext.startswith(
        "trial 2, 8.000<br>"
    )
    # Of three ranks, at 0.8, 0.5 and 0.2 of the room of a choice.
    assert list(worst.y) == pytest.approx([1.0, 0.8 / 2, 2.8 / 3])
    assert list(middle.y) == pytest.approx([0.5, 1.5 / 2, 2.5 / 3])
    assert list(best.y) == pytest.approx([0.0, 0.2 / 2, 1.2 / 3])
    labels = [note.text for note in charts.parallel(study, SPACE).layout.annotations]
    assert labels == ["8.00", "10.00", "15", "all", "0.1", "0.01", "0.001"]


def test_one_trial_alone():
    study = charts.as_study(OUTCOMES[:1], DISTRIBUTIONS, {0: 9.0})
    (line,) = charts.parallel(study, SPACE).data
    assert list(line.y)[0] == 0.0
    assert len(charts.slices(study, SPACE).data) == 2


def test_bars():
    figure = charts.bars({"step_rate": Importance(0.7, 0.3), "n_incoming": Importance(0.3, 0.4)})
    bars, marks = figure.data
    assert list(bars.y) == ["n_incoming", "step_rate"]  # Plotly begins at the bottom
    assert (list(bars.x), list(marks.x)) == ([0.3, 0.7], [0.4, 0.3])

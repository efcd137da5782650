"""What notebooks show: pictures with matplotlib, text without."""

import numpy as np
import pytest

from breze_like import show
from breze_like.estimators.scores import Bound, Score
from breze_like.pictures import shown
from breze_like.pictures.shown import Sequences
from breze_like.training import History

ENTRIES = [{"update": i, "valid_score": score} for i, score in enumerate([3.0, 2.0, None, 2.5])]


def test_rolls_have_players_and_lines_do_not(rng):
    rolls = rng.integers(0, 2, (3, 2, 88)).astype(float)  # two sequences, as `sample` returns them
    markup = show(rolls)._repr_html_()
    assert (markup.count("<img"), markup.count("<audio")) == (2, 2)
    markup = show(rng.standard_normal((3, 2, 88)))._repr_html_()
    assert (markup.count("<img"), markup.count("<audio")) == (2, 0)


def test_notes_are_counted_against_the_truth(rng):
    truth = np.eye(4, dtype=np.uint8)
    noisy = truth.copy()
    noisy[0] = 0, 1, 1, 0
    assert "2 notes wrong (red), 1 missing (blue)" in show([noisy], [truth])._repr_html_()


def test_first_ones_only_and_gaps(rng):
    given = [rng.standard_normal((5, 2)) for _ in range(6)]
    given[0][1:3] = np.nan
    markup = Sequences(given, [~np.isnan(x) for x in given])._repr_html_()
    assert markup.count("<img") == shown.N_SHOWN and "2 more are not shown." in markup


@pytest.mark.parametrize(
    "arguments", [([],), ([np.zeros((2, 3))], [np.zeros((3, 3))]), ([np.zeros((2, 3))], None, [])]
)
def test_what_does_not_match(arguments):
    with pytest.raises(ValueError, match="sequences must|truths must|observed must"):
        show(*arguments)


def test_a_history_draws_itself():
    history = History(ENTRIES, 2.0, 2)
    (line,) = history.plot().axes[0].lines[:1]
    np.testing.assert_array_equal(line.get_ydata(), [3.0, 2.0, 2.5])
    assert repr(history) == "History of 4 validations, best score 2.000 after epoch 2"
    assert "<img" in history._repr_html_() and "best score 2.000" in history._repr_html_()


def test_text_without_matplotlib(monkeypatch):
    monkeypatch.setattr(shown, "find_spec", lambda name: None)
    history, sequences = History(ENTRIES, None, None), show([np.zeros((2, 3))])
    assert history._repr_html_() is None and sequences._repr_html_() is None
    assert "no finite score" in repr(history) and "2 to 2 steps, 3 features" in repr(sequences)
    with pytest.raises(ValueError, match="plot needs matplotlib"):
        history.plot()


def test_scores_are_tables():
    steps, errors = np.array([10, 30]), np.array([3.0, 4.0])
    parts = {"kl": Score(np.ones(2), steps), "reconstruction": Score(np.full(2, 19.0), steps, errors)}
    markup = Bound(np.full(2, 20.0), steps, errors, **parts)._repr_html_()
    assert "1.000 ± 0.125" in markup and "2 sequences, 40 steps" in markup and "of which KL" in markup


def test_truths_of_one_feature_may_be_1d():
    assert show([np.zeros((3, 1))], [np.zeros(3)], [np.ones(3, bool)])._truths[0].shape == (3, 1)
    with pytest.raises(ValueError, match="sequences must be a list of sequences, got NoneType"):
        show(None)

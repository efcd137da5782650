"""How scores are kept and written, with their errors and without."""

import json

import numpy as np
import pytest

from breze_like.estimators.scores import ImportanceSampled, Score
from experiments.paper.averages import average_text, averages, effective_text, text

NATS, N_STEPS, ERRORS = np.array([6.0, 1.0]), np.array([3, 1]), np.array([0.3, 0.4])


def test_an_exact_score_is_both_averages():
    assert averages(Score(NATS, N_STEPS)) == {"per_step": 7 / 4, "per_sequence": 1.5}


def test_an_estimate_has_errors_and_draws():
    kept = averages(Score(NATS, N_STEPS, ERRORS), 20)
    assert kept["per_step_standard_error"] == pytest.approx(0.5 / 4)
    assert kept["per_sequence_standard_error"] == pytest.approx(np.hypot(0.1, 0.4) / 2)
    assert kept["n_draws"] == 20
    assert json.loads(json.dumps(kept)) == kept
    assert averages(Score(NATS, N_STEPS), 1) == {"per_step": 7 / 4, "per_sequence": 1.5, "n_draws": 1}


def test_an_importance_sampled_score_says_how_many_draws_count():
    sizes = np.array([1.25, 7.0, 30.0])
    score = ImportanceSampled(np.ones(3), np.ones(3, int), np.ones(3), effective_sample_sizes=sizes)
    kept = averages(score, 50)
    assert kept["effective_draws"] == {"min": 1.25, "median": 7.0}
    assert json.loads(json.dumps(kept)) == kept
    assert effective_text(kept) == ["effective draws per sequence, out of 50: median 7.0, least 1.2"]
    assert effective_text({"per_step": 1.0, "per_sequence": 1.0}) == []


@pytest.mark.parametrize(
    ("error", "written"),
    [
        (None, "<5.77"),
        (1.234, "<5.77 ± 1.23"),
        (0.012, "<5.77 ± 0.01"),
        (0.0096, "<5.77 ± 0.010"),
        (0.0041, "<5.77 ± 0.004"),
        (0.00041, "<5.77 ± 0.0004"),
        (0.0001, "<5.77 ± 0.0001"),
        (1e-9, "<5.77 ± 0.0001"),  # no error is said to be less than it is
        (0.0, "<5.77 ± 0.00"),
    ],
)
def test_a_number_and_its_error(error, written):
    assert text(5.774, error, 2, "<") == written


def test_older_results_have_no_errors():
    assert average_text({"per_step": 5.774, "per_sequence": 6.0}, "per_step", 3) == "5.774"
    kept = averages(Score(NATS, N_STEPS, ERRORS), 20)
    assert average_text(kept, "per_step", 3, "<") == "<1.750 ± 0.125"

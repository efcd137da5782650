import re

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from breze_like.estimators import negative_log_likelihood, sampled_scores
from breze_like.models import RNN
from breze_like.tasks import OutlierScores, outlier_scores


def test_a_notebook_shows_the_least_probable_first():
    scores = OutlierScores([np.array([1.0, 2.0]), np.array([1.0, 1.0, 7.0])])
    text = "|".join(filter(None, re.split("<[^>]*>", scores._repr_html_())))
    assert text.endswith("worst step|1|3.000|2|0|1.500|1")


def test_gaps_do_not_make_a_sequence_probable(rng):
    """The same in all that is observed: nats per step are fewer, and per observed entry as many."""
    model = RNN(4, (2,), emission="gaussian_fixed", missing="zero")
    x = np.full((50, 4), 3.0)
    sparse = np.where(rng.random(x.shape) < 0.9, np.nan, x)
    scores = outlier_scores(model, [x, sparse], rng)
    nats = 3**2 / 2 + np.log(2 * np.pi) / 2  # the weights are zeros
    np.testing.assert_allclose(scores.per_observed_entry, [nats, nats])
    np.testing.assert_array_equal(scores.ranks, scores.per_observed_entry)
    np.testing.assert_allclose(scores.sequences, [4 * nats, (~np.isnan(sparse)).sum() / 50 * nats])
    np.testing.assert_array_equal(outlier_scores(model, [x], rng).ranks, scores.sequences[:1])


def test_exact_scores_of_a_one_step_model(make, draw, rng):
    model = make("rnn")
    sequences = draw(model)
    scores = outlier_scores(model, sequences, rng)
    log_prob = model.function(["observations", "mask"], "emission/log_prob")
    for steps, x in zip(scores.steps, sequences, strict=True):
        np.testing.assert_allclose(steps, -log_prob(x[:, None], np.ones((len(x), 1)))[:, 0], rtol=1e-9)
    expected = negative_log_likelihood(model, sequences)
    np.testing.assert_allclose(scores.sequences, expected.nats / expected.n_steps, rtol=1e-9)


def test_with_the_exact_posterior(conjugate, rng):
    """Then each draw has the likelihood for its weight, and the bound meets it."""
    sequences = [2 * rng.standard_normal((n, 2)) for n in (4, 3, 4)]
    nll = [-multivariate_normal(cov=conjugate.covariance).logpdf(x) for x in sequences]
    sampled = outlier_scores(conjugate, sequences, rng, 2, "importance_sampled")
    bound = outlier_scores(conjugate, sequences, rng, 4000)
    for i, expected in enumerate(nll):
        np.testing.assert_allclose(sampled.steps[i], expected, rtol=1e-9)
        np.testing.assert_allclose(bound.steps[i], expected, atol=0.5)
    np.testing.assert_allclose(sampled.sequences, [n.mean() for n in nll], rtol=1e-9)


@pytest.mark.parametrize("estimator", ["bound", "importance_sampled"])
@pytest.mark.parametrize(
    "name", ["conjugate", *(pytest.param(name, marks=pytest.mark.slow) for name in ("vosp", "vrae"))]
)
def test_the_steps_add_up_to_the_score_of_the_sequence(name, estimator, make, draw):
    model = make(name)
    sequences = draw(model)
    scores = outlier_scores(model, sequences, np.random.default_rng(1), 5, estimator)
    expected = getattr(sampled_scores(model, sequences, np.random.default_rng(1), 5), estimator)
    np.testing.assert_allclose(scores.sequences, expected.nats / expected.n_steps, rtol=1e-9)
    assert [len(s) for s in scores.steps] == [4, 3, 4]


def test_a_vosp_scores_a_step_by_what_came_before(make, draw):
    """Whatever follows, and whatever is beside it."""
    model = make("vosp")
    (x,) = draw(model, [4])
    for estimator in ("bound", "importance_sampled"):
        whole = outlier_scores(model, [x, 1 - x, x], np.random.default_rng(1), 3, estimator).steps[0]
        again = outlier_scores(model, [x, x, 1 - x], np.random.default_rng(1), 3, estimator).steps[0]
        np.testing.assert_allclose(whole, again, rtol=1e-9)
        changed = x.copy()
        changed[2] = 1 - changed[2]
        steps = outlier_scores(model, [changed, x, x], np.random.default_rng(1), 3, estimator).steps[0]
        np.testing.assert_allclose(steps[:2], whole[:2], rtol=1e-9)
        assert (np.abs(steps[2:] - whole[2:]) > 1e-6).all()


def test_bad_arguments(make, rng):
    x = [np.zeros((2, 3))]
    with pytest.raises(ValueError, match="n_draws must be a positive integer, got 0"):
        outlier_scores(make("vosp"), x, rng, 0)
    with pytest.raises(
        ValueError, match=r"estimator must be one of \['bound', 'importance_sampled'\] .*'nll'"
    ):
        outlier_scores(make("vosp"), x, rng, estimator="nll")
    with pytest.raises(ValueError, match=r"sequences\[0\] must be 0 or 1, got 2.0 at step 0, feature 0"):
        outlier_scores(make("rnn"), [2 * np.ones((2, 3))], rng)

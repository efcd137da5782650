"""On a model whose likelihood is known, and on small ones that many draws are enough for."""

import sys

import numpy as np
import pytest
from linear_gaussian import Bootstrap, Filtering, LinearGaussian, draw, exact_nll

from breze_like.estimators import annealed_nll, annealing, importance_sampled_nll
from breze_like.models import RNN, VOSP, VRAE


@pytest.fixture(scope="module")
def model():
    return LinearGaussian(Filtering)


def test_it_is_the_likelihood_of_long_sequences(model, sequences, nll, rng):
    score = annealed_nll(model, sequences, rng, n_draws=8, n_moves=400, step_size=0.2)
    np.testing.assert_allclose(score.nats, nll, atol=0.3)
    assert score.n_steps.tolist() == [40, 3, 60, 1]


def test_more_moves_make_it_tighter_than_many_draws_do(rng):
    """From the prior itself, which is far from the posterior of a random walk."""
    prior, data = LinearGaussian(Bootstrap), np.random.default_rng(1)
    sequences = [draw(data, 20) for _ in range(8)]
    nll = sum(map(exact_nll, sequences))
    weighted = importance_sampled_nll(prior, sequences, rng, 4000).nats.sum() - nll
    few, some, many = (
        annealed_nll(prior, sequences, rng, 4, k, 0.05).nats.sum() - nll for k in (20, 100, 500)
    )
    assert few > 1.5 * some > 2 * many
    assert weighted > 1.2 * many > 0


@pytest.mark.parametrize(
    "posterior, settings", [(Bootstrap, (1, 0.3)), (Filtering, (3, 0.6)), (Filtering, (10, 1.2))]
)
def test_estimates_of_the_likelihood_have_no_bias(posterior, settings, rng):
    """However few and coarse the moves are: a wrong term of a weight would be seen here."""
    sequence = draw(np.random.default_rng(2), 4)
    copies = annealed_nll(LinearGaussian(posterior), [sequence] * 4000, rng, 1, *settings)
    ratios = np.exp(exact_nll(sequence) - copies.nats)
    assert ratios.mean() == pytest.approx(1, abs=4 * ratios.std() / np.sqrt(len(ratios)))
    assert copies.standard_errors is None


def test_errors_are_the_spread_of_estimates(model, rng):
    sequence = draw(np.random.default_rng(3), 20)
    score = annealed_nll(model, [sequence] * 150, rng, 16, 40, 0.3)
    said = np.sqrt((score.standard_errors**2).mean())
    assert said == pytest.approx(score.nats.std(ddof=1), rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model_class, choices",
    [
        (VRAE, {}),
        (VOSP, {"emission": "nade"}),
        (VRAE, {"emission": "gaussian_shared", "missing": "zero"}),
    ],
)
def test_it_is_the_likelihood_that_importance_sampling_converges_to(model_class, choices, rng):
    model = model_class(3, 2, (4,), prior="ornstein_uhlenbeck", variance="explicit", **choices)
    model.parameters.data[...] = 0.3 * np.random.default_rng(1).standard_normal(model.parameters.size)
    sequences = [rng.integers(0, 2, (n, 3)).astype(float) for n in (2, 3, 1)]
    if model.missing.allowed:
        sequences[1][1:, 1] = np.nan
    moved = annealed_nll(model, sequences, rng, 200, 20, 0.3)
    weighted = importance_sampled_nll(model, sequences, rng, 20_000)
    assert weighted.effective_sample_sizes.min() > 200  # it has converged
    errors = np.hypot(moved.standard_errors, weighted.standard_errors)
    np.testing.assert_array_less(np.abs(moved.nats - weighted.nats), 4 * errors + 1e-3)


def test_a_score_does_not_depend_on_what_is_beside_it(model, sequences, monkeypatch):
    def score():
        return annealed_nll(model, sequences, np.random.default_rng(5), 2, 10).nats

    together = score()
    monkeypatch.setattr(annealing, "MAX_STEPS", 80)  # the longest sequences alone
    np.testing.assert_allclose(score(), together, rtol=1e-12)


def test_progress_is_shown_if_it_is_asked_for(model, sequences, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    annealed_nll(model, sequences, np.random.default_rng(0), 2, 10)
    assert capsys.readouterr().err == ""
    annealed_nll(model, sequences, np.random.default_rng(0), 2, 10, progress=True)
    shown = capsys.readouterr().err
    assert "/2.08k " in shown and "frame/s" in shown  # 104 frames, 2 draws of each, 10 moves


class Steep(LinearGaussian):
    """With a posterior far narrower than q, so that moves without a limit would run away."""

    def generate(self, latents, mask):
        return super().generate(100 * latents, mask)


def test_moves_that_are_far_too_large_stay_in_range(sequences, nll, rng):
    score = annealed_nll(Steep(Bootstrap), sequences, rng, 2, 400, 0.8)
    assert np.isfinite(score.nats).all() and (score.nats > nll).all()


@pytest.mark.parametrize("arguments", [{"n_draws": 0}, {"n_moves": 1.5}, {"step_size": 0.0}])
def test_numbers(arguments, model, sequences, rng):
    with pytest.raises(ValueError, match="must be a? ?positive"):
        annealed_nll(model, sequences, rng, **arguments)


def test_a_model_without_latents(rng):
    with pytest.raises(ValueError, match="model must have latents"):
        annealed_nll(RNN(2, (3,)), [np.zeros((2, 2))], rng)

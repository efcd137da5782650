"""On a model whose likelihood is known: a Wiener process seen through linear-Gaussian observations."""

import numpy as np
import pytensor.tensor as pt
import pytest
from linear_gaussian import LOADINGS, NOISE_VARIANCE, PRECISION, LinearGaussian, exact_nll
from scipy.special import logsumexp

from breze_like.data import pad
from breze_like.distributions import Diagonal, GaussMarkov
from breze_like.estimators import (
    importance_sampled_nll,
    negative_log_likelihood,
    sampled_scores,
    training_objective,
    validation_score,
    variational_bound,
)
from breze_like.estimators.latent_draws import streams
from breze_like.estimators.validation import VALIDATION_SEED
from breze_like.models import RNN
from breze_like.models.base import per_step
from breze_like.models.objectives import FreeBits
from breze_like.moments import Moments

MAX_STEPS = 8


def smoother(n_steps):
    """z_t | z_{t-1}, x ~ N(v_t z_{t-1} + m_t, v_t), with m = weights @ (x_t LOADINGS' / NOISE_VARIANCE).

    From the last step backwards, p(x_{t+1}, ... | z_t) ~ exp(-(1 - v_{t+1}) z_t^2 / 2 + m_{t+1} z_t).
    """
    variance, weights = np.zeros(n_steps), np.zeros((n_steps, n_steps))
    future, row = 0.0, np.zeros(n_steps)
    for t in reversed(range(n_steps)):
        variance[t] = 1 / (1 + PRECISION + future)
        row = variance[t] * (row + np.eye(n_steps)[t])
        weights[t], future = row, 1 - variance[t]
    return variance, weights


def places(mask):
    """Of each step, how far it is from the end of its sequence, counted back from `MAX_STEPS`.

    And whether two steps are of the same sequence, (n_steps, n_steps, n_columns).
    """
    sequence, order = pt.cumsum(1 - mask, axis=0), pt.cumsum(pt.ones_like(mask), axis=0)
    together = mask[:, None] * mask[None] * pt.eq(sequence[:, None], sequence[None])
    n_left = (together * pt.ge(order[None], order[:, None])).sum(axis=1)
    return MAX_STEPS - pt.maximum(n_left, 1).astype("int64"), together


class Exact(GaussMarkov):
    @classmethod
    def recognise(cls, x, mask):
        variance, weights = (pt.as_tensor(a) for a in smoother(MAX_STEPS))
        place, together = places(mask)
        evidence = (x @ LOADINGS.T / NOISE_VARIANCE) * mask[:, :, None]
        own_weights = weights[place[:, None], place[None]] * together
        mean = (own_weights[:, :, :, None] * evidence[None]).sum(axis=1)
        return Moments(mean, variance[place][:, :, None])

    @classmethod
    def from_recognition(cls, outputs, mask):
        return cls(outputs.variance, *outputs, mask)


class BestDiagonal(Diagonal):
    """The posterior's mean, and the inverse of the diagonal of its precision."""

    @classmethod
    def recognise(cls, x, mask):
        mean = Exact.from_recognition(Exact.recognise(x, mask), mask).mean
        precision = np.where(np.arange(MAX_STEPS) < MAX_STEPS - 1, 2.0, 1.0) + PRECISION
        return Moments(mean, pt.as_tensor(1 / precision)[places(mask)[0]][:, :, None])


def exact_bound(model, sequence):
    """KL + E_q[-log p(x | z)], the expectation in closed form."""
    kl, mean, variance = (
        value[:, 0]
        for value in model.function(
            ["observations", "mask"], ["kl", "recognition/mean", "recognition/variance"]
        )(sequence[:, None], np.ones((len(sequence), 1)))
    )
    squares = (sequence - mean @ LOADINGS) ** 2 + variance @ LOADINGS**2
    return kl.sum() + (np.log(2 * np.pi * NOISE_VARIANCE) + squares / NOISE_VARIANCE).sum() / 2


@pytest.fixture(scope="module")
def sequences():
    rng = np.random.default_rng(1)
    return [
        rng.standard_normal((n, 1)).cumsum(axis=0) @ LOADINGS
        + np.sqrt(NOISE_VARIANCE) * rng.standard_normal((n, 2))
        for n in (6, 3, 6, 1)
    ]


@pytest.fixture(scope="module")
def nll(sequences):
    return np.array([exact_nll(s) for s in sequences])


@pytest.fixture(scope="module")
def exact():
    return LinearGaussian(Exact)


@pytest.fixture(scope="module")
def diagonal():
    return LinearGaussian(BestDiagonal)


@pytest.fixture(scope="module")
def published():
    return LinearGaussian(BestDiagonal, kl="independent_increments")


def test_the_bound_of_the_exact_posterior_is_the_nll(exact, sequences, nll):
    np.testing.assert_allclose([exact_bound(exact, s) for s in sequences], nll, rtol=1e-10)


def test_the_bound_of_a_diagonal_posterior_is_above_the_nll(diagonal, sequences, nll):
    gap = [exact_bound(diagonal, s) for s in sequences] - nll
    assert (gap[:3] > 0.01).all()
    assert gap[3] == pytest.approx(0, abs=1e-10)  # one step has no neighbour to be independent of


def test_variational_bound_estimates_the_bound(diagonal, sequences, rng):
    bound = variational_bound(diagonal, sequences, rng, n_draws=500)
    expected = np.array([exact_bound(diagonal, s) for s in sequences])
    np.testing.assert_allclose(bound.nats, expected, atol=0.2)
    np.testing.assert_allclose(bound.nats, bound.kl.nats + bound.reconstruction.nats, rtol=1e-12)
    assert bound.n_steps.tolist() == [6, 3, 6, 1]
    assert bound.per_step == pytest.approx(bound.nats.sum() / 16)
    assert bound.per_sequence == pytest.approx((bound.nats / [6, 3, 6, 1]).mean())
    assert bound.per_step == pytest.approx(bound.kl.per_step + bound.reconstruction.per_step)


@pytest.mark.parametrize("score", [training_objective, variational_bound])
def test_a_score_does_not_depend_on_what_else_is_scored(score, diagonal, sequences):
    """Sequences are drawn for one after the other; two of them share a column of the batch."""
    together = score(diagonal, sequences, np.random.default_rng(0)).nats
    rng = np.random.default_rng(0)
    alone = [score(diagonal, [s], rng).nats[0] for s in sequences]
    np.testing.assert_allclose(together, alone, rtol=1e-10)


def test_a_data_set_is_scored_in_one_shape(diagonal, rng, monkeypatch):
    """Each other one would be traced and compiled anew."""
    shapes, function = set(), diagonal.function

    def noting(*names):
        compiled = function(*names)
        return lambda *arrays: shapes.add(tuple(a.shape for a in arrays)) or compiled(*arrays)

    monkeypatch.setattr(diagonal, "function", noting)
    sequences = [rng.standard_normal((n, 2)) for n in rng.integers(1, MAX_STEPS, 50)]
    training_objective(diagonal, sequences, rng)
    training_objective(diagonal, sequences[::-1], rng)
    assert len(shapes) == 1


def test_variational_bound_of_the_exact_posterior_estimates_the_nll(exact, sequences, nll, rng):
    np.testing.assert_allclose(variational_bound(exact, sequences, rng, 500).nats, nll, atol=0.2)


def test_one_weight_of_the_exact_posterior_is_the_likelihood(exact, sequences, nll, rng):
    score = importance_sampled_nll(exact, sequences, rng, n_draws=1)
    np.testing.assert_allclose(score.nats, nll, rtol=1e-10)
    assert score.n_steps.tolist() == [6, 3, 6, 1]


def test_importance_sampling_converges_to_the_nll(diagonal, sequences, nll, rng):
    repeats = 50
    few = [importance_sampled_nll(diagonal, sequences, rng, 1).nats for _ in range(repeats)]
    error_of_one = np.abs(few - nll).mean(axis=0)[:3]
    many = importance_sampled_nll(diagonal, sequences, rng, 2000).nats
    error_of_many = np.abs(many - nll)[:3]
    assert (np.mean(few, axis=0)[:3] > nll[:3]).all()  # the mean of log-weights is a bound
    assert (error_of_many < 0.05).all()
    assert (error_of_many < error_of_one / 5).all()


def test_the_published_objective_falls_below_the_nll(diagonal, published, sequences, nll):
    seeds = range(200)
    averages = {
        model: np.mean(
            [training_objective(model, sequences, np.random.default_rng(s)).nats for s in seeds], axis=0
        )
        for model in (diagonal, published)
    }
    # The same posterior and the same draws, so the two differ by their divergences alone.
    assert (averages[published][:3] < nll[:3] - 0.3).all()
    v = [1 / (2 + PRECISION)] * 5 + [1 / (1 + PRECISION)]
    missing = sum(np.log1p(v[t - 1] / v[t]) for t in range(1, 6)) / 2
    assert averages[diagonal][0] - averages[published][0] == pytest.approx(missing, rel=1e-9)


@pytest.mark.parametrize("kl_weight", [0.0, 0.3, 1.0])
def test_the_training_objective_is_the_loss(published, rng, kl_weight):
    sequences = [rng.standard_normal((5, 2)) for _ in range(3)]  # of one length: a batch, as in training
    observations, mask = pad(sequences)
    found = training_objective(published, sequences, np.random.default_rng(0), kl_weight=kl_weight)
    drawing = np.random.default_rng(0)
    noise = np.stack([published.draw_noise(drawing, 5, 1)[:, 0] for _ in sequences], axis=1)
    loss = published.function(["observations", "mask", "noise", "kl_weight"], "loss")
    assert found.per_step == pytest.approx(loss(observations, mask, noise, kl_weight), rel=1e-12)


def test_validation_scores_have_the_same_draws_each_time(published, weighted, rng):
    sequences = [rng.standard_normal((n, 2)) for n in (5, 3)]
    for model, n_draws in ((published, 1), (weighted, 3)):  # more than one matter to importance weights only
        expected = training_objective(model, sequences, np.random.default_rng(VALIDATION_SEED), n_draws, 0.4)
        assert validation_score(model, sequences, 3, 0.4) == expected.per_step


def test_the_bound_is_exact_whatever_the_objective(diagonal, published, sequences):
    ours, theirs = (
        variational_bound(m, sequences, np.random.default_rng(0)).nats for m in (diagonal, published)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_sampled_scores_are_those_of_each_sequence(published, sequences):
    """By their definitions, from draws of its own stream; importance weights are never those of a batch."""
    sampled = sampled_scores(published, sequences, np.random.default_rng(0), 5)
    names = ["kl", "objective_kl", "emission/log_prob", "log_weight"]
    function = published.function(["observations", "mask", "noise"], names)
    rngs = streams(np.random.default_rng(0), len(sequences))
    for i, (x, rng) in enumerate(zip(sequences, rngs, strict=True)):
        noise = rng.standard_normal((5, len(x), 1)).swapaxes(0, 1)
        values = function(x[:, None], np.ones((len(x), 1)), noise)
        kl, objective_kl, log_prob, log_weights = (value.sum(axis=0) for value in values)
        weights = np.exp(log_weights - log_weights.max())
        nats, deviation, relative = (
            -log_prob.mean(),
            log_prob.std(ddof=1),
            weights.std(ddof=1) / weights.mean(),
        )
        for score, expected, spread in (
            (sampled.bound, kl[0] + nats, deviation),
            (sampled.bound.kl, kl[0], None),
            (sampled.bound.reconstruction, nats, deviation),
            (sampled.objective, objective_kl[0] + nats, deviation),
            (sampled.importance_sampled, np.log(5) - logsumexp(log_weights), relative),
        ):
            assert score.nats[i] == pytest.approx(expected, rel=1e-12)
            if spread is None:
                assert score.standard_errors is None
            else:
                assert score.standard_errors[i] == pytest.approx(spread / np.sqrt(5), rel=1e-9)
        size = weights.sum() ** 2 / (weights**2).sum()
        assert sampled.importance_sampled.effective_sample_sizes[i] == pytest.approx(size, rel=1e-9)


def test_the_importance_sampled_score_alone_is_the_same(diagonal, sequences):
    alone = importance_sampled_nll(diagonal, sequences, np.random.default_rng(0), 7)
    together = sampled_scores(diagonal, sequences, np.random.default_rng(0), 7).importance_sampled
    np.testing.assert_allclose(alone.nats, together.nats, rtol=1e-12)
    np.testing.assert_allclose(alone.standard_errors, together.standard_errors, rtol=1e-9)


@pytest.mark.parametrize(("estimator", "n_draws"), [(variational_bound, 20), (importance_sampled_nll, 500)])
def test_standard_errors_are_the_spread_of_estimates(estimator, n_draws, diagonal, sequences, rng):
    """Of many estimates for the same sequences, and of their averages."""
    n_repeats = 300
    together = estimator(diagonal, sequences[:2] * n_repeats, rng, n_draws)
    spread, said = (values.reshape(n_repeats, 2) for values in (together.nats, together.standard_errors))
    # Of so many estimates, the spread is known to 4 %.
    np.testing.assert_allclose(np.sqrt((said**2).mean(axis=0)), spread.std(axis=0, ddof=1), rtol=0.15)
    one = estimator(diagonal, sequences[:2], rng, n_draws)
    per_step = spread.sum(axis=1) / 9
    per_sequence = (spread / [6, 3]).mean(axis=1)
    assert one.per_step_standard_error == pytest.approx(per_step.std(ddof=1), rel=0.3)
    assert one.per_sequence_standard_error == pytest.approx(per_sequence.std(ddof=1), rel=0.3)


def test_the_error_of_an_importance_sampled_score_covers_the_nll(diagonal, sequences, nll, rng):
    score = importance_sampled_nll(diagonal, sequences[:3] * 200, rng, 1000)
    off = (score.nats - np.tile(nll[:3], 200)) / score.standard_errors
    assert abs(off.mean()) < 0.3
    assert 0.85 < off.std() < 1.15
    assert (score.effective_sample_sizes > 10).all()


def test_equal_weights_have_no_error(exact, sequences, rng):
    score = importance_sampled_nll(exact, sequences, rng, 30)
    np.testing.assert_allclose(score.standard_errors, 0, atol=1e-6)
    np.testing.assert_allclose(score.effective_sample_sizes, 30, rtol=1e-9)


@pytest.mark.parametrize("estimator", [variational_bound, importance_sampled_nll])
def test_one_draw_says_nothing_of_its_error(estimator, diagonal, sequences, rng):
    score = estimator(diagonal, sequences, rng, 1)
    assert score.standard_errors is None
    assert score.per_step_standard_error is None and score.per_sequence_standard_error is None


def test_more_draws_tighten_the_importance_weighted_bound(diagonal, sequences, nll, rng):
    """In expectation it is monotone in the number of draws, and between the variational bound and the NLL."""
    sequence, n_columns = sequences[0], 400_000
    weigh = diagonal.function(["observations", "mask", "noise"], "log_weight")
    noise = rng.standard_normal((len(sequence), n_columns, 1))
    log_weights = weigh(sequence[:, None], np.ones((len(sequence), 1)), noise).sum(axis=0)
    bounds, errors = [], []
    for n_draws in (1, 2, 5, 20):
        estimates = np.log(n_draws) - logsumexp(log_weights.reshape(-1, n_draws), axis=1)
        bounds.append(estimates.mean())
        errors.append(estimates.std() / np.sqrt(len(estimates)))
    assert bounds[0] == pytest.approx(exact_bound(diagonal, sequence), abs=4 * errors[0])
    assert (-np.diff(bounds) > 4 * np.hypot(errors[1:], errors[:-1])).all()
    assert bounds[-1] > nll[0] - 4 * errors[-1]
    assert bounds[-1] - nll[0] < 0.2 * (bounds[0] - nll[0])


@pytest.fixture(scope="module")
def weighted():
    return LinearGaussian(BestDiagonal, objective="importance_weighted")


def test_the_importance_weighted_objective_is_that_of_each_sequence(weighted, sequences, rng):
    x, mask = pad(sequences)
    noise = rng.standard_normal((len(x), 3 * len(sequences), 1))
    names = ["loss", "emission/log_prob", "latents/log_ratio"]
    loss, log_prob, log_ratio = weighted.function(weighted.training_inputs, names)(x, mask, noise, 0.3)
    log_weights = (log_prob + 0.3 * log_ratio).sum(axis=0).reshape(3, len(sequences))
    expected = (np.log(3) - logsumexp(log_weights, axis=0)).sum() / 16
    assert loss == pytest.approx(expected, rel=1e-12)


def test_importance_weighted_training_is_validated_on_what_it_minimises(weighted, rng):
    sequences = [rng.standard_normal((5, 2)) for _ in range(3)]  # of one length: a batch, as in training
    found = training_objective(weighted, sequences, np.random.default_rng(0), n_draws=4, kl_weight=0.3)
    drawing = np.random.default_rng(0)
    draws = [[weighted.draw_noise(drawing, 5, 1)[:, 0] for _ in sequences] for _ in range(4)]
    noise = np.concatenate([np.stack(draw, axis=1) for draw in draws], axis=1)
    loss = weighted.function(weighted.training_inputs, "loss")(*pad(sequences), noise, 0.3)
    assert found.per_step == pytest.approx(loss, rel=1e-12)
    scores = sampled_scores(weighted, sequences, np.random.default_rng(0), 4)
    assert scores.objective is scores.importance_sampled


def test_the_importance_weighted_objective_has_a_gradient_where_weights_are_tiny(weighted, sequences, rng):
    x = sequences[0][:, None] + 1000.0
    noise = weighted.inputs["noise"]
    gradient = pt.grad(weighted.expressions["loss"], noise)
    drawn = rng.standard_normal((len(x), 3, 1))
    function = weighted.function(weighted.training_inputs, [weighted.expressions["loss"], gradient])
    loss, by_noise = function(x, np.ones((len(x), 1)), drawn, 1.0)
    assert loss > 1e5
    assert np.isfinite(by_noise).all() and by_noise.any()


def best_draw(model):
    """An objective that no registry knows: the largest importance weight of the draws."""
    log_weights = model.expressions["log_weight"].sum(axis=0)
    return per_step(-model.over_draws(pt.max, log_weights), model.inputs["mask"])


best_draw.weighs_draws = True


def test_any_objective_that_weighs_draws_is_validated_on_importance_weights(weighted, diagonal, sequences):
    model = LinearGaussian(BestDiagonal, objective=best_draw)
    found = validation_score(model, sequences, 4)
    assert found == pytest.approx(validation_score(weighted, sequences, 4), rel=1e-12)
    assert found < validation_score(diagonal, sequences, 4)
    scores = sampled_scores(model, sequences, np.random.default_rng(0), 4)
    assert scores.objective is scores.importance_sampled


@pytest.fixture(scope="module")
def tensor():
    return LinearGaussian(BestDiagonal, objective="tensor_monte_carlo")


@pytest.mark.slow
def test_tensor_monte_carlo_is_unbiased_and_tighter_than_importance_weights(tensor, weighted, sequences, nll):
    """Of the same 8 draws; the mean of the likelihoods that it estimates is the exact one."""
    sequence, n_columns = sequences[0], 20_000
    noise = np.random.default_rng(0).standard_normal((len(sequence), 8 * n_columns, 1))
    x = np.repeat(sequence[:, None], n_columns, axis=1)
    inputs = x, np.ones((len(sequence), n_columns)), noise, 1.0
    estimates = -tensor.function(tensor.training_inputs, "loss/by_step")(*inputs).sum(axis=0)
    ratios = np.exp(estimates + nll[0])
    assert ratios.mean() == pytest.approx(1, abs=4 * ratios.std() / np.sqrt(n_columns))
    weights = weighted.function(["observations", "mask", "noise"], "log_weight")(*inputs[:3]).sum(axis=0)
    importance_weighted = logsumexp(weights.reshape(8, n_columns), axis=0) - np.log(8)
    gap, other_gap = -estimates.mean() - nll[0], -importance_weighted.mean() - nll[0]
    assert 0 < gap < 0.5 * other_gap


def test_tensor_monte_carlo_is_validated_on_what_it_minimises(tensor, sequences, rng):
    """Sequences of all lengths, wherever they are packed; of one length, it is the loss of a batch."""
    found = training_objective(tensor, sequences, np.random.default_rng(0), n_draws=4, kl_weight=0.3)
    by_step = tensor.function(tensor.training_inputs, "loss/by_step")
    drawing, total = np.random.default_rng(0), sum(map(len, sequences))
    draws = [tensor.draw_noise(drawing, total, 1) for _ in range(4)]
    starts = np.cumsum([0, *map(len, sequences)])
    for i, x in enumerate(sequences):
        noise = np.concatenate([draw[starts[i] : starts[i + 1]] for draw in draws], axis=1)
        nats = by_step(x[:, None], np.ones((len(x), 1)), noise, 0.3).sum()
        assert found.nats[i] == pytest.approx(nats, rel=1e-10)
    scores = sampled_scores(tensor, sequences, np.random.default_rng(0), 4)
    assert scores.objective is scores.importance_sampled


@pytest.mark.parametrize("nats", [1e-3, 10.0])
def test_free_bits(nats, sequences, rng):
    """Below that, the divergence of a latent, averaged over the steps of all sequences, counts as that."""
    model = LinearGaussian(BestDiagonal, objective=FreeBits(nats))
    x, mask = pad(sequences)
    noise = rng.standard_normal((len(x), len(sequences), 1))
    names = ["loss", "kl", "emission/log_prob"]
    loss, kl, log_prob = model.function(model.training_inputs, names)(x, mask, noise, 0.3)
    assert 1e-3 < kl.sum() / 16 < 10
    assert loss == pytest.approx(0.3 * max(kl.sum() / 16, nats) - log_prob.sum() / 16, rel=1e-12)


def test_the_expected_importance_weighted_objective_is_the_importance_sampled_score(weighted, sequences):
    """One function serves training, another one scores; the same draws give the same number."""
    x = sequences[0]
    (rng,) = streams(np.random.default_rng(0), 1)
    noise = rng.standard_normal((len(x), 1, 1))
    loss = weighted.function(weighted.training_inputs, "loss")(x[:, None], np.ones((len(x), 1)), noise, 1.0)
    score = importance_sampled_nll(weighted, [x], np.random.default_rng(0), n_draws=1)
    assert loss == pytest.approx(score.per_step, rel=1e-10)


@pytest.mark.parametrize("estimator", [variational_bound, importance_sampled_nll])
@pytest.mark.parametrize("n_draws", [0, -3, 2.5, "5"])
def test_a_score_needs_draws(estimator, n_draws, diagonal, sequences, rng):
    with pytest.raises(ValueError, match=f"n_draws must be a positive integer, got {n_draws!r}"):
        estimator(diagonal, sequences, rng, n_draws)


def test_a_score_is_for_its_kind_of_model(diagonal, sequences, rng):
    exact = RNN(n_visible=2, n_hiddens=(1,), emission="gaussian_shared")
    for estimator in (variational_bound, importance_sampled_nll, sampled_scores):
        with pytest.raises(ValueError, match="model must have latents, but RNN has none: use negative_log"):
            estimator(exact, sequences, rng)
        with pytest.raises(ValueError, match="rng must be a generator, .*, got 0"):
            estimator(diagonal, sequences, 0)
    with pytest.raises(ValueError, match="model must have no latents, but .* has some: use variat"):
        negative_log_likelihood(diagonal, sequences)


def test_sequences_are_checked(diagonal, rng):
    with pytest.raises(ValueError, match=r"sequences\[0\] must have 2 features, got 3"):
        variational_bound(diagonal, [np.zeros((2, 3))], rng)
    with pytest.raises(ValueError, match=r"sequences\[0\] must be finite, got nan"):
        importance_sampled_nll(diagonal, [np.full((2, 2), np.nan)], rng)


def test_any_iterable_of_sequences(rng):
    model = RNN(2, (2,), emission="gaussian_fixed")
    model.initialize(rng)
    sequences = [rng.standard_normal((n, 2)) for n in (3, 2)]
    score = negative_log_likelihood(model, sequences).per_step
    assert negative_log_likelihood(model, iter(sequences)).per_step == score
    with pytest.raises(ValueError, match="sequences must be a list of sequences, got NoneType"):
        negative_log_likelihood(model, None)

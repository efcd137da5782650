"""What holds of all training objectives that have a name."""

import numpy as np
import pytest

from breze_like.data import pad
from breze_like.models import VRAE
from breze_like.models.objectives import OBJECTIVES, FreeBits, weighs_draws


@pytest.fixture(scope="module", params=OBJECTIVES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    model = VRAE(3, 2, (2,), objective=name)
    model.parameters.data[...] = 0.7 * np.random.default_rng(0).standard_normal(model.parameters.size)
    return model


@pytest.fixture(scope="module")
def evaluate(model):
    return model.function(model.training_inputs, ["loss", "gradient", "emission/log_prob"])


@pytest.fixture
def batch(rng):
    """Three sequences, of 3, 1 and 2 steps, two draws of each, and a weight of the divergence."""
    x, mask = pad([rng.integers(0, 2, (n, 3)) for n in (3, 1, 2)])
    return x, mask, rng.standard_normal((3, 6, 2)), 0.3


def test_gradient(model, evaluate, batch, rng):
    start, direction = model.parameters.data.copy(), rng.standard_normal(model.parameters.size)
    losses = []
    for step in (1e-5, -1e-5):
        model.parameters.data[...] = start + step * direction
        losses.append(evaluate(*batch)[0])
    model.parameters.data[...] = start
    assert evaluate(*batch)[1] @ direction == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-6)


def test_padding_does_not_count(evaluate, batch):
    x, mask, noise, kl_weight = batch
    wider = [np.concatenate([u, np.zeros_like(u[:2])]) for u in (x, mask)]
    wild = np.concatenate([noise, np.full_like(noise[:2], 100.0)])
    (loss, gradient, _), (same, same_gradient, _) = evaluate(*batch), evaluate(*wider, wild, kl_weight)
    assert same == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(same_gradient, gradient, rtol=1e-10, atol=1e-12)


def test_the_order_of_sequences_and_of_draws_does_not_matter(evaluate, batch):
    x, mask, noise, kl_weight = batch
    columns = [2, 0, 1]
    draws = noise.reshape(3, 2, 3, 2)[:, ::-1, columns].reshape(3, 6, 2)
    loss, _, _ = evaluate(x[:, columns], mask[:, columns], draws, kl_weight)
    assert loss == pytest.approx(evaluate(*batch)[0], rel=1e-12)


def test_without_a_divergence_it_is_between_the_mean_and_the_best_draw(evaluate, batch):
    """That is what it weighs: with a weight of 0 and one draw, it is -log p(x | z) per step."""
    x, mask, noise, _ = batch
    loss, _, log_prob = evaluate(x, mask, noise, 0.0)
    of_draws = -log_prob.sum(axis=0).reshape(2, 3)
    assert of_draws.min(axis=0).sum() / 6 - 1e-12 <= loss <= of_draws.mean(axis=0).sum() / 6 + 1e-12
    loss, _, log_prob = evaluate(x, mask, noise[:, :3], 0.0)
    assert loss == pytest.approx(-log_prob.sum() / 6, rel=1e-12)


def test_it_says_whether_it_weighs_draws_against_each_other(model, evaluate, batch):
    """If it does not, the loss of two draws is the mean of those of each."""
    x, mask, noise, kl_weight = batch
    loss, _, _ = evaluate(*batch)
    alone = [evaluate(x, mask, noise[:, draw], kl_weight)[0] for draw in (slice(3), slice(3, 6))]
    assert (loss == pytest.approx(np.mean(alone), rel=1e-10)) != weighs_draws(model)


@pytest.mark.parametrize("objective", ["free_bits", "importance_weighted", FreeBits(0.5)])
def test_others_than_the_bound_need_the_exact_divergence(objective):
    with pytest.raises(ValueError, match="kl must be 'exact' if .*, got independent_increments_kl"):
        VRAE(3, 2, (2,), objective=objective, posterior="diagonal", kl="independent_increments")


@pytest.mark.parametrize("nats", [-0.1, 0, np.inf, np.nan, "a", None])
def test_free_nats_are_positive_and_finite(nats):
    with pytest.raises(ValueError, match=f"nats must be positive and finite, got {nats!r}"):
        FreeBits(nats)

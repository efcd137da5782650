"""What holds of all training objectives that have a name."""

from itertools import product

import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.special import logsumexp

from breze_like.data import pad
from breze_like.distributions import GaussianProcess
from breze_like.models import VOSP, VRAE
from breze_like.models.objectives import OBJECTIVES, FreeBits, weighs_draws


@pytest.fixture(scope="module", params=OBJECTIVES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(name):
    if name == "tensor_monte_carlo":
        model = VOSP(3, 2, (2,), (2,), objective=name, posterior="diagonal", prior="ornstein_uhlenbeck")
    else:
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


def test_without_a_divergence_it_is_between_the_mean_and_the_best_draw(name, evaluate, batch):
    """That is what it weighs: with a weight of 0 and one draw, it is -log p(x | z) per step."""
    x, mask, noise, _ = batch
    loss, _, log_prob = evaluate(x, mask, noise, 0.0)
    of_steps = -log_prob.reshape(3, 2, 3)
    of_draws = of_steps.sum(axis=0)
    best = of_steps.min(axis=1) if name == "tensor_monte_carlo" else of_draws.min(axis=0)
    assert best.sum() / 6 - 1e-12 <= loss <= of_draws.mean(axis=0).sum() / 6 + 1e-12
    loss, _, log_prob = evaluate(x, mask, noise[:, :3], 0.0)
    assert loss == pytest.approx(-log_prob.sum() / 6, rel=1e-12)


def test_it_says_whether_it_weighs_draws_against_each_other(model, evaluate, batch):
    """If it does not, the loss of two draws is the mean of those of each."""
    x, mask, noise, kl_weight = batch
    loss, _, _ = evaluate(*batch)
    alone = [evaluate(x, mask, noise[:, draw], kl_weight)[0] for draw in (slice(3), slice(3, 6))]
    assert (loss == pytest.approx(np.mean(alone), rel=1e-10)) != weighs_draws(model)


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["wiener", "white", "ornstein_uhlenbeck"])
def test_tensor_monte_carlo_is_the_mean_over_all_ways_to_take_a_draw_at_each_step(prior, batch):
    """Each way is a sequence of latents like any other: its weight is found by NumPy, and by the model."""
    model = VOSP(3, 2, (2,), (2,), objective="tensor_monte_carlo", posterior="diagonal", prior=prior)
    model.parameters.data[...] = 0.7 * np.random.default_rng(0).standard_normal(model.parameters.size)
    x, mask, noise, kl_weight = batch
    loss = model.function(model.training_inputs, "loss")
    weigh = model.function(["observations", "mask", "noise"], ["emission/log_prob", "latents/log_ratio"])
    draws = noise.reshape(3, 2, 3, 2)
    expected = 0.0
    for i in range(3):
        steps = np.flatnonzero(mask[:, i])
        ways = [draws[steps, list(way), i] for way in product(range(2), repeat=len(steps))]
        log_prob, log_ratio = weigh(x[steps][:, [i]], np.ones((len(steps), 1)), np.stack(ways, axis=1))
        log_weights = (log_prob + kl_weight * log_ratio).sum(axis=0)
        expected -= logsumexp(log_weights) - np.log(len(ways))
    assert loss(*batch) == pytest.approx(expected / 6, rel=1e-10)


def test_with_one_draw_tensor_monte_carlo_is_the_importance_weighted_bound(batch):
    x, mask, noise, kl_weight = batch
    losses = []
    for objective in ("tensor_monte_carlo", "importance_weighted"):
        model = VOSP(3, 2, (2,), (2,), objective=objective, posterior="diagonal")
        model.parameters.data[...] = 0.7 * np.random.default_rng(0).standard_normal(model.parameters.size)
        losses.append(model.function(model.training_inputs, "loss")(x, mask, noise[:, :3], kl_weight))
    assert losses[0] == pytest.approx(losses[1], rel=1e-10)


@pytest.mark.parametrize(
    "model_class, choices, message",
    [
        (VOSP, {}, "posterior must be 'diagonal' if objective='tensor_monte_carlo', got GaussMarkov"),
        (
            VOSP,
            {"posterior": "diagonal", "prior": GaussianProcess(lambda t, r: 1.0 * pt.eq(t, r))},
            "prior must be a MarkovProcess if objective='tensor_monte_carlo', got GaussianProcess",
        ),
        (
            VRAE,
            {"posterior": "diagonal"},
            "model must be a VOSP if objective='tensor_monte_carlo', got VRAE",
        ),
    ],
)
def test_tensor_monte_carlo_needs_independent_steps(model_class, choices, message):
    with pytest.raises(ValueError, match=message):
        model_class(3, 2, (2,), objective="tensor_monte_carlo", **choices)


@pytest.mark.parametrize("objective", ["free_bits", "importance_weighted", FreeBits(0.5)])
def test_others_than_the_bound_need_the_exact_divergence(objective):
    with pytest.raises(ValueError, match="kl must be 'exact' if .*, got independent_increments_kl"):
        VRAE(3, 2, (2,), objective=objective, posterior="diagonal", kl="independent_increments")


@pytest.mark.parametrize("nats", [-0.1, 0, np.inf, np.nan, "a", None])
def test_free_nats_are_positive_and_finite(nats):
    with pytest.raises(ValueError, match=f"nats must be positive and finite, got {nats!r}"):
        FreeBits(nats)

"""Held against sums over all paths of the states."""

from itertools import product

import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.special import expit

from breze_like.backends import available
from breze_like.estimators import negative_log_likelihood
from breze_like.models import HiddenMarkov
from breze_like.models.hidden_markov import draw_states

N_VISIBLE, N_STATES, LENGTHS = 3, 3, (5, 2, 4)
# Padding in front, and two sequences in one column with padding between them.
PLACES = ((0, slice(0, 5)), (1, slice(0, 2)), (1, slice(3, 7)))


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    model = HiddenMarkov(N_VISIBLE, N_STATES)
    model.initialize(rng)
    for name in ("initial", "transition"):
        view = model.states.view(name)
        view[...] = rng.dirichlet(np.ones(N_STATES), view.shape[:-1])
    model.emission.view("logits")[...] = 2 * rng.standard_normal((N_STATES, N_VISIBLE))
    return model


@pytest.fixture(scope="module")
def sequences():
    rng = np.random.default_rng(1)
    return [rng.integers(0, 2, (n, N_VISIBLE)).astype(float) for n in LENGTHS]


@pytest.fixture(scope="module")
def batch(sequences):
    observations, mask = np.zeros((7, 2, N_VISIBLE)), np.zeros((7, 2))
    for (column, steps), sequence in zip(PLACES, sequences, strict=True):
        observations[steps, column], mask[steps, column] = sequence, 1
    return observations, mask


def paths(model, sequence, known=None):
    """All paths of the states, a row each, and their joint probabilities with the sequence."""
    p = expit(model.emission.view("logits"))
    initial, transition = model.states.view("initial"), model.states.view("transition")
    known = np.ones(sequence.shape, bool) if known is None else known
    all_paths = np.array(list(product(range(N_STATES), repeat=len(sequence))))
    joint = []
    for path in all_paths:
        of_states = initial[path[0]] * np.prod(transition[path[:-1], path[1:]])
        joint.append(of_states * np.prod(np.where(sequence > 0, p[path], 1 - p[path])[known]))
    return all_paths, np.array(joint)


def state_posterior(model, sequence, known=None):
    all_paths, joint = paths(model, sequence, known)
    one_hot = all_paths[:, :, None] == np.arange(N_STATES)
    return np.tensordot(joint / joint.sum(), one_hot, axes=1)


def of_sequences(array):
    return [array[steps, column] for column, steps in PLACES]


def test_likelihood_is_a_sum_over_paths(model, sequences, batch):
    log_prob = model.function(["observations", "mask"], "emission/log_prob")(*batch)
    assert (log_prob[batch[1] == 0] == 0).all()
    expected = [np.log(paths(model, s)[1].sum()) for s in sequences]
    np.testing.assert_allclose([p.sum() for p in of_sequences(log_prob)], expected, rtol=1e-10)
    np.testing.assert_allclose(negative_log_likelihood(model, sequences).nats, -np.array(expected))
    loss = model.function(["observations", "mask"], "loss")(*batch)
    assert loss == pytest.approx(-sum(expected) / sum(LENGTHS), rel=1e-10)


def test_each_step_is_given_those_before_it(model, sequences, batch):
    names = ["emission/log_prob", "states/forecast", "states/filtered", "emission/mean"]
    values = model.function(["observations", "mask"], names)(*batch)
    p = expit(model.emission.view("logits"))
    for sequence, *own in zip(sequences, *map(of_sequences, values), strict=True):
        before = model.states.view("initial")
        for t, (log_prob, forecast, filtered, mean) in enumerate(zip(*own, strict=True)):
            past = 1.0 if t == 0 else paths(model, sequence[:t])[1].sum()
            assert log_prob == pytest.approx(np.log(paths(model, sequence[: t + 1])[1].sum() / past))
            np.testing.assert_allclose(forecast, before, rtol=1e-10)
            np.testing.assert_allclose(mean, before @ p, rtol=1e-10)
            np.testing.assert_allclose(filtered, state_posterior(model, sequence[: t + 1])[t], rtol=1e-10)
            before = filtered @ model.states.view("transition")


def test_posterior_and_what_is_made_of_it(model, sequences, batch):
    names = ["states/posterior", "reconstruction", "denoised"]
    values = model.function(["observations", "mask"], names)(*batch)
    p = expit(model.emission.view("logits"))
    for sequence, *own in zip(sequences, *map(of_sequences, values), strict=True):
        posterior = state_posterior(model, sequence)
        np.testing.assert_allclose(own[0], posterior, rtol=1e-9)
        np.testing.assert_allclose(own[1], posterior @ p, rtol=1e-9)
        np.testing.assert_array_equal(own[2], p[posterior.argmax(axis=1)] >= 0.5)


def test_expected_counts_are_gradients(model, sequences, batch):
    names = [f"expected/{name}" for name in ("initial", "transitions", "on", "off")]
    counts = model.function(["observations", "mask"], names)(*batch)
    expected = [np.zeros_like(count) for count in counts]
    for sequence in sequences:
        all_paths, joint = paths(model, sequence)
        for path, weight in zip(all_paths, joint / joint.sum(), strict=True):
            expected[0][path[0]] += weight
            np.add.at(expected[1], (path[:-1], path[1:]), weight)
            np.add.at(expected[2], path, weight * sequence)
            np.add.at(expected[3], path, weight * (1 - sequence))
    for count, own in zip(counts, expected, strict=True):
        np.testing.assert_allclose(count, own, rtol=1e-9, atol=1e-12)


def test_gradient_of_parameters(model, batch):
    gradient = model.function(["observations", "mask"], "gradient")(*batch)
    loss = model.function(["observations", "mask"], "loss")
    kept, step = model.parameters.data.copy(), 1e-6
    for i in range(0, len(kept), 2):
        values = []
        for sign in (1, -1):
            model.parameters.data[i] = kept[i] + sign * step
            values.append(loss(*batch))
        model.parameters.data[i] = kept[i]
        assert gradient[i] == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5, abs=1e-8)


def test_gradient_is_that_of_any_function_of_the_forecasts(model, batch):
    """Of the recurrence by itself, where other things than the likelihood depend on it."""
    weights = np.random.default_rng(2).standard_normal((7, 2, N_STATES))
    value = (model.expressions["states/forecast"] * weights * batch[1][:, :, None]).sum()
    function = model.function(["observations", "mask"], [value, pt.grad(value, model.parameters.flat)])
    _, gradient = function(*batch)
    kept, step = model.parameters.data.copy(), 1e-6
    for i in range(len(kept)):
        values = []
        for sign in (1, -1):
            model.parameters.data[i] = kept[i] + sign * step
            values.append(function(*batch)[0])
        model.parameters.data[i] = kept[i]
        assert gradient[i] == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5, abs=1e-7)


def test_completion_is_given_the_known_entries(model, sequences):
    rng = np.random.default_rng(3)
    known = rng.random(sequences[0].shape) < 0.5
    mode, mean, filtered = (
        v[:, 0] for v in model.complete(sequences[0][:, None], known[:, None], np.ones((LENGTHS[0], 1)))
    )
    posterior = state_posterior(model, sequences[0], known)
    p = expit(model.emission.view("logits"))
    np.testing.assert_allclose(mean, posterior @ p, rtol=1e-9)
    np.testing.assert_array_equal(mode, p[posterior.argmax(axis=1)] >= 0.5)
    for t in range(LENGTHS[0]):
        own = state_posterior(model, sequences[0][: t + 1], known[: t + 1])[t]
        np.testing.assert_allclose(filtered[t], own, rtol=1e-9)


def test_paths_follow_the_posterior(model, sequences):
    n_draws, sequence = 20_000, sequences[2]
    filtered = model.function(["observations", "mask"], "states/filtered")(
        sequence[:, None], np.ones((len(sequence), 1))
    )
    noise = np.random.default_rng(4).random((len(sequence), n_draws))
    drawn = model.draw_paths(np.repeat(filtered, n_draws, axis=1), noise, np.ones(noise.shape)).T
    all_paths, joint = paths(model, sequence)
    frequencies = [(drawn == path).all(axis=1).mean() for path in all_paths]
    np.testing.assert_allclose(frequencies, joint / joint.sum(), atol=5 * np.sqrt(0.25 / n_draws))


def test_a_path_does_not_depend_on_what_follows_behind_padding(model, rng):
    filtered, noise = rng.dirichlet(np.ones(N_STATES), (5, 40)), rng.random((5, 40))
    mask = np.array([1, 1, 0, 1, 1.0])[:, None] * np.ones((1, 40))
    drawn = model.draw_paths(filtered, noise, mask)
    for real in (slice(0, 2), slice(3, 5)):
        alone = model.draw_paths(filtered[real], noise[real], mask[real])
        np.testing.assert_array_equal(drawn[real], alone)


def test_states_are_drawn_by_their_weights():
    weights = np.array([[2.0, 0.0, 1.0, 1.0]] * 5)
    assert draw_states(weights, np.array([0.0, 0.49, 0.5, 0.74, 0.999])).tolist() == [0, 0, 2, 2, 3]


def test_samples_follow_the_model(model):
    drawn = model.sample(np.random.default_rng(5), 2, 40_000)
    p = expit(model.emission.view("logits"))
    expected = model.states.view("initial") @ p
    np.testing.assert_allclose(drawn[0].mean(axis=0), expected, atol=0.02)
    both = (drawn[0, :, 0] * drawn[1, :, 1]).mean()
    joint = model.states.view("initial")[:, None] * model.states.view("transition")
    assert both == pytest.approx(p[:, 0] @ joint @ p[:, 1], abs=0.02)


def test_samples_go_on_with_a_prefix(model, sequences):
    prefix = np.repeat(sequences[0][:, None], 40_000, axis=1)
    drawn = model.sample(np.random.default_rng(6), 1, 40_000, prefix)
    following = state_posterior(model, sequences[0])[-1] @ model.states.view("transition")
    np.testing.assert_allclose(
        drawn[0].mean(axis=0), following @ expit(model.emission.view("logits")), atol=0.02
    )


def test_low_temperature_samples_are_modes(model):
    drawn = model.sample(np.random.default_rng(7), 4, 50, temperature=1e-6).reshape(-1, N_VISIBLE)
    modes = model.emission.view("logits") >= 0
    assert all((frame == modes).all(axis=1).any() for frame in drawn)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
@pytest.mark.skipif("cvm" not in available(), reason="no C++ compiler")
def test_another_backend_agrees(model, batch):
    other = HiddenMarkov(N_VISIBLE, N_STATES, backend="cvm")
    other.parameters.data[...] = model.parameters.data
    here, there = (m.function(["observations", "mask"], ["loss", "gradient"])(*batch) for m in (model, other))
    for a, b in zip(here, there, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("sizes", [{"n_states": 0}, {"n_visible": -1}])
def test_sizes_are_checked(sizes):
    with pytest.raises(ValueError, match="must be a positive integer"):
        HiddenMarkov(**{"n_visible": 2, "n_states": 2, **sizes})

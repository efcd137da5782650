"""Expectation maximisation of hidden Markov models."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.special import expit, xlogy

from breze_like.estimators import negative_log_likelihood
from breze_like.models import RNN, HiddenMarkov
from breze_like.runs import Run
from breze_like.training import EMSettings, TrainingSettings, fit_em, is_finished, load_parameters
from breze_like.training.expectation import expect, maximize, posterior_logits, similarity, start

N_STATES = 5
PLAIN = EMSettings(n_epochs=6, patience=None, transition_count=2.0, emission_count=0.5, sharing=0.0)


def draw(rng, n):
    """Sequences that stay in one of two modes of four keys for a while."""
    probability = np.array([[0.9, 0.8, 0.1, 0.1], [0.1, 0.2, 0.9, 0.8]])

    def sequence(length):
        states = (rng.random() < 0.5) ^ (np.cumsum(rng.random(length) < 0.2) % 2 > 0)
        return (rng.random((length, 4)) < probability[states.astype(int)]).astype(np.uint8)

    return [sequence(length) for length in rng.integers(5, 20, n)]


@pytest.fixture(scope="module")
def train():
    return draw(np.random.default_rng(0), 12)


@pytest.fixture(scope="module")
def valid():
    return draw(np.random.default_rng(1), 6)


@pytest.fixture(scope="module")
def marginal(train):
    frames = np.concatenate(train)
    return (frames.sum(axis=0) + 1) / (len(frames) + 2)


@pytest.fixture(scope="module")
def model():
    return HiddenMarkov(4, N_STATES)


@pytest.fixture
def fit(model, train, valid):
    """Train with some settings, from the start or from a run."""

    def fit(settings, run=None, validate=None):
        def score(sequences):
            return negative_log_likelihood(model, sequences).per_step

        rng = np.random.default_rng(2)
        return fit_em(model, train, valid, settings, rng, validate or score, run, progress=False)

    return fit


def log_posterior(model, sequences, settings, marginal):
    """Log-likelihood plus the logarithms of the prior densities, but for what is constant."""
    n, even = settings.emission_count, settings.transition_count / model.n_states
    p = expit(model.emission.view("logits"))
    prior = sum(even * np.log(model.states.view(name)).sum() for name in ("initial", "transition"))
    prior += (xlogy(n * marginal, p) + xlogy(n * (1 - marginal), 1 - p)).sum()
    return prior - negative_log_likelihood(model, sequences).nats.sum()


def test_each_epoch_improves_the_posterior_density(model, train, marginal):
    start(model, train, marginal, PLAIN, np.random.default_rng(0))
    densities = [log_posterior(model, train, PLAIN, marginal)]
    for _ in range(8):
        _, counts = expect(model, train)
        maximize(model, counts, marginal, PLAIN)
        densities.append(log_posterior(model, train, PLAIN, marginal))
    assert (np.diff(densities) > -1e-9).all()
    assert densities[-1] > densities[0] + 10


def test_what_it_converges_to_is_stationary(model, train, marginal):
    """The posterior density does not grow in any direction; finite differences of single parameters."""
    start(model, train, marginal, PLAIN, np.random.default_rng(0))
    for _ in range(400):
        maximize(model, expect(model, train)[1], marginal, PLAIN)
    best, logits = log_posterior(model, train, PLAIN, marginal), model.emission.view("logits")
    for index in [(0, 0), (2, 3), (4, 1)]:
        for step in (-0.05, 0.05):
            logits[index] += step
            assert log_posterior(model, train, PLAIN, marginal) < best
            logits[index] -= step
    transition = model.states.view("transition")
    for i, j in [(0, 1), (3, 2)]:
        kept = transition.copy()
        for factor in (0.9, 1.1):
            transition[i, j] *= factor
            transition[i] /= transition[i].sum()
            assert log_posterior(model, train, PLAIN, marginal) < best
            transition[...] = kept


def test_starts_from_the_most_frequent_frames(train, marginal):
    model = HiddenMarkov(4, 20)  # there are 16 frames at most: some come twice
    start(model, train, marginal, PLAIN, np.random.default_rng(0))
    frames, n_times = np.unique(np.concatenate(train), axis=0, return_counts=True)
    ranked = frames[np.argsort(-n_times, kind="stable")]
    expected = ranked[np.arange(20) % len(ranked)]
    expected = (expected + 0.5 * marginal) / 1.5
    np.testing.assert_allclose(expit(model.emission.view("logits")), expected)
    transition = model.states.view("transition")
    np.testing.assert_allclose(transition.sum(axis=1), 1)
    assert np.abs(transition[0] - transition[len(ranked)]).max() > 0


def test_counts_add_up(model, train, marginal, monkeypatch):
    start(model, train, marginal, PLAIN, np.random.default_rng(0))
    loss, counts = expect(model, train)
    assert loss == pytest.approx(negative_log_likelihood(model, train).per_step)
    n_steps = sum(map(len, train))
    assert counts["expected/initial"].sum() == pytest.approx(len(train))
    assert counts["expected/transitions"].sum() == pytest.approx(n_steps - len(train))
    np.testing.assert_allclose(counts["expected/on"].sum(axis=0), np.concatenate(train).sum(axis=0))
    visits = counts["expected/on"] + counts["expected/off"]
    np.testing.assert_allclose(visits, visits[:, :1] + 0 * visits)
    monkeypatch.setattr("breze_like.training.expectation.MAX_ENTRIES", 1)
    for name, count in expect(model, train)[1].items():  # in other batches
        np.testing.assert_allclose(count, counts[name])


def test_similar_states_are_those_that_explain_what_a_state_emits():
    p = np.array([[0.9, 0.2], [0.8, 0.3], [0.1, 0.7]])
    visits = np.array([3.0, 1.0, 7.0])
    expected = np.zeros((3, 3))
    for i in range(3):
        for j in {0, 1, 2} - {i}:
            log_prob = (p[i] * np.log(p[j]) + (1 - p[i]) * np.log(1 - p[j])).sum()
            expected[i, j] = (visits[j] + 1) * np.exp(log_prob / 2)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(similarity(np.log(p / (1 - p)), visits), expected)


@pytest.mark.parametrize("n_states", [1, 3])
def test_shared_counts_make_probabilities(n_states, train, marginal):
    model, settings = HiddenMarkov(4, n_states), replace(PLAIN, sharing=0.9)
    start(model, train, marginal, settings, np.random.default_rng(0))
    for _ in range(2):
        maximize(model, expect(model, train)[1], marginal, settings)
    np.testing.assert_allclose(model.states.view("transition").sum(axis=1), 1)
    assert (model.states.view("transition") > 0).all()
    if n_states == 1:
        n_on, n = np.concatenate(train).sum(axis=0), sum(map(len, train))
        expected = (n_on + 0.5 * marginal) / (n + 0.5)
        np.testing.assert_allclose(expit(model.emission.view("logits"))[0], expected)


def test_learns_and_keeps_the_best(fit, model, train, valid, marginal):
    start(model, train, marginal, PLAIN, np.random.default_rng(2))
    before = negative_log_likelihood(model, valid).per_step
    history = fit(replace(PLAIN, sharing=0.5))
    scores = [entry["valid_score"] for entry in history.entries]
    assert len(scores) == 6
    assert history.best_score == min(scores) < before - 0.05
    assert history.best_epoch == 1 + int(np.argmin(scores))
    assert negative_log_likelihood(model, valid).per_step == pytest.approx(history.best_score)


def test_patience(fit):
    scores = iter([5.0, 4.0, 4.5, 4.5, 1.0])
    history = fit(replace(PLAIN, patience=2), validate=lambda sequences: next(scores))
    assert [entry["valid_score"] for entry in history.entries] == [5.0, 4.0, 4.5, 4.5]
    assert (history.best_score, history.best_epoch) == (4.0, 2)


def test_a_stopped_run_goes_on_to_the_same_numbers(fit, model, valid, tmp_path):
    whole = fit(PLAIN)
    parameters = model.parameters.data.copy()
    run = Run.create(tmp_path / "run", {"training": asdict(PLAIN)})
    n_left = 3

    def stops(sequences):
        nonlocal n_left
        n_left -= 1
        if not n_left:
            raise KeyboardInterrupt
        return negative_log_likelihood(model, sequences).per_step

    with pytest.raises(KeyboardInterrupt):
        fit(PLAIN, run, stops)
    assert len(run.read_log()) == 2
    assert not is_finished(run)
    model.initialize(np.random.default_rng(9))
    history = fit(PLAIN, run)
    assert is_finished(run)

    def timeless(entries):
        return [{**entry, "seconds": 0} for entry in entries]

    assert timeless(history.entries) == timeless(whole.entries) == timeless(run.read_log())
    np.testing.assert_array_equal(model.parameters.data, parameters)
    model.initialize(np.random.default_rng(9))
    load_parameters(run, model)
    np.testing.assert_array_equal(model.parameters.data, parameters)
    with pytest.raises(ValueError, match="transition_count must be 2.0 as it was in"):
        fit(replace(PLAIN, transition_count=3.0), run)


def test_a_lost_checkpoint_does_not_start_over(fit, tmp_path):
    run = Run.create(tmp_path / "run", {"training": asdict(PLAIN)})
    fit(PLAIN, run)
    (run.folder / "checkpoint.h5").unlink()
    before = run.read_log()
    with pytest.raises(ValueError, match="has a log of training, but no checkpoint to continue from"):
        fit(PLAIN, run)
    assert run.read_log() == before


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("n_epochs", 0, "a positive integer"),
        ("sharing", 1.0, r"in \[0, 1\)"),
        ("emission_count", 0.0, "a p"),
    ],
)
def test_settings_are_checked(name, value, rule):
    with pytest.raises(ValueError, match=f"{name} must be {rule}"):
        EMSettings(**{name: value})


def test_validates_by_the_likelihood(model, train, valid):
    history = fit_em(model, train, valid, EMSettings(n_epochs=1), np.random.default_rng(2), progress=False)
    assert history.best_score == pytest.approx(negative_log_likelihood(model, valid).per_step, rel=1e-12)


def test_arguments_of_another_kind(model, train, valid):
    rng = np.random.default_rng(0)
    for other in (RNN(3, (2,)), HiddenMarkov):
        with pytest.raises(ValueError, match="model must be a HiddenMarkov, got .*: train others by fit"):
            fit_em(other, train, valid, EMSettings(), rng)
    with pytest.raises(ValueError, match="settings must be EMSettings, got TrainingSettings"):
        fit_em(model, train, valid, TrainingSettings(), rng)
    with pytest.raises(ValueError, match="validate must be a function of sequences, got 3"):
        fit_em(model, train, valid, EMSettings(), rng, validate=3)
    with pytest.raises(ValueError, match="rng must be a generator, .*, got 0"):
        fit_em(model, train, valid, EMSettings(), 0)
    with pytest.raises(ValueError, match=r"valid\[0\] must be 0 or 1, got 2.0"):
        fit_em(model, train, [np.full(valid[0].shape, 2.0)], EMSettings(), rng)


def test_counts_beside_many_frames():
    """In single precision, too."""
    on, off = np.float32([[2**18]]), np.float32([[0]])
    found = posterior_logits(on, off, EMSettings(emission_count=0.01), np.array([[0.99]]))
    np.testing.assert_allclose(found, np.log((2**18 + 0.0099) / 0.0001), rtol=1e-6)

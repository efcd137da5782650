from itertools import product

import numpy as np
import pytest

from breze_like.data import pad
from breze_like.estimators import negative_log_likelihood
from breze_like.models import FDRNN, RNN

N_VISIBLE = 2
OUTPUTS = ["emission/mean", "emission/log_prob", "objective", "loss", "gradient"]
MODELS = {
    "rnn": lambda: RNN(N_VISIBLE, (3,)),
    "fdrnn": lambda: FDRNN(N_VISIBLE, (3,), transfer="tanh_wang_manning", p_keep="learned"),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    model = MODELS[request.param]()
    rng = np.random.default_rng(0)
    model.parameters.data[...] = rng.standard_normal(model.parameters.size)
    return model


@pytest.fixture(scope="module")
def evaluate(model):
    function = model.function(["observations", "mask"], OUTPUTS)
    return lambda x, mask: dict(zip(OUTPUTS, function(x, mask), strict=True))


@pytest.fixture(scope="module")
def every_sequence():
    """All binary sequences of two keys and three steps: (3, 64, 2)."""
    frames = np.array(list(product([0, 1], repeat=3 * N_VISIBLE)))
    return frames.reshape(-1, 3, N_VISIBLE).transpose(1, 0, 2)


def test_probabilities_of_all_sequences_sum_to_one(evaluate, every_sequence):
    result = evaluate(every_sequence, np.ones((3, 64)))
    log_prob = result["emission/log_prob"]
    assert np.exp(log_prob.sum(axis=0)).sum() == pytest.approx(1, abs=1e-12)
    mean, x = result["emission/mean"], every_sequence
    np.testing.assert_allclose(np.log(np.where(x, mean, 1 - mean)).sum(axis=-1), log_prob, rtol=1e-9)
    np.testing.assert_allclose(result["objective"], -log_prob)
    assert result["loss"] == pytest.approx(-log_prob.mean())


def test_a_prediction_depends_on_all_of_the_past_and_on_nothing_else(evaluate, every_sequence):
    """Two sequences that differ in one frame t only: predictions are the same through t, not after it."""
    mean = evaluate(every_sequence, np.ones((3, 64)))["emission/mean"]
    reference = 0  # the silent sequence
    for t in range(3):
        others = [t] if t < 3 else []
        silent = (np.delete(every_sequence, others, axis=0) == 0).all(axis=(0, 2))
        changed = np.flatnonzero(silent & every_sequence[t].any(axis=-1))
        assert len(changed) == 3
        for column in changed:
            np.testing.assert_array_equal(mean[: t + 1, column], mean[: t + 1, reference])
            assert (np.abs(mean[t + 1 :, column] - mean[t + 1 :, reference]) > 1e-8).all()


def test_the_first_frame_is_scored_from_the_initial_state(evaluate, every_sequence):
    result = evaluate(every_sequence, np.ones((3, 64)))
    first = result["emission/mean"][0]
    np.testing.assert_allclose(first, np.broadcast_to(first[0], first.shape), rtol=1e-14)
    assert (result["emission/log_prob"][0] < 0).all()


@pytest.mark.parametrize("in_front", [True, False])
def test_a_padded_batch_is_its_sequences_one_by_one(in_front, evaluate, rng):
    sequences = [rng.integers(0, 2, (n, N_VISIBLE)) for n in (3, 1, 2)]
    x, mask = pad(sequences)
    if not in_front:
        x, mask = x[::-1].copy(), mask[::-1].copy()
        sequences = [s[::-1] for s in sequences]
    padded = evaluate(x, mask)
    singles = [evaluate(s[:, None], np.ones((len(s), 1))) for s in sequences]
    nats = [r["objective"].sum() for r in singles]
    np.testing.assert_allclose(padded["objective"].sum(axis=0), nats, rtol=1e-10)
    assert (padded["objective"][mask == 0] == 0).all()
    assert padded["loss"] == pytest.approx(sum(nats) / 6, rel=1e-10)
    gradient = sum(len(s) * r["gradient"] for s, r in zip(sequences, singles, strict=True)) / 6
    np.testing.assert_allclose(padded["gradient"], gradient, rtol=1e-10, atol=1e-12)


def test_gradient(model, evaluate, rng):
    x, mask = pad([rng.integers(0, 2, (n, N_VISIBLE)) for n in (3, 1, 2)])
    start, direction = model.parameters.data.copy(), rng.standard_normal(model.parameters.size)
    losses = []
    for step in (1e-5, -1e-5):
        model.parameters.data[...] = start + step * direction
        losses.append(evaluate(x, mask)["loss"])
    model.parameters.data[...] = start
    expected = (losses[0] - losses[1]) / 2e-5
    assert evaluate(x, mask)["gradient"] @ direction == pytest.approx(expected, rel=1e-7)


def test_exact_score(model, evaluate, rng):
    sequences = [rng.integers(0, 2, (n, N_VISIBLE)) for n in (3, 1, 2)]
    score = negative_log_likelihood(model, sequences)
    expected = evaluate(*pad(sequences))["objective"].sum(axis=0)
    np.testing.assert_allclose(score.nats, expected, rtol=1e-10)
    assert score.n_steps.tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(n_visible=0), "n_visible must be a positive integer or a sequence of them, got 0"),
        (dict(n_visible=2, n_hiddens=()), r"n_hiddens must be a positive integer .*, got \(\)"),
        (dict(n_visible=2, emission="poisson"), "emission must be one of .*, got 'poisson'"),
        (dict(n_visible=2, transfer="step"), "transfer must be one of .*, got 'step'"),
        (dict(n_visible=2, p_keep=2.0), r"p_keep must be 'learned' or in \(0, 1\], got 2.0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        FDRNN(**arguments)

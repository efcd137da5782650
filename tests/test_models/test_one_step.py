from itertools import product

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import chisquare

from breze_like.data import pad
from breze_like.estimators import negative_log_likelihood
from breze_like.layers import LAYERS
from breze_like.models import DOTSRNN, DTSRNN, FDRNN, RNN

N_VISIBLE = 2
OUTPUTS = ["emission/mean", "emission/log_prob", "objective", "loss", "gradient"]
MODELS = {
    "rnn": lambda: RNN(N_VISIBLE, (3, 2)),
    "gru": lambda: RNN(N_VISIBLE, (3, 2), layer="gru"),
    "dts_rnn": lambda: DTSRNN(N_VISIBLE, (3, 2)),
    "dots_rnn": lambda: DOTSRNN(N_VISIBLE, (3,)),
    "fdrnn": lambda: FDRNN(N_VISIBLE, (3,), transfer="tanh_wang_manning", p_keep="learned"),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    model = MODELS[request.param]()
    rng = np.random.default_rng(0)
    model.parameters.data[...] = rng.standard_normal(model.parameters.size)
    return model


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
    sequences = [rng.integers(0, 2, (n, N_VISIBLE)) for n in (3, 1, 1)]
    x, mask = pad(sequences)
    if not in_front:
        x, mask = x[::-1].copy(), mask[::-1].copy()
        sequences = [s[::-1] for s in sequences]
    padded = evaluate(x, mask)
    singles = [evaluate(s[:, None], np.ones((len(s), 1))) for s in sequences]
    nats = [r["objective"].sum() for r in singles]
    np.testing.assert_allclose(padded["objective"].sum(axis=0), nats, rtol=1e-10)
    assert (padded["objective"][mask == 0] == 0).all()
    assert padded["loss"] == pytest.approx(sum(nats) / 5, rel=1e-10)
    gradient = sum(len(s) * r["gradient"] for s, r in zip(sequences, singles, strict=True)) / 5
    np.testing.assert_allclose(padded["gradient"], gradient, rtol=1e-10, atol=1e-12)

    apart = [np.concatenate([a, np.zeros_like(a[:1])]).swapaxes(0, 1) for a in (x, mask)]
    in_one_column = evaluate(*(np.concatenate(list(a))[:, None] for a in apart))
    np.testing.assert_allclose(in_one_column["objective"].reshape(3, -1).sum(axis=1), nats, rtol=1e-10)
    np.testing.assert_allclose(in_one_column["gradient"], gradient, rtol=1e-10, atol=1e-12)


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


def test_a_score_does_not_depend_on_what_else_is_scored(model, rng):
    sequences = [rng.integers(0, 2, (n, N_VISIBLE)) for n in (7, 2, 1, 3, 1)]  # three of these share a column
    together = negative_log_likelihood(model, sequences)
    alone = [negative_log_likelihood(model, [s]).per_step * len(s) for s in sequences]
    np.testing.assert_allclose(together.nats, alone, rtol=1e-10)


def test_frequencies_of_draws(model, evaluate, every_sequence, rng):
    log_prob = evaluate(every_sequence, np.ones((3, 64)))["emission/log_prob"]
    drawn = model.sample(rng, 3, 20000)
    assert drawn.shape == (3, 20000, N_VISIBLE)
    np.testing.assert_array_equal(np.unique(drawn), [0, 1])
    observed = np.bincount(numbers(drawn), minlength=64)
    assert chisquare(observed, 20000 * np.exp(log_prob.sum(axis=0))).pvalue > 1e-3


def test_draws_go_on_with_a_prefix(model, evaluate, every_sequence, rng):
    """Given the same two frames, the third is each of four with its probability."""
    log_prob = evaluate(every_sequence, np.ones((3, 64)))["emission/log_prob"]
    for prefix in (0, 7, 13):
        begun = slice(4 * prefix, 4 * prefix + 4)
        given = np.repeat(every_sequence[:2, begun.start][:, None], 20000, axis=1)
        drawn = model.sample(rng, 1, 20000, given)
        observed = np.bincount(numbers(drawn), minlength=4)
        assert chisquare(observed, 20000 * np.exp(log_prob[2, begun])).pvalue > 1e-3


def numbers(frames):
    """The binary number that each sequence (n_steps, n_sequences, n_visible) spells."""
    digits = frames.transpose(1, 0, 2).reshape(frames.shape[1], -1).astype(int)
    return digits @ 2 ** np.arange(digits.shape[1])[::-1]


def test_a_prefix_of_another_shape_is_refused(rng):
    with pytest.raises(ValueError, match=r"prefix must have shape \(n_prefix, 5, 2\), got \(4, 3, 2\)"):
        RNN(N_VISIBLE, (3,)).sample(rng, 1, 5, np.zeros((4, 3, 2)))


def test_sample_needs_a_step(rng):
    with pytest.raises(ValueError, match="n_steps must be a positive integer"):
        RNN(N_VISIBLE, (3,)).sample(rng, 0, 5)


def test_deep_transition_and_deep_output_are_what_their_formulas_say(rng):
    model = DOTSRNN(N_VISIBLE, (3,))
    model.parameters.data[...] = rng.standard_normal(model.parameters.size)
    x = rng.integers(0, 2, (4, 1, N_VISIBLE))
    mean = model.function(["observations", "mask"], "emission/mean")(x, np.ones((4, 1)))

    p = {name.removeprefix("generative/"): view for name, view in model.parameters.views().items()}
    w = {name.removeprefix("hidden_0/"): view for name, view in p.items()}
    h, past = w["forward/initial_mean"], np.zeros(N_VISIBLE)
    for t in range(4):
        u = np.tanh(past @ w["input/weights"] + w["input/bias"] + h @ w["forward/recurrent"])
        h = np.tanh(u @ w["forward/intermediate"] + h @ w["forward/shortcut"] + w["forward/bias"])
        o = np.tanh(h @ p["output/weights"] + p["output/bias"])
        logits = np.concatenate([o, h]) @ p["emission/output/weights"] + p["emission/output/bias"]
        np.testing.assert_allclose(mean[t, 0], expit(logits), rtol=1e-10)
        past = x[t, 0]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(n_visible=0), "n_visible must be a positive integer, got 0"),
        (
            dict(n_visible=2, n_hiddens=()),
            r"n_hiddens must be positive integers, .*, got \(\)",
        ),
        (dict(n_visible=2, emission="poisson"), "emission must be one of .*, got 'poisson'"),
        (dict(n_visible=2, transfer="step"), "transfer must be one of .*, got 'step'"),
        (dict(n_visible=2, transfer=np.tanh), "transfer must be one of .*, without moments"),
        (dict(n_visible=2, p_keep=2.0), r"p_keep must be 'learned' or in \(0, 1\], got 2.0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        FDRNN(**arguments)


def test_layers_have_names():
    """Deep recurrent networks have deep transitions, if they are not told otherwise."""
    assert type(RNN(N_VISIBLE, (3,)).network.layers[0]) is LAYERS["recurrent"]
    assert type(DTSRNN(N_VISIBLE, (3,)).network.layers[0]) is LAYERS["deep_transition"]
    assert type(DOTSRNN(N_VISIBLE, (3,), layer="gru").network.layers[0]) is LAYERS["gru"]
    with pytest.raises(ValueError, match="layer must be one of .*, got 'lstm'"):
        RNN(N_VISIBLE, (3,), layer="lstm")


def test_each_part_of_a_fast_dropout_network_has_its_p_keep():
    model = FDRNN(N_VISIBLE, (3, 2), p_keep=0.6, input_p_keep=0.8, recurrent_p_keep=0.3)
    first, second = model.network.layers
    keeps = [
        first.input.p_keep,
        second.input.p_keep,
        model.emission.output.p_keep,
        first.p_keep,
        second.p_keep,
    ]
    assert [keep.p_keep for keep in keeps] == [0.8, 0.6, 0.6, 0.3, 0.3]
    same = FDRNN(N_VISIBLE, (3,), p_keep=0.6).network.layers[0]
    assert same.input.p_keep.p_keep == same.p_keep.p_keep == 0.6

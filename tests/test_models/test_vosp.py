import json
from functools import partial
from itertools import product

import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.special import expit

from breze_like.data import pad
from breze_like.distributions import GaussianProcess
from breze_like.distributions.processes import previous
from breze_like.layers import LAYERS, Recurrent
from breze_like.models import VOSP, recognition
from breze_like.models.emissions import BernoulliEmission, NADEEmission
from breze_like.models.recognition import VARIANCES
from breze_like.moments import Moments, WangManningSigmoid

INPUTS = ["observations", "mask", "noise", "kl_weight"]


def randomised(*arguments, **choices):
    model = VOSP(*arguments, **choices)
    model.parameters.data[...] = 0.7 * np.random.default_rng(0).standard_normal(model.parameters.size)
    return model


@pytest.fixture(scope="module")
def model():
    return randomised(3, 2, (4,), (5,), prior="ornstein_uhlenbeck", generative_p_keep=0.7)


# Those by another name are tested at once.
SLOW = {"recurrent", "deep_transition", "gru"}


@pytest.fixture(
    scope="module",
    params=["fast_dropout", *(pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in LAYERS)],
)
def of_layer(request):
    """A model with each kind of layer: that of the default, and two of each that has a name."""
    if request.param == "fast_dropout":
        return request.getfixturevalue("model")
    return randomised(3, 2, (4, 3), (5,), layer=request.param, generative_p_keep=0.7)


@pytest.fixture(scope="module")
def evaluate(of_layer):
    names = ["latents", "emission/mean", "reconstruction", "objective", "log_weight", "loss", "gradient"]
    function = of_layer.function(INPUTS, names)
    return lambda *arrays: dict(zip(names, function(*arrays), strict=True))


def test_latents_of_sequences_of_any_lengths(model, rng):
    """Packed beside each other, they are as each one alone."""
    sequences = [rng.integers(0, 2, (n, 3)) for n in (5, 1, 7, 2)]
    moments = model.function(["observations", "mask"], ["recognition/mean", "recognition/variance"])
    encoded = model.encode(sequences)
    for x, found in zip(sequences, encoded, strict=True):
        for one, other in zip(moments(x[:, None], np.ones((len(x), 1))), found, strict=True):
            np.testing.assert_allclose(one[:, 0], other, rtol=1e-12)
    assert [m.mean.shape for m in encoded] == [(5, 2), (1, 2), (7, 2), (2, 2)]
    with pytest.raises(ValueError, match=r"sequences\[0\] must"):
        model.encode([np.zeros((4, 2))])


def test_causality_and_dependence(of_layer, rng):
    """With the latents fixed, a frame changes nothing up to its own step, and everything behind it."""
    emit = of_layer.function(["latents", "observations", "mask"], "emission/mean")
    latents, x = rng.standard_normal((6, 1, 2)), rng.integers(0, 2, (6, 1, 3)).astype(float)
    before = emit(latents, x, np.ones((6, 1)))
    for t in range(6):
        changed = x.copy()
        changed[t] = 1 - changed[t]
        change = np.abs(emit(latents, changed, np.ones((6, 1))) - before)
        assert (change[: t + 1] == 0).all()
        assert (change[t + 1 :] > 0).all()


def test_recognition_is_causal(of_layer, rng):
    """q(z_t) depends on the frames up to its own step, on that one too, and on none behind it."""
    names = ["recognition/mean", "recognition/variance"]
    recognise = of_layer.function(["observations", "mask"], names)
    x = rng.integers(0, 2, (5, 1, 3)).astype(float)
    before = recognise(x, np.ones((5, 1)))
    x[2] = 1 - x[2]
    for a, b in zip(before, recognise(x, np.ones((5, 1))), strict=True):
        assert (a[:2] == b[:2]).all()
        assert (a[2:] != b[2:]).all()


def test_gradient(of_layer, evaluate, rng):
    model = of_layer
    x, mask = pad([rng.integers(0, 2, (n, 3)) for n in (4, 2)])
    batch = x, mask, rng.standard_normal((4, 4, 2)), 0.3
    start = model.parameters.data.copy()
    for _ in range(3):
        direction, losses = rng.standard_normal(model.parameters.size), []
        for step in (1e-5, -1e-5):
            model.parameters.data[...] = start + step * direction
            losses.append(evaluate(*batch)["loss"])
        model.parameters.data[...] = start
        expected = (losses[0] - losses[1]) / 2e-5
        assert evaluate(*batch)["gradient"] @ direction == pytest.approx(expected, rel=1e-6)


def test_a_padded_batch_is_its_sequences_one_by_one(evaluate, rng):
    sequences = [rng.integers(0, 2, (n, 3)) for n in (4, 2)]
    noises = [rng.standard_normal((len(s), 2)) for s in sequences]
    singles = [
        evaluate(s[:, None], np.ones((len(s), 1)), n[:, None], 0.6)
        for s, n in zip(sequences, noises, strict=True)
    ]
    (x, mask), (noise, _) = pad(sequences), pad(noises)
    noise[mask == 0] = 100.0  # what is in the padding must not count
    values = evaluate(x, mask, noise, 0.6)
    for name in ("objective", "log_weight"):
        np.testing.assert_allclose(values[name].sum(axis=0), [s[name].sum() for s in singles], rtol=1e-10)
    expected = sum(len(s) * v["gradient"] for s, v in zip(sequences, singles, strict=True)) / 6
    np.testing.assert_allclose(values["gradient"], expected, rtol=1e-10, atol=1e-12)

    in_one_column = [np.concatenate([a[:, 0], a[:, 1]])[:, None] for a in (x, mask, noise)]
    values = evaluate(*in_one_column, 0.6)
    for name in ("objective", "log_weight"):
        sums = values[name].reshape(2, -1).sum(axis=1)
        np.testing.assert_allclose(sums, [s[name].sum() for s in singles], rtol=1e-10)
    np.testing.assert_allclose(values["gradient"], expected, rtol=1e-10, atol=1e-12)


def test_every_draw_has_a_column(evaluate, rng):
    x, mask = pad([rng.integers(0, 2, (n, 3)) for n in (4, 2)])
    noise = rng.standard_normal((4, 4, 2))
    together = evaluate(x, mask, noise, 0.6)
    draws = [evaluate(x, mask, noise[:, i : i + 2], 0.6) for i in (0, 2)]
    for name in ("latents", "emission/mean", "log_weight"):
        expected = np.concatenate([d[name] for d in draws], axis=1)
        np.testing.assert_allclose(together[name], expected, rtol=1e-12)
    for name in ("objective", "loss", "gradient"):
        expected = np.mean([d[name] for d in draws], axis=0)
        np.testing.assert_allclose(together[name], expected, rtol=1e-10, atol=1e-12)


@pytest.fixture(scope="module")
def deep():
    """With two layers, a prior of independent latents, and a deterministic emission network."""
    return randomised(3, 2, (4, 3), (5, 2), prior="white", recognition_p_keep=0.8, generative_p_keep=1.0)


def test_online_is_batch_frame_by_frame(of_layer, rng):
    check_online(of_layer, rng)


def test_online_is_batch_frame_by_frame_with_more_layers(deep, rng):
    check_online(deep, rng)


def check_online(model, rng):
    x = rng.integers(0, 2, (6, 2, 3)).astype(float)
    names = ["prediction", "reconstruction", "denoised", "recognition/mean", "recognition/variance"]
    batch = model.function(["observations", "mask"], names)(x, np.ones((6, 2)))
    step = None
    for t, frames in enumerate(x):
        step = model.step(frames, step and step.state)
        for online, expected in zip(step, batch, strict=False):
            np.testing.assert_allclose(online, expected[t], rtol=1e-10)


@pytest.mark.parametrize("shape", [(3,), (2, 4), (1, 2, 3)])
def test_a_step_takes_a_frame_of_each_sequence(shape, model):
    with pytest.raises(ValueError, match=r"frames must have shape \(n_sequences, 3\), got \("):
        model.step(np.zeros(shape))


def test_predictions_average_over_the_latents(model, rng):
    """Moments against draws of z_t: under the prior, given draws of z_{t-1} from q."""
    x, n_draws = rng.integers(0, 2, (3, 1, 3)).astype(float), 20_000
    names = ["prediction", "recognition/mean", "recognition/variance"]
    predicted, mean, variance = model.function(["observations", "mask"], names)(x, np.ones((3, 1)))
    latents = np.zeros((3, n_draws, 2))
    c = np.exp(-1 / (4 * np.exp(model.parameters.view("prior/log_time_constant"))))
    for t in range(3):
        m, v = (mean[t - 1], variance[t - 1]) if t else (0, 1)
        latents[t] = c * m + np.sqrt(c**2 * v + 1 - c**2) * rng.standard_normal((n_draws, 2))
    emit = model.function(["latents", "observations", "mask"], "emission/mean")
    drawn = emit(latents, x, np.ones((3, 1))).mean(axis=1)
    np.testing.assert_allclose(predicted[:, 0], drawn, atol=0.05)  # Wang & Manning's moments are rough


def test_samples(model):
    draws = model.sample(np.random.default_rng(1), 4, 5)
    assert draws.shape == (4, 5, 3)
    assert set(np.unique(draws)) == {0.0, 1.0}
    np.testing.assert_array_equal(draws, model.sample(np.random.default_rng(1), 4, 5))
    prefix = np.ones((2, 5, 3))
    continued = model.sample(np.random.default_rng(1), 4, 5, prefix)
    assert continued.shape == (4, 5, 3)
    assert (continued != draws).any()
    with pytest.raises(ValueError, match=r"prefix must have shape \(n_prefix, 5, 3\), got \(2, 4, 3\)"):
        model.sample(np.random.default_rng(1), 4, 5, prefix[:, :4])
    with pytest.raises(ValueError, match="n_sequences must be a positive integer, got 0"):
        model.sample(np.random.default_rng(1), 4, 0)


@pytest.mark.slow
def test_frequencies_of_samples_are_the_likelihoods(model, rng):
    """Of all sequences of two frames; the latents are integrated out by quadrature, under the prior."""
    sequences = np.array(list(product([0.0, 1.0], repeat=6))).reshape(64, 2, 1, 3)
    nodes, weights = np.polynomial.hermite_e.hermegauss(10)
    latents = np.array(list(product(nodes, repeat=4))).reshape(-1, 2, 2).swapaxes(0, 1)
    weights = np.prod(list(product(weights / weights.sum(), repeat=4)), axis=1)
    c = np.exp(-1 / (4 * np.exp(model.parameters.view("prior/log_time_constant"))))
    latents[1] = c * latents[0] + np.sqrt(1 - c**2) * latents[1]
    likelihood = model.function(["latents", "observations", "mask"], "emission/log_prob")
    p = [np.exp(likelihood(latents, x, np.ones((2, 1))).sum(axis=0)) @ weights for x in sequences]
    assert sum(p) == pytest.approx(1, rel=1e-10)
    n_draws = 400_000
    draws = model.sample(rng, 2, n_draws).transpose(1, 0, 2).reshape(-1, 6)
    frequencies = np.bincount(draws.astype(int) @ 2 ** np.arange(6)[::-1], minlength=64) / n_draws
    assert (np.abs(frequencies - p) < 5 * np.sqrt(np.divide(p, n_draws))).all()


def test_a_rich_emission_sees_latents_and_past(rng):
    """NADE: probabilities of all frames sum to one, and depend on both."""
    model = VOSP(3, 2, (2,), (3,), emission=partial(NADEEmission, n_hidden=2))
    model.parameters.data[...] = rng.standard_normal(model.parameters.size)
    log_prob = model.function(["latents", "observations", "mask"], "emission/log_prob")
    frames = np.array(list(product([0.0, 1.0], repeat=3)))
    probabilities = []
    for z, past in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)):
        x = np.stack([np.full((8, 3), past), frames])
        probabilities.append(np.exp(log_prob(np.full((2, 8, 2), z), x, np.ones((2, 8)))[1]))
    np.testing.assert_allclose(np.sum(probabilities, axis=1), 1, rtol=1e-10)
    assert (np.abs(np.diff(probabilities, axis=0)) > 1e-6).all()


@pytest.mark.parametrize("variance", VARIANCES)
def test_of_gated_units_the_output_alone_has_dropout(variance, rng):
    """A learned probability of keeping h_t; if the variance is implicit, it is that of the map from h_t."""
    model = randomised(3, 2, (4,), (5,), layer="gru", posterior="diagonal", variance=variance)
    (name,) = [name for name in model.parameters.shapes if "recognition" in name and "p_keep" in name]
    assert name.startswith("recognition/output")
    x, mask = rng.integers(0, 2, (3, 2, 3)).astype(float), np.ones((3, 2))
    inputs = [model.inputs[name] for name in ("observations", "mask")]
    h = model.recognition(Moments(inputs[0]), inputs[1])
    assert h.variance is None
    states, mean, found = model.function(inputs, [h.mean, *model.recognised.outputs])(x, mask)
    p_keep = 0.025 + 0.95 * expit(model.parameters.view(name)[0])
    output = model.recognition_output.output
    means = p_keep * states @ output.view("weights") + output.view("bias")
    if variance == "implicit":
        expected = p_keep * (1 - p_keep) * states**2 @ output.view("weights") ** 2 + 1e-6
    else:
        means, raw = means[:, :, :2], means[:, :, 2:]
        expected = np.logaddexp(0, raw + np.log(np.e - 1)) + 1e-4
    np.testing.assert_allclose(mean, means, rtol=1e-10)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_layers_are_named_or_called_in_the_same_way():
    assert type(VOSP(3, 2, (4,), (5,), layer="gru").recognition.layers[0]) is LAYERS["gru"]
    given = partial(Recurrent, p_keep=0.6, initial_variance=0.0)
    assert VOSP(3, 2, (4,), (5,), layer=given).recognition.layers[0].p_keep.p_keep == 0.6


def test_a_step_goes_on_from_a_state_of_its_own(model):
    state = model.step(np.zeros((2, 3))).state
    for wrong in (state[:-1], [u[..., :1, :] for u in state], [*state, state[0]]):
        with pytest.raises(ValueError, match="state must be that of a step of this model with 2 sequences"):
            model.step(np.zeros((2, 3)), wrong)


def test_steps_need_a_prior_that_is_a_markov_process():
    prior = GaussianProcess(lambda t, r: pt.exp(-((t - r) ** 2)))
    with pytest.raises(ValueError, match="prior must be a MarkovProcess, .*, got GaussianProcess"):
        VOSP(3, 2, (2,), (2,), prior=prior).step(np.zeros((1, 3)))


@pytest.mark.parametrize(
    "changed, message",
    [
        (dict(n_latent=0), "n_latent must be a positive integer, got 0"),
        (dict(n_emission_hiddens=()), r"n_emission_hiddens must be positive integers, .*, got \(\)"),
        (dict(generative_p_keep=0.0), r"p_keep must be 'learned' or in \(0, 1\], got 0.0"),
        (dict(layer="lstm"), "layer must be one of .*, got 'lstm'"),
        (dict(layer="gru", recognition_recurrent_p_keep=0.5), "must be None if layer is given, .*, got 0.5"),
        (dict(prior="gp"), "prior must be one of .* or an object of that kind, got 'gp'"),
    ],
)
def test_bad_arguments(changed, message):
    with pytest.raises(ValueError, match=message):
        VOSP(**{"n_visible": 3, "n_latent": 2, "n_hiddens": (2,), **changed})


GOLDEN_NAMES = {
    "recog.in_to_hidden": "recognition/hidden_0/input/weights",
    "recog.hidden_bias_0": "recognition/hidden_0/input/bias",
    "recog.initial_hiddens_0": "recognition/hidden_0/forward/initial_mean",
    "recog.recurrent_0": "recognition/hidden_0/forward/recurrent",
    "recog.hidden_to_out": "recognition/output/weights",
    "recog.out_bias": "recognition/output/bias",
    "gen.in_to_hidden": "generative/hidden_0/weights",
    "gen.hidden_bias_0": "generative/hidden_0/bias",
    "gen.hidden_to_out": "generative/emission/output/weights",
    "gen.out_bias": "generative/emission/output/bias",
}


def test_the_original_code_is_reproduced(goldens, monkeypatch):
    """Its small constants are put in: they are not part of this library."""
    g = goldens("g3_vosp_slow_shortcut_pkeep_truetanh.npz")
    monkeypatch.setattr(recognition, "ADDED_VARIANCE", 0.0)
    model = VOSP(
        7,
        4,
        (5,),
        (5,),
        posterior="diagonal",
        kl="independent_increments",
        emission=partial(BernoulliEmission, sigmoid=WangManningSigmoid()),
        transfer="tanh_wang_manning",
        recognition_p_keep=0.9,
        generative_p_keep=1.0,
    )
    layout = json.loads(g["layout_json"].item())
    assert {GOLDEN_NAMES[e["name"]] for e in layout} == set(model.parameters.shapes)
    for e in layout:
        model.parameters.view(GOLDEN_NAMES[e["name"]]).ravel()[...] = g["pars"][e["start"] : e["stop"]]
    model.recognition.layers[0].chains[0].initial_variance = 1e-8

    x, mask, noise = (model.inputs[name] for name in ("observations", "mask", "noise"))
    recognised = model.recognise(x, mask)
    q = recognised.outputs
    z = q.mean + pt.sqrt(q.variance + 1e-8) * noise
    y = model.generate(z, mask, *recognised.context).mean
    p = 0.999 * y + 0.0005
    log_prob = (x * pt.log(p) + (1 - x) * pt.log(1 - p)).sum(axis=-1)
    mean, variance = q.mean - previous(q.mean, mask), q.variance + previous(q.variance, mask)
    kl = pt.log(1 / pt.sqrt(variance) + 1e-4) + (variance + mean**2) / (2 + 1e-4) - 0.5
    loss = (kl.sum(axis=-1) - log_prob).mean()
    shortcut = previous(model.recognition(Moments(x), mask).mean, mask)
    outputs = [q.mean, q.variance, shortcut, z, y, kl, loss, model.parameters.gradient(loss)]
    *values, gradient = model.function([x, mask, noise], outputs)(
        g["inpt"], np.ones((6, 3)), g["noise"].reshape(6, 3, 4)
    )
    names = ["latent_mean", "latent_var", "recog_shortcut", "sample", "output", "kl_coord_wise", "loss"]
    for name, value in zip(names, values, strict=True):
        np.testing.assert_allclose(value, g[name], rtol=1e-8, atol=1e-12, err_msg=name)
    model.parameters.data[...] = gradient
    for e in layout:
        value, expected = model.parameters.view(GOLDEN_NAMES[e["name"]]), g["grad"][e["start"] : e["stop"]]
        np.testing.assert_allclose(value.ravel(), expected, rtol=1e-8, atol=1e-11, err_msg=e["name"])


@pytest.mark.parametrize(("value", "rule"), [(np.nan, "0 or 1, got nan"), (7.0, "0 or 1, got 7.0")])
def test_frames_hold_what_the_model_emits(value, rule, model):
    frames = np.zeros((2, 5, 3))
    frames[1, 4, 2] = value
    with pytest.raises(ValueError, match=rf"prefix\[4\] must be {rule} at step 1, feature 2"):
        model.sample(np.random.default_rng(1), 4, 5, frames)
    with pytest.raises(ValueError, match=rf"frames\[4\] must be {rule} at step 0, feature 2"):
        model.step(frames[1])

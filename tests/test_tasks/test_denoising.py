from itertools import product

import numpy as np
import pytensor
import pytest

from breze_like.models import RNN
from breze_like.tasks import denoise


def slow(*names):
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", ["vrae", "vosp", *slow("real_vrae")])
def test_is_the_mode_of_the_emission_at_the_mode_of_the_latents(name, make, draw):
    model = make(name)
    recognise = model.function(["observations", "mask"], "recognition/mean")
    emit = model.function(["latents", "observations", "mask"], "emission/mean")
    (sequence,) = draw(model, [4])
    (denoised,) = denoise(model, [sequence])
    x = sequence[:, None].astype(float), np.ones((4, 1))
    mean = emit(recognise(*x), *x)[:, 0]
    expected = mean >= 0.5 if model.emission.binary else mean
    np.testing.assert_allclose(denoised, expected, rtol=1e-10)
    assert denoised.dtype == sequence.dtype


@pytest.mark.parametrize("name", ["rnn", *slow("dts_rnn", "dots_rnn", "fdrnn")])
def test_a_one_step_model_gives_the_most_probable_of_all_frames(name, make, draw):
    model = make(name)
    log_prob = model.function(["observations", "mask"], "emission/log_prob")
    every_frame = np.array(list(product([0, 1], repeat=model.n_visible)))
    sequences = draw(model)
    for sequence, denoised in zip(sequences, denoise(model, sequences), strict=True):
        for t in range(len(sequence)):
            x = np.repeat(sequence[: t + 1, None], len(every_frame), axis=1)
            x[t] = every_frame
            best = log_prob(x, np.ones(x.shape[:2]))[t].argmax()
            np.testing.assert_array_equal(denoised[t], every_frame[best])


def test_a_sequence_alone_and_among_others(model, draw):
    sequences = draw(model)
    for sequence, denoised in zip(sequences, denoise(model, sequences), strict=True):
        np.testing.assert_allclose(denoise(model, [sequence])[0], denoised, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["vosp", "rnn", *slow("vosp_nade")])
def test_online_nothing_is_read_from_the_future(name, make, draw):
    model = make(name)
    (sequence,) = draw(model, [30])
    (whole,) = denoise(model, [sequence])
    for n in (1, 6, 29):
        np.testing.assert_array_equal(denoise(model, [sequence[:n]])[0], whole[:n])
    assert (whole != whole[0]).any()


@pytest.mark.parametrize("name", ["vosp", *slow("vosp_nade")])
def test_online_frame_by_frame(name, make, draw):
    model, state = make(name), None
    (sequence,) = draw(model, [30])
    (whole,) = denoise(model, [sequence])
    for frame, expected in zip(sequence, whole, strict=True):
        step = model.step(frame[None], state)
        state = step.state
        np.testing.assert_array_equal(step.denoised[0], expected)


@pytest.mark.parametrize("emission, dtype", [("bernoulli", "uint8"), ("gaussian_shared", "float32")])
def test_single_precision(emission, dtype):
    with pytensor.config.change_flags(floatX="float32"):
        model = RNN(2, (2,), emission=emission)
        (denoised,) = denoise(model, [np.ones((3, 2))])
    assert (denoised.dtype, denoised.shape) == (dtype, (3, 2))


def test_sequences_that_the_model_does_not_emit(make):
    with pytest.raises(ValueError, match=r"sequences\[1\] must be 0 or 1, got 0.5 at step 0, feature 2"):
        denoise(make("rnn"), [np.zeros((1, 3)), [[0, 1, 0.5]]])
    with pytest.raises(ValueError, match=r"sequences\[0\] must have 3 features, got 2"):
        denoise(make("rnn"), [np.zeros((1, 2))])


@pytest.mark.parametrize("name", ["rnn", *slow("vrae", "vosp_nade")])
@pytest.mark.parametrize("p_on", [0.05, 0.9])
def test_known_noise(name, p_on, make, draw):
    """Bayes' rule, with the emission for what is known before the noisy value."""
    model = make(name)
    (sequence,) = draw(model, [4])
    (denoised,) = denoise(model, [sequence], p_on)
    mean = "reconstruction" if "noise" in model.inputs else "emission/mean"
    m = model.function(["observations", "mask"], mean)(sequence[:, None], np.ones((4, 1)))[:, 0]
    on = m / (m + p_on * (1 - m))
    np.testing.assert_array_equal(denoised, np.where(sequence, on >= 0.5, 0))
    assert denoised.dtype == np.uint8


def test_noise_that_can_not_be(make):
    with pytest.raises(ValueError, match=r"p_on must be in \(0, 1\), .* got 1.0 for binary ones"):
        denoise(make("rnn"), [np.zeros((1, 3))], 1.0)
    with pytest.raises(
        ValueError, match=r"p_on must be .* binary observations, got 0.1 for real-valued ones"
    ):
        denoise(make("real_rnn"), [np.zeros((1, 3))], 0.1)

"""The neural autoregressive distribution estimator: binary variables, each given those before it."""

from functools import cache, partial

import pytensor
import pytensor.tensor as pt

from breze_like.distributions.base import Distribution
from breze_like.distributions.bernoulli import Bernoulli
from breze_like.native import kernel
from breze_like.native.choices import MEAN, MODE, SAMPLE
from breze_like.recurrence import Loop


class NADE(Distribution):
    """Binary variables x_1, ..., x_n, each with a probability that depends on those before it.

        p(x_i = 1 | x_1, ..., x_{i-1}) = sigmoid(b_i + V_i . sigmoid(c + sum_{j<i} x_j W_j))

    All computations go from key to key and hold the n_hidden units of one key at a time: those of all keys at
    once would be n_visible times as large, and slower. On a CPU, JAX has machine code for it, for which the
    graphs here are the reference.

    Parameters
    ----------
    weights_in, weights_out : TensorVariable, shape (n_visible, n_hidden)
        W and V, the same for all frames.
    visible_bias : TensorVariable, shape (..., n_visible)
        b.
    hidden_bias : TensorVariable, shape (..., n_hidden)
        c; its shape is that of b except for the last axis.

    References
    ----------
    Larochelle & Murray (2011), The neural autoregressive distribution estimator; with biases that differ from
    frame to frame, Boulanger-Lewandowski et al. (2012), Modeling temporal dependencies in high-dimensional
    sequences.
    """

    def __init__(self, weights_in, weights_out, visible_bias, hidden_bias):
        self.weights_in = weights_in
        self.weights_out = weights_out
        self.visible_bias = visible_bias
        self.hidden_bias = hidden_bias

    @property
    def mean(self):
        """An approximation, the mean field: each key's probability given the probabilities before it."""
        return self._key_by_key(MEAN)

    @property
    def mode(self):
        """An approximation, the greedy one: each key's more probable value given the values before it."""
        return self._key_by_key(MODE)

    def log_prob(self, x):
        """sum_i log p(x_i | x_1, ..., x_{i-1}), exact, shape (...), nats."""
        log_prob = _log_prob(*self._arguments(), _frames_first(x))
        return log_prob.reshape(self.visible_bias[..., 0].shape)

    def sample(self, noise):
        """Key by key, 1 where the noise is below the probability given the draws before it."""
        return self._key_by_key(SAMPLE, noise)

    def tempered(self, temperature):
        """An approximation: each key's probability is tempered, given the keys before it."""
        scaled = self.weights_out / temperature, self.visible_bias / temperature
        return NADE(self.weights_in, *scaled, self.hidden_bias)

    def given(self, x):
        """An approximation: missing keys depend only on the observed ones before them."""
        return PartlyKnownNADE(self, x)

    @staticmethod
    def draw_noise(rng, shape):
        """Noise uniform in [0, 1), one number for each key."""
        return rng.random(shape)

    def _key_by_key(self, kind, *noise):
        """The values of all keys, each chosen so from its distribution given the values before it."""
        arguments = [*self._arguments(), *map(_frames_first, noise)]
        build, native = partial(_choose_keys, kind), kernel("nade_key_by_key", kind)
        return Loop(build, arguments, [2], native=native)(*arguments).reshape(self.visible_bias.shape)

    def _arguments(self):
        biases = map(_frames_first, (self.visible_bias, self.hidden_bias))
        return [self.weights_in, self.weights_out, *biases]


class PartlyKnownNADE(Distribution):
    """A NADE whose keys are chosen one after another, but for those that are given.

    Parameters
    ----------
    whole : NADE
    x : TensorVariable, shape (..., n_visible)
        NaN where a key is to be chosen.
    """

    draw_noise = NADE.draw_noise

    def __init__(self, whole, x):
        self.whole, self.x = whole, x

    @property
    def mean(self):
        """That of the whole NADE, whatever is given."""
        return self.whole.mean

    @property
    def mode(self):
        """An approximation, the greedy one: each key's more probable value given the values before it."""
        return self.sample(pt.full_like(self.x, 0.5, dtype=self.x.dtype))

    def log_prob(self, x):
        """That of the whole NADE."""
        return self.whole.log_prob(x)

    def sample(self, noise):
        """1 where the noise is below the probability given the values before."""
        certain = 2 - 3 * self.x  # above all probabilities for 0, below all for 1
        return self.whole.sample(pt.switch(pt.isnan(self.x), noise, certain))

    def tempered(self, temperature):
        return PartlyKnownNADE(self.whole.tempered(temperature), self.x)


def _choose_keys(kind, weights_in, weights_out, visible_bias, hidden_bias, *noise):
    """Values (n_frames, n_visible), as `_key_by_key`."""
    choose = {
        MEAN: lambda key: key.mean,
        MODE: lambda key: key.mode,
        SAMPLE: lambda key, noise: key.sample(noise),
    }[kind]

    # pt.outer, here and below: element-wise products of what is known beforehand would be moved out of the
    # scan, to make them for all keys at once.
    def step(w, v, b, *noise_and_preactivation):
        *noise, preactivation = noise_and_preactivation
        value = choose(Bernoulli(b + pt.sigmoid(preactivation) @ v), *noise)
        return preactivation + pt.outer(value, w), value

    sequences = [weights_in, weights_out, visible_bias.T, *(n.T for n in noise)]
    _, values = _scan(step, sequences, [hidden_bias, None])
    return [values.T]


def _log_prob(*arguments):
    """Log-probabilities, (n_frames,), of values that come last, (n_frames, n_visible).

    Their gradient goes through the keys once more, where that of the scan would keep the hidden units of all
    keys.
    """

    def loop(build, known, like, name):
        return Loop(build, known, like, native=kernel(name))

    @cache
    def backward(of_values):
        known = [*arguments, arguments[2][:, 0]]
        if of_values:
            return loop(lambda *a: _gradient(*a)[4:], known, [4], "nade_values_gradient")
        return loop(lambda *a: _gradient(*a)[:4], known, [0, 1, 2, 3], "nade_gradient")

    def pullback(inputs, outputs, cotangents):
        # Two loops: mostly, values are data, and nobody asks for their gradient.
        return [*backward(False)(*inputs, *cotangents), backward(True)(*inputs, *cotangents)]

    log_prob = Loop(_build_log_prob, arguments, [(2, 1)], pullback, native=kernel("nade_log_prob"))
    return log_prob(*arguments)


def _build_log_prob(weights_in, weights_out, visible_bias, hidden_bias, values):
    def step(w, v, b, value, preactivation):
        logit = b + pt.sigmoid(preactivation) @ v
        return preactivation + pt.outer(value, w), logit

    sequences = [weights_in, weights_out, visible_bias.T, values.T]
    _, logits = _scan(step, sequences, [hidden_bias, None])
    return [Bernoulli(logits.T).log_prob(values)]


def _gradient(weights_in, weights_out, visible_bias, hidden_bias, values, cotangent):
    """Gradients with respect to all arguments, from that of the log-probabilities.

    A key's value acts on the keys after it. What those send back is what all keys do, less what the keys
    through this one do; so the pass goes forward, too, and needs no preactivation that it does not make.
    """

    def step(w, v, b, value, preactivation, sent, cotangent):
        hidden = pt.sigmoid(preactivation)
        logit = b + hidden @ v
        g = cotangent * (value - pt.sigmoid(logit))
        sent = sent + pt.outer(g, v) * (hidden * (1 - hidden))
        return preactivation + pt.outer(value, w), sent, logit, g, value @ sent, g @ hidden, sent @ w

    sequences = [weights_in, weights_out, visible_bias.T, values.T]
    initial = [hidden_bias, pt.zeros_like(hidden_bias), *[None] * 5]
    _, sent, logits, by_visible, by_in, by_out, by_values = _scan(step, sequences, initial, [cotangent])
    total = sent[-1]
    by_values = cotangent[:, None] * logits.T + total @ weights_in.T - by_values.T
    return [values.T @ total - by_in, by_out, by_visible.T, total, by_values]


def _scan(step, sequences, initial, others=()):
    """`pytensor.scan` over the keys."""
    return pytensor.scan(
        step,
        sequences=sequences,
        outputs_info=initial,
        non_sequences=list(others),
        n_steps=sequences[0].shape[0],
        strict=True,
        return_updates=False,
    )


def _frames_first(x):
    """(..., n) as (n_frames, n)."""
    x = pt.as_tensor(x)
    return x.reshape((-1, x.shape[-1]))

"""The neural autoregressive distribution estimator: binary variables, each given those before it."""

from functools import cache

import pytensor
import pytensor.tensor as pt

from breze_like.distributions.base import Distribution
from breze_like.distributions.bernoulli import Bernoulli
from breze_like.recurrence import Loop


class NADE(Distribution):
    """Binary variables x_1, ..., x_n, each with a probability that depends on those before it.

        p(x_i = 1 | x_1, ..., x_{i-1}) = sigmoid(b_i + V_i . sigmoid(c + sum_{j<i} x_j W_j))

    Whatever is asked goes from key to key and holds the n_hidden units of one key at a time: all keys' at
    once would be n_visible times as large, and slower.

    Parameters
    ----------
    weights_in, weights_out : TensorVariable, shape (n_visible, n_hidden)
        W and V, the same for all frames.
    visible_bias : TensorVariable, shape (..., n_visible)
        b.
    hidden_bias : TensorVariable, shape (..., n_hidden)
        c; the shape is that of b but for the last axis.

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
        return self._key_by_key(lambda key: key.mean)

    @property
    def mode(self):
        """An approximation, the greedy one: each key's more probable value given the values before it."""
        return self._key_by_key(lambda key: key.mode)

    def log_prob(self, x):
        """sum_i log p(x_i | x_1, ..., x_{i-1}), exact, shape (...), nats."""
        logits = _logits(*self._arguments(), _keys_first(x))
        return Bernoulli(_keys_last(logits, self.visible_bias)).log_prob(x)

    def sample(self, noise):
        """Key by key, 1 where the noise is below the probability given the draws before it."""
        return self._key_by_key(lambda key, noise: key.sample(noise), noise)

    def tempered(self, temperature):
        """An approximation: each key's probability is tempered, given the keys before it."""
        scaled = self.weights_out / temperature, self.visible_bias / temperature
        return NADE(self.weights_in, *scaled, self.hidden_bias)

    @staticmethod
    def draw_noise(rng, shape):
        """Noise uniform in [0, 1), one number for each key."""
        return rng.random(shape)

    def _key_by_key(self, choose, *given):
        """The values of all keys when `choose` takes each from its distribution and from what is given."""
        arguments = [*self._arguments(), *map(_keys_first, given)]
        values = Loop(lambda *inputs: _pass_keys(choose, *inputs)[1:], arguments, [2])
        return _keys_last(values(*arguments), self.visible_bias)

    def _arguments(self):
        hidden_bias = self.hidden_bias.reshape((-1, self.hidden_bias.shape[-1]))
        return [self.weights_in, self.weights_out, _keys_first(self.visible_bias), hidden_bias]


def _pass_keys(choose, weights_in, weights_out, visible_bias, hidden_bias, *given):
    """Logits and chosen values of all keys, both (n_visible, n_frames).

    The frames' biases and what is given to `choose` come with the keys first, but for the hidden bias.
    """

    # pt.outer, here and below: element-wise products of what is known beforehand would be moved out of the
    # scan, to make them for all keys at once.
    def step(w, v, b, *given_and_preactivation):
        *given, preactivation = given_and_preactivation
        logit = b + pt.sigmoid(preactivation) @ v
        value = choose(Bernoulli(logit), *given)
        return preactivation + pt.outer(value, w), logit, value

    _, logits, values = pytensor.scan(
        step,
        sequences=[weights_in, weights_out, visible_bias, *given],
        outputs_info=[hidden_bias, None, None],
        n_steps=weights_in.shape[0],
        strict=True,
        return_updates=False,
    )
    return logits, values


def _logits(*arguments):
    """Logits of all keys given the values of those before: weights, biases and values as in `_pass_keys`.

    Their gradient goes through the keys once more, where that of the scan would keep the hidden units of all
    keys.
    """

    def build(*inputs):
        return _pass_keys(lambda key, value: value, *inputs)[:1]

    @cache
    def backward():
        return Loop(_logits_gradient, [*arguments, arguments[2]], [0, 1, 3, 4])

    def pullback(inputs, outputs, cotangents):
        by_in, by_out, by_hidden, by_values = backward()(*inputs, *cotangents)
        return [by_in, by_out, cotangents[0], by_hidden, by_values]

    return Loop(build, arguments, [2], pullback)(*arguments)


def _logits_gradient(weights_in, weights_out, visible_bias, hidden_bias, values, cotangent):
    """Gradients with respect to all arguments but the visible bias.

    A key's value acts on the keys after it. What those send back is what all keys do, less what the keys
    through this one do; so the pass goes forward, too, and needs no preactivation that it does not make.
    """

    def step(w, v, value, g, preactivation, sent):
        hidden = pt.sigmoid(preactivation)
        sent = sent + pt.outer(g, v) * (hidden * (1 - hidden))
        return preactivation + pt.outer(value, w), sent, value @ sent, g @ hidden, sent @ w

    _, sent, by_in, by_out, by_values = pytensor.scan(
        step,
        sequences=[weights_in, weights_out, values, cotangent],
        outputs_info=[hidden_bias, pt.zeros_like(hidden_bias), None, None, None],
        n_steps=weights_in.shape[0],
        strict=True,
        return_updates=False,
    )
    total = sent[-1]
    return [values @ total - by_in, by_out, total, weights_in @ total.T - by_values]


def _keys_first(x):
    """(..., n_visible) as (n_visible, n_frames)."""
    x = pt.as_tensor(x)
    return x.reshape((-1, x.shape[-1])).T


def _keys_last(x, like):
    return x.T.reshape(like.shape)

"""An RNN-NADE written directly in JAX, in two ways."""

from functools import partial

import jax
import jax.numpy as jnp


def nade_by_scan(frame, weights_in, weights_out, visible_bias, hidden_bias):
    """Logits of frames, (..., n_visible), key after key."""

    def step(preactivation, key):
        w, v, b, x = key
        return preactivation + x[..., None] * w, b + jax.nn.sigmoid(preactivation) @ v

    keys = weights_in, weights_out, jnp.moveaxis(visible_bias, -1, 0), jnp.moveaxis(frame, -1, 0)
    return jnp.moveaxis(jax.lax.scan(step, hidden_bias, keys)[1], 0, -1)


def nade_by_sums(frame, weights_in, weights_out, visible_bias, hidden_bias):
    """The same from the hidden units of all keys at once, (..., n_visible, n_hidden)."""
    terms = frame[..., None] * weights_in
    hidden = jax.nn.sigmoid(hidden_bias[..., None, :] + jnp.cumsum(terms, axis=-2) - terms)
    return visible_bias + jnp.einsum("...vh,vh->...v", hidden, weights_out)


def rnn_nade_loss(nade, parameters, observations):
    """Negative log-likelihood of an RNN-NADE; nats per time step."""
    p = parameters
    recurrent = p["generative/hidden_0/forward/recurrent"]

    def step(h, incoming):
        h = jnp.tanh(incoming + h @ recurrent)
        return h, h

    before = jnp.concatenate([jnp.zeros_like(observations[:1]), observations[:-1]])
    incoming = before @ p["generative/hidden_0/input/weights"]
    incoming += p["generative/hidden_0/input/bias"]
    start = jnp.broadcast_to(p["generative/hidden_0/forward/initial_mean"], incoming.shape[1:])
    states = jax.lax.scan(step, start, incoming)[1]
    biases = states @ p["generative/emission/output/weights"] + p["generative/emission/output/bias"]
    weights = p["generative/emission/weights_in"], p["generative/emission/weights_out"]
    logits = nade(observations, *weights, *jnp.split(biases, [observations.shape[2]], axis=2))
    log_prob = observations * logits - jax.nn.softplus(logits)
    return -log_prob.sum() / (observations.shape[0] * observations.shape[1])


LOSSES = {"scan": partial(rnn_nade_loss, nade_by_scan), "sums": partial(rnn_nade_loss, nade_by_sums)}

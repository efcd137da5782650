"""The models written directly in JAX: `jax.lax.scan`, and one `jax.jit` around loss and gradient."""

from math import pi

import jax
import jax.numpy as jnp

from experiments.benchmarks.peers import direct_jax_nade
from experiments.benchmarks.peers.problem import P_KEEP, batchings

SLOPE = 4 - 2 * 2**0.5
SHIFT = 0.881373587019543  # -log(sqrt 2 - 1)


def about():
    """Version and device."""
    return {"jax": jax.__version__, "device": jax.devices()[0].device_kind}


def device_memory():
    """Most bytes of a GPU's memory that were in use so far, None without a GPU."""
    statistics = jax.devices()[0].memory_stats()
    return statistics["peak_bytes_in_use"] if statistics else None


def sigmoid_moments(mean, variance):
    """Wang & Manning's moments of the sigmoid of a normal variable."""
    expectation = jax.nn.sigmoid(mean * jax.lax.rsqrt(1 + pi / 8 * variance))
    second = jax.nn.sigmoid(SLOPE * (mean - SHIFT) * jax.lax.rsqrt(1 + pi / 8 * SLOPE**2 * variance))
    return expectation, jnp.maximum(second - expectation**2, 0)


def tanh_moments(mean, variance):
    expectation, spread = sigmoid_moments(2 * mean, 4 * variance)
    return 2 * expectation - 1, 4 * spread


def dropout(mean, variance, p_keep):
    return p_keep * mean, p_keep * (1 - p_keep) * mean**2 + p_keep * variance


def affine(parameters, name, mean, variance, p_keep):
    weights = parameters[f"{name}/weights"]
    mean, variance = dropout(mean, variance, p_keep)
    return mean @ weights + parameters[f"{name}/bias"], variance @ weights**2


def chain(parameters, name, mean, variance, p_keep, reverse=False):
    """Moments of the states, (n_steps, batch_size, n_hidden), from those of what comes in."""
    recurrent = parameters[f"{name}/recurrent"]
    squared = recurrent**2

    def step(state, incoming):
        kept_mean, kept_variance = dropout(*state, p_keep)
        state = tanh_moments(incoming[0] + kept_mean @ recurrent, incoming[1] + kept_variance @ squared)
        return state, state

    start = jnp.broadcast_to(parameters[f"{name}/initial_mean"], mean.shape[1:])
    return jax.lax.scan(step, (start, jnp.zeros_like(start)), (mean, variance), reverse=reverse)[1]


def one_way(parameters, name, mean, variance, p_keep):
    return chain(parameters, f"{name}/forward", mean, variance, p_keep)


def bidirectional(parameters, name, mean, variance, p_keep):
    forward = chain(parameters, f"{name}/forward", mean, variance, p_keep)
    backward = chain(parameters, f"{name}/backward", mean, variance, p_keep, reverse=True)
    return (forward[0] + backward[0]) / 2, (forward[1] + backward[1]) / 4


def learned_p_keep(parameters, name):
    return 0.025 + 0.95 * jax.nn.sigmoid(parameters[f"{name}/p_keep/logit"])


def previous(x):
    """x of the step before, zeros at the first one."""
    return jnp.concatenate([jnp.zeros_like(x[:1]), x[:-1]])


def recognise(parameters, recurrent, observations):
    """Moments of the states and of the latents."""
    p = parameters
    keeps = [learned_p_keep(p, f"recognition/{name}") for name in ("hidden_0/input", "hidden_0", "output")]
    incoming = affine(p, "recognition/hidden_0/input", observations, 0.0, keeps[0])
    states = recurrent(p, "recognition/hidden_0", *incoming, keeps[1])
    mean, variance = affine(p, "recognition/output", *states, keeps[2])
    return states, mean, variance + 1e-6


def negative_bound(mean, variance, log_prob):
    """Divergence from a Wiener process, minus what is expected of log p(x | z); nats per time step."""
    before_mean, before_variance = previous(mean), previous(variance)
    kl = 0.5 * (variance + before_variance + (mean - before_mean) ** 2 - 1 - jnp.log(variance))
    return (kl.sum() - log_prob.sum()) / (mean.shape[0] * mean.shape[1])


def bernoulli(parameters, mean, variance, observations):
    """log p of the observations, given moments of the features."""
    output = affine(parameters, "generative/emission/output", mean, variance, P_KEEP)
    p = jnp.clip(sigmoid_moments(*output)[0], 1e-6, 1 - 1e-6)
    return observations * jnp.log(p) + (1 - observations) * jnp.log1p(-p)


def vrae_loss(parameters, observations, noise):
    _, mean, variance = recognise(parameters, bidirectional, observations)
    z = mean + jnp.sqrt(variance) * noise
    incoming = affine(parameters, "generative/hidden_0/input", z, 0.0, P_KEEP)
    features = bidirectional(parameters, "generative/hidden_0", *incoming, P_KEEP)
    return negative_bound(mean, variance, bernoulli(parameters, *features, observations))


def vosp_loss(parameters, observations, noise):
    states, mean, variance = recognise(parameters, one_way, observations)
    z = mean + jnp.sqrt(variance) * noise
    past = dropout(previous(states[0]), previous(states[1]), P_KEEP)
    features = jnp.concatenate([z, past[0]], axis=2), jnp.concatenate([jnp.zeros_like(z), past[1]], axis=2)
    hidden = tanh_moments(*affine(parameters, "generative/hidden_0", *features, 1.0))
    return negative_bound(mean, variance, bernoulli(parameters, *hidden, observations))


LOSSES = {"vrae": vrae_loss, "vosp": vosp_loss}


def on_device(problem):
    """What the losses take, on JAX's default device."""
    arrays = problem.parameters, problem.observations, problem.noise
    return jax.block_until_ready(jax.tree.map(jnp.asarray, arrays))


def loss_and_gradient(problem):
    """A function of nothing: loss of the problem's minibatch, and its gradient by name; or several ways."""
    inputs = on_device(problem)
    if problem.model == "rnn_nade":
        return {way: _compiled(loss, inputs[:2]) for way, loss in direct_jax_nade.LOSSES.items()}
    return _compiled(LOSSES[problem.model], inputs)


def _compiled(loss, inputs):
    function = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(function(*inputs))


def evaluation(lengths, **sizes):
    """For each way to batch sequences of such lengths, a function of nothing: losses of the batches."""
    function = jax.jit(LOSSES[sizes["model"]])

    def losses(problems):
        batches = [on_device(p) for p in problems]
        return lambda: jax.block_until_ready([function(*inputs) for inputs in batches])

    return {way: losses(problems) for way, problems in batchings(lengths, **sizes).items()}

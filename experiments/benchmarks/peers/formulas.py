"""The losses that both peers compute, written in terms of either one's array functions.

Each peer adds only the loop over time, and what concerns compiling, devices and gradients.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from types import ModuleType

from experiments.benchmarks.peers.problem import P_KEEP

SLOPE = 4 - 2 * 2**0.5
SHIFT = 0.881373587019543  # -log(sqrt 2 - 1)


@dataclass(frozen=True)
class Formulas:
    """Losses in nats per time step, of parameters by name, observations and noise.

    Parameters
    ----------
    xp : module
        With NumPy's names: `jax.numpy` or `torch`.
    sigmoid, rsqrt : callable
        Of arrays; rsqrt(x) is 1 / sqrt(x).
    scan : callable
        Moments of the states of a chain, (n_steps, batch_size, n_hidden), given: a function from mean and
        variance of the state before and of what comes in to those of the state; the initial mean; mean and
        variance of all that comes in; and whether time runs backwards.
    """

    xp: ModuleType
    sigmoid: Callable
    rsqrt: Callable
    scan: Callable

    def sigmoid_moments(self, mean, variance):
        """Wang & Manning's moments of the sigmoid of a normal variable."""
        expectation = self.sigmoid(mean * self.rsqrt(1 + pi / 8 * variance))
        second = self.sigmoid(SLOPE * (mean - SHIFT) * self.rsqrt(1 + pi / 8 * SLOPE**2 * variance))
        return expectation, self.xp.clip(second - expectation**2, 0)

    def tanh_moments(self, mean, variance):
        """Those of tanh(x) = 2 sigmoid(2 x) - 1."""
        expectation, spread = self.sigmoid_moments(2 * mean, 4 * variance)
        return 2 * expectation - 1, 4 * spread

    def chain(self, parameters, name, mean, variance, p_keep, reverse=False):
        """Moments of the states, (n_steps, batch_size, n_hidden), from those of what comes in."""
        recurrent = parameters[f"{name}/recurrent"]
        squared = recurrent**2

        def step(state_mean, state_variance, mean, variance):
            kept_mean, kept_variance = dropout(state_mean, state_variance, p_keep)
            return self.tanh_moments(mean + kept_mean @ recurrent, variance + kept_variance @ squared)

        return self.scan(step, parameters[f"{name}/initial_mean"], mean, variance, reverse)

    def one_way(self, parameters, name, mean, variance, p_keep):
        """States of a chain forwards in time."""
        return self.chain(parameters, f"{name}/forward", mean, variance, p_keep)

    def bidirectional(self, parameters, name, mean, variance, p_keep):
        """Means of a chain forwards and one backwards."""
        forward = self.chain(parameters, f"{name}/forward", mean, variance, p_keep)
        backward = self.chain(parameters, f"{name}/backward", mean, variance, p_keep, reverse=True)
        return (forward[0] + backward[0]) / 2, (forward[1] + backward[1]) / 4

    def previous(self, x):
        """x of the step before, zeros at the first one."""
        return self.xp.concatenate([self.xp.zeros_like(x[:1]), x[:-1]])

    def recognise(self, parameters, recurrent, observations):
        """Moments of the states and of the latents."""
        names = ("hidden_0/input", "hidden_0", "output")
        logits = [parameters[f"recognition/{name}/p_keep/logit"] for name in names]
        keeps = [0.025 + 0.95 * self.sigmoid(logit) for logit in logits]
        incoming = affine(parameters, "recognition/hidden_0/input", observations, 0.0, keeps[0])
        states = recurrent(parameters, "recognition/hidden_0", *incoming, keeps[1])
        mean, variance = affine(parameters, "recognition/output", *states, keeps[2])
        return states, mean, variance + 1e-6

    def negative_bound(self, mean, variance, log_prob):
        """Divergence from a Wiener process, minus what is expected of log p(x | z); nats per time step."""
        before_mean, before_variance = self.previous(mean), self.previous(variance)
        kl = 0.5 * (variance + before_variance + (mean - before_mean) ** 2 - 1 - self.xp.log(variance))
        return (kl.sum() - log_prob.sum()) / (mean.shape[0] * mean.shape[1])

    def bernoulli(self, parameters, mean, variance, observations):
        """Log p of the observations, given moments of the features."""
        output = affine(parameters, "generative/emission/output", mean, variance, P_KEEP)
        p = self.xp.clip(self.sigmoid_moments(*output)[0], 1e-6, 1 - 1e-6)
        return observations * self.xp.log(p) + (1 - observations) * self.xp.log1p(-p)

    def vrae(self, parameters, observations, noise):
        """Loss of a VRAE."""
        _, mean, variance = self.recognise(parameters, self.bidirectional, observations)
        z = mean + self.xp.sqrt(variance) * noise
        incoming = affine(parameters, "generative/hidden_0/input", z, 0.0, P_KEEP)
        features = self.bidirectional(parameters, "generative/hidden_0", *incoming, P_KEEP)
        return self.negative_bound(mean, variance, self.bernoulli(parameters, *features, observations))

    def vosp(self, parameters, observations, noise):
        """Loss of a VOSP."""
        states, mean, variance = self.recognise(parameters, self.one_way, observations)
        z = mean + self.xp.sqrt(variance) * noise
        past = dropout(self.previous(states[0]), self.previous(states[1]), P_KEEP)
        features = [
            self.xp.concatenate(parts, axis=2) for parts in ((z, past[0]), (self.xp.zeros_like(z), past[1]))
        ]
        hidden = self.tanh_moments(*affine(parameters, "generative/hidden_0", *features, 1.0))
        return self.negative_bound(mean, variance, self.bernoulli(parameters, *hidden, observations))

    @property
    def losses(self):
        """By the name of the model."""
        return {"vrae": self.vrae, "vosp": self.vosp}


def dropout(mean, variance, p_keep):
    """Moments of a variable that is kept with probability `p_keep`, else 0."""
    return p_keep * mean, p_keep * (1 - p_keep) * mean**2 + p_keep * variance


def affine(parameters, name, mean, variance, p_keep):
    """Moments of x W + b, with dropout of x."""
    weights = parameters[f"{name}/weights"]
    mean, variance = dropout(mean, variance, p_keep)
    return mean @ weights + parameters[f"{name}/bias"], variance @ weights**2

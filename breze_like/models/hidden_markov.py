"""The hidden Markov model of binary observations, with exact likelihoods: the baseline for latent models."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from scipy.special import expit

from breze_like.checks import check_drawing, check_positive_integers, choose
from breze_like.distributions import Bernoulli
from breze_like.layers import Layer
from breze_like.models.base import Model, check_prefix, per_step
from breze_like.models.missing import MISSING
from breze_like.recurrence import forecast_states


class StateChain(Layer):
    """p(z_1) and p(z_t | z_{t-1}), as probabilities: ``initial`` (n_states,), ``transition``, a row each.

    They are to be positive; see `forecast_states`.
    """

    def __init__(self, parameters, name, n_states):
        super().__init__(parameters, name)
        self.declare("initial", (n_states,))
        self.declare("transition", (n_states, n_states))

    def initialize(self, rng, initialization):
        """Random, and uniform to within a tenth."""
        for probability in (self.view("initial"), self.view("transition")):
            drawn = 1 + 0.1 * rng.random(probability.shape)
            probability[...] = drawn / drawn.sum(axis=-1, keepdims=True)


class StateEmission(Layer):
    """p(x_t | z_t), independent Bernoulli variables with ``logits`` (n_states, n_visible)."""

    binary = True
    draw_noise = staticmethod(Bernoulli.draw_noise)

    def __init__(self, parameters, name, n_states, n_visible):
        super().__init__(parameters, name)
        self.declare("logits", (n_states, n_visible))

    def initialize(self, rng, initialization):
        """With few notes on, and other ones in each state, whatever the initialization says.

        `fit_em` does not start from these.
        """
        logits = self.view("logits")
        logits[...] = rng.standard_normal(logits.shape) - 0.8


class Inferred(NamedTuple):
    """What is known about the states; variables.

    Attributes
    ----------
    log_on, log_off : shape (n_states, n_visible)
        log p(x = 1 | z) and log p(x = 0 | z).
    log_prob : shape (n_steps, n_sequences)
        log p(x_t | x_1, ..., x_{t-1}), nats, 0 in the padding.
    forecast, filtered, posterior : shape (n_steps, n_sequences, n_states)
        p(z_t | x_1, ..., x_{t-1}), p(z_t | x_1, ..., x_t) and p(z_t | x).
    """

    log_on: pt.TensorVariable
    log_off: pt.TensorVariable
    log_prob: pt.TensorVariable
    forecast: pt.TensorVariable
    filtered: pt.TensorVariable
    posterior: pt.TensorVariable


class HiddenMarkov(Model):
    """A chain of discrete states, each with its own Bernoulli variables.

        z_1 ~ initial,   z_t ~ transition[z_{t-1}],   x_t ~ Bernoulli(sigmoid(logits[z_t]))

    The likelihood is exact, by the forward algorithm. Its gradient is the backward algorithm: the expected
    number of times that an event happens, given x, is the derivative of log p(x) with respect to the
    logarithm of its probability. `fit_em` trains it.

    Parameters
    ----------
    n_visible, n_states : int
    missing : "refuse" or "zero"
        With the second one, entries of the observations that are NaN are missing: they carry no information
        about the states, and are integrated out, exactly.
    backend : str
        See `backends`.

    Attributes
    ----------
    inputs
        ``"observations"``, ``"mask"``.
    expressions
        ``"states/forecast"``, ``"states/filtered"``, ``"states/posterior"``
            As of `Inferred`.
        ``"emission/mean"`` : mean of p(x_t | x_1, ..., x_{t-1})
        ``"reconstruction"`` : mean of another x_t, given all of x, that is of p(x_t | z_t) over the posterior
        ``"denoised"`` : mode of p(x_t | z_t) at the most probable state of the step, given all of x
            (n_steps, n_sequences, n_visible)
        ``"emission/log_prob"``, ``"objective"`` : log p(x_t | x_1, ..., x_{t-1}) and its negative, nats
            (n_steps, n_sequences)
        ``"loss"`` : nats per time step
        ``"expected/initial"``, ``"expected/transitions"``, ``"expected/on"``, ``"expected/off"``
            How often, given the observations of all sequences, they start in a state, (n_states,); go from
            one to another, (n_states, n_states); have an entry 1 in a state, or 0, (n_states, n_visible).

    Raises
    ------
    ValueError
        If a number is not a positive integer, or `missing` is neither of these.

    References
    ----------
    Rabiner (1989), A tutorial on hidden Markov models and selected applications in speech recognition.
    """

    missing_choices = ("zero",)

    def __init__(self, n_visible, n_states=512, *, missing="refuse", backend="auto"):
        check_positive_integers(n_visible=n_visible, n_states=n_states)
        super().__init__(backend)
        allowed = {name: MISSING[name] for name in ("refuse", *self.missing_choices)}
        self.missing = choose("missing", missing, allowed, "read", "allowed")
        self.n_visible, self.n_states = n_visible, n_states
        self.states = StateChain(self.parameters, "states", n_states)
        self.emission = StateEmission(self.parameters, "emission", n_states, n_visible)
        self.layers += [self.states, self.emission]

        x, mask = self.inputs["observations"], self.inputs["mask"]
        inferred = self.infer(self.missing.read(x), self.missing.read(1 - x), mask)
        log_prob, probability = inferred.log_prob, pt.sigmoid(self.emission["logits"])
        chain = self.states["initial"], self.states["transition"]
        by = pt.grad(log_prob.sum(), [*chain, inferred.log_on, inferred.log_off])
        self.expressions |= {
            "states/forecast": inferred.forecast,
            "states/filtered": inferred.filtered,
            "states/posterior": inferred.posterior,
            "emission/mean": inferred.forecast @ probability,
            "reconstruction": inferred.posterior @ probability,
            "denoised": self._mode(inferred.posterior),
            "emission/log_prob": log_prob,
            "objective": -log_prob,
            "loss": per_step(-log_prob, mask),
            "expected/initial": chain[0] * by[0],
            "expected/transitions": chain[1] * by[1],
            "expected/on": by[2],
            "expected/off": by[3],
        }

    def infer(self, on, off, mask):
        """Infer the states from observations.

        Parameters
        ----------
        on, off : TensorVariable, shape (n_steps, n_sequences, n_visible)
            1 where an entry is known to be 1, and where it is known to be 0.
        mask : TensorVariable, shape (n_steps, n_sequences)

        Returns
        -------
        Inferred
        """
        logits = self.emission["logits"]
        log_on, log_off = -pt.softplus(-logits), -pt.softplus(logits)
        log_likelihood = on @ log_on.T + off @ log_off.T
        largest = disconnected_grad(log_likelihood.max(axis=-1, keepdims=True))
        likelihood = pt.exp(log_likelihood - largest)
        initial = pt.zeros_like(mask[0])[:, None] + self.states["initial"]
        real = pt.gt(mask, 0)[:, :, None]
        forecast = forecast_states(likelihood, real, self.states["transition"], initial)
        joint = forecast * likelihood
        total = joint.sum(axis=-1)
        log_prob = mask * (pt.log(total) + largest[:, :, 0])
        posterior = pt.grad(log_prob.sum(), log_likelihood)
        return Inferred(log_on, log_off, log_prob, forecast, joint / total[:, :, None], posterior)

    def sample(self, rng, n_steps, n_sequences, prefix=None, temperature=1.0):
        """Draw sequences, or continue given ones; see `OneStepPredictor.sample`.

        The states follow their chain, whatever the temperature is.
        """
        prefix = check_prefix(self, n_steps, n_sequences, prefix)
        check_drawing(rng, temperature)
        transition = self.states.view("transition")
        probability = expit(self.emission.view("logits") / temperature)
        forecast = np.tile(self.states.view("initial"), (n_sequences, 1))
        if len(prefix):
            filtered = self.function(["observations", "mask"], "states/filtered")
            forecast = filtered(prefix, np.ones(prefix.shape[:2]))[-1] @ transition
        drawn = []
        for _ in range(n_steps):
            states = draw_states(forecast, rng.random(n_sequences))
            drawn.append(self.emission.draw_noise(rng, (n_sequences, self.n_visible)) < probability[states])
            forecast = transition[states]
        return np.stack(drawn).astype(transition.dtype)

    def draw_paths(self, filtered, noise, mask):
        """Draws of z_1, ..., z_T given x, from the last step backwards.

        Parameters
        ----------
        filtered : ndarray, shape (n_steps, n_sequences, n_states)
            ``"states/filtered"``.
        noise : ndarray, shape (n_steps, n_sequences)
            Uniform in [0, 1).
        mask : ndarray, shape (n_steps, n_sequences)

        Returns
        -------
        ndarray of int, shape (n_steps, n_sequences)

        References
        ----------
        Frühwirth-Schnatter (1994), Data augmentation and dynamic linear models: filter, then sample.
        """
        backward = self.states.view("transition").T
        paths = np.empty(noise.shape, int)
        paths[-1] = draw_states(filtered[-1], noise[-1])
        for t in reversed(range(len(noise) - 1)):
            following = np.where(mask[t + 1, :, None] > 0, backward[paths[t + 1]], 1)
            paths[t] = draw_states(filtered[t] * following, noise[t])
        return paths

    @cached_property
    def complete(self):
        """Compiled: from observations, what is known of them, (n_steps, n_sequences, n_visible), and a mask.

        ``"denoised"`` and ``"reconstruction"``, given the known entries, and ``"states/filtered"``.
        """
        x, mask, known = self.inputs["observations"], self.inputs["mask"], pt.tensor3("known")
        inferred = self.infer(x * known, (1 - x) * known, mask)
        mean = inferred.posterior @ pt.sigmoid(self.emission["logits"])
        return self.function([x, known, mask], [self._mode(inferred.posterior), mean, inferred.filtered])

    def _mode(self, posterior):
        modes = pt.ge(self.emission["logits"], 0).astype(posterior.dtype)
        return modes[pt.argmax(posterior, axis=-1)]


def draw_states(weights, noise):
    """One state for each row of weights (n, n_states), from noise (n,), uniform in [0, 1)."""
    reached = np.cumsum(weights, axis=1, dtype=float)
    return (reached[:, :-1] <= (noise * reached[:, -1])[:, None]).sum(axis=1)

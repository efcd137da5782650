"""On another model whose likelihood is known: a hidden Markov model, its states drawn as latents are."""

from itertools import product

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import expit

from breze_like.distributions import Bernoulli, register
from breze_like.distributions.processes import Process, first_steps, previous
from breze_like.estimators import (
    importance_sampled_nll,
    negative_log_likelihood,
    sampled_scores,
    variational_bound,
)
from breze_like.models import HiddenMarkov
from breze_like.models.hidden_markov import StateChain, StateEmission
from breze_like.models.variational import Recognised, VariationalModel
from breze_like.moments import Moments

N_VISIBLE, N_STATES, LENGTHS = 3, 3, (4, 1, 3)


class Paths(Process):
    """p(z_1, ..., z_T), with z_t the number of a state."""

    def __init__(self, chain):
        self._initial, self._transition = chain["initial"], chain["transition"]

    def kernels(self, mask):
        """p(z_t | z_{t-1}), (n_steps, n_sequences, n_states, n_states); the first ones have equal rows."""
        return pt.where(first_steps(mask)[..., None] > 0, self._initial, self._transition)

    def log_prob(self, z, mask):
        return mask * pt.log(of_path(self.kernels(mask), z, mask))

    def sample(self, noise):
        return draw(self.kernels(pt.ones_like(noise[:, :, 0])), noise)


class PathPosterior:
    """q(z_1 | x) and q(z_t | z_{t-1}, x), any matrices of probabilities."""

    n_outputs = N_STATES**2

    def __init__(self, kernels, mask):
        self.kernels, self.mask = kernels, mask
        first = pt.ones((mask.shape[1], N_STATES)) / N_STATES  # whatever it is
        self.marginals = pytensor.scan(
            lambda k, p: (p[:, :, None] * k).sum(axis=1), [kernels], [first], return_updates=False
        )

    @classmethod
    def from_recognition(cls, outputs, mask):
        return cls(outputs.mean.reshape((*mask.shape, N_STATES, N_STATES)), mask)

    @property
    def mean(self):
        return (self.marginals @ np.arange(N_STATES))[:, :, None]

    @property
    def variance(self):
        return (self.marginals @ np.arange(N_STATES) ** 2)[:, :, None] - self.mean**2

    @property
    def mode(self):
        """The most probable state of each step."""
        return pt.argmax(self.marginals, axis=-1, keepdims=True).astype(self.marginals.dtype)

    def sample(self, noise):
        return draw(self.kernels, noise)

    def log_prob(self, z):
        return self.mask * pt.log(of_path(self.kernels, z, self.mask))


@register(PathPosterior, Paths)
def _(q, p):
    before = pt.where(first_steps(q.mask) > 0, 1 / N_STATES, previous(q.marginals, q.mask))
    ratio = pt.log(q.kernels) - pt.log(p.kernels(q.mask))
    return (before[..., None] * q.kernels * ratio).sum(axis=(-2, -1))[:, :, None]


def of_path(kernels, z, mask):
    """The probability that each step has after the one before it: (n_steps, n_sequences)."""
    states = np.arange(N_STATES)
    before, after = pt.eq(previous(z, mask), states), pt.eq(z, states)
    return (before[:, :, :, None] * kernels * after[:, :, None, :]).sum(axis=(-2, -1))


def draw(kernels, noise):
    """Paths from uniform noise, both (n_steps, n_sequences, 1)."""

    def step(kernel, u, z):
        row = (pt.eq(z[:, None], np.arange(N_STATES))[:, :, None] * kernel).sum(axis=1)
        return (pt.cumsum(row, axis=1)[:, :-1] <= u[:, None]).sum(axis=1).astype(u.dtype)

    u = noise[:, :, 0]
    return pytensor.scan(step, [kernels, u], [pt.zeros_like(u[0])], return_updates=False)[:, :, None]


class LatentStates(VariationalModel):
    """A `HiddenMarkov` whose states are latents with an approximate posterior: `proposal` of the model."""

    infer = HiddenMarkov.infer

    def __init__(self, proposal):
        self._proposal = proposal
        super().__init__(N_VISIBLE, 1, prior=self, posterior=PathPosterior)

    def make(self, parameters, name, n_latent):
        return Paths(self.states)

    def draw_noise(self, rng, n_steps, n_columns):
        return rng.random((n_steps, n_columns, 1))

    def _make_networks(self, *_):
        self.states = StateChain(self.parameters, "states", N_STATES)
        self.emission = StateEmission(self.parameters, "emission", N_STATES, N_VISIBLE)

    def recognise(self, observations, mask):
        prior = Paths(self.states).kernels(mask)
        weights = self._proposal(prior, self.infer(observations, 1 - observations, mask))
        weights = pt.where(mask[:, :, None, None] > 0, weights, prior)  # in the padding, nothing is inferred
        kernels = (weights / weights.sum(axis=-1, keepdims=True)).reshape((*mask.shape, -1))
        return Recognised(Moments(kernels))

    def generate(self, latents, mask):
        return Bernoulli(self.emission["logits"][latents[:, :, 0].astype("int64")])


# Of p(z_t | z_{t-1}) and what is inferred: rows that are proportional to q(z_t | z_{t-1}, x).
PROPOSALS = {
    "posterior": lambda p, known: p * (known.posterior / known.forecast)[:, :, None],
    "one step ahead": lambda p, known: p * (known.filtered / known.forecast)[:, :, None],
    "prior": lambda p, known: p,
}


@pytest.fixture(scope="module")
def models():
    """By proposal; all of them with the same parameters."""
    rng = np.random.default_rng(0)
    models = {name: LatentStates(proposal) for name, proposal in PROPOSALS.items()}
    logits = 2 * rng.standard_normal((N_STATES, N_VISIBLE))
    initial, transition = rng.dirichlet(np.ones(N_STATES)), rng.dirichlet(np.ones(N_STATES), N_STATES)
    for model in models.values():
        model.states.view("initial")[...], model.states.view("transition")[...] = initial, transition
        model.emission.view("logits")[...] = logits
    return models


@pytest.fixture(scope="module")
def sequences():
    rng = np.random.default_rng(1)
    return [rng.integers(0, 2, (n, N_VISIBLE)).astype(float) for n in LENGTHS]


@pytest.fixture(scope="module")
def nll(models, sequences):
    return np.array([-np.log(sum(p * given for p, given, _ in paths(models["prior"], s))) for s in sequences])


def paths(model, sequence):
    """Of each path of the states: its probability under p and under q, and p(x | path) between them."""
    initial, transition = (model.states.view(name) for name in ("initial", "transition"))
    on = expit(model.emission.view("logits"))
    kernels = model.function(["observations", "mask"], model.recognised.outputs.mean)(
        sequence[:, None], np.ones((len(sequence), 1))
    ).reshape(len(sequence), N_STATES, N_STATES)
    for path in product(range(N_STATES), repeat=len(sequence)):
        steps = list(zip(path, path[1:], strict=False))
        p = initial[path[0]] * np.prod([transition[step] for step in steps])
        q = kernels[0, 0, path[0]] * np.prod([k[step] for k, step in zip(kernels[1:], steps, strict=True)])
        yield p, np.prod(np.where(sequence > 0, on[list(path)], 1 - on[list(path)])), q


def exact_bound(model, sequence):
    return sum(q * np.log(q / (p * given)) for p, given, q in paths(model, sequence))


def test_the_forward_algorithm_gives_the_likelihood(models, sequences, nll):
    exact = HiddenMarkov(N_VISIBLE, N_STATES)
    for name in ("initial", "transition"):
        exact.states.view(name)[...] = models["prior"].states.view(name)
    exact.emission.view("logits")[...] = models["prior"].emission.view("logits")
    np.testing.assert_allclose(negative_log_likelihood(exact, sequences).nats, nll, rtol=1e-10)


@pytest.mark.parametrize("proposal", PROPOSALS)
def test_the_bound(proposal, models, sequences, nll, rng):
    """Its divergence is exact, its estimate that of the bound, which only the posterior closes."""
    model = models[proposal]
    found = variational_bound(model, sequences * 200, rng, 2)
    divergences = [sum(q * np.log(q / p) for p, _, q in paths(model, s)) for s in sequences]
    np.testing.assert_allclose(found.kl.nats, np.tile(divergences, 200), rtol=1e-9, atol=1e-12)
    expected = np.array([exact_bound(model, s) for s in sequences])
    estimates = found.nats.reshape(200, -1)
    errors = estimates.std(axis=0, ddof=1) / np.sqrt(200)
    assert (np.abs(estimates.mean(axis=0) - expected) < 4 * errors + 1e-12).all()
    gap = expected - nll
    assert (np.abs(gap) < 1e-9).all() if proposal == "posterior" else (gap > -1e-9).all() and gap[0] > 0.01


@pytest.mark.parametrize("proposal", PROPOSALS)
def test_the_importance_sampled_score(proposal, models, sequences, nll, rng):
    found = importance_sampled_nll(models[proposal], sequences, rng, 3000)
    off = np.abs(found.nats - nll)
    assert (off < 4 * found.standard_errors + 1e-9).all()
    assert (off < 0.1).all()


def test_every_weight_of_the_posterior_is_the_likelihood(models, sequences, nll, rng):
    one = importance_sampled_nll(models["posterior"], sequences, rng, 1)
    np.testing.assert_allclose(one.nats, nll, rtol=1e-10)
    some = sampled_scores(models["posterior"], sequences, rng, 7).importance_sampled
    np.testing.assert_allclose(some.nats, nll, rtol=1e-10)
    np.testing.assert_allclose(some.effective_sample_sizes, 7, rtol=1e-9)


def test_better_proposals_have_more_effective_draws(models, sequences):
    sizes = [
        importance_sampled_nll(
            models[name], sequences, np.random.default_rng(0), 2000
        ).effective_sample_sizes[0]
        for name in ("prior", "one step ahead", "posterior")
    ]
    assert sizes[0] < sizes[1] < sizes[2] == pytest.approx(2000)


def test_the_mean_weight_is_the_likelihood(models, sequences, nll, rng):
    """It has no bias, whatever the number of draws, and its logarithm is below on average."""
    found = importance_sampled_nll(models["prior"], sequences[:1] * 4000, rng, 2).nats
    weights = np.exp(-found)
    assert abs(weights.mean() - np.exp(-nll[0])) < 4 * weights.std() / np.sqrt(4000)
    assert (
        nll[0] + 4 * found.std() / np.sqrt(4000) < found.mean() < exact_bound(models["prior"], sequences[0])
    )

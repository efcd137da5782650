"""Scores of models on sequences, in nats; lower is better.

Sequences are a list of arrays (n_steps, n_visible). Every score knows the two averages of the literature:
`per_step`, all sequences' nats over all their steps, and `per_sequence`, the mean over sequences of each
one's nats per step.
"""

from dataclasses import dataclass

import numpy as np

from breze_like.data import batches_by_length, check_sequences

# Expressions (n_steps, n_sequences) that scores are made of.
TERMS = ("kl", "emission/log_prob", "objective")


@dataclass(frozen=True)
class Score:
    """Nats of each sequence.

    Parameters
    ----------
    nats : ndarray, shape (n_sequences,)
        Summed over the steps of a sequence.
    n_steps : ndarray of int, shape (n_sequences,)
    """

    nats: np.ndarray
    n_steps: np.ndarray

    @property
    def per_step(self):
        """Nats per time step, over all steps of all sequences."""
        return float(self.nats.sum() / self.n_steps.sum())

    @property
    def per_sequence(self):
        """Nats per time step, averaged over sequences of whatever length."""
        return float((self.nats / self.n_steps).mean())


@dataclass(frozen=True)
class Bound(Score):
    """A variational upper bound of the negative log-likelihood, and its two parts.

    Parameters
    ----------
    kl, reconstruction : Score
        The divergence from the approximate posterior to the prior, and the expectation of -log p(x | z).
    """

    kl: Score
    reconstruction: Score


def negative_log_likelihood(model, sequences):
    """The exact score of a model without latents.

    Parameters
    ----------
    model : OneStepPredictor
    sequences : list of ndarray, shape (n_steps, n_visible)

    Returns
    -------
    Score
    """
    return _score(sequences, _sums(model, sequences)["objective"])


def training_objective(model, sequences, rng):
    """What the training minimises: the loss of each sequence, with KL weight 1.

    Is a bound only if the model's divergence is the exact one. Parameters and returned value are those of
    `variational_bound` with one draw, the latter without its parts.
    """
    return _score(sequences, _sums(model, sequences, rng)["objective"])


def variational_bound(model, sequences, rng, n_draws=1):
    """Exact KL(q || p) plus a Monte Carlo estimate of E_q[-log p(x | z)].

    Parameters
    ----------
    model : VariationalModel
        Whatever objective it was trained on, the divergence here is the exact one.
    sequences : list of ndarray, shape (n_steps, n_visible)
    rng : numpy.random.Generator
    n_draws : int
        Draws of the latents of each sequence. Any number gives an unbiased estimate of the bound.

    Returns
    -------
    Bound

    Raises
    ------
    ValueError
        If `n_draws` is not positive.

    References
    ----------
    Bayer & Osendorfer (2014), section 3.
    """
    _check_draws(n_draws)
    draws = [_sums(model, sequences, rng) for _ in range(n_draws)]
    kl, log_prob = (np.mean([d[name] for d in draws], axis=0) for name in ("kl", "emission/log_prob"))
    parts = _score(sequences, kl), _score(sequences, -log_prob)
    return Bound(kl - log_prob, parts[0].n_steps, *parts)


def importance_sampled_nll(model, sequences, rng, n_draws=50):
    """-log 1/S sum_s p(x, z_s) / q(z_s | x), for each sequence, with S draws z_s ~ q(z | x).

    An upper bound of the negative log-likelihood in expectation, that falls towards it as S grows: the
    importance weighted bound, which can also be trained on (see `models.objectives`).

    Parameters
    ----------
    model : VariationalModel
    sequences : list of ndarray, shape (n_steps, n_visible)
    rng : numpy.random.Generator
    n_draws : int
        S.

    Returns
    -------
    Score

    Raises
    ------
    ValueError
        If `n_draws` is not positive.

    References
    ----------
    Rezende et al. (2014), Stochastic backpropagation, appendix; Burda et al. (2016), Importance weighted
    autoencoders.
    """
    _check_draws(n_draws)
    recognised = model.recognised.variables
    recognise = model.function(["observations", "mask"], recognised)
    # The graph is cut there, so that the draws share one run of the recognition network.
    weigh = model.function([*recognised, "observations", "mask", "noise"], "log_weight")
    nats = np.empty(len(sequences))
    for indices, observations, mask in batches_by_length(check_observations(model, sequences)):
        known = (*recognise(observations, mask), observations, mask)
        log_sum = np.full(mask.shape[1], -np.inf)
        for _ in range(n_draws):
            noise = model.draw_noise(rng, *mask.shape)
            log_sum = np.logaddexp(log_sum, weigh(*known, noise).sum(axis=0, dtype=float))
        nats[indices] = np.log(n_draws) - log_sum[: len(indices)]
    return _score(sequences, nats)


def _sums(model, sequences, rng=None):
    """Sums over the steps of each sequence of the terms that the model has, by name.

    All of them come from one function, so that the validation and all scores share its compilation.
    """
    names = [name for name in TERMS if name in model.expressions]
    inputs = ["observations", "mask"] + (["noise"] if "noise" in model.inputs else [])
    function = model.function(inputs, names)
    sums = {name: np.empty(len(sequences)) for name in names}
    for indices, observations, mask in batches_by_length(check_observations(model, sequences)):
        noise = [model.draw_noise(rng, *mask.shape)] if "noise" in model.inputs else []
        for name, terms in zip(names, function(observations, mask, *noise), strict=True):
            sums[name][indices] = terms.sum(axis=0, dtype=float)[: len(indices)]
    return sums


def check_observations(model, sequences, name="sequences"):
    """`check_sequences` of what a model emits."""
    return check_sequences(sequences, model.n_visible, model.emission.binary, name)


def _score(sequences, nats):
    return Score(nats, np.array([len(s) for s in sequences]))


def _check_draws(n_draws):
    if n_draws < 1:
        raise ValueError(f"n_draws must be at least 1, got {n_draws!r}")

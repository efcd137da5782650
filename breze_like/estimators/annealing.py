"""Likelihoods by annealed importance sampling: draws from q move towards the posterior before they count."""

import math
from functools import partial

import numpy as np
import pytensor.tensor as pt
from scipy.special import logsumexp
from tqdm import tqdm

from breze_like.checks import check_positive, check_positive_integers, check_rng
from breze_like.data import packed
from breze_like.data.packing import MAX_STEPS
from breze_like.estimators.bounds import check_latents
from breze_like.estimators.latent_draws import by_draw, noise_of, streams
from breze_like.estimators.scores import score_of
from breze_like.models.base import check_observations
from breze_like.sequences import listed

# How much of the momentum is kept from one move to the next.
KEPT_MOMENTUM = 0.9


def annealed_nll(model, sequences, rng, n_draws=4, n_moves=200, step_size=0.2, progress=False):
    """-log of an unbiased estimate of the likelihood of each sequence, by annealed importance sampling.

    Latents are a function of noise e, which is standard normal under q, and their weight is w(e) = p(x, z) /
    q(z | x). Each draw goes through distributions between q and p(z | x), one for each move k = 1, ..., K,

        p_k(e) ~ N(e; 0, 1) w(e)^(k/K)

    with a momentum u, which is standard normal at first, by a leapfrog step that would be exact for q itself:

        u += (h/2) (k/K) dlog w/de,   (e, u) is turned by the angle h,   u += (h/2) (k/K) dlog w/de

    Then part of the momentum is drawn anew. Such moves keep volumes, so that the weight of a draw is

        log w(e) + sum over additions g to u of (|u|^2 - |u + g|^2) / 2

    and needs no acceptance or rejection, which would become rare in long sequences. This holds for any g that
    depends on e alone: it is clipped at 1, the standard deviation of u, so that no move runs away.

    Like the score of `importance_sampled_nll`, this is an upper bound on the negative log-likelihood in
    expectation, whatever the settings are; with more and smaller moves it is tighter. A few draws with a
    hundred moves are usually worth far more than thousands that don't move.

    Parameters
    ----------
    model : VariationalModel
    sequences : list of ndarray, shape (n_steps, n_visible)
    rng : numpy.random.Generator
        Of the sequences' own streams, as for `sampled_scores`.
    n_draws : int
        Number of independent weights that are averaged. With two or more, there is a standard error: that of
        the mean of the weights' logarithms, to which the logarithm of their mean is close if they differ
        little, and which has about the same error if they differ much.
    n_moves : int
        K. Each takes about as long as the generative network's part of a training step.
    step_size : float
        h, in standard deviations of q. Where the posterior is much narrower than q, it has to be smaller.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Score

    Raises
    ------
    ValueError
        If the model has no latents, or a number is not positive.

    References
    ----------
    Neal (2001), Annealed importance sampling; Wu et al. (2017), On the quantitative analysis of decoder-based
    generative models; Geffner & Domke (2021), MCMC variational inference via uncorrected Hamiltonian
    annealing.
    """
    check_latents(model)
    check_rng(rng)
    check_positive_integers(n_draws=n_draws, n_moves=n_moves)
    check_positive(step_size=step_size)
    sequences = listed(sequences, "sequences")
    checked = check_observations(model, sequences)
    recognised = model.recognised.variables
    recognise = model.function(["observations", "mask"], recognised)
    log_weight, noise = model.expressions["log_weight"], model.inputs["noise"]
    evaluate = model.function(
        [*recognised, "observations", "mask", "noise"], [log_weight, pt.grad(log_weight.sum(), noise)]
    )
    rngs = streams(rng, len(checked))
    log_weights = np.empty((n_draws, len(checked)))
    settings = {"unit": "frame", "unit_scale": True, "leave": False}
    n_frames = n_moves * n_draws * sum(map(len, checked))
    with tqdm(total=n_frames, disable=None if progress else True, **settings) as bar:
        for batch, (observations,) in packed(checked, max_steps=max(1, MAX_STEPS // n_draws)):
            log_weight_of = partial(evaluate, *recognise(observations, batch.mask), observations, batch.mask)
            draw = partial(noise_of, model, batch, rngs, n_draws)
            moved = partial(bar.update, n_draws * int(batch.lengths.sum()))
            terms = _anneal(log_weight_of, draw, n_moves, step_size, moved)
            log_weights[:, batch.indices] = batch.sums(by_draw(terms, n_draws)).T
    nats = math.log(n_draws) - logsumexp(log_weights, axis=0)
    errors = log_weights.std(axis=0, ddof=1) / math.sqrt(n_draws) if n_draws > 1 else None
    return score_of(sequences, nats, errors)


def _anneal(log_weight_of, draw, n_moves, step_size, moved):
    """Logarithms of weights by step and draw, (n_steps, n_columns).

    Parameters
    ----------
    log_weight_of : callable
        From noise (n_steps, n_columns, n_latent) to log w(e) by step (n_steps, n_columns), and its gradient.
    draw : callable
        Returns new noise.
    n_moves : int
    step_size : float
    moved : callable
        Called after each move.
    """
    noise, momentum = draw(), draw()
    cos, sin = math.cos(step_size), math.sin(step_size)
    log_weights, gradient = log_weight_of(noise)
    gained = np.zeros(log_weights.shape)

    def push(strength):
        added = np.clip((strength * step_size / 2) * gradient, -1, 1)
        gained[...] -= (added * (momentum + added / 2)).sum(axis=-1)
        return momentum + added

    for move in range(1, n_moves + 1):
        momentum = push(move / n_moves)
        noise, momentum = cos * noise + sin * momentum, cos * momentum - sin * noise
        log_weights, gradient = log_weight_of(noise)
        momentum = push(move / n_moves)
        momentum = KEPT_MOMENTUM * momentum + math.sqrt(1 - KEPT_MOMENTUM**2) * draw()
        moved()
    return log_weights + gained

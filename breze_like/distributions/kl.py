"""Kullback-Leibler divergences from approximate posteriors to priors, a registry of pairs.

>>> kl_divergence(GaussMarkov(a, m, v, mask), WienerProcess())  # (n_steps, n_sequences), nats

For a pair of classes, the function that is registered for them, or for their nearest base classes, is used;
`register` adds pairs for your own classes.
"""

import pytensor.tensor as pt

from breze_like.distributions.posteriors import Diagonal, MarkovPosterior
from breze_like.distributions.processes import (
    GaussianProcess,
    MarkovProcess,
    WienerProcess,
    apply_over_time,
    first_steps,
)

_REGISTRY = {}


def register(posterior, prior):
    """Decorator: the function computes the divergence for these two classes.

    It takes (q, p), and returns nats for each latent, (n_steps, n_sequences, n_latent); those in the padding
    are set to 0 afterwards.
    """

    def decorate(function):
        _REGISTRY[posterior, prior] = function
        return function

    return decorate


def kl_divergence(q, p):
    """KL(q || p), exact, split over steps: the term of step t is that of z_t given z_1, ..., z_{t-1}.

    Parameters
    ----------
    q : MarkovPosterior
    p : Process

    Returns
    -------
    TensorVariable, shape (n_steps, n_sequences), nats; 0 where the mask of q is 0. The sum over steps is the
    divergence.

    Raises
    ------
    ValueError
        If no function is registered for the two classes.
    """
    return kl_by_latent(q, p).sum(axis=-1)


def kl_by_latent(q, p):
    """`kl_divergence` of each latent, (n_steps, n_sequences, n_latents), nats."""
    for q_class in type(q).__mro__:
        for p_class in type(p).__mro__:
            if (q_class, p_class) in _REGISTRY:
                return q.mask[:, :, None] * _REGISTRY[q_class, p_class](q, p)
    raise ValueError(
        f"q and p must be a registered pair, got {type(q).__name__} and {type(p).__name__}; see kl.register"
    )


def drawn_log_ratio(q, p, z, noise):
    """log p(z_t | ...) - log q(z_t | ...) for z = q.sample(noise), (n_steps, n_sequences), nats.

    For Markov processes it is computed from the noise: if latents have moved far, their differences have lost
    the digits of small innovations. Classes with their own methods for drawing or scoring use these instead.
    """
    if not (_inherits(q, MarkovPosterior, "sample", "log_prob") and _inherits(p, MarkovProcess, "log_prob")):
        return p.log_prob(z, q.mask) - q.log_prob(z)
    difference = q.drawn_difference(z, noise, p.coefficient)
    return p.log_prob_of_difference(difference, q.mask) - q.drawn_log_prob(noise)


def _inherits(value, cls, *names):
    """Whether an object has these methods from the class, and none of its own in their place."""
    return isinstance(value, cls) and all(getattr(type(value), n) is getattr(cls, n) for n in names)


@register(MarkovPosterior, MarkovProcess)
def _(q, p):
    mean, variance = q.difference(p.coefficient)
    expected = p.given_past(first_steps(q.mask))
    return _gaussian((variance + mean**2) / expected, q.innovation_variance / expected)


@register(MarkovPosterior, GaussianProcess)
def _(q, p):
    """Costs O(n_steps^3) for each sequence and latent."""
    rows, log_deviations = p.whitening(q.mask)
    # (n_sequences, 1, t, r) @ (n_sequences, n_latents, r, s)
    weights = rows[:, None] @ q.responses().transpose(2, 3, 0, 1)
    variance = (weights**2 * q.innovation_variance.transpose(1, 2, 0)[:, :, None, :]).sum(axis=-1)
    second_moment = variance.transpose(2, 0, 1) + apply_over_time(rows, q.mean) ** 2
    return _gaussian(second_moment, q.innovation_variance) + log_deviations[:, :, None]


@register(Diagonal, GaussianProcess)
def _(q, p):
    rows, log_deviations = p.whitening(q.mask)
    second_moment = apply_over_time(rows**2, q.variance) + apply_over_time(rows, q.mean) ** 2
    return _gaussian(second_moment, q.innovation_variance) + log_deviations[:, :, None]


def _gaussian(second_moment, innovation_variance):
    """1/2 [E[u^2] - 1 - log v], for u that is standard normal under the prior."""
    return (second_moment - 1 - pt.log(innovation_variance)) / 2


def independent_increments_kl(q, p):
    """The published term for the divergence from a diagonal q to the Wiener process; it gives no bound.

        1/2 sum_t [v_t + v_{t-1} + (m_t - m_{t-1})^2 - 1 - log(v_t + v_{t-1})]

    It treats the increments of q as independent. They are not, since neighbours share a z, and the sum is
    smaller than the divergence by 1/2 sum_t log(1 + v_{t-1} / v_t).

    Parameters
    ----------
    q : Diagonal
    p : WienerProcess

    Returns
    -------
    TensorVariable, shape (n_steps, n_sequences), nats; 0 where the mask of q is 0.

    Raises
    ------
    ValueError
        If q or p is of another class.

    References
    ----------
    Bayer & Osendorfer (2014), section 3.3.
    """
    if not (isinstance(q, Diagonal) and isinstance(p, WienerProcess)):
        raise ValueError(
            "kl='independent_increments' is defined for a Diagonal posterior and a WienerProcess prior only, "
            f"got {type(q).__name__} and {type(p).__name__}"
        )
    mean, variance = q.difference(1.0)
    return q.mask * _gaussian(variance + mean**2, variance).sum(axis=-1)


KLS = {"exact": kl_divergence, "independent_increments": independent_increments_kl}

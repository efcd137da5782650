"""Training objectives of variational models, in nats per time step.

An objective is called with a model, and is a function of the quantities that the model names. If it weighs
draws of the latents against each other, it has the attribute `weighs_draws = True`: its models are then
validated on the importance weighted bound, with as many draws as in training, and not on the variational
bound. If it also has a method `by_step`, from the model to nats (n_steps, n_sequences), they are validated on
these; the model has them as ``"loss/by_step"``.

>>> VRAE(88, 32, objective=FreeBits(0.5))
"""

import pytensor.tensor as pt

from breze_like.checks import is_number
from breze_like.distributions import MarkovProcess, kl_by_latent, kl_divergence
from breze_like.distributions.posteriors import Diagonal
from breze_like.log_space import log_mean_exp
from breze_like.models.base import per_step
from breze_like.recurrence import path_weights


def annealed_bound(model):
    """1 / n_steps sum_t [kl_weight KL_t(q || p) - log p(x_t | z)], averaged over the draws of z.

    The divergence is the model's choice: this is a bound only if that is the exact one, and its weight is 1.
    """
    kl = model.inputs["kl_weight"] * model.expressions["objective_kl"]
    log_prob = model.over_draws(pt.mean, model.expressions["emission/log_prob"])
    return per_step(kl - log_prob, model.inputs["mask"])


def importance_weighted_bound(model):
    """-1 / n_steps log 1/S sum_s p(x, z_s) / q(z_s | x), of S draws, summed over sequences.

    A bound of the negative log-likelihood, tighter with more draws; with one draw, it is the variational
    bound with a divergence estimated from that draw. kl_weight is the weight of log p(z) - log q(z | x).

    Raises
    ------
    ValueError
        If the model's divergence is not the exact one.

    References
    ----------
    Burda, Grosse & Salakhutdinov (2016), Importance weighted autoencoders.
    """
    check_divergence(model, "importance_weighted")
    log_weights = log_weight(model.expressions, model.inputs["kl_weight"]).sum(axis=0)
    return per_step(-model.over_draws(log_mean_exp, log_weights), model.inputs["mask"])


importance_weighted_bound.weighs_draws = True


def log_weight(terms, kl_weight=1.0):
    """log p(x | z) + kl_weight (log p(z) - log q(z | x)), of terms by name: variables, or values of them."""
    return terms["emission/log_prob"] + kl_weight * terms["latents/log_ratio"]


def weighs_draws(model):
    """Whether the model's training objective weighs draws of the latents against each other."""
    return model.has_latents and getattr(model.objective, "weighs_draws", False)


class FreeBits:
    """`annealed_bound` with a divergence that gains nothing below `nats` for each latent.

        sum_d max(nats, 1 / n_steps sum_t KL_t(q_d || p_d))

    takes the place of the exact divergence; the mean is over all steps of the minibatch.

    Parameters
    ----------
    nats : float
        Free nats for each latent and time step.

    Raises
    ------
    ValueError
        If it is not positive and finite; when it is called, if the model's divergence is not the exact one.

    References
    ----------
    Kingma et al. (2016), Improving variational inference with inverse autoregressive flow, appendix.
    """

    def __init__(self, nats=0.1):
        if not is_number(nats) or not 0 < nats < float("inf"):
            raise ValueError(f"nats must be positive and finite, got {nats!r}")
        self.nats = float(nats)

    def __call__(self, model):
        check_divergence(model, "free_bits")
        mask = model.inputs["mask"]
        kl = kl_by_latent(model.posterior, model.prior).sum(axis=(0, 1)) / mask.sum()
        log_prob = model.over_draws(pt.mean, model.expressions["emission/log_prob"])
        return model.inputs["kl_weight"] * pt.maximum(kl, self.nats).sum() - per_step(log_prob, mask)


class TensorMonteCarlo:
    """-1 / n_steps log of the mean weight of all S^T ways to take one of S draws at each step.

        prod_t p(x_t | z_t) p(z_t | z_{t-1}) / q(z_t | x)

    is the weight of a way; the logarithms are summed over sequences. Draws of different steps are
    independent, so each way is a draw of a sequence from q, and the mean is an unbiased estimate of the
    likelihood: this is a bound, as the importance weighted one is. It is much tighter, since some of the S
    draws of each step have to be good ones, and no whole sequence has to. `path_weights` finds the mean at a
    cost of S^2 a step.

    Models that are trained on it have a higher likelihood than those trained on the variational bound, by
    `particle_filter_nll`; their variational bound is a poor one.

    kl_weight is the weight of log p(z) - log q(z | x).

    Raises
    ------
    ValueError
        When it is called, if the model's divergence is not the exact one, its posterior is not "diagonal",
        its prior is no Markov process, or x_t depends on other latents than z_t, as in a VRAE.

    References
    ----------
    Aitchison (2019), Tensor Monte Carlo: particle methods for the GPU era.
    """

    weighs_draws = True

    def __call__(self, model):
        return per_step(model.expressions["loss/by_step"], model.inputs["mask"])

    def by_step(self, model):
        """What each step adds to the minus logarithm: (n_steps, n_sequences), 0 in the padding."""
        check_divergence(model, "tensor_monte_carlo")
        check_steps_are_independent(model)
        mask, kl_weight = model.inputs["mask"], model.inputs["kl_weight"]
        log_q = model.drawn_posterior.drawn_log_prob(model.inputs["noise"])
        own = _beside(model.expressions["emission/log_prob"] - kl_weight * log_q, mask)
        pair = model.prior.log_prob_of_pairs(_beside(model.expressions["latents"], mask), mask)
        real = pt.gt(mask, 0)
        u = path_weights(own, kl_weight * pair, real[:, :, None])
        return pt.switch(real, -log_mean_exp(u, axis=-1), 0.0)


def _beside(terms, mask):
    """(n_steps, n_draws * n_sequences, ...) as (n_steps, n_sequences, n_draws, ...)."""
    n_steps, n_sequences = mask.shape
    return terms.reshape((n_steps, -1, n_sequences, *terms.shape[2:])).swapaxes(1, 2)


def check_steps_are_independent(model):
    """Raise a ValueError unless draws of all steps are independent, and x_t sees z_t, which sees z_{t-1}."""
    needed = {
        "posterior": (isinstance(model.posterior, Diagonal), "'diagonal'", model.posterior),
        "prior": (isinstance(model.prior, MarkovProcess), "a MarkovProcess", model.prior),
        "model": (model.emits_from_step, "a VOSP", model),
    }
    for name, (is_right, what, value) in needed.items():
        if not is_right:
            got = type(value).__name__
            raise ValueError(f"{name} must be {what} if objective='tensor_monte_carlo', got {got}")


def check_divergence(model, objective):
    """Raise a ValueError unless the model's divergence is the exact one."""
    if model.objective_kl is not kl_divergence:
        got = getattr(model.objective_kl, "__name__", model.objective_kl)
        raise ValueError(f"kl must be 'exact' if objective={objective!r}, got {got}")


OBJECTIVES = {
    "bound": annealed_bound,
    "free_bits": FreeBits(),
    "importance_weighted": importance_weighted_bound,
    "tensor_monte_carlo": TensorMonteCarlo(),
}

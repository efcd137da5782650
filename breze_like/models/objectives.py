"""Training objectives of variational models, in nats per time step.

An objective is called with a model, and is a function of the quantities that the model names. If it weighs
draws of the latents against each other, it has the attribute `weighs_draws = True`: its models are then
validated on the importance weighted bound, with as many draws as in training, and not on the variational
bound.

>>> VRAE(88, 32, objective=FreeBits(0.5))
"""

import pytensor.tensor as pt

from breze_like.distributions import kl_by_latent, kl_divergence, log_sum_exp
from breze_like.models.base import per_step


def variational_bound(model):
    """1 / n_steps sum_t [kl_weight KL_t(q || p) - log p(x_t | z)], averaged over the draws of z.

    The divergence is the model's choice.
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
    """`variational_bound` with a divergence that gains nothing below `nats` for each latent.

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
        if not isinstance(nats, int | float) or not 0 < nats < float("inf"):
            raise ValueError(f"nats must be positive and finite, got {nats!r}")
        self.nats = float(nats)

    def __call__(self, model):
        check_divergence(model, "free_bits")
        mask = model.inputs["mask"]
        kl = kl_by_latent(model.posterior, model.prior).sum(axis=(0, 1)) / mask.sum()
        log_prob = model.over_draws(pt.mean, model.expressions["emission/log_prob"])
        return model.inputs["kl_weight"] * pt.maximum(kl, self.nats).sum() - per_step(log_prob, mask)


def check_divergence(model, objective):
    """Raise a ValueError unless the model's divergence is the exact one."""
    if model.objective_kl is not kl_divergence:
        got = getattr(model.objective_kl, "__name__", model.objective_kl)
        raise ValueError(f"kl must be 'exact' if objective={objective!r}, got {got}")


def log_mean_exp(x, axis):
    """log of the mean of exp(x), without overflow."""
    return log_sum_exp(x, axis) - pt.log(pt.cast(x.shape[axis], x.dtype))


OBJECTIVES = {
    "bound": variational_bound,
    "free_bits": FreeBits(),
    "importance_weighted": importance_weighted_bound,
}

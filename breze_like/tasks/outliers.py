"""Finding what is improbable."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from breze_like.checks import check_positive_integers, choose
from breze_like.data import over_batches
from breze_like.estimators.latent_draws import over_draws
from breze_like.models.base import check_observations
from breze_like.pictures.html import table

# So many sequences are in the table of a notebook.
N_SHOWN = 10


@dataclass(frozen=True)
class OutlierScores:
    """How improbable sequences are, in nats; higher is less probable.

    Parameters
    ----------
    steps : list of ndarray, shape (n_steps,)
        Of each step; they add up to the score of the sequence.
    n_observed : ndarray of int, shape (n_sequences,), optional
        How many entries of each sequence were observed; None if nothing is missing.
    """

    steps: list
    n_observed: NDArray[np.int_] | None = None

    @property
    def ranks(self) -> NDArray[np.float64]:
        """What tells outliers: `sequences` or, if entries are missing, `per_observed_entry`."""
        return self.sequences if self.n_observed is None else self.per_observed_entry

    @property
    def per_observed_entry(self) -> NDArray[np.float64]:
        """Nats per observed entry; of a sequence with many gaps, those per step are few."""
        totals = np.array([nats.sum() for nats in self.steps])
        return totals / np.maximum(self.n_observed, 1)

    @property
    def sequences(self) -> NDArray[np.float64]:
        """Nats per time step of each sequence: ndarray, shape (n_sequences,)."""
        return np.array([nats.mean() for nats in self.steps])

    def _repr_html_(self):
        scores = self.sequences
        head = [("sequence, the least probable first", True), ("nats per step", True), ("worst step", True)]
        order = np.argsort(-self.ranks, kind="stable")[:N_SHOWN]
        lines = [(i, f"{scores[i]:.3f}", int(self.steps[i].argmax())) for i in order]
        return table(head, lines, "Outlier scores")


def outlier_scores(
    model,
    sequences: Sequence[NDArray],
    rng: np.random.Generator,
    n_draws: int = 10,
    estimator: str = "bound",
) -> OutlierScores:
    """Score each step and each sequence by how improbable it is.

    A model without latents has exact scores, -log p(x_t | x_1, ..., x_{t-1}). One with latents has

    "bound" : KL_t(q || p) + E_q[-log p(x_t | z)], whose first term is that of z_t given the latents before.
        Both terms can show that a step is unusual: by latents far from those before, or by observations that
        no latents explain.
    "importance_sampled" : the growth of -log 1/S sum_s w_s,t by the step t, with w_s,t the product over the
        steps up to t of p(x_t, z_t | ...) / q(z_t | ...), at the draws z_s ~ q. Of a VOSP, it estimates
        -log p(x_t | x_1, ..., x_{t-1}). The q of a VRAE has seen the future, so that only the sum over the
        steps has a meaning of its own: -log p(x) of the sequence.

    Their sums over a sequence are the scores of `variational_bound` and `importance_sampled_nll`.

    Parameters
    ----------
    model : Model
    sequences : list of ndarray, shape (n_steps, n_visible)
    rng : numpy.random.Generator
    n_draws : int
        Draws of the latents.
    estimator : "bound" or "importance_sampled"
        Of a model with latents.

    Returns
    -------
    OutlierScores

    Raises
    ------
    ValueError
        If the sequences are not of the kind that the model emits, the number of draws is not positive, or
        the estimator is unknown.
    """
    check_positive_integers(n_draws=n_draws)
    estimate = choose("estimator", estimator, ESTIMATORS)
    checked = check_observations(model, sequences)
    steps = estimate(model, checked, rng, n_draws) if model.has_latents else _exact(model, checked)
    n_observed = np.array([np.sum(~np.isnan(x)) for x in checked])
    return OutlierScores(steps, n_observed if n_observed.sum() < sum(x.size for x in checked) else None)


def _exact(model, sequences):
    objective = model.function(["observations", "mask"], "objective")
    return over_batches(lambda batch, x: [objective(x, batch.mask)], sequences)[0]


def _bound(model, sequences, rng, n_draws):
    steps = [None] * len(sequences)
    for batch, (kl,), blocks in over_draws(model, sequences, rng, n_draws, ["kl"], ["emission/log_prob"]):
        log_prob = sum(block.sum(axis=2, dtype=float) for (block,) in blocks) / n_draws
        for index, nats in zip(batch.indices, batch.take(kl - log_prob), strict=True):
            steps[index] = nats
    return steps


def _importance_sampled(model, sequences, rng, n_draws):
    log_sums = [-np.inf] * len(sequences)
    for batch, _, blocks in over_draws(model, sequences, rng, n_draws, [], ["log_weight"]):
        for (block,) in blocks:
            for index, log_weights in zip(batch.indices, batch.take(block), strict=True):
                cumulated = np.cumsum(log_weights, axis=0, dtype=float)
                log_sums[index] = np.logaddexp(log_sums[index], np.logaddexp.reduce(cumulated, axis=1))
    return [-np.diff(log_sum - np.log(n_draws), prepend=0.0) for log_sum in log_sums]


ESTIMATORS = {"bound": _bound, "importance_sampled": _importance_sampled}

"""Scores in nats, lower is better, and the standard errors of Monte Carlo estimates.

Every score has the two averages of the literature: `per_step`, all sequences' nats divided by all their
steps, and `per_sequence`, the mean over sequences of each one's nats per step. Estimates have standard errors
of both. These are due to the draws alone: other sequences, or another training, would make a larger
difference.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from breze_like.pictures.html import element, table
from breze_like.sequences import numbers_of_observed


@dataclass(frozen=True)
class Score:
    """Nats of each sequence.

    Parameters
    ----------
    nats : ndarray, shape (n_sequences,)
        Summed over the steps of a sequence.
    n_steps : ndarray of int, shape (n_sequences,)
    standard_errors : ndarray, shape (n_sequences,), optional
        Of the nats; None if they are exact, or if there is only one draw. The errors of different sequences
        are independent.
    n_observed : ndarray of int, shape (n_sequences,), optional
        Number of entries that are not missing; None if nothing is missing. The averages are always over all
        steps.
    """

    nats: np.ndarray
    n_steps: np.ndarray
    standard_errors: np.ndarray | None = None
    n_observed: np.ndarray | None = None

    @property
    def per_step(self) -> float:
        """Nats per time step, over all steps of all sequences."""
        return float(self.nats.sum() / self.n_steps.sum())

    @property
    def per_sequence(self) -> float:
        """Nats per time step, averaged over sequences of whatever length."""
        return float((self.nats / self.n_steps).mean())

    @property
    def per_observed_entry(self) -> float | None:
        """Nats per entry that is not missing, over all of them; None if no entry is missing, or all are."""
        if self.n_observed is None or not self.n_observed.any():
            return None
        return float(self.nats.sum() / self.n_observed.sum())

    @property
    def per_step_standard_error(self) -> float | None:
        """Of `per_step`; None without standard errors."""
        if self.standard_errors is None:
            return None
        return float(np.linalg.norm(self.standard_errors) / self.n_steps.sum())

    @property
    def per_sequence_standard_error(self) -> float | None:
        """Of `per_sequence`; None without standard errors."""
        if self.standard_errors is None:
            return None
        return float(np.linalg.norm(self.standard_errors / self.n_steps) / len(self.n_steps))

    def _rows(self):
        """Name, and both averages, of the score and its parts."""
        return [("score", self)]

    def _repr_html_(self):
        head = [("nats per time step", False), ("per step", True), ("per sequence", True)]
        lines = [
            (
                name,
                _text(score.per_step, score.per_step_standard_error),
                _text(score.per_sequence, score.per_sequence_standard_error),
            )
            for name, score in self._rows()
        ]
        words = f"{type(self).__name__}: {len(self.nats)} sequences, {self.n_steps.sum():,} steps"
        return element("div", element("p", words), table(head, lines, words))


def _text(average, error):
    return f"{average:.3f}" if error is None else f"{average:.3f} ± {error:.3f}"


def score_of(sequences, nats, standard_errors=None) -> Score:
    """The `Score` of sequences with these nats; entries that are NaN are missing."""
    return Score(nats, standard_errors=standard_errors, **sizes_of(sequences))


def sizes_of(sequences):
    """Arguments of a `Score` that are the same for all scores of the sequences."""
    return {"n_steps": np.array([len(s) for s in sequences]), "n_observed": numbers_of_observed(sequences)}


@dataclass(frozen=True, kw_only=True)
class Bound(Score):
    """A variational upper bound of the negative log-likelihood, and its two parts.

    Parameters
    ----------
    kl, reconstruction : Score
        The divergence from the approximate posterior to the prior, which is exact, and the expectation of
        -log p(x | z).
    """

    kl: Score
    reconstruction: Score

    def _rows(self):
        return [("upper bound", self), ("of which KL", self.kl), ("reconstruction", self.reconstruction)]


@dataclass(frozen=True, kw_only=True)
class ImportanceSampled(Score):
    """An upper bound, in expectation, of the negative log-likelihood, from weighted draws.

    Parameters
    ----------
    effective_sample_sizes : ndarray, shape (n_sequences,)
        (sum_s w_s)^2 / sum_s w_s^2 of each sequence's weights, from 1 to the number of draws. If a few draws
        have nearly all of the weight, the score is far above what more draws would give, and its standard
        error is too small.
    """

    effective_sample_sizes: np.ndarray

    def _rows(self):
        return [("upper bound, importance sampled", self)]


class Sampled(NamedTuple):
    """All scores of a model that are estimated from draws of the latents.

    Attributes
    ----------
    bound : Bound
        As of `estimators.variational_bound`.
    objective : Score
        As of `estimators.training_objective`: the bound with the divergence used in training, which is a true
        bound only if that is the exact one; or the importance sampled score, if the objective weighs draws.
    importance_sampled : ImportanceSampled
        As of `estimators.importance_sampled_nll`.
    """

    bound: Bound
    objective: Score
    importance_sampled: ImportanceSampled


class Mean:
    """For each of n sequences, the mean of numbers that come in blocks, and its standard error.

    Parameters
    ----------
    n : int

    Attributes
    ----------
    mean : ndarray, shape (n,)
    n_draws : ndarray of int, shape (n,)
        How many numbers there were.
    """

    def __init__(self, n):
        self.mean, self._squares, self.n_draws = np.zeros(n), np.zeros(n), np.zeros(n, int)

    def add(self, indices, values):
        """Take more numbers, of shape (n_draws, n_indices), for some of the sequences."""
        before, n = self.n_draws[indices], len(values)
        block = values.mean(axis=0)
        off = block - self.mean[indices]
        self.n_draws[indices] += n
        self.mean[indices] += off * n / (before + n)
        # A sum of squares, so that numbers that are all alike are off by rounding errors, not by their roots.
        self._squares[indices] += ((values - block) ** 2).sum(axis=0) + off**2 * before * n / (before + n)

    def scale(self, indices, factors):
        """Multiply the numbers of some of the sequences, those so far, by a factor for each."""
        self.mean[indices] *= factors
        self._squares[indices] *= factors**2

    @property
    def variance(self):
        """Of the numbers, the mean square of what they are off their mean, shape (n,)."""
        return self._squares / self.n_draws

    @property
    def standard_errors(self):
        """The root of the variance of the numbers over their number, shape (n,); None if that is 1."""
        if self.n_draws.min() < 2:
            return None
        return np.sqrt(self._squares / (self.n_draws - 1) / self.n_draws)


class LogMean:
    """For each of n sequences, the logarithm of the mean of weights whose logarithms come in blocks.

    The weights w_s are kept relative to the largest one so far, so that they may be as small or as large as
    they are; and what they are off their mean, since that would be lost in sums of squares.

    Parameters
    ----------
    n : int
    """

    def __init__(self, n):
        self._log_largest, self._weights = np.full(n, -np.inf), Mean(n)

    def add(self, indices, log_weights):
        """Take more weights, of shape (n_draws, n_indices), for some of the sequences."""
        before = self._log_largest[indices]
        largest = np.maximum(before, log_weights.max(axis=0))
        self._weights.scale(indices, np.exp(before - largest))
        self._weights.add(indices, np.exp(log_weights - largest))
        self._log_largest[indices] = largest

    @property
    def log_mean(self):
        """log 1/S sum_s w_s, shape (n,)."""
        return self._log_largest + np.log(self._weights.mean)

    @property
    def effective_sample_sizes(self):
        """(sum_s w_s)^2 / sum_s w_s^2, shape (n,)."""
        mean, n_draws = self._weights.mean, self._weights.n_draws
        return n_draws / (1 + self._weights.variance / mean**2)

    @property
    def standard_errors(self):
        """By the delta method, the standard error of the mean over the mean, shape (n,); None if S is 1."""
        errors = self._weights.standard_errors
        return None if errors is None else errors / self._weights.mean

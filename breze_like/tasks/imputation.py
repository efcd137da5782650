"""Filling in what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from breze_like.checks import check_positive_integers
from breze_like.data import over_batches
from breze_like.estimators.latent_draws import streams
from breze_like.models import HiddenMarkov
from breze_like.models.base import check_model, check_observations
from breze_like.pictures.shown import Sequences
from breze_like.sequences import check_array, listed
from breze_like.tasks.columns import Noise
from breze_like.tasks.decisions import likely_ones
from breze_like.tasks.exact_imputation import complete


@dataclass(frozen=True)
class Draws:
    """Several ways to complete each sequence.

    Parameters
    ----------
    draws : list of ndarray, shape (n_draws, n_steps, n_visible)
        One sequence from each chain.
    expectation : list of ndarray, shape (n_steps, n_visible)
        The emission's mean in the missing entries, averaged over the chains and, for a model with latents,
        over the second half of their rounds: for binary entries, their probability of being 1, with less
        noise than `mean` has. The mean of a NADE is an approximation, in whose place the draws are averaged.
        Observed entries are unchanged.
    observed : list of ndarray of bool, shape (n_steps, n_visible)
        False where an entry is missing.
    binary : bool
        Whether entries are zeros and ones.
    """

    draws: list
    expectation: list
    observed: list
    binary: bool

    @property
    def completed(self) -> list[NDArray]:
        """One answer for each sequence, in its data type: a list of ndarray, shape (n_steps, n_visible).

        Missing entries are their expectations or, if they are binary, `likely_ones` of these.
        """
        made = []
        for draws, expectation, observed in zip(self.draws, self.expectation, self.observed, strict=True):
            values = draws[0].copy()
            filled = expectation[~observed]
            values[~observed] = likely_ones(filled) if self.binary else filled
            made.append(values)
        return made

    @property
    def mean(self) -> list[NDArray]:
        """Mean over the draws: a list of ndarray, shape (n_steps, n_visible)."""
        return [d.mean(axis=0) for d in self.draws]

    @property
    def variance(self) -> list[NDArray]:
        """Variance over the draws, which shows how far they differ; 0 in observed entries."""
        return [d.var(axis=0) for d in self.draws]

    def _repr_html_(self):
        return Sequences(d[0] for d in self.draws)._repr_html_()


def impute(
    model,
    sequences: Sequence[NDArray],
    observed: Sequence[NDArray[np.bool_]] | None,
    rng: np.random.Generator,
    n_rounds: int = 20,
) -> list[NDArray]:
    """Complete sequences by rounds of modes.

    Modes contain few of the rare events, such as notes: `Draws.completed` of `impute_draws` is a better
    answer.

    Missing entries start uniform in [0, 1], in standardised units if the model uses these; if the model is
    made for missing observations, they start as missing. In each round, they are replaced:

        z^ = mode of q(z | x),   missing entries of x <- mode of p(x_missing | z^, x_observed)

    Parameters
    ----------
    model : Model
        A one-step model uses modes of predictions: its missing entries follow only from what comes before
        them, after as many rounds as there are steps with such entries. A hidden Markov model needs no
        rounds: it uses the modes at the states that are most probable given the observed entries.
    sequences : list of ndarray, shape (n_steps, n_visible)
        The values of missing entries do not matter; entries that are NaN are always missing. The model need
        not be made for missing observations.
    observed : list of ndarray of bool, shape (n_steps, n_visible), or None
        False where an entry is missing. None: where it is NaN.
    rng : numpy.random.Generator
    n_rounds : int

    Returns
    -------
    list of ndarray, shape (n_steps, n_visible)
        Observed entries are those of the sequences, bit for bit.

    Raises
    ------
    ValueError
        If observed entries are not of the kind that the model emits, a mask is not of booleans or of another
        shape, or the number of rounds is not positive.

    References
    ----------
    Bayer & Osendorfer (2014), section 4.3.
    """
    check_positive_integers(n_rounds=n_rounds)
    given, checked, observed = _check(model, sequences, observed)
    rngs = streams(rng, len(checked))
    if isinstance(model, HiddenMarkov):
        modes, _, _ = complete(model, checked, observed, rngs, 0)
        made = (_complete(x, o, m[:, None])[0] for x, o, m in zip(given, observed, modes, strict=True))
        return Sequences(made, observed)
    mode = model.function(["observations", "mask", "given"], "given/mode")

    def run(batch, x):
        chains = _Chains(model, batch, x, observed, rngs)
        for _ in range(n_rounds):
            chains.fill(mode(chains.observations, chains.mask, chains.given))
        return [chains.by_column(chains.observations)]

    (modes,) = over_batches(run, checked)
    return Sequences((_complete(*each)[0] for each in zip(given, observed, modes, strict=True)), observed)


def impute_draws(
    model,
    sequences: Sequence[NDArray],
    observed: Sequence[NDArray[np.bool_]] | None,
    rng: np.random.Generator,
    n_rounds: int = 50,
    n_draws: int = 20,
) -> Draws:
    """Complete sequences by rounds of draws, several times.

    As `impute`, except for

        z^ ~ q(z | x),   x_missing ~ p(x_missing | z^, x_observed)

    in chains that are independent of each other. If q were the exact posterior of a VRAE, they would converge
    to the distribution of the missing entries given the observed ones. For a VOSP, this limit is always an
    approximation, since p(x_t | z_t, h_{t-1}) is given the past as left by the previous round. For a NADE, it
    is one wherever a frame is observed in part: a missing key depends on the observed keys before it only.

    A one-step model uses the same random numbers in all rounds. After as many rounds as there are steps with
    missing entries, a chain is a draw of each of these steps given all before it, and no longer changes.

    A hidden Markov model needs no rounds: its draws are exact, of all missing entries given the observed
    ones.

    Parameters
    ----------
    model, sequences, observed, rng, n_rounds
        As for `impute`.
    n_draws : int
        Number of chains for each sequence.

    Returns
    -------
    Draws

    Raises
    ------
    ValueError
        As `impute`, or if the number of draws is not positive.

    References
    ----------
    Rezende et al. (2014), Stochastic backpropagation: the imputation of missing data.
    """
    check_positive_integers(n_rounds=n_rounds, n_draws=n_draws)
    given, checked, observed = _check(model, sequences, observed)
    rngs = streams(rng, len(checked))
    if isinstance(model, HiddenMarkov):
        _, means, drawn = complete(model, checked, observed, rngs, n_draws)
        draws = [_complete(*each) for each in zip(given, observed, drawn, strict=True)]
        expectation = [np.where(o, x, m) for x, o, m in zip(checked, observed, means, strict=True)]
        return Draws(draws, expectation, observed, True)
    inputs = ["observations", "mask", "given", "emission_noise", *(["noise"] if model.has_latents else [])]
    exact = model.emission.exact_mean
    draw = model.function(inputs, ["given/sample", "given/mean" if exact else "given/sample"])
    n_late = n_rounds - n_rounds // 2 if model.has_latents else 1

    def run(batch, x):
        chains = _Chains(model, batch, x, observed, rngs, n_draws)
        total = 0.0
        for i, noise in enumerate(_noise_of_rounds(model, chains.noise, n_rounds)):
            drawn, mean = draw(chains.observations, chains.mask, chains.given, *noise)
            chains.fill(drawn)
            total += mean if i >= n_rounds - n_late else 0.0
        return [chains.by_column(values) for values in (chains.observations, total / n_late)]

    drawn, means = over_batches(run, checked, n_draws)
    draws = [_complete(*each) for each in zip(given, observed, drawn, strict=True)]
    expectation = [np.where(o, x, m.mean(axis=1)) for x, o, m in zip(checked, observed, means, strict=True)]
    return Draws(draws, expectation, observed, model.emission.binary)


def _noise_of_rounds(model, noise, n_rounds):
    """For each round, the noise of the emission, then that of the latents if there are any."""
    if model.has_latents:
        for _ in range(n_rounds):
            yield noise.observations(model), noise.latents(model)
    else:
        yield from repeat((noise.observations(model),), n_rounds)


class _Chains:
    """A batch whose missing entries are filled again and again, several times side by side.

    Parameters
    ----------
    model : Model
    batch : Packing
    observations : ndarray, shape (n_steps, n_columns, n_visible)
        Padding included; `given` is the same with NaN where an entry is missing.
    observed : list of ndarray of bool
        Of all sequences.
    rngs : list of numpy.random.Generator
        Of the same.
    n_draws : int
        The columns of a draw are n_columns; those of the next one follow.
    """

    def __init__(self, model, batch, observations, observed, rngs, n_draws=1):
        self.noise = Noise(batch, rngs, n_draws)
        missing = batch.place([~o for o in batch.own(observed)]) > 0
        self.observations, self._missing = (np.tile(u, (1, n_draws, 1)) for u in (observations, missing))
        self.mask, self._n_draws = np.tile(batch.mask, (1, n_draws)), n_draws
        self.given = np.where(self._missing, np.nan, self.observations)
        start = self.noise(lambda rng, n_steps: rng.random((n_steps, observations.shape[2])))
        self.fill(np.nan if model.missing.allowed else model.standardization.in_units(start))

    def fill(self, values):
        self.observations = np.where(self._missing, values, self.observations)

    def by_column(self, values):
        """(n_steps, n_draws * n_columns, n) as (n_steps, n_columns, n_draws, n)."""
        return values.reshape(len(values), self._n_draws, -1, values.shape[2]).swapaxes(1, 2)


def _complete(sequence, observed, made):
    """The sequence with missing entries as they were made (n_steps, n_draws, n_visible), draws first."""
    return np.where(observed, sequence, made.swapaxes(0, 1).astype(sequence.dtype))


def _check(model, sequences, observed):
    """The sequences with 0 where an entry is missing, in their own precision and as the model takes them.

    And where nothing is missing.
    """
    check_model(model)
    listing = enumerate(listed(sequences, "sequences"))
    arrays = [check_array(x, f"sequences[{i}]", model.n_visible) for i, x in listing]
    if observed is None:
        observed = [np.ones(x.shape, bool) for x in arrays]
    observed = listed(observed, "observed")
    if len(observed) != len(arrays):
        raise ValueError(
            f"observed must have one mask for each of the {len(arrays)} sequences, got {len(observed)}"
        )
    given, known = [], []
    for i, (values, mask) in enumerate(zip(arrays, observed, strict=True)):
        o = np.asarray(mask)
        if o.shape not in {values.shape, values.shape[: 2 - (values.shape[1] == 1)]} or o.dtype != bool:
            got = f"{o.dtype} of shape {o.shape}"
            raise ValueError(f"observed[{i}] must be bool of the sequence's shape {values.shape}, got {got}")
        known.append(o.reshape(values.shape) & ~np.isnan(values))
        given.append(np.where(known[-1], values, np.zeros((), values.dtype)))
    checked = check_observations(model, given)
    if not model.emission.binary:  # what is filled in needs a type that has fractions
        given = [x.astype(np.result_type(x, c)) for x, c in zip(given, checked, strict=True)]
    return given, checked, known

"""Making new sequences."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from breze_like.checks import check_positive_integers, check_rng
from breze_like.models import VRAE
from breze_like.models.base import check_model, check_observations
from breze_like.pictures.shown import Sequences

# Values of all sequences that are drawn, so that a slip of the keyboard does not run for days.
MAX_ENTRIES = 2**31


def sample(
    model,
    rng: np.random.Generator,
    n_steps: int,
    n_sequences: int = 1,
    prefix: NDArray | Sequence[NDArray] | None = None,
    temperature: float = 1.0,
) -> list[NDArray]:
    """Draw sequences, or continue given ones.

    Latents are drawn from the prior, frames from the emission given these, or from the prediction of a
    one-step model. The temperature scales the randomness of a frame's distribution: the logits of binary
    entries are divided by it, the variance of real-valued ones is multiplied by it. Towards 0, frames become
    the modes of the emission. The temperature does not change the prior of the latents.

    Parameters
    ----------
    model : Model
    rng : numpy.random.Generator
    n_steps, n_sequences : int
    prefix : ndarray, shape (n_prefix, n_visible), or list of them, of any lengths, optional
        Frames that the sequences continue, `n_sequences` for each prefix; for models that run forward: a
        `VOSP` whose prior is a `MarkovProcess`, or a one-step model. To let a VRAE continue a sequence, mark
        the end of a longer one as missing in `impute_draws`.
    temperature : float
        From 1e-12 to 1e12.

    Returns
    -------
    list of ndarray, shape (n_steps, n_visible)
        The new frames, without the prefix; sequences that continue the same prefix are next to each other.

    Raises
    ------
    ValueError
        If a number is not positive, or the prefix has another shape, or values that the model does not emit,
        or is given to a model that does not run forward.
    """
    check_model(model)
    check_rng(rng)
    check_positive_integers(n_steps=n_steps, n_sequences=n_sequences)
    if n_steps * n_sequences * model.n_visible > MAX_ENTRIES:
        most = MAX_ENTRIES // (n_sequences * model.n_visible)
        raise ValueError(
            f"n_steps must be at most {most}, since a sample may have 2^31 values, got {n_steps}"
        )
    if prefix is None:
        return _sequences(model.sample(rng, n_steps, n_sequences, temperature=temperature))
    if isinstance(model, VRAE):
        raise ValueError("prefix must be None for a VRAE, which does not run forward: see impute_draws")
    if isinstance(prefix, np.ndarray):
        if prefix.ndim != 2 and (prefix.ndim, model.n_visible) != (1, 1):
            shape = f"(n_prefix, {model.n_visible})"
            raise ValueError(
                f"prefix must be an array {shape}, or a list of such arrays, got shape {prefix.shape}"
            )
        prefix = [prefix]
    prefixes = check_observations(model, prefix, "prefix")
    drawn = [None] * len(prefixes)
    for length in sorted({len(p) for p in prefixes}):
        indices = [i for i, p in enumerate(prefixes) if len(p) == length]
        columns = np.repeat(np.stack([prefixes[i] for i in indices], axis=1), n_sequences, axis=1)
        new = model.sample(rng, n_steps, columns.shape[1], columns, temperature)
        for place, index in enumerate(indices):
            drawn[index] = _sequences(new[:, place * n_sequences : (place + 1) * n_sequences])
    return Sequences(sequence for group in drawn for sequence in group)


def _sequences(columns):
    return Sequences(np.swapaxes(columns, 0, 1))

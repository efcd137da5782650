"""Making new sequences."""

import numpy as np
from numpy.typing import NDArray

from breze_like.estimators import check_observations
from breze_like.models import VRAE


def sample(
    model,
    rng: np.random.Generator,
    n_steps: int,
    n_sequences: int = 1,
    prefix: NDArray | None = None,
    temperature: float = 1.0,
) -> NDArray:
    """Draw sequences, or go on with given ones.

    Latents are drawn from the prior, frames from the emission given these, or from the prediction of a
    one-step model. The temperature scales what a frame's distribution leaves open: the logits of binary
    entries are divided by it, the variance of real-valued ones is multiplied by it. Towards 0, frames become
    the modes of the emission. The latents keep the prior that the emission was trained under.

    Parameters
    ----------
    model : Model
    rng : numpy.random.Generator
    n_steps, n_sequences : int
    prefix : ndarray, shape (n_prefix, n_sequences, n_visible), optional
        The frames before the first one that is drawn; for models that run forward: a `VOSP` whose prior is a
        `MarkovProcess`, or a one-step model. To let a VRAE go on with something, mark the end of a longer
        sequence as missing in `impute_draws`.
    temperature : float
        Positive.

    Returns
    -------
    ndarray, shape (n_steps, n_sequences, n_visible)

    Raises
    ------
    ValueError
        If a number is not positive, or the prefix has another shape, or values that the model does not emit,
        or is given to a model that does not run forward.
    """
    if isinstance(model, VRAE):
        if prefix is not None:
            got = f"shape {np.shape(prefix)}"
            raise ValueError(f"prefix must be None for a VRAE, which does not run forward, got {got}")
        return model.sample(rng, n_steps, n_sequences, temperature=temperature)
    if prefix is not None and np.ndim(prefix) == 3 and np.size(prefix):
        check_observations(model, np.swapaxes(prefix, 0, 1), "prefix")
    return model.sample(rng, n_steps, n_sequences, prefix, temperature)

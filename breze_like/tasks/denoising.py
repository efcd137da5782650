"""Removing noise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from breze_like.checks import is_number
from breze_like.data import over_batches
from breze_like.models.base import check_observations
from breze_like.pictures.shown import Sequences


def denoise(model, sequences: Sequence[NDArray], p_on: float | None = None) -> list[NDArray]:
    """The most probable observations at the most probable latents.

        z~ = mode of q(z | x),   x~ = mode of p(x | z~)

    A VRAE reads the whole sequence for each of its frames. A VOSP reads the frames up to the one that it
    cleans, so its result for the beginning of a sequence does not depend on the rest, and `VOSP.step` gives
    the same frame by frame. A one-step model reads only earlier frames: the mode of its prediction replaces
    the frame, which it has not seen. A hidden Markov model reads the whole sequence: the mode is that of the
    most probable state of each frame and, with `p_on`, m is averaged over the states.

    Parameters
    ----------
    model : Model
    sequences : list of ndarray, shape (n_steps, n_visible)
    p_on : float, optional
        A model of the noise on binary observations: each entry has been switched on with this probability,
        and none was switched off. Then x~ is the most probable value given z~ and the noisy value, with m the
        mean of p(x | z~):

            p(x = 1 | z~, noisy x = 1) = m / (m + p_on (1 - m)),   p(x = 1 | z~, noisy x = 0) = 0

        Where x is missing, NaN, it is the most probable value given z~ alone.

    Returns
    -------
    list of ndarray, shape (n_steps, n_visible)
        uint8 for binary observations, else floatX. The mode of a NADE or of a mixture is approximate.

    Raises
    ------
    ValueError
        If the sequences are not of the kind that the model emits, or `p_on` is not in (0, 1), or is given for
        real-valued observations.

    References
    ----------
    Bayer & Osendorfer (2014), section 4.2.
    """
    checked = check_observations(model, sequences)
    if p_on is None:
        modes = _evaluate(model, "denoised", checked)
        return Sequences(mode.astype(x.dtype) for mode, x in zip(modes, checked, strict=True))
    if not (model.emission.binary and is_number(p_on) and 0 < p_on < 1):
        kind = "binary" if model.emission.binary else "real-valued"
        raise ValueError(f"p_on must be in (0, 1), for binary observations, got {p_on!r} for {kind} ones")
    means = _evaluate(
        model, "reconstruction" if "reconstruction" in model.expressions else "emission/mean", checked
    )
    return Sequences(
        np.where(np.isnan(x), m >= 0.5, x * (m >= p_on * (1 - m))).astype(x.dtype)
        for m, x in zip(means, checked, strict=True)
    )


def _evaluate(model, name, sequences):
    function = model.function(["observations", "mask"], name)
    return over_batches(lambda batch, x: [function(x, batch.mask)], sequences)[0]

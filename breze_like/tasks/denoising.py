"""Removing noise."""

from breze_like.estimators import check_observations
from breze_like.tasks.columns import over_batches


def denoise(model, sequences):
    """The most probable observations at the most probable latents.

        z~ = mode of q(z | x),   x~ = mode of p(x | z~)

    A VRAE reads all of a sequence for each of its frames. A VOSP reads the frames up to the one that it
    cleans, so what it gives for the beginning of a sequence is the beginning of what it gives for all of it,
    and `VOSP.step` gives the same frame by frame. A one-step model reads the frames before only: the mode of
    its prediction stands for the frame, which it has not seen.

    Parameters
    ----------
    model : Model
    sequences : list of ndarray, shape (n_steps, n_visible)

    Returns
    -------
    list of ndarray, shape (n_steps, n_visible)
        uint8 of binary observations, else floatX. The mode of a NADE or of a mixture is approximate.

    Raises
    ------
    ValueError
        If the sequences are not of the kind that the model emits.

    References
    ----------
    Bayer & Osendorfer (2014), section 4.2.
    """
    checked = check_observations(model, sequences)
    denoised = model.function(["observations", "mask"], "denoised")
    (modes,) = over_batches(lambda _, x, mask: [denoised(x, mask)], checked)
    return [mode.astype(x.dtype) for mode, x in zip(modes, checked, strict=True)]

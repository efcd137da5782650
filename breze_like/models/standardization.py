"""Standardisation of observations: networks see and emit standardised values, users never do.

>>> VRAE(3, 2, emission="gaussian_shared", standardization=Standardization.of(train))
"""

from functools import partial

import numpy as np
import pytensor.tensor as pt

from breze_like.distributions import Standardized
from breze_like.models.emissions import MappedEmission
from breze_like.sequences import check_any, check_array, listed


class AsTheyAre:
    """Observations are taken as they are."""

    def read(self, x):
        """What networks read of observations (..., n_visible)."""
        return x

    def emission(self, emission):
        """The emission in the units of the observations."""
        return emission

    def in_units(self, u):
        """From standardised values, an ndarray (..., n_visible), to observations."""
        return u


class Standardization:
    """u = (x - mean) / sqrt(variance) for networks, and emissions of x = mean + sqrt(variance) u.

    Scores are of the density of x: the Jacobian is counted.

    Parameters
    ----------
    mean, variance : array_like, shape (n_visible,)

    Raises
    ------
    ValueError
        If they are not finite, of different shapes, or a variance is not positive.
    """

    def __init__(self, mean, variance):
        self.mean, self.variance = np.asarray(mean, float), np.asarray(variance, float)
        if self.mean.ndim != 1 or self.mean.shape != self.variance.shape:
            got = f"shapes {self.mean.shape} and {self.variance.shape}"
            raise ValueError(f"mean and variance must have one number for each feature, got {got}")
        wrong = ~(np.isfinite(self.mean) & np.isfinite(self.variance) & (self.variance > 0))
        if wrong.any():
            i = int(wrong.argmax())
            got = f"mean {self.mean[i]} and variance {self.variance[i]} for feature {i}"
            raise ValueError(f"mean and variance must be finite, and the variance positive, got {got}")

    @classmethod
    def of(cls, sequences):
        """From the moments of everything that is not NaN in sequences, a list of (n_steps, n_visible).

        Features that do not vary get a variance of 1, and features without any values a mean of 0.
        """
        checked = [check_array(x, f"sequences[{i}]", 1) for i, x in enumerate(listed(sequences, "sequences"))]
        check_any(checked, "sequences")
        for i, x in enumerate(checked):
            if x.shape[1] != checked[0].shape[1]:
                raise ValueError(f"sequences[{i}] must have {checked[0].shape[1]} features, got {x.shape[1]}")
        frames = np.concatenate(checked).astype(float)
        n_known = np.maximum((~np.isnan(frames)).sum(axis=0), 1)
        mean = np.nansum(frames, axis=0) / n_known
        variance = np.nansum((frames - mean) ** 2, axis=0) / n_known
        highest, lowest = np.fmax.reduce(frames), np.fmin.reduce(frames)  # NaN if nothing is known
        varies = (highest > lowest) & (variance > 0)  # a variance may be too small for a number
        return cls(mean, np.where(varies, variance, 1.0))

    @property
    def arguments(self):
        """The arguments that make it, as JSON has them."""
        return {"mean": self.mean.tolist(), "variance": self.variance.tolist()}

    def read(self, x):
        return (x - pt.cast(self.mean, x.dtype)) / pt.cast(np.sqrt(self.variance), x.dtype)

    def emission(self, emission):
        """The emission of x, given that of u.

        Raises
        ------
        ValueError
            If the emission is of binary values, or there are other numbers of them.
        """
        if emission.binary:
            kind = type(emission).__name__
            raise ValueError(
                f"standardization must be left out for binary observations, got {kind} (in "
                "experiments.train, leave out --standardize)"
            )
        if self.mean.shape != (emission.n_visible,):
            raise ValueError(f"standardization must have {emission.n_visible} features, got {len(self.mean)}")
        return MappedEmission(emission, partial(Standardized, mean=self.mean, variance=self.variance))

    def in_units(self, u):
        return self.mean + np.sqrt(self.variance) * u


def standardization_of(value):
    """A `Standardization` from its arguments, a dict, as a run has them; None is `AsTheyAre`.

    Raises
    ------
    ValueError
        If it is something else.
    """
    if value is None:
        return AsTheyAre()
    if isinstance(value, dict) and set(value) == {"mean", "variance"}:
        return Standardization(**value)
    if not isinstance(value, Standardization):
        raise ValueError(
            f"standardization must be None, a Standardization or its mean and variance, got {value!r}"
        )
    return value

"""Keep probabilities and affine layers."""

import numpy as np
import pytensor
import pytensor.tensor as pt

from breze_like.layers.base import Layer
from breze_like.moments import affine, product


class FixedKeep:
    """A probability to keep a unit that is given.

    Raises
    ------
    ValueError
        If it is not in (0, 1].
    """

    def __init__(self, p_keep):
        if not 0 < p_keep <= 1:
            raise ValueError(f"p_keep must be 'learned' or in (0, 1], got {p_keep!r}")
        self.p_keep = float(p_keep)

    def __call__(self):
        return pt.as_tensor(np.asarray(self.p_keep, pytensor.config.floatX))

    def initialize(self, rng, initialization):
        """Nothing to draw."""


class LearnedKeep(Layer):
    """A probability to keep a unit that is learned: 0.025 + 0.95 sigmoid(theta), so it stays off 0 and 1."""

    INITIAL = 0.9

    def __init__(self, parameters, name):
        super().__init__(parameters, name)
        self.declare("logit", (1,))

    def __call__(self):
        return 0.025 + 0.95 * pt.sigmoid(self["logit"][0])

    def initialize(self, rng, initialization):
        share = (self.INITIAL - 0.025) / 0.95
        self.view("logit")[...] = np.log(share / (1 - share))


def keep_probability(parameters, name, p_keep):
    """A `LearnedKeep` for ``"learned"``, else a `FixedKeep` of the number."""
    return LearnedKeep(parameters, name) if p_keep == "learned" else FixedKeep(p_keep)


class Affine(Layer):
    """x W + b.

    Parameters
    ----------
    parameters : ParameterSet
    name : str
    n_in, n_out : int
    """

    def __init__(self, parameters, name, n_in, n_out):
        super().__init__(parameters, name)
        self.declare("weights", (n_in, n_out))
        self.declare("bias", (n_out,))

    def __call__(self, x):
        """x of shape (..., n_in) to (..., n_out)."""
        return product(x, self["weights"]) + self["bias"]

    def initialize(self, rng, initialization):
        weights = self.view("weights")
        weights[...] = initialization.weights(rng, weights.shape)


class FastDropoutAffine(Affine):
    """Moments of (d x) W + b with dropout d; see `moments.affine`.

    Parameters
    ----------
    parameters, name, n_in, n_out
        As for `Affine`.
    p_keep : float or "learned"
        Probability to keep an input.
    """

    def __init__(self, parameters, name, n_in, n_out, p_keep):
        super().__init__(parameters, name, n_in, n_out)
        self.p_keep = keep_probability(parameters, f"{name}/p_keep", p_keep)

    def __call__(self, mean, variance):
        """Moments of shape (..., n_in) to moments of shape (..., n_out)."""
        return affine(mean, variance, self["weights"], self["bias"], self.p_keep())

    def initialize(self, rng, initialization):
        super().initialize(rng, initialization)
        self.p_keep.initialize(rng, initialization)

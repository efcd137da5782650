"""Keep probabilities and affine layers."""

import numpy as np
import pytensor
import pytensor.tensor as pt

from breze_like.layers.base import Layer
from breze_like.moments import affine, is_certain, product


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
        self.keeps_all = p_keep == 1

    def __call__(self):
        return pt.as_tensor(np.asarray(self.p_keep, pytensor.config.floatX))

    def initialize(self, rng, initialization):
        """Nothing to draw."""


class LearnedKeep(Layer):
    """A probability to keep a unit that is learned: 0.025 + 0.95 sigmoid(theta), so it stays off 0 and 1."""

    LOWEST, HIGHEST = 0.025, 0.975
    keeps_all = False

    def __init__(self, parameters, name):
        super().__init__(parameters, name)
        self.declare("logit", (1,))

    def __call__(self):
        return self.LOWEST + (self.HIGHEST - self.LOWEST) * pt.sigmoid(self["logit"][0])

    def initialize(self, rng, initialization):
        share = (initialization.learned_p_keep - self.LOWEST) / (self.HIGHEST - self.LOWEST)
        self.view("logit")[...] = np.log(share / (1 - share))


class JoinedKeep:
    """Probabilities to keep the units of several layers that are joined to one.

    Parameters
    ----------
    keeps : list of FixedKeep or LearnedKeep
    sizes : list of int
        Numbers of units.
    """

    def __init__(self, keeps, sizes):
        self.keeps = keeps
        self.sizes = sizes
        self.keeps_all = all(keep.keeps_all for keep in keeps)

    def __call__(self):
        """Shape (n_units,)."""
        parts = [pt.zeros(size) + keep() for keep, size in zip(self.keeps, self.sizes, strict=True)]
        return pt.concatenate(parts)

    def initialize(self, rng, initialization):
        for keep in self.keeps:
            keep.initialize(rng, initialization)


def keep_probability(parameters, name, p_keep):
    """A `LearnedKeep` for ``"learned"``, a `FixedKeep` for a number; an object is taken as it is."""
    if p_keep == "learned":
        return LearnedKeep(parameters, name)
    return p_keep if callable(p_keep) else FixedKeep(p_keep)


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
    p_keep : float, "learned", or an object like `FixedKeep`
        Probability to keep an input.
    """

    def __init__(self, parameters, name, n_in, n_out, p_keep):
        super().__init__(parameters, name, n_in, n_out)
        self.p_keep = keep_probability(parameters, f"{name}/p_keep", p_keep)

    def __call__(self, mean, variance):
        """Moments of shape (..., n_in) to moments of shape (..., n_out)."""
        if is_certain(variance) and self.p_keep.keeps_all:
            return super().__call__(mean), 0.0
        return affine(mean, variance, self["weights"], self["bias"], self.p_keep())

    def initialize(self, rng, initialization):
        super().initialize(rng, initialization)
        self.p_keep.initialize(rng, initialization)


class FastDropoutHidden(FastDropoutAffine):
    """Moments of f((d x) W + b) with dropout d.

    Parameters
    ----------
    parameters, name, n_in, n_out, p_keep
        As for `FastDropoutAffine`.
    transfer : object with `moments`
        f.
    """

    def __init__(self, parameters, name, n_in, n_out, p_keep, transfer):
        super().__init__(parameters, name, n_in, n_out, p_keep)
        self.transfer = transfer

    def __call__(self, mean, variance):
        """Moments of shape (..., n_in) to moments of shape (..., n_out)."""
        mean, variance = super().__call__(mean, variance)
        if is_certain(variance):
            return self.transfer(mean), 0.0
        return self.transfer.moments(mean, variance)

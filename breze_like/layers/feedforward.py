"""Keep probabilities and affine layers."""

import numpy as np
import pytensor
import pytensor.tensor as pt

from breze_like.layers.base import Layer
from breze_like.moments import Moments, affine, total


class FixedKeep:
    """A fixed probability of keeping a unit. Calling it returns that, or None if all units are kept.

    Raises
    ------
    ValueError
        If it is not in (0, 1].
    """

    def __init__(self, p_keep):
        if not (isinstance(p_keep, int | float | np.number) and 0 < p_keep <= 1):
            raise ValueError(f"p_keep must be 'learned' or in (0, 1], got {p_keep!r}")
        self.p_keep = float(p_keep)

    def __call__(self):
        if self.p_keep == 1:
            return None
        return pt.as_tensor(np.asarray(self.p_keep, pytensor.config.floatX))

    def initialize(self, rng, initialization):
        """Nothing to draw."""


class LearnedKeep(Layer):
    """A learned probability of keeping a unit: 0.025 + 0.95 sigmoid(theta), so it stays away from 0 and 1."""

    LOWEST, HIGHEST = 0.025, 0.975

    def __init__(self, parameters, name):
        super().__init__(parameters, name)
        self.declare("logit", (1,))

    def __call__(self):
        return self.LOWEST + (self.HIGHEST - self.LOWEST) * pt.sigmoid(self["logit"][0])

    def initialize(self, rng, initialization):
        share = (initialization.learned_p_keep - self.LOWEST) / (self.HIGHEST - self.LOWEST)
        self.view("logit")[...] = np.log(share / (1 - share))


def keep_probability(parameters, name, p_keep):
    """A `LearnedKeep` for ``"learned"``, a `FixedKeep` for a number; an object is taken as it is."""
    if p_keep == "learned":
        return LearnedKeep(parameters, name)
    return p_keep if callable(p_keep) else FixedKeep(p_keep)


class Affine(Layer):
    """Moments of (d x) W + b with dropout d; see `moments.affine`.

    Parameters
    ----------
    parameters : ParameterSet
    name : str
    n_in, n_out : int
    p_keep : float, "learned", or an object like `FixedKeep`
        Probability of keeping an input. With 1, certain inputs give certain outputs.
    """

    def __init__(self, parameters, name, n_in, n_out, p_keep=1.0):
        super().__init__(parameters, name)
        self.declare("weights", (n_in, n_out))
        self.declare("bias", (n_out,))
        self.p_keep = keep_probability(parameters, f"{name}/p_keep", p_keep)
        self.parts = [self.p_keep]

    def __call__(self, x):
        """Moments of shape (..., n_in) to moments of shape (..., n_out)."""
        return affine(x, self["weights"], self["bias"], self.p_keep())

    def initialize(self, rng, initialization):
        self.draw("weights", rng, initialization.weights)
        super().initialize(rng, initialization)


class Joint(Layer):
    """Moments of z V + (d h) U + b: of a signal z that is kept as it is, and of a state h with dropout d.

    The contribution of the state is computed separately, by `from_state`: if many signals are combined with
    the same state, this is done only once.

    Parameters
    ----------
    parameters : ParameterSet
    name : str
    n_signal, n_state, n_out : int
        The weights are one matrix (n_signal + n_state, n_out): V, and U below it.
    p_keep : float or "learned"
        Probability of keeping a unit of the state. With 1, the state is its mean.
    """

    def __init__(self, parameters, name, n_signal, n_state, n_out, p_keep):
        super().__init__(parameters, name)
        self.p_keep = keep_probability(parameters, f"{name}/p_keep", p_keep)
        self.parts = [self.p_keep]
        self.declare("weights", (n_signal + n_state, n_out))
        self.declare("bias", (n_out,))
        self.n_signal = n_signal

    def from_state(self, h):
        """What moments of h (..., n_state) add to the result: moments of (d h) U, (..., n_out)."""
        p_keep, weights = self.p_keep(), self["weights"][self.n_signal :]
        return affine(Moments(h.mean) if p_keep is None else h, weights, p_keep=p_keep)

    def __call__(self, z, state):
        """Moments of z (..., n_signal), and what `from_state` gives, to moments (..., n_out)."""
        return total(affine(z, self["weights"][: self.n_signal]), state, Moments(self["bias"]))

    def initialize(self, rng, initialization):
        self.draw("weights", rng, initialization.weights)
        super().initialize(rng, initialization)

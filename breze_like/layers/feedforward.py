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


class FastDropoutJoint(Layer):
    """Moments of f(z V + (d h) U + b): of a signal z that is kept as it is, and of a state h with dropout d.

    What comes of the state is computed on its own, by `from_state`: where many signals meet the same state,
    that is done once.

    Parameters
    ----------
    parameters : ParameterSet
    name : str
    n_signal, n_state, n_out : int
        The weights are one matrix (n_signal + n_state, n_out): V, and U below it.
    p_keep : float or "learned"
        Probability to keep a unit of the state. With 1, the state is its mean.
    transfer : object with `moments`
        f.
    """

    def __init__(self, parameters, name, n_signal, n_state, n_out, p_keep, transfer):
        super().__init__(parameters, name)
        self.p_keep = keep_probability(parameters, f"{name}/p_keep", p_keep)
        self.declare("weights", (n_signal + n_state, n_out))
        self.declare("bias", (n_out,))
        self.n_signal = n_signal
        self.transfer = transfer

    def from_state(self, mean, variance):
        """What moments of h (..., n_state) add to the preactivations: moments, or a value if all is kept."""
        weights = self["weights"][self.n_signal :]
        if self.p_keep.keeps_all:
            return (product(mean, weights),)
        return affine(mean, variance, weights, p_keep=self.p_keep())

    def __call__(self, mean, variance, state_mean, state_variance=0.0):
        """Moments of z (..., n_signal), and what `from_state` gives, to moments (..., n_out)."""
        weights = self["weights"][: self.n_signal]
        mean = product(mean, weights) + state_mean + self["bias"]
        if not is_certain(variance):
            state_variance = product(variance, weights**2) + state_variance
        if is_certain(state_variance):
            return self.transfer(mean), 0.0
        return self.transfer.moments(mean, state_variance)

    def initialize(self, rng, initialization):
        weights = self.view("weights")
        weights[...] = initialization.weights(rng, weights.shape)
        self.p_keep.initialize(rng, initialization)

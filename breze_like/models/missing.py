"""Missing observations: entries that are NaN.

Likelihoods leave them out, each by itself: where entries are independent given what they depend on, their sum
is over what is there, and what is left out has been integrated over. Networks read numbers only, so that
something has to stand in their place.

>>> VRAE(3, 2, emission="gaussian_shared", missing="indicator")
"""

import pytensor.tensor as pt

from breze_like.distributions import Observed, without_missing


class Refuse:
    """Nothing may be missing: the graph is that of whole data, and knows nothing of NaN."""

    allowed = False

    def n_inputs(self, n_visible):
        """Number of inputs of a network that reads observations."""
        return n_visible

    def read(self, x):
        """What such a network reads: (..., n_visible) to (..., n_inputs)."""
        return x

    def emission(self, emission):
        """The emission whose likelihoods a model counts."""
        return emission


class Zero(Refuse):
    """Networks read 0 where an entry is missing."""

    allowed = True

    def read(self, x):
        return without_missing(x)

    def emission(self, emission):
        return PartlyObserved(emission)


class Indicator(Zero):
    """As `Zero`, and for each entry there is another input, 1 where it is missing and 0 where it is not."""

    def n_inputs(self, n_visible):
        return 2 * n_visible

    def read(self, x):
        return pt.concatenate([without_missing(x), pt.isnan(x).astype(x.dtype)], axis=-1)


class PartlyObserved:
    """An emission whose likelihoods leave out what is missing.

    Parameters
    ----------
    emission : Emission

    Raises
    ------
    ValueError
        When it is called, if missing entries can't be left out of its distributions.
    """

    def __init__(self, emission):
        self.emission = emission
        self.binary, self.n_visible, self.draw_noise = (
            emission.binary,
            emission.n_visible,
            emission.draw_noise,
        )

    def __call__(self, features):
        return Observed(self.emission(features))

    def initialize(self, rng, initialization):
        self.emission.initialize(rng, initialization)


MISSING = {"refuse": Refuse(), "zero": Zero(), "indicator": Indicator()}

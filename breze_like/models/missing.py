"""Missing observations: entries that are NaN.

Likelihoods leave out each of them: if entries are conditionally independent, the log-likelihood is a sum over
the observed ones, and the missing ones are thereby integrated out. Networks can read only numbers, so missing
entries have to be replaced by something.

>>> VRAE(3, 2, emission="gaussian_shared", missing="indicator")
"""

import pytensor.tensor as pt

from breze_like.distributions import Observed, without_missing
from breze_like.models.emissions import MappedEmission


class Refuse:
    """Nothing may be missing: the graph is that for complete data, without any handling of NaN."""

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


def partly_observed(emission):
    """The emission whose likelihoods leave out what is missing.

    Raises
    ------
    ValueError
        When it is called, if missing entries can't be left out of its distributions.
    """
    return MappedEmission(emission, Observed)


class Zero:
    """Networks read 0 where an entry is missing."""

    allowed = True
    emission = staticmethod(partly_observed)

    def n_inputs(self, n_visible):
        return n_visible

    def read(self, x):
        return without_missing(x)


class Indicator:
    """As `Zero`, with another input for each entry, 1 if it is missing and 0 if it is not."""

    allowed = True
    emission = staticmethod(partly_observed)

    def n_inputs(self, n_visible):
        return 2 * n_visible

    def read(self, x):
        return pt.concatenate([without_missing(x), pt.isnan(x).astype(x.dtype)], axis=-1)


MISSING = {"refuse": Refuse(), "zero": Zero(), "indicator": Indicator()}

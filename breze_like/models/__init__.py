"""The models; `MODELS` maps names to classes."""

from breze_like.models.marginal import IndependentBernoulli
from breze_like.models.one_step import FDRNN, RNN
from breze_like.models.vrae import VRAE

MODELS = {"rnn": RNN, "fdrnn": FDRNN, "vrae": VRAE}

__all__ = ["FDRNN", "MODELS", "RNN", "VRAE", "IndependentBernoulli"]

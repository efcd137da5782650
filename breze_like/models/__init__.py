"""The models; `MODELS` maps names to classes."""

from breze_like.models.frame_nade import FrameNADE
from breze_like.models.hidden_markov import HiddenMarkov
from breze_like.models.marginal import IndependentBernoulli
from breze_like.models.one_step import DOTSRNN, DTSRNN, FDRNN, RNN
from breze_like.models.standardization import Standardization
from breze_like.models.vosp import VOSP
from breze_like.models.vrae import VRAE

MODELS = {
    "rnn": RNN,
    "dts_rnn": DTSRNN,
    "dots_rnn": DOTSRNN,
    "fdrnn": FDRNN,
    "nade": FrameNADE,
    "hmm": HiddenMarkov,
    "vrae": VRAE,
    "vosp": VOSP,
}

__all__ = [
    "DOTSRNN",
    "DTSRNN",
    "FDRNN",
    "FrameNADE",
    "MODELS",
    "RNN",
    "VOSP",
    "VRAE",
    "HiddenMarkov",
    "IndependentBernoulli",
    "Standardization",
]

"""Recurrent layers with a deep transition from state to state."""

from breze_like.layers.feedforward import Affine
from breze_like.layers.recurrent import Chain, RecurrentLayer
from breze_like.moments import Moments, Tanh
from breze_like.recurrence import deep_transition_recurrence


class DeepTransition(RecurrentLayer):
    """One chain with an intermediate layer between old and new state, and a shortcut past it.

        u_t = f(x_t W + h_{t-1} R + b),   h_t = f(u_t Q + h_{t-1} S + c)

    The input reaches the new state only through the intermediate layer. If the input is uncertain, its mean
    is used.

    Parameters
    ----------
    parameters, name, n_in, n_hidden
        As for `Recurrent`; the intermediate layer is as large as the state.
    transfer : callable, by default `Tanh()`

    References
    ----------
    Pascanu et al. (2013), How to construct deep recurrent neural networks.
    """

    def __init__(self, parameters, name, n_in, n_hidden, transfer=None):
        super().__init__(parameters, name)
        self.transfer = transfer or Tanh()
        self.input = Affine(parameters, f"{name}/input", n_in, n_hidden)
        others = {"intermediate": "weights", "shortcut": "recurrent"}
        self.chains = [Chain(parameters, f"{name}/forward", n_hidden, others=others)]
        self.chains[0].declare("bias", (n_hidden,))

    def states(self, a, real, starts):
        (chain,), (start,) = self.chains, starts
        weights = [chain[key] for key in ("recurrent", "intermediate", "shortcut", "bias")]
        return [Moments(deep_transition_recurrence(a.mean, real, *weights, start.mean, self.transfer))]

"""Recurrent layers with a deep transition from state to state."""

from breze_like.layers.recurrent import Chain, Recurrent
from breze_like.recurrence import deep_transition_recurrence


class DeepTransitionChain(Chain):
    """h_t = f(u_t Q + h_{t-1} S + c) with u_t = f(a_t + h_{t-1} R), and a learned h_0.

    Parameters
    ----------
    parameters, name, n_hidden, transfer, reverse
        As for `Chain`; the intermediate layer u_t is as large as the state.
    """

    def __init__(self, parameters, name, n_hidden, transfer, reverse=False):
        super().__init__(parameters, name, n_hidden, transfer, reverse)
        self.declare("intermediate", (n_hidden, n_hidden))
        self.declare("shortcut", (n_hidden, n_hidden))
        self.declare("bias", (n_hidden,))

    def __call__(self, preactivation, mask, initial):
        """States from preactivations of the intermediate layer, both (n_steps, n_sequences, n_hidden)."""
        return deep_transition_recurrence(
            preactivation,
            self.real(mask),
            self["recurrent"],
            self["intermediate"],
            self["shortcut"],
            self["bias"],
            initial,
            self.transfer,
            self.reverse,
        )

    def initialize(self, rng, initialization):
        super().initialize(rng, initialization)
        intermediate, shortcut = self.view("intermediate"), self.view("shortcut")
        intermediate[...] = initialization.weights(rng, intermediate.shape)
        shortcut[...] = initialization.recurrent(rng, shortcut.shape)


class DeepTransition(Recurrent):
    """One chain with an intermediate layer between old and new state, and a shortcut past it.

        u_t = f(x_t W + h_{t-1} R + b),   h_t = f(u_t Q + h_{t-1} S + c)

    The input reaches the new state through the intermediate layer only.

    Parameters
    ----------
    parameters, name, n_in, n_hidden, transfer
        As for `Recurrent`; the intermediate layer is as large as the state.

    References
    ----------
    Pascanu et al. (2013), How to construct deep recurrent neural networks.
    """

    chain = DeepTransitionChain

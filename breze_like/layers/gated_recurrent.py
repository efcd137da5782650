"""Gated recurrent units."""

from breze_like.layers.feedforward import Affine
from breze_like.layers.recurrent import Chain, RecurrentLayer
from breze_like.moments import Moments, Tanh
from breze_like.recurrence import gated_recurrence


class GatedRecurrent(RecurrentLayer):
    """One chain of gated recurrent units.

        z_t = s(x_t W_z + b_z + h_{t-1} U),   r_t = s(x_t W_r + b_r + h_{t-1} V)
        c_t = f(x_t W + b + (r_t h_{t-1}) R),   h_t = z_t h_{t-1} + (1 - z_t) c_t

    with s the logistic function, and products with gates element by element: the reset gate is applied to the
    state before the product. U is called ``update`` and V ``reset``. If the input is uncertain, its mean is
    used.

    Parameters
    ----------
    parameters, name, n_in, n_hidden
        As for `Recurrent`. The input's weights are one matrix (n_in, 3 n_hidden): W, W_z and W_r.
    transfer : callable, by default `Tanh()`
        f.

    References
    ----------
    Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, equations 5 to 8.
    """

    def __init__(self, parameters, name, n_in, n_hidden, transfer=None):
        super().__init__(parameters, name)
        self.transfer = transfer or Tanh()
        self.n_hidden = n_hidden
        self.input = Affine(parameters, f"{name}/input", n_in, 3 * n_hidden)
        gates = {"update": "recurrent", "reset": "recurrent"}
        self.chains = [Chain(parameters, f"{name}/forward", n_hidden, others=gates)]

    def states(self, a, real, starts):
        (chain,), (start,), n = self.chains, starts, self.n_hidden
        parts = [a.mean[:, :, i * n : (i + 1) * n] for i in range(3)]
        weights = [chain[key] for key in ("recurrent", "update", "reset")]
        return [Moments(gated_recurrence(*parts, real, *weights, start.mean, self.transfer))]

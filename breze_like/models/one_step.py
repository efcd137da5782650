"""One-step predictors: p(x_t | x_1, ..., x_{t-1}) from a recurrent network, with exact likelihoods."""

from functools import partial

from breze_like.distributions.processes import previous
from breze_like.layers import FastDropoutRecurrent, Recurrent, Stack
from breze_like.models.base import Model, check_positive_integers, choose, per_step
from breze_like.models.emissions import EMISSIONS
from breze_like.moments import TRANSFERS


class OneStepPredictor(Model):
    """A recurrent network that reads x_{t-1} and predicts x_t; the first step is predicted from a zero frame.

    A subclass gives the network: `_make_network` and `_features`.

    Attributes
    ----------
    expressions
        ``"emission/mean"`` (n_steps, n_sequences, n_visible); ``"emission/log_prob"`` and ``"objective"``,
        its negative, (n_steps, n_sequences), nats, 0 in the padding; ``"loss"`` (), nats per time step.
    """

    def __init__(self, n_visible, n_hiddens, emission, transfer, p_keep, backend):
        check_positive_integers(n_visible=n_visible, n_hiddens=n_hiddens)
        super().__init__(backend)
        self.n_visible = n_visible
        self.network = self._make_network(choose("transfer", transfer, TRANSFERS), p_keep)(
            name="generative", n_in=n_visible, n_hiddens=n_hiddens
        )
        self.emission = choose("emission", emission, EMISSIONS)(
            self.parameters, "generative/emission", n_hiddens[-1], n_visible, p_keep
        )
        self.layers = [self.network, self.emission]

        x, mask = self.inputs["observations"], self.inputs["mask"]
        y = self.emission(*self._features(previous(x, mask), mask))
        log_prob = mask * y.log_prob(x)
        self.expressions |= {
            "emission/mean": y.mean,
            "emission/log_prob": log_prob,
            "objective": -log_prob,
            "loss": per_step(-log_prob, mask),
        }

    def _make_network(self, transfer, p_keep):
        raise NotImplementedError

    def _features(self, past, mask):
        """Moments of the hidden units of the last layer."""
        raise NotImplementedError


class RNN(OneStepPredictor):
    """The deterministic recurrent network, the paper's "plain".

    Parameters
    ----------
    n_visible : int
    n_hiddens : tuple of int
    emission, transfer, backend
        As for `VRAE`.

    Raises
    ------
    ValueError
        If a choice is unknown, or a number outside its range.
    """

    def __init__(self, n_visible, n_hiddens=(200,), *, emission="bernoulli", transfer="tanh", backend="auto"):
        super().__init__(n_visible, n_hiddens, emission, transfer, 1.0, backend)

    def _make_network(self, transfer, p_keep):
        return partial(Stack, partial(Recurrent, self.parameters, transfer=transfer))

    def _features(self, past, mask):
        return self.network(past, mask=mask), 0.0


class FDRNN(OneStepPredictor):
    """The fast-dropout recurrent network.

    Parameters
    ----------
    n_visible : int
    n_hiddens : tuple of int
    emission, transfer, backend
        As for `VRAE`.
    p_keep : float or "learned"
        Probability to keep a unit.

    Raises
    ------
    ValueError
        If a choice is unknown, or a number outside its range.

    References
    ----------
    Bayer et al. (2013), On fast dropout and its applicability to recurrent networks.
    """

    def __init__(
        self,
        n_visible,
        n_hiddens=(200,),
        *,
        emission="bernoulli",
        transfer="tanh",
        p_keep=0.9,
        backend="auto",
    ):
        super().__init__(n_visible, n_hiddens, emission, transfer, p_keep, backend)

    def _make_network(self, transfer, p_keep):
        return partial(
            Stack, partial(FastDropoutRecurrent, self.parameters, transfer=transfer, p_keep=p_keep)
        )

    def _features(self, past, mask):
        return self.network(past, 0.0, mask=mask)

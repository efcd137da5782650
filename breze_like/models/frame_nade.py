"""The NADE of single frames: it models the keys of a frame, and knows nothing of the frames before it."""

from functools import cached_property

import pytensor.tensor as pt

from breze_like.checks import check_drawing, check_positive_integers
from breze_like.distributions import NADE
from breze_like.layers import Layer
from breze_like.models.base import Model, check_prefix
from breze_like.models.one_step import named_predictions


class SharedNADE(Layer):
    """One NADE for all frames, with ``weights_in``, ``weights_out``, ``visible_bias`` and ``hidden_bias``."""

    binary = True
    exact_mean = False
    draw_noise = staticmethod(NADE.draw_noise)

    def __init__(self, parameters, name, n_visible, n_hidden):
        super().__init__(parameters, name)
        self.declare("weights_in", (n_visible, n_hidden))
        self.declare("weights_out", (n_visible, n_hidden))
        self.declare("visible_bias", (n_visible,))
        self.declare("hidden_bias", (n_hidden,))

    def __call__(self, like):
        """The distribution of as many frames as there are in an array (n_steps, n_sequences, ...)."""
        zeros = pt.zeros_like(like[:, :, 0])[:, :, None]
        biases = zeros + self["visible_bias"], zeros + self["hidden_bias"]
        return NADE(self["weights_in"], self["weights_out"], *biases)

    def initialize(self, rng, initialization):
        """With few notes on, as `NADEEmission` starts."""
        self.view("visible_bias")[...] = initialization.emission_bias
        self.draw("weights_in", rng, initialization.weights)
        self.draw("weights_out", rng, lambda rng, shape: initialization.weights(rng, shape[::-1]).T)


class FrameNADE(Model):
    """Frames that are independent of one another, and of one distribution, a NADE.

        log p(x) = sum_t log NADE(x_t)

    If an RNN-NADE scores better, that is due to the past. Nothing may be missing, since each key depends on
    those before it.

    Parameters
    ----------
    n_visible : int
    n_hidden : int
        Hidden units of the NADE.
    backend : str
        See `backends`.

    Attributes
    ----------
    inputs, expressions
        Those of `OneStepPredictor`.

    Raises
    ------
    ValueError
        If a number is not a positive integer.

    References
    ----------
    Larochelle & Murray (2011), The neural autoregressive distribution estimator.
    """

    missing_choices = ()

    def __init__(self, n_visible, n_hidden=100, *, backend="auto"):
        check_positive_integers(n_visible=n_visible, n_hidden=n_hidden)
        super().__init__(backend)
        self.n_visible = n_visible
        self.emission = SharedNADE(self.parameters, "emission", n_visible, n_hidden)
        self.layers.append(self.emission)
        self.inputs |= {name: pt.tensor3(name) for name in ("emission_noise", "given")}
        self.expressions |= named_predictions(self.emission(self.inputs["observations"]), self.inputs)

    def sample(self, rng, n_steps, n_sequences, prefix=None, temperature=1.0):
        """Draw sequences; see `OneStepPredictor.sample`. A prefix makes no difference."""
        check_prefix(self, n_steps, n_sequences, prefix)
        check_drawing(rng, temperature)
        noise = self.emission.draw_noise(rng, (n_steps, n_sequences, self.n_visible))
        return self._draw(noise, temperature)

    @cached_property
    def _draw(self):
        noise, temperature = self.inputs["emission_noise"], pt.scalar("temperature")
        return self.function([noise, temperature], self.emission(noise).tempered(temperature).sample(noise))

"""Emissions: layers from the features of a step to the distribution of its observations.

A model is given the class, or a `functools.partial` of it, and makes the layer:

>>> VRAE(3, 2, emission=partial(FixedVarianceEmission, variance=0.1))
"""

import numpy as np
import pytensor.tensor as pt

from breze_like.distributions import Bernoulli, DiagonalNormal
from breze_like.layers import FastDropoutAffine, Layer
from breze_like.models.base import constant
from breze_like.moments import Sigmoid

# No learned variance of an observation falls below this.
SMALLEST_VARIANCE = 1e-4


class Emission(Layer):
    """A layer that maps moments of features to a `Distribution` of observations.

    Parameters
    ----------
    parameters : ParameterSet
    name : str
    n_in : int
        Number of features.
    n_visible : int
        Number of observed values of a step.
    p_keep : float or "learned"
        Probability to keep a feature.
    n_outputs : int
        Output units for each observed value.
    """

    # What it is a distribution of: binary values, or real ones; and the noise that draws from it need.
    binary = False
    draw_noise = staticmethod(DiagonalNormal.draw_noise)

    def __init__(self, parameters, name, n_in, n_visible, p_keep, n_outputs=1):
        super().__init__(parameters, name)
        self.n_visible = n_visible
        self.output = FastDropoutAffine(parameters, f"{name}/output", n_in, n_outputs * n_visible, p_keep)

    def __call__(self, mean, variance):
        """The distribution given moments of shape (n_steps, n_sequences, n_in)."""
        raise NotImplementedError

    def initialize(self, rng, initialization):
        self.output.initialize(rng, initialization)


class BernoulliEmission(Emission):
    """x ~ Bernoulli(E[sigmoid(a)]), a normal with the moments of the output units.

    Parameters
    ----------
    sigmoid : Sigmoid or WangManningSigmoid, optional
    """

    binary = True
    draw_noise = staticmethod(Bernoulli.draw_noise)

    def __init__(self, *args, sigmoid=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.sigmoid = sigmoid or Sigmoid()

    def __call__(self, mean, variance):
        return Bernoulli(self.sigmoid.logit_mean(*self.output(mean, variance)))

    def initialize(self, rng, initialization):
        """Starts with few notes on: the bias is -0.8, as in the paper."""
        super().initialize(rng, initialization)
        self.output.view("bias")[...] = -0.8


class FixedVarianceEmission(Emission):
    """x ~ N(E[a], variance), with a variance that is given.

    Raises
    ------
    ValueError
        If the variance is not positive.
    """

    def __init__(self, *args, variance=1.0, **kwargs):
        super().__init__(*args, **kwargs)
        if not variance > 0:
            raise ValueError(f"variance must be positive, got {variance!r}")
        self.variance = variance

    def __call__(self, mean, variance):
        return DiagonalNormal(self.output(mean, variance)[0], constant(self.variance))


class SharedVarianceEmission(Emission):
    """x ~ N(E[a], v), with one learned variance for each observed value; starts at 1."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.declare("raw_variance", (self.n_visible,))

    def __call__(self, mean, variance):
        return DiagonalNormal(self.output(mean, variance)[0], positive(self["raw_variance"]))


class PerStepVarianceEmission(Emission):
    """x_t ~ N(E[a_t], v_t), with a variance for each step from output units of its own."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, n_outputs=2, **kwargs)

    def __call__(self, mean, variance):
        output, _ = self.output(mean, variance)
        n = self.n_visible
        return DiagonalNormal(output[:, :, :n], positive(output[:, :, n:]))


def positive(raw):
    """A variance from any real number: softplus, 1 at 0, never below `SMALLEST_VARIANCE`."""
    return pt.softplus(raw + np.log(np.e - 1).item()) + SMALLEST_VARIANCE


EMISSIONS = {
    "bernoulli": BernoulliEmission,
    "gaussian_fixed": FixedVarianceEmission,
    "gaussian_shared": SharedVarianceEmission,
    "gaussian_per_step": PerStepVarianceEmission,
}

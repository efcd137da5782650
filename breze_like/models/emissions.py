"""Emissions: layers from the features of a step to the distribution of its observations.

A model is given the class, or a `functools.partial` of it, and makes the layer:

>>> VRAE(3, 2, emission=partial(FixedVarianceEmission, variance=0.1))
"""

from abc import ABC, abstractmethod

import numpy as np
import pytensor.tensor as pt

from breze_like.checks import check_positive_integers
from breze_like.distributions import NADE, Bernoulli, DiagonalNormal, NormalMixture, StudentT
from breze_like.layers import Affine, Composite, Layer
from breze_like.moments import Sigmoid

# No learned variance of an observation, or of a latent, falls below this.
SMALLEST_VARIANCE = 1e-4


class Emission(Layer, ABC):
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
        Probability of keeping a feature.
    """

    # What it is a distribution of: binary values, or real ones; whether its mean is exact; and the noise that
    # draws from it need.
    binary = False
    exact_mean = True
    draw_noise = staticmethod(DiagonalNormal.draw_noise)

    def __init__(self, parameters, name, n_in, n_visible, p_keep):
        super().__init__(parameters, name)
        self.n_visible = n_visible
        self.output = Affine(parameters, f"{name}/output", n_in, self.n_outputs, p_keep)
        self.parts = [self.output]

    @property
    def n_outputs(self):
        """Number of output units."""
        return self.n_visible

    @abstractmethod
    def __call__(self, features):
        """The distribution given moments of shape (n_steps, n_sequences, n_in)."""


class BernoulliEmission(Emission):
    """x ~ Bernoulli(E[sigmoid(a)]), where a is normal with the moments of the output units.

    Parameters
    ----------
    sigmoid : Sigmoid or WangManningSigmoid, optional
    """

    binary = True
    draw_noise = staticmethod(Bernoulli.draw_noise)

    def __init__(self, *args, sigmoid=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.sigmoid = sigmoid or Sigmoid()

    def __call__(self, features):
        a = self.output(features)
        return Bernoulli(a.mean if a.variance is None else self.sigmoid.logit_mean(a))

    def initialize(self, rng, initialization):
        """Starts with few notes on, see `Initialization.emission_bias`."""
        super().initialize(rng, initialization)
        self.output.view("bias")[...] = initialization.emission_bias


class NADEEmission(Emission):
    """x_t ~ NADE, with weights that all steps share, and both biases of a step from output units.

    It uses only the means of the biases, and ignores their variance, which is due to the features and to
    dropout. With the features of an `RNN`, it makes an RNN-NADE.

    Parameters
    ----------
    n_hidden : int
        Hidden units of the NADE.

    Raises
    ------
    ValueError
        If it is not a positive integer.

    References
    ----------
    Boulanger-Lewandowski et al. (2012), Modeling temporal dependencies in high-dimensional sequences.
    """

    binary = True
    exact_mean = False
    draw_noise = staticmethod(NADE.draw_noise)

    def __init__(self, *args, n_hidden=100, **kwargs):
        check_positive_integers(n_hidden=n_hidden)
        self.n_hidden = n_hidden
        super().__init__(*args, **kwargs)
        self.declare("weights_in", (self.n_visible, n_hidden))
        self.declare("weights_out", (self.n_visible, n_hidden))

    @property
    def n_outputs(self):
        return self.n_visible + self.n_hidden

    def __call__(self, features):
        biases, n = self.output(features).mean, self.n_visible
        return NADE(self["weights_in"], self["weights_out"], biases[:, :, :n], biases[:, :, n:])

    def initialize(self, rng, initialization):
        """Starts with few notes on: the visible bias is `Initialization.emission_bias`."""
        super().initialize(rng, initialization)
        self.output.view("bias")[: self.n_visible] = initialization.emission_bias
        self.draw("weights_in", rng, initialization.weights)
        # Into the keys, from the hidden units: the transpose has the inputs first.
        self.draw("weights_out", rng, lambda rng, shape: initialization.weights(rng, shape[::-1]).T)


class FixedVarianceEmission(Emission):
    """x ~ N(E[a], variance), with a given variance.

    Parameters
    ----------
    variance : float
        Of each observed value.

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

    def __call__(self, features):
        return DiagonalNormal(self.output(features).mean, self.variance)


class SharedVarianceEmission(Emission):
    """x ~ N(E[a], v), with one learned variance for each observed value; starts at 1."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.declare("raw_variance", (self.n_visible,))

    def __call__(self, features):
        return DiagonalNormal(self.output(features).mean, positive(self["raw_variance"]))


class PerStepVarianceEmission(Emission):
    """x_t ~ N(E[a_t], v_t), with a variance for each step from output units of its own."""

    @property
    def n_outputs(self):
        return 2 * self.n_visible

    def __call__(self, features):
        output, n = self.output(features).mean, self.n_visible
        return DiagonalNormal(output[:, :, :n], positive(output[:, :, n:]))


class StudentTEmission(Emission):
    """x = E[a] + s t, with a learned scale and learned degrees of freedom for each observed value.

    Outliers affect it less than a normal distribution. The degrees of freedom stay above 2, so that the
    variance exists; they start at 3, the scale at 1.
    """

    draw_noise = staticmethod(StudentT.draw_noise)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.declare("raw_variance", (self.n_visible,))
        self.declare("raw_degrees", (self.n_visible,))

    def __call__(self, features):
        scale, degrees = pt.sqrt(positive(self["raw_variance"])), 2 + positive(self["raw_degrees"])
        return StudentT(self.output(features).mean, scale, degrees)


class MixtureEmission(Emission):
    """x_t ~ sum_k w_kt N(m_kt, v_kt); w, m and v come from the means of the output units.

    Parameters
    ----------
    n_components : int
        Number of diagonal normals.

    Raises
    ------
    ValueError
        If it is not a positive integer.
    """

    draw_noise = staticmethod(NormalMixture.draw_noise)

    def __init__(self, *args, n_components=5, **kwargs):
        check_positive_integers(n_components=n_components)
        self.n_components = n_components
        super().__init__(*args, **kwargs)

    @property
    def n_outputs(self):
        return self.n_components * (1 + 2 * self.n_visible)

    def __call__(self, features):
        output = self.output(features).mean
        k, n = self.n_components, self.n_visible
        logits, means, raw = (output[:, :, part] for part in self._parts())
        shape = (*output.shape[:2], k, n)
        return NormalMixture(logits, means.reshape(shape), positive(raw.reshape(shape)))

    def initialize(self, rng, initialization):
        """Starts with means that differ, standard normal ones, even where all features are 0."""
        super().initialize(rng, initialization)
        _, means, _ = self._parts()
        self.output.view("bias")[means] = rng.standard_normal(self.n_components * self.n_visible)

    def _parts(self):
        """Where the logits, means and variances are among the output units."""
        k, n = self.n_components, self.n_visible
        return slice(0, k), slice(k, k + k * n), slice(k + k * n, None)


class MappedEmission(Composite):
    """An emission whose distributions pass through a function.

    Parameters
    ----------
    emission : Emission
    function : callable
        From one `Distribution` to another.
    """

    def __init__(self, emission, function):
        self.emission, self.function, self.parts = emission, function, [emission]
        self.binary, self.exact_mean = emission.binary, emission.exact_mean
        self.n_visible, self.draw_noise = emission.n_visible, emission.draw_noise

    def __call__(self, features):
        return self.function(self.emission(features))


def positive(raw):
    """A positive number from any real one: softplus, 1 at 0, never below `SMALLEST_VARIANCE`."""
    return pt.softplus(raw + np.log(np.e - 1).item()) + SMALLEST_VARIANCE


EMISSIONS = {
    "bernoulli": BernoulliEmission,
    "nade": NADEEmission,
    "gaussian_fixed": FixedVarianceEmission,
    "gaussian_shared": SharedVarianceEmission,
    "gaussian_per_step": PerStepVarianceEmission,
    "gaussian_mixture": MixtureEmission,
    "student_t": StudentTEmission,
}

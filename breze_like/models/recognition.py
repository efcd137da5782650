"""Outputs of recognition networks: from the moments of its features to the mean and variance of its units."""

from breze_like.layers import FastDropoutAffine, Layer
from breze_like.models.emissions import positive

# Added to the implicit variance, so that it is positive whatever the weights are.
SMALLEST_VARIANCE = 1e-6


class ImplicitVariance(FastDropoutAffine):
    """The two moments of the output units: their variance is due to dropout. The paper's.

    Parameters
    ----------
    parameters, name, n_in, n_out, p_keep
        As for `FastDropoutAffine`.

    References
    ----------
    Bayer & Osendorfer (2014), section 3.
    """

    def __call__(self, mean, variance):
        mean, variance = super().__call__(mean, variance)
        return mean, variance + SMALLEST_VARIANCE


class ExplicitVariance(Layer):
    """Means of one half of the output units, and variances by the softplus of the means of the other half.

    What dropout adds to the variance of the units is left out: the network is all that decides on it.

    Parameters
    ----------
    parameters, name, n_in, n_out, p_keep
        As for `FastDropoutAffine`.
    """

    def __init__(self, parameters, name, n_in, n_out, p_keep):
        super().__init__(parameters, name)
        self.n_out = n_out
        self.output = FastDropoutAffine(parameters, f"{name}/explicit", n_in, 2 * n_out, p_keep)

    def __call__(self, mean, variance):
        output, _ = self.output(mean, variance)
        return output[:, :, : self.n_out], positive(output[:, :, self.n_out :])

    def initialize(self, rng, initialization):
        self.output.initialize(rng, initialization)

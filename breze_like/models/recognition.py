"""Outputs of recognition networks: from the moments of the features to the mean and variance of the units."""

from breze_like.layers import Affine, Layer
from breze_like.models.emissions import positive
from breze_like.moments import Moments

# So that the implicit variance is positive, whatever the weights are.
ADDED_VARIANCE = 1e-6


class ImplicitVariance(Layer):
    """The two moments of the output units: their variance is due to dropout. The paper's.

    Parameters
    ----------
    parameters, name, n_in, n_out, p_keep
        As for `Affine`.

    References
    ----------
    Bayer & Osendorfer (2014), section 3.
    """

    def __init__(self, parameters, name, n_in, n_out, p_keep):
        super().__init__(parameters, name)
        self.output = Affine(parameters, name, n_in, n_out, p_keep)
        self.parts = [self.output]

    def __call__(self, features):
        mean, variance = self.output(features).uncertain
        return Moments(mean, variance + ADDED_VARIANCE)


class ExplicitVariance(Layer):
    """Means from one half of the output units, and variances as the softplus of the means of the other half.

    The variance that dropout causes in the units is ignored: the network alone determines the variance.

    Parameters
    ----------
    parameters, name, n_in, n_out, p_keep
        As for `Affine`.
    """

    def __init__(self, parameters, name, n_in, n_out, p_keep):
        super().__init__(parameters, name)
        self.n_out = n_out
        self.output = Affine(parameters, f"{name}/explicit", n_in, 2 * n_out, p_keep)
        self.parts = [self.output]

    def __call__(self, features):
        output = self.output(features).mean
        return Moments(output[:, :, : self.n_out], positive(output[:, :, self.n_out :]))


VARIANCES = {"implicit": ImplicitVariance, "explicit": ExplicitVariance}

"""Initial values of weights, as in the paper's appendix.

All functions take their random numbers from `rng`, a `numpy.random.Generator`.
"""

from dataclasses import dataclass

import numpy as np

from breze_like.checks import check_positive_integers, is_number


def normal(rng, shape, scale):
    """Independent normal weights with mean 0 and variance `scale` squared."""
    return scale * rng.standard_normal(shape)


def limit_incoming(rng, weights, n_incoming):
    """Keep `n_incoming` random entries of each column, at most, and set the others to zero.

    Parameters
    ----------
    weights : ndarray, shape (n_in, n_out)
    n_incoming : int
    """
    n_in, n_out = weights.shape
    drop = np.stack([rng.permutation(n_in) >= n_incoming for _ in range(n_out)], axis=1)
    return np.where(drop, 0.0, weights)


def scale_spectral_radius(weights, radius):
    """The same matrix, scaled so that its largest eigenvalue has modulus `radius`.

    Raises
    ------
    ValueError
        If all eigenvalues are zero.
    """
    largest = np.abs(np.linalg.eigvals(weights)).max()
    if not largest > 0:
        raise ValueError("weights must have an eigenvalue other than zero to scale their spectral radius")
    return weights * (radius / largest)


@dataclass(frozen=True)
class Initialization:
    """How a model's weights are drawn.

    Parameters
    ----------
    weight_scale : float
        Standard deviation of the weights that are not recurrent, times the square root of their number
        of inputs: 1 preserves the scale of what passes through.
    weight_variance : float, optional
        Variance of these weights, whatever their number of inputs, in place of their scale. The paper gives
        it for W_in, and nothing for the weights of outputs, which are assumed to have the same.
    recurrent_variance : float
        Of the recurrent weights as they are drawn. The paper gives it, though it makes no difference, since
        they are then scaled to their spectral radius.
    n_incoming : int
        Largest number of recurrent connections into each unit (the paper's nu).
    spectral_radius : float
        Of each recurrent weight matrix (the paper's rho). With a small one, training starts close to a
        feed-forward network: each step informs its own latents at once, before the divergence can drive them
        to the prior.
    learned_p_keep : float
        Initial value of learned probabilities to keep a unit, strictly between 0.025 and 0.975.
    emission_bias : float
        Initial bias of binary emissions, a logit. The paper has -0.8, with which notes are on with
        probability 0.3; of 88 keys, only 4 sound in the data, and many updates are spent on turning the
        others off.

    Raises
    ------
    ValueError
        If a value other than the bias is not positive, or a probability is out of its range.

    References
    ----------
    Bayer & Osendorfer (2014), Table 2.
    """

    weight_scale: float = 1.0
    weight_variance: float | None = None
    recurrent_variance: float = 1.0
    n_incoming: int = 25
    spectral_radius: float = 0.1
    learned_p_keep: float = 0.9
    emission_bias: float = -2.5

    def __post_init__(self):
        check_positive_integers(n_incoming=self.n_incoming)
        for name, value in vars(self).items():
            optional = value is None and name == "weight_variance"
            if not optional and not (is_number(value) and np.isfinite(value)):
                raise ValueError(f"{name} must be a finite number, got {value!r}")
            if not optional and name != "emission_bias" and not value > 0:
                raise ValueError(f"{name} must be positive, got {value!r}")
        if not 0.025 < self.learned_p_keep < 0.975:
            raise ValueError(f"learned_p_keep must be between 0.025 and 0.975, got {self.learned_p_keep!r}")

    def weights(self, rng, shape):
        """Weights from one layer to the next, shape (n_in, n_out)."""
        if self.weight_variance is not None:
            return normal(rng, shape, np.sqrt(self.weight_variance))
        return normal(rng, shape, self.weight_scale / np.sqrt(shape[0]))

    def recurrent(self, rng, shape):
        """Weights from a layer to itself, shape (n_hidden, n_hidden)."""
        drawn = normal(rng, shape, np.sqrt(self.recurrent_variance))
        limited = limit_incoming(rng, drawn, self.n_incoming)
        return scale_spectral_radius(limited, self.spectral_radius)

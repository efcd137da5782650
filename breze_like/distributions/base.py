"""What every distribution here can do."""

from abc import ABC, abstractmethod


class Distribution(ABC):
    """A distribution of arrays with the features in the last axis, independent over all the other axes."""

    @abstractmethod
    def log_prob(self, x):
        """Logarithm of the density or probability of x, shape (..., n), summed over features: shape (...), nats."""

    @abstractmethod
    def sample(self, noise):
        """A draw from noise of the shape of x, as `draw_noise` makes it."""

    @staticmethod
    @abstractmethod
    def draw_noise(rng, shape):
        """The noise that `sample` turns into a draw: ndarray from a `numpy.random.Generator`."""

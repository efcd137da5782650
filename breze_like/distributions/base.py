"""What every distribution here can do."""

from abc import ABC, abstractmethod


class Distribution(ABC):
    """A distribution of arrays with the features in the last axis, independent over all the other axes."""

    @abstractmethod
    def log_prob(self, x):
        """Log-density or log-probability, nats, of x of shape (..., n), summed over features: shape (...)."""

    @abstractmethod
    def sample(self, noise):
        """A draw from noise of the shape of x, as `draw_noise` makes it."""

    @staticmethod
    @abstractmethod
    def draw_noise(rng, shape):
        """The noise that `sample` turns into a draw: ndarray from a `numpy.random.Generator`."""

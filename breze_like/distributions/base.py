"""What every distribution here can do."""

from abc import ABC, abstractmethod


class Distribution(ABC):
    """A distribution of arrays with the features in the last axis, independent over all the other axes."""

    @property
    @abstractmethod
    def mean(self):
        """The expectation, of the shape of x; a class says so if its own is an approximation."""

    @property
    @abstractmethod
    def mode(self):
        """The most probable x; a class says so if its own is an approximation."""

    @abstractmethod
    def log_prob(self, x):
        """Log-density or log-probability, nats, of x of shape (..., n), summed over features: shape (...)."""

    @abstractmethod
    def sample(self, noise):
        """A draw from noise as `draw_noise` makes it."""

    @abstractmethod
    def tempered(self, temperature):
        """The distribution with density proportional to p(x)^(1 / temperature).

        Below 1, it comes closer to the mode; above 1, it is wider. A class says so if its own is something
        else.
        """

    @staticmethod
    @abstractmethod
    def draw_noise(rng, shape):
        """The noise of a draw of that shape: ndarray from a `numpy.random.Generator`."""

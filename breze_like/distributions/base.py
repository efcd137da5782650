"""What every distribution here can do."""

from abc import ABC, abstractmethod


class Distribution(ABC):
    """A distribution of arrays with the features in the last axis, independent over all the other axes."""

    @property
    @abstractmethod
    def mean(self):
        """The expectation, with the shape of x; a class says so if it is an approximation."""

    @property
    @abstractmethod
    def mode(self):
        """The most probable x; a class says so if it is an approximation."""

    @abstractmethod
    def log_prob(self, x):
        """Log-density or log-probability, nats, of x of shape (..., n), summed over features: shape (...)."""

    @abstractmethod
    def sample(self, noise):
        """A draw from noise as `draw_noise` makes it."""

    @abstractmethod
    def tempered(self, temperature):
        """The distribution with density proportional to p(x)^(1 / temperature).

        Below 1, draws are closer to the mode; above 1, they are wider spread. A class says so if its method
        does something else.
        """

    def given(self, x):
        """The distribution of the entries of x that are NaN, given the others, of which it says nothing.

        By default the same, since entries are independent. A class whose entries are not has its own method,
        and says so if that is an approximation.
        """
        return self

    @staticmethod
    @abstractmethod
    def draw_noise(rng, shape):
        """The noise for a draw of that shape: ndarray from a `numpy.random.Generator`."""

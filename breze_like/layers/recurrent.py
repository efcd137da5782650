"""Recurrent layers, one way and both ways, and stacks of them."""

from abc import ABC, abstractmethod
from functools import partial
from itertools import zip_longest

import pytensor.tensor as pt

from breze_like.layers.base import Composite, Layer
from breze_like.layers.feedforward import Affine, keep_probability
from breze_like.moments import Moments, Tanh, total
from breze_like.recurrence import Direction, fast_dropout_recurrence, recurrence


class Chain(Layer):
    """Parameters of h_t = f(a_t + h_{t-1} R), along the sequence or against it: R, and a learned h_0.

    Parameters
    ----------
    parameters : ParameterSet
    name : str
    n_hidden : int
    reverse : bool
        Whether the chain runs from the last step to the first.
    initial_variance : float, optional
        Variance of h_0; None if h_0 is certain.
    others : dict of str to str, optional
        Names of other weights (n_hidden, n_hidden), and of the method of `Initialization` that draws them.
    """

    def __init__(self, parameters, name, n_hidden, reverse=False, initial_variance=None, others=None):
        super().__init__(parameters, name)
        self.reverse = reverse
        self.initial_variance = initial_variance
        self.others = others or {}
        self.declare("recurrent", (n_hidden, n_hidden))
        self.declare("initial_mean", (n_hidden,))
        for other in self.others:
            self.declare(other, (n_hidden, n_hidden))

    def initial(self, mask):
        """Moments of h_0 for each sequence, (n_sequences, n_hidden)."""
        mean = pt.zeros_like(mask[0])[:, None] + self["initial_mean"]
        if self.initial_variance is None:
            return Moments(mean)
        return Moments(mean, pt.full_like(mean, self.initial_variance, dtype=mean.dtype))

    def initialize(self, rng, initialization):
        for weights, how in {"recurrent": "recurrent", **self.others}.items():
            self.draw(weights, rng, getattr(initialization, how))


class RecurrentLayer(Layer, ABC):
    """The average of chains of states that have the same input, one for each direction.

    A subclass makes `input`, a layer from inputs to preactivations, and `chains`, and says what their states
    are, in `states`.
    """

    directions = ("forward",)

    @property
    def parts(self):
        return [self.input, *self.chains]

    def __call__(self, x, mask, initial=None):
        """Moments of shape (n_steps, n_sequences, n_in) to moments of (n_steps, n_sequences, n_hidden).

        A layer with one chain also takes moments of its initial state, if that is not the learned one.
        """
        starts = [initial or chain.initial(mask) for chain in self.chains]
        states = self.states(self.input(x), pt.gt(mask, 0)[:, :, None], starts)
        (mean, variance), n = total(*states), len(states)
        return Moments(mean / n, None if variance is None else variance / n**2)

    @abstractmethod
    def states(self, a, real, starts):
        """Moments of the states of each chain.

        Parameters
        ----------
        a : Moments, shape (n_steps, n_sequences, n)
            What `input` gives.
        real : TensorVariable, bool, shape (n_steps, n_sequences, 1)
        starts : list of Moments, shape (n_sequences, n_hidden)
            What each chain starts from.
        """


class Recurrent(RecurrentLayer):
    """One chain: h_t = f((d x_t) W + b + (e h_{t-1}) R), with dropout d on the input and e on the state.

    If nothing is uncertain, the states are plain values; else their moments are propagated, where

        E[a] = p_keep E[h] R,  V[a] = (p_keep (1 - p_keep) E[h]^2 + p_keep V[h]) R^2

    is what the state adds to the moments of the preactivations.

    Parameters
    ----------
    parameters : ParameterSet
    name : str
    n_in, n_hidden : int
    p_keep : float or "learned"
        Probability of keeping an input.
    transfer : object with `moments`, by default `Tanh()`
    initial_variance : float, optional
        Variance of the initial state. With a number, even 0, the states are uncertain, even if everything
        else is certain.
    recurrent_p_keep : float or "learned", optional
        Probability of keeping a unit of the state; by default `p_keep`, but learned separately. Both
        directions share it.
    """

    def __init__(
        self,
        parameters,
        name,
        n_in,
        n_hidden,
        p_keep=1.0,
        transfer=None,
        initial_variance=None,
        recurrent_p_keep=None,
    ):
        super().__init__(parameters, name)
        self.transfer = transfer or Tanh()
        self.input = Affine(parameters, f"{name}/input", n_in, n_hidden, p_keep)
        recurrent_p_keep = p_keep if recurrent_p_keep is None else recurrent_p_keep
        self.p_keep = keep_probability(parameters, f"{name}/p_keep", recurrent_p_keep)
        self.chains = [
            Chain(parameters, f"{name}/{direction}", n_hidden, direction == "backward", initial_variance)
            for direction in self.directions
        ]

    def states(self, a, real, starts):
        chains = list(zip(self.chains, starts, strict=True))
        if self.p_keep() is None and all(x.variance is None for x in (a, *starts)):
            return [
                Moments(recurrence(a.mean, real, c["recurrent"], start.mean, self.transfer, c.reverse))
                for c, start in chains
            ]
        directions = [self._direction(chain, a, start) for chain, start in chains]
        return fast_dropout_recurrence(real, self.transfer, *directions)

    def _direction(self, chain, a, start):
        p_keep = self.p_keep()
        if p_keep is None:
            p_keep = pt.constant(1.0, dtype=a.mean.dtype)
        return Direction(*a.uncertain, chain["recurrent"], *start.uncertain, p_keep, chain.reverse)

    @property
    def parts(self):
        return [self.input, self.p_keep, *self.chains]


class Bidirectional(Recurrent):
    """Two chains with the same input: (forward + backward) / 2 in the mean, / 4 in the variance."""

    directions = ("forward", "backward")


class Stack(Composite):
    """Recurrent layers on top of each other; the output of one feeds all directions of the next.

    Parameters
    ----------
    make_layer : callable
        Makes the layer for ``(name=, n_in=, n_hidden=)``.
    name : str
    n_in : int
    n_hiddens : sequence of int
        Sizes of the layers, at least one.
    make_first : callable, optional
        Makes the first layer, if that one is different.

    Raises
    ------
    ValueError
        If `n_hiddens` is empty.
    """

    def __init__(self, make_layer, name, n_in, n_hiddens, make_first=None):
        if not n_hiddens:
            raise ValueError(f"n_hiddens must have at least one layer, got {n_hiddens!r}")
        makers = [make_first or make_layer] + [make_layer] * (len(n_hiddens) - 1)
        sizes = zip(makers, (n_in, *n_hiddens), n_hiddens, strict=False)
        self.layers = self.parts = [
            make(name=f"{name}/hidden_{i}", n_in=n_below, n_hidden=n_hidden)
            for i, (make, n_below, n_hidden) in enumerate(sizes)
        ]

    def __call__(self, x, mask):
        """Moments of shape (n_steps, n_sequences, n_in) to the moments of the last layer."""
        return self.states(x, mask)[-1]

    def states(self, x, mask, initial=()):
        """Moments of all layers, a list.

        Parameters
        ----------
        x, mask
            As for a call.
        initial : list of Moments, shape (n_sequences, n_hidden)
            For layers with one chain, their initial states, if these are not the learned ones.
        """
        states = []
        for layer, start in zip_longest(self.layers, initial):
            x = layer(x, mask, start)
            states.append(x)
        return states

    def initial(self, mask):
        """The learned initial states of layers with one chain, as `states` takes them."""
        return [chain.initial(mask) for layer in self.layers for chain in layer.chains]


def fast_dropout(layer, p_keep, recurrent_p_keep=None):
    """Makes layers of `Recurrent` or `Bidirectional` as those of `LAYERS` are made; states are uncertain."""
    return partial(layer, p_keep=p_keep, recurrent_p_keep=recurrent_p_keep, initial_variance=0.0)

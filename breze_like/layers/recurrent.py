"""Recurrent layers, one way and both ways, deterministic and fast-dropout."""

from itertools import zip_longest

import pytensor.tensor as pt

from breze_like.layers.base import Layer
from breze_like.layers.feedforward import Affine, FastDropoutAffine, keep_probability
from breze_like.moments import Tanh
from breze_like.recurrence import Direction, fast_dropout_recurrence, recurrence


class Chain(Layer):
    """h_t = f(a_t + h_{t-1} R), with a learned h_0, along the sequence or against it.

    Parameters
    ----------
    parameters : ParameterSet
    name : str
    n_hidden : int
    transfer : callable
    reverse : bool
        Whether the chain runs from the last step to the first.
    """

    def __init__(self, parameters, name, n_hidden, transfer, reverse=False):
        super().__init__(parameters, name)
        self.transfer = transfer
        self.reverse = reverse
        self.declare("recurrent", (n_hidden, n_hidden))
        self.declare("initial_mean", (n_hidden,))

    def __call__(self, preactivation, mask, initial):
        """States of shape (n_steps, n_sequences, n_hidden) from preactivations of the same shape."""
        return recurrence(
            preactivation, self.real(mask), self["recurrent"], initial, self.transfer, self.reverse
        )

    def initial(self, mask):
        """What `__call__` takes as h_0, for each sequence: a tuple of variables (n_sequences, n_hidden)."""
        return (pt.zeros_like(mask[0])[:, None] + self["initial_mean"],)

    def initialize(self, rng, initialization):
        recurrent = self.view("recurrent")
        recurrent[...] = initialization.recurrent(rng, recurrent.shape)

    @staticmethod
    def real(mask):
        """Where a step is real, as the recurrences take it."""
        return pt.gt(mask, 0)[:, :, None]


class FastDropoutChain(Chain):
    """Moments of h_t = f(a_t + (d h_{t-1}) R), with dropout d on the state.

    E[a] adds p_keep E[h] R, and V[a] adds (p_keep (1 - p_keep) E[h]^2 + p_keep V[h]) R^2.

    Parameters
    ----------
    parameters, name, n_hidden, reverse
        As for `Chain`.
    transfer : object with `moments`
    p_keep : FixedKeep or LearnedKeep
        Of the state; the two directions of a layer share it.
    initial_variance : float
        Variance of h_0.
    """

    def __init__(self, parameters, name, n_hidden, transfer, p_keep, reverse=False, initial_variance=0.0):
        super().__init__(parameters, name, n_hidden, transfer, reverse)
        self.p_keep = p_keep
        self.initial_variance = initial_variance

    def __call__(self, mean, variance, initial_mean, initial_variance):
        """What `fast_dropout_recurrence` takes of moments of the preactivations and of h_0.

        The former are (n_steps, n_sequences, n_hidden), the latter (n_sequences, n_hidden).
        """
        variance = variance + pt.zeros_like(mean)  # it may be the number 0
        initial = initial_mean, initial_variance
        return Direction(mean, variance, self["recurrent"], *initial, self.p_keep(), self.reverse)

    def initial(self, mask):
        (mean,) = super().initial(mask)
        return mean, pt.full_like(mean, self.initial_variance, dtype=mean.dtype)


class Recurrent(Layer):
    """One chain: h_t = f(x_t W + b + h_{t-1} R).

    Parameters
    ----------
    parameters : ParameterSet
    name : str
    n_in, n_hidden : int
    transfer : callable, by default `Tanh()`
    """

    directions = ("forward",)
    chain = Chain

    def __init__(self, parameters, name, n_in, n_hidden, transfer=None):
        super().__init__(parameters, name)
        self.input = Affine(parameters, f"{name}/input", n_in, n_hidden)
        self.chains = [
            self.chain(
                parameters, f"{name}/{direction}", n_hidden, transfer or Tanh(), direction == "backward"
            )
            for direction in self.directions
        ]

    def __call__(self, x, mask, *initial):
        """x of shape (n_steps, n_sequences, n_in) to states of shape (n_steps, n_sequences, n_hidden).

        A layer of one chain takes the state that it starts from, if that is not the learned one.
        """
        preactivation = self.input(x)
        states = [chain(preactivation, mask, *(initial or chain.initial(mask))) for chain in self.chains]
        return sum(states) / len(states)

    def initialize(self, rng, initialization):
        for layer in (self.input, *self.chains):
            layer.initialize(rng, initialization)


class Bidirectional(Recurrent):
    """Two chains with the same input, one along the sequence and one against it: (forward + backward) / 2."""

    directions = ("forward", "backward")


class FastDropoutRecurrent(Layer):
    """One chain with fast dropout on the input and on the state.

    Parameters
    ----------
    parameters, name, n_in, n_hidden
        As for `Recurrent`.
    p_keep : float or "learned"
        Probability to keep an input.
    transfer : object with `moments`, by default `Tanh()`
    initial_variance : float
        Variance of the initial state.
    recurrent_p_keep : float or "learned", optional
        Probability to keep a unit of the state; by default `p_keep`, though learned on its own.
    """

    directions = ("forward",)

    def __init__(
        self,
        parameters,
        name,
        n_in,
        n_hidden,
        p_keep,
        transfer=None,
        initial_variance=0.0,
        recurrent_p_keep=None,
    ):
        super().__init__(parameters, name)
        self.input = FastDropoutAffine(parameters, f"{name}/input", n_in, n_hidden, p_keep)
        recurrent_p_keep = p_keep if recurrent_p_keep is None else recurrent_p_keep
        self.p_keep = keep_probability(parameters, f"{name}/p_keep", recurrent_p_keep)
        self.chains = [
            FastDropoutChain(
                parameters,
                f"{name}/{direction}",
                n_hidden,
                transfer or Tanh(),
                self.p_keep,
                direction == "backward",
                initial_variance,
            )
            for direction in self.directions
        ]

    def __call__(self, mean, variance, mask, *initial):
        """Moments of shape (n_steps, n_sequences, n_in) to moments of (n_steps, n_sequences, n_hidden).

        A layer of one chain takes the moments of the state that it starts from, if they are not the learned
        ones.
        """
        moments = self.input(mean, variance)
        directions = [chain(*moments, *(initial or chain.initial(mask))) for chain in self.chains]
        states = fast_dropout_recurrence(Chain.real(mask), self.chains[0].transfer, *directions)
        means, variances = zip(*states, strict=True)
        return sum(means) / len(means), sum(variances) / len(variances) ** 2

    def initialize(self, rng, initialization):
        for layer in (self.input, self.p_keep, *self.chains):
            layer.initialize(rng, initialization)


class FastDropoutBidirectional(FastDropoutRecurrent):
    """Two chains with the same input: (forward + backward) / 2 in the mean, / 4 in the variance."""

    directions = ("forward", "backward")


class Stack:
    """Recurrent layers on top of each other; the output of one feeds all directions of the next.

    Parameters
    ----------
    make_layer : callable
        Makes the layer for ``(name=, n_in=, n_hidden=)``.
    name : str
    n_in : int
    n_hiddens : sequence of int
        Sizes of the layers, at least one.

    Raises
    ------
    ValueError
        If `n_hiddens` is empty.
    """

    def __init__(self, make_layer, name, n_in, n_hiddens):
        if not n_hiddens:
            raise ValueError(f"n_hiddens must name at least one layer, got {n_hiddens!r}")
        sizes = (n_in, *n_hiddens)
        self.layers = [
            make_layer(name=f"{name}/hidden_{i}", n_in=sizes[i], n_hidden=sizes[i + 1])
            for i in range(len(n_hiddens))
        ]

    def __call__(self, *signal, mask):
        """An array, or two moments, of shape (n_steps, n_sequences, n_in), to the same of the last layer."""
        output = self.states(*signal, mask=mask)[-1]
        return output if len(output) > 1 else output[0]

    def states(self, *signal, mask, initial=()):
        """Outputs of all layers, each a tuple of the array or of the two moments.

        Parameters
        ----------
        *signal, mask
            As for a call.
        initial : list of tuple of TensorVariable, each of shape (n_sequences, n_hidden)
            For layers of one chain, the states that they start from, if these are not the learned ones.
        """
        outputs = []
        for layer, start in zip_longest(self.layers, initial, fillvalue=()):
            output = layer(*signal, mask, *start)
            signal = output if isinstance(output, tuple) else (output,)
            outputs.append(signal)
        return outputs

    def initial(self, mask):
        """The learned states that layers of one chain start from, as `states` takes them."""
        return [chain.initial(mask) for layer in self.layers for chain in layer.chains]

    def initialize(self, rng, initialization):
        for layer in self.layers:
            layer.initialize(rng, initialization)

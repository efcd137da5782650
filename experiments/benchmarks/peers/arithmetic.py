"""How much arithmetic the models take: that of their matrix products, counted from sizes.

Multiplications and additions that involve weights are counted, as if no entry that weights are multiplied
with were 0: for each moment that is needed later, and, in the gradient, for the gradients of the weights and
of their factors, unless these are data. Elementwise operations are not counted: transfer functions, dropout,
divergence.
"""

from typing import NamedTuple

from experiments.benchmarks.peers.problem import N_LATENT, N_NADE_HIDDEN, N_VISIBLE, Problem


class Product(NamedTuple):
    """What comes into a layer, times its weights, at each step of each sequence.

    Parameters
    ----------
    n_in, n_out : int
        Shape of the weights.
    n_moments : int
        2 if mean and variance are multiplied, 1 if one of them is.
    is_data : bool
        Whether what comes in needs no gradient.
    """

    n_in: int
    n_out: int
    n_moments: int = 2
    is_data: bool = False

    def n_operations(self, gradient):
        """Multiplications and additions for a step of a sequence, with those of the gradient or without."""
        n_kinds = 1 + gradient * (1 if self.is_data else 2)
        return 2 * self.n_in * self.n_out * self.n_moments * n_kinds


def products(problem):
    """All products of the loss. In a NADE's, keys take turns: each has a column of weights of its own."""
    n = problem.n_hidden
    if problem.model == "rnn_nade":
        yield Product(N_VISIBLE, n, n_moments=1, is_data=True)
        yield Product(n, n, n_moments=1)
        yield Product(n, N_VISIBLE + N_NADE_HIDDEN, n_moments=1)
        yield Product(N_VISIBLE, N_NADE_HIDDEN, n_moments=1, is_data=True)
        yield Product(N_NADE_HIDDEN, N_VISIBLE, n_moments=1)
        return
    yield Product(N_VISIBLE, n, is_data=True)
    yield Product(n, N_LATENT)
    yield Product(n, N_VISIBLE)
    if problem.model == "vrae":
        yield from 4 * [Product(n, n)]  # two networks of two directions
        yield Product(N_LATENT, n)
    else:
        yield from 2 * [Product(n, n)]  # the recurrence, and the states on the way to the emission
        yield Product(N_LATENT, n, n_moments=1)  # of draws, which nothing is dropped of: no variance


def n_operations(problem, gradient):
    """Multiplications and additions of the loss of a problem's minibatch, with its gradient or without."""
    of_step = sum(product.n_operations(gradient) for product in products(problem))
    return problem.n_steps * problem.batch_size * of_step


def n_operations_of(lengths, **sizes):
    """Those of the losses of sequences of such lengths, without any padding."""
    return n_operations(Problem(**sizes, batch_size=1, n_steps=sum(lengths)), gradient=False)

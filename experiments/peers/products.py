"""The limit: the matrix products of the models alone, on one core, each with its output allocated beforehand.

Those of mean and variance, forwards; and for the gradient, those of the inputs, and those of the weights over
all steps at once.
"""

import numpy as np

from experiments.peers.problem import N_LATENT, N_VISIBLE, padded_batches


def about():
    """Version and device."""
    return {"numpy": np.__version__, "device": "cpu"}


def device_memory():
    """None: it is not computed on a GPU."""


class Product:
    """(n, k) times (k, m), single precision, `times` times."""

    def __init__(self, n, k, m, times):
        rng = np.random.default_rng(0)
        self.left = rng.standard_normal((n, k), dtype=np.float32)
        self.right = rng.standard_normal((k, m), dtype=np.float32)
        self.out = np.empty((n, m), np.float32)
        self.times = times

    @property
    def n_operations(self):
        """Multiplications and additions."""
        return 2 * self.left.size * self.right.shape[1] * self.times

    def __call__(self):
        for _ in range(self.times):
            np.matmul(self.left, self.right, out=self.out)


def affine(n_rows, n_in, n_out, gradient, input_gradient=True):
    """Products of an affine map of both moments."""
    products = [Product(n_rows, n_in, n_out, 2)]
    if gradient:
        products.append(Product(n_in, n_rows, n_out, 2))
    if gradient and input_gradient:
        products.append(Product(n_rows, n_out, n_in, 2))
    return products


def chain(n_steps, batch_size, n, gradient):
    """Products of a chain of both moments: two a step, and the same on the way back."""
    products = [Product(batch_size, n, n, 2 * n_steps)]
    if gradient:
        products += [Product(batch_size, n, n, 2 * n_steps), Product(n, n_steps * batch_size, n, 2)]
    return products


def products_of(problem, gradient):
    """All products of the loss of a minibatch, and of its gradient."""
    n_rows, n = problem.n_steps * problem.batch_size, problem.n_hidden

    def one_chain():
        return chain(problem.n_steps, problem.batch_size, n, gradient)

    products = affine(n_rows, N_VISIBLE, n, gradient, input_gradient=False)
    products += affine(n_rows, n, N_LATENT, gradient)
    if problem.model == "vrae":
        products += 2 * (one_chain() + one_chain())  # two networks of two directions
        products += affine(n_rows, N_LATENT, n, gradient)
    else:
        products += one_chain()
        products += affine(n_rows, N_LATENT + n, n, gradient)
    return products + affine(n_rows, n, N_VISIBLE, gradient)


def loss_and_gradient(problem):
    """A function of nothing: the products of loss and gradient of the problem's minibatch."""
    return _one_after_another(products_of(problem, gradient=True))


def evaluation(lengths, **sizes):
    """A function of nothing: the products of the losses of padded batches of sequences of such lengths."""
    problems = padded_batches(lengths, **sizes)
    return _one_after_another([p for problem in problems for p in products_of(problem, gradient=False)])


def _one_after_another(products):
    def compute():
        for product in products:
            product()

    return compute

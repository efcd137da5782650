"""What all systems compute: sizes, parameters by the library's names, observations, noise."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from experiments.benchmarks.peers.by_length import batches_by_length

MODELS = ("vrae", "vosp")
N_VISIBLE = 88
N_LATENT = 50
# Hidden units of the NADE that "rnn_nade" has for an emission.
N_NADE_HIDDEN = 100

# Keep probabilities of the generative network, and of the recognition network by their logits.
P_KEEP = 0.9
LOGIT = 2.0


@dataclass(frozen=True)
class Problem:
    """A training step: the loss of a minibatch without padding, and its gradient.

    Parameters
    ----------
    model : "vrae", "vosp" or "rnn_nade"
        The last one is deterministic: it takes no noise.
    n_hidden, batch_size, n_steps : int
    dtype : str

    Attributes
    ----------
    parameters : dict of str to ndarray
    observations, noise : ndarray, shape (n_steps, batch_size, `N_VISIBLE`) and (..., `N_LATENT`)
    """

    model: str
    n_hidden: int
    batch_size: int
    n_steps: int = 100
    dtype: str = "float32"

    @cached_property
    def shapes(self):
        """Shapes of the parameters, by name."""
        if self.model == "rnn_nade":
            return _rnn_nade(self.n_hidden)
        n, directions = self.n_hidden, ["forward", "backward"] if self.model == "vrae" else ["forward"]
        keeps = [
            "recognition/hidden_0/input/p_keep",
            "recognition/hidden_0/p_keep",
            "recognition/output/p_keep",
        ]
        shapes = {f"{name}/logit": (1,) for name in keeps}
        shapes |= _affine("recognition/hidden_0/input", N_VISIBLE, n)
        shapes |= _chains("recognition/hidden_0", directions, n)
        shapes |= _affine("recognition/output", n, N_LATENT)
        if self.model == "vrae":
            shapes |= _affine("generative/hidden_0/input", N_LATENT, n)
            shapes |= _chains("generative/hidden_0", directions, n)
        else:
            shapes |= _affine("generative/hidden_0", N_LATENT + n, n)
        return shapes | _affine("generative/emission/output", n, N_VISIBLE)

    @cached_property
    def parameters(self):
        rng = np.random.default_rng(0)

        def draw(name, shape):
            if name.endswith("logit"):
                return np.full(shape, LOGIT, self.dtype)
            return (0.05 * rng.standard_normal(shape)).astype(self.dtype)

        return {name: draw(name, shape) for name, shape in self.shapes.items()}

    @cached_property
    def observations(self):
        drawn = np.random.default_rng(1).random((self.n_steps, self.batch_size, N_VISIBLE))
        return (drawn < 0.05).astype(self.dtype)

    @cached_property
    def noise(self):
        shape = (self.n_steps, self.batch_size, N_LATENT)
        return np.random.default_rng(2).standard_normal(shape).astype(self.dtype)


def batchings(lengths, **sizes):
    """The problems of batches of sequences of such lengths, by the way that these are batched.

    ``"by length"``, a column for each sequence, and ``"packed"`` as the library does it, with less padding. A
    system that knows no masks computes as much as one that scores the sequences, if not as much as the
    library, which draws noise and fills its batches anew.
    """
    # Here, so that systems do not import the library, and grow by it, where they do without.
    from breze_like.data import pack

    shapes = {"by length": batches_by_length(lengths), "packed": [batch.shape for batch in pack(lengths)]}
    return {
        way: [Problem(**sizes, n_steps=n_steps, batch_size=n) for n_steps, n in batches]
        for way, batches in shapes.items()
    }


def _rnn_nade(n):
    weights = (N_VISIBLE, N_NADE_HIDDEN)
    return {
        **_affine("generative/hidden_0/input", N_VISIBLE, n),
        **_chains("generative/hidden_0", ["forward"], n),
        **_affine("generative/emission/output", n, N_VISIBLE + N_NADE_HIDDEN),
        "generative/emission/weights_in": weights,
        "generative/emission/weights_out": weights,
    }


def _affine(name, n_in, n_out):
    return {f"{name}/weights": (n_in, n_out), f"{name}/bias": (n_out,)}


def _chains(name, directions, n):
    shapes = {}
    for direction in directions:
        shapes |= {f"{name}/{direction}/recurrent": (n, n), f"{name}/{direction}/initial_mean": (n,)}
    return shapes

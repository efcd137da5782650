"""A model that compiles fast, for tests of how models are trained on a device."""

import numpy as np
import pytensor.tensor as pt
import pytest

from breze_like.models.base import Model, per_step


class Linear(Model):
    """A noisy linear map of each step onto itself, with a penalty in place of a KL divergence."""

    def __init__(self):
        super().__init__("jax")
        self.parameters.declare("weights", (2, 2))
        x, mask = self.inputs["observations"], self.inputs["mask"]
        noise = self.inputs["noise"] = pt.tensor3("noise")
        weight = self.inputs["kl_weight"] = pt.scalar("kl_weight")
        self.training_inputs = ("observations", "mask", "noise", "kl_weight")
        weights = self.parameters["weights"]
        error = pt.tensordot(x + 0.1 * noise, weights, 1) - x
        terms = mask * (pt.sqr(error).sum(axis=2) + weight * pt.sqr(weights).sum())
        self.expressions["loss"] = per_step(terms, mask)

    def draw_noise(self, rng, n_steps, n_sequences):
        return rng.standard_normal((n_steps, n_sequences, 2))

    def distance(self, chunks):
        """A score: how far the parameters are from a fixed point."""
        return float(np.abs(self.parameters.data - [0.7, 0.1, 0.0, 0.9]).sum())


@pytest.fixture
def linear():
    """A small model, of the precision that floatX has."""
    return Linear

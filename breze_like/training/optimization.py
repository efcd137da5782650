"""Steps of climin's RmsProp on clipped gradients, undone if they meet numbers that are not finite."""

import math
from typing import NamedTuple

import numpy as np

from breze_like.training.climin_import import RmsProp


def clip_norm(gradient, max_norm):
    """Scale a gradient down to a Euclidean norm of `max_norm` where it is longer.

        g                   if |g| <= max_norm
        g max_norm / |g|    otherwise

    Parameters
    ----------
    gradient : ndarray, shape (n_parameters,)
        If it is not finite, it is returned as it is.
    max_norm : float

    Returns
    -------
    gradient : ndarray, shape (n_parameters,)
    norm : float
        Before clipping.
    """
    with np.errstate(over="ignore"):
        # NumPy's own sum, in double precision: squares of single precision overflow early.
        norm = math.sqrt(np.sum(np.square(gradient, dtype=np.float64)))
    if max_norm < norm < math.inf:
        gradient = gradient * (max_norm / norm)
    return gradient, norm


class StepOutcome(NamedTuple):
    """What a step met: the loss, the norm of the gradient before clipping, and whether it was undone."""

    loss: float
    gradient_norm: float
    skipped: bool


class GuardedRmsProp:
    """climin's RmsProp with Nesterov momentum, on clipped gradients.

    A step that meets a loss or a gradient that is not finite is undone.

    Parameters
    ----------
    parameters : ndarray, shape (n_parameters,)
        Changed in place.
    loss_and_gradient : callable
        Takes the inputs of a step, returns a scalar and an array like `parameters`, at their current value.
    decay, momentum, max_gradient_norm : float
    """

    state_fields = ("parameters", "n_iter", "moving_mean_squared", "step")

    def __init__(self, parameters, loss_and_gradient, *, decay=0.9, momentum=0.9, max_gradient_norm=225.0):
        self._parameters = parameters
        self._loss_and_gradient = loss_and_gradient
        self._max_gradient_norm = float(max_gradient_norm)
        # Python's floats leave the precision of the arrays alone, NumPy's do not.
        self._rmsprop = RmsProp(parameters, self._gradient, 0.0, decay=float(decay), momentum=float(momentum))
        self.restore(self.initial_state(parameters))

    @staticmethod
    def initial_state(parameters):
        """The state before the first step: climin's, as full arrays."""
        squares, step = np.ones_like(parameters), np.zeros_like(parameters)
        return {"parameters": parameters.copy(), "n_iter": 0, "moving_mean_squared": squares, "step": step}

    def step(self, inputs, step_rate):
        """Make one step.

        Parameters
        ----------
        inputs : list
            Arguments of `loss_and_gradient`.
        step_rate : float

        Returns
        -------
        StepOutcome
            If it was skipped, parameters and state are as they were before.
        """
        before = self.state()
        self._rmsprop.args = [(inputs, {})]
        self._rmsprop.step_rate = float(step_rate)
        for _ in self._rmsprop:  # once: there are the arguments of a single step
            pass
        if self._met.skipped:
            self.restore(before)
        return self._met

    def state(self):
        """Everything that later steps depend on: a dict with an entry for each of `state_fields`."""
        info = self._rmsprop.extended_info(parameters=self._parameters.copy())
        return {name: info[name] for name in self.state_fields}

    def restore(self, state):
        """Go back to what `state` returned."""
        info = self._rmsprop.extended_info(**state)
        self._parameters[...] = info.pop("parameters")
        self._rmsprop.set_from_info(info)

    def _gradient(self, _, *inputs):
        loss, gradient = self._loss_and_gradient(*inputs)
        clipped, norm = clip_norm(gradient, self._max_gradient_norm)
        skipped = not (math.isfinite(loss) and math.isfinite(norm))
        self._met = StepOutcome(float(loss), norm, skipped)
        return np.zeros_like(clipped) if skipped else clipped

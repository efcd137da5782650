"""Steps of RmsProp as one compiled program, whose parameters and state stay on the device that it runs on."""

import math

import numpy as np

from breze_like.backends import jax_precision, traceable
from breze_like.training.optimization import GuardedRmsProp, Outcome


def pure_loss_and_gradient(model):
    """The model's loss and gradient, as `backends.traceable` makes functions of JAX arrays.

    Its arguments are the flat parameters, and the training inputs.
    """
    inputs = [model.parameters.flat, *map(model.variable, model.training_inputs)]
    return traceable(inputs, [model.variable("loss"), model.variable("gradient")])


def guarded_update(loss_and_gradient):
    """One step of `GuardedRmsProp`, as a pure function that JAX can compile and `jax.vmap`.

    Parameters
    ----------
    loss_and_gradient : callable
        See `pure_loss_and_gradient`.

    Returns
    -------
    callable
        Maps ``(parameters, moving_mean_squared, step)``; the inputs of the loss, a list; step rate, decay,
        momentum and the largest norm of a gradient, scalars; to the new state of the optimiser, and an array
        of loss and norm. If one of these is not finite, the state is the old one.
    """
    import jax.numpy as jnp

    def update(state, inputs, step_rate, decay, momentum, max_gradient_norm):
        parameters, squares, step = state
        ahead = parameters - momentum * step  # Nesterov: the gradient is that of where momentum leads
        loss, gradient = loss_and_gradient(ahead, *inputs)
        norm = _norm(gradient)
        gradient = gradient * jnp.where(norm > max_gradient_norm, max_gradient_norm / norm, 1)
        new_squares = decay * squares + (1 - decay) * gradient**2
        correction = step_rate * gradient / jnp.sqrt(new_squares + 1e-8)
        new = ahead - correction, new_squares, momentum * step + correction
        good = jnp.isfinite(loss) & jnp.isfinite(norm)
        kept = tuple(jnp.where(good, n, old) for n, old in zip(new, state, strict=True))
        return kept, jnp.stack([loss, norm])

    def _norm(gradient):
        # In units of the largest entry: squares of single precision overflow early.
        largest = jnp.maximum(jnp.abs(gradient).max(), jnp.finfo(gradient.dtype).tiny)
        return largest * jnp.sqrt(jnp.sum((gradient / largest) ** 2))

    return update


class DeviceRmsProp:
    """`GuardedRmsProp` in one program with loss and gradient; gives the same iterates, up to rounding.

    What `state` returns are the arrays on the device. They are immutable, and the next step gets them without
    giving them up: so a step that is interrupted has not happened.

    Parameters
    ----------
    parameters : ndarray, shape (n_parameters,)
        The first ones; not changed.
    loss_and_gradient : callable
        See `pure_loss_and_gradient`.
    decay, momentum, max_gradient_norm : float
    """

    state_fields = GuardedRmsProp.state_fields

    def __init__(self, parameters, loss_and_gradient, *, decay=0.9, momentum=0.9, max_gradient_norm=225.0):
        import jax

        self._dtype = parameters.dtype
        self._precision = jax_precision()
        self._settings = [float(decay), float(momentum), float(max_gradient_norm)]
        self._update = jax.jit(guarded_update(loss_and_gradient))
        self._device_put = jax.device_put
        self.restore(GuardedRmsProp.initial_state(parameters))

    def step(self, inputs, step_rate):
        """Make one step.

        Parameters
        ----------
        inputs : list of array_like
        step_rate : float

        Returns
        -------
        Outcome
            If it was skipped, the state is as it was before.
        """
        inputs = [np.asarray(array, self._dtype) for array in inputs]
        scalars = [np.asarray(x, self._dtype) for x in (step_rate, *self._settings)]
        with self._precision():
            arrays, met = self._update(self._arrays, inputs, *scalars)
        loss, norm = map(float, np.asarray(met))
        skipped = not (math.isfinite(loss) and math.isfinite(norm))
        self._arrays, self._n_iter = arrays, self._n_iter + (not skipped)
        return Outcome(loss, norm, skipped)

    def state(self):
        """Everything that later steps depend on: a dict with an entry for each of `state_fields`."""
        parameters, squares, step = self._arrays
        return {
            "parameters": parameters,
            "n_iter": self._n_iter,
            "moving_mean_squared": squares,
            "step": step,
        }

    def restore(self, state):
        """Go back to what `state` returned, or any arrays like it."""
        arrays = (np.asarray(state[name]) for name in ("parameters", "moving_mean_squared", "step"))
        with self._precision():
            self._arrays = tuple(map(self._device_put, arrays))
        self._n_iter = state["n_iter"]

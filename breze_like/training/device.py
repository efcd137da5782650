"""Steps of RmsProp as one compiled program, whose parameters and state stay on the device that it runs on.

For one model, and for many at once.
"""

import math

import numpy as np

from breze_like.backends import jax_context, traceable
from breze_like.training.optimization import GuardedRmsProp, StepOutcome

# The part of the state that are arrays; the rest is `n_iter`.
ARRAYS = ("parameters", "moving_mean_squared", "step")


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
        Maps the `ARRAYS`, a tuple; the inputs of the loss, a list; step rate, decay,
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


def _outcome(loss, norm):
    return StepOutcome(loss, norm, not (math.isfinite(loss) and math.isfinite(norm)))


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
        self._context = jax_context()
        self._settings = (decay, momentum, max_gradient_norm)
        self._update = jax.jit(guarded_update(loss_and_gradient))
        self._as_array = jax.numpy.asarray
        self.restore(GuardedRmsProp.initial_state(parameters))

    def step(self, inputs, step_rate):
        """Make one step.

        Parameters
        ----------
        inputs : list of array_like
            On the device or not.
        step_rate : float

        Returns
        -------
        StepOutcome
            If it was skipped, the state is as it was before.
        """
        scalars = np.array([step_rate, *self._settings], self._dtype)
        with self._context():
            inputs = [self._as_array(array, self._dtype) for array in inputs]
            arrays, met = self._update(self._arrays, inputs, *scalars)
            outcome = _outcome(*np.asarray(met).tolist())
        self._arrays, self._n_iter = arrays, self._n_iter + (not outcome.skipped)
        return outcome

    def state(self):
        """Everything that later steps depend on: a dict with an entry for each of `state_fields`."""
        return {**dict(zip(ARRAYS, self._arrays, strict=True)), "n_iter": self._n_iter}

    def restore(self, state):
        """Go back to what `state` returned, or any arrays like it."""
        with self._context():
            self._arrays = tuple(self._as_array(np.array(state[name])) for name in ARRAYS)
        self._n_iter = state["n_iter"]


class PopulationRmsProp:
    """`DeviceRmsProp` of many models in one program.

    Parameters
    ----------
    loss_and_gradient : callable
        See `pure_loss_and_gradient`.
    settings : list of TrainingSettings
        Of all members: decay, momentum and the largest norm of a gradient.
    states : list of dict
        Each as `GuardedRmsProp.state` has it.
    """

    def __init__(self, loss_and_gradient, settings, states):
        import jax
        import jax.numpy as jnp

        def update(arrays, active, inputs, *scalars):
            new, met = jax.vmap(guarded_update(loss_and_gradient))(arrays, inputs, *scalars)
            kept = zip(new, arrays, strict=True)
            return tuple(jnp.where(active[:, None], n, old) for n, old in kept), met

        arrays = [np.stack([np.asarray(state[name]) for state in states]) for name in ARRAYS]
        self._n_iter = [state["n_iter"] for state in states]
        self._dtype = arrays[0].dtype
        choices = [(s.decay, s.momentum, s.max_gradient_norm) for s in settings]
        self._settings = np.array(choices, self._dtype).T
        self._update = jax.jit(update)
        self._context = jax_context()
        self._as_array = jnp.asarray
        with self._context():
            self._arrays = tuple(map(jnp.asarray, arrays))

    def step(self, inputs, step_rates, active):
        """Make one step of some members.

        Parameters
        ----------
        inputs : list of array_like, each (n_members, ...)
            Of the loss, on the device or not.
        step_rates : array_like, shape (n_members,)
        active : array_like, bool, shape (n_members,)
            Who takes part; the others stay as they are, whatever their inputs.

        Returns
        -------
        list of StepOutcome
            Those of the others mean nothing.
        """
        rates = np.asarray(step_rates, self._dtype)
        with self._context():
            inputs = [self._as_array(array, self._dtype) for array in inputs]
            self._arrays, met = self._update(self._arrays, np.asarray(active), inputs, rates, *self._settings)
            outcomes = [_outcome(loss, norm) for loss, norm in np.asarray(met).tolist()]
        for i, outcome in enumerate(outcomes):
            self._n_iter[i] += bool(active[i] and not outcome.skipped)
        return outcomes

    def state(self, i):
        """What later steps of a member depend on; see `GuardedRmsProp.state`."""
        rows = (_Row(array, i) for array in self._arrays)
        return {**dict(zip(ARRAYS, rows, strict=True)), "n_iter": self._n_iter[i]}


class _Row:
    """A row of an array on a device, which is fetched only when NumPy asks for it."""

    def __init__(self, array, index):
        self._array, self._index = array, index

    def __array__(self, dtype=None, copy=None):
        return np.array(np.asarray(self._array)[self._index], dtype)

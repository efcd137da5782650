"""Whether the gradient of a loss is right: symbolic derivatives compared with finite differences.

>>> errors = check_gradient(model, sequences)
>>> max(errors, key=errors.get), max(errors.values())
('generative/emission/output/bias', 2.1e-09)
"""

from collections.abc import Callable, Sequence

import numpy as np
import pytensor
from numpy.typing import NDArray

from breze_like.checks import check_rng
from breze_like.data import pad
from breze_like.models.base import Model, check_observations

# Of the finite differences. A gradient is right if those of one step say so: within the longer one there may
# be a kink, where an approximation begins; rounding tells more with the shorter one.
STEPS = (1e-3, 1e-4)


def finite_difference(f: Callable[[NDArray], float], x: NDArray, direction: NDArray, step: float) -> float:
    """Derivative of a function of a vector along a direction, by central differences of fourth order."""
    d = step * direction
    return (8 * (f(x + d) - f(x - d)) - f(x + 2 * d) + f(x - 2 * d)) / (12 * step)


def relative_errors(
    derivatives: NDArray, f: Callable[[NDArray], float], x: NDArray, directions: NDArray
) -> NDArray:
    """How far derivatives along directions are from finite differences, relative to these.

    A finite difference below a thousandth of the largest one is replaced by that in the denominator.

    Parameters
    ----------
    derivatives : ndarray, shape (n,)
    f : callable
        Takes an ndarray like `x`, returns a number.
    x : ndarray, shape (m,)
    directions : ndarray, shape (n, m)

    Returns
    -------
    ndarray, shape (n,)
        The lesser error of two lengths of steps.
    """
    errors = []
    for step in STEPS:
        references = np.array([finite_difference(f, x, direction, step) for direction in directions])
        size = np.maximum(np.abs(references), 1e-3 * np.abs(references).max() + 1e-12)
        errors.append(np.abs(derivatives - references) / size)
    return np.min(errors, axis=0)


def check_gradient(
    model: Model, sequences: Sequence[NDArray], rng: np.random.Generator | None = None
) -> dict[str, float]:
    """Compare the gradient of a model's loss with finite differences, in double precision.

    For each parameter separately, along a direction of random signs. If everything is right, errors are below
    1e-5. This takes a compilation, and eight evaluations of the loss for each parameter: a few short
    sequences and small layers are enough.

    Parameters
    ----------
    model : Model
        A copy is made from its class and arguments, in double precision, with the same parameters.
    sequences : list of ndarray, shape (n_steps, n_visible)
    rng : numpy.random.Generator, optional
        For the directions and, if the model has latents, for the noise.

    Returns
    -------
    dict of str to float
        The relative error by the name of the parameter.

    Raises
    ------
    ValueError
        If the sequences are not of the kind that the model emits.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    check_rng(rng)
    observations, mask = pad(check_observations(model, sequences))
    with pytensor.config.change_flags(floatX="float64"):
        make, given = model.__reduce__()
        double = make(*given)
        values = {
            "observations": observations,
            "mask": mask,
            "noise": double.draw_noise(rng, *mask.shape) if double.has_latents else None,
            "kl_weight": 1.0,
        }
        inputs = [values[name] for name in double.training_inputs]
        f = double.function(list(double.training_inputs), ["loss", "gradient"])
    data = double.parameters.data
    x = data.copy()
    _, gradient = f(*inputs)

    def loss(x):
        data[...] = x
        return float(f(*inputs)[0])

    directions = []
    for name, shape in double.parameters.shapes.items():
        data[...] = 0.0
        double.parameters.view(name)[...] = rng.choice([-1.0, 1.0], shape)
        directions.append(data / np.sqrt(data @ data))
    errors = relative_errors(np.array(directions) @ gradient, loss, x, np.array(directions))
    return dict(zip(double.parameters.shapes, errors.tolist(), strict=True))

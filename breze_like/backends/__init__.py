"""The only place that compiles.

=========  =====================================  =====================================================
backend    needs                                  compiles a recurrent model in
=========  =====================================  =====================================================
``jax``    the extra ``jax``                      seconds; the fastest on a CPU, and runs on a GPU
``cvm``    a C++ compiler, better with a BLAS     a minute; shares no code with JAX, so it is a check
``numba``  nothing                                minutes
``auto``   the first of these that is available
=========  =====================================  =====================================================
"""

import importlib.util

import pytensor

from breze_like.backends.jax_functions import JaxFunction, in_jax, jax_context, jax_device, traceable

BACKENDS = ("jax", "cvm", "numba")

__all__ = [
    "BACKENDS",
    "accelerator",
    "available",
    "compile_function",
    "in_jax",
    "jax_context",
    "resolve",
    "traceable",
]


def available():
    """The backends that can be used here, preferred ones first."""
    has = {
        "jax": importlib.util.find_spec("jax") is not None,
        "cvm": bool(pytensor.config.cxx),
        "numba": True,
    }
    return tuple(name for name in BACKENDS if has[name])


def resolve(backend="auto"):
    """The name of the backend to use for `backend`.

    Raises
    ------
    ValueError
        If it is unknown or not installed.
    """
    at_hand = available()
    if backend == "auto":
        return at_hand[0]
    if backend not in BACKENDS:
        raise ValueError(f"backend must be 'auto' or one of {BACKENDS}, got {backend!r}")
    if backend not in at_hand:
        advice = "install its extra, pip install 'breze_like[jax]', or choose auto"
        raise ValueError(f"backend must be one that is installed here, {at_hand}, got {backend!r}: {advice}")
    return backend


def compile_function(inputs, outputs, backend="auto"):
    """Compile a graph into a function from NumPy arrays to NumPy arrays.

    Parameters
    ----------
    inputs : list of Variable
        What the function takes, in this order. Variables inside the graph may be named, too: the graph is
        cut there.
    outputs : Variable or list of Variable
        What it returns: one array, or a list of them. They may be read-only.
    backend : str
        See the table above.

    Raises
    ------
    ValueError
        If the backend is unknown or not installed.
    """
    backend = resolve(backend)
    if backend == "jax":
        return JaxFunction(inputs, outputs)
    return pytensor.function(inputs, outputs, mode=backend.upper(), on_unused_input="ignore")


def accelerator():
    """The GPU, or the like, that JAX computes on by default; None if that is a CPU, or there is no JAX."""
    device = jax_device() if "jax" in available() else None
    return None if device is None or device.platform == "cpu" else device

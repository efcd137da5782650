"""breze_like itself, through its public interface; on a GPU, with parameters and data that stay there."""

from functools import partial

import numpy as np
import pytensor

from breze_like import VOSP, VRAE, variational_bound
from breze_like.backends import accelerator, traceable
from breze_like.models.emissions import BernoulliEmission
from breze_like.moments import WangManningSigmoid
from breze_like.runs import versions
from experiments.peers.problem import N_LATENT, N_VISIBLE, P_KEEP, Problem


def about():
    """Versions and device."""
    return {**versions(), "device": accelerator().device_kind if accelerator() else "cpu"}


def device_memory():
    """Most bytes of a GPU's memory that were in use so far, None without a GPU."""
    return accelerator().memory_stats()["peak_bytes_in_use"] if accelerator() else None


def make_model(problem):
    """The problem's model, with its parameters."""
    choices = {
        "posterior": "diagonal",
        "generative_p_keep": P_KEEP,
        "emission": partial(BernoulliEmission, sigmoid=WangManningSigmoid()),
    }
    with pytensor.config.change_flags(floatX=problem.dtype):
        n_hiddens = (problem.n_hidden,)
        if problem.model == "vrae":
            model = VRAE(N_VISIBLE, N_LATENT, n_hiddens, **choices)
        else:
            model = VOSP(N_VISIBLE, N_LATENT, n_hiddens, n_hiddens, **choices)
        for name, view in model.parameters.views().items():
            view[...] = problem.parameters[name]
    return model


def loss_and_gradient(problem):
    """A function of nothing: loss and gradient of the problem's minibatch."""
    return _step(make_model(problem), problem)


def evaluation(lengths, **sizes):
    """A function of nothing: the variational bound of sequences of such lengths, with one draw."""
    return _bound(make_model(Problem(**sizes, batch_size=1)), lengths)


def training_and_evaluation(lengths, **sizes):
    """A function of nothing: both of these, with one model. All that is compiled for a run."""
    problem = Problem(**sizes)
    model = make_model(problem)
    step, bound = _step(model, problem), _bound(model, lengths)
    return lambda: (step(), bound())


def _step(model, problem):
    mask = np.ones((problem.n_steps, problem.batch_size), problem.dtype)
    arrays = [problem.observations, mask, problem.noise, np.ones((), problem.dtype)]
    if not accelerator():
        function = model.function(list(model.training_inputs), ["loss", "gradient"])
        return lambda: function(*arrays)

    import jax

    inputs = [model.parameters.flat, *map(model.variable, model.training_inputs)]
    function = jax.jit(traceable(inputs, [model.variable("loss"), model.variable("gradient")]))
    arrays = jax.device_put([model.parameters.data, *arrays])
    return lambda: jax.block_until_ready(function(*arrays))


def _bound(model, lengths):
    rng = np.random.default_rng(0)
    sequences = [(rng.random((length, N_VISIBLE)) < 0.05).astype(np.uint8) for length in lengths]
    return lambda: variational_bound(model, sequences, rng)

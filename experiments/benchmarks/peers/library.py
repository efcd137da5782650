"""breze_like itself, through its public interface; on a GPU, parameters and data stay there."""

from functools import partial

import numpy as np
import pytensor

from breze_like import RNN, VOSP, VRAE, TrainingSettings, prepare_process, variational_bound
from breze_like.backends import accelerator
from breze_like.models.emissions import BernoulliEmission, NADEEmission
from breze_like.moments import WangManningSigmoid
from breze_like.runs.versions import versions
from breze_like.training.device import PopulationRmsProp, pure_loss_and_gradient
from breze_like.training.loop import make_optimizer
from breze_like.training.optimization import GuardedRmsProp
from experiments.benchmarks.peers.problem import N_LATENT, N_NADE_HIDDEN, N_VISIBLE, P_KEEP, Problem

# Of updates that are timed: so small that parameters hardly change.
STEP_RATE = 1e-6

prepare_process()  # as scripts do; a peer has a process of its own


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
        if problem.model == "rnn_nade":
            model = RNN(N_VISIBLE, n_hiddens, emission=partial(NADEEmission, n_hidden=N_NADE_HIDDEN))
        elif problem.model == "vrae":
            model = VRAE(N_VISIBLE, N_LATENT, n_hiddens, **choices)
        else:
            model = VOSP(N_VISIBLE, N_LATENT, n_hiddens, n_hiddens, **choices)
        for name, view in model.parameters.views().items():
            view[...] = problem.parameters[name]
    return model


def loss_and_gradient(problem):
    """A function without arguments: loss and gradient of the problem's minibatch."""
    return _step(make_model(problem), problem)


def evaluation(lengths, **sizes):
    """A function without arguments: the variational bound of sequences of such lengths, with one draw."""
    return _bound(make_model(Problem(**sizes, batch_size=1)), lengths)


def training_and_evaluation(lengths, **sizes):
    """A function without arguments: both of these, with one model. All that is compiled for a run."""
    problem = Problem(**sizes)
    model = make_model(problem)
    step, bound = _step(model, problem), _bound(model, lengths)
    return lambda: (step(), bound())


def together(n_members, **sizes):
    """A function without arguments: an update of all members of a population."""
    problem = Problem(**sizes)
    model, inputs = make_model(problem), _inputs(problem, n_members)
    states = [GuardedRmsProp.initial_state(model.parameters.data) for _ in range(n_members)]
    settings = [TrainingSettings()] * n_members
    optimizer = PopulationRmsProp(pure_loss_and_gradient(model), settings, states)
    step_rates, active = np.full(n_members, STEP_RATE), np.ones(n_members, bool)
    return lambda: optimizer.step(inputs, step_rates, active)


def one_after_another(n_members, **sizes):
    """A function without arguments: as many updates of a single model, as `fit` makes them."""
    problem = Problem(**sizes)
    model, inputs = make_model(problem), _inputs(problem)
    optimizer = make_optimizer(model, TrainingSettings())
    return lambda: [optimizer.step(inputs, STEP_RATE) for _ in range(n_members)]


def _step(model, problem):
    inputs = _inputs(problem)
    if not accelerator():
        function = model.function(list(model.training_inputs), ["loss", "gradient"])
        return lambda: function(*inputs)

    import jax

    function = jax.jit(pure_loss_and_gradient(model))
    parameters = jax.device_put(model.parameters.data)
    return lambda: jax.block_until_ready(function(parameters, *inputs))


def _inputs(problem, *leading):
    """What training feeds, on a GPU if there is one; `leading` sizes are of copies, side by side."""
    mask, weight = np.ones((problem.n_steps, problem.batch_size)), np.ones(())
    arrays = [problem.observations, mask]
    if problem.model != "rnn_nade":
        arrays += [problem.noise, weight]
    arrays = [np.broadcast_to(a, (*leading, *a.shape)).astype(problem.dtype) for a in arrays]
    if not accelerator():
        return arrays

    import jax

    return jax.block_until_ready(jax.device_put(arrays))


def _bound(model, lengths):
    rng = np.random.default_rng(0)
    sequences = [(rng.random((length, N_VISIBLE)) < 0.05).astype(np.uint8) for length in lengths]
    return lambda: variational_bound(model, sequences, rng)

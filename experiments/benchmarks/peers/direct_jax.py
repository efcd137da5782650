"""The models written directly in JAX: `jax.lax.scan`, and one `jax.jit` around loss and gradient."""

import jax
import jax.numpy as jnp

from experiments.benchmarks.peers import direct_jax_nade
from experiments.benchmarks.peers.formulas import Formulas
from experiments.benchmarks.peers.problem import batchings


def about():
    """Version and device."""
    return {"jax": jax.__version__, "device": jax.devices()[0].device_kind}


def device_memory():
    """Most bytes of a GPU's memory that were in use so far, None without a GPU."""
    statistics = jax.devices()[0].memory_stats()
    return statistics["peak_bytes_in_use"] if statistics else None


def scan(step, initial_mean, mean, variance, reverse):
    def both(state, incoming):
        state = step(*state, *incoming)
        return state, state

    start = jnp.broadcast_to(initial_mean, mean.shape[1:])
    return jax.lax.scan(both, (start, jnp.zeros_like(start)), (mean, variance), reverse=reverse)[1]


LOSSES = Formulas(jnp, jax.nn.sigmoid, jax.lax.rsqrt, scan).losses


def on_device(problem):
    """What the losses take, on JAX's default device."""
    arrays = problem.parameters, problem.observations, problem.noise
    return jax.block_until_ready(jax.tree.map(jnp.asarray, arrays))


def loss_and_gradient(problem):
    """A function without arguments, loss of the problem's minibatch and its gradient by name; or several."""
    inputs = on_device(problem)
    if problem.model == "rnn_nade":
        return {way: _compiled(loss, inputs[:2]) for way, loss in direct_jax_nade.LOSSES.items()}
    return _compiled(LOSSES[problem.model], inputs)


def _compiled(loss, inputs):
    function = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(function(*inputs))


def evaluation(lengths, **sizes):
    """For each way to batch sequences of such lengths, a function without arguments: the batches' losses."""
    function = jax.jit(LOSSES[sizes["model"]])

    def losses(problems):
        batches = [on_device(p) for p in problems]
        return lambda: jax.block_until_ready([function(*inputs) for inputs in batches])

    return {way: losses(problems) for way, problems in batchings(lengths, **sizes).items()}

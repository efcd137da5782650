"""The models written directly in PyTorch, eager."""

import torch

from experiments.benchmarks.peers.formulas import Formulas
from experiments.benchmarks.peers.problem import batchings

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def about():
    """Version and device."""
    name = torch.cuda.get_device_name() if DEVICE == "cuda" else DEVICE
    return {"torch": torch.__version__, "device": name}


def device_memory():
    """Most bytes of a GPU's memory that were in use so far, None without a GPU."""
    return torch.cuda.max_memory_allocated() if DEVICE == "cuda" else None


def scan(step, initial_mean, mean, variance, reverse):
    state_mean = initial_mean.expand(mean.shape[1:])
    state_variance = torch.zeros_like(state_mean)
    means, variances = [None] * len(mean), [None] * len(mean)
    for t in reversed(range(len(mean))) if reverse else range(len(mean)):
        state_mean, state_variance = step(state_mean, state_variance, mean[t], variance[t])
        means[t], variances[t] = state_mean, state_variance
    return torch.stack(means), torch.stack(variances)


LOSSES = Formulas(torch, torch.sigmoid, torch.rsqrt, scan).losses


def on_device(problem):
    """What the losses take, on the GPU if there is one."""

    def tensor(array, learned=False):
        return torch.tensor(array, device=DEVICE, requires_grad=learned)

    parameters = {name: tensor(array, learned=True) for name, array in problem.parameters.items()}
    return parameters, tensor(problem.observations), tensor(problem.noise)


def finished(results):
    """The results, once the device has computed them."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return results


def loss_and_gradient(problem):
    """A function without arguments: loss of the problem's minibatch, and its gradient by name."""
    loss, inputs = LOSSES[problem.model], on_device(problem)
    parameters = inputs[0]

    def step():
        value = loss(*inputs)
        gradient = torch.autograd.grad(value, list(parameters.values()))
        return finished((value.detach(), dict(zip(parameters, gradient, strict=True))))

    return step


def evaluation(lengths, **sizes):
    """For each way to batch sequences of such lengths, a function without arguments: the batches' losses."""
    loss = LOSSES[sizes["model"]]

    def losses(problems):
        batches = [on_device(p) for p in problems]
        return torch.no_grad()(lambda: finished([loss(*inputs) for inputs in batches]))

    return {way: losses(problems) for way, problems in batchings(lengths, **sizes).items()}

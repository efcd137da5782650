"""The models written directly in PyTorch, eager."""

from math import pi

import torch

from experiments.benchmarks.peers.problem import P_KEEP, batchings

SLOPE = 4 - 2 * 2**0.5
SHIFT = 0.881373587019543  # -log(sqrt 2 - 1)

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def about():
    """Version and device."""
    name = torch.cuda.get_device_name() if DEVICE == "cuda" else DEVICE
    return {"torch": torch.__version__, "device": name}


def device_memory():
    """Most bytes of a GPU's memory that were in use so far, None without a GPU."""
    return torch.cuda.max_memory_allocated() if DEVICE == "cuda" else None


def sigmoid_moments(mean, variance):
    """Wang & Manning's moments of the sigmoid of a normal variable."""
    expectation = torch.sigmoid(mean * torch.rsqrt(1 + pi / 8 * variance))
    second = torch.sigmoid(SLOPE * (mean - SHIFT) * torch.rsqrt(1 + pi / 8 * SLOPE**2 * variance))
    return expectation, torch.clamp(second - expectation**2, min=0)


def tanh_moments(mean, variance):
    expectation, spread = sigmoid_moments(2 * mean, 4 * variance)
    return 2 * expectation - 1, 4 * spread


def dropout(mean, variance, p_keep):
    return p_keep * mean, p_keep * (1 - p_keep) * mean**2 + p_keep * variance


def affine(parameters, name, mean, variance, p_keep):
    weights = parameters[f"{name}/weights"]
    mean, variance = dropout(mean, variance, p_keep)
    return mean @ weights + parameters[f"{name}/bias"], variance @ weights**2


def chain(parameters, name, mean, variance, p_keep, reverse=False):
    """Moments of the states, (n_steps, batch_size, n_hidden), from those of what comes in."""
    recurrent = parameters[f"{name}/recurrent"]
    squared = recurrent**2
    state_mean = parameters[f"{name}/initial_mean"].expand(mean.shape[1:])
    state_variance = torch.zeros_like(state_mean)
    means, variances = [None] * len(mean), [None] * len(mean)
    for t in reversed(range(len(mean))) if reverse else range(len(mean)):
        kept_mean, kept_variance = dropout(state_mean, state_variance, p_keep)
        state_mean, state_variance = tanh_moments(
            mean[t] + kept_mean @ recurrent, variance[t] + kept_variance @ squared
        )
        means[t], variances[t] = state_mean, state_variance
    return torch.stack(means), torch.stack(variances)


def one_way(parameters, name, mean, variance, p_keep):
    return chain(parameters, f"{name}/forward", mean, variance, p_keep)


def bidirectional(parameters, name, mean, variance, p_keep):
    forward = chain(parameters, f"{name}/forward", mean, variance, p_keep)
    backward = chain(parameters, f"{name}/backward", mean, variance, p_keep, reverse=True)
    return (forward[0] + backward[0]) / 2, (forward[1] + backward[1]) / 4


def learned_p_keep(parameters, name):
    return 0.025 + 0.95 * torch.sigmoid(parameters[f"{name}/p_keep/logit"])


def previous(x):
    """x of the step before, zeros at the first one."""
    return torch.cat([torch.zeros_like(x[:1]), x[:-1]])


def recognise(parameters, recurrent, observations):
    """Moments of the states and of the latents."""
    p = parameters
    keeps = [learned_p_keep(p, f"recognition/{name}") for name in ("hidden_0/input", "hidden_0", "output")]
    incoming = affine(p, "recognition/hidden_0/input", observations, 0.0, keeps[0])
    states = recurrent(p, "recognition/hidden_0", *incoming, keeps[1])
    mean, variance = affine(p, "recognition/output", *states, keeps[2])
    return states, mean, variance + 1e-6


def negative_bound(mean, variance, log_prob):
    """Divergence from a Wiener process, minus what is expected of log p(x | z); nats per time step."""
    before_mean, before_variance = previous(mean), previous(variance)
    kl = 0.5 * (variance + before_variance + (mean - before_mean) ** 2 - 1 - torch.log(variance))
    return (kl.sum() - log_prob.sum()) / (mean.shape[0] * mean.shape[1])


def bernoulli(parameters, mean, variance, observations):
    """log p of the observations, given moments of the features."""
    output = affine(parameters, "generative/emission/output", mean, variance, P_KEEP)
    p = torch.clamp(sigmoid_moments(*output)[0], 1e-6, 1 - 1e-6)
    return observations * torch.log(p) + (1 - observations) * torch.log1p(-p)


def vrae_loss(parameters, observations, noise):
    _, mean, variance = recognise(parameters, bidirectional, observations)
    z = mean + torch.sqrt(variance) * noise
    incoming = affine(parameters, "generative/hidden_0/input", z, 0.0, P_KEEP)
    features = bidirectional(parameters, "generative/hidden_0", *incoming, P_KEEP)
    return negative_bound(mean, variance, bernoulli(parameters, *features, observations))


def vosp_loss(parameters, observations, noise):
    states, mean, variance = recognise(parameters, one_way, observations)
    z = mean + torch.sqrt(variance) * noise
    past = dropout(previous(states[0]), previous(states[1]), P_KEEP)
    features = torch.cat([z, past[0]], dim=2), torch.cat([torch.zeros_like(z), past[1]], dim=2)
    hidden = tanh_moments(*affine(parameters, "generative/hidden_0", *features, 1.0))
    return negative_bound(mean, variance, bernoulli(parameters, *hidden, observations))


LOSSES = {"vrae": vrae_loss, "vosp": vosp_loss}


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
    """A function of nothing: loss of the problem's minibatch, and its gradient by name."""
    loss, inputs = LOSSES[problem.model], on_device(problem)
    parameters = inputs[0]

    def step():
        value = loss(*inputs)
        gradient = torch.autograd.grad(value, list(parameters.values()))
        return finished((value.detach(), dict(zip(parameters, gradient, strict=True))))

    return step


def evaluation(lengths, **sizes):
    """For each way to batch sequences of such lengths, a function of nothing: losses of the batches."""
    loss = LOSSES[sizes["model"]]

    def losses(problems):
        batches = [on_device(p) for p in problems]
        return torch.no_grad()(lambda: finished([loss(*inputs) for inputs in batches]))

    return {way: losses(problems) for way, problems in batchings(lengths, **sizes).items()}

"""The systems that the benchmark compares, each with the same models, parameters, data and loss.

The models are a VRAE or a VOSP with one hidden layer in each network and Wang & Manning's tanh, a posterior
that is independent over time, a Wiener process as the prior, the exact divergence and Bernoulli emissions;
keep probabilities are learned in the recognition network and 0.9 in the generative network.

============  ==============================================================================================
`library`     breze_like itself, through its public interface
`direct_jax`  written directly in JAX, with `jax.lax.scan`, one `jax.jit` around loss and gradient
`pytorch`     written directly in PyTorch, eager
`limit`       as much arithmetic as their matrix products take, at the best rate of all cores
============  ==============================================================================================

Each module has the functions `about`, `device_memory`, `loss_and_gradient` and `evaluation`. The latter
two give a function without arguments, or several by name, of which the fastest counts.
"""

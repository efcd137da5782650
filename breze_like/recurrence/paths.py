"""The mean over all paths through draws that stand side by side; its gradient is a recursion, too."""

import pytensor.tensor as pt

from breze_like.log_space import log_mean_exp
from breze_like.recurrence.loop import before, chain_states, scan


def path_weights(own, pair, real):
    """Logarithms of the weights of the draws of each step, by a sum over all paths that lead to them.

        u_t[k] = own_t[k] + log 1/S sum_j exp(pair_t[k, j] + u_{t-1}[j] - l_{t-1}),   u_0 = 0
        l_t = log 1/S sum_k exp(u_t[k])

    The sum of all l_t is the logarithm of the mean, over all S^T paths k_1, ..., k_T, of the product of
    exp(own_t[k_t] + pair_t[k_t, k_{t-1}]). Where `pair` does not depend on j, a new sequence begins.

    Parameters
    ----------
    own : TensorVariable, shape (n_steps, n_sequences, S)
    pair : TensorVariable, shape (n_steps, n_sequences, S, S)
    real : TensorVariable, bool, shape (n_steps, n_sequences, 1)

    Returns
    -------
    TensorVariable, shape (n_steps, n_sequences, S)
        u; where a step is not real, it stays as it was.
    """
    (u,) = chain_states(_forward, _gradient, [real, own, pair], 1, 0)
    return u


def _forward(real, own, pair):
    def step(real, own, pair, u):
        weights = u - log_mean_exp(u, axis=-1)[:, None]
        return pt.switch(real, own + log_mean_exp(pair + weights[:, None, :], axis=-1), u)

    return [scan(step, [real, own, pair], [pt.zeros_like(own[0])], [], False)]


def _gradient(inputs, outputs, cotangents):
    real, own, pair = inputs
    (u,), (g,) = outputs, cotangents
    earlier = before(u, pt.zeros_like(own[0]), False)
    shares = pt.special.softmax(pair + earlier[:, :, None, :], axis=-1)
    overall = pt.special.softmax(earlier, axis=-1)

    def step(real, g, shares, overall, carried):
        g = g + carried
        back = (g[:, :, None] * shares).sum(axis=1) - g.sum(axis=1, keepdims=True) * overall
        return pt.switch(real, back, g), g

    start = [pt.zeros_like(own[0]), None]
    _, by_u = scan(step, [real, g, shares, overall], start, [], True)
    by_own = pt.switch(real, by_u, 0.0)
    return [by_own, by_own[:, :, :, None] * shares]

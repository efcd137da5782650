"""The forward algorithm of hidden Markov models; its gradient is the backward algorithm."""

import pytensor.tensor as pt

from breze_like.recurrence.loop import at_starts, before, chain_states, outer, scan


def forecast_states(likelihood, real, transition, initial):
    """p(z_t | x_1, ..., x_{t-1}) of a chain of discrete states z_t, from p(x_t | z_t).

        f_t = p_t b_t / sum_k p_tk b_tk,   p_{t+1} = f_t A,   p_1 = initial

    and p_t = initial where the step before is not real, so that what follows is a sequence of its own.

    Parameters
    ----------
    likelihood : TensorVariable, shape (n_steps, n_sequences, n_states)
        b, up to a factor for each step, which makes no difference. Some entry of each step is positive.
    real : TensorVariable, bool, shape (n_steps, n_sequences, 1)
    transition : TensorVariable, shape (n_states, n_states)
        A: a row for each state, the probabilities of the next one; all positive, lest f_t become 0 / 0.
    initial : TensorVariable, shape (n_sequences, n_states)
        Positive, too.

    Returns
    -------
    TensorVariable, shape (n_steps, n_sequences, n_states)

    References
    ----------
    Rabiner (1989), A tutorial on hidden Markov models; the scaled recursions.
    """
    (forecast,) = chain_states(_forward, _gradient, [real, likelihood, transition, initial], 1, 1)
    return forecast


def _forward(real, likelihood, transition, initial):
    """p and f."""

    def step(real, b, p, transition, start):
        joint = p * b
        filtered = joint / joint.sum(axis=-1, keepdims=True)
        return pt.switch(real, filtered @ transition, start), filtered

    sequences = [real, likelihood]
    following, filtered = scan(step, sequences, [initial, None], [transition, initial], False)
    return [before(following, initial, False), filtered]


def _gradient(inputs, outputs, cotangents):
    real, likelihood, transition, initial = inputs
    (p, filtered), (g,) = outputs, cotangents
    total = (p * likelihood).sum(axis=-1, keepdims=True)
    following = before(g, pt.zeros_like(initial), True)  # the gradient of what each step forecasts

    def step(real, g, filtered, weight, carried, transposed):
        by_next = pt.switch(real, g + carried, 0.0)
        by_filtered = by_next @ transposed
        centred = by_filtered - (filtered * by_filtered).sum(axis=-1, keepdims=True)
        return centred * weight, by_next, centred

    sequences = [real, following, filtered, likelihood / total]
    start = [pt.zeros_like(initial), None, None]
    back, by_next, centred = scan(step, sequences, start, [transition.T], True)
    by_initial = g[0] + at_starts(real, following, back, False)
    return [centred * p / total, outer(filtered, by_next), by_initial]

"""The recurrence of gated recurrent units."""

import pytensor.tensor as pt

from breze_like.recurrence.loop import at_starts, before, chain_states, outer, scan


def gated_recurrence(
    candidate,
    update,
    reset,
    real,
    recurrent,
    recurrent_update,
    recurrent_reset,
    initial,
    transfer,
    reverse=False,
):
    """h_t = z_t h_{t-1} + (1 - z_t) c_t, element by element, with gates z_t and r_t.

        z_t = s(u_t + h_{t-1} U),   r_t = s(v_t + h_{t-1} V),   c_t = f(a_t + (r_t h_{t-1}) R)

    with s the logistic function. The reset gate is applied to the state before the product. Where a step is
    not real, the state is h_0.

    Parameters
    ----------
    candidate, update, reset : TensorVariable, shape (n_steps, n_sequences, n)
        a, u and v.
    real, initial, transfer, reverse
        As for `recurrence`.
    recurrent, recurrent_update, recurrent_reset : TensorVariable, shape (n, n)
        R, U and V.

    Returns
    -------
    TensorVariable, shape (n_steps, n_sequences, n)

    References
    ----------
    Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, equations 5 to 8.
    """
    arguments = [real, candidate, update, reset, recurrent, recurrent_update, recurrent_reset, initial]
    (h,) = chain_states(_forward, _gradient, arguments, 1, 3, transfer=transfer, reverse=reverse)
    return h


def _forward(
    real,
    candidate,
    update,
    reset,
    recurrent,
    recurrent_update,
    recurrent_reset,
    initial,
    *,
    transfer,
    reverse,
):
    """The states, and the preactivations of the candidates and of both gates."""

    def step(real, a, u, v, h, recurrent, recurrent_update, recurrent_reset, start):
        u, v = u + h @ recurrent_update, v + h @ recurrent_reset
        a = a + (pt.sigmoid(v) * h) @ recurrent
        z = pt.sigmoid(u)
        return pt.switch(real, z * h + (1 - z) * transfer(a), start), a, u, v

    sequences = [real, candidate, update, reset]
    others = [recurrent, recurrent_update, recurrent_reset, initial]
    return scan(step, sequences, [initial, None, None, None], others, reverse)


def _gradient(inputs, outputs, cotangents, *, transfer, reverse):
    real, *_, recurrent, recurrent_update, recurrent_reset, initial = inputs
    h, a, u, v = outputs
    old, c, z, r = before(h, initial, reverse), transfer(a), pt.sigmoid(u), pt.sigmoid(v)
    # Derivatives of the state by a and by u, and of what meets R by v, element by element.
    by_candidate = (1 - z) * pt.grad(c.sum(), a)
    by_update, by_reset = (old - c) * z * (1 - z), old * r * (1 - r)

    def step(real, g, z, r, by_candidate, by_update, by_reset, carried, recurrent, update, reset):
        by_h = pt.switch(real, g + carried, 0.0)
        by_a, by_u = by_h * by_candidate, by_h * by_update
        by_product = by_a @ recurrent
        by_v = by_product * by_reset
        return by_h * z + by_product * r + by_u @ update + by_v @ reset, by_a, by_u, by_v

    sequences = [real, *cotangents, z, r, by_candidate, by_update, by_reset]
    start, transposed = (
        [pt.zeros_like(initial), None, None, None],
        [recurrent.T, recurrent_update.T, recurrent_reset.T],
    )
    back, by_a, by_u, by_v = scan(step, sequences, start, transposed, not reverse)
    by_weights = [outer(r * old, by_a), outer(old, by_u), outer(old, by_v)]
    return [by_a, by_u, by_v, *by_weights, at_starts(real, *cotangents, back, reverse)]

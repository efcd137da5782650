"""Recurrences of moments."""

import pytensor.tensor as pt

from breze_like.moments import dropout
from breze_like.recurrence.loop import before, chain, outer, scan


def fast_dropout_recurrence(
    mean, variance, real, recurrent, initial_mean, initial_variance, p_keep, transfer, reverse=False
):
    """Moments of h_t = f(a_t + (d h_{t-1}) R) with dropout d, from moments of a.

    Parameters
    ----------
    mean, variance : TensorVariable, shape (n_steps, n_sequences, n)
        Of a.
    real : TensorVariable, bool, shape (n_steps, n_sequences, 1)
    recurrent : TensorVariable, shape (n, n)
        R.
    initial_mean, initial_variance : TensorVariable, shape (n_sequences, n)
        Of h_0.
    p_keep : TensorVariable, shape ()
    transfer : object with `moments`
    reverse : bool
        Whether to run from the last step to the first.

    Returns
    -------
    mean, variance : TensorVariable, shape (n_steps, n_sequences, n)

    References
    ----------
    Bayer & Osendorfer (2014), appendix.
    """
    arguments = [real, mean, variance, recurrent, initial_mean, initial_variance, p_keep]
    return chain(_forward, _gradient, arguments, 2, transfer=transfer, reverse=reverse)


def _forward(real, mean, variance, recurrent, initial_mean, initial_variance, p_keep, *, transfer, reverse):
    """Moments of the states, and of their preactivations."""

    def step(real, a_mean, a_variance, h_mean, h_variance, recurrent, squared, p_keep):
        kept_mean, kept_variance = dropout(h_mean, h_variance, p_keep)
        b_mean = a_mean + kept_mean @ recurrent
        b_variance = a_variance + kept_variance @ squared
        f_mean, f_variance = transfer.moments(b_mean, b_variance)
        return pt.switch(real, f_mean, h_mean), pt.switch(real, f_variance, h_variance), b_mean, b_variance

    initial = [initial_mean, initial_variance, None, None]
    return scan(step, [real, mean, variance], initial, [recurrent, recurrent**2, p_keep], reverse)


def _gradient(inputs, outputs, cotangents, *, transfer, reverse):
    real, _, _, recurrent, initial_mean, initial_variance, p_keep = inputs
    h_mean, h_variance, b_mean, b_variance = outputs
    g_mean, g_variance = cotangents
    before_mean = before(h_mean, initial_mean, reverse)
    before_variance = before(h_variance, initial_variance, reverse)

    # Derivatives of the two moments of f with respect to the two of b, element by element.
    f_mean, f_variance = transfer.moments(b_mean, b_variance)
    jacobian = [
        *pt.grad(f_mean.sum(), [b_mean, b_variance], disconnected_inputs="ignore"),
        *pt.grad(f_variance.sum(), [b_mean, b_variance], disconnected_inputs="ignore"),
    ]

    def step(real, g_m, g_v, m_m, m_v, v_m, v_v, h_mean, carried_m, carried_v, transposed, squared, p_keep):
        g_m, g_v = g_m + carried_m, g_v + carried_v
        b_m = pt.switch(real, g_m * m_m + g_v * v_m, 0.0)
        b_v = pt.switch(real, g_m * m_v + g_v * v_v, 0.0)
        kept_m, kept_v = b_m @ transposed, b_v @ squared
        back_m = p_keep * kept_m + 2 * p_keep * (1 - p_keep) * h_mean * kept_v + pt.switch(real, 0.0, g_m)
        back_v = p_keep * kept_v + pt.switch(real, 0.0, g_v)
        return back_m, back_v, b_m, b_v, kept_m, kept_v

    zero = pt.zeros_like(initial_mean)
    back_m, back_v, b_m, b_v, kept_m, kept_v = scan(
        step,
        [real, g_mean, g_variance, *jacobian, before_mean],
        [zero, zero, None, None, None, None],
        [recurrent.T, recurrent.T**2, p_keep],
        not reverse,
    )
    first = -1 if reverse else 0
    kept_mean, kept_variance = dropout(before_mean, before_variance, p_keep)
    by_recurrent = outer(kept_mean, b_m) + 2 * recurrent * outer(kept_variance, b_v)
    by_p_keep = kept_m * before_mean + kept_v * ((1 - 2 * p_keep) * before_mean**2 + before_variance)
    return [b_m, b_v, by_recurrent, back_m[first], back_v[first], by_p_keep.sum()]

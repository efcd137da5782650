"""The variational one-step predictor."""

from functools import partial

import pytensor.tensor as pt

from breze_like.distributions.processes import previous
from breze_like.layers import (
    FastDropoutHidden,
    FastDropoutRecurrent,
    FixedKeep,
    JoinedKeep,
    Stack,
    keep_probability,
)
from breze_like.models.base import check_positive_integers, choose
from breze_like.models.emissions import EMISSIONS
from breze_like.models.variational import VARIANCES, Recognised, VariationalModel
from breze_like.moments import TRANSFERS, is_certain


class VOSP(VariationalModel):
    """A forward fast-dropout recognition network with states h_t, and an emission that sees its past.

        x_1, ..., x_t -> h_t -> q(z_t | z_{t-1}, x_1, ..., x_t),   z ~ q
        (z_t, h_{t-1}) -> p(x_t | z_t, h_{t-1})

    with zeros in place of h_0. A prediction of x_t uses the frames before it only, through h_{t-1} and the
    prior of z_t. Its graph, and what the expressions in it mean, are those of every `VariationalModel`;
    p(x | z) there is the product of p(x_t | z_t, h_{t-1}).

    Parameters
    ----------
    n_visible, n_latent : int
    n_hiddens : tuple of int
        Sizes of the hidden layers of the recognition network.
    n_emission_hiddens : tuple of int
        Sizes of the hidden layers between (z_t, h_{t-1}) and the emission.
    prior, posterior, kl, objective, free_bits, emission, transfer, variance, backend
        As for `VRAE`.
    recognition_p_keep : float or "learned"
        Probability to keep a unit of the recognition network, or an input of it.
    generative_p_keep : float or "learned"
        Probability to keep a unit of h_{t-1}, and of the hidden layers behind it; of the latents, all are
        kept. With 1, these layers are deterministic, and h_{t-1} stands for its mean.

    Raises
    ------
    ValueError
        If a choice is unknown, or a number outside its range.

    References
    ----------
    Bayer & Osendorfer (2014), section 3.
    """

    def __init__(
        self,
        n_visible,
        n_latent,
        n_hiddens=(200,),
        n_emission_hiddens=(200,),
        *,
        prior="wiener",
        posterior="gauss_markov",
        kl="exact",
        objective="bound",
        free_bits=0.0,
        emission="bernoulli",
        transfer="tanh",
        variance="implicit",
        recognition_p_keep="learned",
        generative_p_keep=0.9,
        backend="auto",
    ):
        check_positive_integers(n_hiddens=n_hiddens, n_emission_hiddens=n_emission_hiddens)
        super().__init__(n_visible, n_latent, prior, posterior, kl, objective, free_bits, backend)
        transfer = choose("transfer", transfer, TRANSFERS)

        layer = partial(FastDropoutRecurrent, self.parameters, transfer=transfer, p_keep=recognition_p_keep)
        self._certain = generative_p_keep == 1
        self.recognition = Stack(layer, "recognition", n_visible, n_hiddens)
        self.recognition_output = choose("variance", variance, VARIANCES)(
            self.parameters,
            "recognition/output",
            n_hiddens[-1],
            self.posterior_class.n_outputs * n_latent,
            recognition_p_keep,
        )
        keep = keep_probability(self.parameters, "generative/hidden_0/p_keep", generative_p_keep)
        p_keeps = [JoinedKeep([FixedKeep(1), keep], (n_latent, n_hiddens[-1])), generative_p_keep]
        sizes = (n_latent + n_hiddens[-1], *n_emission_hiddens)
        self.generative = [
            FastDropoutHidden(
                self.parameters, f"generative/hidden_{i}", sizes[i], n, p_keeps[min(i, 1)], transfer
            )
            for i, n in enumerate(n_emission_hiddens)
        ]
        self.emission = choose("emission", emission, EMISSIONS)(
            self.parameters, "generative/emission", n_emission_hiddens[-1], n_visible, generative_p_keep
        )
        self.layers = [self.recognition, self.recognition_output, *self.generative, self.emission]
        self._build()

    def recognise(self, observations, mask):
        mean, variance = self.recognition(observations, 0.0, mask=mask)
        past = [previous(mean, mask)] if self._certain else [previous(mean, mask), previous(variance, mask)]
        return Recognised(*self.recognition_output(mean, variance), past)

    def generate(self, latents, mask, past_mean, past_variance=0.0):
        """p(x_t | z_t, h_{t-1}) given latents and the moments of h_{t-1}."""
        certain = is_certain(past_variance)
        mean = pt.concatenate([latents, past_mean], axis=2)
        variance = 0.0 if certain else pt.concatenate([pt.zeros_like(latents), past_variance], axis=2)
        for layer in self.generative:
            mean, variance = layer(mean, variance)
        return self.emission(mean, variance)

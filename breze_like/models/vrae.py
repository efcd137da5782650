"""The variational recurrent auto-encoder."""

from functools import cached_property, partial

import numpy as np
import pytensor.tensor as pt

from breze_like.layers import FastDropoutBidirectional, Stack
from breze_like.models.base import check_positive_integers, choose
from breze_like.models.emissions import EMISSIONS
from breze_like.models.variational import VARIANCES, Recognised, VariationalModel
from breze_like.moments import TRANSFERS


class VRAE(VariationalModel):
    """A bidirectional fast-dropout recognition network, and a bidirectional fast-dropout generative network.

        x -> q(z_1, ..., z_T | x),   z ~ q,   z -> p(x_t | z)

    Its graph, and what the expressions in it mean, are those of every `VariationalModel`.

    Parameters
    ----------
    n_visible, n_latent : int
    n_hiddens : tuple of int
        Sizes of the hidden layers of both networks, in the order from the observations to the latents.
    prior : "wiener", "white" or a Process
    posterior : "gauss_markov", "diagonal", "increments" or a class derived from MarkovPosterior
    kl : "exact", "independent_increments" or callable of (q, p)
        The divergence of the loss. The second one is the published objective: it bounds nothing (see
        `independent_increments_kl`). The exact divergence is always at hand as ``"kl"``.
    objective : "bound", "importance_weighted" or callable of the model
        The loss; see `objectives`.
    free_bits : float
        If not 0, the nats for each latent and time step below which the divergence is not lowered; see
        `FreeBits`.
    emission : "bernoulli", "gaussian_fixed", "gaussian_shared", "gaussian_per_step" or a factory
        See `emissions`.
    transfer : "tanh", "tanh_wang_manning", "rectifier" or an object with `moments`
        Of the hidden units.
    variance : "implicit", "explicit" or a layer class
        Where the variance of q comes from: from the moments of the recognition network's output units, or
        from output units of its own; see `recognition`.
    recognition_p_keep, generative_p_keep : float or "learned"
        Probability to keep a unit, of the inputs and hidden units of each network.
    backend : str
        See `backends`.

    Raises
    ------
    ValueError
        If a choice is unknown, or a number outside its range.

    References
    ----------
    Bayer & Osendorfer (2014), sections 3 and 4.
    """

    def __init__(
        self,
        n_visible,
        n_latent,
        n_hiddens=(200,),
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
        check_positive_integers(n_hiddens=n_hiddens)
        super().__init__(n_visible, n_latent, prior, posterior, kl, objective, free_bits, backend)
        transfer = choose("transfer", transfer, TRANSFERS)

        layer = partial(FastDropoutBidirectional, self.parameters, transfer=transfer)
        n_outputs = self.posterior_class.n_outputs * n_latent
        self.recognition = Stack(
            partial(layer, p_keep=recognition_p_keep), "recognition", n_visible, n_hiddens
        )
        self.recognition_output = choose("variance", variance, VARIANCES)(
            self.parameters, "recognition/output", n_hiddens[-1], n_outputs, recognition_p_keep
        )
        self.generative = Stack(
            partial(layer, p_keep=generative_p_keep), "generative", n_latent, n_hiddens[::-1]
        )
        self.emission = choose("emission", emission, EMISSIONS)(
            self.parameters, "generative/emission", n_hiddens[0], n_visible, generative_p_keep
        )
        self.layers = [self.recognition, self.recognition_output, self.generative, self.emission]
        self._build()

    def recognise(self, observations, mask):
        features = self.recognition(observations, 0.0, mask=mask)
        return Recognised(*self.recognition_output(*features))

    def generate(self, latents, mask):
        return self.emission(*self.generative(latents, 0.0, mask=mask))

    def sample(self, rng, n_steps, n_sequences):
        """Draw sequences: latents from the prior, observations given them.

        Returns
        -------
        ndarray, shape (n_steps, n_sequences, n_visible)
        """
        noise = self.draw_noise(rng, n_steps, n_sequences)
        emission_noise = self.emission.draw_noise(rng, (n_steps, n_sequences, self.n_visible))
        return self._sampler(noise, emission_noise, np.ones((n_steps, n_sequences)))

    @cached_property
    def _sampler(self):
        noise, emission_noise, mask = self.inputs["noise"], pt.tensor3("emission_noise"), self.inputs["mask"]
        drawn = self.generate(self.prior.sample(noise), mask).sample(emission_noise)
        return self.function([noise, emission_noise, mask], drawn)

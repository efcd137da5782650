"""The variational recurrent auto-encoder."""

from functools import cached_property, partial

import numpy as np
import pytensor.tensor as pt

from breze_like.distributions import (
    Diagonal,
    GaussMarkov,
    Increments,
    WhiteNoise,
    WienerProcess,
    independent_increments_kl,
    kl_divergence,
)
from breze_like.layers import FastDropoutAffine, FastDropoutBidirectional, Stack
from breze_like.models.base import Model, check_positive_integers, choose, per_step
from breze_like.models.emissions import EMISSIONS
from breze_like.moments import TRANSFERS

PRIORS = {"white": WhiteNoise(), "wiener": WienerProcess()}
POSTERIORS = {"diagonal": Diagonal, "increments": Increments, "gauss_markov": GaussMarkov}
KLS = {"exact": kl_divergence, "independent_increments": independent_increments_kl}

# Added to the implicit variance of the recognition network, so that it is positive whatever the weights are.
SMALLEST_VARIANCE = 1e-6


class VRAE(Model):
    """A bidirectional fast-dropout recognition network, and a bidirectional fast-dropout generative network.

        x -> q(z_1, ..., z_T | x),   z ~ q,   z -> p(x_t | z)

    The moments of the recognition network's output units are those of q. The loss is, in nats per time step,

        1 / n_steps sum_t [kl_weight KL_t(q || p) - log p(x_t | z)]

    Parameters
    ----------
    n_visible, n_latent : int
    n_hiddens : tuple of int
        Sizes of the hidden layers of both networks, in the order from the observations to the latents.
    prior : "wiener", "white" or a Process
    posterior : "gauss_markov", "diagonal", "increments" or a class derived from MarkovPosterior
    kl : "exact", "independent_increments" or callable of (q, p)
        The term of the loss. The second one is the published objective: it bounds nothing (see
        `independent_increments_kl`). The exact divergence is always at hand as ``"kl"``.
    emission : "bernoulli", "gaussian_fixed", "gaussian_shared", "gaussian_per_step" or a factory
        See `emissions`.
    transfer : "tanh", "tanh_wang_manning", "rectifier" or an object with `moments`
        Of the hidden units.
    recognition_p_keep, generative_p_keep : float or "learned"
        Probability to keep a unit, of the inputs and hidden units of each network.
    backend : str
        See `backends`.

    Attributes
    ----------
    inputs
        ``"observations"``, ``"mask"``, ``"noise"`` (n_steps, n_sequences, n_latent), ``"kl_weight"`` ().
    expressions
        ``"recognition/mean"`` and ``"recognition/variance"``, of z_t under q, and ``"latents"``, a draw
        from q, (n_steps, n_sequences, n_latent); ``"emission/mean"``, given that draw, and
        ``"reconstruction"``, given the mode of q, (n_steps, n_sequences, n_visible); ``"kl"``,
        ``"emission/log_prob"``, ``"objective"`` and ``"log_weight"``, that is log p(x, z) / q(z | x), all
        (n_steps, n_sequences), nats, 0 in the padding; ``"loss"`` ().

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
        emission="bernoulli",
        transfer="tanh",
        recognition_p_keep="learned",
        generative_p_keep=0.9,
        backend="auto",
    ):
        check_positive_integers(n_visible=n_visible, n_latent=n_latent, n_hiddens=n_hiddens)
        super().__init__(backend)
        self.n_visible, self.n_latent = n_visible, n_latent
        self.prior = choose("prior", prior, PRIORS)
        self.posterior_class = choose("posterior", posterior, POSTERIORS)
        self.objective_kl = choose("kl", kl, KLS)
        transfer = choose("transfer", transfer, TRANSFERS)

        layer = partial(FastDropoutBidirectional, self.parameters, transfer=transfer)
        n_outputs = self.posterior_class.n_outputs * n_latent
        self.recognition = Stack(
            partial(layer, p_keep=recognition_p_keep), "recognition", n_visible, n_hiddens
        )
        self.recognition_output = FastDropoutAffine(
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
        """The approximate posterior of the latents.

        Parameters
        ----------
        observations : TensorVariable, shape (n_steps, n_sequences, n_visible)
        mask : TensorVariable, shape (n_steps, n_sequences)
        """
        features = self.recognition(observations, 0.0, mask=mask)
        mean, variance = self.recognition_output(*features)
        return self.posterior_class.from_recognition(mean, variance + SMALLEST_VARIANCE, mask)

    def generate(self, latents, mask):
        """The distribution of the observations given latents (n_steps, n_sequences, n_latent)."""
        return self.emission(*self.generative(latents, 0.0, mask=mask))

    def draw_noise(self, rng, n_steps, n_sequences):
        """Standard normal noise of shape (n_steps, n_sequences, n_latent)."""
        return rng.standard_normal((n_steps, n_sequences, self.n_latent))

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

    def _build(self):
        x, mask = self.inputs["observations"], self.inputs["mask"]
        noise = self.inputs["noise"] = pt.tensor3("noise")
        kl_weight = self.inputs["kl_weight"] = pt.scalar("kl_weight")
        self.training_inputs = ("observations", "mask", "noise", "kl_weight")

        q = self.posterior = self.recognise(x, mask)
        z = q.sample(noise)
        y = self.generate(z, mask)
        kl, objective_kl = kl_divergence(q, self.prior), self.objective_kl(q, self.prior)
        log_prob = mask * y.log_prob(x)
        self.expressions |= {
            "recognition/mean": q.mean,
            "recognition/variance": q.variance,
            "latents": z,
            "emission/mean": y.mean,
            "emission/log_prob": log_prob,
            "kl": kl,
            "objective": objective_kl - log_prob,
            "log_weight": log_prob + self.prior.log_prob(z, mask) - q.log_prob(z),
            "reconstruction": self.generate(q.mode, mask).mean,
            "loss": per_step(kl_weight * objective_kl - log_prob, mask),
        }

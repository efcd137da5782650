"""The variational recurrent auto-encoder."""

from functools import cached_property

import numpy as np
import pytensor.tensor as pt

from breze_like.checks import check_drawing, check_positive_integers
from breze_like.layers import Bidirectional, fast_dropout
from breze_like.models.variational import Recognised, VariationalModel
from breze_like.moments import Moments


class VRAE(VariationalModel):
    """A bidirectional fast-dropout recognition network, and a bidirectional fast-dropout generative network.

        x -> q(z_1, ..., z_T | x),   z ~ q,   z -> p(x_t | z)

    Parameters and attributes are those of `VariationalModel`. The generative network has the hidden layers of
    the recognition network in reverse order.

    References
    ----------
    Bayer & Osendorfer (2014), sections 3 and 4.
    """

    def _make_networks(self, n_hiddens, recognition_p_keeps, generative_p_keep):
        recognition = fast_dropout(Bidirectional, *recognition_p_keeps)
        generative = fast_dropout(Bidirectional, generative_p_keep)
        self._make_recognition(recognition, n_hiddens, recognition_p_keeps[0])
        self.generative = self._make_stack(generative, "generative", self.n_latent, n_hiddens[::-1])
        self._make_emission(n_hiddens[0], generative_p_keep)

    def recognise(self, observations, mask):
        return Recognised(self.recognition_output(self.recognition(Moments(observations), mask)))

    def generate(self, latents, mask):
        return self.emission(self.generative(Moments(latents), mask))

    def sample(self, rng, n_steps, n_sequences, temperature=1.0):
        """Draw sequences: latents from the prior, observations given them.

        Parameters
        ----------
        rng : numpy.random.Generator
        n_steps, n_sequences : int
        temperature : float
            Observations are drawn from p(x | z) as changed by `Distribution.tempered`; latents from the
            unchanged prior.

        Returns
        -------
        ndarray, shape (n_steps, n_sequences, n_visible)

        Raises
        ------
        ValueError
            If a number is not positive.
        """
        check_positive_integers(n_steps=n_steps, n_sequences=n_sequences)
        check_drawing(rng, temperature)
        noise = self.draw_noise(rng, n_steps, n_sequences)
        emission_noise = self.emission.draw_noise(rng, (n_steps, n_sequences, self.n_visible))
        return self._sampler(noise, emission_noise, np.ones((n_steps, n_sequences)), temperature)

    @cached_property
    def _sampler(self):
        noise, emission_noise, mask = (self.inputs[name] for name in ("noise", "emission_noise", "mask"))
        temperature = pt.scalar("temperature")
        y = self.generate(self.prior.sample(noise), mask).tempered(temperature)
        return self.function([noise, emission_noise, mask, temperature], y.sample(emission_noise))

"""The variational one-step predictor."""

from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytensor.tensor as pt

from breze_like.checks import check_drawing, check_sizes, choose
from breze_like.distributions.processes import MarkovProcess, first_steps, previous
from breze_like.layers import LAYERS, Affine, Joint, Recurrent, fast_dropout
from breze_like.models.base import check_frames, check_prefix
from breze_like.models.variational import Recognised, VariationalModel
from breze_like.moments import Moments, flatten


class Step(NamedTuple):
    """The results of `VOSP.step` for a frame; arrays of shape (n_sequences, n).

    Attributes
    ----------
    prediction : ndarray
        Mean of p(x_t | x_1, ..., x_{t-1}): ``"prediction"``.
    reconstruction : ndarray
        Mean of p(x_t | z_t, h_{t-1}) at the mode of q(z_t | x_1, ..., x_t): ``"reconstruction"``.
    denoised : ndarray
        Mode of the same: ``"denoised"``.
    mean, variance : ndarray
        Of z_t under q.
    state : list of ndarray
        For the next step.
    """

    prediction: np.ndarray
    reconstruction: np.ndarray
    denoised: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    state: list


class VOSP(VariationalModel):
    """A forward recognition network with states h_t, and an emission that sees its past.

        x_1, ..., x_t -> h_t -> q(z_t | z_{t-1}, x_1, ..., x_t),   z ~ q
        (z_t, h_{t-1}) -> p(x_t | z_t, h_{t-1})

    with zeros in place of h_0. Through h, x_t influences only later emissions. Parameters and attributes are
    those of `VariationalModel`, and the following; p(x | z) there is the product of p(x_t | z_t, h_{t-1}).

    Parameters
    ----------
    n_emission_hiddens : tuple of int
        Sizes of the hidden layers between (z_t, h_{t-1}) and the emission.
    layer : a name in `LAYERS`, or an object that is called in the same way; optional
        Of the recognition network's hidden units, such as "gru". They are then deterministic, and
        `recognition_p_keep` applies only to the map from h_t to q. By default, they have fast dropout.
    generative_p_keep : float or "learned"
        Probability of keeping a unit of h_{t-1}, and of the hidden layers behind it; all latents are kept.
        With 1, these layers are deterministic, and h_{t-1} is its mean.

    Attributes
    ----------
    expressions
        ``"prediction"`` : mean of p(x_t | x_1, ..., x_{t-1}), for priors that are Markov processes
            (n_steps, n_sequences, n_visible). The moments of z_t under the prior, given q(z_{t-1}), are
            propagated through the layers.

    References
    ----------
    Bayer & Osendorfer (2014), section 3.
    """

    emits_from_step = True

    def __init__(
        self, n_visible, n_latent, n_hiddens=(200,), n_emission_hiddens=(200,), *, layer=None, **others
    ):
        check_sizes(n_emission_hiddens=n_emission_hiddens)
        self.n_emission_hiddens = n_emission_hiddens
        self.layer_class = None if layer is None else choose("layer", layer, LAYERS)
        kept = others.get("recognition_recurrent_p_keep")
        if layer is not None and kept is not None:
            raise ValueError(
                "recognition_recurrent_p_keep must be None if layer is given, since such a layer drops "
                f"none of its state or has probabilities of its own, got {kept!r}"
            )
        super().__init__(n_visible, n_latent, n_hiddens, **others)
        if isinstance(self.prior, MarkovProcess):
            mask = self.inputs["mask"]
            before = self.posterior.moments.map(lambda u: previous(u, mask))
            z = self.prior.forecast(before, first_steps(mask))
            self.expressions["prediction"] = self._emit(z, *self.recognised.context).mean

    def recognise(self, observations, mask):
        h = self.recognition(Moments(observations), mask)
        past = self.generative[0].from_state(h).map(lambda u: previous(u, mask))
        return Recognised(self.recognition_output(h), past.arrays)

    def generate(self, latents, mask, *past):
        return self._emit(Moments(latents), *past)

    def step(self, frames, state=None):
        """Process the next frame of running sequences.

        Parameters
        ----------
        frames : ndarray, shape (n_sequences, n_visible)
        state : list of ndarray, optional
            From the previous step; None at the start.

        Returns
        -------
        Step
            The same as a batch of the whole sequences so far gives for their last step.

        Raises
        ------
        ValueError
            If the frames have another shape or values that the model does not emit, the state is that of
            another model or of other sequences, or the prior is no `MarkovProcess`.
        """
        if np.ndim(frames) != 2 or np.shape(frames)[1] != self.n_visible:
            expected = f"(n_sequences, {self.n_visible})"
            raise ValueError(f"frames must have shape {expected}, got {np.shape(frames)}")
        frames = check_frames(self, np.asarray(frames)[None], "frames")
        first = float(state is None)
        n_sequences = frames.shape[1]
        state = self._start(n_sequences) if state is None else state
        if [np.shape(u)[-2:] for u in state] != [(n_sequences, n) for n in self._state_sizes]:
            raise ValueError(f"state must be that of a step of this model with {n_sequences} sequences")
        prediction, reconstruction, denoised, *state = self._step(frames, first, *state)
        return Step(prediction[0], reconstruction[0], denoised[0], state[0][0], state[1][0], state)

    def sample(self, rng, n_steps, n_sequences, prefix=None, temperature=1.0):
        """Draw sequences, or continue given ones; see `OneStepPredictor.sample`.

        The latents follow the prior, whatever the temperature is; after a prefix, they continue from its
        approximate posterior, for which the prior must be a Markov process.
        """
        prefix = check_prefix(self, n_steps, n_sequences, prefix)
        check_drawing(rng, temperature)
        state = None
        for frames in prefix:
            state = self.step(frames, state).state
        mean, variance, *states = state or self._start(n_sequences)
        noise = self.draw_noise(rng, n_steps, n_sequences)
        if len(prefix):
            start = mean + np.sqrt(variance) * self.draw_noise(rng, 1, n_sequences)
            latents = self._draw_followers(noise, start[0])
        else:
            latents = self._draw_latents(noise)
        drawn = []
        for z in latents:
            emission_noise = self.emission.draw_noise(rng, (1, *prefix.shape[1:]))
            frames, *states = self._draw(z[None], emission_noise, temperature, *states)
            drawn.append(frames)
        return np.concatenate(drawn)

    def _make_networks(self, n_hiddens, recognition_p_keeps, generative_p_keep):
        layer = self.layer_class or fast_dropout(Recurrent, *recognition_p_keeps)
        self._make_recognition(layer, n_hiddens, recognition_p_keeps[0])
        name, sizes = "generative/hidden_{}".format, self.n_emission_hiddens
        joint = self.n_latent, n_hiddens[-1], sizes[0], generative_p_keep
        self.generative = [Joint(self.parameters, name(0), *joint)]
        for i, (n_in, n_out) in enumerate(pairwise(sizes), 1):
            self.generative.append(Affine(self.parameters, name(i), n_in, n_out, generative_p_keep))
        self.layers += self.generative
        self._make_emission(sizes[-1], generative_p_keep)

    def _emit(self, z, *past):
        """The emission, from moments of z_t, and from the arrays of what h_{t-1} adds to the first layer."""
        first, *others = self.generative
        features = first(z, Moments(*past)).through(self.transfer)
        for layer in others:
            features = layer(features).through(self.transfer)
        return self.emission(features)

    # A state is a flat list: moments of z_{t-1}, what the emission sees of h_{t-1}, all (1, n_sequences, n),
    # and those of all layers of the recognition network, (n_sequences, n_hidden).

    def _start(self, n_sequences):
        initial = self._initial(np.ones((1, n_sequences)))
        latents = np.zeros((1, n_sequences, self.n_latent))
        past = np.zeros((1, n_sequences, self.n_emission_hiddens[0]))
        return [latents, latents, *[past] * len(self.recognised.context), *initial]

    @cached_property
    def _state_sizes(self):
        return [u.shape[-1] for u in self._start(1)]

    @cached_property
    def _initial(self):
        return self.function(["mask"], flatten(self.recognition.initial(self.inputs["mask"])))

    def _advance(self, frames, states):
        """Moments of h_t, (1, n_sequences, n_hidden), and the flat list of the next state but for z_t."""
        inputs, mask = self.read(frames), pt.ones_like(frames[:, :, 0])
        outputs = self.recognition.states(Moments(inputs), mask, states)
        past = self.generative[0].from_state(outputs[-1])
        return outputs[-1], [*past.arrays, *flatten(h.map(lambda u: u[-1]) for h in outputs)]

    def _state_variables(self):
        """For what the emission sees, and `Moments` for each layer of the recognition network: two lists."""
        states = self.recognition.initial(self.inputs["mask"])
        return [u.type() for u in self.recognised.context], [h.map(lambda u: u.type()) for h in states]

    @cached_property
    def _step(self):
        self._check_prior()
        frames, first = pt.tensor3("frames"), pt.scalar("first")
        z = Moments(pt.tensor3("z_mean"), pt.tensor3("z_variance"))
        past, states = self._state_variables()
        prediction = self._emit(self.prior.forecast(z, first), *past).mean
        h, new_state = self._advance(frames, states)
        q = self.posterior_class.from_recognition(self.recognition_output(h), pt.ones_like(frames[:, :, 0]))
        new_z = q.forecast(z)
        y = self._emit(Moments(new_z.mean), *past)
        return self.function(
            [frames, first, *z, *past, *flatten(states)],
            [prediction, y.mean, y.mode, *new_z, *new_state],
        )

    @cached_property
    def _draw_latents(self):
        """Compiled: sequences of latents under the prior, from noise."""
        return self.function(["noise"], self.prior.sample(self.inputs["noise"]))

    @cached_property
    def _draw_followers(self):
        """Compiled: the same, but they follow latents (n_sequences, n_latent)."""
        noise, start = self.inputs["noise"], pt.matrix("start")
        return self.function([noise, start], self.prior.sample(noise, start))

    @cached_property
    def _draw(self):
        """Compiled: a step from latents to a draw of a frame, and to the new states."""
        z, noise, temperature = pt.tensor3("z"), pt.tensor3("noise"), pt.scalar("temperature")
        past, states = self._state_variables()
        frames = self._emit(Moments(z), *past).tempered(temperature).sample(noise)
        _, new_state = self._advance(frames, states)
        return self.function([z, noise, temperature, *past, *flatten(states)], [frames, *new_state])

    def _check_prior(self):
        if not isinstance(self.prior, MarkovProcess):
            name = type(self.prior).__name__
            raise ValueError(
                f"prior must be a MarkovProcess, so that the model can run step by step, got {name}"
            )

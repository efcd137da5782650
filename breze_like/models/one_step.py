"""One-step predictors: p(x_t | x_1, ..., x_{t-1}) from a recurrent network, with exact likelihoods."""

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np
import pytensor.tensor as pt

from breze_like.checks import check_drawing, choose
from breze_like.distributions.processes import previous
from breze_like.layers import LAYERS, Affine, Recurrent, fast_dropout
from breze_like.models.base import Model, check_prefix, per_step
from breze_like.moments import Moments, flatten


class OneStepPredictor(Model, ABC):
    """A recurrent network that reads x_{t-1} and predicts x_t; the first step is predicted from a zero frame.

    Parameters
    ----------
    n_visible : int
    n_hiddens : tuple of int
        Sizes of the recurrent layers, each of which feeds the next one.
    emission, transfer, missing, standardization, backend
        As for `VariationalModel`.

    Attributes
    ----------
    inputs
        ``"observations"``, ``"mask"``, ``"emission_noise"``, as the emission draws it, and ``"given"``,
        frames with NaN in the entries to be filled in.
    expressions
        ``"emission/mean"``, ``"emission/sample"`` and ``"denoised"``, the mode of the prediction,
        (n_steps, n_sequences, n_visible); ``"given/mean"``, ``"given/sample"`` and ``"given/mode"``, the same
        given the entries of ``"given"`` that are not NaN; ``"emission/log_prob"`` and ``"objective"``, its
        negative, (n_steps, n_sequences), nats, 0 in the padding; ``"loss"`` (), nats per time step.

    Raises
    ------
    ValueError
        If a choice is unknown, or a number outside its range.
    """

    p_keep = 1.0

    def __init__(
        self,
        n_visible,
        n_hiddens=(200,),
        *,
        emission="bernoulli",
        transfer="tanh_wang_manning",
        missing="refuse",
        standardization=None,
        backend="auto",
    ):
        super().__init__(backend)
        self._choose(n_visible, n_hiddens, emission, transfer, missing, standardization)
        self.network = self._make_network("generative", self.missing.n_inputs(n_visible), n_hiddens)
        self._make_emission(self._make_output(n_hiddens[-1]), self.p_keep)

        x, mask = self.inputs["observations"], self.inputs["mask"]
        self.inputs |= {name: pt.tensor3(name) for name in ("emission_noise", "given")}
        state = self.network(Moments(previous(self.read(x), mask)), mask)
        self.expressions |= named_predictions(self.emission(self._features(state)), self.inputs)

    def predict(self, frames, states):
        """The distribution of the frame that follows.

        Parameters
        ----------
        frames : TensorVariable, shape (n_steps, n_sequences, n_visible)
            The frames since the last prediction; before the first one, a frame that is read as zeros.
        states : list of Moments, shape (n_sequences, n_hidden)
            From the last prediction; before the first one, `network.initial`.

        Returns
        -------
        distribution : Distribution
            Of arrays of shape (1, n_sequences, n_visible).
        states : list of Moments
            For the next prediction.
        """
        mask = pt.ones_like(frames[:, :, 0])
        states = self.network.states(Moments(self.read(frames)), mask, states)
        features = self._features(states[-1].map(lambda u: u[-1:]))
        return self.emission(features), [h.map(lambda u: u[-1]) for h in states]

    def sample(self, rng, n_steps, n_sequences, prefix=None, temperature=1.0):
        """Draw sequences, or continue given ones.

        Parameters
        ----------
        rng : numpy.random.Generator
        n_steps, n_sequences : int
        prefix : ndarray, shape (n_prefix, n_sequences, n_visible), optional
            The frames before the first one that is drawn.
        temperature : float
            Frames are drawn from the predictions as `Distribution.tempered` makes them.

        Returns
        -------
        ndarray, shape (n_steps, n_sequences, n_visible)

        Raises
        ------
        ValueError
            If a number is not positive, or the prefix has another shape or values that the model does not
            emit.
        """
        shape = (1, n_sequences, self.n_visible)
        prefix = check_prefix(self, n_steps, n_sequences, prefix)
        check_drawing(rng, temperature)
        frames = np.concatenate([self.standardization.in_units(np.zeros(shape)), prefix])
        start, step = self._sampler
        states = start(np.ones((1, n_sequences)))
        drawn = []
        for _ in range(n_steps):
            frames, *states = step(frames, self.emission.draw_noise(rng, shape), temperature, *states)
            drawn.append(frames)
        return np.concatenate(drawn)

    @cached_property
    def _sampler(self):
        """Compiled: the states to start from; and a step, to a draw of the next frame and the new states."""
        initial = self.network.initial(self.inputs["mask"])
        states = [h.map(lambda u: u.type()) for h in initial]
        frames, noise, temperature = pt.tensor3("frames"), pt.tensor3("noise"), pt.scalar("temperature")
        distribution, new_states = self.predict(frames, states)
        start = self.function(["mask"], flatten(initial))
        step = self.function(
            [frames, noise, temperature, *flatten(states)],
            [distribution.tempered(temperature).sample(noise), *flatten(new_states)],
        )
        return start, step

    @abstractmethod
    def _make_network(self, name, n_in, n_hiddens):
        """Make the `Stack` of recurrent layers."""

    def _features(self, state):
        """Moments of what the emission takes, from those of the last layer."""
        return state

    def _make_output(self, n_hidden):
        """Make what is between the last layer and the emission, if anything; the number of features."""
        return n_hidden


class RNN(OneStepPredictor):
    """The deterministic recurrent network, the paper's "plain".

    With several layers, it is the stacked RNN of Pascanu et al. (2013): each layer sees the states of the
    layer below, and the emission sees those of the last layer.

    Parameters
    ----------
    n_visible, n_hiddens, emission, transfer, missing, standardization, backend
        As for `OneStepPredictor`.
    layer : "recurrent", "deep_transition", "gru" or a layer class
        Of its layers; see `layers`.

    References
    ----------
    Pascanu et al. (2013), How to construct deep recurrent neural networks.
    """

    def __init__(self, n_visible, n_hiddens=(200,), *, layer="recurrent", **others):
        self.layer_class = choose("layer", layer, LAYERS)
        super().__init__(n_visible, n_hiddens, **others)

    def _make_network(self, name, n_in, n_hiddens):
        return self._make_stack(self.layer_class, name, n_in, n_hiddens)


class DTSRNN(RNN):
    """The DT(S)-RNN: the deterministic recurrent network with deep transitions that have a shortcut.

    See `DeepTransition`; the parameters and the reference are those of `RNN`.
    """

    def __init__(self, *sizes, layer="deep_transition", **others):
        super().__init__(*sizes, layer=layer, **others)


class DOTSRNN(DTSRNN):
    """The DOT(S)-RNN: a DT(S)-RNN with a deep output, an intermediate layer with a shortcut past it.

        o_t = f(h_t V + d),   (o_t, h_t) -> p(x_t | x_1, ..., x_{t-1})

    The intermediate layer is as large as the state. In the paper, "(S)" stands for the shortcut of the
    transition, and the emission sees o_t only. The parameters and the reference are those of `RNN`.
    """

    def _make_output(self, n_hidden):
        self.output = Affine(self.parameters, "generative/output", n_hidden, n_hidden)
        self.layers.append(self.output)
        return 2 * n_hidden

    def _features(self, state):
        above = self.output(state).through(self.transfer)
        return Moments(pt.concatenate([above.mean, state.mean], axis=-1))


class FDRNN(OneStepPredictor):
    """The fast-dropout recurrent network.

    Parameters
    ----------
    n_visible, n_hiddens, emission, transfer, missing, standardization, backend
        As for `OneStepPredictor`.
    p_keep : float or "learned"
        Probability of keeping a unit in the input of the emission and of the upper layers.
    input_p_keep, recurrent_p_keep : float or "learned", optional
        Probability of keeping an observed feature, and of keeping a unit of the state from one step to the
        next; by default `p_keep`.

    References
    ----------
    Bayer et al. (2013), On fast dropout and its applicability to recurrent networks.
    """

    transfer_needs = ("__call__", "moments")

    def __init__(
        self, n_visible, n_hiddens=(200,), *, p_keep=0.9, input_p_keep=None, recurrent_p_keep=None, **others
    ):
        self.p_keep = p_keep
        self.input_p_keep = p_keep if input_p_keep is None else input_p_keep
        self.recurrent_p_keep = p_keep if recurrent_p_keep is None else recurrent_p_keep
        super().__init__(n_visible, n_hiddens, **others)

    def _make_network(self, name, n_in, n_hiddens):
        first = fast_dropout(Recurrent, self.input_p_keep, self.recurrent_p_keep)
        others = fast_dropout(Recurrent, self.p_keep, self.recurrent_p_keep)
        return self._make_stack(others, name, n_in, n_hiddens, first)


def named_predictions(y, inputs):
    """The `expressions` of a model with exact likelihoods.

    Parameters
    ----------
    y : Distribution
        Of each frame.
    inputs : dict of str to TensorVariable
        The model's.
    """
    mask = inputs["mask"]
    log_prob, given = mask * y.log_prob(inputs["observations"]), y.given(inputs["given"])
    return {
        "emission/mean": y.mean,
        "emission/sample": y.sample(inputs["emission_noise"]),
        "denoised": y.mode,
        "given/mean": given.mean,
        "given/sample": given.sample(inputs["emission_noise"]),
        "given/mode": given.mode,
        "emission/log_prob": log_prob,
        "objective": -log_prob,
        "loss": per_step(-log_prob, mask),
    }

"""What the variational models share: recognise, draw latents, generate, and everything that is scored."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import pytensor.tensor as pt

from breze_like.checks import check_positive_integers, choose
from breze_like.data import over_batches
from breze_like.distributions import KLS, POSTERIORS, PRIORS, Process, drawn_log_ratio, kl_divergence
from breze_like.models.base import Model, check_observations
from breze_like.models.objectives import OBJECTIVES, log_weight
from breze_like.models.recognition import VARIANCES
from breze_like.moments import Moments


class Recognised(NamedTuple):
    """Everything that a model extracts from the observations: variables of shape (n_steps, n_sequences, n).

    Attributes
    ----------
    outputs : Moments
        Of the recognition network's output units, which determine the approximate posterior.
    context : tuple of TensorVariable
        What the generative network sees in addition to the latents.
    """

    outputs: Moments
    context: tuple = ()

    @property
    def variables(self):
        """All of them, in one list."""
        return [*self.outputs.arrays, *self.context]


class VariationalModel(Model, ABC):
    """x -> q(z_1, ..., z_T | x),   z ~ q,   z -> p(x_t | z).

    A subclass makes the networks, in `_make_networks`, and says what they do, in `recognise` and `generate`.

    Parameters
    ----------
    n_visible, n_latent : int
    n_hiddens : tuple of int
        Sizes of the hidden layers of the recognition network.
    prior : a name in `PRIORS`, a Process, or a class of them
        "wiener", "white", or "ornstein_uhlenbeck", which learns its time constants.
    posterior : a name in `POSTERIORS`, or a class derived from MarkovPosterior
        "gauss_markov", "diagonal", or "increments".
    kl : "exact", "independent_increments" or callable of (q, p)
        The divergence in the loss. The second one gives the published objective, which is not a bound (see
        `independent_increments_kl`). The exact divergence is always available as ``"kl"``.
    objective : "bound", "free_bits", "importance_weighted", "tensor_monte_carlo" or callable of the model
        The loss; see `objectives`.
    emission : a name in `EMISSIONS` or a factory
        "bernoulli", "nade" for binary observations, "gaussian_fixed", "gaussian_shared",
        "gaussian_per_step", "gaussian_mixture", "student_t" for real-valued ones; see `emissions`.
    transfer : "tanh_wang_manning", "tanh", "rectifier" or an object with `moments`
        Of the hidden units.
    variance : "implicit", "explicit" or a layer class
        Where the variance of q comes from: from the moments of the recognition network's output units, or
        from separate output units; see `recognition`.
    recognition_p_keep, generative_p_keep : float or "learned"
        Probability of keeping a unit, of the inputs and hidden units of each network.
    recognition_recurrent_p_keep : float or "learned", optional
        Probability of keeping a unit of the recognition network's state from one step to the next (in a
        backward chain, to the step before); by default `recognition_p_keep`. The best models of small data
        sets drop most of the state.
    missing : "refuse", "zero", "indicator" or an object like those in `MISSING`
        How NaN in the observations is treated: as an error, or as a missing entry. Likelihoods then leave it
        out, and networks read 0 in its place; with "indicator", they have another input for each entry, which
        says whether it is missing. See `models.missing`.
    standardization : Standardization, or its arguments as a dict; optional
        Of real-valued observations, which networks then see and emit in these units. Everything that the
        model takes and returns, and its scores, are in the units of the observations.
    backend : str
        See `backends`.

    Attributes
    ----------
    inputs
        ``"observations"``, ``"mask"``, ``"noise"``, ``"kl_weight"`` (), ``"emission_noise"``. The noise is
        (n_steps, n_draws * n_sequences, n_latent): first a draw for each sequence, then another one for each,
        and so on. That of the emission is as it draws it, for the same columns, as are frames with NaN in the
        entries to be filled in, ``"given"``.
    expressions
        ``"recognition/mean"``, ``"recognition/variance"`` : moments of z_t under q
            (n_steps, n_sequences, n_latent)
        ``"latents"`` : draws from q
            (n_steps, n_draws * n_sequences, n_latent)
        ``"emission/mean"``, ``"emission/sample"`` : of p(x | z), given these draws
            (n_steps, n_draws * n_sequences, n_visible)
        ``"given/mean"``, ``"given/sample"`` : of p(x | z, the entries of ``"given"`` that are not NaN)
            (n_steps, n_draws * n_sequences, n_visible)
        ``"given/mode"`` : its mode, at the mode of q; for one draw
            (n_steps, n_sequences, n_visible)
        ``"reconstruction"``, ``"denoised"`` : the mean and the mode of p(x | z), given the mode of q
            (n_steps, n_sequences, n_visible)
        ``"emission/log_prob"``, ``"latents/log_ratio"``, ``"log_weight"`` : log p(x_t | z),
            log p(z_t | ...) - log q(z_t | ..., x), and their sum, nats, 0 in the padding
            (n_steps, n_draws * n_sequences)
        ``"kl"``, ``"objective_kl"``, ``"objective"`` : KL(q || p), the divergence that is trained on, and
            the variational bound with that one, nats, 0 in the padding
            (n_steps, n_sequences)
        ``"loss"`` : the training objective, nats per time step
            ()
    recognised : Recognised
    posterior, drawn_posterior : MarkovPosterior
        q; and the same with a column for each draw.
    emits_from_step : bool
        Whether x_t depends only on z_t and the context of its step: then particle filters can be used.

    Raises
    ------
    ValueError
        If a choice is unknown, or a number outside its range.
    """

    has_latents = True
    transfer_needs = ("__call__", "moments")
    emits_from_step = False

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
        emission="bernoulli",
        transfer="tanh_wang_manning",
        variance="implicit",
        recognition_p_keep="learned",
        recognition_recurrent_p_keep=None,
        generative_p_keep=0.9,
        missing="refuse",
        standardization=None,
        backend="auto",
    ):
        super().__init__(backend)
        self._choose(n_visible, n_hiddens, emission, transfer, missing, standardization)
        check_positive_integers(n_latent=n_latent)
        self.n_latent = n_latent
        prior = choose("prior", prior, PRIORS, "make")
        self.posterior_class = choose("posterior", posterior, POSTERIORS, "from_recognition")
        self.objective_kl = choose("kl", kl, KLS)
        self.objective = choose("objective", objective, OBJECTIVES)
        self.variance_class = choose("variance", variance, VARIANCES)
        p_keeps = recognition_p_keep, recognition_recurrent_p_keep
        self._make_networks(n_hiddens, p_keeps, generative_p_keep)
        self.prior = prior if isinstance(prior, Process) else prior.make(self.parameters, "prior", n_latent)
        self._build()

    @abstractmethod
    def _make_networks(self, n_hiddens, recognition_p_keeps, generative_p_keep):
        """Make all layers; the recognition network's probabilities are two, as `fast_dropout` takes them."""

    @abstractmethod
    def recognise(self, observations, mask):
        """What the model extracts from the observations.

        Parameters
        ----------
        observations : TensorVariable, shape (n_steps, n_sequences, n_inputs)
            As the model reads them: standardised, and without NaN.
        mask : TensorVariable, shape (n_steps, n_sequences)

        Returns
        -------
        Recognised
        """

    @abstractmethod
    def generate(self, latents, mask, *context):
        """The distribution of the observations given latents (n_steps, n_sequences, n_latent)."""

    def encode(self, sequences):
        """Moments of the latents of each sequence under q.

        Parameters
        ----------
        sequences : list of ndarray, shape (n_steps, n_visible)
            Of any lengths.

        Returns
        -------
        list of Moments
            Arrays (n_steps, n_latent): ``"recognition/mean"`` and ``"recognition/variance"``.

        Raises
        ------
        ValueError
            If the sequences are not of the kind that the model emits.
        """
        function = self.function(["observations", "mask"], ["recognition/mean", "recognition/variance"])
        checked = check_observations(self, sequences)
        parts = over_batches(lambda batch, x: function(x, batch.mask), checked)
        return [Moments(*of_sequence) for of_sequence in zip(*parts, strict=True)]

    def draw_noise(self, rng, n_steps, n_columns):
        """Standard normal noise of shape (n_steps, n_columns, n_latent)."""
        return self.posterior_class.draw_noise(rng, (n_steps, n_columns, self.n_latent))

    def over_draws(self, reduce, terms):
        """Reduce (..., n_draws * n_sequences), as by `pt.mean`, over the draws: (..., n_sequences)."""
        n_sequences = self.inputs["mask"].shape[1]
        return reduce(terms.reshape((*terms.shape[:-1], -1, n_sequences)), axis=-2)

    def _make_recognition(self, layer, n_hiddens, p_keep):
        """Make `recognition`, of layers called as those in `LAYERS`, and its output, with dropout."""
        n_inputs = self.missing.n_inputs(self.n_visible)
        self.recognition = self._make_stack(layer, "recognition", n_inputs, n_hiddens)
        n_outputs = self.posterior_class.n_outputs * self.n_latent
        self.recognition_output = self.variance_class(
            self.parameters, "recognition/output", n_hiddens[-1], n_outputs, p_keep
        )
        self.layers.append(self.recognition_output)

    def _build(self):
        """Fill `inputs` and `expressions`."""
        x, mask = self.inputs["observations"], self.inputs["mask"]
        noise = self.inputs["noise"] = pt.tensor3("noise")
        self.inputs["kl_weight"] = pt.scalar("kl_weight")
        emission_noise = self.inputs["emission_noise"] = pt.tensor3("emission_noise")
        given = self.inputs["given"] = pt.tensor3("given")
        self.training_inputs = ("observations", "mask", "noise", "kl_weight")

        recognised = self.recognised = self.recognise(self.read(x), mask)
        q = self.posterior = self.posterior_class.from_recognition(recognised.outputs, mask)
        kl, objective_kl = kl_divergence(q, self.prior), self.objective_kl(q, self.prior)

        # From here on, there is a column for each draw. The columns of what generates are counted on the
        # latents, so that the graph can be cut there.
        drawn = Columns(noise, mask)
        q_drawn = self.posterior_class.from_recognition(recognised.outputs.map(drawn), drawn.mask)
        self.drawn_posterior = q_drawn
        z = q_drawn.sample(noise)
        columns = Columns(z, mask)
        y = self.generate(z, columns.mask, *map(columns, recognised.context))
        log_prob = columns.mask * y.log_prob(columns(x))
        reconstructed = self.generate(q.mode, mask, *recognised.context)
        self.expressions |= {
            "recognition/mean": q.mean,
            "recognition/variance": q.variance,
            "latents": z,
            "emission/mean": y.mean,
            "emission/sample": y.sample(emission_noise),
            "emission/log_prob": log_prob,
            "latents/log_ratio": drawn_log_ratio(q_drawn, self.prior, z, noise),
            "kl": kl,
            "objective_kl": objective_kl,
            "objective": objective_kl - self.over_draws(pt.mean, log_prob),
            "given/mean": y.given(given).mean,
            "given/sample": y.given(given).sample(emission_noise),
            "given/mode": reconstructed.given(given).mode,
            "reconstruction": reconstructed.mean,
            "denoised": reconstructed.mode,
        }
        self.expressions["log_weight"] = log_weight(self.expressions)
        if hasattr(self.objective, "by_step"):
            self.expressions["loss/by_step"] = self.objective.by_step(self)
        self.expressions["loss"] = self.objective(self)


class Columns:
    """Repeats (n_steps, n_sequences, n) for each draw: (n_steps, n_draws * n_sequences, n).

    Parameters
    ----------
    drawn : TensorVariable, shape (n_steps, n_draws * n_sequences, n_latent)
    mask : TensorVariable, shape (n_steps, n_sequences)
    """

    def __init__(self, drawn, mask):
        one_latent = drawn[:, :, :1].reshape((mask.shape[0], -1, mask.shape[1], 1))
        self._zeros = pt.zeros_like(one_latent)
        self.mask = self(mask[:, :, None])[:, :, 0]

    def __call__(self, u):
        return (u[:, None] + self._zeros).reshape((u.shape[0], -1, u.shape[2]))

"""What all models share: their parameters, their named graph, and the functions compiled from it."""

from functools import partial

import numpy as np
import pytensor.tensor as pt

from breze_like import backends
from breze_like.checks import check_positive_integers, check_rng, check_sizes, choose
from breze_like.files import PathLike
from breze_like.initialize import Initialization
from breze_like.layers import Stack
from breze_like.models.emissions import EMISSIONS
from breze_like.models.missing import MISSING
from breze_like.models.standardization import AsTheyAre, standardization_of
from breze_like.moments import TRANSFERS
from breze_like.parameters import ParameterSet
from breze_like.pictures.html import element, table
from breze_like.sequences import check_sequences, first_missing


class Model:
    """A graph with parameters.

    A subclass makes its layers, then fills `inputs` and `expressions`; both map names to symbolic variables,
    so that everything that has a name in the mathematics can be looked at, compiled and differentiated.

    Parameters
    ----------
    backend : str
        See `backends`.

    Attributes
    ----------
    arguments : dict
        The arguments that the model was made with, by name, including defaults.
    parameters : ParameterSet
    layers : list
        In the order of their initialisation.
    inputs : dict of str to TensorVariable
        ``"observations"`` (n_steps, n_sequences, n_visible), ``"mask"`` (n_steps, n_sequences), and what
        else is fed in.
    expressions : dict of str to TensorVariable
        ``"loss"``, the training objective in nats per time step, and all named quantities.
    training_inputs : tuple of str
        Names of the inputs that the loss depends on.
    has_latents : bool
        Whether there are latents to be drawn, from the input ``"noise"``.
    missing : object in `MISSING`
        How it treats missing observations.
    missing_choices : tuple of str
        Names in `MISSING` with which such a model can be made, so that observations may be missing.
    standardization : Standardization or AsTheyAre
        In which units its networks see observations.
    transfer_needs : tuple of str
        Names of what its transfer function must have.
    """

    has_latents = False
    missing = MISSING["refuse"]
    missing_choices = ("zero", "indicator")
    standardization = AsTheyAre()
    transfer_needs = ("__call__",)

    def __new__(cls, *arguments, **named):
        model = super().__new__(cls)
        model._made_with = arguments, named
        return model

    def __init__(self, backend="auto"):
        self.backend = backends.resolve(backend)
        self.parameters = ParameterSet()
        self.layers = []
        self.inputs = {"observations": pt.tensor3("observations"), "mask": pt.matrix("mask")}
        self.expressions = {}
        self.training_inputs = ("observations", "mask")
        self._functions = {}

    def initialize(self, rng, initialization=None):
        """Draw new parameters.

        Parameters
        ----------
        rng : numpy.random.Generator
        initialization : Initialization, optional

        Raises
        ------
        ValueError
            If `rng` is not a generator, or `initialization` of another kind.
        """
        check_rng(rng)
        if not isinstance(initialization, Initialization | None):
            raise ValueError(f"initialization must be an Initialization, got {initialization!r}")
        self.parameters.data[...] = 0.0
        for layer in self.layers:
            layer.initialize(rng, initialization or Initialization())

    def variable(self, name):
        """The input or expression called `name`.

        Raises
        ------
        ValueError
            If there is none.
        """
        if name == "gradient" and name not in self.expressions:
            self.expressions[name] = self.parameters.gradient(self.expressions["loss"])
        named = {**self.inputs, **self.expressions}
        if name not in named:
            raise ValueError(f"name must be one of {sorted({*named, 'gradient'})}, got {name!r}")
        return named[name]

    def function(self, inputs, outputs):
        """A compiled function of NumPy arrays that uses the parameters as they are when it is called.

        It is compiled once; asking for the same one again is free.

        Parameters
        ----------
        inputs : list of str or TensorVariable
            What the function takes. Expressions inside the graph are allowed: the graph is cut there.
        outputs : str, TensorVariable, or list of these
            What it returns: names of inputs or expressions, ``"gradient"`` for the gradient of the loss with
            respect to the flat vector of parameters, or variables made from these.

        Raises
        ------
        ValueError
            If a name is unknown.
        """
        single = not isinstance(outputs, list | tuple)
        variables = tuple(self._variable(i) for i in inputs)
        results = self._variable(outputs) if single else tuple(self._variable(o) for o in outputs)
        if (variables, results) not in self._functions:
            self._functions[variables, results] = self._compile(variables, results)
        return self._functions[variables, results]

    def _compile(self, variables, results):
        compiled = backends.compile_function([self.parameters.flat, *variables], results, self.backend)
        dtypes = [v.dtype for v in variables]

        def call(*arrays):
            cast = (np.asarray(a, dtype) for a, dtype in zip(arrays, dtypes, strict=True))
            return compiled(self.parameters.data, *cast)

        return call

    def read(self, x):
        """What networks read of observations: standardised values, with replacements for missing ones."""
        return self.missing.read(self.standardization.read(x))

    def in_units(self, emission):
        """From an emission of standardised values to one of observations, some of which may be missing."""
        return self.missing.emission(self.standardization.emission(emission))

    @property
    def arguments(self):
        from breze_like.models.saving import arguments_of

        return arguments_of(type(self), *self._made_with)

    def save(self, folder: PathLike) -> None:
        """Write the model to a new folder, from which `load_model` makes it again.

        It holds the model's class and arguments, and the parameters in single precision; expressions that
        were added to the graph are not in it.

        Parameters
        ----------
        folder : str or path-like

        Raises
        ------
        ValueError
            If there is something in the folder, or the class is not in `MODELS`, or an argument is an object,
            which only a pickle can hold.
        """
        from breze_like.models.saving import save

        save(self, folder)

    def __reduce__(self):
        """Pickles hold the model's arguments and parameters; functions are compiled again."""
        return _made_again, (type(self), *self._made_with, self.parameters.data.copy())

    def __repr__(self):
        positional, named = self._made_with
        given = [*map(repr, positional), *(f"{name}={value!r}" for name, value in named.items())]
        return f"{type(self).__name__}({', '.join(given)})"

    def _repr_html_(self):
        made = table([("argument", False), ("value", False)], self.arguments.items(), "Arguments")
        shapes = [(name, " × ".join(map(str, shape))) for name, shape in self.parameters.shapes.items()]
        parameters = table([("parameters", False), ("shape", True)], shapes, "Parameters")
        head = element("p", element("b", type(self).__name__), f", {self.parameters.size:,} parameters")
        folded = {"What it was made with": made, "Its parameters": parameters}
        details = [element("details", element("summary", name), inner) for name, inner in folded.items()]
        return element("div", head, *details)

    def draw_noise(self, rng, n_steps, n_sequences):
        """Noise for the input ``"noise"``, where the model has one; else None."""
        return None

    def _choose(self, n_visible, n_hiddens, emission, transfer, missing, standardization):
        """Keep what models of recurrent networks are given; see `VariationalModel`."""
        check_positive_integers(n_visible=n_visible)
        check_sizes(n_hiddens=n_hiddens)
        self.n_visible = n_visible
        self.emission_class = choose("emission", emission, EMISSIONS)
        self.transfer = choose("transfer", transfer, TRANSFERS, *self.transfer_needs)
        self.missing = choose("missing", missing, MISSING, "read", "emission", "n_inputs", "allowed")
        self.standardization = standardization_of(standardization)

    def _make_stack(self, layer, name, n_in, n_hiddens, first=None):
        """Make a `Stack` of layers called as those in `LAYERS`, of which the first one may be another."""
        makers = [partial(make, self.parameters, transfer=self.transfer) for make in (layer, first or layer)]
        self.layers.append(Stack(makers[0], name, n_in, n_hiddens, makers[1]))
        return self.layers[-1]

    def _make_emission(self, n_features, p_keep):
        """Make `emission`, in the units of the observations."""
        name = "generative/emission"
        emission = self.emission_class(self.parameters, name, n_features, self.n_visible, p_keep)
        self.emission = self.in_units(emission)
        self.layers.append(self.emission)

    def _variable(self, name_or_variable):
        return self.variable(name_or_variable) if isinstance(name_or_variable, str) else name_or_variable


def _made_again(kind, positional, named, parameters):
    model = kind(*positional, **named)
    model.parameters.data[...] = parameters
    return model


def check_model(model):
    """Raise a ValueError if it is no model, but a class of models, for instance."""
    if isinstance(model, type) or not hasattr(model, "parameters"):
        raise ValueError(f"model must be a model, such as VRAE(88, 32), got {model!r}")


def check_observations(model, sequences, name="sequences"):
    """`check_sequences` for what a model emits, and a check that its prior allows sequences of these lengths.

    Values may be missing, NaN, if the model was made for that.
    """
    check_model(model)
    checked = check_sequences(sequences, model.n_visible, model.emission.binary, name, missing=True)
    place = None if model.missing.allowed else first_missing(checked)
    if place:
        index, step, feature = place
        rule = "0 or 1" if model.emission.binary else "finite"
        choices = " or ".join(map(repr, model.missing_choices))
        advice = f"make the model with missing={choices} (in experiments.train, --missing)"
        raise ValueError(
            f"{name}[{index}] must be {rule}, got nan at step {step}, feature {feature}: if values are "
            f"missing, {advice if choices else 'choose another model, this one needs all of them'}"
        )
    if model.has_latents:
        model.prior.check_steps(max(map(len, checked)))
    return checked


def check_frames(model, frames, name):
    """`check_observations` for frames of running sequences, (n_steps, n_sequences, n_visible)."""
    frames = np.asarray(frames)
    numbers = frames if frames.dtype.kind in "biuf" else np.full(frames.shape, np.nan)
    fine = (numbers == 0) | (numbers == 1) if model.emission.binary else np.isfinite(numbers)
    if not fine.all():  # which sequence, and whether it may be so
        check_observations(model, list(np.swapaxes(frames, 0, 1)), name)
    return frames


def check_prefix(model, n_steps, n_sequences, prefix):
    """The frames that a sample goes on from, (n_prefix, n_sequences, n_visible); none if `prefix` is None.

    Raises
    ------
    ValueError
        If a number is not positive, or the prefix has another shape or values that the model does not emit.
    """
    check_positive_integers(n_steps=n_steps, n_sequences=n_sequences)
    if prefix is None:
        return np.zeros((0, n_sequences, model.n_visible))
    if np.ndim(prefix) != 3 or np.shape(prefix)[1:] != (n_sequences, model.n_visible):
        expected = f"(n_prefix, {n_sequences}, {model.n_visible})"
        raise ValueError(f"prefix must have shape {expected}, got {np.shape(prefix)}")
    return check_frames(model, prefix, "prefix")


def per_step(terms, mask):
    """Sum of the terms of all real steps over the number of real steps.

    The mask is (n_steps, n_sequences), the terms are that or sums over steps; 0 in the padding.
    """
    return pt.sum(terms) / pt.sum(mask)

"""The systems of Table 1, and how each of them is trained: data."""

from dataclasses import dataclass, field

from breze_like.models import MODELS


@dataclass(frozen=True)
class System:
    """One row of the table.

    Parameters
    ----------
    title : str
    model : str
        A name in `MODELS`.
    arguments : dict
        Of the model's class, as far as they are not its defaults.
    n_updates, annealing_updates : int
        How long to train, and the setting of this name, on the chorales; see `presets` for other data sets.
        An update of a hidden Markov model sees the whole training set.
    training : dict
        Other settings, as far as they are not the defaults of `TrainingSettings`, or of `EMSettings`.
    initialization : dict
        What differs from `Initialization`.
    """

    title: str
    model: str
    arguments: dict
    n_updates: int
    annealing_updates: int = 0
    training: dict = field(default_factory=dict)
    initialization: dict = field(default_factory=dict)


# The name and the title of the row without a model: independent notes, as frequent as in the training set.
FLOOR = "floor"
FLOOR_TITLE = "independent notes"

# What the paper trained on, which bounds nothing.
PUBLISHED = {"kl": "independent_increments", "posterior": "diagonal", "prior": "wiener"}

# A recognition network that sees little of what it knew before, and says itself how sure it is.
FORGETFUL = {
    "prior": "ornstein_uhlenbeck",
    "variance": "explicit",
    "recognition_p_keep": 0.6,
    "recognition_recurrent_p_keep": 0.3,
}

SLOW = {"step_rate": 0.001}
COSINE = {"step_rate_schedule": "cosine"}

SYSTEMS = {
    "rnn": System(
        "plain RNN", "rnn", {"n_hiddens": [400], "transfer": "rectifier"}, 400, training=SLOW | COSINE
    ),
    "gru": System(
        "RNN of gated units",
        "rnn",
        {"n_hiddens": [100], "layer": "gru", "transfer": "rectifier"},
        400,
        training=SLOW | COSINE,
    ),
    # Memory overfits before anything else does, so it is dropped most.
    "fdrnn": System(
        "FD-RNN",
        "fdrnn",
        {
            "n_hiddens": [200],
            "transfer": "rectifier",
            "p_keep": 0.4,
            "input_p_keep": 0.85,
            "recurrent_p_keep": 0.1,
        },
        480,
        training={"chunk_length": 200} | COSINE,
    ),
    "deep_fdrnn": System(
        "Deep RNN, stacked, fast dropout",
        "fdrnn",
        {"n_hiddens": [200, 200], "p_keep": 0.4, "input_p_keep": 0.85, "recurrent_p_keep": 0.1},
        600,
        training=SLOW | COSINE,
    ),
    "dots_rnn": System(
        "Deep RNN, DOT(S)",
        "dots_rnn",
        {"n_hiddens": [400], "transfer": "rectifier"},
        240,
        training=SLOW | COSINE,
    ),
    "nade": System("NADE of single frames", "nade", {"n_hidden": 100}, 800, training=COSINE),
    # With more updates, it overfits.
    "rnn_nade": System(
        "RNN-NADE", "rnn", {"n_hiddens": [100], "emission": "nade"}, 450, training=SLOW | COSINE
    ),
    # What it sees of the frame before is dropped most: notes are held, and that is all that it learns else.
    "fdrnn_nade": System(
        "RNN-NADE, fast dropout",
        "fdrnn",
        {
            "n_hiddens": [200],
            "p_keep": 0.4,
            "input_p_keep": 0.5,
            "recurrent_p_keep": 0.2,
            "emission": "nade",
        },
        1000,
        training=SLOW | COSINE,
    ),
    "hmm": System("hidden Markov model", "hmm", {"n_states": 512}, 30),
    "vrae": System("VRAE", "vrae", {"n_hiddens": [200], "n_latent": 32, **FORGETFUL}, 700, 400, COSINE),
    "vosp": System(
        "VOSP",
        "vosp",
        {
            "n_hiddens": [200],
            "n_latent": 32,
            "n_emission_hiddens": [200, 200],
            "transfer": "rectifier",
            "generative_p_keep": 0.8,
            **FORGETFUL,
        },
        700,
        450,
        COSINE,
    ),
    "vosp_tensor": System(
        "VOSP, tensor Monte Carlo",
        "vosp",
        {
            "n_hiddens": [200],
            "n_latent": 64,
            "n_emission_hiddens": [200, 200],
            "transfer": "rectifier",
            "objective": "tensor_monte_carlo",
            "posterior": "diagonal",
            "generative_p_keep": 0.9,
            **FORGETFUL,
        },
        700,
        450,
        {"n_draws": 5} | COSINE,
    ),
    "vrae_nade": System(
        "VRAE, NADE emission",
        "vrae",
        {"n_hiddens": [200], "n_latent": 32, "emission": "nade"},
        700,
        400,
        COSINE,
    ),
    "vosp_nade": System(
        "VOSP, NADE emission",
        "vosp",
        {
            "n_hiddens": [200],
            "n_latent": 32,
            "generative_p_keep": 0.6,
            "emission": "nade",
            **FORGETFUL,
        },
        700,
        450,
        SLOW | COSINE,
    ),
    "vrae_published": System(
        "VRAE, published objective", "vrae", {"n_hiddens": [200], "n_latent": 50, **PUBLISHED}, 400, 250
    ),
    "vosp_published": System(
        "VOSP, published objective",
        "vosp",
        {"n_hiddens": [200], "n_latent": 50, "generative_p_keep": 0.6, **PUBLISHED},
        400,
        250,
        SLOW,
    ),
}

# Those that a random search can be made of: the others have none of its hyper-parameters, or several layers.
NOT_SEARCHED = ("hmm", "nade", "deep_fdrnn")
SEARCHED = {name: system for name, system in SYSTEMS.items() if name not in NOT_SEARCHED}

# Those that the main job trains only if they, or data sets, are named: for the others, it has time.
ON_REQUEST = ("gru", "deep_fdrnn", "vosp_tensor", "vrae_nade", "vosp_nade")

TITLES = {FLOOR: FLOOR_TITLE} | {name: system.title for name, system in SYSTEMS.items()}


# What systems of the same model differ in, and what they have by default.
PARTS = {"kl": "exact", "emission": "bernoulli"}
LAYER, OBJECTIVE = "recurrent", "bound"


def find_system(model, kl=None, emission=None, layer=None, n_hiddens=(), objective=None):
    """The name of the system that a model is of; None if it is of none.

    Parameters
    ----------
    model : str
        A name in `MODELS`.
    kl, emission : str, optional
        As far as they are not the defaults.
    layer, n_hiddens, objective : str, sequence and str, optional
        These choose between systems that are alike otherwise.
    """
    asked = {"kl": kl or PARTS["kl"], "emission": emission or PARTS["emission"]}

    def likeness(name):
        arguments = SYSTEMS[name].arguments
        objectives = arguments.get("objective", OBJECTIVE) == (objective or OBJECTIVE)
        layers = arguments.get("layer", LAYER) == (layer or LAYER)
        return objectives, layers, (len(arguments.get("n_hiddens", ())) > 1) == (len(n_hiddens) > 1)

    found = [
        name
        for name, system in SYSTEMS.items()
        if system.model == model and {**PARTS, **system.arguments}.items() >= asked.items()
    ]
    return max(found, key=likeness, default=None)


def has_latents(system):
    """Whether scores of a system are estimates, from draws of its latents."""
    return MODELS[system.model].has_latents

"""Flags of `experiments.train`: each hyper-parameter of models, initialization and training is one."""

import argparse
from typing import get_args, get_type_hints

from breze_like.distributions import KLS, POSTERIORS, PRIORS
from breze_like.initialize import Initialization
from breze_like.layers import LAYERS
from breze_like.models import MODELS
from breze_like.models.emissions import EMISSIONS
from breze_like.models.missing import MISSING
from breze_like.models.objectives import OBJECTIVES
from breze_like.models.recognition import VARIANCES
from breze_like.moments import TRANSFERS
from breze_like.training import EMSettings, TrainingSettings
from experiments.command_line.arguments import Parser, add_data_dir, add_seed


def p_keep(text):
    return text if text == "learned" else float(text)


def make_parser(about):
    parser = Parser(about, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--model", choices=sorted(MODELS), help="which model; a run that is resumed knows its own")
    add("--dataset", default="chorales", help="name of a data set, or a file or folder")
    add_data_dir(parser)
    add("--out", required=True, help="folder of the run")
    add("--resume", action="store_true", help="continue the run in --out, if there is one")
    add_seed(parser)
    add("--backend", default="auto", help="auto, jax, cvm or numba")
    add("--quiet", action="store_true", help="no progress bar")

    group = parser.add_argument_group("model")
    add = group.add_argument
    add("--n-hiddens", type=int, nargs="+", default=[200], help="sizes of the hidden layers")
    add(
        "--layer",
        choices=sorted(LAYERS),
        help="kind of deterministic hidden layer (rnn, vosp); by default recurrent, for vosp with fast "
        "dropout",
    )
    add(
        "--transfer",
        default="tanh_wang_manning",
        choices=sorted(TRANSFERS),
        help="transfer function of hidden units",
    )
    add(
        "--emission",
        choices=sorted(EMISSIONS),
        help="distribution of the observations; by default bernoulli for binary data, else gaussian_shared",
    )
    add(
        "--missing",
        choices=sorted(MISSING),
        help="what networks read in place of missing values (NaN), which likelihoods leave out: zero, or "
        "zero with an indicator; by default zero if values are missing",
    )
    add(
        "--generative-p-keep",
        type=p_keep,
        default=0.9,
        help="probability of keeping a unit, or 'learned' (fdrnn; vrae and vosp: in the generative network)",
    )
    add(
        "--standardize",
        action="store_true",
        help="standardise real values by the mean and variance of the training set; scores and results are "
        "in the units of the data",
    )
    add(
        "--input-p-keep",
        type=p_keep,
        help="probability of keeping an observed feature (fdrnn); by default as --generative-p-keep",
    )
    add(
        "--recurrent-p-keep",
        type=p_keep,
        help="probability of keeping a recurrent state (fdrnn; vrae and vosp: in the recognition network)",
    )

    group = parser.add_argument_group("variational models (vrae, vosp)")
    add = group.add_argument
    add("--n-latent", type=int, default=32, help="number of latents at each step")
    add(
        "--n-emission-hiddens",
        type=int,
        nargs="+",
        default=[200],
        help="sizes of the emission's hidden layers (vosp)",
    )
    add("--prior", default="wiener", choices=sorted(PRIORS), help="prior of the latents")
    add("--posterior", default="gauss_markov", choices=sorted(POSTERIORS), help="approximate posterior")
    add(
        "--variance",
        default="implicit",
        choices=sorted(VARIANCES),
        help="where the variance of the approximate posterior comes from",
    )
    add(
        "--recognition-p-keep",
        type=p_keep,
        default="learned",
        help="probability of keeping a unit in the recognition network, or 'learned'",
    )
    add("--kl", default="exact", choices=sorted(KLS), help="divergence in the training objective")
    add("--objective", default="bound", choices=sorted(OBJECTIVES), help="training objective")
    add(
        "--free-bits",
        type=float,
        default=0.0,
        help="nats of each latent that cost nothing; if not 0, the objective is free_bits",
    )

    group = parser.add_argument_group(
        "hidden Markov models (hmm); also --n-epochs, and --patience, here 3 by default"
    )
    group.add_argument("--n-states", type=int, default=512, help="number of states")
    add_settings(
        group,
        EMSettings(),
        {
            "transition_count": "total of the pseudo-counts of the transitions from a state",
            "emission_count": "pseudo-counts of each key in each state",
            "sharing": "share of these pseudo-counts that follows similar states",
        },
    )

    group = parser.add_argument_group("NADEs of single frames (nade)")
    group.add_argument("--n-nade-hidden", type=int, default=100, help="number of hidden units")

    group = parser.add_argument_group("initialization")
    add_settings(
        group,
        Initialization(),
        {
            "weight_scale": "standard deviation of a weight times the root of its number of inputs",
            "weight_variance": "variance of a weight, whatever its number of inputs; replaces --weight-scale",
            "recurrent_variance": "variance of a recurrent weight, before scaling to the spectral radius",
            "n_incoming": "largest number of recurrent connections into a unit",
            "spectral_radius": "largest modulus of an eigenvalue of the recurrent weights",
            "learned_p_keep": "initial value of learned probabilities to keep a unit",
            "emission_bias": "initial bias of binary emissions; the paper has -0.8",
        },
    )
    group = parser.add_argument_group("training")
    add_settings(
        group,
        TrainingSettings(),
        {
            "n_epochs": "largest number of passes over the training set",
            "batch_size": "chunks in a minibatch",
            "chunk_length": "time steps in a chunk; validation scores of other lengths are no comparison",
            "step_rate": "size of rmsprop's steps",
            "momentum": "Nesterov momentum of rmsprop",
            "decay": "decay of rmsprop's moving average of squared gradients",
            "step_rate_schedule": "constant, exponential (falls to a hundredth) or cosine (falls to 0)",
            "max_gradient_norm": "gradients with a larger norm are scaled down to it",
            "annealing_updates": "updates until the divergence has full weight; else a third, at most 5000",
            "n_draws": "number of draws of the latents for each chunk",
            "validate_every": "epochs between validations",
            "patience": "validations without improvement after which training ends",
            "max_skipped": "number of successive updates with non-finite numbers after which training fails",
        },
    )
    return parser


def add_settings(group, defaults, helps):
    """A flag for each field of a dataclass that there is help for."""
    hints = get_type_hints(type(defaults))
    for name in helps:
        kind = next(iter(get_args(hints[name])), hints[name])  # of what may also be None, the other one
        flag, default = f"--{name.replace('_', '-')}", getattr(defaults, name)
        group.add_argument(flag, type=kind, default=default, help=helps[name])

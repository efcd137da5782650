"""Layers: they own their weights, and map symbolic variables to symbolic variables.

A layer declares its parameters when it is made, in the `ParameterSet` that it is given, and uses them when it
is called: make all layers first, then call them. Layers map `Moments` to `Moments`; if nothing is uncertain
and nothing is dropped, these are plain values. Sequences are time-major, (n_steps, n_sequences, n_units),
with a mask (n_steps, n_sequences), positive where a step is real. At other steps, a recurrent layer's state
is reset to the initial one, so that real steps which follow form a new sequence.

References
----------
Bayer & Osendorfer (2014), appendix; Bayer et al. (2013), On fast dropout and its applicability to recurrent
networks.
"""

from breze_like.layers.base import Composite, Layer
from breze_like.layers.deep_transition import DeepTransition
from breze_like.layers.feedforward import Affine, FixedKeep, Joint, LearnedKeep, keep_probability
from breze_like.layers.gated_recurrent import GatedRecurrent
from breze_like.layers.recurrent import Bidirectional, Recurrent, Stack, fast_dropout

# Layers with one chain, deterministic if made without a p_keep: for an `RNN`, and for the recognition network
# of a `VOSP`.
LAYERS = {"recurrent": Recurrent, "deep_transition": DeepTransition, "gru": GatedRecurrent}

__all__ = [
    "Affine",
    "Bidirectional",
    "Composite",
    "DeepTransition",
    "FixedKeep",
    "GatedRecurrent",
    "Joint",
    "LAYERS",
    "Layer",
    "LearnedKeep",
    "Recurrent",
    "Stack",
    "fast_dropout",
    "keep_probability",
]

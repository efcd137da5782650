"""Variational inference of latent state sequences with fast-dropout recurrent networks."""

__version__ = "0.1.0"

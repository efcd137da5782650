"""The models; `MODELS` maps names to classes."""

from breze_like.models.vrae import VRAE

MODELS = {"vrae": VRAE}

__all__ = ["MODELS", "VRAE"]

"""Folders of runs: their files, the rules that these keep, and the versions that made them."""

from breze_like.runs.run import Run

__all__ = ["Run"]

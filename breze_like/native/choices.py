"""Choices that are passed to kernels as numbers."""

SAMPLE, MODE, MEAN = range(3)  # how NADE chooses a key's value

"""Sequences that scripts read and write, how they are corrupted, and how well that is undone."""

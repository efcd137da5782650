"""Sequences that scripts read and write, what is done to them, and how well it is undone."""

"""The random search: its space, its study, who works on it, and what it found."""

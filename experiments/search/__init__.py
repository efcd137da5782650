"""The random search: its space, its study, its workers, and what it found."""

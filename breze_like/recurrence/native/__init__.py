"""The fast-dropout recurrence as machine code that XLA calls on CPUs."""

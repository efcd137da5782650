"""Machine code that XLA calls on CPUs: matrix products, the fast-dropout recurrence."""

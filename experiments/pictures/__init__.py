"""Pictures: learning curves, rolls and sequences, and arrows between variables."""

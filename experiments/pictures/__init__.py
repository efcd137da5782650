"""Pictures of a model over time: arrows between variables."""

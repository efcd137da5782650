"""What all layers share."""


class Layer:
    """Something with its own parameters, named ``name/...``, and possibly with other layers inside."""

    def __init__(self, parameters, name):
        self.parameters = parameters
        self.name = name

    def declare(self, name, shape):
        self.parameters.declare(f"{self.name}/{name}", shape)

    def __getitem__(self, name):
        return self.parameters[f"{self.name}/{name}"]

    def view(self, name):
        """NumPy view of the parameter called `name` here."""
        return self.parameters.view(f"{self.name}/{name}")

    def initialize(self, rng, initialization):
        """Draw initial values with a `numpy.random.Generator`, by an `Initialization`; the rest stays 0."""

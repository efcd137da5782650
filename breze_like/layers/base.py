"""What all layers share."""


class Composite:
    """Something with layers inside."""

    parts = ()  # these layers, in the order of their random numbers

    def initialize(self, rng, initialization):
        """Draw initial values with a `numpy.random.Generator`, by an `Initialization`; the rest stays 0."""
        for part in self.parts:
            part.initialize(rng, initialization)


class Layer(Composite):
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

    def draw(self, name, rng, how):
        """Set the parameter called `name` here to what `how` returns, a function of `rng` and a shape."""
        view = self.view(name)
        view[...] = how(rng, view.shape)

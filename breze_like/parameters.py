"""The parameters of a model: one flat vector, seen through named views.

>>> parameters = ParameterSet()
>>> parameters.declare("weights", (3, 2))
>>> parameters.declare("bias", (2,))
>>> loss = (parameters["weights"] ** 2).sum() + parameters["bias"].sum()
>>> gradient = pt.grad(loss, parameters.flat)  # one vector, as long as parameters.flat
>>> parameters.view("bias")[...] = 1.0  # NumPy, writes into parameters.data

An optimiser works on `data`, the graph on `flat`; both are cut in the same places.
"""

import numpy as np
import pytensor
import pytensor.tensor as pt


class ParameterSet:
    """Named arrays that share one vector, symbolically and in memory.

    Declare everything first. The first use of a symbolic view or of the data fixes the layout,
    because all symbolic views are the outputs of a single `split`: its gradient is a single `join`,
    where one slice per view would add up one full-length vector for each of them.

    Attributes
    ----------
    shapes : dict of str to tuple of int
        The declared shapes, in the order of the vector.
    flat : TensorVariable, shape (n_parameters,)
        The symbolic vector; the input that compiled functions take the parameters by.
    """

    def __init__(self):
        self.shapes = {}
        self.flat = pt.vector("parameters")
        self._views = None
        self._data = None

    def declare(self, name, shape):
        """Reserve room for an array.

        Parameters
        ----------
        name : str
            Unique; parts are separated by a slash: ``"recognition/output/weights"``.
        shape : tuple of int
            At least one entry in all.

        Raises
        ------
        ValueError
            If the name is taken, an entry of the shape is not a positive integer, or the layout is already
            fixed.
        """
        shape = tuple(shape)
        if name in self.shapes:
            raise ValueError(f"name must be new, got {name!r} for the second time")
        if not all(isinstance(n, int | np.integer) and n > 0 for n in shape):
            raise ValueError(f"shape must consist of positive integers, got {shape} for {name!r}")
        if self._views is not None or self._data is not None:
            raise ValueError(f"declare must precede every use of the parameters, got {name!r} afterwards")
        self.shapes[name] = tuple(int(n) for n in shape)

    @property
    def size(self):
        """Number of parameters in all."""
        return sum(self._sizes())

    @property
    def data(self):
        """The values: ndarray of floatX, shape (n_parameters,). Change it in place."""
        if self._data is None:
            self._data = np.zeros(self.size, pytensor.config.floatX)
        return self._data

    def __getitem__(self, name):
        """The symbolic view called `name`."""
        if self._views is None:
            self._views = self._split()
        return self._views[self._known(name)]

    def __contains__(self, name):
        return name in self.shapes

    def view(self, name):
        """The NumPy view called `name`; it shares memory with `data`."""
        return self.views()[self._known(name)]

    def views(self):
        """All NumPy views, by name, in the order of the vector."""
        parts = np.split(self.data, np.cumsum(self._sizes())[:-1])
        return {n: part.reshape(self.shapes[n]) for n, part in zip(self.shapes, parts, strict=True)}

    def gradient(self, loss):
        """Gradient of a scalar with respect to all parameters, shape (n_parameters,)."""
        return pt.grad(loss, self.flat)

    def _known(self, name):
        if name not in self.shapes:
            raise ValueError(f"name must be one of {sorted(self.shapes)}, got {name!r}")
        return name

    def _sizes(self):
        return [int(np.prod(shape, dtype=int)) for shape in self.shapes.values()]

    def _split(self):
        parts = [self.flat]  # a single one is not for `split`
        if len(self.shapes) > 1:
            parts = pt.split(self.flat, self._sizes(), n_splits=len(self.shapes))
        views = {n: part.reshape(self.shapes[n]) for n, part in zip(self.shapes, parts, strict=True)}
        for name, view in views.items():
            view.name = name
        return views

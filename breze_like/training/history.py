"""The history of a training, and how it is displayed."""

from dataclasses import dataclass

from breze_like.pictures.html import element
from breze_like.pictures.shown import can_draw


@dataclass(frozen=True)
class History:
    """The history of a training.

    Attributes
    ----------
    entries : list of dict
        One for each validation: ``update`` and ``epoch``, how many were done; ``train_loss``, mean since the
        last validation; ``valid_score``; ``kl_weight``; ``gradient_norm``, mean since the last validation,
        before clipping; ``n_skipped``, in all; ``seconds`` of training so far. What is not finite is None.
    best_score : float or None
        The lowest validation score; None if none was finite.
    best_epoch : int or None
        Number of epochs after which it was reached.
    """

    entries: list
    best_score: float | None
    best_epoch: int | None

    def plot(self, axes=None, floor=None):
        """Draw the learning curve.

        Parameters
        ----------
        axes : matplotlib Axes, optional
            Where to draw; by default, in a new figure.
        floor : float, optional
            A score that every model has to beat, drawn as a line.

        Returns
        -------
        matplotlib Figure

        Raises
        ------
        ValueError
            If matplotlib is not installed.
        """
        if not can_draw():
            raise ValueError("plot needs matplotlib: pip install matplotlib")
        from breze_like.pictures import figures

        if axes is None:
            return figures.curves_and_roll({"validation": self.entries}, floor=floor)
        figures.learning_curves(axes, {"validation": self.entries}, floor=floor)
        return axes.figure

    def __repr__(self):
        best = "no finite score"
        if self.best_score is not None:
            best = f"best score {self.best_score:.3f} after epoch {self.best_epoch}"
        return f"History of {len(self.entries)} validations, {best}"

    def _repr_html_(self):
        if not can_draw():
            return None
        from breze_like.pictures import figures

        return element("div", element("p", repr(self)), figures.picture(self.plot(), repr(self)))

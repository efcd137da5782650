"""Training: settings, the loop, and resuming after an interruption.

>>> settings = TrainingSettings(n_epochs=300, annealing_updates=1500, patience=20)
>>> run = Run.create("runs/first", {"seed": 1, "model": "vrae", "training": asdict(settings)})
>>> history = fit(model, data.train, data.valid, settings, rng, validate, run)

The same call with ``Run("runs/first")`` continues where a killed process stopped, to the same numbers, bit
for bit. `fit_population` does the same for many models at once; see `population`.
"""

from breze_like.training.course import TrainingDiverged, n_batches
from breze_like.training.device import DeviceRmsProp
from breze_like.training.expectation import EMSettings, fit_em
from breze_like.training.history import History
from breze_like.training.loop import Progress, fit, is_finished, load_parameters, progress_of
from breze_like.training.optimization import GuardedRmsProp, clip_norm
from breze_like.training.population import Member, TrainedMember, fit_population
from breze_like.training.settings import TrainingSettings
from breze_like.training.state import check_setup

__all__ = [
    "DeviceRmsProp",
    "EMSettings",
    "GuardedRmsProp",
    "History",
    "Member",
    "Progress",
    "TrainedMember",
    "TrainingDiverged",
    "TrainingSettings",
    "check_setup",
    "clip_norm",
    "fit",
    "fit_em",
    "fit_population",
    "is_finished",
    "load_parameters",
    "n_batches",
    "progress_of",
]

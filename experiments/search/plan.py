"""The plan of a random search: what is searched, how, and where."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution

from breze_like import __version__, data
from breze_like.training import TrainingSettings
from experiments.paper.presets import scaled, system_for
from experiments.paper.system_runs import make_config
from experiments.paper.systems import SYSTEMS
from experiments.search import queue, rungs, studies
from experiments.search.configuration import follow
from experiments.search.space import draw
from experiments.search.storage import default_place

SAMPLERS = ("random", "tpe")
# "halving" is ours, see `rungs`; "median" and "hyperband" are Optuna's, and look at validations.
PRUNERS = ("none", "halving", "median", "hyperband")

# The median pruner looks at trials from this part of their validations on: before, the weight of the
# divergence rises.
WARM_UP = 1 / 3


@dataclass(frozen=True)
class Plan:
    """What is searched, and where; the same for all workers.

    Parameters
    ----------
    given : str
        The data set, as it is loaded.
    data_dir : str or None
    system : str
        A key of `SYSTEMS`.
    base : str
        The space whose procedure is followed, one of `SPACES`.
    space : dict
        See `make_space`.
    seed : int
    budget : float
        Factor of the system's number of updates.
    backend : str
    sampler, pruner : str
        Of `SAMPLERS` and `PRUNERS`.
    n_trials : int
    folder : Path
    storage : str or None
        See `storage`.
    study : str
        Its name.
    heartbeat : int
        Seconds.
    """

    given: str
    data_dir: str | None
    system: str
    base: str
    space: dict
    seed: int
    budget: float
    backend: str
    sampler: str
    pruner: str
    n_trials: int
    folder: Path
    storage: str | None
    study: str
    heartbeat: int

    @property
    def place(self):
        """Where the study is kept."""
        return self.storage or default_place(self.folder)

    def load_data(self):
        """The data set."""
        return data.load(self.given, self.data_dir)

    def config(self, dataset):
        """The system's configuration, before hyper-parameters are drawn."""
        # The paper's procedure is the same on all data sets.
        is_paper = self.base == "paper"
        system = scaled(SYSTEMS[self.system], dataset) if is_paper else system_for(self.system, dataset)
        return follow(self.base, make_config(system, dataset, self.given, self))

    def open(self, dataset, patient=False):
        """The study; see `studies.open_study`."""
        about = {
            "dataset": dataset.name,
            "digests": dataset.digests,
            "model": self.system,
            "procedure": self.base,
            "space": self.space,
            "seed": self.seed,
            "sampler": self.sampler,
            "pruner": self.pruner,
            "rungs": rungs.SHARES if self.pruner == "halving" else rungs.WHOLE,
            "budget": self.budget,
            "version": __version__,
        }
        sampler, pruner = make_sampler(self, 0), make_pruner(self.pruner, self.config(dataset))
        return studies.open_study(
            self.folder, self.storage, self.study, about, self.heartbeat, sampler, pruner, patient
        )

    def outcomes(self, study):
        """What became of the configurations."""
        return studies.outcomes(study, self.n_trials)

    def replenish(self, study):
        """Enqueue what is not in the study yet, what was left unfinished, and what continues from a rung."""
        queue.fail_dead(study, self.folder, self.place)
        queue.replenish(study, self.folder, self.n_trials, self.params)

    def is_done(self, study):
        """Whether all configurations have ended."""
        outcomes = self.outcomes(study)
        return len(outcomes) == self.n_trials and all(outcome.state.is_finished() for outcome in outcomes)

    def params(self, number):
        """Hyper-parameters of a configuration, and their distributions; empty if the sampler chooses them."""
        if self.sampler != "random":
            return {}, {}
        distributions = {name: CategoricalDistribution(choices) for name, choices in self.space.items()}
        return draw(self.space, self.seed, number), distributions


def make_sampler(plan, number):
    """The sampler that chooses hyper-parameters of a configuration, if they are not drawn already.

    What TPE proposes depends on all trials that have ended, and beyond that on seed and number alone.
    """
    if plan.sampler == "random":
        return optuna.samplers.RandomSampler(seed=plan.seed)
    rng = np.random.default_rng([plan.seed, number])
    return optuna.samplers.TPESampler(seed=int(rng.integers(2**31)))


def make_pruner(name, config):
    """The pruner with a name in `PRUNERS`; its steps are validations, equally many in each run."""
    settings = TrainingSettings(**config["training"])
    n_validations = settings.n_validations(settings.n_epochs)
    if name == "median":
        return optuna.pruners.MedianPruner(n_warmup_steps=math.ceil(WARM_UP * n_validations))
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=n_validations)
    return optuna.pruners.NopPruner()

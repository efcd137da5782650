"""Small models of every class, and one whose exact posterior is known."""

from functools import partial

import numpy as np
import pytensor.tensor as pt
import pytest

from breze_like.distributions import DiagonalNormal
from breze_like.models import DOTSRNN, DTSRNN, FDRNN, RNN, VOSP, VRAE, FrameNADE
from breze_like.models.emissions import FixedVarianceEmission, MixtureEmission, NADEEmission
from breze_like.models.variational import Recognised, VariationalModel
from breze_like.moments import Moments


class Conjugate(VariationalModel):
    """z_t ~ N(0, 1), x_t = z_t LOADINGS + noise, and its exact posterior."""

    loadings = np.array([[1.2, -0.9]])
    noise_variance = 0.6

    def __init__(self):
        super().__init__(2, 1, prior="white", posterior="diagonal")

    @property
    def covariance(self):
        """Of x_t."""
        return self.loadings.T @ self.loadings + self.noise_variance * np.eye(2)

    def _make_networks(self, *_):
        self.emission = FixedVarianceEmission(self.parameters, "emission", 1, 2, 1.0)

    def recognise(self, observations, mask):
        precision = 1 + (self.loadings**2).sum() / self.noise_variance
        mean = observations @ (self.loadings.T / self.noise_variance / precision)
        return Recognised(Moments(mean, pt.zeros_like(mean) + 1 / precision))

    def generate(self, latents, mask):
        return DiagonalNormal(latents @ self.loadings, self.noise_variance)


N_VISIBLE = 3

MODELS = {
    "vrae": lambda: VRAE(N_VISIBLE, 2, (3,)),
    "vosp": lambda: VOSP(N_VISIBLE, 2, (3,), (4,), prior="white"),
    "vosp_nade": lambda: VOSP(N_VISIBLE, 2, (3,), (4,), emission=partial(NADEEmission, n_hidden=2)),
    "nade": lambda: FrameNADE(N_VISIBLE, 2),
    "rnn": lambda: RNN(N_VISIBLE, (3,)),
    "dts_rnn": lambda: DTSRNN(N_VISIBLE, (3,)),
    "dots_rnn": lambda: DOTSRNN(N_VISIBLE, (3,)),
    "fdrnn": lambda: FDRNN(N_VISIBLE, (3,), p_keep=0.8),
    "real_vrae": lambda: VRAE(N_VISIBLE, 2, (3,), emission="gaussian_per_step"),
    "real_rnn": lambda: RNN(N_VISIBLE, (3,), emission=partial(MixtureEmission, n_components=2)),
}

# One of each kind; the others take too long for the default tests.
FAST = ("vosp", "rnn", "real_rnn")


@pytest.fixture(scope="package")
def make():
    """The model of a name, made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = Conjugate() if name == "conjugate" else MODELS[name]()
            size = made[name].parameters.size
            made[name].parameters.data[...] = np.random.default_rng(2).standard_normal(size)
        return made[name]

    return get


@pytest.fixture(
    scope="package",
    params=[name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in MODELS],
)
def model(request, make):
    """Each of them."""
    return make(request.param)


@pytest.fixture
def draw(rng):
    """Sequences of some lengths, of what a model emits."""

    def sequences(model, lengths=(4, 3, 4)):
        shapes = [(n, model.n_visible) for n in lengths]
        if model.emission.binary:
            return [rng.integers(0, 2, shape, np.uint8) for shape in shapes]
        return [rng.standard_normal(shape) for shape in shapes]

    return sequences


@pytest.fixture
def conjugate(make):
    return make("conjugate")

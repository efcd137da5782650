"""Models on disk and in pickles."""

import json
import multiprocessing
import pickle

import numpy as np
import pytest

from breze_like import DOTSRNN, FDRNN, RNN, VOSP, VRAE, FrameNADE, HiddenMarkov, load, load_model
from breze_like.distributions import WienerProcess
from breze_like.models.objectives import FreeBits
from breze_like.models.standardization import Standardization

MODELS = (
    lambda: VRAE(2, 3, n_hiddens=(4,), emission="gaussian_shared", objective=FreeBits(0.2)),
    lambda: VOSP(2, n_latent=2, n_hiddens=[4], n_emission_hiddens=(3,), prior="white"),
    lambda: DOTSRNN(3, (2,)),
    lambda: FDRNN(3, (2,), p_keep=0.8),
    lambda: HiddenMarkov(3, 2),
    lambda: FrameNADE(3, n_hidden=2),
)


@pytest.mark.parametrize("make", MODELS)
def test_saved_and_loaded(make, rng, tmp_path):
    model = make()
    model.initialize(rng)
    model.save(tmp_path / "model")
    _, other = load_model(tmp_path / "model")
    assert type(other) is type(model) and other.parameters.shapes == model.parameters.shapes
    np.testing.assert_array_equal(other.parameters.data, model.parameters.data.astype(np.float32))
    assert getattr(other, "objective", None).__class__ is getattr(model, "objective", None).__class__
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_defaults_were_is_written(rng, tmp_path):
    RNN(3, (2,)).save(tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["arguments"] == {
        "n_visible": 3,
        "n_hiddens": [2],
        "layer": "recurrent",
        "emission": "bernoulli",
        "transfer": "tanh_wang_manning",
        "missing": "refuse",
        "standardization": None,
    }


def test_units_are_written(rng, tmp_path):
    units = Standardization([1.0, 2.0], [3.0, 4.0])
    model = RNN(2, (2,), emission="gaussian_shared", standardization=units, missing="zero")
    model.save(tmp_path / "model")
    _, other = load_model(tmp_path / "model")
    assert other.standardization.arguments == units.arguments
    assert other.arguments["missing"] == "zero"


def test_nothing_is_replaced(tmp_path):
    (tmp_path / "kept").write_text("all my work")
    with pytest.raises(ValueError, match="already exists"):
        RNN(3, (2,)).save(tmp_path)
    assert (tmp_path / "kept").read_text() == "all my work"


def test_objects_are_not_written(tmp_path):
    class Own(RNN):
        pass

    with pytest.raises(ValueError, match="class in MODELS, got Own"):
        Own(3).save(tmp_path / "model")
    with pytest.raises(ValueError, match="prior must be given by name"):
        VRAE(2, 2, (3,), prior=WienerProcess()).save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_saved_model_has_no_data(tmp_path):
    RNN(88, (2,)).save(tmp_path / "model")
    with pytest.raises(ValueError, match="saved without data"):
        load(tmp_path / "model")
    assert load(tmp_path / "model", dataset="chorales").dataset.name == "chorales"


def test_a_notebook_shows_what_it_was_made_with():
    model = RNN(3, n_hiddens=(2,))
    assert repr(model) == "RNN(3, n_hiddens=(2,))"
    markup = model._repr_html_()
    assert f"{model.parameters.size} parameters" in markup and "tanh_wang_manning" in markup


def test_pickles(rng):
    model = VRAE(2, 2, (3,), prior=WienerProcess())
    model.initialize(rng)
    other = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(other.parameters.data, model.parameters.data)
    assert repr(other.arguments["n_hiddens"]) == "(3,)" and other.parameters.data is not model.parameters.data


def loss(model):
    """Computed in another process."""
    return float(model.function(["observations", "mask"], "loss")(np.ones((2, 1, 3)), np.ones((2, 1))))


@pytest.mark.slow
def test_another_process_computes_the_same(rng):
    model = RNN(3, (2,))
    model.initialize(rng)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(loss, [model]) == pytest.approx(loss(model), rel=1e-12)

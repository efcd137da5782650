"""The systems of Table 1 can be made."""

import pytest

from breze_like.trained import make_model
from breze_like.training import EMSettings, TrainingSettings
from experiments.paper.systems import SYSTEMS


@pytest.mark.parametrize("name", SYSTEMS)
def test_can_be_made(name):
    system = SYSTEMS[name]
    if system.model == "hmm":
        assert EMSettings(n_epochs=system.n_updates, **system.training)
        assert make_model({"model": "hmm", "arguments": {"n_visible": 3, "n_states": 2}, "backend": "auto"})
        assert system.arguments.keys() == {"n_states"}
        return
    sizes = {"n_visible": 3} | ({"n_hidden": 2} if name == "nade" else {"n_hiddens": [2]})
    model = make_model({"model": system.model, "arguments": system.arguments | sizes, "backend": "auto"})
    settings = TrainingSettings(**system.training)
    assert system.annealing_updates < system.n_updates
    assert (system.annealing_updates > 0) == ("kl_weight" in model.training_inputs)
    assert settings.step_rate <= 0.003

"""The systems of Table 1 can be made, and the paper's numbers stand beside the right ones."""

import pytest

from breze_like.data import DIGESTS
from breze_like.trained import bounds_nothing, make_model
from breze_like.training import EMSettings, TrainingSettings
from experiments.systems import PAPER_DATASETS, PAPER_EXACT, PAPER_PUBLISHED, SYSTEMS


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


def test_the_papers_numbers():
    for numbers in (*PAPER_EXACT.values(), *PAPER_PUBLISHED.values()):
        assert set(numbers) <= set(PAPER_DATASETS) < set(DIGESTS)
    published = {name for name, s in SYSTEMS.items() if bounds_nothing({"arguments": s.arguments})}
    assert set(PAPER_PUBLISHED) == published == {"vrae_published", "vosp_published"}
    assert set(PAPER_EXACT) == {"rnn", "fdrnn", "dots_rnn", "rnn_nade"}
    assert PAPER_PUBLISHED["vrae_published"]["jsb_chorales"] == 5.53
    assert PAPER_PUBLISHED["vosp_published"]["musedata"] is None

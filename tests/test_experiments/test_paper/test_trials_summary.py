"""Of which system trials are, and what they say together."""

import pytest

from experiments.paper.trials_summary import by_system, choices, hours, system


def trial(words, model="rnn", divergence="", run="a", score="", minutes="1.0"):
    """A line of the list."""
    return {
        "run": run,
        "model": model,
        "divergence": divergence,
        "command": f"python -m experiments.{words}",
        "best_valid_score": score,
        "minutes": minutes,
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (trial("train --model rnn"), "rnn"),
        (trial("train --model rnn --emission nade"), "rnn_nade"),
        (trial("train --model dts_rnn", "dts_rnn"), "other: dts_rnn"),
        (trial("train --model fdrnn --emission nade", "fdrnn"), "fdrnn_nade"),
        (trial("train --model dts_rnn --emission nade", "dts_rnn"), "other: dts_rnn, nade"),
        (trial("train --model nade", "nade"), "nade"),
        (trial("train --model fdrnn --n-hiddens 400 --seed 1", "fdrnn"), "fdrnn"),
        (trial("train --model fdrnn --n-hiddens 300 300 --seed 1", "fdrnn"), "deep_fdrnn"),
        (trial("train --model rnn --n-hiddens 300 300", "rnn"), "rnn"),
        (trial("train --model rnn --layer gru --seed 1", "rnn"), "gru"),
        (trial("train --model rnn --layer deep_transition --seed 1", "rnn"), "rnn"),
        (trial("train --model vosp --emission nade", "vosp", "exact"), "vosp_nade"),
        (trial("train --model vosp", "vosp", "exact"), "vosp"),
        (trial("train --model vosp --objective tensor_monte_carlo", "vosp", "exact"), "vosp_tensor"),
        (trial("train --model vosp --objective importance_weighted", "vosp", "exact"), "vosp"),
        (trial("train --model vrae", "vrae", "independent_increments"), "vrae_published"),
        (trial("random_search --model vosp_nade --trials 9", "vosp", "exact", run="trial_0003"), "vosp_nade"),
        (trial("table1 --seeds 3", "vosp", "exact", run="vosp_nade_seed2"), "vosp_nade"),
        (trial("table1 --out elsewhere", "vosp", "exact", run="mine"), "other: vosp"),
    ],
)
def test_system(line, expected):
    assert system(line) == expected


def test_choices_are_those_of_the_model_and_its_training():
    words = "train --quiet --out runs/a --model vosp --dataset jsb_chorales --n-hiddens 4 3 --seed 2 --resume"
    assert choices(trial(words)) == "--n-hiddens 4 3 --resume"


def test_the_best_come_first():
    lines = [
        trial("train", score="", run="none"),
        trial("train", score="9.5", run="worse"),
        trial("train --emission nade", score="6.0", run="nade"),
        trial("train", score="8.5", run="better"),
        trial("train", "dts_rnn", score="5.0", run="other"),
    ]
    found = {name: [line["run"] for line in of_system] for name, of_system in by_system(lines).items()}
    assert found == {"rnn": ["better", "worse", "none"], "rnn_nade": ["nade"], "other: dts_rnn": ["other"]}
    assert list(found) == ["rnn", "rnn_nade", "other: dts_rnn"]  # as in the table; unknown systems last


def test_hours():
    assert hours([trial("train", minutes="90.0"), trial("train", minutes="6.0")]) == pytest.approx(1.6)

"""The cost of the search, against numbers made by hand."""

import json

import pytest

from breze_like import data
from breze_like.data import chunk
from experiments import search_cost, table1
from experiments.paper.presets import system_for
from experiments.paper.system_runs import make_config

# 13 updates an epoch on the chorales, of 0.5 s each, and a compilation of 10 s.
SIZES = {"model": "vrae", "n_hidden": 100, "batch_size": 16, "n_steps": 100}
MEASURED = {
    "machine": "2026-01-01: 8 cores, a processor",
    "about": {"library": {"device": "cpu", "commit": "abc"}},
    "parts": {
        "step": [{**SIZES, "systems": {"library": {"seconds": 0.5}}}],
        "compile": [{"model": "vrae", "cold": {"seconds": 9.0, "start_seconds": 1.0}}],
    },
}
WORDS = ["--datasets", "chorales", "--models", "vrae", "--epochs", "2", "--trials", "3", "--n-hiddens", "100"]

# Two epochs, and a validation after the last one only, of 68 chunks.
TRIAL = 10 + 2 * 13 * 0.5 + (68 / 16) * 0.5 / 3


def costs(*words, results=MEASURED):
    return list(search_cost.costs(results, search_cost.make_parser().parse_args([*WORDS, *words])))


def cost_of_epochs(*words):
    ((_, _, found),) = costs(*words)
    return found["2 epochs"]


def test_one_size():
    cost = cost_of_epochs()
    assert cost.n_updates == 26
    assert cost.trial_seconds == pytest.approx(TRIAL)
    assert cost.hours == pytest.approx(2 * 3 * TRIAL / 3600)  # of two cores


def test_successive_halving():
    """By hand: of 16 trials, 4 go on, and 1 of these to the end."""
    cost = cost_of_epochs("--trials", "16")
    trained = (16 / 16 + 4 * 3 / 16 + 3 / 4) * (TRIAL - 10)
    compiled, validated = (16 + 4 + 1) * 10, (16 + 4) * (68 / 16) * 0.5 / 3
    assert cost.hours == pytest.approx(2 * 16 * TRIAL / 3600)
    assert cost.halved_hours == pytest.approx(2 * (trained + compiled + validated) / 3600)


def test_sizes_are_equally_likely():
    larger = 10 + (TRIAL - 10) * 628_000 / 194_000
    assert cost_of_epochs("--n-hiddens", "100", "200").trial_seconds == pytest.approx((TRIAL + larger) / 2)


def test_there_is_a_validation_every_five_epochs():
    # Of twelve: after the fifth, the tenth, and the last one.
    ((_, _, found),) = costs("--epochs", "12")
    expected = 10 + (12 * 13 + 3 * (68 / 16) / 3) * 0.5
    assert found["12 epochs"].trial_seconds == pytest.approx(expected)


@pytest.mark.parametrize("budget", ["1", "0.01", "2.5"])
@pytest.mark.parametrize("model", ["vrae", "vosp"])
def test_a_budget_is_what_the_search_makes_of_it(model, budget):
    dataset = data.load("chorales")
    options = table1.parse(["--budget", budget])
    training = make_config(system_for(model, dataset), dataset, "chorales", options)["training"]
    ((_, _, found),) = costs("--models", model, "--budget", budget)
    assert found[f"budget {budget}"].n_updates == 13 * training["n_epochs"]


def test_all_data_sets_and_models():
    rows = costs("--datasets", "nottingham", "musedata", "--models", "vosp", "vrae")
    names = [(dataset, model) for dataset, model, _ in rows]
    assert names == [(d, m) for d in ("nottingham", "musedata") for m in ("vosp", "vrae")]


@pytest.mark.parametrize(("batch_size", "n_busy"), [(1, 1), (16, 1), (17, 2), (64, 4), (500, 8)])
def test_cores(batch_size, n_busy):
    options = search_cost.make_parser().parse_args(["--batch-size", str(batch_size)])
    assert search_cost.n_busy(MEASURED, "vosp", options) == n_busy
    assert search_cost.n_busy(MEASURED, "vrae", options) == min(8, 2 * n_busy)
    assert search_cost.n_busy({**MEASURED, "about": {"library": {"device": "a GPU"}}}, "vrae", options) == 1


def test_number_of_chunks(standard_data):
    for name, expected in search_cost.CHUNKS.items():
        dataset = data.load(name, standard_data)
        found = (len(chunk(split, search_cost.CHUNK_LENGTH)) for split in (dataset.train, dataset.valid))
        assert tuple(found) == expected


@pytest.fixture
def files(tmp_path):
    """Results of a CPU and of a GPU."""
    about = {"library": {"device": "a GPU"}}
    for name, results in {"cpu": MEASURED, "gpu": {**MEASURED, "about": about}}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(results))
    return tmp_path


def test_the_table(files, capsys):
    words = [*WORDS, "--trials", "360", "--benchmarks", str(files / "cpu.json")]
    assert search_cost.main([*words, "--results", str(files / "new")]) == 0
    text = capsys.readouterr().out
    assert (files / "new" / "search_cost.md").read_text() == text
    # A trial of 700 updates is 54 epochs, of 13 updates, with 11 validations; one of 2 epochs takes 23.7 s.
    minutes = (10 + (54 * 13 + 11 * (68 / 16) / 3) * 0.5) / 60
    # 360, 90 and 23 trials to rungs: 56.6 trainings, 473 compilations, and 450 validations more.
    halved = 2 * (56.625 * 359 + 473 * 10 + 450 * (68 / 16) / 6) / 3600
    cells = ["chorales", "vrae", "702", f"{minutes:.1f}", f"{2 * 360 * minutes / 60:.1f}", f"{halved:.1f}"]
    cells += ["26", "0.4", "4.7", "3.2"]
    (line,) = [line for line in text.splitlines() if "chorales |" in line]
    assert [cell.strip() for cell in line.strip("|").split("|")] == cells
    assert "Measured 2026-01-01: 8 cores, a processor, commit abc, device cpu." in text
    assert "In all: 74 core-hours with budget 1, 14 with successive halving; 5 core-hours with 2" in text
    assert "- vrae, minibatches of 16: an update of 100 hidden units 0.5 s; compilation 10 s\n" in text
    assert "None are given: no throughput has been measured on a GPU." in text


def test_what_was_not_measured_is_said(files, capsys):
    words = ["--models", "vosp", "--benchmarks", str(files / "cpu.json")]
    assert search_cost.main([*WORDS, *words]) == 0
    text = capsys.readouterr().out
    assert "s (from vrae, 100 hidden, batch 16, 100 steps); compilation ~10 s (from vrae)" in text


def test_on_a_gpu(files, capsys):
    both = [str(files / "cpu.json"), str(files / "gpu.json")]
    assert search_cost.main([*WORDS, "--trials", "3600", "--batch-size", "32", "--benchmarks", *both]) == 0
    text = capsys.readouterr().out
    on_cpu, on_gpu = text[text.index("## Core-hours") :].split("## GPU-hours")
    # Twice as long an update, but 7 of them an epoch; on four cores.
    hours = 10 + 2 * 7 * 1.0 + 68 / 32 / 3
    assert f"{4 * hours:.0f} core-hours with 2 epochs," in on_cpu
    assert f"{hours:.0f} GPU-hours with 2 epochs," in on_gpu
    assert "no throughput" not in text


def test_results_of_the_project(capsys):
    assert search_cost.main([]) == 0
    assert "core-hours" in capsys.readouterr().out


def test_bad_input(complaint, tmp_path):
    (tmp_path / "other.json").write_text("{}")
    assert complaint(search_cost, ["--epochs", "0"]) == "--epochs must be positive, got 0"
    assert "--budget must be positive" in complaint(search_cost, ["--budget", "inf"])
    assert "--n-hiddens must be positive" in complaint(search_cost, ["--n-hiddens", "100", "-1"])
    assert "No such file" in complaint(search_cost, ["--benchmarks", tmp_path / "none.json"])
    assert "--benchmarks must be files of" in complaint(
        search_cost, ["--benchmarks", tmp_path / "other.json"]
    )

"""Several seeds as one result."""

import math

import pytest

from experiments.paper.seeds import combine, place, system_of


def result(seed, scores, seconds=60.0):
    """As of `describe_run`."""
    return {
        "config": {"seed": seed},
        "scores": scores,
        "seconds": 2.0,
        "log": [{"update": 1, "seconds": 1.0}, {"update": 2, "seconds": seconds}],
    }


def exact(value):
    return {"nll": {"per_step": value, "per_sequence": value + 1}}


def sampled(value, error, n_draws, size):
    return {
        "importance_sampled": {
            "per_step": value,
            "per_sequence": value,
            "per_step_standard_error": error,
            "per_sequence_standard_error": 2 * error,
            "n_draws": n_draws,
            "effective_draws": {"min": size - 1, "median": size},
        }
    }


def test_places():
    assert [place("vosp_nade", seed, 1) for seed in (1, 2, 13)] == [
        "vosp_nade",
        "vosp_nade_seed2",
        "vosp_nade_seed13",
    ]
    assert {system_of(place("vosp_nade", seed, 1)) for seed in (1, 2, 13)} == {"vosp_nade"}


def test_mean_and_range():
    found = combine([result(1, exact(8.0)), result(2, exact(8.6), 90.0), result(3, exact(8.3))])
    averages = found["scores"]["nll"]
    assert averages["per_step"] == pytest.approx(8.3)
    assert averages["per_step_range"] == [8.0, 8.6]
    assert averages["per_sequence_range"] == [9.0, 9.6]
    assert "per_step_standard_error" not in averages and "n_draws" not in averages
    assert (found["seeds"], found["n_diverged"]) == ([1, 2, 3], 0)
    assert (found["training_seconds"], found["seconds"]) == (210.0, 6.0)


def test_there_are_as_many_draws_and_moves_as_the_worst_has():
    few, many = sampled(7.0, 0.3, 4, 2.0), sampled(7.0, 0.3, 8, 2.0)
    few["importance_sampled"]["n_moves"], many["importance_sampled"]["n_moves"] = 200, 50
    averages = combine([result(1, few), result(2, many)])["scores"]["importance_sampled"]
    assert (averages["n_draws"], averages["n_moves"]) == (4, 50)


def test_the_command_is_that_of_the_last_seed():
    first, last = result(1, exact(8.0)), result(2, exact(8.6))
    first["config"]["command"], last["config"]["command"] = ["table1"], ["table1", "--seeds", "2"]
    found = combine([first, last])
    assert found["config"] == {"seed": 1, "command": ["table1", "--seeds", "2"]}
    assert first["config"]["command"] == ["table1"]


def test_errors_are_those_of_the_mean():
    found = combine([result(1, sampled(6.0, 0.03, 500, 40.0)), result(2, sampled(6.2, 0.04, 50, 7.0))])
    averages = found["scores"]["importance_sampled"]
    assert averages["per_step_standard_error"] == pytest.approx(math.sqrt(0.03**2 + 0.04**2) / 2)
    assert averages["per_sequence_standard_error"] == pytest.approx(0.05)
    assert averages["n_draws"] == 50
    assert averages["effective_draws"] == {"min": 6.0, "median": 7.0}


def test_one_seed_is_as_it_was():
    one = result(5, exact(8.0))
    found = combine([one])
    assert {name: found[name] for name in one} == one
    assert (found["seeds"], found["n_diverged"], found["training_seconds"]) == ([5], 0, 60.0)


def test_seeds_that_diverged_have_no_part():
    found = combine([result(1, {}), result(2, exact(8.0)), result(3, exact(9.0))])
    assert (found["seeds"], found["n_diverged"]) == ([2, 3], 1)
    assert found["scores"]["nll"]["per_step"] == 8.5
    assert found["training_seconds"] == 180.0
    none = combine([result(1, {}), result(2, {})])
    assert (none["scores"], none["seeds"], none["n_diverged"]) == ({}, [1, 2], 2)

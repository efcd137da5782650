"""Times of updates and compilations: measured ones as they are, others scaled, by numbers made by hand."""

import json

import pytest

from experiments.benchmarks.throughput import Estimate, compile_time, read, step_time


def sizes(model, n_hidden, batch_size=16, n_steps=100):
    return {"model": model, "n_hidden": n_hidden, "batch_size": batch_size, "n_steps": n_steps}


def results(*times, device="cpu", compilations=()):
    """As the benchmark writes them; `times` are pairs of sizes and seconds, None for what failed."""
    rows = [
        {**which, "systems": {"library": {"failed": "memory"} if seconds is None else {"seconds": seconds}}}
        for which, seconds in times
    ]
    return {
        "machine": "2026-01-01: 8 cores, a processor",
        "about": {"library": {"device": device}},
        "parts": {"step": rows, "compile": list(compilations)},
    }


class TestStepTime:
    def test_measured(self):
        measured = results((sizes("vrae", 100), 0.5), (sizes("vrae", 200), 2.0))
        assert step_time(measured, sizes("vrae", 200)) == Estimate(2.0)

    def test_scaled_from_the_nearest_size(self):
        measured = results((sizes("vrae", 10), 9.0), (sizes("vrae", 100), 0.5), (sizes("vrae", 190), None))
        found = step_time(measured, sizes("vrae", 200))
        assert found.scaled_from == sizes("vrae", 100)
        assert found.seconds == pytest.approx(0.5 * 628_000 / 194_000)
        assert str(found) == "~1.62"

    def test_the_batch_size_comes_first_and_then_the_model(self):
        measured = results((sizes("vosp", 200, 64), 1.0), (sizes("vrae", 200), 2.0), (sizes("vosp", 10), 3.0))
        assert step_time(measured, sizes("vosp", 200)).scaled_from == sizes("vosp", 10)
        measured = results((sizes("vosp", 200, 64), 1.0), (sizes("vrae", 200), 2.0))
        found = step_time(measured, sizes("vosp", 200))
        assert found.scaled_from == sizes("vrae", 200)
        assert found.seconds == pytest.approx(2.0 * (3 * 130_200 - 17_600) / 628_000)

    def test_a_gpu_is_not_faster_with_less(self):
        measured = results((sizes("vrae", 100, 256), 0.5), device="a GPU")
        assert step_time(measured, sizes("vrae", 100)) == Estimate(0.5, sizes("vrae", 100, 256))
        assert step_time(measured, sizes("vrae", 200, 512)).seconds == pytest.approx(628_000 / 194_000)

    def test_nothing_measured(self):
        with pytest.raises(ValueError, match="--benchmarks have no times of training steps: measure them"):
            step_time(results((sizes("vrae", 100), None)), sizes("vrae", 100))


def test_compile_time():
    cold = {"seconds": 9.0, "start_seconds": 1.0}
    measured = results(
        compilations=[{"model": "vosp", "cold": {"failed": "broken"}}, {"model": "vrae", "cold": cold}]
    )
    assert compile_time(measured, "vrae") == Estimate(10.0)
    assert compile_time(measured, "vosp") == Estimate(10.0, {"model": "vrae"})
    with pytest.raises(ValueError, match="--benchmarks have no times of compilation: measure them"):
        compile_time(results(), "vrae")


class TestRead:
    def test_what_the_benchmark_wrote(self, tmp_path):
        (tmp_path / "a.json").write_text(json.dumps(results()))
        assert read(tmp_path / "a.json") == results()

    @pytest.mark.parametrize("text", ["{", "[]", "{}", '{"machine": "2 cores", "about": {}, "parts": {}}'])
    def test_anything_else(self, tmp_path, text):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(
            ValueError, match=r"--benchmarks must be files of experiments.benchmark, got .*a\.json"
        ):
            read(tmp_path / "a.json")

"""The main job on a small data set, and what stands in the README."""

import json
import math
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from breze_like import data
from breze_like.distributions import KLS
from breze_like.estimators import validation_score
from breze_like.parameters import ParameterSet
from breze_like.runs import Run
from breze_like.trained import make_model
from breze_like.training import EMSettings, TrainingDiverged
from experiments import random_search, table1
from experiments.paper import experiment, kept_scores, system_runs
from experiments.paper.experiment import differences
from experiments.paper.presets import system_for
from experiments.paper.system_runs import best_run
from experiments.paper.systems import ON_REQUEST, SYSTEMS, TITLES, has_latents

ROOT = Path(__file__).resolve().parents[2]


def test_readme_has_the_table_of_the_results():
    table = (ROOT / "experiments" / "results" / "table1.md").read_text()
    readme = (ROOT / "README.md").read_text()
    (between,) = re.findall(r"<!-- table1 -->\n(.*?)<!-- /table1 -->", readme, re.DOTALL)
    assert between == table
    for row in json.loads((ROOT / "experiments" / "results" / "table1.json").read_text()):
        for average in ("per_step", "per_sequence"):
            assert row[average] is None or f"{row[average]:.2f}" in table


def make_config(dataset, *arguments, name="vosp"):
    return system_runs.make_config(system_for(name, dataset), dataset, dataset.name, table1.parse(arguments))


@pytest.fixture(scope="module")
def chorales():
    return data.load("chorales")


class TestMakeConfig:
    def test_updates_become_epochs(self, chorales):
        # 205 chunks are 13 minibatches of 16: an epoch.
        training = make_config(chorales)["training"]
        assert training["n_epochs"] == round(SYSTEMS["vosp"].n_updates / 13)
        assert training["annealing_updates"] == SYSTEMS["vosp"].annealing_updates
        assert training["validate_every"] == 5

    def test_budget_is_a_factor(self, chorales):
        training = make_config(chorales, "--budget", "0.1")["training"]
        assert training["n_epochs"] == round(SYSTEMS["vosp"].n_updates / 130)
        assert training["annealing_updates"] == SYSTEMS["vosp"].annealing_updates // 10

    def test_a_hidden_markov_model_is_trained_by_epochs(self, chorales):
        training = make_config(chorales, "--budget", "0.1", name="hmm")["training"]
        assert training == asdict(EMSettings(n_epochs=SYSTEMS["hmm"].n_updates // 10))

    def test_large_data_set(self, chorales):
        large = replace(chorales, train=20 * chorales.train)
        training = make_config(large)["training"]
        n_batches = math.ceil(len(data.chunk(large.train, 100)) / 16)
        factor = (n_batches / 13) ** 0.5
        assert training["n_epochs"] == round(factor * SYSTEMS["vosp"].n_updates / n_batches)
        assert training["annealing_updates"] == round(factor * SYSTEMS["vosp"].annealing_updates)
        assert training["validate_every"] == 1
        assert make_config(large, "--budget", "0.01")["training"]["n_epochs"] == 1


def test_names_from_files_lead_to_no_other_folder(tmp_path, monkeypatch, chorales):
    named = replace(chorales, name="../../x", verified=None)
    monkeypatch.setattr(data, "load", lambda *_: named)
    assert table1.main(["--out", str(tmp_path / "a" / "out"), "--models", "floor"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    (folder,) = (tmp_path / "a").iterdir()
    assert {path.stem for path in folder.iterdir()} == {"table1__.._x"}


class TestFoundRuns:
    """Runs that somebody put in a system's place."""

    @pytest.fixture
    def dataset(self, small_data):
        return data.load(str(small_data))

    @pytest.fixture
    def put(self, dataset, tmp_path):
        """Write a run without a model: finished after 7 updates, and scored then."""

        def put(name, finished=True, scored_at=7, **changes):
            config = {**make_config(dataset, name=name), "command": ["train.py"], **changes}
            run = Run.create(tmp_path / "small" / name, config)
            run.append_log({"update": 7, "epoch": 7, "valid_score": 3.5, "seconds": 1.0})
            state = {"finished": finished}
            run.write_checkpoint(ParameterSet(), {"any": np.ones(1)}, {"state": state, "setup": {}})
            averages = {"per_step": 3.25, "per_sequence": 3.75}
            known = {"n_samples": 70, "seconds": 1.0, "update": scored_at}
            latent = "n_latent" in config["arguments"]
            names = ("bound", "importance_sampled", "objective") if latent else ("nll",)
            scores = dict.fromkeys(names, averages)
            run.write_scores({"test": {**(scores if scored_at else {}), **known}})
            return run

        return put

    @pytest.fixture
    def make_table(self, small_data, tmp_path, monkeypatch):
        def trained(config, dataset, folder, resume):
            raise TrainingDiverged(f"trained {json.dumps(config)}")

        monkeypatch.setattr(table1, "train", trained)

        def make(*names, more=()):
            arguments = ["--datasets", str(small_data), "--models", *names, "--out", str(tmp_path), *more]
            return table1.main(arguments)

        return make

    def test_scores_are_read(self, put, make_table, tmp_path, capsys):
        put("rnn", seed=5)
        put("vosp_published")
        assert make_table("rnn", "vosp_published", "floor") == 0
        rows = json.loads((tmp_path / "table1_small.json").read_text())
        assert [row["system"] for row in rows] == ["floor", "rnn", *(2 * ["vosp_published"])]
        assert [row["per_step"] for row in rows[1:]] == 3 * [3.25]
        assert rows[1]["seed"] == 5
        assert rows[-1]["estimator"] == "upper bound, importance sampled, 70 draws"
        assert "3.25" in capsys.readouterr().out
        for extension in ("txt", "md", "csv", "png"):
            assert (tmp_path / f"table1_small.{extension}").stat().st_size > 0

    @pytest.mark.parametrize(("n_draws", "again"), [(70, False), (71, True)])
    def test_scores_of_fewer_draws_than_asked_for_are_made_anew(
        self, put, make_table, capsys, n_draws, again
    ):
        """Of the runs that have scores of draws."""
        put("rnn")
        put("vosp")
        make_table("rnn", "vosp", more=["--n-draws", str(n_draws)])
        out = capsys.readouterr().out
        assert out.count("done already") == (1 if again else 2)
        assert ("trained" in out) == again

    def test_other_rows_stay_in_the_table(self, put, make_table, tmp_path, capsys):
        """In all its forms, known by their system, in the order of the table."""
        for name in ("rnn", "vosp_published", "fdrnn"):
            put(name)
        results = tmp_path / "results"
        make_table("fdrnn", "vosp_published", "floor", more=["--results", str(results)])
        make_table("rnn", more=["--results", str(results)])
        assert "kept earlier rows: floor, fdrnn, vosp_published\n" in capsys.readouterr().out
        made = {}
        for folder in (tmp_path, results):
            rows = made[folder] = json.loads((folder / "table1_small.json").read_text())
            assert [row["system"] for row in rows] == ["floor", "rnn", "fdrnn", *(2 * ["vosp_published"])]
            for extension in ("md", "csv", "txt"):
                lines = (folder / f"table1_small.{extension}").read_text().splitlines()
                assert all(any(row["title"] in line for line in lines) for row in rows)
        make_table("floor", "rnn", "fdrnn", "vosp_published", more=["--results", str(results)])
        assert json.loads((tmp_path / "table1_small.json").read_text()) == made[tmp_path] == made[results]

    def test_a_row_has_its_own_number_of_draws(self, put, make_table, tmp_path):
        """Whatever else was scored since; by default, those of the main job."""

        def shown():
            rows = json.loads((tmp_path / "table1_small.json").read_text())
            return [(row["per_step"], row["n_draws"]) for row in rows]

        def scored(run, n_draws, value, update=7):
            """What `results.evaluate` keeps."""
            averages = {"per_step": value, "per_sequence": value, "n_draws": n_draws}
            names = ("bound", "objective", "importance_sampled")
            about = {"n_samples": n_draws, "seconds": 1.0, "update": update}
            run.add_scores("test", {**dict.fromkeys(names, averages), **about}, kept_scores.join)

        run = put("vosp")
        for n_draws, value in ((2000, 2.0), (500, 3.0), (20, 4.0)):
            scored(run, n_draws, value)
        make_table("vosp")
        assert shown() == 2 * [(3.0, 500)]
        make_table("vosp", more=["--n-draws", "600"])
        assert shown() == 2 * [(2.0, 2000)]
        scored(run, 500, 3.5)
        make_table("vosp")
        assert shown() == 2 * [(2.0, 2000)]
        make_table("vosp", more=["--n-draws", "500"])
        assert shown() == 2 * [(3.5, 500)]
        scored(run, 10, 1.0, update=8)  # it was trained further: all others are of other parameters
        assert "other_draws" not in run.read_scores()["test"]

    @pytest.mark.parametrize("name, n_draws", [("vosp", 500), ("vosp_published", 100)])
    def test_draws_of_new_scores(self, name, n_draws, put, make_table, monkeypatch):
        """Fewer where bounds only show that the published objective is none."""
        run, asked = put(name), []

        def evaluate(run, model, dataset, split, n_samples):
            asked.append(n_samples)
            return table1.describe_run(run, split)

        monkeypatch.setattr(table1, "done", lambda *_: None)
        monkeypatch.setattr(table1, "train", lambda *_, **__: (run, None))
        monkeypatch.setattr(table1, "evaluate", evaluate)
        make_table(name)
        make_table(name, more=["--n-draws", "7"])
        assert asked == [n_draws, 7]

    @pytest.mark.parametrize("content", ["my notes", '[{"verified": 1, "system": "rnn"}]', "{}", "[1]"])
    def test_what_is_no_table_is_replaced_by_force_only(self, put, make_table, tmp_path, content):
        put("rnn")
        place = tmp_path / "table1_small.json"
        place.write_text(content)
        with pytest.raises(ValueError, match=r"table1_small\.json (already exists|must be a table that)"):
            make_table("rnn")
        assert place.read_text() == content
        make_table("rnn", more=["--force"])
        assert [row["system"] for row in json.loads(place.read_text())] == ["rnn"]

    def test_rows_of_other_data_are_not_kept(self, put, make_table, tmp_path):
        put("rnn")
        make_table("rnn")
        place = tmp_path / "table1_small.json"
        rows = json.loads(place.read_text())
        rows[0]["config"]["data"]["digests"]["train"] = 64 * "0"
        place.write_text(json.dumps(rows))
        with pytest.raises(
            ValueError, match="must be a table for the data set small, its rows are for other"
        ):
            make_table("floor")
        rows[0]["per_step"] = "low"
        place.write_text(json.dumps(rows))
        with pytest.raises(ValueError, match="per_step must be a number or null, got 'low'"):
            make_table("floor")

    @pytest.mark.parametrize("state", [{"finished": False}, {"scored_at": 6}, {"scored_at": None}])
    def test_what_is_not_done_goes_on_with_its_own_configuration(self, put, make_table, capsys, state):
        put("rnn", **state, seed=5)
        make_table("rnn")
        out = capsys.readouterr().out
        config = json.loads(re.search("trained (.*)", out)[1])
        assert config["seed"] == 5

    @pytest.mark.parametrize(
        ("name", "changes", "message"),
        [
            (
                "rnn",
                {"model": "vrae"},
                "rnn must hold a run with model 'rnn', got 'vrae': choose another --out",
            ),
            ("vrae", {"arguments": {"kl": "independent_increments"}}, "with kl 'exact', got 'indep"),
            ("rnn", {"arguments": {"emission": "nade"}}, "with emission 'bernoulli', got 'nade'"),
            ("rnn", {"data": {"name": "small", "digests": {}}}, "on the data set small, but its data differ"),
        ],
    )
    def test_of_another_system(self, put, make_table, name, changes, message):
        put(name, **changes)
        with pytest.raises(ValueError, match=message):
            make_table(name)

    def test_a_run_of_another_budget_is_kept_and_named(self, put, make_table, tmp_path, capsys):
        run = put("rnn")
        n_updates = run.config["training"]["n_epochs"]  # each of one minibatch
        make_table("rnn", more=["--budget", "0.5"])
        line = re.search(r"(\S+) has (\d+) updates, (\d+) asked for: kept", capsys.readouterr().out)
        assert (line[1], line[2]) == (str(tmp_path / "small" / "rnn"), str(n_updates))

    def test_a_diverged_run_does_not_stop_the_table(self, put, make_table, tmp_path):
        put("rnn", finished=False)
        put("fdrnn")
        assert make_table("rnn", "fdrnn") == 0
        rows = json.loads((tmp_path / "table1_small.json").read_text())
        assert [(row["estimator"], row["per_step"]) for row in rows] == [
            ("training diverged", None),
            ("exact", 3.25),
        ]


class TestMissing:
    """Rolls of which something is missing: floating-point numbers, with NaN."""

    @pytest.fixture
    def gaps(self, tmp_path):
        rng = np.random.default_rng(0)
        splits = [[rng.integers(0, 2, (n, 4)).astype(np.float32) for n in (5, 6, 7)] for _ in range(3)]
        for split in splits:
            for roll in split:
                roll[1, 2] = np.nan
        data.write_hdf5(tmp_path / "gaps.h5", data.Dataset("gaps", *splits))
        return tmp_path / "gaps.h5"

    @pytest.mark.slow
    def test_all_rows_but_those_of_nades(self, gaps, tmp_path, monkeypatch, capsys):
        configs = []

        def trained(config, dataset, folder, resume):
            configs.append(config)
            Run.create(folder, {**config, "command": ["table1.py"]})
            assert make_model(config).missing.allowed
            raise TrainingDiverged("at once")

        monkeypatch.setattr(table1, "train", trained)
        assert table1.main(["--datasets", str(gaps), "--out", str(tmp_path / "out")]) == 0
        rows = json.loads((tmp_path / "out" / "table1_gaps.json").read_text())
        with_nade = {name for name in SYSTEMS if "nade" in name}
        assert {row["system"] for row in rows} == set(TITLES) - with_nade
        assert {config["arguments"]["missing"] for config in configs} == {"zero"}
        frames = [np.concatenate(getattr(data.load(gaps), split)) for split in ("train", "test")]
        p = (np.nansum(frames[0], axis=0) + 1) / ((~np.isnan(frames[0])).sum(axis=0) + 2)
        nats = -np.nansum(np.log(np.where(frames[1] == 1, p, np.where(frames[1] == 0, 1 - p, np.nan))))
        assert rows[0]["per_step"] == pytest.approx(nats / len(frames[1]), rel=1e-6)

    @pytest.mark.parametrize("name", ["nade", "rnn_nade"])
    def test_nades_are_refused_by_name(self, gaps, name, complaint):
        said = complaint(table1, ["--datasets", str(gaps), "--models", "rnn", name])
        assert "have a NADE if values are missing, as in gaps, since each key depends on" in said

    def test_a_search_has_them_too(self, gaps, tmp_path, complaint):
        words = ["--dataset", str(gaps), "--out", str(tmp_path / "search"), "--model"]
        plan = random_search.make_plan(random_search.parse([*words, "vosp"]), data.load(gaps))
        assert make_model(plan.config(data.load(gaps))).missing.allowed
        assert "--model must not have a NADE if values are missing" in complaint(
            random_search, [*words, "rnn_nade"]
        )


class TestBestRun:
    """The one of a search that stands in the table."""

    @pytest.fixture
    def folder(self, untrained_run, small_data, tmp_path):
        """Three runs whose scores are 3, 2 and 1, the last one of which did not come to its end."""
        for number, score in enumerate([3.0, 2.0, 1.0]):
            run = Run(untrained_run("rnn", small_data))
            for value in (score, None, score + 5):
                run.append_log({"update": 1, "epoch": 1, "valid_score": value, "seconds": 1.0})
            run.write_checkpoint(ParameterSet(), {"any": np.ones(1)}, {"state": {"finished": number < 2}})
            (tmp_path / "small" / "rnn").mkdir(parents=True, exist_ok=True)
            run.folder.rename(tmp_path / "small" / "rnn" / f"trial_{number:04d}")
        (tmp_path / "small" / "rnn" / "trial_0003").mkdir()
        return tmp_path / "small" / "rnn"

    def test_has_the_best_validation_score(self, folder):
        assert best_run(folder, SYSTEMS["rnn"]) == folder / "trial_0001"

    def test_other_divergences_do_not_compare(self, folder):
        assert best_run(folder, SYSTEMS["vrae_published"]) is None

    def test_there_may_be_none(self, tmp_path):
        assert best_run(tmp_path / "nothing", SYSTEMS["rnn"]) is None

    def test_stands_in_the_table(self, folder, small_data, tmp_path, monkeypatch):
        taken = []
        monkeypatch.setattr(table1, "finish", lambda place, *_: taken.append(place) or {})
        monkeypatch.setattr(table1, "combine", lambda results: {})
        monkeypatch.setattr(table1, "system_rows", lambda *_: [])
        monkeypatch.setattr(table1, "as_text", lambda rows: "")
        monkeypatch.setattr(table1, "save", lambda *_: None)
        command = ["--datasets", str(small_data), "--models", "rnn", "fdrnn", "--search", str(tmp_path)]
        table1.main([*command, "--out", str(tmp_path / "out")])
        assert taken == [folder / "trial_0001", tmp_path / "out" / "small" / "fdrnn"]


def test_a_search_that_is_none(small_data, tmp_path, complaint):
    words = ["--datasets", small_data, "--models", "rnn", "--out", tmp_path / "out", "--search", tmp_path]
    assert "--search must be a folder with finished trials in DATASET/SYSTEM" in complaint(table1, words)
    assert not (tmp_path / "out").exists()


def test_seeds_lie_beside_each_other(small_data, tmp_path, monkeypatch):
    """The first one where the only one would."""
    made = []

    def finish(folder, system, dataset, given, options):
        made.append((folder, system_runs.make_config(system, dataset, given, options)["seed"]))
        return {}

    monkeypatch.setattr(table1, "finish", finish)
    monkeypatch.setattr(table1, "combine", lambda results: results)
    monkeypatch.setattr(table1, "system_rows", lambda dataset, name, results: results)
    monkeypatch.setattr(table1, "as_text", lambda rows: "")
    monkeypatch.setattr(table1, "save", lambda *_: None)
    words = ["--datasets", str(small_data), "--models", "rnn", "--out", str(tmp_path)]
    table1.main([*words, "--seed", "3", "--seeds", "2"])
    table1.main(words)
    folder = tmp_path / "small"
    assert made == [(folder / "rnn", 3), (folder / "rnn_seed4", 4), (folder / "rnn", 1)]


@pytest.mark.parametrize(
    ("words", "rows"), [([], "most"), (["--trained"], "all"), (["--datasets", "x"], "all")]
)
def test_what_takes_long_is_trained_on_request(words, rows):
    left_out = set(TITLES) - set(table1.parse(words).models)
    assert left_out == (set(ON_REQUEST) if rows == "most" else set())
    assert set(ON_REQUEST) < set(SYSTEMS)


def test_the_number_of_seeds_must_be_positive():
    with pytest.raises(ValueError, match="--seeds must be positive, got 0"):
        table1.main(["--seeds", "0"])


def test_the_number_of_draws_must_be_positive():
    with pytest.raises(ValueError, match="--n-draws must be positive, got 0"):
        table1.main(["--n-draws", "0"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--trained", "--budget", "1"],
            "--budget must not be given with --trained, which trains nothing: l",
        ),
        (["--trained", "--seeds", "3"], "--seeds must not be given with --trained"),
        (["--models", "floor", "--seed", "3"], "--seed must not be given for floor, which is not trained"),
        (
            ["--models", "floor", "hmm", "--n-draws", "3"],
            "--n-draws must not be given for floor, hmm, without",
        ),
    ],
)
def test_flags_that_nothing_reads_are_refused(words, message, complaint):
    assert message in complaint(table1, words)


def test_real_values_are_refused(tmp_path):
    sequences = [np.ones((3, 2), np.float32) / 2]
    data.write_hdf5(tmp_path / "real.h5", data.Dataset("real", sequences, sequences, sequences))
    with pytest.raises(ValueError, match="--datasets must be binary, .*, real is real-valued"):
        table1.main(["--datasets", "chorales", str(tmp_path / "real.h5")])


@pytest.fixture
def tiny_systems(monkeypatch):
    for name, system in SYSTEMS.items():
        sizes = {"hmm": {"n_states": 3}, "nade": {"n_hidden": 4}}
        arguments = system.arguments | sizes.get(name, {"n_hiddens": [4]})
        arguments |= {"n_latent": 2} if "n_latent" in arguments else {}
        arguments |= {"n_emission_hiddens": [4]} if system.model == "vosp" else {}
        # On one minibatch an epoch, 2 and 1, or 0: see `presets.scaled`.
        annealing, n_updates = 4 * (system.annealing_updates // 400), 2 if name == "hmm" else 7
        numbers = {"n_updates": n_updates, "annealing_updates": annealing}
        tiny = replace(system, arguments=arguments, **numbers)
        monkeypatch.setitem(SYSTEMS, name, tiny)


@pytest.mark.long
def test_main_job_is_stopped_and_goes_on(small_data, tmp_path, tiny_systems, monkeypatch, capsys):
    command = [
        "--datasets",
        str(small_data),
        "--out",
        str(tmp_path / "out"),
        "--results",
        str(tmp_path / "r"),
    ]
    train = table1.train

    def stopped(config, *others, **more):
        if config["model"] == "vosp":
            raise KeyboardInterrupt
        return train(config, *others, **more)

    with monkeypatch.context() as context:
        context.setattr(table1, "train", stopped)
        with pytest.raises(KeyboardInterrupt):
            table1.main(command)
    assert "upper bound, importance sampled, 500 draws" in capsys.readouterr().out
    assert not (tmp_path / "r").exists()

    done = tmp_path / "out" / "small" / "rnn" / "checkpoint.h5"
    before = done.stat().st_mtime_ns
    assert table1.main(command) == 0
    assert done.stat().st_mtime_ns == before
    assert capsys.readouterr().out.count("done already") == list(SYSTEMS).index("vosp")
    rows = json.loads((tmp_path / "r" / "table1_small.json").read_text())
    assert {row["system"] for row in rows} == set(TITLES)
    n_exact = 1 + sum(not has_latents(system) for system in SYSTEMS.values())
    assert [row["estimator"] for row in rows].count("exact") == n_exact
    published = [row for row in rows if row["published_objective"] is not None]
    assert [row["system"] for row in published] == ["vrae_published", "vosp_published"]
    assert all(row["published_objective"] < row["per_step"] for row in published)
    assert all(row["n_updates"] == 2 for row in rows if row["system"] != "floor")
    assert (tmp_path / "r" / "table1_small.png").stat().st_size > 10_000

    assert table1.main(command) == 0
    assert capsys.readouterr().out.count("done already") == len(SYSTEMS)
    assert json.loads((tmp_path / "out" / "table1_small.json").read_text()) == rows


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rnn", "vosp"])
def test_seeds_together_are_as_one_after_the_other(
    name, small_data, tmp_path, tiny_systems, monkeypatch, capsys
):
    """On a CPU that is taken for a GPU: the same runs and scores, also if training is stopped and goes on."""
    pytest.importorskip("jax")
    words = ["--datasets", str(small_data), "--models", name, "--seeds", "3"]
    words += ["--n-draws", "5"] if name == "vosp" else []
    words += ["--budget", "70", "--out"]  # 140 updates, and three validations
    table1.main([*words, str(tmp_path / "alone")])
    assert "1 2 3 together" not in capsys.readouterr().out

    left = iter(range(4))

    def stopped(*arguments, **others):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return validation_score(*arguments, **others)

    monkeypatch.setattr(system_runs, "accelerator", lambda: "a GPU")
    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(experiment, "validation_score", stopped)
        table1.main([*words, str(tmp_path / "together")])
    table1.main([*words, str(tmp_path / "together")])
    assert capsys.readouterr().out.count("seeds 1 2 3 together") == 2

    alone = [Run(tmp_path / "alone" / "small" / f"{name}{seed}") for seed in ("", "_seed2", "_seed3")]
    for run in alone:
        same = Run(tmp_path / "together" / "small" / run.folder.name)
        assert differences(same.config, run.config) == []
        assert {path.name for path in same.folder.iterdir()} == {path.name for path in run.folder.iterdir()}
        assert len(run.read_log()) == 3
        for entry, expected in zip(same.read_log(), run.read_log(), strict=True):
            assert {**entry, "seconds": 0} == pytest.approx({**expected, "seconds": 0}, rel=1e-7)
        for kept, expected in zip(same.read_checkpoint(), run.read_checkpoint(), strict=True):
            assert set(kept) == set(expected)
        parameters, expected = (r.read_checkpoint()[0]["best_parameters"] for r in (same, run))
        np.testing.assert_allclose(parameters, expected, rtol=1e-6, atol=1e-8)
    rows, expected = (
        json.loads((tmp_path / way / "table1_small.json").read_text()) for way in ("together", "alone")
    )
    for row, other in zip(rows, expected, strict=True):
        assert row["per_step"] == pytest.approx(other["per_step"], rel=1e-7)
        assert row["per_step_range"] == pytest.approx(other["per_step_range"], rel=1e-7)


class TestTogether:
    """Which runs are better trained as one program."""

    @pytest.fixture
    def configs(self, small_data, tmp_path):
        dataset = data.load(str(small_data))

        def configs(name="rnn", **changes):
            config = {**make_config(dataset, name=name), "backend": "jax", **changes}
            return {tmp_path / str(seed): {**config, "seed": seed} for seed in range(3)}

        return configs

    @pytest.fixture
    def on_gpu(self, monkeypatch):
        monkeypatch.setattr(system_runs, "accelerator", lambda: "a GPU")

    def test_none_on_a_cpu(self, configs, monkeypatch):
        monkeypatch.setattr(system_runs, "accelerator", lambda: None)
        assert system_runs.trainable_together(configs()) == {}

    def test_all_on_a_gpu(self, configs, on_gpu):
        assert system_runs.trainable_together(configs()) == configs()

    def test_none_that_fit_or_jax_does_not_make(self, configs, on_gpu):
        assert system_runs.trainable_together(configs("hmm")) == {}
        assert system_runs.trainable_together(configs(backend="cvm")) == {}

    def test_what_differs_in_more_than_its_seed_is_trained_alone(self, configs, on_gpu, tmp_path):
        given = configs()
        training = given[tmp_path / "1"]["training"]
        given[tmp_path / "1"]["training"] = {**training, "step_rate": 0.5}
        assert list(system_runs.trainable_together(given)) == [tmp_path / "0", tmp_path / "2"]

    def test_finished_runs_are_left_alone(self, configs, on_gpu, tmp_path):
        given = configs()
        for number, finished in ((0, True), (2, False)):
            run = Run.create(tmp_path / str(number), given[tmp_path / str(number)])
            state = {"state": {"finished": finished}, "setup": {}}
            run.write_checkpoint(ParameterSet(), {"any": np.ones(1)}, state)
        assert list(system_runs.trainable_together(given)) == [tmp_path / "1", tmp_path / "2"]


@pytest.mark.slow
def test_examples_of_the_readme_work(monkeypatch, tmp_path):
    """Those of the library's page go on from them."""
    monkeypatch.chdir(tmp_path)  # one writes a model
    monkeypatch.setitem(KLS, "half", None)  # an example adds it
    namespace = {}
    for page in ("README.md", "breze_like/README.md"):
        for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
            exec(block, namespace)
    assert namespace["bound"].per_step < 10 and max(namespace["errors"].values()) < 1e-5

"""Every model on data of the reader's own: folders of .npy files, binary and real-valued."""

import json
import shutil
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from breze_like.data import Dataset, load
from breze_like.models import MODELS, RNN
from breze_like.runs import Run
from breze_like.trained import describe
from breze_like.trained import load as load_run
from breze_like.training import EMSettings, progress_of
from experiments import evaluate, train
from experiments.paper import experiment, scoring

KINDS = ("binary", "real")


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """A folder of .npy files of each kind, by kind."""
    rng = np.random.default_rng(0)
    folders = {kind: tmp_path_factory.mktemp("own") / kind for kind in KINDS}
    for kind, folder in folders.items():
        folder.mkdir()
        for index in range(6):
            values = np.sin(np.arange(4 + index % 2)[:, None] + [0.0, 1.0, 2.0]) + rng.normal(size=3)
            np.save(folder / f"{index}.npy", values > 0 if kind == "binary" else values)
    return folders


def command(model, folder, out, *more):
    sizes = ["--n-epochs", "1", "--quiet"]
    if model not in ("nade", "hmm"):
        sizes += ["--n-hiddens", "3"]
    if model in ("vrae", "vosp"):
        sizes += ["--n-latent", "2"]
    if model == "vosp":
        sizes += ["--n-emission-hiddens", "3"]
    return ["--model", model, "--dataset", str(folder), "--out", str(out), *sizes, *more]


# The others compile for up to half a minute each. On binary data, all systems are in the test of Table 1.
FAST = [("rnn", "real"), ("rnn", "binary")]
OTHERS = [(model, "real") for model in sorted(MODELS) if model not in ("rnn", "hmm", "nade")]


@pytest.mark.parametrize(
    ("model", "kind"), [*FAST, *(pytest.param(*other, marks=pytest.mark.slow) for other in OTHERS)]
)
def test_every_model_on_every_kind_of_data(model, kind, folders, tmp_path, capsys):
    assert train.main(command(model, folders[kind], tmp_path / "run")) == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["arguments"]["emission"] == {"binary": "bernoulli", "real": "gaussian_shared"}[kind]
    assert config["arguments"]["n_visible"] == 3
    capsys.readouterr()
    has_latents = model in ("vrae", "vosp")
    draws = ["--samples", "2"] if has_latents else []
    assert evaluate.main([str(tmp_path / "run"), *draws, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    valid = {"bound", "importance_sampled"} if has_latents else {"nll"}
    assert valid <= set(scores)
    names = ("per_step", "per_sequence")
    assert np.isfinite([averages[name] for averages in scores.values() for name in names]).all()


def test_a_hidden_markov_model_from_the_command_line(folders, tmp_path, capsys):
    out = tmp_path / "run"
    words = [
        "--model",
        "hmm",
        "--n-states",
        "3",
        "--n-epochs",
        "2",
        "--quiet",
        "--out",
        str(out),
        "--dataset",
    ]
    assert train.main([*words, str(folders["binary"])]) == 0
    config = json.loads((out / "config.json").read_text())
    assert config["arguments"] == {"n_visible": 3, "n_states": 3}
    assert config["training"] == asdict(EMSettings(n_epochs=2))
    shown = capsys.readouterr().out
    best = min(entry["valid_score"] for entry in Run(out).read_log())
    assert f"{best:.3f} nats per time step on the validation set" in shown
    assert progress_of(Run(out))[:2] == (2, 2)
    assert evaluate.main([str(out), "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["scores"]) == ["nll"]
    _, model, dataset = load_run(out)
    assert scoring.score(model, dataset.valid)["nll"]["per_step"] == pytest.approx(best)
    words[-2] = str(tmp_path / "other")
    with pytest.raises(
        ValueError, match="emission is of zeros and ones: choose another --emission, or another model"
    ):
        train.main([*words, str(folders["real"])])


def test_a_nade_of_frames_from_the_command_line(folders, tmp_path, capsys):
    words = ["--n-nade-hidden", "2"]
    assert train.main(command("nade", folders["binary"], tmp_path / "run", *words)) == 0
    assert Run(tmp_path / "run").config["arguments"] == {"n_visible": 3, "n_hidden": 2}
    assert evaluate.main([str(tmp_path / "run"), "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out.splitlines()[-1])["scores"]) == ["nll"]
    with pytest.raises(
        ValueError, match="emission is of zeros and ones: choose another --emission, or another model"
    ):
        train.main(command("nade", folders["real"], tmp_path / "other"))


@pytest.mark.parametrize("model", ["rnn", "vosp"])
@pytest.mark.parametrize("emission", ["bernoulli", "nade"])
def test_binary_emissions_refuse_real_values(model, emission, folders, tmp_path):
    message = (
        r"emission is of zeros and ones: choose another --emission.*real, train\[0\] must be 0 or 1, got "
    )
    with pytest.raises(ValueError, match=message):
        train.main(command(model, folders["real"], tmp_path / "run", "--emission", emission))
    assert not (tmp_path / "run").exists()


def test_zeros_and_ones_among_real_numbers_are_no_obstacle(rng):
    rolls = [rng.integers(0, 2, (4, 3)).astype(float) for _ in range(3)]
    dataset = Dataset("mine", *([roll] for roll in rolls))
    assert not dataset.binary
    experiment._check_emission(RNN(3, (2,), emission="bernoulli").emission, dataset)


def test_data_that_are_not_finite(tmp_path):
    for index in range(3):
        np.save(tmp_path / f"{index}.npy", np.diag([1.0, np.inf if index == 1 else 0.0]))
    with pytest.raises(ValueError, match=r"1\.npy must be finite, got inf at step 1, feature 1"):
        train.main(command("rnn", tmp_path, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_older_runs_that_say_less_of_their_initialization_go_on(folders, tmp_path):
    options = train.make_parser().parse_args(command("rnn", folders["binary"], tmp_path / "run"))
    config = train.make_config(options, load(folders["binary"]))
    older = {**config, "initialization": {"weight_scale": 1.0, "n_incoming": 25, "spectral_radius": 0.1}}
    Run.create(tmp_path / "run", older)
    for bias in (config["initialization"]["emission_bias"], -0.8):
        config["initialization"]["emission_bias"] = bias
        assert experiment._open(tmp_path / "run", config).folder == tmp_path / "run"
    other = {**config, "initialization": config["initialization"] | {"weight_variance": 0.1}}
    with pytest.raises(ValueError, match="must be a run with the same initialization"):
        experiment._open(tmp_path / "run", other)


def test_data_that_moved_are_the_same(folders, tmp_path):
    def config(folder):
        options = train.make_parser().parse_args(command("rnn", folder, tmp_path / "run"))
        return train.make_config(options, load(folder))

    Run.create(tmp_path / "run", config(folders["binary"]))
    moved = shutil.copytree(folders["binary"], tmp_path / "moved")
    assert experiment._open(tmp_path / "run", config(moved)).folder == tmp_path / "run"
    np.save(moved / "0.npy", ~np.load(moved / "0.npy"))
    with pytest.raises(ValueError, match="must be a run with the same data: binary, got moved with"):
        experiment._open(tmp_path / "run", config(moved))


class TestDescribe:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_folder_is_found_again_from_anywhere(self, kind, folders, tmp_path, monkeypatch):
        monkeypatch.chdir(folders[kind].parent)
        dataset = load(kind)
        known = json.loads(json.dumps(describe(dataset, kind)))
        monkeypatch.chdir(tmp_path)
        assert known["name"] == kind and known["verified"] is None
        assert load(known["file"]).digests == known["digests"] == dataset.digests

    def test_a_file(self, small_data):
        assert describe(load(small_data), small_data)["file"] == str(small_data)

    def test_a_name_is_a_name_even_beside_a_folder_of_that_name(self, tmp_path, monkeypatch):
        (tmp_path / "chorales").mkdir()
        monkeypatch.chdir(tmp_path)
        assert "file" not in describe(load("chorales"), "chorales")


class TestSettle:
    """What a configuration leaves open of its training."""

    @pytest.fixture
    def settle(self, folders, tmp_path):
        dataset = load(folders["binary"])

        def settle(inputs, number=None):
            options = train.make_parser().parse_args(command("rnn", folders["binary"], tmp_path / "run"))
            config = train.make_config(options, dataset)
            config["training"] |= {"annealing_updates": number, "n_epochs": 30}
            model = SimpleNamespace(training_inputs=inputs)
            return config, experiment._settle(config, model, dataset, tmp_path / "run").annealing_updates

        return settle

    def test_annealing(self, settle):
        assert settle(["kl_weight"])[1] == 10  # an epoch is one minibatch
        assert settle([])[1] == 0
        assert settle(["kl_weight"], 7)[1] == 7

    def test_runs_go_on_with_their_own_number(self, settle, tmp_path):
        config, _ = settle(["kl_weight"], 0)
        Run.create(tmp_path / "run", config)
        assert settle(["kl_weight"])[1] == 0
        assert settle(["kl_weight"], 7)[1] == 7

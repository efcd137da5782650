"""Training and evaluating from the command line, and what goes wrong there."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from breze_like import Run, data
from breze_like.trained import load_model
from experiments import evaluate, table1, train
from experiments.paper import experiment


def arguments(data, out, *more):
    sizes = ["--n-hiddens", "4", "--n-epochs", "2", "--batch-size", "3", "--chunk-length", "6", "--quiet"]
    return ["--model", "fdrnn", "--dataset", str(data), "--out", str(out), *sizes, *more]


@pytest.fixture(scope="module")
def run_folder(small_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "fdrnn"
    assert train.main(arguments(small_data, folder)) == 0
    return folder


def test_scores_are_saved_and_printed(run_folder, small_data, capsys):
    assert evaluate.main([str(run_folder), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)["scores"]["nll"]
    saved = json.loads((run_folder / "scores.json").read_text())["test"]["nll"]
    assert printed == saved
    # 88 keys, a coin for each: training has improved on that, and not to less than nothing.
    assert 0 < saved["per_step"] < 88 * np.log(2)


def test_draws_are_not_asked_for_where_scores_are_exact(run_folder, complaint):
    assert "--n-draws must not be given for a model with exact scores" in complaint(
        evaluate, [run_folder, "--n-draws", "3"]
    )


def test_report(run_folder, tmp_path):
    report = tmp_path / "report.md"
    evaluate.main([str(run_folder), "--split", "valid", "--report", str(report)])
    text = report.read_text()
    score = json.loads((run_folder / "scores.json").read_text())["valid"]["nll"]["per_step"]
    assert f"{score:.3f}" in text
    assert "Seed 1" in text
    assert "numpy" in text


def test_finished_run_resumes_to_itself(run_folder, small_data):
    before = (run_folder / "log.jsonl").read_text()
    assert train.main(arguments(small_data, run_folder, "--resume")) == 0
    assert (run_folder / "log.jsonl").read_text() == before


def test_a_resumed_run_knows_its_model_and_its_data(run_folder, small_data, tmp_path):
    copy = shutil.copytree(run_folder, tmp_path / "copy")
    assert train.main(["--out", str(copy), "--resume", "--n-epochs", "4", "--quiet"]) == 0
    assert Run(copy).config == Run(run_folder).config | {
        "training": Run(run_folder).config["training"] | {"n_epochs": 4}
    }
    with pytest.raises(ValueError, match="--model must be given for a new run"):
        train.main(["--out", str(tmp_path / "new"), "--resume"])


def test_a_run_whose_checkpoint_is_lost_does_not_start_over(run_folder, tmp_path, complaint):
    copy = shutil.copytree(run_folder, tmp_path / "copy")
    (copy / "checkpoint.h5").unlink()
    said = complaint(train, ["--out", str(copy), "--resume", "--quiet"])
    assert "has a log of training, but no checkpoint to continue from: choose another folder" in said
    assert Run(copy).read_log() == Run(run_folder).read_log()


def test_a_run_that_was_resumed_with_moved_data_knows_where_they_are(run_folder, small_data, tmp_path):
    copy, moved = shutil.copytree(run_folder, tmp_path / "copy"), shutil.copy(small_data, tmp_path / "new.h5")
    before = Run(copy).config
    assert train.main(["--out", str(copy), "--resume", "--dataset", str(moved), "--quiet"]) == 0
    assert Run(copy).config == before | {"data": before["data"] | {"file": str(moved)}}


def test_existing_run_is_not_overwritten(run_folder, small_data):
    with pytest.raises(ValueError, match="there is already a run in .*: resume it or choose another folder"):
        train.main(arguments(small_data, run_folder))


def test_resuming_with_other_settings_is_refused(run_folder, small_data):
    with pytest.raises(ValueError, match="same seed"):
        train.main(arguments(small_data, run_folder, "--resume", "--seed", "2"))


def test_only_what_differs_is_named(run_folder, small_data, complaint):
    words = arguments(small_data, run_folder, "--resume", "--step-rate", "0.5", "--input-p-keep", "0.7")
    words[words.index("--n-epochs") + 1] = "4"
    assert complaint(train, words).rpartition(" must be ")[2] == (
        "a run with the same arguments, training: input_p_keep None, got 0.7; n_epochs 2, got 4; "
        "step_rate 0.003, got 0.5; choose another folder"
    )


def test_a_finished_run_goes_on_with_more_epochs(run_folder, small_data, tmp_path, complaint, capsys):
    copy = shutil.copytree(run_folder, tmp_path / "copy")
    longer = arguments(small_data, copy, "--resume", "--n-epochs", "4")
    straight = arguments(small_data, tmp_path / "straight", "--n-epochs", "4")
    assert train.main(longer) == train.main(straight) == 0
    (run, model), (expected_run, expected) = load_model(copy), load_model(tmp_path / "straight")
    assert run.config["training"] == expected_run.config["training"]
    np.testing.assert_array_equal(model.parameters.data, expected.parameters.data)
    scores = [[e["valid_score"] for e in r.read_log()] for r in (run, expected_run)]
    assert scores[0] == scores[1] and len(scores[0]) == 4
    capsys.readouterr()
    assert "n_epochs 4, got 3" in complaint(train, [*longer[:-1], "3"])


def test_no_more_epochs_at_the_end_of_a_schedule(run_folder, small_data, tmp_path, complaint):
    copy = shutil.copytree(run_folder, tmp_path / "copy")
    run = Run(copy)
    arrays, attributes = run.read_checkpoint()
    attributes["setup"]["step_rate_schedule"] = "cosine"
    run.write_checkpoint(load_model(copy)[1].parameters, arrays, attributes)
    run.reconfigure(training=run.config["training"] | {"step_rate_schedule": "cosine"})
    more = ["--resume", "--step-rate-schedule", "cosine", "--n-epochs", "4"]
    assert "its step rate follows a schedule over all epochs, cosine; train again in another folder" in (
        complaint(train, arguments(small_data, copy, *more))
    )
    assert run.config == Run(copy).config


def test_damaged_checkpoint(run_folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run_folder, copy)
    content = (copy / "checkpoint.h5").read_bytes()
    (copy / "checkpoint.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"checkpoint\.h5 must be a checkpoint"):
        evaluate.main([str(copy)])


def test_run_of_another_model(run_folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run_folder, copy)
    config = json.loads((copy / "config.json").read_text())
    config["arguments"]["n_hiddens"] = [5]
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="another model"):
        evaluate.main([str(copy)])


def test_what_is_not_named_is_not_configured(small_data):
    """Runs of before there was a choice are of the same configuration."""
    dataset = data.load(str(small_data))

    def configured(*words):
        words = ["--dataset", str(small_data), "--out", "x", *words]
        return train.make_config(train.make_parser().parse_args(words), dataset)["arguments"]

    assert configured("--model", "rnn", "--layer", "gru")["layer"] == "gru"
    assert "layer" not in configured("--model", "rnn")
    assert configured("--model", "vosp", "--layer", "gru")["layer"] == "gru"
    assert "layer" not in configured("--model", "vosp")
    name, words = "recognition_recurrent_p_keep", ["--model", "vosp", "--recurrent-p-keep", "0.2"]
    assert configured(*words)[name] == 0.2
    assert name not in configured(*words[:2])


@pytest.mark.slow
def test_a_vosp_of_gated_units_goes_on_where_it_stopped(small_data, tmp_path):
    words = [
        *("--dataset", str(small_data), "--quiet", "--model", "vosp", "--layer", "gru", "--n-hiddens", "4"),
        *("--n-latent", "2", "--n-emission-hiddens", "3", "--n-epochs", "2"),
        *("--batch-size", "3", "--chunk-length", "6"),
    ]
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    assert train.main([*words, "--out", str(straight)]) == 0
    dataset = data.load(str(small_data))
    config = train.make_config(train.make_parser().parse_args([*words, "--out", "x"]), dataset)
    experiment.train(config, dataset, stopped, progress=False, until=0.4)
    assert train.main([*words, "--out", str(stopped), "--resume"]) == 0
    (run, model), (_, expected) = (load_model(folder) for folder in (stopped, straight))
    assert run.config["arguments"]["layer"] == "gru"
    np.testing.assert_array_equal(model.parameters.data, expected.parameters.data)
    assert [e["valid_score"] for e in run.read_log()] == [e["valid_score"] for e in Run(straight).read_log()]


@pytest.mark.parametrize(
    ("module", "words", "message"),
    [
        ("train", ["--model", "rnn", "--dataset", "nothing", "--out", "x"], "data set must be one of"),
        ("evaluate", ["nowhere"], "there is no run in"),
        ("table1", ["--budget", "0"], "--budget must be positive"),
        ("check_gradients", ["--only", "nothing"], "--only must be"),
    ],
)
def test_bad_input_ends_with_one_line(module, words, message):
    command = [sys.executable, "-m", f"experiments.{module}", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line


@pytest.mark.parametrize(
    ("script", "words", "message"),
    [
        (train, ["--model", "rnn", "--out", "x", "--step-rate", "-1"], "step_rate must be"),
        (table1, ["--models", "rnn", "lstm"], "--models must be among floor, rnn, gru, fdrnn"),
        (table1, ["--seed", "-1"], "--seed must not be negative"),
        (table1, ["--datasets", "chorales", "nothing"], "data set must be one of"),
    ],
)
def test_more_bad_input(script, words, message, complaint):
    assert message in complaint(script, words)

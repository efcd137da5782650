"""Reports: what is on the page, and that a browser shows it."""

import json
import re
import shutil
from html import unescape

import numpy as np
import pytest

from breze_like.pictures.songs import Songs
from breze_like.runs import Run
from experiments import report

# Pictures and players of a report on rolls: the original, its reconstruction, a noisy one, denoised in two
# ways, an incomplete and a completed one, and two samples.
N_SONGS = 9


def check(seen, n_players):
    """Everything is there, and nothing came from elsewhere."""
    assert seen["console"] == [] and seen["failed"] == []
    assert all(url.startswith(("data:", "file:")) for url in seen["requests"])
    assert sum(url.startswith("file:") for url in seen["requests"]) == 1
    assert len(seen["durations"]) == n_players
    assert all(duration and duration > 0 for duration in seen["durations"])
    assert len(seen["widths"]) > N_SONGS - 2 and min(seen["widths"]) > 0
    assert all(seen["alts"])
    assert all(seen["links"]) and seen["focusable"]
    assert seen["overflow"] <= 0


@pytest.fixture(scope="module")
def page_of_rolls(run_of_rolls, tmp_path_factory, loaders):
    path = tmp_path_factory.mktemp("reports") / "new" / "rolls.html"
    with pytest.MonkeyPatch.context() as context:
        context.setattr(report, "load", lambda folder, **_: loaders["load"](run_of_rolls))
        assert report.main([str(run_of_rolls), "--out", str(path)]) == 0
    return path


def test_of_rolls(page_of_rolls, browser):
    seen = browser(page_of_rolls)
    check(seen, N_SONGS)
    assert "|Warning: the model (" in texts(page_of_rolls)  # it was not trained
    assert any(re.match("Denoised.*, piano roll of .*missing", alt) for alt in seen["alts"])


def test_of_real_values(run_of_reals, tmp_path, browser):
    assert report.main([str(run_of_reals), "--out", str(tmp_path / "reals.html")]) == 0
    seen = browser(tmp_path / "reals.html")
    check(seen, 0)
    assert any(re.match("Denoised, lines of .*error", alt) for alt in seen["alts"])


def test_the_browser_would_notice(page_of_rolls, tmp_path, browser):
    broken = page_of_rolls.read_text().replace("data:audio/wav;base64,UklG", "data:audio/wav;base64,AAAA", 1)
    (tmp_path / "broken.html").write_text(broken.replace("</main>", '<img src="nothing.png" alt=""></main>'))
    seen = browser(tmp_path / "broken.html")
    assert min(seen["widths"]) == 0
    assert [d for d in seen["durations"] if d is None or np.isnan(d)]
    assert seen["console"] and seen["failed"]


MODELS = {
    "rnn": (["--emission", "nade"], "small_data", N_SONGS),
    "fdrnn": ([], "small_data", N_SONGS),
    "dots_rnn": ([], "small_data", N_SONGS),
    "vrae": ([], "small_data", N_SONGS),
    "vosp": ([], "real_data", 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_of_every_model(model, untrained_run, request, tmp_path, browser):
    more, data, n_players = MODELS[model]
    folder = untrained_run(model, request.getfixturevalue(data), *more)
    assert report.main([str(folder), "--out", str(tmp_path / "page.html")]) == 0
    check(browser(tmp_path / "page.html"), n_players)
    text = (tmp_path / "page.html").read_text()
    assert ("Latents" in text) == (model in ("vrae", "vosp"))
    assert ("Reconstruction" in text) == (model in ("vrae", "vosp"))


@pytest.fixture
def scored(run_of_rolls, loaders, tmp_path, monkeypatch):
    """Copy a run, change its configuration, give it a log and scores; all have one model, compiled once."""

    def load(folder, **_):
        _, model, dataset = loaders["load"](run_of_rolls)
        return Run(folder), model, dataset

    monkeypatch.setattr(report, "load", load)

    def scored(name, scores, update=7, **changes):
        folder = tmp_path / name
        shutil.copytree(run_of_rolls, folder)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | changes))
        run = Run(folder)
        run.append_log({"update": 7, "epoch": 3, "valid_score": 3.5, "seconds": 90.0})
        averages = {"per_step": 3.25, "per_sequence": 3.75}
        run.write_scores({"test": {**dict.fromkeys(scores, averages), "update": update, "n_samples": 9}})
        return folder

    return scored


def texts(path):
    """What is written on a page, tags left out."""
    return unescape(re.sub("(<[^>]*>)+", "|", path.read_text()))


@pytest.mark.slow
def test_several_runs_are_compared(scored, tmp_path, browser, capsys):
    folders = [scored("first", ["nll"]), scored("second", ["nll"], update=6)]
    command = ["train.py", "--data-dir", "/private", "--out", "/tmp/third"]
    folders.append(scored("third", ["nll"], command=command))
    assert report.main([*map(str, folders), str(folders[0]), "--out", str(tmp_path / "page.html")]) == 0
    check(browser(tmp_path / "page.html"), 3 * N_SONGS)
    text = texts(tmp_path / "page.html")
    assert text.count("first|small|3.250|7|1.5|") == 1
    assert text.count("negative log-likelihood, exact|3.250|3.750") == 2
    # The second one was trained further than its scores are of.
    assert text.count("negative log-likelihood, exact|") == 3
    assert "|python -m experiments.train --out runs/third|" in text and "private" not in text
    assert "3 epochs, 7 updates in 1.5 minutes" in text
    assert "3 of 3" in capsys.readouterr().out


@pytest.mark.slow
def test_several_runs_are_folded_and_one_is_not(scored, page_of_rolls, tmp_path):
    folders = [scored("first", ["nll"]), scored("second", ["nll"])]
    assert report.main([*map(str, folders), "--out", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text()
    folds = re.findall('<details class="run"><summary>([^<]*)</summary><section id="([^"]*)"', text)
    assert folds == [("first: RNN on small", "run-1"), ("second: RNN on small", "run-2")]
    assert text.index('id="comparison"') < text.index('<details class="run">')
    assert 'href="#run-2"' in text and 'class="run"' not in page_of_rolls.read_text()
    assert "prefers-color-scheme: dark" in text and "width=device-width" in text


def test_the_published_objective_is_no_score():
    names = ("bound", "kl", "reconstruction", "objective")
    result = {
        "scores": {n: {"per_step": 1.5 + i, "per_sequence": 2.5} for i, n in enumerate(names)},
        "config": {"arguments": {"kl": "independent_increments"}, "data": {"name": "any"}},
        "log": [],
    }
    assert report._cells(result)[1:8] == ["", "<1.500", "", "", "", "4.500", ""]
    result["config"]["arguments"]["kl"] = "exact"
    assert report._cells(result)[1:8] == ["", "<1.500", "", "", "", "", ""]


def test_markup_in_names_and_settings_is_text(scored, small_data, tmp_path, browser):
    bad = "<script>console.error('1')</script>"
    data = json.loads((scored("plain", ["nll"]) / "config.json").read_text())["data"]
    folder = scored("<b>run", ["nll"], command=["train.py", bad], data=data | {"name": bad}, seed=bad)
    assert report.main([str(folder), "--out", str(tmp_path / "page.html")]) == 0
    assert "<script" not in (tmp_path / "page.html").read_text()
    assert texts(tmp_path / "page.html").count(bad) == 4
    check(browser(tmp_path / "page.html"), N_SONGS)


def test_runs_of_the_same_name_are_told_apart(tmp_path):
    folders = [tmp_path / "a" / "vrae", tmp_path / "b" / "vrae"]
    assert report.names_of(folders) == list(map(str, folders))
    assert report.names_of(folders[:1]) == ["vrae"]


@pytest.mark.parametrize(("n_keys", "n_players"), [(88, 1), (7, 0)])
def test_rolls_of_other_instruments_have_no_sound(n_keys, n_players):
    roll = np.eye(5, n_keys, dtype=np.uint8)
    row = Songs(roll, True).row("Denoised", roll)
    assert row.count("<audio") == n_players and row.count("<img") == 1
    assert "0 notes wrong (red), 0 missing (blue)" in row


def test_an_existing_page_is_replaced_if_asked(run_of_rolls, tmp_path, complaint, monkeypatch):
    page = tmp_path / "page.html"
    page.write_text("old")
    assert "already exists: choose another --out; --force replaces it" in complaint(
        report, [run_of_rolls, "--out", page]
    )
    assert page.read_text() == "old"
    monkeypatch.setattr(report, "section", lambda *of_run: "new")
    assert report.main([str(run_of_rolls), "--out", str(page), "--force"]) == 0
    assert page.read_text().startswith("<!doctype html>")


def test_a_page_is_written_whole_or_not_at_all(run_of_rolls, tmp_path, monkeypatch):
    def fail(*of_run):
        raise RuntimeError("stopped")

    monkeypatch.setattr(report, "section", fail)
    with pytest.raises(RuntimeError, match="stopped"):
        report.main([str(run_of_rolls), "--out", str(tmp_path / "page.html")])
    assert list(tmp_path.iterdir()) == []


def test_bad_input(run_of_rolls, tmp_path, complaint):
    assert "there is no run in" in complaint(report, [tmp_path / "nowhere", "--out", tmp_path / "a.html"])
    assert "is a folder; choose a file for --out" in complaint(report, [run_of_rolls, "--out", tmp_path])
    assert "--seed must not be negative" in complaint(report, [run_of_rolls, "--seed", "-1"])

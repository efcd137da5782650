"""Reports on searches: what is on the page, that a browser shows it, and what is refused."""

import json
import re
from html import unescape

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState, create_trial

from experiments import search_report
from experiments.search import sections
from experiments.search.importance import LEAST_TRIALS
from experiments.search.space import TABLE_2

SPACE = {name: list(TABLE_2[name]) for name in ("n_hiddens", "step_rate", "momentum", "n_incoming")}
ABOUT = {
    "dataset": "chorales",
    "digests": {},
    "model": "vrae",
    "procedure": "ours",
    "space": SPACE,
    "seed": 17,
    "sampler": "random",
    "pruner": "median",
    "budget": 0.5,
    "version": "0.1.0",
}
BAD = "<script>console.error('1')</script>"


def place(folder):
    return f"sqlite:///{folder / 'study.db'}"


def make(folder, attempts, name="chorales/vrae", **changes):
    """Write a study; an attempt is the number of its configuration, a state, a score, and a reason."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    study = optuna.create_study(storage=place(folder), study_name=name)
    about = ABOUT | changes
    for key, value in about.items():
        study.set_user_attr(key, value)
    for number, state, value, reason in attempts:
        known = {"configuration": number, "run": f"trial_{number:04}", "seconds": 120.0}
        study.add_trial(
            create_trial(
                state=state,
                value=value,
                params={
                    name: choices[rng.integers(len(choices))] for name, choices in about["space"].items()
                },
                distributions={n: CategoricalDistribution(choices) for n, choices in about["space"].items()},
                user_attrs=known | ({"reason": reason} if reason else {}),
            )
        )
    return folder


def complete(number, value):
    return number, TrialState.COMPLETE, value, None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study with everything that can happen."""
    rng = np.random.default_rng(0)
    attempts = [complete(number, 9 + rng.random()) for number in range(20)]
    attempts[7] = complete(7, 8.25)
    attempts[11] = complete(11, 8.25)
    attempts[3] = (3, TrialState.FAIL, None, f"diverged {BAD}")
    attempts[4] = (4, TrialState.PRUNED, 11.0, None)
    attempts[5] = (5, TrialState.FAIL, None, None)  # its process was killed
    attempts[6] = complete(6, 1e9)
    attempts += [complete(5, 9.5), (20, TrialState.RUNNING, None, None), (21, TrialState.WAITING, None, None)]
    folder = make(tmp_path_factory.mktemp("searches") / "a & b", attempts)
    for number in (7, 3):
        (folder / f"trial_{number:04}").mkdir()
    scores = {"test": {"bound": {"per_step": 7.125, "per_sequence": 8.0}, "n_samples": 0, "update": 1}}
    (folder / "trial_0007" / "config.json").write_text("{}")
    (folder / "trial_0007" / "scores.json").write_text(json.dumps(scores))
    return folder


def words(path):
    """What is written on a page, with a bar for tags."""
    text = re.sub("<script>.*?</script>", "", path.read_text(), flags=re.DOTALL)
    return unescape(re.sub("(<[^>]*>)+", "|", text))


@pytest.fixture(scope="module")
def page(folder):
    assert search_report.main([str(folder)]) == 0
    return folder / "report.html"


def test_the_browser_shows_it(page, browser):
    seen = browser(page)
    assert seen["console"] == [] and seen["failed"] == []
    assert sum(url.startswith("file:") for url in seen["requests"]) == 1
    assert all(url.startswith(("data:", "file:", "blob:")) for url in seen["requests"])
    # 18 complete trials: points with the best so far, one more in the legend; bars; points; lines.
    assert seen["plots"][0] == 18 + 2
    assert seen["plots"][2:] == [18 * len(SPACE), 18]
    assert seen["focusable"] and seen["overflow"] <= 0


def test_it_is_small_and_needs_no_program(page):
    text = page.read_text()
    assert len(text) < 300_000 and "<script" not in text
    plots = re.findall(r'<div class="plot".*?</svg></div>', text, flags=re.DOTALL)
    counts = [len(re.findall('class="(?:point|js-line)"', plot)) for plot in plots]
    assert counts[0] == 18 + 2 and counts[2:] == [18 * len(SPACE), 18]


def test_what_was_searched(page):
    text = words(page)
    assert "|Search chorales/vrae|" in text
    assert "Best: |8.250 nats per time step| on the validation set (upper bound), by trial 7." in text
    assert "|trials|22: 18 complete, 1 pruned, 1 failed, 1 running, 1 waiting|" in text
    assert "|restarted|1 times" in text
    assert "|seed|17|" in text and "|pruner|median|" in text and "0.5 times the updates" in text
    assert "|step_rate|0.01, 0.005, 0.001, 0.0005, 0.0001, 1e-05|" in text
    assert "|n_incoming|15, 25, 35, 50, all|" in text
    assert "best 25% of the 20 trials that ended" in text
    assert "(1 of 18) are drawn there" in text


def test_best_and_failed_trials(page):
    text = page.read_text()
    assert '<a href="trial_0007/" title="trial_0007">7</a>' in text
    text = words(page)
    assert "|trial|7|11|" in text  # among equals, the first one first
    assert "|validation|8.250|8.250|9." in text
    assert "|test, upper bound|<7.125|" in text
    assert "experiments.evaluate" in text
    assert f"|3|diverged {BAD}|n_hiddens=" in text


def test_links_lead_from_the_page_to_the_runs(folder, tmp_path):
    assert search_report.main([str(folder), "--out", str(tmp_path / "new" / "page.html")]) == 0
    (link,) = re.findall('href="([^"]*)" title="trial_0007"', (tmp_path / "new" / "page.html").read_text())
    assert "a%20%26%20b" in link
    target = tmp_path / "new" / link.replace("%20", " ").replace("%26", "&")
    assert target.resolve() == (folder / "trial_0007").resolve()


def test_without_a_complete_trial(tmp_path, browser):
    attempts = [(0, TrialState.RUNNING, None, None), (1, TrialState.FAIL, None, "diverged")]
    folder = make(tmp_path / "search", attempts)
    assert search_report.main([str(folder)]) == 0
    text = words(folder / "report.html")
    assert "No trial has been completed yet." in text and "|1|diverged|" in text
    seen = browser(folder / "report.html")
    assert seen["console"] == [] and seen["plots"] == []


def test_of_few_trials(tmp_path, browser):
    folder = make(tmp_path / "search", [complete(0, 9.0)])
    assert search_report.main([str(folder)]) == 0
    text = words(folder / "report.html")
    assert f"needs {LEAST_TRIALS} trials that ended" in text and "there are 1" in text
    seen = browser(folder / "report.html")
    assert seen["console"] == [] and len(seen["plots"]) == 3


def test_what_is_rough_and_what_is_not_known(tmp_path):
    space = SPACE | {"decay": [0.9]}
    folder = make(
        tmp_path / "search", [complete(i, 9.0 - i) for i in range(LEAST_TRIALS)], space=space, sampler="tpe"
    )
    assert search_report.main([str(folder)]) == 0
    text = words(folder / "report.html")
    assert "With fewer than 20 trials, this is rough." in text
    assert "The sampler prefers choices that did well before, so the marks are too low." in text
    assert "It is not known for decay, which had the same value in all trials." in text


@pytest.fixture(scope="module")
def halved(tmp_path_factory):
    """Twelve trials, of which three go on, and one of these to the end; one of the three fails."""
    shares = [1 / 16, 1 / 4, 1.0]
    folder = make(tmp_path_factory.mktemp("halved") / "search", [], rungs=shares, pruner="halving")
    study = optuna.load_study(study_name="chorales/vrae", storage=place(folder))
    distributions = {name: CategoricalDistribution(choices) for name, choices in SPACE.items()}

    def add(number, rung, state, value=None, **known):
        params = {name: choices[number % len(choices)] for name, choices in SPACE.items()}
        known |= {"configuration": number, "run": f"trial_{number:04}", "rung": rung, "seconds": 60.0}
        known["share"] = shares[rung]
        study.add_trial(
            create_trial(
                state=state, value=value, params=params, distributions=distributions, user_attrs=known
            )
        )

    for number in range(12):
        add(number, 0, TrialState.PRUNED, score=9.0 + number)
    add(0, 1, TrialState.PRUNED, score=8.5)
    add(1, 1, TrialState.PRUNED, score=8.25)
    add(2, 1, TrialState.FAIL, reason="diverged")
    add(1, 2, TrialState.COMPLETE, 7.75)
    assert search_report.main([str(folder)]) == 0
    return folder / "report.html"


def test_rungs(halved):
    text = words(halved)
    assert "|trials|12: 1 complete, 10 pruned, 1 failed|" in text
    assert "|cost|2.06 times a full training, of 2.06 in all|" in text
    assert "|1/16|12|0|12|9.000|14.500|" in text
    assert "|1/4|3|1|2|8.250|8.375|" in text
    assert "|the end|1|0|1|7.750|7.750|" in text
    assert "of all trials after 1/16 of the updates, one point for each trial." in text
    assert "best 25% of the 12 trials" in text
    assert "experiments.evaluate" not in text  # the best run is not here


def test_the_browser_shows_rungs(halved, browser):
    seen = browser(halved)
    assert seen["console"] == [] and seen["plots"][2:] == [12 * len(SPACE), 12]


def test_markup_in_names_is_text(tmp_path, browser):
    attempts = [complete(number, 9.0 + number) for number in range(3)]
    folder = make(tmp_path / "search", attempts, name=BAD, dataset=BAD, version=BAD)
    assert search_report.main([str(folder)]) == 0
    assert words(folder / "report.html").count(BAD) == 5
    assert browser(folder / "report.html")["console"] == []


@pytest.mark.parametrize(
    ("model", "space", "kind"),
    [
        ("fdrnn", SPACE, "exact negative log-likelihood"),
        ("vosp", SPACE, "upper bound"),
        ("vosp_published", SPACE, "published objective, not a bound"),
        ("vrae", {"kl": ["exact", "independent_increments"]}, "upper bound"),
    ],
)
def test_kinds_of_scores(model, space, kind):
    assert sections.score_words(model, space) == kind


def test_several_studies_in_a_storage(folder, tmp_path, complaint):
    search = make(tmp_path / "search", [complete(0, 9.0)])
    optuna.create_study(storage=place(search), study_name="other")
    assert "--study must be one of those" in complaint(search_report, [search])
    assert "was not made by experiments.random_search: name another one with --study" in complaint(
        search_report, [search, "--study", "other"]
    )
    words = [str(tmp_path / "elsewhere"), "--storage", place(search), "--study", "chorales/vrae"]
    assert search_report.main(words) == 0
    assert (tmp_path / "elsewhere" / "report.html").is_file()


def test_a_page_is_replaced_and_nothing_else(folder, page, complaint):
    before = (folder / "study.db").read_bytes()
    assert (
        "already exists, and was not made by this script: choose another --out; --force replaces it"
        in complaint(search_report, [folder, "--out", folder / "study.db"])
    )
    assert (folder / "study.db").read_bytes() == before
    assert "is a folder; choose a file for --out" in complaint(search_report, [folder, "--out", folder])
    page.write_text("<!doctype html>of somebody else")
    assert "not made by this script" in complaint(search_report, [folder])
    assert search_report.main([str(folder), "--force"]) == 0
    page.write_text(page.read_text().replace("</h1>", "old</h1>"))
    assert search_report.main([str(folder)]) == 0
    assert "old</h1>" not in page.read_text()


def test_a_page_is_written_whole_or_not_at_all(folder, page, monkeypatch):
    def fail(*of_study):
        raise RuntimeError("stopped")

    before = page.read_bytes()
    monkeypatch.setattr(search_report, "document", fail)
    with pytest.raises(RuntimeError, match="stopped"):
        search_report.main([str(folder)])
    assert page.read_bytes() == before
    assert not list(folder.glob(".report*"))


def test_bad_input(tmp_path, complaint):
    assert "there is no search in" in complaint(search_report, [tmp_path / "nowhere"])
    assert not (tmp_path / "nowhere").exists()
    assert "--storage must be a URL" in complaint(search_report, [tmp_path, "--storage", "nonsense"])
    (tmp_path / "study.db").write_text("no database, whatever its name says")
    assert "failed: file is not a database" in complaint(search_report, [tmp_path])


def test_a_server_that_does_not_answer(tmp_path, complaint):
    pytest.importorskip("psycopg", reason="no psycopg: pip install -e '.[postgres]'")
    url = "postgresql://somebody:secret@127.0.0.1:9/search"
    said = complaint(search_report, [tmp_path, "--storage", url])
    assert "failed" in said and "secret" not in said

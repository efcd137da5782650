"""A small data set, a run on it, and a browser for pages."""

import json
import shutil
import tempfile
from functools import cache

import numpy as np
import pytensor
import pytest

from breze_like import Run, data
from breze_like.data import Dataset, write_hdf5
from breze_like.initialize import Initialization
from breze_like.trained import load, load_model, make_model
from experiments import command_line, train
from experiments.music import task

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Waits until the page is complete and all its sounds can be played, or failed. Links are those within the
# page. Of each plot, the number of lines, points and bars.
LOOK = """
const done = arguments[arguments.length - 1];
const complete = document.readyState === "complete" || new Promise(go => addEventListener("load", go));
const marks = plot => plot.querySelectorAll(".js-line, .point").length;
const played = a => a.readyState > 0 || a.error || new Promise(go => {
  a.addEventListener("loadedmetadata", go); a.addEventListener("error", go);
});
(async () => {
  await complete;
  const sounds = [...document.querySelectorAll("audio")], images = [...document.images];
  await Promise.all(sounds.map(played));
  done({
    plots: [...document.querySelectorAll("div.plot")].map(marks),
    durations: sounds.map(a => a.duration),
    widths: images.map(i => i.naturalWidth),
    alts: images.map(i => i.alt),
    links: [...document.links].map(a => a.getAttribute("href")).filter(href => href.startsWith("#"))
      .map(href => document.querySelector(href) !== null),
    focusable: [...document.querySelectorAll("audio, summary, a, [tabindex]")].every(e => e.tabIndex === 0),
    overflow: document.documentElement.scrollWidth - innerWidth,
  });
})();
"""


@pytest.fixture(scope="session")
def small_data(tmp_path_factory):
    """Path of a file with short piano rolls of unequal lengths."""
    rng = np.random.default_rng(0)

    def rolls(n):
        return [(rng.random((length, 88)) < 0.05).astype(np.uint8) for length in rng.integers(3, 9, n)]

    path = tmp_path_factory.mktemp("data") / "small.h5"
    write_hdf5(path, Dataset("small", rolls(6), rolls(3), rolls(3)))
    return path


@pytest.fixture(scope="session")
def real_data(tmp_path_factory):
    """Path of a file with short real-valued sequences of 3 features."""
    rng = np.random.default_rng(0)
    splits = ([rng.normal(size=(length, 3)) for length in rng.integers(3, 9, n)] for n in (4, 2, 2))
    path = tmp_path_factory.mktemp("data") / "real.h5"
    write_hdf5(path, Dataset("real", *splits))
    return path


@pytest.fixture(scope="session")
def small_space(tmp_path_factory):
    """File with choices for a random search: models of one small shape, told apart by step rates."""
    path = tmp_path_factory.mktemp("space") / "space.json"
    choices = {"n_hiddens": [4], "momentum": [0.0, 0.9], "step_rate": [0.01, 0.005, 0.001]}
    path.write_text(json.dumps(choices))
    return path


@pytest.fixture(scope="session")
def songs(tmp_path_factory):
    """Path of a file with songs, enough of them to be drawn."""
    rng = np.random.default_rng(0)
    splits = [[(rng.random((n, 88)) < 0.05).astype(np.uint8) for n in (9, 12, 7, 8)] for _ in range(3)]
    path = tmp_path_factory.mktemp("songs") / "songs.h5"
    write_hdf5(path, Dataset("songs", *splits))
    return path


@pytest.fixture(scope="session")
def untrained_run(tmp_path_factory):
    """Make a run whose parameters are the initial ones, in no time: ``untrained_run("rnn", path)``."""

    def untrained_run(model_name, path, *more):
        folder = tmp_path_factory.mktemp("runs") / model_name
        words = ["--model", model_name, "--dataset", str(path), "--out", str(folder), "--n-hiddens", "3"]
        options = train.make_parser().parse_args(
            [*words, "--n-latent", "2", "--n-emission-hiddens", "3", *more]
        )
        config = train.make_config(options, data.load(path))
        model = make_model(config)
        model.initialize(np.random.default_rng(0), Initialization(**config["initialization"]))
        run = Run.create(folder, config)
        run.write_checkpoint(model.parameters, {"best_parameters": model.parameters.data}, {})
        return folder

    return untrained_run


@pytest.fixture(scope="session")
def run_of_rolls(untrained_run, small_data):
    """An RNN of piano rolls, whose modes have notes."""
    return untrained_run("rnn", small_data, "--emission-bias", "-0.8")


@pytest.fixture(scope="session")
def run_of_reals(untrained_run, real_data):
    """An RNN of real values."""
    return untrained_run("rnn", real_data)


@pytest.fixture(scope="session")
def loaders():
    """Loading of runs by which each is loaded, and its functions are compiled, once in either precision."""

    def once(loader):
        cached = cache(lambda float_type, *words, **more: loader(*words, **more))
        return lambda *words, **more: cached(pytensor.config.floatX, *words, **more)

    return {"load": once(load), "load_model": once(load_model)}


@pytest.fixture
def loaded_once(loaders, monkeypatch):
    """Let the scripts that use a trained model load a run once; to be used by whole modules."""
    for name, loader in loaders.items():
        monkeypatch.setattr(task, name, loader)


@pytest.fixture
def finish(capsys):
    """Run a script to its end: ``finish(script, ["run", ...])``, its status, and what it printed and said."""

    def finish(script, words):
        with pytensor.config.change_flags(floatX=pytensor.config.floatX), pytest.raises(SystemExit) as ended:
            command_line.run(lambda: script.main([str(word) for word in words]), "nothing is kept")
        return ended.value.code, *capsys.readouterr()

    return finish


@pytest.fixture
def complaint(finish):
    """What a script says of bad input, one line, as it ends: ``complaint(script, ["run", ...])``."""

    def complaint(script, words):
        status, printed, said = finish(script, words)
        assert (status, printed) == (2, "")
        (line,) = said.splitlines()
        assert line.startswith("error: ")
        return line.removeprefix("error: ")

    return complaint


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Open a page in Chromium: ``browser(path)`` gives what it says of it, and what it asked for."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium: pip install -e '.[test]'")
    paths = [shutil.which(name) for name in CHROMIUM]
    chromium, driver = next(filter(None, paths), None), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no browser: chromium and chromedriver must be on the path")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tempfile.mkdtemp(dir=tmp_path_factory.mktemp('browser'))}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    chrome = webdriver.Chrome(options=options, service=service)
    chrome.set_script_timeout(30)

    def look(path):
        chrome.get(path.resolve().as_uri())
        seen = chrome.execute_async_script(LOOK)
        messages = [json.loads(line["message"])["message"] for line in chrome.get_log("performance")]
        sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        own = [s for s in sent if s["documentURL"] == path.resolve().as_uri()]  # not those of the empty tab
        seen["requests"] = [s["request"]["url"] for s in own]
        identities = {s["requestId"] for s in own}
        failed = [m["params"] for m in messages if m["method"] == "Network.loadingFailed"]
        seen["failed"] = [f for f in failed if f["requestId"] in identities]
        seen["console"] = [line["message"] for line in chrome.get_log("browser")]
        return seen

    yield look
    chrome.quit()

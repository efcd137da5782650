"""No script replaces a file of somebody else's without --force."""

import importlib
import os
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from experiments import search_cost
from experiments.command_line.reports import check_place

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = sorted(path.stem for path in (ROOT / "experiments").glob("[a-z]*.py"))
DATA_SCRIPTS = sorted(path.stem for path in (ROOT / "data").glob("*.py"))

pytestmark = pytest.mark.usefixtures("loaded_once")

MINE = b"mine"


def cases(run, songs, out):
    """What each script writes, as far as one can name it: its words, and the files."""
    table = [f"table1_songs{extension}" for extension in (".txt", ".md", ".csv", ".json", ".png")]
    search = ["--model", "rnn", "--trials", "1", "--dataset", songs, "--out", out / "search"]
    return {
        "benchmark": (["--report", out / "r.md", "--systems", "limit"], ["r.md", "r.json", "r.png"]),
        "check_gradients": ([], []),
        "denoise": ([run, "--out", out], ["test_0_denoised.npy", "test_0_denoised.png"]),
        "evaluate": ([run, "--report", out / "r.md"], ["r.md"]),
        "figure3": (["--run", run, "--out", out], ["figure3.png", "figure3.pdf"]),
        "graph": (["--model", "vosp", "--out", out], ["graph_vosp.svg", "graph_vosp.png"]),
        "impute": ([run, "--missing", "1:2", "--out", out], ["test_0_imputed.npy", "test_0_imputed.png"]),
        "leakage": (["--datasets", songs, "--report", out / "r.md"], ["r.md"]),
        "outliers": ([run, "--out", out], ["outliers.csv", "outliers.json", "outliers.png"]),
        "publish": ([], []),  # models, not files: its own tests
        "random_search": ([*search, "--record", out / "r.json"], ["r.json"]),
        "report": ([run, "--out", out / "r.html"], ["r.html"]),
        "results_page": (["--results", out], ["README.md", "trials.csv"]),
        "sample": ([run, "--out", out, "--n-steps", "3"], ["sample_0.npy"]),
        "search_cost": (["--results", out], ["search_cost.md"]),
        "search_report": ([out], ["report.html"]),
        "table1": (["--datasets", songs, "--models", "rnn", "--out", out], table),
        "task_scores": ([run, "--report", out / "r.md"], ["r.md"]),
        "train": (["--model", "rnn", "--dataset", songs, "--out", out], ["config.json"]),
        "trials": ([run, "--list", out / "trials.csv"], ["trials.csv"]),
        "convert": ([songs, out / "songs.h5"], ["songs.h5"]),
        "download": (["nottingham", "--data-dir", out], ["nottingham.h5"]),
        "build_chorales": (["--out", out / "chorales.h5"], ["chorales.h5"]),
    }


def main_of(script):
    if script in DATA_SCRIPTS:
        return runpy.run_path(str(ROOT / "data" / f"{script}.py"))["main"]
    return importlib.import_module(f"experiments.{script}").main


@pytest.mark.parametrize("script", [*SCRIPTS, *DATA_SCRIPTS])
def test_what_is_there_stays(script, run_of_rolls, songs, tmp_path, finish, monkeypatch):
    monkeypatch.setenv("BREZE_LIKE_MODELS", str(tmp_path / "models"))
    words, files = cases(run_of_rolls, songs, tmp_path)[script]
    for file in files:
        path = tmp_path / file
        path.write_bytes(MINE if script != "download" else songs.read_bytes())
        before = path.read_bytes()
        status, _, said = finish(SimpleNamespace(main=main_of(script)), words)
        assert status == 2 and len(said.splitlines()) == 1 and said.startswith("error: "), (file, said)
        assert path.name in said or script == "train", said  # it names the folder
        assert path.read_bytes() == before
        assert not list(tmp_path.rglob("*.part"))
        path.unlink()
        path.mkdir()
        assert finish(SimpleNamespace(main=main_of(script)), words)[0] == 2
        path.rmdir()


@pytest.mark.parametrize(
    ("script", "words"), [("search_cost", ["--results", "{}"]), ("graph", ["--model", "vosp", "--out", "{}"])]
)
def test_a_file_in_the_place_of_the_folder(script, words, tmp_path, complaint):
    place = tmp_path / "file"
    place.write_bytes(MINE)
    words = [word.format(place / "in" / "it") for word in words]
    said = complaint(SimpleNamespace(main=main_of(script)), words)
    assert said.startswith(f"{place} is a file; choose a folder for ")
    assert place.read_bytes() == MINE


def test_an_earlier_one_is_replaced(tmp_path, capsys):
    words = ["--results", str(tmp_path)]
    assert search_cost.main(words) == 0
    path = tmp_path / "search_cost.md"
    text = path.read_text()
    path.write_text(text.replace("core", "other"))
    assert search_cost.main(words) == 0
    assert path.read_text() == text
    path.write_bytes(MINE)
    assert search_cost.main([*words, "--force"]) == 0
    assert path.read_text() == text


class TestCheckPlace:
    def test_a_mark(self, tmp_path):
        path = tmp_path / "x"
        check_place(path, mark="# Made by")
        path.write_bytes(b"\xff\n# Made by us")
        check_place(path, mark="# Made by")
        with pytest.raises(
            ValueError, match="and was not made by this script: choose another --to; --force replaces it"
        ):
            check_place(path, mark="# Made of", flag="--to")
        with pytest.raises(ValueError, match="x already exists: choose another --out; --force replaces it"):
            check_place(path)
        check_place(path, force=True)
        path.write_bytes(b" " * 10_000 + b"# Made by us")
        with pytest.raises(ValueError, match="not made by this script"):
            check_place(path, mark="# Made by")

    @pytest.mark.parametrize("force", [False, True])
    def test_what_is_no_file(self, force, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="pipe is not a regular file: choose another --out"):
            check_place(tmp_path / "pipe", force, "mark")
        with pytest.raises(ValueError, match="is a folder; choose a file for --out"):
            check_place(tmp_path, force, "mark")
        with pytest.raises(ValueError, match="/dev/null is not a regular file: choose another --out"):
            check_place("/dev/null", force, "mark")
        with pytest.raises(ValueError, match="/dev/null is a file; choose a folder for --out"):
            check_place("/dev/null/x", force, "mark")

    def test_a_name_that_is_too_long(self, tmp_path):
        check_place(tmp_path / ("é" * 124))
        with pytest.raises(ValueError, match="has too long a name: choose another --out, or shorten"):
            check_place(tmp_path / ("é" * 125))

    def test_a_folder_that_is_only_read(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
        with pytest.raises(ValueError, match="can't be written to: choose another folder for --out"):
            check_place(tmp_path / "new" / "x")

    def test_a_link_that_leads_nowhere_is_somebodys(self, tmp_path):
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        with pytest.raises(ValueError, match="link already exists"):
            check_place(tmp_path / "link")
        check_place(tmp_path / "link", force=True)

"""The scripts in ``data/``; download.py against a server on this machine."""

import importlib.util
import runpy
import sys
import threading
from contextlib import suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from breze_like.data import DIGESTS, SPLITS, Dataset, read, write_hdf5
from breze_like.music import write_midi
from experiments.command_line import interrupts

SCRIPTS = Path(__file__).resolve().parents[2] / "data"


def script(name):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def known(splits, monkeypatch):
    """The small data set, as if it were the published JSB Chorales."""
    dataset = Dataset("jsb_chorales", **splits)
    monkeypatch.setitem(DIGESTS, "jsb_chorales", dataset.digests)
    return dataset


class Handler(BaseHTTPRequestHandler):
    """Answers with ``server.files[path]``: the body, and how many bytes it is said to have."""

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path not in self.server.files:
            self.send_error(404)
            return
        body, n_bytes = self.server.files[self.path]
        self.send_response(200)
        if n_bytes is not None:
            self.send_header("Content-Length", str(n_bytes))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """A web server: ``url = server.add("name.mat", body)``."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.requests = {}, []

        def url(name):
            return f"http://127.0.0.1:{server.server_port}/{name}"

        def add(name, body, n_bytes="true"):
            server.files[f"/{name}"] = body, len(body) if n_bytes == "true" else n_bytes
            return url(name)

        server.url, server.add = url, add
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def download(known, server, monkeypatch, tmp_path, capsys):
    """Run download.py for JSB Chorales with mirrors: its folder, exit status and messages."""
    module = script("download")
    folder = tmp_path / "sets"

    def run(*mirrors, arguments=("jsb_chorales",)):
        monkeypatch.setitem(module.MIRRORS, "jsb_chorales", mirrors)
        status = module.main([*arguments, "--data-dir", str(folder)])
        return folder, status, capsys.readouterr()

    run.module = module
    return run


@pytest.fixture
def good(write, splits):
    return write("JSB_Chorales.mat", splits).read_bytes()


class TestDownload:
    def test_good_file(self, download, server, good, known):
        url = server.add("JSB_Chorales.mat", good)
        folder, status, printed = download(url)
        assert status == 0 and printed.err == ""
        assert printed.out == f"{folder}/jsb_chorales.h5: verified, from {url}\n"
        assert [path.name for path in folder.iterdir()] == ["jsb_chorales.h5"]
        dataset = read(folder / "jsb_chorales.h5")
        assert dataset.digests == known.digests
        assert dataset.name == "jsb_chorales" and dataset.source.endswith(url)

    def test_pickle_without_a_length(self, download, server, write, notes):
        body = write("x.pickle", notes).read_bytes()
        folder, status, _ = download(server.add("JSB%20Chorales.pickle", body, None))
        assert status == 0 and read(folder / "jsb_chorales.h5")

    def test_second_mirror(self, download, server, good):
        missing, url = server.url("missing.mat"), server.add("JSB_Chorales.mat", good)
        folder, status, printed = download(missing, url)
        assert status == 0
        assert printed.err == f"{missing}: HTTP Error 404: Not Found\n"
        assert printed.out.endswith(f"verified, from {url}\n")

    def test_bad_mirrors(self, download, server, good, write, notes):
        notes["test"][0][0] = (50, 52)
        urls = [
            server.add("cut.mat", good[:-100], len(good)),
            server.add("cut_silently.mat", good[:-100], None),
            server.add("wrong.pickle", write("wrong.pickle", notes).read_bytes()),
            server.add("page.mat", b"<html>moved</html>"),
            "http://127.0.0.1:1/closed.mat",
            "nowhere",
        ]
        folder, status, printed = download(*urls)
        assert status == 2 and printed.out == ""
        *lines, last = printed.err.splitlines()
        reasons = [line.removeprefix(f"{url}: ") for url, line in zip(urls, lines, strict=True)]
        assert reasons[0] == f"only {len(good) - 100} of {len(good)} bytes arrived"
        assert reasons[1].startswith("not a readable MATLAB file")
        assert reasons[2] == "the content is not the published data set"
        assert reasons[3].startswith("must be a MATLAB, HDF5, JSON, pickle, .npz or .csv file")
        assert "refused" in reasons[4]
        assert reasons[5].startswith("unknown url type")
        assert last.startswith("error: no mirror gave jsb_chorales; see data/README.md")
        assert list(folder.iterdir()) == []

    def test_too_large(self, download, server, good, monkeypatch):
        monkeypatch.setattr(download.module, "MAX_BYTES", 100)
        folder, status, printed = download(server.add("JSB_Chorales.mat", good, None))
        assert status == 2 and "larger than the limit of 100 bytes" in printed.err
        assert list(folder.iterdir()) == []

    def test_no_answer(self, download, server, monkeypatch):
        monkeypatch.setattr(download.module, "TIMEOUT", 0.05)
        monkeypatch.setattr(Handler, "do_GET", lambda _: threading.Event().wait(0.3))
        _, status, printed = download(server.url("slow.mat"))
        assert status == 2 and "slow.mat: timed out\n" in printed.err

    def test_a_server_of_one_byte_at_a_time_does_not_hold_it(self, download, server, good, monkeypatch):
        stop = threading.Event()

        def trickle(handler):
            body = handler.path == "/body.mat"
            handler.wfile.write(b"HTTP/1.0 200 OK\r\n" + (b"\r\n" if body else b"X: "))
            with suppress(OSError):
                while not stop.wait(0.02):
                    handler.wfile.write(b"x")
                handler.wfile.write(b"" if body else b"\r\n\r\n")

        monkeypatch.setattr(download.module, "MAX_SECONDS", 0.2)
        monkeypatch.setattr(Handler, "do_GET", trickle)
        folder, status, printed = download(server.url("body.mat"), server.url("head.mat"))
        stop.set()
        assert status == 2 and list(folder.iterdir()) == []
        *lines, _ = printed.err.splitlines()
        assert [line.rpartition(": ")[2] for line in lines] == 2 * [
            "not all of it arrived within 0.2 seconds"
        ]

    def test_other_files_than_the_published_ones_are_not_even_read(self, download, server, good, monkeypatch):
        url = server.add("JSB_Chorales.mat", good)
        monkeypatch.setitem(download.module.FILE_DIGESTS, url, sha256(good).hexdigest())
        assert download(url)[1] == 0
        (download(url)[0] / "jsb_chorales.h5").unlink()
        server.add("JSB_Chorales.mat", good + b" ")
        monkeypatch.setattr(download.module, "read", None)
        monkeypatch.setattr(download.module, "is_published", lambda *_: False)
        _, status, printed = download(url)
        assert status == 2 and "the file differs from the one that was published there" in printed.err

    def test_digests_are_of_mirrors(self, standard_data):
        module = script("download")
        urls = [url for urls in module.MIRRORS.values() for url in urls]
        assert set(module.FILE_DIGESTS) <= set(urls)
        for url, digest in module.FILE_DIGESTS.items():
            path = standard_data / url.rpartition("/")[2]
            if path.is_file():
                assert sha256(path.read_bytes()).hexdigest() == digest

    def test_keeps_what_is_there(self, download, server, good, known):
        folder, _, _ = download(server.add("JSB_Chorales.mat", good))
        (folder / "jsb_chorales.h5").rename(folder / "kept.h5")
        write_hdf5(folder / "jsb_chorales.h5", known)
        _, status, printed = download(server.url("missing.mat"))
        assert status == 0 and printed.out.endswith("already there\n")
        (folder / "jsb_chorales.h5").write_bytes(b"damaged")
        _, status, _ = download(server.url("missing.mat"))
        assert status == 2 and (folder / "jsb_chorales.h5").read_bytes() == b"damaged"
        _, status, _ = download(server.url("JSB_Chorales.mat"))
        assert status == 0 and read(folder / "jsb_chorales.h5").digests == known.digests

    def test_mirror_from_the_command_line(self, download, server, good):
        url = server.add("mine.mat", good)
        _, status, printed = download(server.url("x.mat"), arguments=("jsb_chorales", "--mirror", url))
        assert status == 0 and f"from {url}" in printed.out
        assert server.requests == ["/mine.mat"]

    @pytest.mark.parametrize(
        "arguments, message",
        [
            (
                ["jsb"],
                "NAME must be one of jsb_chorales, nottingham, piano_midi, musedata, got 'jsb'",
            ),
            (["--mirror", "http://x/y"], "--mirror must come with one NAME, got 4"),
        ],
    )
    def test_rejects(self, arguments, message, download):
        _, status, printed = download(arguments=arguments)
        assert status == 2 and printed.err == f"error: {message}\n"

    def test_needs_a_folder(self, monkeypatch, capsys):
        monkeypatch.delenv("BREZE_LIKE_DATA", raising=False)
        assert script("download").main([]) == 2
        assert capsys.readouterr().err == (
            "error: --data-dir or $BREZE_LIKE_DATA must say which folder to write to\n"
        )

    def test_mirrors_have_all_standard_sets(self):
        mirrors = script("download").MIRRORS
        assert set(mirrors) == set(DIGESTS) - {"chorales"}
        assert all(url.startswith("http") for urls in mirrors.values() for url in urls)


class TestConvert:
    def run(self, *arguments):
        return script("convert").main([str(argument) for argument in arguments])

    def test_published_set(self, known, write, notes, tmp_path, capsys):
        out = tmp_path / "out.h5"
        assert self.run(write("JSB Chorales.pickle", notes), out, "--licence", "CC0") == 0
        assert capsys.readouterr().out.splitlines() == [
            "train: 2 sequences, 4 steps",
            "valid: 1 sequences, 4 steps",
            "test: 3 sequences, 8 steps",
            f"{out}: jsb_chorales, verified: the published data set",
        ]
        assert read(out).digests == known.digests and read(out).licence == "CC0"

    def test_own_set(self, write, notes, tmp_path, capsys):
        out = tmp_path / "out.h5"
        assert self.run(write("x.json", notes), out, "--name", "mine", "--origin", "me") == 0
        assert "mine, no digest is known to verify it with" in capsys.readouterr().out
        assert (read(out).name, read(out).source) == ("mine", "me")

    @pytest.mark.parametrize("grid", [1, 2, 4])
    def test_midi_files_on_a_grid(self, grid, splits, tmp_path, capsys):
        for split, rolls in splits.items():
            (tmp_path / "songs" / split).mkdir(parents=True)
            for index, roll in enumerate(rolls):
                write_midi(tmp_path / "songs" / split / f"{index}.mid", roll, grid)
        assert self.run(tmp_path / "songs", tmp_path / "o.h5", "--steps-per-quarter", grid) == 0
        assert "songs, no digest is known to verify it with" in capsys.readouterr().out
        assert read(tmp_path / "o.h5").digests == Dataset("songs", **splits).digests

    def test_other_content(self, write, notes, tmp_path, capsys):
        assert self.run(write("x.json", notes), tmp_path / "o.h5", "--name", "musedata") == 0
        assert "musedata, NOT the published data set" in capsys.readouterr().out

    def test_replaces_no_file_without_force_and_never_its_source(self, write, notes, tmp_path, capsys):
        source, out = write("x.json", notes), tmp_path / "out.h5"
        before = source.read_bytes()
        (tmp_path / "link.json").symlink_to(source)
        for path, options in ((source, ["--force"]), (tmp_path / "link.json", ["--force"]), (source, [])):
            assert self.run(source, path, *options) == 2
            assert "is the source itself: choose another OUT" in capsys.readouterr().err
        out.write_text("mine")
        assert self.run(source, out) == 2
        assert "out.h5 already exists: choose another OUT; --force replaces it" in capsys.readouterr().err
        assert (source.read_bytes(), out.read_text()) == (before, "mine")
        assert self.run(source, out, "--force") == 0
        assert read(out).digests == read(source).digests

    def test_files_that_cannot_be_read_are_all_named_or_left_out(self, tmp_path, capsys):
        (tmp_path / "songs").mkdir()
        for index in range(6):
            write_midi(tmp_path / "songs" / f"{index}.mid", np.eye(4, 88))
        for name in ("a", "b"):
            (tmp_path / "songs" / f"{name}.mid").write_bytes(b"no song")
        assert self.run(tmp_path / "songs", tmp_path / "o.h5") == 2
        (line,) = capsys.readouterr().err.splitlines()
        reason = "not a readable MIDI file: ValueError: it does not begin like one"
        assert line.endswith(f"songs: 2 of 8 files can't be read: a.mid: {reason}; b.mid: {reason}")
        with pytest.warns(UserWarning, match="songs: left out: 2 of 8 files can't be read: a.mid: "):
            assert self.run(tmp_path / "songs", tmp_path / "o.h5", "--leave-out") == 0
        assert sum(map(len, (getattr(read(tmp_path / "o.h5"), split) for split in SPLITS))) == 6

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk to write to")
    def test_a_full_disk(self, write, notes, tmp_path, capsys):
        (tmp_path / ".out.h5.part").symlink_to("/dev/full")
        assert self.run(write("x.json", notes), tmp_path / "out.h5") == 2
        assert "No space left on device" in capsys.readouterr().err

    def test_rejects(self, write, notes, tmp_path, capsys):
        assert self.run(tmp_path / "no.mat", tmp_path / "out.h5") == 2
        assert self.run(write("cut.mat", {}), tmp_path / "out.h5") == 2
        assert self.run(write("x.json", notes), tmp_path / "no" / "out.h5") == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 3 and all(line.startswith("error: ") for line in lines)
        assert lines[2].endswith("no is no folder: make it, or choose another OUT")
        assert not (tmp_path / "out.h5").exists()


class TestBuildChorales:
    build = script("build_chorales")

    def test_split_is_fixed(self):
        parts = self.build.split([str(index) for index in range(10)])
        assert {name: len(part) for name, part in parts.items()} == {
            "train": 6,
            "valid": 2,
            "test": 2,
        }
        assert sorted(sum(parts.values(), [])) == list("0123456789")
        assert parts["test"] == ["9", "7"]

    def test_leaves_out_transposed_and_altered_works(self, rng, capsys):
        first, second = (np.zeros((30, 88), np.uint8) for _ in range(2))
        for work in (first, second):
            for step in work:
                step[rng.choice(np.arange(30, 60), 4, replace=False)] = 1
        altered = np.roll(first, 5, axis=1)
        altered[:5] = second[:5]
        works = {"first": first, "altered": altered, "second": second}
        assert list(self.build.distinct(works)) == ["first", "second"]
        assert "altered left out: shares" in capsys.readouterr().out

    @pytest.fixture
    def score(self):
        music21 = pytest.importorskip("music21")

        def make(*parts, names=self.build.VOICES):
            """Each part is music21's notation for one bar after another."""
            score = music21.stream.Score()
            for name, notes in zip(names, parts, strict=True):
                part = music21.converter.parse(f"tinynotation: {notes}").makeMeasures()
                part.partName = name
                score.insert(0, part)
            return score

        return make

    def test_samples_what_sounds_at_the_quarters(self, score):
        keys = self.build.roll(
            score(
                "4/4 c'2 d'8 e'8 f'4 g'1",
                "4/4 r1 r1",
                "4/4 c4 r4 c4~ c4 c1",
                "4/4 C8 D4. E2 C1",
            )
        )
        steps = [(np.flatnonzero(step) + 21).tolist() for step in keys]
        assert steps == [
            [48, 60, 72],
            [50, 72],
            [52, 60, 74],
            [52, 60, 77],
            *[[48, 60, 79]] * 4,
        ]

    def test_leaves_out_what_does_not_fit(self, score):
        voice = "4/4 c1"
        with pytest.raises(ValueError, match="not for exactly four voices: Soprano, Alto, Tenor, Horn"):
            self.build.roll(score(*[voice] * 4, names=["Soprano", "Alto", "Tenor", "Horn"]))
        with pytest.raises(ValueError, match="bars don't begin on the grid"):
            self.build.roll(score(*["5/8 c8 c8 c8 c8 c8 c8"] * 4))
        with pytest.raises(ValueError, match="outside the keyboard"):
            self.build.roll(score(*["4/4 CCCC1"] * 4))

    @pytest.mark.slow
    def test_builds_the_embedded_file(self, tmp_path, capsys):
        pytest.importorskip("music21")
        assert self.build.main(["--out", str(tmp_path / "chorales.h5")]) == 0
        assert capsys.readouterr().out.endswith("bytes, the published content\n")
        assert read(tmp_path / "chorales.h5").digests == DIGESTS["chorales"]

    def test_needs_music21(self, monkeypatch, capsys, tmp_path):
        monkeypatch.setitem(sys.modules, "music21", None)
        assert self.build.main(["--out", str(tmp_path / "x.h5")]) == 2
        assert capsys.readouterr().err.startswith("error: this needs music21")


@pytest.mark.parametrize("name", ["download", "convert", "build_chorales"])
def test_help(name, monkeypatch, capsys):
    installed = []
    monkeypatch.setattr(interrupts, "install", lambda: installed.append(name))  # not in the tests' process
    monkeypatch.setattr(interrupts, "text", "")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    path = str(SCRIPTS / f"{name}.py")
    runpy.run_path(path)
    assert installed == []
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(path, run_name="__main__")
    assert installed == [name] and interrupts.text.startswith("stopped; ")
    assert "usage:" in capsys.readouterr().out

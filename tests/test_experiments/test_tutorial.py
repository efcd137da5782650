"""The tutorial: all of its blocks, one after the other."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_all_blocks_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folders = [str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": os.pathsep.join(folders)}
    names, shown = {}, 0
    for language, block in BLOCK.findall((ROOT / "experiments" / "tutorial.md").read_text()):
        if language == "sh":
            command = ["bash", "-ec", block]
            subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
            continue
        exec(block, names)
        last = block.splitlines()[-1]
        if re.match(r"show\(|history$", last):  # what a notebook shows
            assert "<img" in eval(last, names)._repr_html_()
            shown += 1
    assert shown == 4
    assert Path("search/report.html").is_file() and Path("models/tunes").is_dir()
    printed = capsys.readouterr().out
    found = re.search("floor (.*), bound (.*), of weighted draws (.*)", printed)
    floor, bound, weighted = map(float, found.groups())
    assert weighted < bound < floor
    assert float(re.search("largest relative error (.*), of", printed)[1]) < 1e-5
    assert not any(np.isnan(x).any() for x in names["filled"])

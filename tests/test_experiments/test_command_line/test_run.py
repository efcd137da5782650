"""How scripts end."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytensor
import pytest

from experiments import command_line, train

ROOT = Path(__file__).resolve().parents[3]


def ending(main, when_stopped="nothing is kept"):
    with pytensor.config.change_flags(floatX="float32"), pytest.raises(SystemExit) as ended:
        command_line.run(main, when_stopped)
    return ended.value.code


def test_ctrl_c_ends_with_one_line(capsys):
    def main():
        raise KeyboardInterrupt

    assert ending(main, "all is saved; run the same command to continue") == 130
    assert capsys.readouterr().err == "stopped; all is saved; run the same command to continue\n"


STOPPED = """
import atexit, sys
sys.argv[0] = "-m"  # a script
from experiments import command_line

def main():
    print("printed", end="")
    raise KeyboardInterrupt(15)

atexit.register(print, "shut down")
command_line.run(main, "all is saved")
"""


def test_the_interpreter_of_a_stopped_script_is_not_shut_down():
    """What XLA still computes in its threads would end it by SIGSEGV."""
    run = subprocess.run([sys.executable, "-c", STOPPED], cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (143, "printed", "stopped; all is saved\n")


def test_what_is_said_may_depend_on_options(capsys):
    def main():
        command_line.stopping("nothing is written")
        raise KeyboardInterrupt

    assert ending(main) == 130
    assert capsys.readouterr().err == "stopped; nothing is written\n"


def test_bad_input_ends_with_one_line(capsys):
    def main():
        raise ValueError("two\nlines")

    assert ending(main) == 2
    assert capsys.readouterr().err == "error: two lines\n"


@pytest.mark.slow
def test_a_training_that_diverges_ends_with_one_line(small_data, tmp_path, capsys):
    words = ["--model", "rnn", "--dataset", str(small_data), "--out", str(tmp_path / "run"), "--quiet"]
    words += ["--n-hiddens", "3", "--step-rate", "1e38", "--n-epochs", "30"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of overflow
        assert ending(lambda: train.main(words)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: training diverged: loss or gradient was not finite 11 times in a row")
    assert line.endswith("try a smaller step_rate")


@pytest.mark.parametrize("line", ["import matplotlib.figure", "from optuna import trial"])
def test_a_missing_package_ends_with_what_to_install(line):
    package = line.split()[1].partition(".")[0]
    # PyTensor has a hook of its own.
    code = f"import sys; sys.modules['{package}'] = None; import experiments; import pytensor; {line}"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    extra = {"matplotlib": "scripts", "optuna": "search"}[package]
    assert run.returncode == 1
    assert run.stderr.startswith(f"error: {package}")
    assert run.stderr.endswith(f" is not installed: pip install -e '.[jax,{extra}]'\n")


def test_other_errors_keep_their_traceback():
    code = "import experiments; import a_package_of_nobody"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1
    assert "Traceback" in run.stderr and "a_package_of_nobody" in run.stderr

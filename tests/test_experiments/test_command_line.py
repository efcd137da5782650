"""How scripts end."""

import pytensor
import pytest

from experiments import command_line


def ending(main, *how):
    with pytensor.config.change_flags(floatX="float32"), pytest.raises(SystemExit) as ended:
        command_line.run(main, *how)
    return ended.value.code


def test_ctrl_c_ends_with_one_line(capsys):
    def main():
        raise KeyboardInterrupt

    assert ending(main, "the same command goes on") == 130
    assert capsys.readouterr().err == "stopped; what is done is saved, the same command goes on\n"


def test_bad_input_ends_with_one_line(capsys):
    def main():
        raise ValueError("two\nlines")

    assert ending(main) == 2
    assert capsys.readouterr().err == "error: two lines\n"

import errno
import io
import os
import re
import socket
import subprocess
import sys

import pytest
from filelock import FileLock

from breze_like.files import alone, file_name, replacing, writing


def test_files_are_replaced_completely_or_not_at_all(tmp_path):
    path = tmp_path / "table.txt"
    with replacing(path) as stream:
        stream.write(b"one")
        assert not path.exists()
    with pytest.raises(OSError, match="disk full"), replacing(path) as stream:
        stream.write(b"half of")
        raise OSError("disk full")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_errors_name_the_file_that_was_asked_for(tmp_path):
    place = tmp_path / "nowhere" / "a"
    with pytest.raises(FileNotFoundError) as caught, replacing(place):
        pass
    assert caught.value.filename == str(place) and ".part" not in str(caught.value)
    os.mkfifo(tmp_path / "pipe")
    for what_is_none in (tmp_path, tmp_path / "pipe", "/dev/null"):
        with (
            pytest.raises(ValueError, match="is not a regular file: choose another place"),
            replacing(what_is_none),
        ):
            pass


def test_what_a_killed_process_left_is_written_over(tmp_path):
    (tmp_path / ".table.txt.part").write_bytes(b"much more than one")
    with replacing(tmp_path / "table.txt") as stream:
        stream.write(b"one")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"one"]


def test_writing_to_a_path_or_a_stream(tmp_path):
    content = io.BytesIO()
    for target in (tmp_path / "table.txt", str(tmp_path / "copy.txt"), content):
        with writing(target) as stream:
            stream.write(b"one")
    assert content.getvalue() == b"one"
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == [b"one", b"one"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("jsb_chorales", "jsb_chorales"),
        ("v1.2-b", "v1.2-b"),
        ("../../x", "_.._x"),
        ("/etc/passwd", "_etc_passwd"),
        ("..", "unnamed"),
        ("", "unnamed"),
        (".hidden", "hidden"),
        ("a b\n\0c", "a_b_c"),
        ("C:\\x", "C_x"),
        ("über", "über"),
        ("n" * 5000, "n" * 100),
    ],
)
def test_names_lead_nowhere(name, expected, tmp_path):
    assert file_name(name) == expected
    assert (tmp_path / file_name(name)).resolve().parent == tmp_path


HOLDER = """
import sys
from breze_like.files import alone
with alone(sys.argv[1]), alone(sys.argv[1]):
    print("there", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that is alone in a folder."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], **pipes) as process:
        assert process.stdout.readline() == b"there\n"
        yield process
        process.kill()


def test_one_process_at_a_time(tmp_path, holder):
    who = f"in use by process {holder.pid} on {socket.gethostname()}: wait until it ends, or choose another"
    for _ in range(2):
        with pytest.raises(ValueError, match=re.escape(f"{tmp_path} is {who}")), alone(tmp_path):
            pass
    holder.communicate()  # which ends it
    with alone(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_is_alone_no_more(tmp_path, holder):
    holder.kill()
    holder.wait()
    with alone(tmp_path), alone(tmp_path):
        assert str(os.getpid()) in (tmp_path / ".writer").read_text()
    assert list(tmp_path.iterdir()) == []


def test_where_there_are_no_locks(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.warns(UserWarning, match="can't be locked: let only one process at a time"), alone(tmp_path):
        pass

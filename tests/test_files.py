import io

import pytest

from breze_like.files import replacing, writing


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

import pytest

from breze_like.files import replacing


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

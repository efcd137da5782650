import numpy as np
import pytest

from breze_like.data import Dataset, write_hdf5
from experiments import leakage


def roll(*frames):
    """A piano roll from the MIDI numbers of the notes of each frame."""
    made = np.zeros((len(frames), 88), np.uint8)
    for t, notes in enumerate(frames):
        made[t, [note - 21 for note in notes]] = 1
    return made


TRAIN = [roll([60], [62], [60, 64]), roll([60], [60], [59, 62])]


def test_windows_are_those_of_a_search_one_by_one(rng):
    train, test = ([(rng.random((12, 3)) < 0.4).astype(np.uint8) for _ in range(4)] for _ in range(2))
    for n_steps in (1, 2, 4, 13):
        of_train, of_test = (
            [roll[t : t + n_steps] for roll in rolls for t in range(len(roll) - n_steps + 1)]
            for rolls in (train, test)
        )
        found = [any(np.array_equal(a, b) for b in of_train) for a in of_test]
        expected = np.mean(found) if found else 0.0
        assert leakage.share_known(train, test, n_steps) == pytest.approx(expected)


def test_copies_are_whole_pieces():
    others = [roll([60], [62], [60, 64]), roll([60], [62]), roll([60], [62], [60])]
    assert leakage.n_copies(TRAIN, others) == 1


def test_new_notes_are_counted_at_every_step():
    assert leakage.n_new_notes(TRAIN, [roll([60, 70], [70]), roll([71], [62])]) == 3


def test_a_piece_ends_with_the_lowest_note_of_its_last_sound():
    assert leakage.share_ending_on_c([*TRAIN, roll([48], []), roll([])]) == pytest.approx(2 / 3)


def test_the_table(tmp_path, capsys):
    write_hdf5(tmp_path / "set.h5", Dataset("mine", TRAIN, [TRAIN[0]], [roll([60], [62], [65])]))
    words = ["--datasets", str(tmp_path / "set.h5"), "--report", str(tmp_path / "table.md")]
    assert leakage.main(words) == 0
    head, _, line = capsys.readouterr().out.splitlines()
    # Of 6 frames, note 60 is in 4, 62 in 2, 59 and 64 in 1 each, and the test frames have 60, 62 and 65.
    silent = np.log(3 / 8) + np.log(5 / 8) + 2 * np.log(6 / 8) + 84 * np.log(7 / 8)
    per_step = -silent - np.log((5 / 3) * (3 / 5) * (1 / 7)) / 3
    assert line == f"| mine | 1 | 0 | 66.7% | 0.0% | 1 | 50% | {per_step:.2f} |"
    assert (tmp_path / "table.md").read_text().splitlines()[0] == head


def test_real_values(real_data):
    with pytest.raises(ValueError, match="must be binary, like piano rolls, real is real-valued"):
        leakage.main(["--datasets", str(real_data)])


def test_a_report_replaces_reports_only(songs, tmp_path, complaint, capsys):
    table = tmp_path / "table.md"
    words = ["--datasets", str(songs), "--report", str(table)]
    table.write_text("notes")
    message = f"{table} already exists, and was not made by this script: choose another --report; "
    assert complaint(leakage, words).startswith(message)
    assert table.read_text() == "notes"
    assert leakage.main([*words, "--force"]) == 0
    assert leakage.main(words) == 0
    assert table.read_text() in capsys.readouterr().out
    assert "is a folder; choose a file for --report" in complaint(leakage, [*words[:-1], str(tmp_path)])

"""The layouts in which people have the chorales and their own sequences, beside those of test_formats.py."""

import json
import os
import pickle
import warnings
import zipfile

import h5py
import numpy as np
import pytest

from breze_like.data import SPLITS, load, read
from breze_like.data.dividing import divide


def assert_equal(dataset, splits):
    for split in SPLITS:
        for ours, theirs in zip(getattr(dataset, split), splits[split], strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.fixture
def voices():
    """Chorales of four voices, with rests, as numbers; the soprano of the last one has none."""
    return {
        "train": [[[74, 70, 65, 58], [-1, 70, 65, 58]], [[75, 70, 58, 55]]],
        "valid": [[[-1, -1, -1, -1], [21, 108, 60, 60]]],
        "test": [[[60, 62, 64, 65]] * 3],
    }


@pytest.fixture
def rolls(voices):
    """The same as piano rolls, made note by note."""
    result = {}
    for split, chorales in voices.items():
        result[split] = [np.zeros((len(chorale), 88), int) for chorale in chorales]
        for roll, chorale in zip(result[split], chorales, strict=True):
            for step, notes in enumerate(chorale):
                for note in notes:
                    if note > 0:
                        roll[step, note - 21] = 1
    return result


def objects(arrays):
    """An array of objects, as NumPy makes of arrays of different lengths."""
    result = np.empty(len(arrays), object)
    result[:] = arrays
    return result


class TestVoices:
    @pytest.mark.parametrize("rest", [-1, float("nan"), None])
    @pytest.mark.parametrize("number", [int, float])
    def test_json(self, rest, number, voices, rolls, tmp_path):
        for chorale in sum(voices.values(), []):
            for step in chorale:
                step[:] = [rest if note == -1 else number(note) for note in step]
        (tmp_path / "a.json").write_text(json.dumps(voices))
        assert_equal(read(tmp_path / "a.json"), rolls)

    @pytest.mark.parametrize("dtype", [np.int8, np.int64, ">i4", np.float16, np.float64])
    @pytest.mark.parametrize("kind", ["npz", "pickle", "list"])
    def test_arrays(self, kind, dtype, voices, rolls, tmp_path):
        arrays = {split: [np.array(c, dtype) for c in chorales] for split, chorales in voices.items()}
        if np.dtype(dtype).kind == "f":
            for array in sum(arrays.values(), []):
                array[array == -1] = np.nan
        if kind == "npz":
            np.savez_compressed(tmp_path / "a", **{split: objects(own) for split, own in arrays.items()})
        else:
            own = arrays if kind == "list" else {split: objects(own) for split, own in arrays.items()}
            (tmp_path / "a.pickle").write_bytes(pickle.dumps(own))
        assert_equal(read(next(tmp_path.iterdir())), rolls)

    @pytest.mark.parametrize("name", ["validation", "val", "valid"])
    def test_names_of_splits(self, name, voices, rolls, tmp_path):
        voices[name] = voices.pop("valid")
        (tmp_path / "a.json").write_text(json.dumps({"name": "x", **voices}))
        assert_equal(read(tmp_path / "a.json"), rolls)

    def test_two_names_of_a_split(self, voices, tmp_path, message_of):
        (tmp_path / "a.json").write_text(json.dumps({**voices, "val": voices["valid"]}))
        expected = "split valid must be there once, got 'val' and 'valid': leave one out"
        assert message_of(tmp_path / "a.json").endswith(expected)

    @pytest.mark.parametrize("name", ["train", "validation"])
    def test_a_split_that_is_there_twice(self, name, voices, rolls, tmp_path, message_of):
        """Python keeps the last one: ``json.loads('{"a": 1, "a": 2}') == {"a": 2}``."""
        voices = {"validation" if key == "valid" else key: own for key, own in voices.items()}
        pairs = [*voices.items(), (name, [[[60, 64, 67, 72]]]), ("about", {"train": 1})]
        text = ", ".join(f'"{key}": {json.dumps(value)}' for key, value in pairs)
        (tmp_path / "a.json").write_text(f"{{{text}}}")
        assert (
            message_of(tmp_path / "a.json") == f"'{name}' must be there once, is there 2 times: leave one out"
        )
        text = ", ".join(f'"{key}": {json.dumps(value)}' for key, value in voices.items())
        (tmp_path / "a.json").write_text(f'{{"about": {{"train": 1, "train": 2}}, {text}, "x": 1, "x": 2}}')
        assert_equal(read(tmp_path / "a.json"), rolls)

    def test_wrong_notes(self, voices, tmp_path, message_of):
        arrays = {split: np.array(own[:1]) for split, own in voices.items()}
        arrays["test"][0, 1, 2] = 20
        np.savez(tmp_path / "a.npz", **arrays)
        rule = "test[0] must be 0 and 1, or MIDI notes 21 to 108 with -1 for rests, got 20"
        assert message_of(tmp_path / "a.npz") == rule


class TestArchives:
    def test_objects_of_one_shape_and_what_is_no_split(self, rng, tmp_path):
        """As NumPy makes them of a list of arrays of one length with `dtype=object`."""
        splits = {split: [rng.normal(size=(4, 3)) for _ in range(2)] for split in SPLITS}
        alike = {split: np.array(own, object) for split, own in splits.items()}
        np.savez(tmp_path / "a.npz", **alike, about=np.array({"made": "by me"}, object))
        assert_equal(read(tmp_path / "a.npz"), splits)

    @pytest.mark.parametrize(
        "make", [lambda r: r.normal(size=(3, 5, 2)), lambda r: r.integers(0, 2, (3, 5, 2))]
    )
    def test_sequences_of_other_kinds(self, make, tmp_path, rng):
        arrays = {split: make(rng) for split in SPLITS}
        np.savez(tmp_path / "a.npz", **arrays)
        dataset = read(tmp_path / "a.npz")
        assert dataset.binary == (arrays["train"].dtype.kind == "i")
        assert_equal(dataset, arrays)

    @pytest.mark.parametrize("member", ["test.npy", "test"])
    def test_an_array_that_is_there_twice(self, member, tmp_path, rng, message_of):
        path = tmp_path / "a.npz"
        np.savez(path, **{split: rng.normal(size=(5, 2)) for split in SPLITS})
        with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            archive.writestr(member, archive.read("train.npy"))
        expected = (
            "not a readable NumPy archive: ValueError: 'test' must be there once, is there 2 times: leave"
        )
        assert message_of(path).startswith(expected)

    @pytest.mark.parametrize("shape", [(), (5,)])
    @pytest.mark.parametrize("dtype", [int, float])
    def test_arrays_without_features(self, shape, dtype, tmp_path, message_of):
        rule = "test must be an array (n_steps, n_features) or (n_sequences, n_steps, n_features), got shape"
        message = f"{rule} {shape}: one sequence x of one feature is x[:, None]"
        arrays = {"train": np.ones((5, 1)), "valid": np.ones((2, 5, 1)), "test": np.ones(shape, dtype)}
        np.savez(tmp_path / "a.npz", **arrays)
        (tmp_path / "a.pickle").write_bytes(pickle.dumps(arrays))
        assert message_of(tmp_path / "a.npz") == message_of(tmp_path / "a.pickle") == message

    def test_one_sequence_a_split(self, tmp_path, rng):
        arrays = {split: np.asfortranarray(rng.normal(size=(5, 2))) for split in SPLITS}
        np.savez(tmp_path / "a.npz", **arrays)
        assert_equal(read(tmp_path / "a.npz"), {split: [array] for split, array in arrays.items()})

    def test_objects_are_not_run(self, tmp_path, message_of):
        class Malicious:
            def __reduce__(self):
                return os.system, (f"touch {tmp_path}/ran",)

        np.savez(tmp_path / "a.npz", train=objects([Malicious()]))
        assert "UnpicklingError: it refers to posix.system; only numbers" in message_of(tmp_path / "a.npz")
        assert not (tmp_path / "ran").exists()

    def test_damage(self, tmp_path, rng, message_of):
        path = tmp_path / "a.npz"
        np.savez_compressed(path, train=rng.normal(size=(5, 2)))
        content = path.read_bytes()
        assert message_of(path) == "must be a dictionary of train, valid, test, got train"
        for n_bytes in range(4, len(content), 20):
            path.write_bytes(content[:n_bytes])
            assert message_of(path).startswith("not a readable NumPy archive: ")


def test_json_with_a_byte_order_mark(write, notes, splits):
    path = write("a.json", notes)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert_equal(read(path), splits)


def test_messages_quote_little(write, notes, tmp_path, message_of):
    """On one line, printable, and not much of it."""
    odd = "\n\x1b[31m\udce9" + 10_000 * "é"
    long = 10**5 * [10**5 * [60]]
    for content in (
        {odd: 1},
        {odd + str(i): 1 for i in range(10_000)},
        {**notes, "train": [[[odd]]]},
        {**notes, "train": [[[10**4000]]]},
        {**notes, "train": [[[-(10.0**300)]]]},
        {**notes, "train": [[[long]]]},
        {i: long for i in range(99)},
    ):
        message = message_of(write("a.pickle", content))
        assert len(message) < 250 and message.isprintable()
    (tmp_path / "a.h5").write_bytes(b"\x1b\n" * 40)
    assert message_of(tmp_path / "a.h5").isprintable()


class TestMatlab73:
    """Files as MATLAB writes them with ``save -v7.3``: its own header, then HDF5."""

    @pytest.fixture
    def save(self, tmp_path, splits):
        def save(change=None):
            path = tmp_path / "mine.mat"
            with h5py.File(path, "w", userblock_size=512) as file:
                for split, rolls in splits.items():
                    references = [
                        file.create_dataset(f"#refs#/{split}{i}", data=roll.T.astype(float)).ref
                        for i, roll in enumerate(rolls)
                    ]
                    cells = np.array(references, dtype=h5py.ref_dtype)[:, None]
                    file.create_dataset(f"{split}data", data=cells).attrs["MATLAB_class"] = np.bytes_("cell")
                if change:
                    change(file)
            with open(path, "r+b") as stream:
                stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
            return path

        return save

    def test_read(self, save, splits):
        assert_equal(load(save()), splits)

    def test_rejects(self, save, message_of):
        def remove(file):
            del file["testdata"]

        def replace(file):
            remove(file)
            file["testdata"] = np.eye(88)

        def lead_away(file):
            remove(file)
            file["testdata"] = h5py.ExternalLink("other.h5", "x")

        def make_sparse(file):
            cell = file[file["testdata"][1, 0]].name
            del file[cell]
            file.create_group(cell).attrs["MATLAB_sparse"] = 88
            file["testdata"][1, 0] = file[cell].ref

        message = "testdata{2} is a sparse matrix: save full(testdata{2}) in its place"
        assert message_of(save(make_sparse)) == f"not a readable MATLAB file: ValueError: {message}"
        assert message_of(save(remove)) == "must have traindata, validdata and testdata, got no testdata"
        assert "/testdata must be a cell array of piano rolls, got an array of float64" in message_of(
            save(replace)
        )
        assert "//testdata must be stored in the file itself" in message_of(save(lead_away))


@pytest.mark.parametrize("what", ["group", "array"])
def test_links_to_other_files_are_not_followed(what, write, tmp_path, message_of):
    good = {"notes": np.zeros((2, 88)), "lengths": [2]}
    write("other.h5", {"train": good})
    path = write("mine.h5", {"train": good, "valid": good, "test": good})
    place, there = {"group": ("valid", "train"), "array": ("valid/notes", "train/notes")}[what]
    for link in (h5py.ExternalLink(str(tmp_path / "other.h5"), there), h5py.SoftLink(f"/{there}")):
        with h5py.File(path, "a") as file:
            del file[place]
            file[place] = link
        assert f"/{place} must be stored in the file itself" in message_of(path)


UNREADABLE = "not a readable table mine.csv: ValueError:"


class TestTables:
    @pytest.fixture
    def table(self, tmp_path):
        def table(text, name="mine.csv"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8-sig")
            return path

        return table

    @pytest.mark.parametrize("header", ["", "x,y\n", '"x ,1";"y"\n'])
    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_one_sequence_a_file(self, header, separator, table, rng, message_of):
        arrays = {f"{i}.csv": rng.normal(size=(i + 2, 2)) for i in range(5)}
        for name, array in arrays.items():
            rows = "\r\n".join(separator.join(map(repr, row)) for row in array.tolist())
            names = header.replace(",", separator) if header == "x,y\n" else header.replace(";", separator)
            path = table(names + rows, f"all/{name}")
        splits = {split: [arrays[name] for name in names] for split, names in divide(list(arrays)).items()}
        assert_equal(read(path.parent), splits)
        (path.parent / "notes.npy").write_bytes(b"")
        assert "at least 3 .npy, .csv or .mid files, got 1 files" in message_of(path.parent)

    def test_binary(self, table):
        for i in range(3):
            path = table("0,1\n1,1\n", f"all/{i}.csv")
        assert read(path.parent).binary
        table("0,1\n1,1.0\n", "all/2.csv")
        assert not read(path.parent).binary

    def test_missing_values(self, table):
        """Empty rows are missing steps, but for those around the sequence."""
        for i in range(3):
            path = table(",,\nx,y,z\n1,,3\n,,\nNA,nan, null\n4,5,6\n,,\n", f"all/{i}.csv")
        nan = np.nan
        expected = [[1, nan, 3], [nan, nan, nan], [nan, nan, nan], [4, 5, 6]]
        np.testing.assert_array_equal(read(path.parent).train[0], expected)
        for i in range(3):
            table("1,,3\n4,5,6\n", f"all/{i}.csv")
        np.testing.assert_array_equal(read(path.parent).train[0], [[1, nan, 3], [4, 5, 6]])
        rows = "".join(f"{s},{t},,{t}\n" for s in "abc" for t in range(2))
        np.testing.assert_array_equal(read(table(f"id,t,x,y\n,,,\n{rows}")).test[0], [[nan, 0], [nan, 1]])

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("0,1,2\n1.5,2,3\n", [[1.5, 2, 3]]),  # as pandas writes names that are numbers
            (",0,1\n0,1.5,2\n1,3,4\n", [[1.5, 2], [3, 4]]),  # the same with an index
            (",a,b\n0,1.5,2\n", [[1.5, 2]]),
            ("a,b,\n1,2,\n3,4.5,\n", [[1, 2], [3, 4.5]]),  # a comma at the end
            ("1,,2\n3,,4.5\n", [[1, np.nan, 2], [3, np.nan, 4.5]]),  # all of one feature is missing
            ("x\n1.5\n\n3\n\n", [[1.5], [np.nan], [3]]),  # a gap in a table of one column
            ("sep=;\na;b\n1;2.5\n", [[1, 2.5]]),
            ('"temp, C";"hum, %"\n1;2.5\n', [[1, 2.5]]),
            ("1.0e+00 2.0\n3.5 4.0\n", [[1, 2], [3.5, 4]]),  # as numpy.savetxt writes it
            ("x,60,61\n1.5,2,3\n", [[1.5, 2, 3]]),
            ("0,1\n1.5,2\n", [[0, 1], [1.5, 2]]),  # of two columns, these may be data
        ],
    )
    def test_tables_as_others_write_them(self, text, expected, table):
        for i in range(3):
            path = table(text, f"all/{i}.csv")
        np.testing.assert_array_equal(read(path.parent).train[0], expected)

    def test_names_and_times_of_a_long_table(self, table):
        """Names are stripped, and equal numbers are one name; long times keep their order."""
        first = 10**18
        rows = [f"{s},{first + t},{t}" for s in (" 1", "2 ", "10") for t in (1, 0, 2)]
        path = table("\n".join(["id,t,x", *rows, f"1.0,{first + 3},3"]))
        found = read(path)
        sequences = {split: [x[:, 0].tolist() for x in getattr(found, split)] for split in SPLITS}
        expected = {1: [0, 1, 2, 3], 2: [0, 1, 2], 10: [0, 1, 2]}
        divided = divide(sorted(expected))
        assert sequences == {split: [expected[s] for s in own] for split, own in divided.items()}

    def test_different_texts_are_different_sequences(self, table):
        """Unless data frames wrote integers as 1.0: identifiers are no numbers, which only sort them."""
        rows = [f"{s},{t},{i}" for i, s in enumerate(("1.10", "1.1", "01", "1", "2.0")) for t in range(2)]
        found = read(table("\n".join(["id,t,x", *rows, "2,2,4"])))
        sequences = sorted(x[:, 0].tolist() for split in SPLITS for x in getattr(found, split))
        assert sequences == [[0, 0], [1, 1], [2, 2], [3, 3], [4, 4, 4]]

    def test_each_row_names_its_sequence(self, table, message_of):
        path = table("id,t,x\n1,0,1\n,1,1\n")
        assert "each row must name its sequence, got an empty cell on line 3" in message_of(path)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("60,61,62\n0,1,0\n1,0,0\n", [[0, 1, 0], [1, 0, 0]]),  # keys of a roll
            ("3,4,5\n0,1,7\n", [[3, 4, 5], [0, 1, 7]]),  # data
            (",a,b\n1,0.5,2\n2,1.5,3\n", [[0.5, 2], [1.5, 3]]),  # as R numbers rows
            (",a,b\n4,0.5,2\n0,1.5,3\n", [[0.5, 2], [1.5, 3]]),  # of a data frame that was sorted
            ("a b\n1 2.5\n3 4\n", [[1, 2.5], [3, 4]]),
        ],
    )
    def test_names_of_columns_and_of_rows(self, text, expected, table):
        for i in range(3):
            path = table(text, f"all/{i}.csv")
        np.testing.assert_array_equal(read(path.parent).train[0], expected)

    def test_columns_in_another_order(self, table, message_of):
        for i, head in enumerate(("a,b", "a,b", "b,a", "a,b")):
            path = table(f"{head}\n1,2.5\n", f"all/{i}.csv")
        assert "2.csv: columns must be a, b, as in other files, got b, a" in message_of(path.parent)

    def test_nothing_is_known_of_a_split(self, table, message_of):
        rows = [
            f"{i},{t},{x},{s}"
            for i, (x, s) in enumerate(((1.5, "train"), (2, "valid"), ("", "test")))
            for t in (0, 1)
        ]
        path = table("\n".join(["id,t,x,split", *rows]))
        assert "test must have a value that is not missing, all are NaN" in message_of(path)

    def test_a_gap_in_time_is_a_warning(self, table):
        """Of any sequence; that steps are not quite even is none, nor is another unit of time."""
        even = [f"1,{t},0.5" for t in (0.1, 0.2, 0.30000000000000004)] + [f"2,{t},1.5" for t in (0, 7, 15)]
        rest = [f"3,{t},2.5" for t in (5, 4, 8)] + [f"4,{t},2.5" for t in (1, 9, 2)]
        path = table("\n".join(["id,t,x", *even, "3,1,1"]))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read(path)
        path = table("\n".join(["id,t,x", *even, *rest]))
        with pytest.warns(UserWarning, match="mine.csv: there is a gap in time behind line 8 and 1 other"):
            found = read(path)
        assert sorted(len(x) for split in SPLITS for x in getattr(found, split)) == [3] * 4

    @pytest.mark.parametrize("names", [range(2**53, 2**53 + 3), ("nan", "NaN", "1"), ("1e999", "2e999", "3")])
    def test_different_names_are_different_sequences(self, table, names):
        rows = [f"{name},{t},{i}" for i, name in enumerate(names) for t in (0, 1)]
        found = read(table("\n".join(["id,t,x", *rows])))
        sequences = [x[:, 0].tolist() for split in SPLITS for x in getattr(found, split)]
        assert sorted(sequences) == [[0, 0], [1, 1], [2, 2]]

    @pytest.mark.parametrize("n_digits", [299, 300, 301, 308, 5000])
    def test_names_and_times_of_many_digits(self, n_digits, table):
        """Times are in order, and two times that far apart are no error."""
        large = "9" * n_digits
        times = ["2", f"-1{large[:307]}" if n_digits < 1000 else "1", "3"]
        rows = [f"{name},{t},{i}" for name in (large, large[1:], "7") for i, t in enumerate(times)]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*mine.csv: there is a gap in time")
            found = read(table("\n".join(["id,t,x", *rows])))
        assert [x[:, 0].tolist() for split in SPLITS for x in getattr(found, split)] == [[1, 0, 2]] * 3

    @pytest.mark.parametrize("text", ["{0},1\n1,2\n", ",a\n{0},1\n{0},2\n", "1,2\n-{0},1\n"])
    def test_numbers_of_many_digits(self, text, table, message_of):
        for i in range(3):
            path = table(text.format("9" * 5000), f"all/{i}.csv")
        assert "0.csv must be finite, got '" in message_of(path.parent)

    def test_only_utf_8(self, table, message_of):
        path = table("")
        path.write_bytes("id,t,x\n".encode("utf-16"))
        assert "it is not UTF-8 text: save it as such" in message_of(path)

    def test_a_long_table(self, table, rng):
        rows = [(s, t, *rng.normal(size=2).tolist()) for s in "dacb" for t in range(3)]
        expected = {s: np.array([row[2:] for row in rows if row[0] == s]) for s in "dacb"}
        mixed = [rows[i] for i in rng.permutation(len(rows))]
        path = table("\n".join(["id,x,time,y", *(f"{s},{x!r},{t},{y!r}" for s, t, x, y in mixed)]))
        assert_equal(read(path), {split: [expected[s] for s in own] for split, own in divide("abcd").items()})
        splits = dict(zip("dacb", ("Train", "validation", "test", "train"), strict=True))
        path = table(
            "\n".join(
                ["sequence;step;x;y;split", *(f"{s};{t};{x!r};{y!r};{splits[s]}" for s, t, x, y in rows)]
            )
        )
        assert_equal(
            read(path),
            {"train": [expected["b"], expected["d"]], "valid": [expected["a"]], "test": [expected["c"]]},
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "not a readable table mine.csv: ValueError: it holds no numbers"),
            ("a,b\n", "not a readable table mine.csv: ValueError: it holds no numbers"),
            ("1,2\n3\n", "not a readable table mine.csv: ValueError: line 2 has 1 values, not 2"),
            (
                "1,2\n3,4\n",
                "a table of several sequences must have a column 'sequence' and a column 'time', got no",
            ),
            ("id,t,x\n1,1,z\n", "mine.csv must be numbers, got 'z' on line 2"),
            ("id,t,x\n1,z,1\n", "mine.csv t must be numbers, got 'z' on line 2"),
            ("id,t,x\n1,,1\n", "mine.csv t must be numbers, got '' on line 2"),
            ("id,t,x,set\n1,1,1,some\n", "split must be one of train, valid, test, got 'some' on line 2"),
            (
                "id,t,x,set\n1,1,1,val\n2,1,1,\n3,1,1,test\n",
                "split must be one of train, valid, test, got '' on line 3",
            ),
            (
                "id,t,x\n1,nan,1\n",
                "mine.csv t must be finite, got 'nan' on line 2: write a number below 1e308",
            ),
            (f"id,t,x\n1,0,1\n1,{'9' * 309},1\n", "mine.csv t must be finite, got '999999"),
            (f"id,t,x\n1,0,1\n1,{'9' * 5000},1\n", "mine.csv t must be finite, got '999999"),
            (f"id,t,x\n1,0,1\n1,0.5,-{'9' * 5000}\n", "mine.csv must be finite, got '-999999"),
            (
                f"id,t,x\n1,0,{'9' * 10**6}\n",
                f"{UNREADABLE} field larger than field limit (131072) on line 2",
            ),
            ("id,t,x\n1,5,1\n1,5,2\n", "times of a sequence must differ, got '5' on lines 2 and 3"),
            (
                "id,t,x,set\n1,2,1,train\n1,3,1,train\n1,1,1,test\n",
                "a sequence must be in one split, '1' is in train on line 2 and test on line 4: choose one",
            ),
            ("id,t,x,song\n1,1,1,2\n", "only one column may be called one of sequence, "),
            ("5.0,-\n6.0,1\n", f"{UNREADABLE} the first row must be numbers or names of columns, got '-'"),
            (
                "1,#N/A\n6.0,1\n",
                f"{UNREADABLE} the first row must be numbers or names of columns, got '#N/A'",
            ),
            ("id;t;x\n1;1;1,5\n", "mine.csv must be numbers, got '1,5' on line 2: write a point in place of"),
            ("id,t,x\n1,1,1_000\n", "mine.csv must be numbers, got '1_000' on line 2"),
            ("id,t,x\n1,1,1\n", "must have at least 3 sequences, to be divided into splits, got 1"),
        ],
    )
    def test_rejects(self, text, message, table, message_of):
        assert message_of(table(text)).startswith(message)


def test_nested_folders(tmp_path, rng):
    names = [
        "train/b/2.npy",
        "train/a/x/1.npy",
        "train/c.npy",
        "validation/y/z.npy",
        "test/.hidden/z.npy",
        "test/t.npy",
    ]
    arrays = {}
    for length, name in enumerate(names, 2):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        arrays[name] = rng.normal(size=(length, 2))
        np.save(tmp_path / name, arrays[name])
    expected = {"train": [names[1], names[0], names[2]], "valid": [names[3]], "test": [names[5]]}
    assert_equal(read(tmp_path), {split: [arrays[name] for name in own] for split, own in expected.items()})


def test_what_is_no_regular_file(tmp_path, message_of):
    os.mkfifo(tmp_path / "mine.h5")
    assert message_of(tmp_path / "mine.h5") == "must be a regular file, got a pipe or device"

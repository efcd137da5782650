"""The rows of Table 1 in all formats: what is valid, what is a bound and what is neither."""

import csv
import io
import json
import re

import numpy as np
import pytest

from breze_like.data import Dataset
from experiments.paper.rows import (
    FORMATS,
    Row,
    as_csv,
    as_json,
    as_markdown,
    as_text,
    cells,
    floor_row,
    system_rows,
)
from experiments.paper.seeds import combine

ROLL = [np.eye(4, dtype=np.uint8)]


def dataset(name="chorales", verified=True):
    return Dataset(name, ROLL, ROLL, ROLL, verified=verified)


def result(scores, **arguments):
    """As `describe_run` gives it."""
    config = {
        "model": "any",
        "arguments": arguments,
        "seed": 1,
        "command": ["/somewhere/experiments/table1.py", "--data-dir", "/somewhere", "--seed", "1"],
        "versions": {"numpy": "2.0", "commit": None},
    }
    averages = {name: {"per_step": a, "per_sequence": a + 1} for name, a in scores.items()}
    log = [{"update": 7, "seconds": 60.0}]
    return {"n_samples": 20, "seconds": 30.0, "config": config, "log": log, "scores": averages}


EXACT = {"nll": 8.123}
BOUNDS = {"bound": 7.5, "kl": 3.0, "reconstruction": 4.5, "objective": 7.6, "importance_sampled": 7.25}
PUBLISHED = {**BOUNDS, "bound": 22.5, "objective": 5.5, "importance_sampled": 21.5}


@pytest.fixture(params=["chorales", "jsb_chorales"])
def rows(request):
    data = dataset(request.param)
    return [
        floor_row(data),
        *system_rows(data, "rnn", result(EXACT)),
        *system_rows(data, "vrae", result(BOUNDS, kl="exact")),
        *system_rows(data, "vrae_published", result(PUBLISHED, kl="independent_increments")),
        *system_rows(data, "vosp_published", result({}, kl="independent_increments")),
    ]


def columns(rows):
    head, *lines = cells(rows)
    return dict(zip(head, map(list, zip(*lines, strict=True)), strict=True))


def test_cells(rows):
    table = columns(rows)
    floor = f"{-np.log(2 / 6) - 3 * np.log(4 / 6):.2f}"
    assert table["per step"] == [floor, "8.12", "<7.50", "<7.25", "<22.50", "<21.50", ""]
    assert table["per sequence"] == [floor, "9.12", "<8.50", "<8.25", "<23.50", "<22.50", ""]
    bounds = ["upper bound", "upper bound, importance sampled, 20 draws"]
    assert table["estimator"] == ["exact", "exact", *bounds, *bounds, "training diverged"]


def estimates(n_draws, median):
    """Scores of importance sampling, as they are written today."""
    made = result(PUBLISHED, kl="independent_increments")
    for name in ("bound", "objective", "importance_sampled"):
        errors = {"per_step_standard_error": 0.02, "per_sequence_standard_error": 0.0004}
        made["scores"][name] |= {**errors, "n_draws": n_draws}
    made["scores"]["importance_sampled"]["effective_draws"] = {"min": 1.0, "median": median}
    return system_rows(dataset(), "vrae_published", made)


def test_estimates_have_draws_and_errors():
    table = columns([*system_rows(dataset(), "rnn", result(EXACT)), *estimates(2000, 50.0)])
    assert table["per step"] == ["8.12", "<22.50 ± 0.02", "<21.50 ± 0.02"]
    assert table["per sequence"] == ["9.12", "<23.50 ± 0.0004", "<22.50 ± 0.0004"]
    kinds = ["upper bound, 2000 draws", "upper bound, importance sampled, 2000 draws"]
    assert table["estimator"] == ["exact", *kinds]
    assert table["published objective, not a bound"] == ["", "5.50 ± 0.02", ""]


def test_draws_that_are_moved_are_told():
    made = result(PUBLISHED)
    made["scores"]["annealed"] = {"per_step": 7.0, "per_sequence": 8.0, "n_draws": 4, "n_moves": 50}
    rows = system_rows(dataset(), "vrae", made)
    assert rows[-1].n_moves == 50
    table = columns(rows)
    assert table["estimator"][-1] == "upper bound, annealed importance sampling, 4 draws moved 50 times"
    assert table["per step"][-1] == "<7.00"


def test_errors_are_explained_where_there_are_some(rows):
    assert '"±" precedes the standard error' in as_markdown(estimates(2000, 50.0))
    assert "±" not in as_markdown(rows)


def test_weights_of_few_draws_are_told():
    assert "(in brackets" not in as_markdown(estimates(2000, 50.0))
    assert "draws per sequence): VRAE, published objective (1.5)." in as_markdown(estimates(2000, 1.5))


def test_estimates_are_read_again():
    rows = estimates(2000, 1.5)
    read = [Row(**row) for row in json.loads(as_json(rows))]
    assert read == rows
    assert [write(read) for write in FORMATS.values()] == [write(rows) for write in FORMATS.values()]
    (bound, weighted) = csv.DictReader(io.StringIO(as_csv(rows)))
    assert (bound["per_step_standard_error"], weighted["n_draws"]) == ("0.02", "2000")
    assert "effective_draws" not in bound


def test_the_published_objective_has_a_column_of_its_own(rows):
    table = columns(rows)
    assert table["published objective, not a bound"] == ["", "", "", "", "5.50", "", ""]
    assert not {"5.50", "<5.50"} & {*table["per step"], *table["per sequence"]}


def test_the_paper_stands_beside_its_own_data_sets_only(rows):
    table = columns(rows)
    exact, published = (table.get(f"paper, {kind}") for kind in ("exact", "published objective, not a bound"))
    if rows[0].dataset == "chorales":
        assert exact is None and published is None
    else:
        assert exact == ["", "8.58", "", "", "", "", ""]
        assert published == ["", "", "", "", "5.53", "", "6.21"]


def test_others_stand_beside_what_compares_with_them(rows):
    """And below the table, who they are."""
    table, text = columns(rows), as_markdown(rows)
    if rows[0].dataset == "chorales":
        assert "others, valid" not in table and "Others:" not in text
    else:
        assert table["others, valid"] == ["", "", "6.91 STORN", "", "", "", ""]
        assert "Others: STORN by its authors, importance sampled, as quoted elsewhere." in text


def seeds(*, n_diverged=0):
    """Of a system, three seeds with scores, and some without."""
    scores = [{**EXACT, "nll": value} for value in (8.1, 8.4, 8.25)] + n_diverged * [{}]
    results = [result(s) for s in scores]
    for seed, each in enumerate(results, 1):
        each["config"]["seed"] = seed
    return system_rows(dataset(), "rnn", combine(results))


def test_seeds_have_a_mean_and_a_range():
    (row,) = rows = seeds()
    table = columns(rows)
    assert table["per step"] == ["8.25 (8.10 to 8.40)"]
    assert table["per sequence"] == ["9.25 (9.10 to 9.40)"]
    assert table["estimator"] == ["exact; 3 seeds"]
    assert (row.seeds, row.seconds, row.scoring_seconds) == ([1, 2, 3], 180.0, 90.0)
    text = as_markdown(rows)
    assert "took 4.5 minutes in all" in text
    assert "Scores from several seeds are means over the seeds, with their range in brackets." in text
    assert "`python -m experiments.table1 --seed 1`; seeds 1, 2, 3; numpy 2.0." in text
    read = [Row(**row) for row in json.loads(as_json(rows))]
    assert read == rows
    assert "range" not in as_csv(rows)


def test_seeds_that_diverged_are_told():
    (row,) = rows = seeds(n_diverged=2)
    assert "seeds 1, 2, 3, 2 more diverged;" in as_markdown(rows)
    assert row.n_diverged == 2


def test_the_published_objective_of_several_seeds():
    results = [result(PUBLISHED, kl="independent_increments") for _ in range(2)]
    results[1]["scores"]["objective"]["per_step"] = 6.0
    first, _ = rows = system_rows(dataset(), "vrae_published", combine(results))
    assert columns(rows)["published objective, not a bound"] == ["5.75 (5.50 to 6.00)", ""]
    assert first.published_objective_range == [5.5, 6.0]


def test_numbers_with_ranges_are_aligned():
    text = as_text([*seeds(), *system_rows(dataset(), "fdrnn", result({"nll": 10.5}))])
    ends = {
        line.index(number) + len(number)
        for line, number in zip(text.splitlines()[1:], ("8.25", "10.50"), strict=True)
    }
    assert len(ends) == 1


def test_the_paper_is_not_compared_with_other_data_of_the_same_name():
    (row,) = system_rows(dataset("jsb_chorales", verified=False), "rnn", result(EXACT))
    assert row.paper_exact is None
    assert not any("paper" in title for title in cells([row])[0])


def test_the_paper_did_not_finish():
    (row,) = system_rows(dataset("musedata"), "vosp_published", result({}, kl="independent_increments"))
    assert columns([row])["paper, published objective, not a bound"] == ["did not finish"]


def test_text_is_aligned(rows):
    head, *lines = as_text(rows).splitlines()
    end = head.index("per step") + len("per step")
    assert len(lines) == len(rows)
    assert all(line[:end].rstrip()[-3:-2] == "." for line in lines[:-1])


def test_markdown_says_what_made_it(rows):
    text = as_markdown(rows)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(rows)
    assert len({line.count("|") for line in lines}) == 1
    assert text.count("`python -m experiments.table1 --seed 1`; seed 1; numpy 2.0.") == 1
    # Four runs of a minute, three of which were scored in half a minute.
    assert "took 5.5 minutes in all" in text


def test_markdown_tells_ways_apart():
    other = result(EXACT)
    other["config"] |= {"seed": 2, "command": ["train.py", "--out", "/somewhere/rnn"]}
    made = {"rnn": other, "fdrnn": result(EXACT), "dots_rnn": other}
    text = as_markdown([row for name, r in made.items() for row in system_rows(dataset(), name, r)])
    assert "\nrnn, dots_rnn: `python -m experiments.train --out runs/rnn`; seed 2; numpy 2.0.\n" in text
    assert "\nfdrnn: `python -m experiments.table1 --seed 1`; seed 1; numpy 2.0.\n" in text


def test_json_has_everything_and_gives_the_same_table(rows):
    read = [Row(**row) for row in json.loads(as_json(rows))]
    assert read == rows
    assert [write(read) for write in FORMATS.values()] == [write(rows) for write in FORMATS.values()]
    assert read[1].config == {"model": "any", "arguments": {}}
    assert (read[1].seed, read[1].n_updates, read[1].seconds) == (1, 7, 60.0)


def test_csv_has_full_precision(rows):
    read = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert [float(row["per_step"]) for row in read[:-1]] == [row.per_step for row in rows[:-1]]
    assert read[-1]["per_step"] == ""
    assert not re.search("config|versions", as_csv(rows).splitlines()[0])

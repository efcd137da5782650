"""JSON of runs, as it is read."""

import json

import pytest

from breze_like.runs.records import parse


def test_what_is_not_there_is_named():
    record = parse(b'{"a": {"b": 1}}', "config.json")
    changed = record | {"c": 2}
    assert changed == {"a": {"b": 1}, "c": 2} and json.loads(json.dumps(changed)) == changed
    for each, name in [(record, "c"), (changed, "d"), (changed["a"], "c")]:
        with pytest.raises(ValueError, match=f"config.json must have '{name}', which is missing: restore"):
            each[name]

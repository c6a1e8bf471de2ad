"""One form in JSON: what is written is read back the same, and what does not fit is named by its key."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.errors import FileError
from skelact.evaluation.results.json_form import Misfit, dumps, from_json, read_json, to_json


@dataclass(frozen=True)
class Inner:
    share: float
    pair: tuple[int, str]

    def __post_init__(self) -> None:
        if self.share > 1:
            raise ValueError("expected a share")


@dataclass(frozen=True)
class Outer:
    format: int
    name: str | None
    ready: bool
    inner: tuple[Inner, ...]
    by_name: dict[str, float]
    plain: object


GOOD: dict[str, Any] = {
    "format": 2,
    "name": None,
    "ready": True,
    "inner": [{"share": 1, "pair": [3, "x"]}],
    "by_name": {"a": 0.5},
    "plain": {"any": [1, None, "x"]},
}
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
inner = st.builds(Inner, st.floats(0, 1), st.tuples(st.integers(-9, 9), st.text()))
outer = st.builds(
    Outer,
    st.just(2),
    st.none() | st.text(),
    st.booleans(),
    st.lists(inner, max_size=3).map(tuple),
    st.dictionaries(st.text(), st.floats(-1e300, 1e300), max_size=3),
    plain,
)


@settings(max_examples=50, deadline=None)
@given(outer)
def test_what_is_written_is_read_back_the_same(value: Outer) -> None:
    assert from_json(Outer, json.loads(dumps(value))) == value


def test_whole_numbers_stand_for_fractions_and_lists_become_tuples() -> None:
    found = from_json(Outer, GOOD)
    assert found.inner == (Inner(1.0, (3, "x")),)
    assert isinstance(found.inner[0].share, float)
    assert json.loads(json.dumps(to_json(found))) == GOOD


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 3}, "name: expected text, got 3"),
        ({"ready": 1}, "ready: expected true or false, got 1"),
        ({"format": True}, "format: expected a whole number, got true"),
        ({"format": 2.0}, "format: expected a whole number, got 2.0"),
        ({"inner": {}}, "inner: expected a list, got an object"),
        ({"inner": [3]}, "inner[0]: expected an object, got 3"),
        ({"inner": [{"share": 0.5}]}, "inner[0].pair: missing"),
        ({"inner": [{"share": 2.5, "pair": [3, "x"]}]}, "inner[0]: expected a share"),
        ({"inner": [{"share": 0.5, "pair": [3]}]}, "inner[0].pair: expected 2 values, got 1"),
        ({"by_name": {"a": "x" * 99}}, f'by_name.a: expected a number, got "{"x" * 39}…'),
        ({"by_name": {"a": 10**400}}, "by_name.a: a number of too many digits"),
        ({"by_name": {"a": float("inf")}}, "by_name.a: expected a finite number, got inf"),
        ({"plain": [[float("nan")]]}, "plain[0][0]: expected a finite number, got nan"),
        ({"plain": {"x": -(10**400)}}, "plain.x: a number of too many digits"),
        ({"other": 1}, "other: unknown key"),
    ],
)
def test_what_does_not_fit_is_named_by_its_key(change: dict[str, Any], message: str) -> None:
    with pytest.raises(Misfit) as error:
        from_json(Outer, GOOD | change)
    assert str(error.value) == message


def test_a_file_that_is_not_there_or_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(FileError, match="a.json: not found. Measure the run again"):
        read_json(Outer, path, 2)
    path.write_text(json.dumps(GOOD | {"format": 1}))
    with pytest.raises(FileError, match="a.json: format 1, this version reads format 2. Measure the run again"):
        read_json(Outer, path, 2)
    path.write_text(json.dumps(GOOD))
    assert read_json(Outer, path, 2) == from_json(Outer, GOOD)

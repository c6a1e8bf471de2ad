"""The table of a store that is being written."""

from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.sequences.table import PART, Table

values = st.one_of(st.integers(), st.floats(allow_nan=False), st.text(max_size=3), st.sampled_from([1, 1.0, "1"]))
rows = st.dictionaries(st.sampled_from("abc"), values).map(lambda row: {"name": "x", **row})


@settings(max_examples=20, deadline=None)
@given(few=st.lists(rows, min_size=1, max_size=5), count=st.sampled_from([1, 5, PART, PART + 1, 2 * PART, 2500]))
def test_rows_come_out_by_column_with_their_kinds(few: list[dict[str, object]], count: int) -> None:
    table = Table()
    given = [few[number % len(few)] for number in range(count)]
    for number, row in enumerate(given):
        table.put(number, row)  # type: ignore[arg-type]
    found = table.columns(count)
    assert set(found) == {name for row in given for name in row}
    for name, column in found.items():
        assert [(type(value), value) for value in column] == [
            (type(row.get(name)), row.get(name)) for row in given
        ]


def test_a_row_that_was_not_counted_is_replaced() -> None:
    for end in (3, PART - 1, PART, PART + 1):  # number of rows that count
        table = Table()
        for number in range(end):
            table.put(number, {"name": number})
        table.put(end, {"name": "interrupted"})
        assert table.columns(end) == {"name": list(range(end))}
        table.put(end, {"name": end})
        assert table.columns(end + 1) == {"name": list(range(end + 1))}

"""Lines and numbers of text files."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.errors import FileError
from skelact.readers.text import numbers, read_lines, read_table, whole_number

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
written = st.one_of(
    finite.map(repr),
    finite.map("{:.7g}".format),
    finite.map("{:+.3f}".format),
    st.integers(-(10**17), 10**17).map(str),
    st.sampled_from(["0", "-0", "-.5", "5.", "+1", "1e-7", "-2E3", "nan", "00012.50", "0." + "0" * 30 + "1"]),
)


def in_file(folder: Path, text: str) -> Path:
    path = folder / "numbers.txt"
    path.write_bytes(text.encode())
    return path


@settings(max_examples=200, deadline=None)
@given(words=st.lists(written, min_size=1, max_size=30), blanks=st.sampled_from([" ", "\r\n", "\t", "\n\n "]))
def test_numbers_are_what_float_gives(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], blanks: str
) -> None:
    lines = read_lines(in_file(tmp_path_factory.mktemp("text"), blanks.join(words)))
    values = np.concatenate([numbers(lines, [line], len(row))[0] for line, row in enumerate(lines.rows)])
    expected = np.array([float(word) for word in words])
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(np.signbit(values), np.signbit(expected))


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.lists(written, min_size=3, max_size=3), min_size=1, max_size=8),
    blank=st.sampled_from([" ", "\t", ",", ", "]),
    end=st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_a_table_is_what_float_gives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], blank: str, end: str
) -> None:
    path = in_file(tmp_path_factory.mktemp("text"), end.join(blank.join(row) for row in rows))
    np.testing.assert_array_equal(read_table(path, 3, "numbers"), [[float(word) for word in row] for row in rows])


def test_some_words_of_some_lines(tmp_path: Path) -> None:
    lines = read_lines(in_file(tmp_path, "1 2 3\n4 5 6\n7 8 9\n"))
    np.testing.assert_array_equal(numbers(lines, [0, 2], 2), [[1, 2], [7, 8]])


def test_lines_keep_their_numbers_where_others_are_blank(tmp_path: Path) -> None:
    lines = read_lines(in_file(tmp_path, "\n1 2\r\n \n\n3\n"))
    assert (len(lines), lines.rows, lines.number) == (2, [["1", "2"], ["3"]], [2, 5])


def test_commas_part_words_where_asked_for(tmp_path: Path) -> None:
    path = in_file(tmp_path, "1,2.5, -3\n")
    np.testing.assert_array_equal(numbers(read_lines(path, commas=True), [0], 3), [[1, 2.5, -3]])
    with pytest.raises(FileError, match=r"'1,2\.5,' is not a number"):
        numbers(read_lines(path), [0], 2)


@pytest.mark.parametrize(
    "word", ["1.2.3", "-", ".", "1-2", "--1", "1e", "abc", "1_000", "0x10", "½", "-1.#IND", "#", "1;5"]
)
def test_what_is_no_number_is_named_with_its_line(tmp_path: Path, word: str) -> None:
    path = in_file(tmp_path, f"1 2 3\n\n3 {word} 4\n")
    shown = word.encode().decode("ascii", errors="replace")
    for read in (lambda: numbers(read_lines(path), [0, 1], 3), lambda: read_table(path, 3, "numbers")):
        with pytest.raises(FileError) as caught:
            read()
        assert str(caught.value) == f"{path}, line 3: {shown!r} is not a number"


@pytest.mark.parametrize("word", ["inf", "-Infinity", "1e39", "1e400", "9" * 60])
def test_what_float32_cannot_hold_is_refused(tmp_path: Path, word: str) -> None:
    path = in_file(tmp_path, f"1\n{word}\n")
    for read in (lambda: numbers(read_lines(path), [0, 1], 1), lambda: read_table(path, 1, "numbers")):
        with pytest.raises(FileError) as caught:
            read()
        assert str(caught.value) == f"{path}, line 2: {word[:30]!r} is not a finite number"


def test_lines_of_other_lengths_are_named(tmp_path: Path) -> None:
    for text, message in (
        ("1 2\n3\n4 5\n", "line 2: expected 2 numbers, got 1: '3'"),
        ("1 2\n3 4 5\n", "line 2: expected 2 numbers, got 3: '3 4 5'"),
        ("1 2\n\n3\n", "line 3: expected 2 numbers, the file ends after 1. Truncated file?"),
        ("1\n", "line 1: expected 2 numbers, got 1: '1'"),
    ):
        path = in_file(tmp_path, text)
        with pytest.raises(FileError) as caught:
            read_table(path, 2, "numbers")
        assert str(caught.value) == f"{path}, {message}"


def test_nan_is_kept(tmp_path: Path) -> None:
    assert math.isnan(numbers(read_lines(in_file(tmp_path, "nan")), [0], 1)[0, 0])
    assert math.isnan(read_table(in_file(tmp_path, "nan"), 1, "numbers")[0, 0])


@pytest.mark.parametrize(
    ("line", "shown"), [("25 1", "25 1"), ("-3", "-3"), ("2.0", "2.0"), ("x" * 40, "x" * 30 + "...")]
)
def test_whole_number(tmp_path: Path, line: str, shown: str) -> None:
    path = in_file(tmp_path, f"7\n{line}\n")
    lines = read_lines(path)
    assert whole_number(lines, 0, "a count") == 7
    with pytest.raises(FileError) as caught:
        whole_number(lines, 1, "a count")
    assert str(caught.value) == f"{path}, line 2: expected a count, got {shown!r}"


def test_a_byte_order_mark_is_no_word(tmp_path: Path) -> None:
    path = tmp_path / "bom.txt"
    path.write_bytes(b"\xef\xbb\xbf12\n")
    assert whole_number(read_lines(path), 0, "a count") == 12
    assert read_table(path, 1, "numbers").tolist() == [[12]]

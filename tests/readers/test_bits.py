"""Words and short decimals by 64 characters, or 8 digits, at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.readers.bits import BEFORE, padded

plain = st.from_regex(r"\A-?[0-9]\.[0-9]{1,14}\Z")
others = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.integers().map(str),
    st.sampled_from(["nan", "inf", "-", ".", "1.", ".5", "+1.5", "1.5e-05", "--1.5", "1.2.3", "1.2x4", "1_0.5"]),
    st.text("0123456789.-+e,", min_size=1, max_size=22),
)
text_of_words = st.text("ab.- \t\r\n\x01", max_size=300).map(str.encode)


@settings(max_examples=300, deadline=None)
@given(words=st.lists(st.one_of(plain, others), min_size=1, max_size=40))
def test_decimals_are_what_float_gives_or_odd(words: list[str]) -> None:
    ends = BEFORE + np.cumsum([len(word) + 1 for word in words]) - 1
    begins = ends - [len(word) for word in words]
    values, odd = padded(" ".join(words).encode()).decimals(begins, ends)
    for word, value, is_odd in zip(words, values.tolist(), odd.tolist(), strict=True):
        if not is_odd:
            assert (value, np.signbit(value)) == (float(word), np.signbit(float(word))), word


@settings(max_examples=200, deadline=None)
@given(words=st.lists(plain, min_size=1, max_size=20))
def test_plain_decimals_are_not_odd(words: list[str]) -> None:
    ends = BEFORE + np.cumsum([len(word) + 1 for word in words]) - 1
    _, odd = padded(" ".join(words).encode()).decimals(ends - [len(word) for word in words], ends)
    assert not odd.any()


@pytest.mark.parametrize(
    "word", [b"12.5", b"1,5", b"1.5 ", b"1.2-3", b"+1.5", b"1.123456789012345", b"1.", b"5", b"1.:"]
)
def test_other_words_are_odd(word: bytes) -> None:
    text = padded(b"0.00000000000000 " + word + b" 7")
    begin = np.array([BEFORE + 17])
    assert text.decimals(begin, begin + len(word))[1].tolist() == [True]


@settings(max_examples=200, deadline=None)
@given(text=text_of_words)
def test_words_of_lines_are_counted(text: bytes) -> None:
    blank = bytes.maketrans(b"\t\r\x01", b"   ")
    found = padded(text)
    lines = text.split(b"\n")
    lines = lines[:-1] if lines[-1] == b"" else lines
    assert (np.diff(found.newlines) - 1).tolist() == [len(line) for line in lines]
    expected = [
        len(line.translate(blank).split(b" ")) - line.translate(blank).split(b" ").count(b"") for line in lines
    ]
    assert found.words_between(found.newlines).tolist() == expected


@settings(max_examples=100, deadline=None)
@given(text=text_of_words.filter(len), place=st.integers(0, 299))
def test_blanks_from_a_place_on(text: bytes, place: int) -> None:
    place %= len(text)
    blanks = padded(text).blanks_from(np.array([BEFORE + place]))
    expected = [k for k, character in enumerate(text[place:] + b"\n" * 64) if character <= 32]
    assert blanks.tolist() == [sum(1 << k for k in expected if k < 64)]


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(st.lists(st.text("ab.-", min_size=1, max_size=15), min_size=4, max_size=6), min_size=1))
def test_first_words_of_lines(lines: list[list[str]]) -> None:
    texts = [" ".join(line) for line in lines]
    starts = np.array([BEFORE + len("\n".join([*texts[:line], ""])) for line in range(len(lines))])
    begins, behind = padded("\n".join(texts).encode()).first_words(starts, 3)
    lengths = np.array([[len(word) for word in line[:3]] for line in lines]).T
    assert (behind - begins).tolist() == lengths.tolist()
    assert begins.tolist() == (starts + np.cumsum(lengths, axis=0) - lengths + [[0], [1], [2]]).tolist()

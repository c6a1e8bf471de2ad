"""Words and numbers of text files, found with array arithmetic: a file of numbers costs about a millisecond."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.readers.files import read_bytes

Indices = NDArray[np.int64]

LONGEST = 18  # characters of a plain decimal number; longer ones take the slow way
DIGITS = 15  # so many digits make a whole number below 2**53, which float64 holds exactly
TENS = 10.0 ** np.arange(LONGEST + 1)  # exact in float64 up to 10**22
NEWLINE, SPACE, COMMA, PLUS, MINUS, DOT, ZERO = b"\n ,+-.0"


@dataclass(frozen=True, eq=False)
class Words:
    """Where the words of a text lie. Blank lines are skipped.

    Args:
        path: the file, for errors.
        data: the text, padded at both ends.
        characters: (B,) uint8 the same.
        starts: (W,) first character of each word.
        ends: (W,) one behind the last character of each word.
        first: (L + 1,) first word of each line, and one behind the last word.
        number: (L,) 1-based number of each line in the file.
    """

    path: Path
    data: bytes
    characters: NDArray[np.uint8]
    starts: Indices
    ends: Indices
    first: Indices
    number: Indices

    @cached_property
    def lines(self) -> int:
        """Number of lines that are not blank, L."""
        return len(self.number)

    @cached_property
    def counts(self) -> Indices:
        """(L,) number of words in each line."""
        return np.diff(self.first)

    @cached_property
    def _heads(self) -> tuple[list[int], list[int], list[int]]:
        """Start and end of the first word of each line, and the number of its words, where Python is fast."""
        first = self.first[:-1]
        return self.starts[first].tolist(), self.ends[first].tolist(), self.counts.tolist()

    def head(self, line: int) -> tuple[bytes, int]:
        """The first word of a line and the number of words in it."""
        starts, ends, counts = self._heads
        return self.data[starts[line] : ends[line]], counts[line]

    def word(self, index: int) -> bytes:
        """The characters of one word."""
        return self.data[self.starts[index] : self.ends[index]]

    def error(self, line: int, reason: str) -> FileError:
        """An error in a line, counted from 0 among those that are not blank."""
        return FileError(self.path, reason, int(self.number[line]))

    def line_of(self, word: int) -> int:
        """Which line a word is in, counted from 0 among those that are not blank."""
        return int(np.searchsorted(self.first, word, side="right")) - 1


def read_words(path: Path, *, commas: bool = False) -> Words:
    """Find the words of a text file.

    Args:
        path: the file.
        commas: whether commas part words as spaces do.

    Raises:
        FileError: the file cannot be opened, is empty or is not text.
    """
    data = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        raise FileError(path, "is not a text file")
    data = b"\n" + data + b"\n" * LONGEST
    text = np.frombuffer(data, dtype=np.uint8)
    blank = text <= SPACE
    if commas:
        blank |= text == COMMA
    edges = np.flatnonzero(blank[1:] != blank[:-1])
    edges += 1
    starts, ends = edges[::2], edges[1::2]
    first = np.searchsorted(starts, np.flatnonzero(text == NEWLINE))
    if not len(starts):
        raise FileError(path, "is not a text file")
    filled = np.flatnonzero(np.diff(first))
    return Words(path, data, text, starts, ends, np.append(first[filled], len(starts)), filled + 1)


def whole_number(words: Words, line: int, what: str) -> int:
    """The only word of a line as a whole number >= 0.

    Raises:
        FileError: more words, not a whole number; ``what`` says what was expected.
    """
    word, count = words.head(line)
    if count != 1 or not word.isdigit() or len(word) > LONGEST:
        raise words.error(line, f"expected {what}, got {shown(words, line)}")
    return int(word)


def shown(words: Words, line: int) -> str:
    """The beginning of a line, for errors."""
    first, last = words.first[line], words.first[line + 1]
    text = words.data[words.starts[first] : words.ends[last - 1]]
    start = text[:30].decode("ascii", errors="replace")
    return repr(start + ("..." if len(text) > 30 else ""))


def numbers(words: Words, which: Indices) -> NDArray[np.float64]:
    """The values of some words, the same as ``float`` gives.

    Digits make a whole number, which is divided by a power of ten: both are exact in float64, so the quotient
    is the float64 nearest to the decimal. Words that are no plain decimals (exponents, ``nan``) take the slow way.

    Args:
        words: the text.
        which: indices of words, any shape.

    Returns:
        Values of the shape of ``which``; NaN only where the file says ``nan``, never infinite.

    Raises:
        FileError: a word is not a number, or too large for float32.
    """
    start = words.starts[which].ravel()
    length = words.ends[which].ravel() - start
    values = np.zeros(0) if not len(start) else _decimals(words, which, start, length)
    with np.errstate(invalid="ignore"):
        too_large = np.flatnonzero(np.abs(values) > np.finfo(np.float32).max)
    if len(too_large):
        raise _bad(words, int(which.ravel()[too_large[0]]), "is not a finite number")
    return values.reshape(which.shape)


def _decimals(words: Words, which: Indices, start: Indices, length: Indices) -> NDArray[np.float64]:
    width = min(int(length.max()), LONGEST)
    characters = np.empty((width, len(start)), dtype=np.uint8)
    for place in range(width):
        np.take(words.characters, start + place, out=characters[place])
    places = np.arange(width, dtype=np.uint8)[:, None]
    inside = places < np.minimum(length, 255).astype(np.uint8)
    digit = characters - np.uint8(ZERO)  # wraps round to 10 or more for all that are no digits
    is_digit = (digit < 10) & inside
    is_dot = (characters == DOT) & inside
    negative = characters[0] == MINUS
    digits, dots, dot_at = (np.add.reduce(x, axis=0, dtype=np.uint8) for x in (is_digit, is_dot, is_dot * places))
    plain = (digits + dots + (negative | (characters[0] == PLUS)) == length) & (dots <= 1)
    plain &= (digits >= 1) & (digits <= DIGITS)
    mantissa = np.zeros(len(start), dtype=np.int64)
    for row, used in zip(digit, is_digit, strict=True):
        mantissa = np.where(used, mantissa * 10 + row, mantissa)
    decimals = np.where(dots > 0, length - 1 - dot_at, 0)
    values: NDArray[np.float64] = mantissa / TENS[np.clip(decimals, 0, LONGEST)]
    values[negative] *= -1
    for odd in np.flatnonzero(~plain):
        values[odd] = _slow(words, int(which.flat[odd]))
    return values


def _slow(words: Words, index: int) -> float:
    word = words.word(index)
    if b"_" in word:  # float() admits 1_000, which no recorder writes
        raise _bad(words, index, "is not a number")
    try:
        return float(word)
    except ValueError as error:
        raise _bad(words, index, "is not a number") from error


def _bad(words: Words, index: int, reason: str) -> FileError:
    text = words.word(index)[:30].decode("ascii", errors="replace")
    return words.error(words.line_of(index), f"{text!r} {reason}")


def check_lines(words: Words, values: int, what: str) -> None:
    """Every line has so many values.

    Raises:
        FileError: naming the first line that has not; a short last line is told as a truncated copy.
    """
    wrong = np.flatnonzero(words.counts != values)
    if not len(wrong):
        return
    line = int(wrong[0])
    expected = f"expected {values} {what}"
    if line == words.lines - 1 and line > 0 and words.counts[line] < values:
        raise words.error(line, f"{expected}, the file ends after {words.counts[line]}. Truncated copy?")
    raise words.error(line, f"{expected}, got {words.counts[line]}: {shown(words, line)}")

"""Words and numbers of a text by arithmetic on 64 characters, or 8 digits, at a time.

For texts as recorders write them: this finds the words of a line and the values of short decimals several times
faster than ``text``, and says where something else stands. What that is, or what is wrong with it, ``text`` tells.
"""

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint64]  # bit k: of character k
Places = NDArray[np.int64]

NEWLINE, SPACE, MINUS, DOT, ZERO = b"\n -.0"
BLOCK = 64  # characters of a mask
BEFORE = 16  # newlines before the text, so that the 16 characters before the end of any word are there
MOST = 14  # digits behind the dot: with one before it a whole number below 2**53, which float64 holds exactly
TENS = 10.0 ** np.arange(MOST + 1)
SIGNED_E8 = np.array([1e8, -1e8])  # a positive, a negative number

_ONE, _SIX, _LAST = (np.uint64(n) for n in (1, 6, BLOCK - 1))
_ZEROS = np.uint64(0x3030303030303030)  # eight digits 0
_OVER_NINE = np.uint64(0x7676767676767676)  # carries into the highest bit of a byte that is larger than 9
_HIGHEST = np.uint64(0x8080808080808080)
_EVERY_FOURTH = np.uint64(0x000000FF000000FF)
_EIGHT, _SIXTEEN, _THIRTY_TWO, _TEN, _E8 = (np.uint64(n) for n in (8, 16, 32, 10, 10**8))
_LOW = np.uint64(1_000_000 << 32 | 100)  # of the pairs of digits a b c d: a and c, then b and d
_HIGH = np.uint64(10_000 << 32 | 1)


@dataclass(frozen=True, eq=False)
class Text:
    """A text, 16 newlines before it and at least 64 behind it.

    Args:
        characters: (B,) uint8, B a multiple of 64; the text begins at 16.
        end: one behind its last character.
    """

    characters: NDArray[np.uint8]
    end: int

    @cached_property
    def blanks(self) -> Mask:
        """Where spaces, line ends and other control characters are."""
        return _mask(self.characters <= SPACE)

    @cached_property
    def newlines(self) -> Places:
        """Where lines end, the newline before the text included."""
        found = np.flatnonzero(self.characters[: self.end + 1] == NEWLINE)[BEFORE - 1 :]
        return found[:-1] if found[-2] == self.end - 1 else found

    def words_between(self, places: Places) -> Places:
        """How many words begin between each of some blanks and the next."""
        blanks = self.blanks
        begins = blanks << _ONE
        begins[1:] |= blanks[:-1] >> _LAST
        begins &= ~blanks
        until = np.bitwise_count(begins).cumsum(dtype=np.int64)  # words that begin in each block or before it
        block = places >> 6
        behind = begins.take(block) >> (places.view(np.uint64) & _LAST)  # words of the block after the place
        before = until.take(block) - np.bitwise_count(behind)
        between: Places = before[1:] - before[:-1]
        return between

    def blanks_from(self, places: Places) -> Mask:
        """Which of the 64 characters from each of some places on are blank."""
        blanks = self.blanks
        block = places >> 6
        inside = places.view(np.uint64) & _LAST
        found: Mask = blanks.take(block) >> inside
        found |= (blanks.take(block + 1) << _ONE) << (_LAST - inside)  # no shift by 64, which C leaves open
        return found

    def first_words(self, starts: Places, words: int) -> tuple[Places, Places]:
        """(words, n) where the first words of some lines begin, and one behind their ends.

        For words with one blank between them; they are taken to end within 64 characters, together.
        """
        begins = np.empty((words + 1, len(starts)), dtype=np.int64)
        begins[0] = starts
        blanks = self.blanks_from(starts)
        for word in range(1, words + 1):
            lower = blanks - _ONE
            np.add(starts, np.bitwise_count(blanks ^ lower), out=begins[word])  # behind the lowest bit
            blanks &= lower  # without it
        return begins[:-1], begins[1:] - 1

    def rows(self, places: Places, width: int) -> NDArray[np.uint8]:
        """(n, width) the characters from each of some places on."""
        return self.runs(places, width).view(np.uint8).reshape(len(places), width)

    def decimals(self, begins: Places, ends: Places) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The values of words like -0.25, the same as ``float`` gives, and where a word is something else.

        A sign or none, one digit, a dot, 1 to 14 digits: without the dot they are a whole number, which is divided
        by a power of ten. Both are exact in float64, so the quotient is the float64 nearest to the decimal.

        Args:
            begins: (n,) first character of each word.
            ends: one behind its last.
        """
        negative = self.characters.take(begins) == MINUS
        place = begins + negative
        whole = self.characters.take(place) - np.uint8(ZERO)  # others wrap round to large
        odd = whole > 9
        place += 1
        odd |= self.characters.take(place) != DOT
        count = ends - place
        count -= 1
        odd |= (count - 1).view(np.uint64) >= MOST  # none or too many
        digits, wrong = _eight_digits(self.runs(ends - 8, 8), count)
        odd |= wrong
        digits += whole.astype(np.uint64) * _E8
        values = digits.view(np.int64) / SIGNED_E8.take(negative.view(np.int8))
        long = np.flatnonzero(count > 8)
        if len(long):
            values[long], also = self._long(place[long], ends[long], whole[long], negative[long])
            odd[long] |= also
        return values, odd

    def _long(
        self, dots: Places, ends: Places, whole: NDArray[np.uint8], negative: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Values of words with more than 8 digits behind the dot."""
        more = np.minimum(ends - dots - 9, MOST - 8)
        counts = np.concatenate([np.full_like(more, 8), more])
        digits, wrong = _eight_digits(self.runs(np.concatenate([dots + 1, ends - 8]), 8), counts)
        tens = TENS.take(more)
        values = (digits[: len(more)] + whole * 1e8) * tens + digits[len(more) :] / (1e8 / tens)
        values /= SIGNED_E8.take(negative.view(np.int8)) * tens
        return values, wrong[: len(more)] | wrong[len(more) :]

    def runs(self, places: Places, width: int) -> NDArray[np.void]:
        """Of each place the characters from there on; copied, many at a time."""
        every = (len(self.characters) - width + 1,)
        runs: NDArray[np.void] = np.ndarray(every, dtype=f"V{width}", buffer=self.characters, strides=(1,))
        return runs[places]


def padded(data: bytes) -> Text:
    """A text from the bytes of a file."""
    return joined([data])[0]


def joined(files: Seq[bytes]) -> tuple[Text, Places]:
    """One text from the bytes of files, and where each begins, always on a line of its own."""
    parts = [data if data.endswith(b"\n") else data + b"\n" for data in files[:-1]] + [files[-1]]
    begins = np.cumsum([BEFORE, *(len(part) for part in parts)])
    end = int(begins[-1])
    behind = b"\n" * (2 * BLOCK - end % BLOCK)
    return Text(np.frombuffer(b"".join([b"\n" * BEFORE, *parts, behind]), dtype=np.uint8), end), begins[:-1]


def _mask(where: NDArray[np.bool_]) -> Mask:
    return np.packbits(where, bitorder="little").view("<u8")


def _eight_digits(runs: NDArray[np.void], count: Places) -> tuple[Mask, NDArray[np.bool_]]:
    """The number that the last ``count`` of eight characters and zeros behind them make; where one is no digit.

    Source: sums of neighbours, of pairs, of fours, all in one register, as fast parsers do.
    """
    x = runs.view("<u8") ^ _ZEROS
    unused = 8 - np.minimum(count, 8)
    unused <<= 3
    x >>= unused.view(np.uint64)
    y = x + _OVER_NINE
    y |= x
    y &= _HIGHEST
    wrong = y != 0
    np.right_shift(x, _EIGHT, out=y)
    x *= _TEN
    x += y  # two digits in every other byte
    np.right_shift(x, _SIXTEEN, out=y)
    y &= _EVERY_FOURTH
    y *= _HIGH
    x &= _EVERY_FOURTH
    x *= _LOW
    x += y  # eight digits in the upper half
    x >>= _THIRTY_TWO
    return x, wrong

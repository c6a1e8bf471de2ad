"""The compiled reader of NTU files: what it gives is what the reader of any file gives, or nothing."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.readers.ntu import BODY, _read_any

read_bodies = pytest.importorskip("skelact.readers.ntu_fast", reason="no C compiler was at hand").read_bodies

NAMES = ("S001C001P001R001A001", "S001C003P008R002A058", "S003C001P015R001A034")
FORMS = [
    *["{:.7g}", "{:.7f}", "{:.10f}", "{:+.4f}", "{:.0f}", "{:.14f}", "{:.16f}", "{:.30f}", "{!r}", "{:.9G}"],
    *["{:.3e}", "{:.3E}", "{:+.7E}", "{:.17G}"],
]
STRANGE = ["nan", "inf", "-inf", "1_0", "1e39", "1e-400", ".", "+", "-", "--1", "1e", "1e-", "e-5", "0x1", "1.2.3"]
ODD = [
    *STRANGE,
    "-0",
    "-0.0",
    "5.",
    ".5",
    "+.5",
    "1e5",
    "1e-5",
    "-1e-45",
    "1E+05",
    "1E5",
    "4E-44",
    "0E-400",
    "-0E+400",
    "1E+38",
    "1E+39",
    "340282346638528859811704183484516925440",
    "340282356779733661637539395458142568448",
    "16777217.0000000000000000001",  # halfway between two float32, and a little more
    "16777217",
    "E-05",
    "1E-05-",
    "NaN",
    "Infinity",
    "-Infinity",
    "1,5",
    "123456789012345678",
    "9007199254740993",
]
BLANKS = [" ", "  ", "\t", " \t", "\x0b", "\x1f"]
LINE_ENDS = ["\n", "\r\n", " \n", "\n\n", "\t\r\n", "\r\n \r\n"]
COUNTS = [
    "0",
    "00",
    "1",
    "01",
    "7",
    "-1",
    "+1",
    "1.0",
    str(2**31),
    str(2**32 + 1),
    str(2**63),
    str(2**64),
    "9" * 18,
]


def agree(path: Path, data: bytes) -> bool:
    """Whether the compiled reader takes a file; if so, the reader of any file does and finds the same."""
    found = read_bodies(data)
    if found is None:
        return False
    path.write_bytes(data)
    frames, bodies = _read_any(path)
    assert found[0] == frames
    assert bytes(found[1]) == bodies.tobytes()  # signs of zero too
    return True


def content(
    rng: np.random.Generator, counts: list[int], forms: list[str], between: str = " ", end: str = "\r\n"
) -> bytes:
    """A file of random bodies; each number is written in one of some forms."""
    lines = [str(len(counts))]
    for count in counts:
        lines.append(str(count))
        for _ in range(count):
            lines += [between.join([str(72057594037931101 + int(rng.integers(3))), *["0.5"] * 9]), "25"]
            for _ in range(25):
                values = rng.normal(0, 10.0 ** rng.integers(-6, 2), 3) * rng.integers(0, 2, 3)
                words = [str(rng.choice(forms)).format(float(value)) for value in values]
                lines.append(between.join([*words, *["277.4"] * 8, str(rng.integers(0, 3))]))
    return (end.join(lines) + end).encode()


SOUND = content(np.random.default_rng(0), [1, 0, 2, 1], ["{:.7g}"])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ntu") / "clip.skeleton"


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    counts=st.lists(st.integers(0, 3), min_size=1, max_size=4).filter(any),
    forms=st.lists(st.sampled_from(FORMS), min_size=1, max_size=3),
    between=st.sampled_from(BLANKS),
    end=st.sampled_from(LINE_ENDS),
)
def test_however_numbers_and_lines_are_written(
    path: Path, seed: int, counts: list[int], forms: list[str], between: str, end: str
) -> None:
    assert agree(path, content(np.random.default_rng(seed), counts, forms, between, end))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage_is_never_read_otherwise(path: Path, data: st.DataObject) -> None:
    """Characters go, come or change anywhere."""
    damaged = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.integers(0, len(damaged)))
        removed = data.draw(st.sampled_from([0, 1, 1, 1, 2, 40, len(damaged)]))
        come = st.text("0123456789.-+eE \r\n\t\0x", max_size=3).map(str.encode) | st.binary(max_size=2)
        damaged[place : place + removed] = data.draw(come)
    agree(path, bytes(damaged))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_word_is_read_otherwise(path: Path, data: st.DataObject) -> None:
    """One word is another: a number of an odd form, or a count, large ones too."""
    words = SOUND.split(b" ") if data.draw(st.booleans()) else SOUND.split(b"\r\n")
    between = b" " if len(words) > 200 else b"\r\n"
    place = data.draw(st.integers(0, len(words) - 1))
    words[place] = data.draw(st.sampled_from([*ODD, *COUNTS])).encode()
    agree(path, between.join(words))


@pytest.mark.parametrize("word", ODD)
def test_odd_numbers(path: Path, word: str) -> None:
    """Many are left to the reader of any file; none is read as something else."""
    joint = f"{word} 0.25 -1 0 0 0 0 0 0 0 0 2\n"
    agree(path, f"1\n1\n7{' 0' * 9}\n25\n{joint * 25}".encode())


@settings(max_examples=300, deadline=None)
@given(text=st.from_regex(r"[+-]?[0-9]{0,25}\.?[0-9]{0,25}([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_decimals_are_rounded_as_python_rounds_them(text: str) -> None:
    joint = f"{text} 0.25 -1 0 0 0 0 0 0 0 0 2\n"
    found = read_bodies(f"1\n1\n7{' 0' * 9}\n25\n{joint * 25}".encode())
    if found is not None:
        value = np.frombuffer(found[1], dtype=BODY)["positions"][0, 0, 0]
        assert struct.pack("f", value) == struct.pack("f", np.float32(float(text)))


@settings(max_examples=300, deadline=None)
@given(near=st.integers(1, 0x7F7FFFFE).map(lambda bits: np.uint32(bits).view(np.float32)), away=st.integers(-2, 2))
def test_decimals_near_the_middle_of_two_floats_are_rounded_as_python_rounds_them(
    near: np.float32, away: int
) -> None:
    """The middle itself, and the doubles around it: where a second rounding would show."""
    middle = (float(near) + float(np.nextafter(near, np.float32(np.inf)))) / 2
    value = middle + away * np.spacing(middle)
    for text in (f"{value:.17g}", f"{value:.40G}", repr(value)):
        joint = f"{text} 0.25 -1 0 0 0 0 0 0 0 0 2\n"
        found = read_bodies(f"1\n1\n7{' 0' * 9}\n25\n{joint * 25}".encode())
        if found is not None:
            ours = np.frombuffer(found[1], dtype=BODY)["positions"][0, 0, 0]
            assert struct.pack("f", ours) == struct.pack("f", np.float32(float(text)))


@pytest.mark.parametrize(
    "word",
    [
        *["0.2181153", "-1.5", "3", "-8.940697e-08", "-0.0", "1e-05", "+0.25", "+0", "1e+06", "2.181153e-01"],
        *["1E-05", "-4.5E-06", "1.490116E-08", "1E+06", "0E+00", "0.21811529994010925", "4.4703484E-08"],
    ],
)
def test_what_recorders_write_is_read_fast(path: Path, word: str) -> None:
    joint = f"{word} 0.25 -1 0 0 0 0 0 0 0 0 2\n"
    assert agree(path, f"1\n1\n7{' 0' * 9}\n25\n{joint * 25}".encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\r\n", b"\n"),
        (b"\r\n", b" \r\n"),
        (b"\r\n", b"\t\n"),
        (b"\r\n", b"\r\n\r\n"),
        (b" ", b"\t"),
        (b" ", b"  "),
        (b"\r\n", b"\r\n "),
    ],
)
def test_other_blanks_are_read_fast(path: Path, old: bytes, new: bytes) -> None:
    changed = SOUND.replace(old, new)
    for data in (changed, changed.rstrip(), changed + b"\r\n\r\n", b"\xef\xbb\xbf" + changed, b"\n" + changed):
        assert agree(path, data)


@pytest.mark.parametrize("frames", [0, 4, 2**31, 2**62, 10**17])
@pytest.mark.parametrize("bodies", [0, 2, 2**31, 2**62, 10**17])
def test_counts_ask_for_no_room(frames: int, bodies: int) -> None:
    """Only what is in the file takes memory, whatever it announces."""
    assert read_bodies(f"{frames}\n{bodies}\n".encode() + SOUND.split(b"\r\n", 2)[2]) is None


@pytest.mark.parametrize("size", [*range(60), *range(60, len(SOUND), 97)])
def test_a_file_that_ends_early(path: Path, size: int) -> None:
    assert not agree(path, SOUND[:size])


@pytest.mark.parametrize("behind", [b"\0", b"\0\n", b"\n\0", b"x", b"\n0"])
def test_nothing_follows(path: Path, behind: bytes) -> None:
    assert not agree(path, SOUND + behind)
    assert agree(path, SOUND + b"\n \t\r\n")
    assert agree(path, SOUND.rstrip())


def test_it_takes_bytes() -> None:
    with pytest.raises(TypeError, match="expected bytes, str found"):
        read_bodies("1\n")


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_real_files_are_read_fast(shared: Path, path: Path, name: str) -> None:
    data = (shared / "data" / "ntu_rgbd" / f"{name}.skeleton").read_bytes()
    assert agree(path, data)
    assert not agree(path, data[:-3])

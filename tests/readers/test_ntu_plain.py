"""NTU files as the recorder writes them: read as any file is, or left to the reader of any file."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.readers.ntu import _read_any
from skelact.readers.ntu_plain import Bodies, read_plain

NAMES = ("S001C001P001R001A001", "S001C003P008R002A058", "S003C001P015R001A034")
FORMS = ["{:.7g}", "{:.7f}", "{:.10f}", "{:.3e}", "{:+.4f}", "{:.0f}", "{!r}"]
LINE_ENDS = ["\n", "\r\n", " \n", "\n\n", "\t\r\n"]


def same(one: Bodies, other: Bodies) -> None:
    assert one.frames == other.frames
    for key in ("frame", "place", "identity", "positions_CBV", "states"):
        np.testing.assert_array_equal(getattr(one, key), getattr(other, key), err_msg=key)
    np.testing.assert_array_equal(np.signbit(one.positions_CBV), np.signbit(other.positions_CBV))


def content(rng: np.random.Generator, counts: list[int], forms: list[str], between: str, end: str) -> str:
    """A file of random bodies; each number is written in one of some forms."""
    lines = [str(len(counts))]
    for count in counts:
        lines.append(str(count))
        for _ in range(count):
            lines += [between.join([str(72057594037931101 + int(rng.integers(3))), *["0.5"] * 9]), "25"]
            for _ in range(25):
                values = rng.normal(0, 10.0 ** rng.integers(-4, 1), 3) * rng.integers(0, 2, 3)
                words = [str(rng.choice(forms)).format(float(value)) for value in values]
                lines.append(between.join([*words, *["277.4"] * 8, str(rng.integers(0, 3))]))
    return end.join(lines) + end


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    counts=st.lists(st.integers(0, 3), min_size=1, max_size=4).filter(any),
    forms=st.lists(st.sampled_from(FORMS), min_size=1, max_size=3),
    between=st.sampled_from([" ", " ", "  ", "\t"]),
    end=st.sampled_from(LINE_ENDS),
)
def test_however_numbers_and_lines_are_written(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    counts: list[int],
    forms: list[str],
    between: str,
    end: str,
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.skeleton"
    text = content(np.random.default_rng(seed), counts, forms, between, end)
    path.write_bytes(text.encode())
    [found] = read_plain([text.encode()])
    if between != "\t" and end in ("\n", "\r\n"):
        assert found is not None
    if found is not None:
        same(found, _read_any(path))


SOUND = content(np.random.default_rng(0), [1, 0, 2, 1], ["{:.7g}"], " ", "\r\n").encode()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage_is_never_read_otherwise(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever the fast reader takes, the reader of any file takes as well, and finds the same."""
    damaged = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.integers(0, len(damaged)))
        removed = data.draw(st.sampled_from([0, 1, 1, 1, 2, 40]))
        damaged[place : place + removed] = data.draw(st.text("0123456789.-+e \r\n\t\0x", max_size=3)).encode()
    path = tmp_path_factory.getbasetemp() / "damaged.skeleton"
    path.write_bytes(damaged)
    [found] = read_plain([bytes(damaged)])
    if found is not None:
        same(found, _read_any(path))


@settings(max_examples=60, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=2, max_size=5),
    cuts=st.lists(st.sampled_from([None, None, None, -1, -2, -3, 4, 200]), min_size=5, max_size=5),
    ends=st.lists(st.sampled_from(["\n", "\n", "\r\n", "\n\n"]), min_size=5, max_size=5),
)
def test_files_read_together_are_read_as_alone(seeds: list[int], cuts: list[int | None], ends: list[str]) -> None:
    """Also where some of them end early, in a line or between two, and leave the next one to be misread."""
    files = []
    for seed, cut, end in zip(seeds, cuts, ends, strict=False):
        rng = np.random.default_rng(seed)
        counts = [*rng.integers(0, 3, 2).tolist(), 1]
        files.append(content(rng, counts, ["{:.7g}"], " ", end).encode()[:cut])
    for together, data in zip(read_plain(files), files, strict=True):
        [alone] = read_plain([data])
        assert (together is None) == (alone is None)
        if together is not None and alone is not None:
            same(together, alone)


def test_a_line_that_wanders_to_the_next_file_is_noticed() -> None:
    """Two files whose lines are right in number only together are both left to the reader of any file."""
    lines = SOUND.split(b"\r\n")
    first, second = b"\r\n".join(lines[:-2]) + b"\r\n", b"\r\n".join([lines[-2], *lines])
    assert read_plain([first, second]) == [None, None]
    assert read_plain([SOUND, first])[1] is None
    assert read_plain([first, SOUND])[1] is not None


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_real_files_are_plain(shared: Path, name: str) -> None:
    path = shared / "data" / "ntu_rgbd" / f"{name}.skeleton"
    [found] = read_plain([path.read_bytes()])
    assert found is not None
    same(found, _read_any(path))

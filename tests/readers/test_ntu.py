"""NTU RGB+D skeleton text."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.readers import ntu, read
from skelact.readers.ntu import read_ntu
from skelact.skeletons import NTU25

NAMES = ("S001C001P001R001A001", "S001C003P008R002A058", "S003C001P015R001A034")


def text_of(positions: NDArray[np.float32], identities: list[list[int]], states: NDArray[np.int64]) -> str:
    """An NTU file; frame t holds the bodies whose identities are given, in that order."""
    lines = [str(len(positions))]
    for frame, bodies in enumerate(identities):
        lines.append(str(len(bodies)))
        for place, identity in enumerate(bodies):
            lines += [f"{identity} 0 1 1 1 1 0 0.02764709 -8.940697e-08 2", "25"]
            for joint in range(25):
                x, y, z = positions[frame, place, joint]
                lines.append(
                    f"{x!s} {y!s} {z!s} 277.4 -1.#INF 1036 519 -0.2 0.05 0.96 0 {states[frame, place, joint]}"
                )
    return "\r\n".join(lines) + "\r\n"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), counts=st.lists(st.integers(0, 3), min_size=1, max_size=5).filter(any))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, seed: int, counts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    frames, most = len(counts), max(counts)
    positions = rng.normal(0, 10.0 ** rng.integers(-6, 3), (frames, 3, 25, 3)).astype(np.float32)
    states = rng.integers(0, 3, (frames, 3, 25))
    identities = [[72057594037931101 + int(n) for n in rng.permutation(9)[:count]] for count in counts]
    path = tmp_path_factory.mktemp("ntu") / "clip.skeleton"
    path.write_text(text_of(positions, identities, states), newline="")
    sequence = read_ntu(path)
    assert sequence.positions.shape == (frames, most, 25, 3)
    assert sequence.confidence is not None
    assert sequence.track is not None
    for frame, count in enumerate(counts):
        np.testing.assert_array_equal(sequence.positions[frame, :count], positions[frame, :count])
        np.testing.assert_array_equal(sequence.confidence[frame, :count], states[frame, :count] / 2)
        assert sequence.track[frame].tolist() == identities[frame] + [-1] * (most - count)
        assert not sequence.valid[frame, count:].any()
        assert not sequence.confidence[frame, count:].any()


def test_a_joint_at_the_camera_was_not_observed(tmp_path: Path) -> None:
    positions = np.ones((2, 1, 25, 3), dtype=np.float32)
    positions[1, 0, 7] = 0
    positions[1, 0, 8, 0] = 0  # only one coordinate: a place like others
    path = tmp_path / "clip.skeleton"
    path.write_text(text_of(positions, [[5], [5]], np.full((2, 1, 25), 2)))
    assert np.argwhere(~read_ntu(path).valid).tolist() == [[1, 0, 7]]


def test_name_skeleton_and_rate(tmp_path: Path) -> None:
    path = tmp_path / "S001C001P001R001A001.skeleton"
    path.write_text(text_of(np.ones((1, 1, 25, 3), dtype=np.float32), [[5]], np.full((1, 1, 25), 2)))
    sequence = read(path)
    assert (sequence.name, sequence.skeleton, sequence.fps) == ("S001C001P001R001A001", NTU25, 30.0)
    assert (sequence.unit, sequence.up) == ("m", "+y")


def test_line_ends_blank_lines_and_tabs_make_no_difference(tmp_path: Path) -> None:
    text = text_of(np.ones((2, 1, 25, 3), dtype=np.float32), [[5], [6]], np.full((2, 1, 25), 2))
    sequences = []
    for number, variant in enumerate([text, text.replace("\r\n", "\n\n"), text.replace(" ", "\t"), text.strip()]):
        path = tmp_path / f"{number}.skeleton"
        path.write_text(variant, newline="")
        sequences.append(read_ntu(path))
    for sequence in sequences[1:]:
        np.testing.assert_array_equal(sequence.positions, sequences[0].positions)
        np.testing.assert_array_equal(sequence.track, sequences[0].track)


def test_all_is_read_where_nothing_was_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module as it is imported where there was no C compiler: same arrays, same errors."""
    monkeypatch.setitem(sys.modules, "skelact.readers.ntu_fast", None)
    spec = importlib.util.spec_from_file_location("ntu_uncompiled", ntu.__file__)
    assert spec is not None
    assert spec.loader is not None
    uncompiled = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(uncompiled)
    rng = np.random.default_rng(0)
    positions = (rng.normal(size=(3, 2, 25, 3)) * rng.integers(0, 2, (3, 2, 25, 1))).astype(np.float32)
    text = text_of(positions, [[5], [7, 5], []], rng.integers(0, 3, (3, 2, 25)))
    path = tmp_path / "clip.skeleton"
    assert uncompiled.read_bodies(text.encode()) is None
    path.write_text(text, newline="")
    slow, fast = uncompiled.read_ntu(path), read_ntu(path)
    for key in ("positions", "confidence", "track"):
        np.testing.assert_array_equal(getattr(slow, key), getattr(fast, key))
    path.write_text(text[: -len("2\r\n0\r\n")], newline="")
    for function in (uncompiled.read_ntu, read_ntu):
        with pytest.raises(FileError) as caught:
            function(path)
        assert str(caught.value) == (
            f"{path}, line 84: the file ends in joint 25 of body 2 of frame 2. Truncated file?"
        )


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_positions_are_the_golden_ones(shared: Path, name: str) -> None:
    """Golden: the two bodies that move most, larger first, 0 where there is none."""
    sequence = read_ntu(shared / "data" / "ntu_rgbd" / f"{name}.skeleton")
    golden = np.load(shared / "golden" / f"ntu_{name}.npz")
    raw_TMVC = golden["raw"].transpose(1, 3, 2, 0)
    assert sequence.frames == int(golden["num_frames"])
    ours = np.nan_to_num(sequence.positions)
    for body in range(2):
        expected = raw_TMVC[:, body]
        if expected.any():
            distance = np.abs(ours - expected[:, None]).max(axis=(0, 2, 3))
            assert distance.min() < 1e-5
    assert sum(raw_TMVC[:, body].any() for body in range(2)) == min(sequence.persons, 2)


@pytest.mark.real
def test_what_the_real_files_hold(shared: Path) -> None:
    sequences = [read_ntu(shared / "data" / "ntu_rgbd" / f"{name}.skeleton") for name in NAMES]
    assert [(s.frames, s.persons) for s in sequences] == [(103, 1), (70, 2), (71, 1)]
    first, both, _ = sequences
    assert first.track is not None
    assert set(first.track.ravel().tolist()) == {72057594037931101}
    assert both.track is not None
    assert [len(set(both.track[:, place].tolist())) for place in range(2)] == [1, 1]
    np.testing.assert_allclose(first.positions[0, 0, 0], [0.2181153, 0.1725972, 3.785547], rtol=1e-6)
    assert first.confidence is not None
    assert set(np.unique(first.confidence).tolist()) <= {0.0, 0.5, 1.0}
    assert first.confidence.mean() > 0.8

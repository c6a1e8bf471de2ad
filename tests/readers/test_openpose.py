"""OpenPose JSON, a file per frame."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skelact.errors import FileError, UserError
from skelact.readers import find_units, read, read_all
from skelact.skeletons import BODY25, COCO18


def person(x: float, joints: int = 25, identity: int | None = None) -> dict[str, Any]:
    """A person at x; joint 0 was not found."""
    numbers = [value for j in range(joints) for value in ((x + j, 10.0 * j, 0.5) if j else (0, 0, 0))]
    return {"person_id": [-1 if identity is None else identity], "pose_keypoints_2d": numbers}


def put(path: Path, *people: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 1.3, "people": list(people)}))
    return path


def record(folder: Path, name: str = "walk", frames: int = 4) -> Path:
    """Two people, 1000 pixels apart, who change places in the lists from frame to frame."""
    for number in range(frames):
        pair = [person(100.0 + number), person(1100.0 + number)]
        put(folder / f"{name}_{number:012d}_keypoints.json", *(pair if number % 2 else pair[::-1]))
    return folder


def test_a_folder_is_a_recording(tmp_path: Path) -> None:
    sequence = read(record(tmp_path / "one"))
    assert sequence.positions.shape == (4, 2, 25, 2)
    assert (sequence.skeleton, sequence.fps, sequence.unit, sequence.up) == (BODY25, 30.0, "px", "-y")
    assert sequence.name == "one"
    first = sequence.positions[:, 0, 1, 0]
    np.testing.assert_array_equal(first, [1101, 1102, 1103, 1104])  # every person keeps a place
    assert sequence.confidence is not None
    assert not sequence.valid[:, :, 0].any()
    np.testing.assert_array_equal(sequence.confidence, np.where(sequence.valid, 0.5, 0))


def test_frames_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (9, 10, 2):
        put(tmp_path / f"x{number}_keypoints.json", person(float(number)))
    sequence = read(tmp_path)
    assert sequence.frames == 9  # 2 to 10
    seen = sequence.valid.any(axis=(1, 2))
    assert np.flatnonzero(seen).tolist() == [0, 7, 8]
    assert sequence.positions[seen, 0, 1, 0].tolist() == [3, 10, 11]


def test_a_frame_without_people(tmp_path: Path) -> None:
    record(tmp_path, frames=3)
    put(tmp_path / "walk_000000000001_keypoints.json")
    sequence = read(tmp_path)
    assert sequence.valid.any(axis=2).tolist() == [[True, True], [False, False], [True, True]]
    assert sequence.track.tolist() == [[0, 1], [-1, -1], [0, 1]]  # type: ignore[union-attr]


def test_coco_and_identities(tmp_path: Path) -> None:
    put(tmp_path / "a_0_keypoints.json", person(0, 18, 7), person(1, 18, 3))
    put(tmp_path / "a_1_keypoints.json", person(1, 18, 3))
    put(tmp_path / "a_2_keypoints.json", person(500, 18, 7))  # however far: the file has the identity
    sequence = read(tmp_path, fps=25)
    assert (sequence.skeleton, sequence.fps) == (COCO18, 25.0)
    assert sequence.track.tolist() == [[7, 3], [-1, 3], [7, -1]]  # type: ignore[union-attr]


def test_confidence_above_one_and_people_without_a_body(tmp_path: Path) -> None:
    sure = person(0)
    sure["pose_keypoints_2d"][5] = 1.02
    put(
        tmp_path / "a_0_keypoints.json",
        sure,
        {"pose_keypoints_2d": []},
        person(0) | {"pose_keypoints_2d": [0] * 75},
    )
    sequence = read(tmp_path)
    assert sequence.persons == 1
    assert sequence.confidence[0, 0, 1] == 1  # type: ignore[index]


def test_several_recordings_in_a_folder(tmp_path: Path) -> None:
    record(tmp_path / "json", "walk")
    record(tmp_path / "json", "run", 2)
    put(tmp_path / "deep" / "00.json", person(0))
    (tmp_path / "json" / "notes.md").write_text("-")
    found = find_units(tmp_path)
    assert [unit.path.relative_to(tmp_path).as_posix() for unit, _ in found.units] == [
        "deep",
        "json/run",
        "json/walk",
    ]
    assert {name for _, name in found.units} == {"openpose"}
    assert found.others == 1
    assert [one.frames for one in read_all(tmp_path)] == [1, 2, 4]
    with pytest.raises(FileError) as caught:
        read(tmp_path)
    names = "the first are 'deep' and 'run'. read_all(path) gives them all, skelact import takes them"
    assert str(caught.value) == f"{tmp_path}: holds several recordings, {names}"


def test_the_form_of_lists(tmp_path: Path) -> None:
    def row(identity: int, x: float) -> list[Any]:
        return [[identity, "wave", *([0.0, 0.0] + [x, 0.5] * 17)]]

    (tmp_path / "00000.txt").write_text("[]")
    (tmp_path / "00001.txt").write_text(json.dumps([row(4, 0.2), row(6, 0.8)]))
    (tmp_path / "00002.txt").write_text(json.dumps([row(6, 0.7)]))
    sequence = read(tmp_path)
    assert (sequence.skeleton, sequence.unit, sequence.up) == (COCO18, "image", "-y")
    assert sequence.confidence is None
    assert sequence.valid.any(axis=2).tolist() == [[False, False], [True, True], [False, True]]
    assert not sequence.valid[:, :, 0].any()
    assert sequence.track.tolist() == [[-1, -1], [4, 6], [-1, 6]]  # type: ignore[union-attr]


def test_one_file_is_a_recording_of_one_frame(tmp_path: Path) -> None:
    sequence = read(put(tmp_path / "a_7_keypoints.json", person(0)))
    assert (sequence.frames, sequence.name) == (1, "a_7_keypoints")


def test_numbered_files_of_other_formats_are_none(tmp_path: Path) -> None:
    (tmp_path / "a01_s01_e00_v01.json").write_text('{"file_name": "a", "skeletons": [], "label": 1}')
    (tmp_path / "values1.txt").write_text("1 2 3\n")
    found = find_units(tmp_path)
    assert [(unit.is_file, name) for unit, name in found.units] == [(True, None)] * 2


def edit(**changes: Any) -> dict[str, Any]:
    return person(0) | changes


def numbers(**places: Any) -> dict[str, Any]:
    values: list[Any] = person(0)["pose_keypoints_2d"]
    for place, value in places.items():
        values[int(place[1:])] = value
    return person(0) | {"pose_keypoints_2d": values}


SUFFIX = "_keypoints.json"
FAULTS: dict[str, tuple[Any, str]] = {
    "empty": (b"", "the file is empty"),
    "cut": (b'{"people": [{"pose_',
        "not valid JSON at character 14: Unterminated string starting at. Truncated file?"),
    "cut in a number list": (b'{"people": [{"pose_keypoints_2d": [1, 2', "not valid JSON at character 40: "
        "Expecting ',' delimiter. Truncated file?"),
    "not JSON": (b"people: none", "not valid JSON at character 1: Expecting value"),
    "not text": (b'{"people": "\xff\xfe"}', "is not a JSON file"),
    "nested too deep": (b"[" * 100_000, "is not a JSON file"),
    "another object": (b'{"persons": []}', 'expected an object with "people": a list, as OpenPose writes it'),
    "people is a number": (b'{"people": 3}', 'expected an object with "people": a list, as OpenPose writes it'),
    "a number": (b"7", 'expected an object with "people": a list, as OpenPose writes it'),
    "person is a list": ([[1, 2]], "person 1 is [1, 2], expected an object"),
    "no key points": ([{"face": []}], 'person 1 has no list "pose_keypoints_2d"'),
    "key points are null": ([edit(pose_keypoints_2d=None)], 'person 1 has no list "pose_keypoints_2d"'),
    "hand alone": ([edit(pose_keypoints_2d=[1.0] * 63)],
        "person 1 has 63 numbers, expected 75 (body25) or 54 (coco18)"),
    "text among numbers": ([person(0), numbers(_3="far")], 'person 2 has "far" among the numbers'),
    "a list among numbers": ([numbers(_3=[1, 2])], "person 1 has [1, 2] among the numbers"),
    "true among numbers": ([numbers(_3=True)], "person 1 has true among the numbers"),
    "infinite": ([numbers(_3=1e39)], "person 1 has a number that is not finite"),
    "not a number": ([numbers(_3=float("nan"))], "person 1 has a number that is not finite"),
    "a whole number too large": ([numbers(_3=10**400)], "person 1 has a number that is not finite"),
    "confidence below 0": ([numbers(_5=-0.5)], "person 1 has a confidence of -0.5, expected 0 to 1"),
    "identity is text": ([edit(person_id=["x"])],
        'person 1 has the identity "x", expected a whole number, -1 for none'),
    "identity too large": ([edit(person_id=2**70)],
        f"person 1 has the identity {2**70}, expected a whole number, -1 for none"),
    "identity twice": ([person(0, identity=3), person(9, identity=3)], "two people have the identity 3"),
    "another skeleton": ([person(0, 18)], "has coco18, walk_000000000000_keypoints.json has body25. "
        "Files of two recordings?"),
    "another form": (b'[[[1, "", ' + b", ".join([b"0.5"] * 36) + b"]]]",
        "has another form than walk_000000000000_keypoints.json. Files of two recordings?"),
    "a short list": (b'[[[1, "", 0.5]]]',
        "person 1 is 3 values, expected identity, label and 36 numbers (coco18)"),
    "lists of a number": (b"[7]", "person 1 is 7, expected identity, label and 36 numbers (coco18)"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_frame_that_is_broken_is_named(fault: str, tmp_path: Path) -> None:
    record(tmp_path, frames=3)
    path = tmp_path / f"walk_000000000001{SUFFIX}"
    content, message = FAULTS[fault]
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        put(path, *content)
    with pytest.raises(FileError) as caught:
        read(tmp_path)
    assert caught.value.path == path
    assert caught.value.reason == message


FOLDERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no person": (lambda f: [put(f / f"a_{n}{SUFFIX}") for n in range(3)],
        ": the recording shows no person: 3 frames, no person in any of them"),
    "a number twice": (lambda f: [put(f / f"a_{n}{SUFFIX}", person(0)) for n in ("1", "01")],
        f"/a_1{SUFFIX}: has the frame number 1, as a_01{SUFFIX} has"),
    "numbers of something else": (lambda f: [put(f / f"a_{n}{SUFFIX}", person(0)) for n in (1, 10**9)],
        ": frame numbers from 1 to 1000000000 in 2 files, expected fewer than 1,000,000 frames. "
        "Are these frame numbers?"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FOLDERS)
def test_a_folder_that_makes_no_sense(fault: str, tmp_path: Path) -> None:
    make, message = FOLDERS[fault]
    make(tmp_path)
    with pytest.raises(FileError) as caught:
        read(tmp_path, "openpose")
    assert str(caught.value) == f"{tmp_path}{message}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fps": 0}, "format openpose: fps must be above 0 and at most 100000, got 0.0"),
        ({"fps": "fast"}, "format openpose: fps must be float, got 'fast'"),
        ({"unit": "m"}, "format openpose: unknown unit 'm'. Known: image, px"),
        ({"speed": 1}, "unknown option of format openpose 'speed'. Known: fps, unit"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read(record(tmp_path), **options)
    assert str(caught.value) == message


@pytest.mark.real
def test_a_real_recording(shared: Path) -> None:
    """386 frames, of which 104 are empty; in one there are three people."""
    folder = shared / "data" / "pose2d" / "08-19-17-32-20-065" / "skeletons"
    sequence = read(folder)
    assert (sequence.frames, sequence.persons, sequence.skeleton) == (386, 3, COCO18)
    people = sequence.valid.any(axis=2).sum(axis=1)
    assert [int((people == count).sum()) for count in range(4)] == [104, 139, 142, 1]
    assert np.nanmin(sequence.positions) > 0
    assert np.nanmax(sequence.positions) <= 1
    frame = json.loads((folder / "00150.txt").read_text())
    assert sorted(one for one in sequence.track[150].tolist() if one >= 0) == sorted(p[0][0] for p in frame)  # type: ignore[index]
    heads, hips = (sequence.positions[:, :, COCO18.index(joint), 1] for joint in ("nose", "right_hip"))
    assert np.nanmedian(hips - heads) > 0.2  # y points down

"""Annotation pickles of pyskl and mmaction2."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skelact.errors import FileError, UserError
from skelact.readers import read, read_all
from skelact.skeletons import COCO17, KINECT20, NTU25


def annotation(name: str = "a", label: Any = 0, frames: int = 3, **changes: Any) -> dict[str, Any]:
    """Two people in the picture; of the second nothing was found in the last frame."""
    rng = np.random.default_rng(len(name))
    scores = rng.uniform(0.1, 1, (2, frames, 17)).astype(np.float16)
    scores[1, -1] = 0
    made = {
        "frame_dir": name,
        "label": label,
        "img_shape": (240, 320),
        "original_shape": (240, 320),
        "total_frames": frames,
        "keypoint": rng.uniform(1, 200, (2, frames, 17, 2)).astype(np.float16),
        "keypoint_score": scores,
    }
    return {key: value for key, value in {**made, **changes}.items() if value is not ...}


def in_space(name: str, joints: int = 25) -> dict[str, Any]:
    points = np.random.default_rng(0).normal(size=(2, 3, joints, 3)).astype(np.float32)
    points[1] = 0  # the second place is empty
    return {"frame_dir": name, "label": 5, "total_frames": 3, "keypoint": points}


def put(path: Path, content: Any) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=4))
    return path


def test_one_annotation(tmp_path: Path) -> None:
    made = annotation("walk", 7)
    sequence = read(put(tmp_path / "one.pkl", made))
    assert (sequence.name, sequence.label, sequence.fps) == ("walk", "7", 30.0)
    assert (sequence.skeleton, sequence.unit, sequence.up) == (COCO17, "px", "-y")
    assert dict(sequence.tags) == {"picture_width": 320, "picture_height": 240}
    assert not sequence.valid[-1, 1].any()
    np.testing.assert_array_equal(sequence.positions[:, 0], made["keypoint"][0].astype(np.float32))
    np.testing.assert_array_equal(
        sequence.confidence, made["keypoint_score"].transpose(1, 0, 2).astype(np.float32)
    )


@pytest.mark.parametrize("listed", [True, False])
def test_a_file_is_many_recordings(tmp_path: Path, listed: bool) -> None:
    every = [annotation(name, number, 2 + number) for number, name in enumerate("abc")]
    path = put(tmp_path / "many.pkl", every if listed else {"split": {}, "annotations": every})
    assert [(one.name, one.label, one.frames) for one in read_all(path)] == [
        ("a", "0", 2),
        ("b", "1", 3),
        ("c", "2", 4),
    ]
    with pytest.raises(FileError) as caught:
        read(path)
    names = "the first are 'a' and 'b'. read_all(path) gives them all, skelact import takes them"
    assert str(caught.value) == f"{path}: holds several recordings, {names}"


def test_key_points_in_space(tmp_path: Path) -> None:
    sequence = read(put(tmp_path / "ntu.pkl", {"annotations": [in_space("x")]}))
    assert (sequence.skeleton, sequence.unit, sequence.up) == (NTU25, "m", "+y")
    assert sequence.confidence is None
    assert sequence.valid.any(axis=(0, 2)).tolist() == [True, False]
    with pytest.raises(
        FileError, match=r"20 joints with 3 coordinates are not known; name the skeleton: --option"
    ):
        read(put(tmp_path / "k.pkl", [in_space("x", 20)]))
    assert read(tmp_path / "k.pkl", skeleton="kinect20", unit="mm", fps=15).skeleton == KINECT20
    assert read(tmp_path / "k.pkl", skeleton=KINECT20, unit="mm").unit == "mm"


def test_names_of_classes(tmp_path: Path) -> None:
    path = put(tmp_path / "a.pkl", [annotation("a", np.int64(1)), annotation("b", -1), annotation("c", ...)])
    (tmp_path / "classes.txt").write_text("bow\nwave\n\n")
    found = list(read_all(path, classes=str(tmp_path / "classes.txt")))
    assert [one.label for one in found] == ["wave", None, None]


def test_splits_become_tags(tmp_path: Path) -> None:
    split = {
        "xsub_train": ["a"], "xsub_val": ["b", "c"], "train1": ["b"], "test1": ["a"],
        "train": ["a"], "val": ["b"], "test": ["c"], "csv-Train": ["c"], "csv-val": ["a"],
    }  # fmt: skip
    path = put(tmp_path / "a.pkl", {"split": split, "annotations": [annotation(name) for name in "abc"]})
    tags = [{key: value for key, value in one.tags.items() if "." in key} for one in read_all(path)]
    assert tags == [
        {"split.xsub": "train", "split.split1": "test", "split.split": "train", "split.csv": "test"},
        {"split.xsub": "test", "split.split1": "train"},
        {"split.xsub": "test", "split.split": "test", "split.csv": "train"},
    ]


FAULTS: dict[str, tuple[Any, str]] = {
    "not a dictionary": (7, "annotation 1: is a int, expected a dictionary"),
    "no name": (annotation(frame_dir=...), "annotation 1: frame_dir is None, expected the name of the recording"),
    "a name that is a number": (annotation(frame_dir=3),
        "annotation 1: frame_dir is 3, expected the name of the recording"),
    "no key points": (annotation(keypoint=...), "annotation 1 (a): has no keypoint"),
    "key points elsewhere": (annotation(keypoint=..., raw_file="/x.pkl"),
        "annotation 1 (a): has no keypoint (raw_file names another file, which is not read)"),
    "a list": (annotation(keypoint=[1, 2]), "annotation 1 (a): keypoint is a list, expected an array of numbers "
        "(people, frames, joints, coordinates)"),
    "an array of text": (annotation(keypoint=np.array(["x"])),
        "annotation 1 (a): keypoint is an array of <U1, expected an array of numbers "
        "(people, frames, joints, coordinates)"),
    "three axes": (annotation(keypoint=np.ones((3, 17, 2))),
        "annotation 1 (a): keypoint is (3, 17, 2), expected (people, frames, joints, coordinates)"),
    "four coordinates": (annotation(keypoint=np.ones((1, 3, 17, 4))),
        "annotation 1 (a): keypoint is (1, 3, 17, 4), "
        "expected (people, frames, joints, 2 or 3 coordinates), none of them 0"),
    "no people": (annotation(keypoint=np.ones((0, 3, 17, 2))), "annotation 1 (a): keypoint is (0, 3, 17, 2), "
        "expected (people, frames, joints, 2 or 3 coordinates), none of them 0"),
    "infinite": (annotation(keypoint=np.full((2, 3, 17, 2), np.inf)),
        "annotation 1 (a): keypoint has values that are not finite numbers"),
    "too large": (annotation(keypoint=np.full((2, 3, 17, 2), 1e39)),
        "annotation 1 (a): keypoint has values that are not finite numbers"),
    "scores of another shape": (annotation(keypoint_score=np.ones((2, 3, 16))),
        "annotation 1 (a): keypoint_score is (2, 3, 16), keypoint has (2, 3, 17)"),
    "scores with four axes": (annotation(keypoint_score=np.ones((2, 3, 17, 1))),
        "annotation 1 (a): keypoint_score is (2, 3, 17, 1), expected (people, frames, joints)"),
    "scores below 0": (annotation(keypoint_score=np.full((2, 3, 17), -1.0)),
        "annotation 1 (a): keypoint_score goes down to -1, expected 0 to 1"),
    "scores that are nan": (annotation(keypoint_score=np.full((2, 3, 17), np.nan)),
        "annotation 1 (a): keypoint_score has values that are not finite numbers"),
    "no person": (annotation(keypoint_score=np.zeros((2, 3, 17))),
        "annotation 1 (a): the recording shows no person: every joint is at 0 or has score 0 in every frame"),
    "frames": (annotation(total_frames=9), "annotation 1 (a): total_frames is 9, keypoint has 3 frames"),
    "frames as text": (annotation(total_frames="3"),
        "annotation 1 (a): total_frames is '3', keypoint has 3 frames"),
    "joints": (annotation(keypoint=np.ones((1, 3, 16, 2)), keypoint_score=...),
        "annotation 1 (a): 16 joints with 2 coordinates are not known; name the skeleton: --option skeleton=..."),
    "several labels": (annotation(label=[1, 2]), "annotation 1 (a): label is [1, 2], expected one whole number"),
    "label below": (annotation(label=-2), "annotation 1 (a): label is -2, expected 0 or more"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_an_annotation_that_is_broken_leaves_the_others(fault: str, tmp_path: Path) -> None:
    broken, message = FAULTS[fault]
    path = put(tmp_path / "a.pkl", [annotation("first"), broken, annotation("last")])
    found = read_all(path)
    assert next(found).name == "first"
    with pytest.raises(FileError) as caught:
        next(found)
    assert str(caught.value) == f"{path}: {message}"


GOOD = [annotation()]
FILES: dict[str, tuple[Any, str]] = {
    "a number": (7, "expected annotations of pyskl ('split' and 'annotations'), the pickle holds a int"),
    "a pair": ((["a"], [0]),
        "expected annotations of pyskl ('split' and 'annotations'), the pickle holds a tuple"),
    "another dictionary": ({"x": 1, "y": 2},
        "expected annotations of pyskl ('split' and 'annotations'), the pickle holds a dict with x, y"),
    "an empty dictionary": ({},
        "expected annotations of pyskl ('split' and 'annotations'), the pickle holds a dict with nothing"),
    "no annotations": ({"annotations": []}, "no recording is in this file: 'annotations' is empty"),
    "split is a list": ({"split": ["a"], "annotations": GOOD},
        "'split' is a list, expected a dictionary of lists of names"),
    "split without a part": ({"split": {"xsub": ["a"]}, "annotations": GOOD},
        "split 'xsub' is neither training nor test: expected a name such as xsub_train"),
    "split that is a number": ({"split": {3: ["a"]}, "annotations": GOOD},
        "split 3 is neither training nor test: expected a name such as xsub_train"),
    "members that are numbers": ({"split": {"train": [1]}, "annotations": GOOD},
        "split 'train' is not a list of names of recordings"),
    "in both parts": ({"split": {"s_train": ["a"], "s_val": ["a"]}, "annotations": GOOD},
        "a is in both parts of split s"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FILES)
def test_a_file_that_is_something_else(fault: str, tmp_path: Path) -> None:
    content, message = FILES[fault]
    path = put(tmp_path / "a.pkl", content)
    with pytest.raises(FileError) as caught:
        list(read_all(path))
    assert str(caught.value) == f"{path}: {message}"


def test_what_is_no_pickle_or_a_hostile_one(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    for content in (b"", pickle.dumps([annotation()])[:-200], b"cos\nsystem\n(S'true'\ntR."):
        path.write_bytes(content)
        with pytest.raises(FileError) as caught:
            list(read_all(path))
        assert caught.value.path == path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"skeleton": "coco"}, "unknown skeleton 'coco'; did you mean 'coco18'?"),
        ({"fps": -1}, "format pyskl: fps must be above 0 and at most 100000, got -1.0"),
        ({"split": "xsub"}, "unknown option of format pyskl 'split'. Known: classes, fps, skeleton, unit"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        list(read_all(put(tmp_path / "a.pkl", GOOD), **options))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, ": cannot be opened: No such file or directory"),
        ("a\n\nb\n", ", line 2: expected the name of a class, got a blank line"),
        ("a\nb\na\n", ", line 3: class 'a' occurs twice"),
    ],
)
def test_lists_of_classes_that_cannot_be(text: str | None, message: str, tmp_path: Path) -> None:
    file = tmp_path / "classes.txt"
    if text is not None:
        file.write_text(text)
    with pytest.raises(FileError) as caught:
        list(read_all(put(tmp_path / "a.pkl", GOOD), classes=str(file)))
    assert str(caught.value) == f"{file}{message}"


def test_a_label_beyond_the_classes(tmp_path: Path) -> None:
    file = tmp_path / "classes.txt"
    file.write_text("a\nb\n")
    with pytest.raises(FileError, match=r"annotation 0 \(a\): label is 5, expected 0 to 1$"):
        list(read_all(put(tmp_path / "a.pkl", [annotation(label=5)]), classes=str(file)))


@pytest.mark.real
def test_a_real_file(shared: Path) -> None:
    sequence = read(shared / "data" / "pose2d" / "example_UCF101_skeleton.pkl")
    assert (sequence.name, sequence.label) == ("v_ApplyEyeMakeup_g01_c01", "0")
    assert (sequence.positions.shape, sequence.skeleton) == ((163, 2, 17, 2), COCO17)
    assert dict(sequence.tags) == {"picture_width": 340, "picture_height": 256}
    sure = sequence.confidence
    assert sure is not None
    assert (sure.max(), float((sure > 0).mean())) == pytest.approx((0.98, sequence.valid.mean()), abs=1e-3)
    eyes, wrists = (sequence.positions[:, 0, COCO17.index(joint), 1] for joint in ("left_eye", "left_wrist"))
    assert np.nanmedian(wrists - eyes) > 50  # y points down

"""PKU-MMD skeleton text and its labels."""

from pathlib import Path

import numpy as np
import pytest

from skelact.errors import FileError
from skelact.readers import READERS, find_reader, read
from skelact.readers.pku_mmd import find_labels, is_label_file, read_labels
from skelact.sequences import Segment
from skelact.skeletons import NTU25


def line(one: float = 0.5, other: float = 0.0) -> str:
    return " ".join([f"{one:.6f}"] * 75 + [f"{other:.6f}"] * 75)


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n ".join(lines) + "\n")  # every line but the first begins with a space, as in the real files
    return path


def test_an_absent_person_was_not_observed(tmp_path: Path) -> None:
    numbers = " ".join(f"{number / 100:.6f}" for number in range(150))
    path = write(tmp_path / "0002-L.txt", numbers, line(0.0, -1.25), line(), line(0.0, 0.0))
    sequence = read(path)
    assert (sequence.name, sequence.skeleton, sequence.fps, sequence.unit, sequence.up) == (
        "0002-L", NTU25, 30.0, "m", "+y",
    )  # fmt: skip
    assert sequence.positions.shape == (4, 2, 25, 3)
    np.testing.assert_allclose(sequence.positions[0].ravel(), np.arange(150) / 100, rtol=1e-6)
    assert sequence.valid[0].all()  # the first joint of the first person is at 0, 0.01, 0.02
    assert sequence.valid.any(axis=2).tolist() == [[True, True], [False, True], [True, False], [False, False]]
    assert (sequence.positions[1, 1] == -1.25).all()


def test_a_joint_at_zero_of_a_present_person_is_observed(tmp_path: Path) -> None:
    words = line().split()
    words[6:9] = ["0.000000"] * 3
    assert read(write(tmp_path / "0002-L.txt", " ".join(words))).valid[0, 0].all()


@pytest.mark.parametrize("name", ["0002-L.txt", "A01N13-R.skeleton", "recording.txt", "recording"])
def test_the_format_is_found(tmp_path: Path, name: str) -> None:
    assert find_reader(write(tmp_path / name, line(), line())).name == "pku-mmd"


def test_broken_files_reach_the_reader_by_their_name(tmp_path: Path) -> None:
    for name, format in (("0002-L.txt", "pku-mmd"), ("A01N01-M.skeleton", "pku-mmd"), ("a.txt", "sbu")):
        assert find_reader(write(tmp_path / name, "rubbish")).name == format


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ": the file is empty"),
        ("\0\1", ": is not a text file"),
        (line()[:-9], ", line 1: expected 150 numbers (2 people x 25 joints x 3), got 149: {shown}"),
        (
            f"{line()}\n\n{line()[:90]}\n{line()}",
            ", line 3: expected 150 numbers (2 people x 25 joints x 3), got 10: {shown}",
        ),
        (
            f"{line()}\n{line()[:90]}",
            ", line 2: expected 150 numbers (2 people x 25 joints x 3), the file ends after 10. Truncated file?",
        ),
        (f"{line()}\n{line()[:-8]}abc", ", line 2: 'abc' is not a number"),
        (f"{line()}\n{line()[:-8]}inf", ", line 2: 'inf' is not a finite number"),
        (line(0, 0), ": the recording shows no person: every number is 0"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "0002-L.txt"
    path.write_text(text)
    with pytest.raises(FileError) as caught:
        read(path)
    assert str(caught.value) == f"{path}{sentence.format(shown=repr(line()[:30] + '...'))}"


def test_labels_are_found_and_can_be_named_or_left(tmp_path: Path) -> None:
    path = write(tmp_path / "Data" / "0002-L.txt", *[line()] * 9)
    assert find_labels(path) is None
    labels = tmp_path / "Label" / "final" / "0002-L.txt"
    labels.parent.mkdir(parents=True)
    labels.write_text("1,2,5,2\n51,6,9,1")
    other = tmp_path / "mine.txt"
    other.write_text("2,1,9")
    assert find_labels(path) == labels
    assert read(path).segments == (Segment(1, 5, "bow"), Segment(5, 9, "writing"))
    assert read(path, labels=str(other)).segments == (Segment(0, 9, "brushing hair"),)
    assert read(path, labels="none").segments == ()
    with pytest.raises(FileError, match=r"nowhere: cannot be opened: No such file or directory$"):
        read(path, labels=str(tmp_path / "nowhere"))


def test_a_recording_in_a_folder_of_labels_is_not_its_own_label(tmp_path: Path) -> None:
    path = write(tmp_path / "labelled" / "data" / "0002-L.txt", line())
    assert find_labels(path) is None


def test_labels_and_recordings_are_distinguished(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    labels = tmp_path / "all" / "0002-L.txt"
    labels.write_text("1,2,5,2\n")
    assert is_label_file(labels)
    assert not is_label_file(write(tmp_path / "all" / "0003-L.txt", line()))
    for name in ("any/0002-L.label", "Label/final/0002-L.txt"):
        assert is_label_file(write(tmp_path / name, "rubbish"))
    assert not is_label_file(write(tmp_path / "a" / "b" / "0002-L.txt", "rubbish"))


def test_frames_count_from_one_and_the_last_is_included(tmp_path: Path) -> None:
    path = tmp_path / "0002-L.txt"
    path.write_text("1,1,1,2\n2,0,3,2\n3,9,9,2\n")
    labels = read_labels(path, frames=9)
    assert labels.errors == ()
    assert [(one.start, one.end) for one in labels.segments] == [(0, 1), (0, 3), (8, 9)]


def test_entry() -> None:
    assert READERS["pku-mmd"].suffixes == (".txt", ".skeleton")

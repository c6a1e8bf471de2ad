"""Finding clips in folders."""

import re
from pathlib import Path

import pytest

from skelact.datasets.files import Pattern, find_clips, walk
from skelact.errors import FileError, UserError

PATTERN = Pattern(
    "Tests", "cN_sN.txt", re.compile(r"\.txt$"), re.compile(r"/c(?P<action>\d)_s(?P<subject>\d)\.txt$")
)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_clips_are_found_from_above_and_below_and_sorted(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/c2_s1.txt", "a/b/c1_s2.txt", "a/b/c1_s1.txt", "a/picture.png")
    names = ["c1_s1.txt", "c1_s2.txt", "c2_s1.txt"]
    for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b"):
        listing = find_clips(folder, PATTERN)
        assert [path.name for path in listing.files] == names
        assert listing.left_out == ()
        assert all(path.is_relative_to(folder) for path in listing.files)


def test_a_relative_folder_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a/c1_s1.txt")
    monkeypatch.chdir(tmp_path / "a")
    assert find_clips(Path("."), PATTERN).files == (Path("c1_s1.txt"),)


def test_other_names_duplicates_and_listed_clips_are_left_out_with_the_reason(tmp_path: Path) -> None:
    touch(tmp_path, "c1_s1.txt", "copy/c1_s1.txt", "notes.txt", "c3_s3.txt", ".hidden.txt", ".git/c5_s5.txt")
    listing = find_clips(tmp_path, PATTERN, {"c3_s3": "is on the list"})
    assert listing.files == (tmp_path / "c1_s1.txt",)
    assert [(entry.path, entry.reason) for entry in listing.left_out] == [
        (tmp_path / "c3_s3.txt", "is on the list"),
        (tmp_path / "copy/c1_s1.txt", f"the same clip as {tmp_path / 'c1_s1.txt'}"),
        (tmp_path / "notes.txt", "the name does not follow cN_sN.txt"),
    ]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        find_clips(tmp_path, PATTERN)
    assert str(caught.value) == f"no clip of Tests in {tmp_path} or below, looked for cN_sN.txt."
    touch(tmp_path, "notes.txt")
    with pytest.raises(UserError) as caught:
        find_clips(tmp_path, PATTERN)
    assert str(caught.value) == (
        f"no clip of Tests in {tmp_path} or below, looked for cN_sN.txt. "
        f"Left out: {tmp_path / 'notes.txt'}: the name does not follow cN_sN.txt"
    )


def test_no_folder(tmp_path: Path) -> None:
    touch(tmp_path, "file.txt")
    with pytest.raises(UserError, match=r"none not found$"):
        walk(tmp_path / "none")
    with pytest.raises(UserError, match=r"file\.txt is not a folder$"):
        walk(tmp_path / "file.txt")


def test_numbers_of_a_name() -> None:
    assert PATTERN.numbers(Path("c4_s2.txt")) == {"action": 4, "subject": 2}
    with pytest.raises(FileError) as caught:
        PATTERN.numbers(Path("clip.txt"))
    assert str(caught.value) == "clip.txt: is not named like a clip of Tests: cN_sN.txt"

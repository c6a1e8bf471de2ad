"""Skeletons of one's own, from a TOML file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from skelact.errors import FileError, UserError
from skelact.sequences import Sequence
from skelact.sequences.cleaning import get_cleaning
from skelact.skeletons import KINECT20, SKELETONS, Skeleton, add_skeleton, get_skeleton, read_skeleton

DOG = """
name = "dog"
up = "-y"
unit = "px"
joints = ["withers", "nose", "tail", "fore_l", "paw_l", "fore_r", "paw_r"]
mirror = [["fore_l", "fore_r"], ["paw_l", "paw_r"]]

[parents]
nose = "withers"
tail = "withers"
fore_l = "withers"
paw_l = "fore_l"
fore_r = "withers"
paw_r = "fore_r"
"""
REST = "\n".join(["[rest]", *(f"{joint} = [0.0, {0.1 * j + 0.1:.1f}, 0]" for j, joint in enumerate("abc"))])
ABC = 'name = "abc"\njoints = ["a", "b", "c"]\n[parents]\nb = "a"\nc = "b"\n'


@pytest.fixture
def dog(tmp_path: Path) -> Path:
    path = tmp_path / "dog.toml"
    path.write_text(DOG)
    return path


@pytest.fixture
def table() -> Iterator[dict[str, Skeleton]]:
    """The table of skeletons, put back as it was."""
    before = dict(SKELETONS)
    yield SKELETONS
    SKELETONS.clear()
    SKELETONS.update(before)


def test_a_dog(dog: Path) -> None:
    skeleton = read_skeleton(dog)
    assert (skeleton.name, skeleton.up, skeleton.unit) == ("dog", "-y", "px")
    assert skeleton.joints[skeleton.root] == skeleton.joints[skeleton.centre] == "withers"
    assert skeleton.parents == (0, 0, 0, 0, 3, 0, 5)
    assert skeleton.mirror.tolist() == [0, 1, 2, 5, 6, 3, 4]
    assert dict(skeleton.parts) == {"trunk": (0, 1, 2), "fore_l": (3, 4), "fore_r": (5, 6)}
    assert not skeleton.has_rest
    assert get_skeleton(str(dog)) == skeleton


def test_it_travels_as_plain_values(dog: Path) -> None:
    skeleton = read_skeleton(dog)
    again = Skeleton.from_dict(skeleton.to_dict())
    assert again == skeleton
    assert again.mirror.tolist() == skeleton.mirror.tolist()
    assert "pairs" not in KINECT20.to_dict()  # so that what is known by its names stays as it was written


def test_names_give_the_sides_where_nothing_else_does(tmp_path: Path) -> None:
    path = tmp_path / "pair.toml"
    path.write_text(
        'name = "pair"\njoints = ["hub", "left_paw", "right_paw"]\n'
        '[parents]\nleft_paw = "hub"\nright_paw = "hub"\n'
    )
    assert read_skeleton(path).mirror.tolist() == [0, 2, 1]


def test_every_key_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "abc.toml"
    path.write_text('centre = "b"\n' + ABC + '[parts]\nall = ["c", "a", "b"]\n' + REST)
    skeleton = read_skeleton(path)
    assert (skeleton.centre, skeleton.up, skeleton.unit) == (1, "+y", "m")
    assert dict(skeleton.parts) == {"all": (2, 0, 1)}
    np.testing.assert_allclose(skeleton.rest[:, 1], [0.1, 0.2, 0.3], atol=1e-6)


def test_cleaning_does_without_a_rest_pose(dog: Path) -> None:
    positions = np.random.default_rng(0).normal(size=(5, 1, 7, 3))
    cleaned = get_cleaning("default,scale=body")(Sequence(positions, read_skeleton(dog), 25.0))
    assert "to_rest_size: skipped, the skeleton has no rest pose" in cleaned.provenance
    assert np.isfinite(cleaned.positions).all()


def test_skeletons_can_be_added(dog: Path, table: dict[str, Skeleton]) -> None:
    add_skeleton(read_skeleton(dog))
    add_skeleton(read_skeleton(dog))  # the same again is no other
    assert get_skeleton("dog") is table["dog"]
    dog.write_text(DOG.replace('tail = "withers"', 'tail = "nose"'))
    with pytest.raises(UserError, match=r"^another skeleton is called 'dog'; give yours another name$"):
        add_skeleton(read_skeleton(dog))


FAULTS = {
    "not TOML": ("name = ", "is not a TOML file: Invalid value (at end of document)"),
    "no name": (ABC.replace('name = "abc"\n', ""), "name must be text, such as name = \"dog\", got ''"),
    "name is a number": (ABC.replace('"abc"', "3"), 'name must be text, such as name = "dog", got 3'),
    "unknown key": (f"root = 'a'\n{ABC}",
        "unknown key 'root'. Known: centre, joints, mirror, name, parents, parts, rest, unit, up"),
    "no joints": ('name = "abc"', 'joints must be a list of names of joints, such as ["head", "tail"], got None'),
    "one joint": ('name = "abc"\njoints = ["a"]', "joints: expected two or more, got 1"),
    "a joint twice": (ABC.replace('"c"]', '"b"]'), "joints: 'b' occurs twice"),
    "numbers as joints": ('name = "a"\njoints = [1, 2]',
        'joints must be a list of names of joints, such as ["head", "tail"], got [1, 2]'),
    "parents as a list": ('name = "abc"\njoints = ["a", "b"]\nparents = ["a"]',
        "parents must be a table, [parents], got ['a']"),
    "unknown child": (ABC + 'd = "a"\n', "parents: unknown joint 'd'. Known: a, b, c"),
    "unknown parent": (ABC.replace('c = "b"', 'c = "bb"'),
        "parents: unknown joint 'bb'; did you mean 'b'? Known: a, b, c"),
    "two roots": (ABC.replace('c = "b"\n', ""),
        "parents: a, c have no parent; only one joint, the root, may have none"),
    "a cycle": (ABC + 'a = "c"\n', "parents go round in a cycle: a -> c -> b -> a"),
    "a cycle beside the root": (ABC.replace('b = "a"', 'b = "c"'), "parents go round in a cycle: b -> c -> b"),
    "unknown centre": (f"centre = 'd'\n{ABC}", "centre: unknown joint 'd'. Known: a, b, c"),
    "mirror of three": (f'mirror = [["a", "b", "c"]]\n{ABC}',
        "mirror must be a list of pairs, such as [[\"left_paw\", \"right_paw\"]], got [['a', 'b', 'c']]"),
    "mirror of a stranger": (f'mirror = [["a", "z"]]\n{ABC}', "mirror: unknown joint 'z'. Known: a, b, c"),
    "mirror twice": (f'mirror = [["a", "b"], ["b", "c"]]\n{ABC}', "mirror: 'b' occurs twice"),
    "a part is missing": (ABC + '[parts]\none = ["a", "b"]',
        "parts: c is in 0 parts, every joint must be in exactly one"),
    "up": (f'up = "y"\n{ABC}', "skeleton abc: up is 'y', expected one of +x, -x, +y, -y, +z, -z"),
    "unit": (f'unit = "inch"\n{ABC}', "skeleton abc: unit is 'inch', expected one of m, cm, mm, px, image"),
    "rest of some": (ABC + "[rest]\na = [0, 1, 0]", "rest: no place for b, c; give one for all joints or none"),
    "rest of two numbers": (ABC + REST.replace("[0.0, 0.1, 0]", "[0.0, 0.1]"),
        "rest.a must be three finite numbers, metres, got [0.0, 0.1]"),
    "rest that is nan": (ABC + REST.replace("[0.0, 0.1, 0]", "[0.0, nan, 0]"),
        "rest.a must be three finite numbers, metres, got [0.0, nan, 0]"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_files_that_contradict_themselves(fault: str, tmp_path: Path) -> None:
    text, message = FAULTS[fault]
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(FileError) as caught:
        read_skeleton(path)
    assert str(caught.value) == f"{path}: {message}"


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        get_skeleton(str(tmp_path / "cat.toml"))
    assert str(caught.value) == f"{tmp_path / 'cat.toml'}: cannot be opened: No such file or directory"

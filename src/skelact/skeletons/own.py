"""Skeletons of one's own, written down in a TOML file.

    name = "dog"
    up = "-y"                                    # axis that points up in recordings; default +y
    unit = "px"                                  # unit of the coordinates; default m
    centre = "withers"                           # joint that stands for the place of the body; default: the root
    joints = ["withers", "tail", "left_paw", "right_paw"]     # in the order of the recordings
    mirror = [["left_paw", "right_paw"]]         # else joints called left_... and right_... are counterparts

    [parents]                                    # every joint but one, the root
    tail = "withers"
    left_paw = "withers"
    right_paw = "withers"

    [rest]                                       # a standing body, if you have one: metres, +y up, facing -z
    withers = [0.0, 0.6, 0.0]
    ...

A table ``[parts]`` may name the parts of the body and list their joints; else a part is what hangs together of the
joints that have counterparts, and ``trunk`` is all the rest.
"""

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError, UserError, unknown
from skelact.skeletons.skeleton import Skeleton, mirror_by_name

KEYS = ("name", "joints", "parents", "mirror", "parts", "centre", "up", "unit", "rest")
Pairs = tuple[tuple[str, str], ...]


def read_skeleton(path: Path) -> Skeleton:
    """The skeleton that a TOML file describes; see the top of this module.

    Raises:
        FileError: cannot be opened, is no TOML file, or contradicts itself: a cycle, two roots, a joint that is
            not listed or listed twice, unknown keys.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileError(path, f"is not a TOML file: {error}") from error
    try:
        return skeleton_of(values)
    except FileError:
        raise
    except UserError as error:
        raise FileError(path, str(error)) from error


def skeleton_of(values: dict[str, Any]) -> Skeleton:
    """A skeleton from the plain values of such a file.

    Raises:
        UserError: as ``read_skeleton``.
    """
    for key in values:
        if key not in KEYS:
            raise unknown("key", key, KEYS)
    name = _text(values, "name", "")
    joints = _joints(values)
    parents = _parents(values, joints)
    root = next(joint for joint, parent in parents.items() if joint == parent)
    pairs = _pairs(values, joints)
    centre = _text(values, "centre", root)
    _check_known("centre", [centre], joints)
    return Skeleton(
        name=name,
        joints=joints,
        parents=tuple(joints.index(parents[joint]) for joint in joints),
        parts=_parts(values, joints, parents, pairs),
        centre=joints.index(centre),
        up=_text(values, "up", "+y"),
        unit=_text(values, "unit", "m"),
        rest=_rest(values, joints),
        pairs=pairs,
    )


def _text(values: dict[str, Any], key: str, default: str) -> str:
    value = values.get(key, default)
    if not isinstance(value, str) or not value:
        raise UserError(f'{key} must be text, such as {key} = "{default or "dog"}", got {value!r}')
    return value


def _names(value: Any, what: str) -> tuple[str, ...]:
    """A list of different joints."""
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise UserError(f'{what} must be a list of names of joints, such as ["head", "tail"], got {value!r}')
    twice = [name for name, count in Counter(value).items() if count > 1]
    if twice:
        raise UserError(f"{what}: {twice[0]!r} occurs twice")
    return tuple(value)


def _joints(values: dict[str, Any]) -> tuple[str, ...]:
    joints = _names(values.get("joints"), "joints")
    if len(joints) < 2:
        raise UserError(f"joints: expected two or more, got {len(joints)}")
    return joints


def _check_known(where: str, names: Any, joints: tuple[str, ...]) -> None:
    for name in names:
        if name not in joints:
            raise UserError(f"{where}: {unknown('joint', str(name), joints)}")


def _table(values: dict[str, Any], key: str) -> dict[str, Any]:
    table = values.get(key, {})
    if not isinstance(table, dict):
        raise UserError(f"{key} must be a table, [{key}], got {table!r}")
    return table


def _parents(values: dict[str, Any], joints: tuple[str, ...]) -> dict[str, str]:
    """Parent of each joint; the root is its own."""
    parents = _table(values, "parents")
    _check_known("parents", parents, joints)
    _check_known("parents", parents.values(), joints)
    roots = [joint for joint in joints if parents.get(joint, joint) == joint]
    if len(roots) > 1:
        raise UserError(f"parents: {', '.join(roots)} have no parent; only one joint, the root, may have none")
    for start in joints:
        joint, way = start, [start]
        while parents.get(joint, joint) != joint:
            joint = parents[joint]
            if joint in way:
                raise UserError(f"parents go round in a cycle: {' -> '.join([*way[way.index(joint) :], joint])}")
            way.append(joint)
    return {joint: parents.get(joint, joint) for joint in joints}


def _pairs(values: dict[str, Any], joints: tuple[str, ...]) -> Pairs:
    """Pairs of counterparts, from the file or by ``left_`` and ``right_`` in the names."""
    if "mirror" not in values:
        other = mirror_by_name(joints)
        return tuple((joint, joints[other[j]]) for j, joint in enumerate(joints) if other[j] > j)
    pairs = values["mirror"]
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise UserError(f'mirror must be a list of pairs, such as [["left_paw", "right_paw"]], got {pairs!r}')
    _check_known("mirror", [joint for pair in pairs for joint in pair], joints)
    twice = [joint for joint, count in Counter(joint for pair in pairs for joint in pair).items() if count > 1]
    if twice:
        raise UserError(f"mirror: {twice[0]!r} occurs twice")
    return tuple((one, other) for one, other in pairs)


def _parts(
    values: dict[str, Any], joints: tuple[str, ...], parents: dict[str, str], pairs: Pairs
) -> dict[str, tuple[int, ...]]:
    if "parts" not in values:
        return _limbs(joints, parents, pairs)
    table = _table(values, "parts")
    parts = {part: _names(names, f"parts.{part}") for part, names in table.items()}
    listed = Counter(joint for names in parts.values() for joint in names)
    _check_known("parts", listed, joints)
    wrong = [joint for joint in joints if listed[joint] != 1]
    if wrong:
        raise UserError(f"parts: {wrong[0]} is in {listed[wrong[0]]} parts, every joint must be in exactly one")
    return {part: tuple(joints.index(joint) for joint in names) for part, names in parts.items()}


def _limbs(joints: tuple[str, ...], parents: dict[str, str], pairs: Pairs) -> dict[str, tuple[int, ...]]:
    """The trunk, and what hangs together of the joints with counterparts, called by its topmost joint."""
    sided = {joint for pair in pairs for joint in pair}
    parts: dict[str, list[int]] = {}
    for j, joint in enumerate(joints):
        top = joint
        while top in sided and parents[top] in sided and parents[top] != top:
            top = parents[top]
        parts.setdefault(top if top in sided else "trunk", []).append(j)
    return {part: tuple(members) for part, members in parts.items()}


def _rest(values: dict[str, Any], joints: tuple[str, ...]) -> NDArray[np.float32]:
    """(V, 3) the rest pose; all zeros where the file has none."""
    places = _table(values, "rest")
    _check_known("rest", places, joints)
    absent = [joint for joint in joints if joint not in places]
    if places and absent:
        raise UserError(f"rest: no place for {', '.join(absent)}; give one for all joints or none")
    rest = np.zeros((len(joints), 3), dtype=np.float32)
    for joint, place in places.items():
        numbers = isinstance(place, list) and [one for one in place if type(one) in (int, float)]
        if not numbers or len(numbers) != 3 or len(place) != 3 or not np.isfinite(place).all():
            raise UserError(f"rest.{joint} must be three finite numbers, metres, got {place!r}")
        rest[joints.index(joint)] = place
    return rest

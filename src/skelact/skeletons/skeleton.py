"""What a body is made of: joints, bones, sides and parts, and what follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError

AXES = ("+x", "-x", "+y", "-y", "+z", "-z")
UNITS = ("m", "cm", "mm", "px", "image")  # image: a share of the picture's width and height


@dataclass(frozen=True, eq=False)
class Skeleton:
    """The joints that a recording has and how they are connected.

    Convention: joint indices are 0-based. Coordinates are right-handed. ``rest`` stands on the floor with
    +y up, the body's right side at +x, so it faces -z, whatever the axes of recordings are.

    Args:
        name: key of the skeleton in ``SKELETONS``.
        joints: one name per joint, the same word for the same joint in every skeleton.
        parents: parent of each joint; the root is its own parent.
        parts: names of body parts and the joints in them; every joint is in exactly one.
        centre: the joint that stands for the place of the person.
        up: axis that points up in its recordings, one of ``AXES``.
        unit: unit of the coordinates, one of ``UNITS``.
        rest: (V, 3) a standing adult, metres; all zeros where it is unknown, as of many skeletons of your own.
        pairs: joints that are each other's counterparts on the other side; derived from names where empty.

    Raises:
        UserError: the table contradicts itself (a cycle, an unknown joint, wrong lengths).
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    parts: Mapping[str, tuple[int, ...]]
    centre: int
    up: str
    unit: str
    rest: NDArray[np.float32]
    pairs: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        count = len(self.joints)
        if len(set(self.joints)) != count:
            raise UserError(f"skeleton {self.name}: a joint name occurs twice")
        if len(self.parents) != count or self.rest.shape != (count, 3):
            raise UserError(
                f"skeleton {self.name}: {count} joints, {len(self.parents)} parents, rest {self.rest.shape}"
            )
        if self.up not in AXES:
            raise UserError(f"skeleton {self.name}: up is {self.up!r}, expected one of {', '.join(AXES)}")
        if self.unit not in UNITS:
            raise UserError(f"skeleton {self.name}: unit is {self.unit!r}, expected one of {', '.join(UNITS)}")
        if sorted(j for part in self.parts.values() for j in part) != list(range(count)):
            raise UserError(f"skeleton {self.name}: every joint must be in exactly one part")
        if not all(0 <= parent < count for parent in self.parents):
            raise UserError(f"skeleton {self.name}: a parent is none of the joints 0 to {count - 1}")
        for joint in range(count):
            self._check_reaches_root(joint)
        roots = [name for j, name in enumerate(self.joints) if self.parents[j] == j]
        if len(roots) > 1:
            raise UserError(f"skeleton {self.name}: more than one root: {', '.join(roots)}")

    def _check_reaches_root(self, joint: int) -> None:
        start, steps = joint, 0
        while self.parents[joint] != joint:
            joint, steps = self.parents[joint], steps + 1
            if steps > len(self.joints):
                raise UserError(f"skeleton {self.name}: joint {self.joints[start]} is part of a cycle")

    def __len__(self) -> int:
        return len(self.joints)

    def __eq__(self, other: object) -> bool:
        """Two skeletons are equal when joints, parents and name are."""
        if not isinstance(other, Skeleton):
            return NotImplemented
        return (self.name, self.joints, self.parents) == (other.name, other.joints, other.parents)

    def __hash__(self) -> int:
        return hash((self.name, self.joints, self.parents))

    def index(self, joint: str) -> int:
        """Index of a joint by name; a ``UserError`` names the joints if there is none."""
        if joint not in self.joints:
            raise UserError(f"skeleton {self.name} has no joint {joint!r}. Joints: {', '.join(self.joints)}")
        return self.joints.index(joint)

    @cached_property
    def root(self) -> int:
        """The joint that is its own parent."""
        return next(j for j, parent in enumerate(self.parents) if parent == j)

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(child, parent) of every joint but the root."""
        return tuple((j, parent) for j, parent in enumerate(self.parents) if parent != j)

    @cached_property
    def mirror(self) -> NDArray[np.int64]:
        """(V,) for each joint its counterpart on the other side, itself where it has none.

        From ``pairs``, else by the names: ``left_x`` and ``right_x`` are counterparts.
        """
        if not self.pairs:
            return mirror_by_name(self.joints)
        order = np.arange(len(self), dtype=np.int64)
        for one, other in self.pairs:
            first, second = self.index(one), self.index(other)
            order[first], order[second] = second, first
        return order

    @cached_property
    def has_rest(self) -> bool:
        """Whether a rest pose is known."""
        return bool(self.rest.any())

    @cached_property
    def across(self) -> tuple[tuple[int, int], ...]:
        """(right, left) joint pairs whose difference points to the right of the body: shoulders and hips."""
        pairs = [(f"right_{name}", f"left_{name}") for name in ("shoulder", "hip")]
        return tuple((self.index(r), self.index(le)) for r, le in pairs if r in self.joints and le in self.joints)

    @cached_property
    def adjacency(self) -> NDArray[np.float64]:
        """(3, V, V) the graph in three partitions: self, inward, outward.

        ``A[k, u, v]`` is the weight of joint v in what joint u receives. Inward carries a child to its
        parent, outward a parent to its children; the columns of both are normalised to sum to 1.

        Source: ST-GCN, sec. 3.4 (spatial configuration), as SCD-Net uses it.
        """
        inward = np.zeros((len(self), len(self)))
        for child, parent in self.bones:
            inward[parent, child] = 1.0
        return np.stack([np.eye(len(self)), _columns_to_one(inward), _columns_to_one(inward.T)])

    @cached_property
    def two_hop(self) -> NDArray[np.int64]:
        """(V, V) number of walks of two steps between joints, standing still allowed at each step.

        Source: SCD-Net, sec. "Structure-guided spatial masking".
        """
        step = np.eye(len(self), dtype=np.int64)
        for child, parent in self.bones:
            step[child, parent] = step[parent, child] = 1
        return step @ step

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file; ``from_dict`` is the inverse."""
        return {
            "name": self.name,
            "joints": list(self.joints),
            "parents": list(self.parents),
            "parts": {name: list(part) for name, part in self.parts.items()},
            "centre": self.centre,
            "up": self.up,
            "unit": self.unit,
            "rest": np.round(self.rest.astype(float), 6).tolist(),
            **({"pairs": [list(pair) for pair in self.pairs]} if self.pairs else {}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Skeleton":
        """The skeleton that ``to_dict`` described."""
        return cls(
            name=values["name"],
            joints=tuple(values["joints"]),
            parents=tuple(values["parents"]),
            parts={name: tuple(part) for name, part in values["parts"].items()},
            centre=values["centre"],
            up=values["up"],
            unit=values["unit"],
            rest=np.asarray(values["rest"], dtype=np.float32).reshape(-1, 3),
            pairs=tuple((one, other) for one, other in values.get("pairs", ())),
        )


def mirror_by_name(joints: Sequence[str]) -> NDArray[np.int64]:
    """(V,) for each joint its counterpart: of ``left_x`` that is ``right_x``; itself where there is none."""
    place = {name: j for j, name in enumerate(joints)}
    other = {"left": "right", "right": "left"}
    order = list(range(len(joints)))
    for j, name in enumerate(joints):
        side, _, rest = name.partition("_")
        if side in other:
            order[j] = place.get(f"{other[side]}_{rest}", j)
    return np.array(order, dtype=np.int64)


def from_table(
    name: str,
    table: list[tuple[str, str, str, tuple[float, float, float]]],
    *,
    centre: str,
    up: str,
    unit: str,
) -> Skeleton:
    """A skeleton from rows of (joint, parent, part, place in the rest pose)."""
    joints = tuple(row[0] for row in table)
    parts: dict[str, tuple[int, ...]] = {}
    for j, row in enumerate(table):
        parts[row[2]] = (*parts.get(row[2], ()), j)
    return Skeleton(
        name=name,
        joints=joints,
        parents=tuple(joints.index(row[1]) for row in table),
        parts=parts,
        centre=joints.index(centre),
        up=up,
        unit=unit,
        rest=np.array([row[3] for row in table], dtype=np.float32),
    )


def _columns_to_one(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    total = matrix.sum(axis=0)
    return matrix / np.where(total > 0, total, 1.0)

"""Maps between skeletons: the joints of one from those of another, by their names.

Joints of the same name are the same joint. One that the source lacks lies between others, as far along as in the
rest poses; where the source lacks those, too, it is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.skeletons.skeleton import Skeleton

# A joint that the source lacks lies between two others, or takes the place of one. The first choice that the
# source has is used; these joints may themselves be made.
_SIDED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "wrist": (("elbow", "hand"), ("hand",)),
    "hand": (("wrist",),),
    "hand_tip": (("hand",),),
    "thumb": (("hand",),),
    "ankle": (("foot",), ("heel",), ("big_toe",)),
    "foot": (("big_toe",), ("ankle",)),
    "big_toe": (("foot",),),
    "small_toe": (("big_toe",),),
    "heel": (("ankle",),),
}
_TRUNK: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "pelvis": (("left_hip", "right_hip"),),
    "spine": (("pelvis", "torso"), ("torso",)),
    "torso": (("pelvis", "chest"), ("spine",)),
    "chest": (("spine", "neck"), ("neck",), ("left_shoulder", "right_shoulder")),
    "neck": (("chest", "head"), ("chest",)),
    "head": (("left_ear", "right_ear"), ("nose",)),
    "nose": (("left_eye", "right_eye"), ("head",)),
}
_FACE: Mapping[str, tuple[tuple[str, ...], ...]] = {  # else both sides lie in the middle
    f"{side}_{joint}": ((f"{side}_{other}",), ("nose",), ("head",))
    for side in ("left", "right")
    for joint, other in (("eye", "ear"), ("ear", "eye"))
}
MADE_OF: Mapping[str, tuple[tuple[str, ...], ...]] = {
    **_TRUNK,
    **{
        f"{side}_{joint}": tuple(tuple(f"{side}_{other}" for other in others) for others in choices)
        for side in ("left", "right")
        for joint, choices in _SIDED.items()
    },
    **_FACE,
}


@dataclass(frozen=True, eq=False)
class JointMap:
    """How the joints of one skeleton are made from those of another.

    Args:
        source: the skeleton of the input.
        target: the skeleton of the output.
        weights: (V_target, V_source) how much of each source joint a target joint is made of; rows sum to 1, or
            are 0 where a joint cannot be made.
    """

    source: Skeleton
    target: Skeleton
    weights: NDArray[np.float64]

    @property
    def missing(self) -> tuple[str, ...]:
        """Joints of the target that cannot be made from the source."""
        return tuple(name for name, row in zip(self.target.joints, self.weights, strict=True) if not row.any())

    @cached_property
    def _copied(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Target joints that are a single source joint, and that joint."""
        rows = np.flatnonzero((self.weights > 0).sum(axis=1) == 1)
        return rows, self.weights[rows].argmax(axis=1)

    def apply(self, positions: NDArray[np.floating]) -> NDArray[np.float32]:
        """Positions of the target's joints.

        Args:
            positions: (..., V_source, C), NaN where not observed.

        Returns:
            (..., V_target, C); NaN where a joint cannot be made, or its source joints were not observed.
        """
        shape = (*positions.shape[:-2], len(self.target), positions.shape[-1])
        out = np.full(shape, np.nan, dtype=np.float32)
        rows, sources = self._copied
        out[..., rows, :] = positions[..., sources, :]
        for row in np.flatnonzero((self.weights > 0).sum(axis=1) > 1):
            parts = np.flatnonzero(self.weights[row])
            out[..., row, :] = np.einsum("v,...vc->...c", self.weights[row, parts], positions[..., parts, :])
        return out

    def apply_to_confidence(self, confidence: NDArray[np.floating]) -> NDArray[np.float32]:
        """Confidence of the target's joints: the lowest of the source joints that each is made of.

        Args:
            confidence: (..., V_source), 0 to 1.

        Returns:
            (..., V_target); 0 where a joint cannot be made.
        """
        out = np.zeros((*confidence.shape[:-1], len(self.target)), dtype=np.float32)
        for row in np.flatnonzero(self.weights.any(axis=1)):
            out[..., row] = confidence[..., np.flatnonzero(self.weights[row])].min(axis=-1)
        return out


def joint_map(source: Skeleton, target: Skeleton) -> JointMap:
    """The map from one skeleton to another, by the names of their joints.

    Raises:
        UserError: less than half of the target's joints can be made.
    """
    weights = np.zeros((len(target), len(source)))
    for row, joint in enumerate(target.joints):
        parts = _made_of(joint, source, target, ())
        if parts is not None:
            weights[row] = parts
    found = JointMap(source, target, weights)
    if 2 * len(found.missing) > len(target):
        raise UserError(
            f"skeleton {source.name} gives the places of {len(target) - len(found.missing)} of the {len(target)} "
            f"joints of {target.name}, at least half are needed. It has {', '.join(source.joints)}; it lacks "
            f"{', '.join(found.missing)}. Joints are matched by their names"
        )
    return found


def _made_of(joint: str, source: Skeleton, target: Skeleton, asked: tuple[str, ...]) -> NDArray[np.float64] | None:
    """(V_source,) what a joint is made of; None where nothing is known. ``asked``: joints on the way to it."""
    if joint in source.joints:
        itself: NDArray[np.float64] = np.eye(len(source))[source.index(joint)]
        return itself
    for others in MADE_OF.get(joint, ()):
        found = [_made_of(other, source, target, (*asked, joint)) for other in others if other not in asked]
        parts = [part for part in found if part is not None]
        if len(parts) < len(others):
            continue
        if len(parts) == 1:
            return parts[0]
        share = _between(joint, parts, source, target)
        made: NDArray[np.float64] = (1 - share) * parts[0] + share * parts[1]
        return made
    return None


def _between(
    joint: str,
    parts: list[NDArray[np.float64]],
    source: Skeleton,
    target: Skeleton,
) -> float:
    """How far from the first to the second a joint lies, 0 to 1, in the rest poses; the middle where unknown."""
    if joint not in target.joints or not (source.has_rest and target.has_rest):
        return 0.5
    place = target.rest[target.index(joint)].astype(float)
    first, second = (part @ source.rest for part in parts)
    bone = second - first
    if not bone.any():
        return 0.5
    return float(np.clip((place - first) @ bone / (bone @ bone), 0.0, 1.0))

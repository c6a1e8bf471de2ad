"""A store with another skeleton: joints are mapped one clip at a time, nothing is copied on disk."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelact.sequences.store import Store
from skelact.skeletons import Skeleton
from skelact.skeletons.maps import joint_map


class MappedStore(Store):
    """A store whose positions are given for the skeleton ``target``.

    Everything else is the store's own; joints that cannot be made are missing.

    Args:
        path: the folder.
        target: the skeleton.

    Attributes:
        map: from the skeleton of the recordings to ``target``.

    Raises:
        UserError: as ``Store``; skeletons without a joint in common.
    """

    def __init__(self, path: Path | str, target: Skeleton) -> None:
        super().__init__(path)
        self.map = joint_map(self.skeleton, target)
        self.skeleton = target

    def _arguments(self) -> tuple[Path, Skeleton]:
        return self.path, self.skeleton

    def stored(self, row: int) -> NDArray[np.float32]:
        """(T, M, V, C) positions of a sequence for ``target``, NaN where not known."""
        return self.map.apply(super().stored(row).astype(np.float32, copy=False))

    def confidence(self, row: int) -> NDArray[np.float32] | None:
        """(T, M, V) for ``target``: of a joint that is made of others, that of the least sure one."""
        confidence = super().confidence(row)
        return None if confidence is None else self.map.apply_to_confidence(confidence)

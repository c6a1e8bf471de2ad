"""CTR-GCN arrays: one ``.npz`` per split with x_train, y_train, x_test, y_test; x (N, T, 150), y one-hot.

The 150 numbers of a frame are 2 people x 25 joints x 3 coordinates. Noise bodies are taken out, joint 1 of the
first person in the first frame is the origin, and clips end in zeros. Names of clips are not kept.

Source: Chen et al., "Channel-wise topology refinement graph convolution", ICCV 2021; Zhang et al., "Semantics-
guided neural networks", CVPR 2020, whose preprocessing it takes over.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError, UserError
from skelact.importing.arrays.preprocessed import ArrayFormat, Part, cut_zeros, make_part
from skelact.importing.arrays.stored import StoredArray, open_npz

BLOCK = 4096  # rows of labels that are looked at together


def find(source: Path) -> list[Part]:
    """The parts in a file, or in the only such file of a folder.

    Raises:
        UserError: none there, or several.
        FileError: arrays are missing, or labels are not one-hot.
    """
    path = source if source.is_file() else _only(source)
    arrays = open_npz(path)
    parts = [part for part in ("train", "test") if f"x_{part}" in arrays or f"y_{part}" in arrays]
    if not parts:
        raise FileError(path, f"no x_train and x_test in it. Arrays: {', '.join(arrays) or 'none'}")
    return [_part(path, arrays, part) for part in parts]


def unfold(row: NDArray[Any], joints: int) -> NDArray[Any]:
    """(T, M * V * C) -> (T, M, V, C)."""
    frames, width = row.shape
    return row.reshape(frames, width // (joints * 3), joints, 3)


def cut(positions: NDArray[np.float32], _length: int) -> tuple[NDArray[np.float32], str]:
    """Zeros at the end are padding: a recorded frame is never all zero."""
    return cut_zeros(positions), "zeros at the end cut"


def _only(folder: Path) -> Path:
    found = sorted(folder.rglob("*.npz"))
    if len(found) != 1:
        names = f": {', '.join(path.name for path in found)}" if found else ""
        raise UserError(f"{folder} holds {len(found)} .npz files, name one{names}")
    return found[0]


def _part(path: Path, arrays: dict[str, StoredArray], part: str) -> Part:
    x, y = arrays.get(f"x_{part}"), arrays.get(f"y_{part}")
    if x is None or y is None:
        missing = f"x_{part}" if x is None else f"y_{part}"
        raise FileError(path, f"{missing} is missing. Arrays: {', '.join(arrays)}")
    return make_part(part, x, _from_one_hot(y), path, classes=y.shape[1])


def _from_one_hot(array: StoredArray) -> NDArray[np.int64]:
    if len(array.shape) != 2:
        raise FileError(array.path, f"{array.member} is {array.shape}, expected one-hot labels (clips, classes)")
    found = []
    row = 0
    for block in array.in_order(0, BLOCK):
        one_hot = ((block == 0) | (block == 1)).all(axis=1) & (block.sum(axis=1) == 1)
        if not one_hot.all():
            wrong = row + int(np.flatnonzero(~one_hot)[0])
            raise FileError(array.path, f"{array.member}, row {wrong}: expected a single 1 and zeros else")
        found.append(block.argmax(axis=1))
        row += len(block)
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


FORMAT = ArrayFormat(
    name="ctr-gcn",
    title="(clips, frames, people x joints x 3)",
    preprocessing="ctr-gcn arrays",
    up="+y",
    find=find,
    unfold=unfold,
    cut=cut,
)

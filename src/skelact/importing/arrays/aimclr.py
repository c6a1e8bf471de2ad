"""50-frame arrays of CrosSCLR, AimCLR and those after them: ``*_position.npy`` (N, C, 50, V, M), ``*_label.pkl``.

Every clip is resized to 50 frames, so its length and speed are lost; joint 1 of the first person is the origin.

Source: Li et al., "3D human action representation learning via cross-view consistency pursuit", CVPR 2021; Guo et
al., "Contrastive learning from extremely augmented skeleton sequences", AAAI 2022.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.importing.arrays.agcn import read_labels, unfold
from skelact.importing.arrays.preprocessed import ArrayFormat, Part, cut_zeros, find_parts, make_part
from skelact.importing.arrays.stored import open_npy

ENDING = "_position.npy"


def find(source: Path) -> list[Part]:
    """The parts in a folder; a ``UserError`` when there is none."""
    return [_part(part, path) for part, path in find_parts(source, ENDING, "50-frame arrays").items()]


def cut(positions: NDArray[np.float32], _length: int) -> tuple[NDArray[np.float32], str]:
    """Clips are resized, not padded; zeros at the end are cut all the same."""
    return cut_zeros(positions), "resized by their maker; true length and frames per second are not known"


def _part(part: str, path: Path) -> Part:
    stem = path.name.removesuffix(ENDING)
    pickled, plain = path.with_name(f"{stem}_label.pkl"), path.with_name(f"{stem}_label.npy")
    if pickled.is_file():
        names, labels = read_labels(pickled)
        return make_part(part, open_npy(path), labels, pickled, names)
    if not plain.is_file():
        raise FileError(pickled, f"not found; the labels of {path.name} are expected there, or in {plain.name}")
    stored = open_npy(plain)
    return make_part(part, open_npy(path), stored.rows(0, stored.shape[0] if stored.shape else 0), plain)


FORMAT = ArrayFormat(
    name="aimclr",
    title="(clips, 3, 50, joints, people)",
    preprocessing="aimclr 50 frames",
    up="+y",
    find=find,
    unfold=unfold,
    cut=cut,
)

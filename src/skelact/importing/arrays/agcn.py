"""AGCN arrays: ``*_data_joint.npy`` (N, C, T, V, M), ``*_label.pkl`` (names, labels), ``*_num_frame.npy``.

People missing at the start are moved to it, short clips are repeated up to 300 frames, joint 1 of the first person
is the origin of every frame, and the first frame is turned so that the spine points along +z.

Source: Shi et al., "Two-stream adaptive graph convolutional networks", CVPR 2019, and the arrays that later
repositories made in this way; the true lengths were added by some of them.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.importing.arrays.preprocessed import ArrayFormat, Part, cut_zeros, find_parts, make_part, with_lengths
from skelact.importing.arrays.stored import open_npy
from skelact.readers.unpickling import read_pickle

ENDING = "_data_joint.npy"
ROUNDING = 1e-5  # metres; positions of some metres are rounded to 5e-7


def find(source: Path) -> list[Part]:
    """The parts in a folder; a ``UserError`` when there is none."""
    return [_part(part, path) for part, path in find_parts(source, ENDING, "AGCN arrays").items()]


def read_labels(path: Path) -> tuple[Any, Any]:
    """Names and labels of a pickle.

    Raises:
        FileError: it holds something else, or something that would have to be run.
    """
    content = read_pickle(path)
    if not isinstance(content, tuple | list) or len(content) != 2:
        size = f" of {len(content)}" if isinstance(content, list | tuple | dict | set | str | bytes) else ""
        raise FileError(path, f"expected a pair of names and labels, got a {type(content).__name__}{size}")
    return content[0], content[1]


def unfold(row: NDArray[Any], _joints: int) -> NDArray[Any]:
    """(C, T, V, M) -> (T, M, V, C)."""
    return row.transpose(1, 3, 2, 0)


def cut(positions: NDArray[np.float32], length: int) -> tuple[NDArray[np.float32], str]:
    """Cut to the true length, or to where every person has started over.

    A person who leaves early starts over inside the clip, so the last one to start over gives its length.
    """
    if length:
        return positions[:length], "cut to the true length"
    positions = cut_zeros(positions)
    bodies = positions - positions[:, :, 1:2]  # the origin goes with the first person, who may start over alone
    present = bodies[:, bodies.any(axis=(0, 2, 3))]
    again = [_starts_over(present[:, place]) for place in range(present.shape[1])]
    if again and all(again):
        return positions[: max(again)], "true length not given; cut where the clip starts over"
    return positions, "true length not given; the clip does not start over, zeros at the end cut"


def _starts_over(person: NDArray[np.float32]) -> int:
    """The first frame from which on the person does what was done from the start, up to rounding; 0: never."""
    frames = len(person)
    candidates = np.flatnonzero((abs(person[1:] - person[:1]) < ROUNDING).all(axis=(1, 2))) + 1
    for start in candidates.tolist():
        if person[:1].any() and (abs(person[start:] - person[: frames - start]) < ROUNDING).all():
            return int(start)
    return 0


def _part(part: str, path: Path) -> Part:
    stem = path.name.removesuffix(ENDING)
    labels, lengths = path.with_name(f"{stem}_label.pkl"), path.with_name(f"{stem}_num_frame.npy")
    names, numbers = read_labels(labels)
    found = make_part(part, open_npy(path), numbers, labels, names)
    if not lengths.is_file():
        return found
    stored = open_npy(lengths)
    return with_lengths(found, stored.rows(0, stored.shape[0] if stored.shape else 0), lengths)


FORMAT = ArrayFormat(
    name="agcn",
    title="(clips, 3, frames, joints, people)",
    preprocessing="agcn arrays",
    up="+z",
    find=find,
    unfold=unfold,
    cut=cut,
)

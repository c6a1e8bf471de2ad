"""Preparing NTU RGB+D: parsing `.skeleton` files, and the published normalisation of what is in them.

Ours: ``read_ntu`` and the cleaning ``ntu-agcn``; the last rows are the default cleaning, which has no counterpart.
The reference parses each file, puts it into an array of 300 frames and normalises all of them. Writing results is
not part of it on either side. Files come from the system's cache, as they are the same in every round. Beside
each file stands a copy in which some coordinates have an exponent (4.470348E-05), as the recorder writes them near
zero.

    python benchmarks/preparing.py --files FOLDER --reference FOLDER
"""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pairs
import reference

JOINT_VALUES = 12  # in a line of a joint
EVERY = 7  # so many lines one coordinate has an exponent
LONGEST = 300  # frames of the published arrays
FASTER = 40  # times through the files for one of the reference's, so that both sides work as long


def found(folder: Path) -> list[Path]:
    files = sorted(folder.rglob("*.skeleton"))
    return files or sys.exit(f"no .skeleton file in {folder}")


def with_exponents(files: list[Path], folder: Path) -> Path:
    """A folder with the files and their copies."""
    for path in files:
        lines = path.read_bytes().split(b"\r\n")
        (folder / path.name).write_bytes(b"\r\n".join(lines))
        for at in range(0, len(lines), EVERY):
            words = lines[at].split(b" ")
            if len(words) == JOINT_VALUES:
                lines[at] = b" ".join([b"4.470348E-05", *words[1:]])
        copied = b"\r\n".join(lines)
        assert b"E-05" in copied, path
        (folder / f"{path.stem}_exponents.skeleton").write_bytes(copied)
    return folder


def ours(folder: Path, work: str, times: int) -> pairs.Round:
    from skelact.readers.ntu import read_ntu
    from skelact.sequences.cleaning import get_cleaning

    files = found(folder)
    read = [read_ntu(path) for path in files]
    normalise, default = get_cleaning("ntu-agcn"), get_cleaning("default")
    once: dict[str, Callable[[], Any]] = {
        "parse": lambda: [read_ntu(path) for path in files],
        "normalise": lambda: [normalise(one) for one in read],
        "both": lambda: [normalise(read_ntu(path)) for path in files],
        "default": lambda: [default(one) for one in read],
        "parse, default": lambda: [default(read_ntu(path)) for path in files],
    }

    def run() -> int:
        for _ in range(FASTER * times):
            once[work]()
        return FASTER * times * len(files)

    return run


def theirs(code: Path, folder: Path, work: str, times: int) -> pairs.Round:
    parser = reference.load(code, "data_gen.ntu_gendata")
    normaliser = reference.load(code, "data_gen.preprocess")
    files = found(folder)

    def parsed() -> np.ndarray:
        arrays = np.zeros((len(files), 3, LONGEST, 25, 2), dtype=np.float32)
        for array, path in zip(arrays, files, strict=True):
            clip = parser.read_xyz(str(path), max_body=4, num_joint=25)[:, :LONGEST]
            array[:, : clip.shape[1]] = clip
        return arrays

    raw = parsed()
    once: dict[str, Callable[[], Any]] = {
        "parse": parsed,
        "normalise": lambda: normaliser.pre_normalization(raw.copy()),
        "both": lambda: normaliser.pre_normalization(parsed()),
    }

    def run() -> int:
        with silence():
            for _ in range(times):
                once[work]()
        return times * len(files)

    return run


@contextmanager
def silence() -> Iterator[None]:
    """Without the progress bars of the reference, which would cost it time."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def main() -> None:
    parser = pairs.arguments(__doc__)
    parser.add_argument("--files", type=Path, required=True, help="folder with real .skeleton files")
    parser.add_argument("--times", type=int, default=5, help="through the files in a round of the reference (5)")
    given = parser.parse_args()
    with TemporaryDirectory() as scratch:
        measure(given, with_exponents(found(given.files), Path(scratch)))


def measure(given: Namespace, folder: Path) -> None:
    groups = []
    for title, work in (("parse", "parse"), ("normalise", "normalise"), ("parse and normalise", "both")):
        both = pairs.sides(given.reference, ours, theirs, folder, work, given.times)
        groups.append((title, pairs.compare(both, given.pairs, given.threads)))
    for title, work in (("our default cleaning", "default"), ("parse and default cleaning", "parse, default")):
        alone = pairs.sides(None, ours, theirs, folder, work, given.times)
        groups.append((title, pairs.compare(alone, given.pairs, 1)))
    print(f"{len(found(folder))} files, {given.threads} thread\n{pairs.machine()}\n")
    print(pairs.table("files/s", groups))


if __name__ == "__main__":
    main()

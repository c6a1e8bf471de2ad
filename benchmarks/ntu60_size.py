"""Import a generated set of the size of NTU RGB+D: time, memory, files per second, and what is said of its splits.

The files are in the real format: runs of frames of real ``.skeleton`` files, with noise on every joint, two people
where the action has two, names and number of clips by the rule of the data set, so that the import is complete.
Every file is read and parsed like a real one. Clips are shorter than real ones (84 frames on average) to save
room: 50 frames, which makes 8 GB of files and 1 GB of store.

    python benchmarks/ntu60_size.py SCRATCH --like FOLDER

``FOLDER`` has a few real files and the published list of missing skeletons. ``SCRATCH`` must be empty or new; it
is left as it is, so that a second run with ``--again`` measures the import alone. Files that were just written are
read from memory rather than from the disk, as far as there is room.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from processes import SKELACT, measured

from skelact.datasets import get_dataset
from skelact.datasets.files import read_names
from skelact.datasets.ntu_clips import LISTS, name_numbers

TWO_PEOPLE = 50  # the first action of two
VARIANTS = 24  # noisy copies of each real file that runs of frames are taken from
NOISE = 0.005  # metres, standard deviation
SHORTEST = 10  # frames
SAID = 500  # files after which the progress is said


def frames_of(path: Path) -> list[list[list[bytes]]]:
    """The frames of a file: in each its bodies, of each the line of the body, the joint count and 25 joints."""
    lines = path.read_bytes().split(b"\n")
    frames, line = [], 1
    for _ in range(int(lines[0])):
        count = int(lines[line])
        line += 1
        bodies = [
            [part.strip() for part in lines[start : start + 27]] for start in range(line, line + 27 * count, 27)
        ]
        line += 27 * count
        if bodies:
            frames.append(bodies)
    return frames


def noisy(frames: list[list[list[bytes]]], rng: np.random.Generator) -> list[bytes]:
    """The text of each frame with noise on the positions."""
    texts = []
    for bodies in frames:
        parts = [b"%d" % len(bodies)]
        for identity, count, *joints in bodies:
            parts += [identity, count]
            for joint in joints:
                *position, rest = joint.split(b" ", 3)
                x, y, z = np.array(position, dtype=np.float64) + rng.normal(0.0, NOISE, 3)
                parts.append(b"%.7f %.7f %.7f %s" % (x, y, z, rest))
        texts.append(b"\n".join(parts))
    return texts


def write_clips(folder: Path, names: list[str], like: Path, frames: int, seed: int) -> int:
    """Write a file for each name; the bytes of all."""
    rng = np.random.default_rng(seed)
    real = [frames_of(path) for path in sorted(like.glob("*.skeleton"))]
    two = [max(len(bodies) for bodies in one) > 1 for one in real]
    texts = {people: [noisy(one, rng) for one, pair in zip(real, two, strict=True) if pair == people
                      for _ in range(VARIANTS)] for people in (False, True)}  # fmt: skip
    size = 0
    for number, name in enumerate(names, start=1):
        numbers = name_numbers(name)
        pair = numbers is not None and numbers["action"] >= TWO_PEOPLE
        text = texts[pair][rng.integers(len(texts[pair]))]
        length = max(SHORTEST, int(rng.normal(frames, frames / 4)))
        start = int(rng.integers(len(text)))
        run = [text[(start + frame) % len(text)] for frame in range(length)]
        content = b"\n".join([b"%d" % length, *run, b""])
        (folder / f"{name}.skeleton").write_bytes(content)
        size += len(content)
        if number % SAID == 0 or number == len(names):
            print(f"\r{number:,}/{len(names):,} files, {size / 1e9:.2f} GB", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return size


def wanted_names(clips: int, listed: Path) -> list[str]:
    """The names of the published clips, or so many of them, evenly spread."""
    inventory = get_dataset("ntu60").inventory
    assert inventory is not None
    names = sorted(set(inventory.names()) - read_names(listed))
    return [names[place] for place in np.linspace(0, len(names) - 1, min(clips, len(names))).astype(int)]


def main() -> None:
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("scratch", type=Path, help="empty or new folder")
    about.add_argument("--like", type=Path, required=True, help="folder with real .skeleton files and the list")
    about.add_argument("--clips", type=int, default=56_578)
    about.add_argument("--frames", type=int, default=50, help="mean length of a clip")
    about.add_argument("--processes", type=int, default=0, help="that import; 0: one per core")
    about.add_argument("--seed", type=int, default=0)
    about.add_argument("--again", action="store_true", help="take the files that an earlier run left")
    given = about.parse_args()
    files, store = given.scratch / "files", given.scratch / "store"
    listed = given.like / LISTS[0]
    if not given.again:
        if given.scratch.exists() and any(given.scratch.iterdir()):
            sys.exit(f"{given.scratch} is not empty; --again takes the files that are there")
        files.mkdir(parents=True)
        started = time.perf_counter()
        size = write_clips(files, wanted_names(given.clips, listed), given.like, given.frames, given.seed)
        print(
            f"wrote {given.clips:,} files, {size / 1e9:.2f} GB, in {time.perf_counter() - started:.0f} s",
            flush=True,
        )
    shutil.rmtree(store, ignore_errors=True)
    words = [str(files), "--dataset", "ntu60", "--missing", str(listed), "--processes", str(given.processes)]
    taken = measured([*SKELACT, "import", *words, "-o", str(store), "--json"])
    seen = measured([*SKELACT, "inspect", str(store), "--json"])
    count = len(os.listdir(files))
    size = sum(path.stat().st_size for path in store.iterdir())
    imported, report = json.loads(taken["out"]), json.loads(seen["out"])
    for what, result in (("import", taken), ("inspect", seen)):
        print(
            f"{what}: {result['seconds']:.0f} s, {count / result['seconds']:,.0f} clips/s, "
            f"{result['processes']} processes, peak memory of all {result['peak']['Pss'] / 1e6:,.0f} MB "
            f"({result['peak']['Rss'] / 1e6:,.0f} MB with shared pages counted in each)"
        )  # fmt: skip
    print(f"store: {size / 1e9:.2f} GB; left out: {len(imported['left_out'])} files")
    print(f"splits: {report['splits']}")
    print(report["check"])


if __name__ == "__main__":
    main()

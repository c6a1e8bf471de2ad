"""Clips from a store to batches for an encoder, random rows, everything in the cache of the system.

python benchmarks/reading.py --threads 2
"""

import tempfile
from pathlib import Path

import numpy as np
import pairs
import recordings

SINGLE = 0.8
KEPT: list[tempfile.TemporaryDirectory[str]] = []  # removed when the process ends


def make_store(clips: int, half: bool) -> Path:
    from skelact.sequences.sequence import Sequence
    from skelact.sequences.store import StoreWriter
    from skelact.skeletons import NTU25

    KEPT.append(tempfile.TemporaryDirectory())
    path = Path(KEPT[-1].name) / "store"
    writer = StoreWriter(path, half=half)
    for number, clip in enumerate(recordings.make(clips, SINGLE)):
        writer.add(Sequence(positions=clip, skeleton=NTU25, fps=30.0, name=f"{number}", label="walk"))
    writer.finish(classes=("walk",))
    return path


def ours(batch: int, clips: int, half: bool, threads: int) -> pairs.Round:
    from skelact.models.model import load_clips
    from skelact.runtime.prefetch import prefetch
    from skelact.sequences.store import Store

    store = Store(make_store(clips, half))
    rng = np.random.default_rng(0)

    def run() -> int:
        order = rng.permutation(len(store))
        parts = [order[start : start + batch] for start in range(0, clips, batch)]
        with prefetch(lambda part: load_clips(store, part, 2), parts, threads) as batches:
            return sum(len(one) for one in batches)

    return run


def main() -> None:
    parser = pairs.arguments(__doc__, threads=1)
    parser.add_argument("--clips", type=int, default=2048, help="clips in the store (2048)")
    given = parser.parse_args()
    groups = []
    for half in (False, True):
        for batch in (64, 256):
            title = f"batches of {batch}, {'float16' if half else 'float32'}"
            side = pairs.Side("skelact", ours, (batch, given.clips, half, given.threads))
            groups.append((title, pairs.compare([side], given.pairs, given.threads)))
    print(f"{given.clips:,} clips, four fifths with one person, {given.threads} reading threads")
    print(f"{pairs.machine()}\n")
    print(pairs.table("clips/s", groups))


if __name__ == "__main__":
    main()

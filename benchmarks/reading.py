"""Clips from a store to batches for an encoder, random rows, everything in the cache of the system.

Beside it, the layout that is usual in the field, also in the published code: one array padded to 300 frames and
two people, of which one thread copies clips and puts them together.

    python benchmarks/reading.py --threads 2
"""

import tempfile
from pathlib import Path

import numpy as np
import pairs
import recordings

SINGLE, LONGEST = 0.8, 300
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
    from skelact.models.ahead import read_ahead
    from skelact.models.model import load_clips
    from skelact.sequences.store import Store

    store = Store(make_store(clips, half))
    rng = np.random.default_rng(0)

    def run() -> int:
        order = rng.permutation(len(store))
        parts = [order[start : start + batch] for start in range(0, clips, batch)]
        with read_ahead(lambda part: load_clips(store, part, 2), parts, threads) as batches:
            return sum(len(one) for one in batches)

    return run


def theirs(batch: int, clips: int) -> pairs.Round:
    """What a padded array costs to read: each clip copied, then all of them put together."""
    import torch

    KEPT.append(tempfile.TemporaryDirectory())
    path = Path(KEPT[-1].name) / "padded.npy"
    shape = (clips, 3, LONGEST, recordings.JOINTS, 2)
    padded = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for row, clip in enumerate(recordings.make(clips, SINGLE)):
        padded[row, :, : len(clip), :, : clip.shape[1]] = clip.transpose(3, 0, 2, 1)
    padded = np.load(path, mmap_mode="r")
    rng = np.random.default_rng(0)

    def run() -> int:
        order = rng.permutation(clips)
        for start in range(0, clips, batch):
            torch.stack([torch.from_numpy(np.array(padded[row])) for row in order[start : start + batch]])
        return clips

    return run


def main() -> None:
    parser = pairs.arguments(__doc__, threads=1)
    parser.add_argument("--clips", type=int, default=2048, help="clips in the store (2048)")
    given = parser.parse_args()
    groups = []
    for half in (False, True):
        for batch in (64, 256):
            title = f"batches of {batch}, {'float16' if half else 'float32'}"
            both = [
                pairs.Side("skelact", ours, (batch, given.clips, half, given.threads)),
                pairs.Side("padded array", theirs, (batch, given.clips)),
            ]
            groups.append((title, pairs.compare(both, given.pairs, given.threads)))
    print(f"{given.clips:,} clips, four fifths with one person, {given.threads} reading threads")
    print(f"{pairs.machine()}\n")
    print(pairs.table("clips/s", groups))


if __name__ == "__main__":
    main()

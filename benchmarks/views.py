"""Two views of every clip: crop, resize, rotation, mirroring, shear, both masks.

Ours makes them of a whole batch, the reference clip by clip; neither puts them together for the encoder. Both
start from clips in memory that its own preprocessing would give.

    python benchmarks/views.py --reference FOLDER
"""

import contextlib
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pairs
import recordings
import reference

LONGEST, SINGLE = 300, 0.8


def ours(batch: int, rounds: int, stream: str) -> pairs.Round:
    import torch

    from skelact.batches import collate, random_views
    from skelact.settings import Recipe, override
    from skelact.skeletons import NTU25

    clips = recordings.make(rounds * batch, SINGLE)
    batches = [collate(clips[k : k + batch], NTU25, persons=2) for k in range(0, len(clips), batch)]
    recipe = override(Recipe(), (f"data.stream={stream}",))
    rng = torch.Generator().manual_seed(0)

    def run() -> int:
        for one in batches:
            random_views(one, recipe.data, recipe.views, rng)
        return len(clips)

    return run


def theirs(folder: Path, batch: int, rounds: int, stream: str) -> pairs.Round:
    feeder = reference.load(folder, "feeder.feeder_pretraining")
    clips = recordings.make(rounds * batch, SINGLE)
    positions = np.zeros((len(clips), 3, LONGEST, recordings.JOINTS, 2), dtype=np.float32)
    for row, clip in enumerate(clips):
        positions[row, :, : len(clip), :, : clip.shape[1]] = clip.transpose(3, 0, 2, 1)
    with tempfile.TemporaryDirectory() as kept, open(os.devnull, "w") as nowhere:
        data, frames = Path(kept) / "data.npy", Path(kept) / "frames.npy"
        np.save(data, positions)
        np.save(frames, np.array([len(clip) for clip in clips]))
        with contextlib.redirect_stdout(nowhere):  # it prints the shape
            feeder.augmentations.np = forgiving_numpy()
            source = feeder.Feeder(str(data), str(frames), [0.1, 1.0], 64, stream, mmap=False)

    def run() -> int:
        for row in range(len(clips)):
            source[row]
        return len(clips)

    return run


def forgiving_numpy() -> Any:
    """numpy as the reference knew it: an array of one number, rounded down, may be used as a number."""
    return SimpleNamespace(**{**vars(np), "floor": lambda numbers: np.floor(numbers).item()})


def main() -> None:
    parser = pairs.arguments(__doc__)
    parser.add_argument("--stream", choices=("joint", "bone", "motion"), default="joint")
    parser.add_argument("--clips", type=int, default=1024, help="clips of a round (1024)")
    given = parser.parse_args()
    groups = []
    for batch in (64, 256):
        both = pairs.sides(given.reference, ours, theirs, batch, given.clips // batch, given.stream)
        groups.append((f"batches of {batch}", pairs.compare(both, given.pairs, given.threads)))
    print(f"stream {given.stream}, four fifths of the clips with one person, {given.threads} threads")
    print(f"{pairs.machine()}\n")
    print(pairs.table("clips/s", groups))


if __name__ == "__main__":
    main()

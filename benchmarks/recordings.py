"""Recordings that are no recordings: noise that walks, as long and with as many people as those of NTU RGB+D."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FRAMES, JOINTS = 80, 25  # on average; the longest are some 200 frames


def make(count: int, single: float, seed: int = 0) -> list[NDArray[Any]]:
    """``count`` arrays (T, M, V, C) float32; ``single`` of them have one person, the others two."""
    rng = np.random.default_rng(seed)
    spread = 0.35
    frames = np.exp(rng.normal(np.log(FRAMES) - spread**2 / 2, spread, size=count)).astype(int).clip(30, 300)
    people = np.where(rng.permutation(count) < round(single * count), 1, 2)
    steps = (
        rng.normal(0, 0.05, size=(length, number, JOINTS, 3)).astype(np.float32)
        for length, number in zip(frames, people, strict=True)
    )
    return [one.cumsum(axis=0, dtype=np.float32) for one in steps]

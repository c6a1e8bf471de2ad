"""What a camera does to the places of joints: jitter, lost joints, lost frames."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from skelact.datasets.synthetic.body import Array


def smooth(rng: np.random.Generator, shape: tuple[int, int], width: int) -> Array:
    """(T, K) standard normal numbers that change slowly along T: means over ``width`` frames of white noise."""
    white = rng.standard_normal((shape[0] + width, shape[1]))
    total = np.cumsum(white, axis=0)
    change: Array = (total[width:] - total[:-width]) / np.sqrt(width)
    return change


def jitter(rng: np.random.Generator, frames: int, joints: int, metres: float) -> Array:
    """(T, V, 3) errors of the places: half of the variance from frame to frame, half slow.

    Args:
        rng: source of all draws.
        frames: T.
        joints: V.
        metres: standard deviation along each axis.
    """
    slow = smooth(rng, (frames, joints * 3), width=12)
    fast = rng.standard_normal((frames, joints * 3))
    error: Array = (slow + fast) * (metres / np.sqrt(2.0))
    return error.reshape(frames, joints, 3)


def lost(rng: np.random.Generator, frames: int, joints: int, share: float) -> NDArray[np.bool_]:
    """(T, V) where a joint is not observed, in bursts.

    Args:
        rng: source of all draws.
        frames: T.
        joints: V.
        share: expected share of missing joints, in [0, 1). A quarter of it are whole frames.
    """
    whole = share / 4.0
    single = 1.0 - (1.0 - share) / (1.0 - whole)
    joint = smooth(rng, (frames, joints), width=8) < _quantile(single)
    frame = smooth(rng, (frames, 1), width=4) < _quantile(whole)
    return joint | frame


def _quantile(share: float) -> float:
    return NormalDist().inv_cdf(share) if share > 0.0 else -np.inf

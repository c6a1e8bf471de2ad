"""What every step of cleaning does at its end: it says what was done."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.sequences.sequence import Sequence


def with_step(sequence: Sequence, positions: NDArray[np.float32], step: str, **others: Any) -> Sequence:
    """The sequence with other positions, the step that made them, and other values of other fields."""
    steps = (*sequence.provenance, step)
    if positions is sequence.positions and not others:
        return sequence.described(provenance=steps)
    return replace(sequence, positions=positions, provenance=steps, **others)

"""The rotation of a view, axis by axis, against numbers that the official code produced."""

from pathlib import Path

import numpy as np
import pytest
import torch

from skelact.batches import collate
from skelact.batches.augment import angles, apply_matrices, rotation_matrices
from skelact.skeletons import NTU25


@pytest.mark.real
def test_views_turn_the_same_way_as_officially(shared: Path) -> None:
    with np.load(shared / "golden" / "view_rotation.npz") as golden:
        joints, expected = golden["input"], golden["output"]
        turns = list(zip(golden["axis"].tolist(), golden["degrees"].tolist(), strict=True))
    assert {axis for axis, _ in turns} == {0, 1, 2}
    batch = collate([joints[None, None].astype(np.float32)], NTU25)
    for (axis, degrees), output in zip(turns, expected, strict=True):
        shares = torch.tensor([[0.0, 0.5, 0.0, 0.0, 0.0]])  # half of the largest angle about the main axis alone
        turned = apply_matrices(batch, rotation_matrices(angles(shares, 3, 2 * degrees, 1.0, main_axis=axis)))
        np.testing.assert_allclose(turned.positions[0, 0, 0].numpy(), output, rtol=0, atol=1e-5)

"""ST-GCN: one block against its formula, means over what was observed, and absent people who change nothing."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from skelact.batches import Batch, collate
from skelact.encoders import STGCNEncoder
from skelact.encoders.st_gcn import STGCNBlock
from skelact.errors import UserError
from skelact.settings import STGCNSettings
from skelact.skeletons import KINECT20, NTU25, SBU15, Skeleton

SMALL = STGCNSettings(widths=(4, 4, 8), kernel=5, dropout=0.0)


def make_encoder(persons: int = 2, frames: int = 12, settings: STGCNSettings = SMALL) -> STGCNEncoder:
    torch.manual_seed(0)
    return STGCNEncoder(SBU15, persons, frames, 3, settings).double()


def make_batch(persons: int = 2, frames: int = 12, skeleton: Skeleton = SBU15) -> Batch:
    clips = np.random.default_rng(0).normal(size=(4, frames, persons, len(skeleton), 3))
    clips[1, :, 0, 4] = clips[2, 3:8, 0] = np.nan
    return collate(list(clips), skeleton).to("cpu", torch.float64)


def norm_by_hand(x: Tensor) -> Tensor:
    mean, variance = x.mean(dim=(0, 2, 3), keepdim=True), x.var(dim=(0, 2, 3), keepdim=True, correction=0)
    return (x - mean) / (variance + 1e-5).sqrt()


@pytest.mark.parametrize(
    ("c_in", "c_out", "stride", "residual"), [(3, 4, 1, False), (4, 4, 1, True), (4, 6, 2, True)]
)
def test_a_block_is_its_formula(c_in: int, c_out: int, stride: int, residual: bool) -> None:
    """Joint by joint and frame by frame, as the paper writes it."""
    torch.manual_seed(0)
    block = STGCNBlock(c_in, c_out, KINECT20, stride, residual, SMALL).double()
    with torch.no_grad():
        block.graph.edge_weights.normal_()
        block.graph.values.bias.normal_()
    x = torch.randn(3, c_in, 20, 7, dtype=torch.float64)
    weight = block.graph.values.weight.view(c_out, 3, c_in)
    bias, graph = block.graph.values.bias.view(c_out, 3), torch.as_tensor(KINECT20.adjacency).float().double()
    y = torch.zeros(3, c_out, 20, 7, dtype=torch.float64)
    for k in range(3):
        for u in range(20):
            for v in graph[k, u].nonzero().flatten().tolist():
                value = torch.einsum("oc,pct->pot", weight[:, k], x[:, :, v]) + bias[:, k, None]
                y[:, :, u] += graph[k, u, v] * block.graph.edge_weights[k, u, v] * value
    y = norm_by_hand(y).clamp(min=0)
    padded, taps = F.pad(y, (2, 2)), block.time.weight[:, :, 0]  # (C, C, 5)
    frames = [torch.einsum("oik,pivk->pov", taps, padded[..., t : t + 5]) for t in range(0, 7, stride)]
    y = norm_by_hand(torch.stack(frames, dim=3) + block.time.bias[:, None, None])
    if residual and c_in == c_out:
        y = y + x
    elif residual:
        convolution = block.shortcut[0]
        mapped = torch.einsum("oc,pcvt->povt", convolution.weight[:, :, 0, 0], x[..., ::stride])
        y = y + norm_by_hand(mapped + convolution.bias[:, None, None])
    torch.testing.assert_close(block.train()(x), y.clamp(min=0), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("training", [True, False])
def test_an_absent_person_changes_nothing(training: bool) -> None:
    """Room for a second person who is not there, or no room: the same features and the same statistics."""
    alone, roomy = make_encoder(persons=1).train(training), make_encoder(persons=2).train(training)
    roomy.load_state_dict(alone.state_dict())
    batch = make_batch(persons=1)
    wider = collate(
        [
            np.where(v[..., None], p, np.nan)
            for p, v in zip(batch.positions.numpy(), batch.valid.numpy(), strict=True)
        ],
        SBU15,
        persons=2,
    ).to("cpu", torch.float64)
    wider = wider.with_positions(F.pad(batch.positions, (0, 0, 0, 0, 0, 1)), wider.valid)
    for ours, theirs in zip(roomy.features(wider), alone.features(batch), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(roomy.state_dict()[name], value, rtol=1e-9, atol=1e-9)


def test_the_order_of_people_is_no_matter() -> None:
    encoder, batch = make_encoder().train(), make_batch()
    turned = batch.with_positions(batch.positions.flip(2), batch.valid.flip(2))
    for ours, theirs in zip(encoder.features(turned), encoder.features(batch), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_means_are_over_what_was_observed() -> None:
    """In one clip, entry by entry."""
    encoder, batch = make_encoder().eval(), make_batch()
    blocks: list[Tensor] = []
    encoder.blocks[-1].register_forward_hook(lambda _, __, out: blocks.append(out))
    features = encoder.features(batch)
    row = 2
    x, valid = blocks[0].view(4, 2, 8, 15, 6)[row], batch.valid[row]
    seen = [
        (m, v, t)
        for m in range(2)
        for v in range(15)
        for t in range(6)
        if valid[2 * t : 2 * t + 2, m, v].any()  # one of the two frames that the stride joins
    ]
    assert len(seen) == 2 * 15 * 6 - 2 * 15  # of frames 3 to 7 of the first person, two pairs are missing

    def mean(kept: list[tuple[int, int, int]]) -> Tensor:
        return torch.stack([x[m, :, v, t] for m, v, t in kept]).mean(dim=0)

    torch.testing.assert_close(features.clip[row], mean(seen))
    for t in range(6):
        torch.testing.assert_close(features.frames[row, t], mean([one for one in seen if one[2] == t]))
    for v in range(15):
        torch.testing.assert_close(features.joints[row, v], mean([one for one in seen if one[1] == v]))


def test_sizes_of_the_paper() -> None:
    """Ten blocks, 2.6 to 3.2 M parameters, a quarter of the frames, 256 wide."""
    encoder = STGCNEncoder(NTU25, 2, 64, 3, STGCNSettings())
    count = sum(parameter.numel() for parameter in encoder.parameters())
    assert 2.6e6 < count < 3.2e6
    features = encoder.eval().features(make_batch(frames=64, skeleton=NTU25).to("cpu", torch.float32))
    assert [tuple(part.shape) for part in features] == [(4, 256), (4, 16, 256), (4, 25, 256)]


def test_dropout_is_random_in_training_alone() -> None:
    encoder, batch = make_encoder(settings=STGCNSettings(widths=(8, 8), dropout=0.5)), make_batch()
    assert not torch.equal(encoder.embed(batch), encoder.embed(batch))
    encoder.eval()
    assert torch.equal(encoder.embed(batch), encoder.embed(batch))


def test_edges_can_be_without_weights() -> None:
    encoder = make_encoder(settings=STGCNSettings(widths=(4,), edge_weights=False))
    assert not [name for name, _ in encoder.named_parameters() if "edge" in name]
    assert encoder.embed(make_batch()).isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (STGCNSettings(widths=()), "encoder.widths of st_gcn must name at least one block, got none"),
        (STGCNSettings(kernel=4), "encoder.kernel must be odd, so that it has a middle frame, got 4"),
    ],
)
def test_impossible_settings_are_refused(settings: STGCNSettings, message: str) -> None:
    with pytest.raises(UserError, match=f"^{message}$"):
        make_encoder(settings=settings)

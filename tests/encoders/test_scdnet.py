"""The SCD-Net encoder: its input norm, its start, its sizes, and absent people who are computed once."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch

from skelact.batches import Batch, collate
from skelact.encoders import build_encoder
from skelact.encoders.stack import GraphStack
from skelact.errors import UserError
from skelact.layers.absent import for_everyone, person_rows
from skelact.layers.graph_conv import GraphConv
from skelact.settings import SCDNetEncoderSettings
from skelact.skeletons import NTU25, SBU15, Skeleton

SMALL = SCDNetEncoderSettings(graph_widths=(4, 8), width=16, heads=2, dropout=0.0)


def make_batch(skeleton: Skeleton, persons: int, frames: int, coordinates: int = 3, alone: int = 0) -> Batch:
    """Five clips; in the first ``alone`` of them the later places are empty."""
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(5, frames, persons, len(skeleton), coordinates))
    clips[:alone, :, 1:] = np.nan
    return collate(list(clips), skeleton)


@pytest.mark.parametrize("norm", ["joint", "coordinate"])
def test_the_input_norm_keeps_how_much_joints_move_where_asked(norm: Literal["joint", "coordinate"]) -> None:
    torch.manual_seed(0)
    moves = torch.linspace(0.1, 2.0, len(SBU15), dtype=torch.float64)  # of each joint, in metres
    clips = torch.randn(40, 12, 2, len(SBU15), 3, dtype=torch.float64) * moves[:, None]
    settings = SCDNetEncoderSettings(graph_widths=(4, 8), input_norm=norm)
    stack = GraphStack(SBU15, 2, 3, settings).double().train()
    seen: list[torch.Tensor] = []
    stack.blocks[0].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    stack(clips, None)
    spread = seen[0].std(dim=(0, 1, 3))  # (V,)
    expected = moves / moves.square().mean().sqrt() if norm == "coordinate" else torch.ones(len(SBU15))
    torch.testing.assert_close(spread, expected.double(), rtol=0.05, atol=0.0)


def test_absent_people_cost_one_row_and_change_no_number() -> None:
    """The stack with everyone computed equals the stack that computes the absent once."""
    torch.manual_seed(0)
    batch = make_batch(SBU15, 2, 12, alone=4).to("cpu", torch.float64)
    stack = GraphStack(SBU15, 2, 3, SCDNetEncoderSettings(graph_widths=(4, 8))).double().train()
    present = batch.valid.any(dim=3).any(dim=1)
    assert present.tolist() == [[True, False]] * 4 + [[True, True]]
    rows: list[int] = []
    stack.blocks[0].register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    people = person_rows(present, batch.device, torch.float64)
    once = for_everyone(stack(batch.positions, people), people)
    each = stack(batch.positions, None)
    assert rows == [7, 10]
    torch.testing.assert_close(once, each, rtol=1e-9, atol=1e-9)


def test_gradients_are_the_same_each_time_on_several_threads() -> None:
    """What the absent share is summed in a fixed order; otherwise a resumed training would end elsewhere."""
    torch.manual_seed(0)
    stack = GraphStack(NTU25, 2, 3, SCDNetEncoderSettings(graph_widths=(16, 16))).train()
    clips = np.random.default_rng(0).normal(size=(48, 32, 2, 25, 3))
    clips[::2, :, 1] = np.nan
    batch = collate(list(clips), NTU25)
    people = person_rows(batch.present, batch.device, torch.float32)
    weights = torch.randn(96, 16, 25, 32)
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        gradients = []
        for _ in range(6):
            stack.zero_grad()
            everyone = for_everyone(stack(batch.positions, people), people)
            (everyone * weights).sum().backward()
            gradients.append(torch.cat([parameter.grad.flatten() for parameter in stack.parameters()]))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(gradients[0], gradient) for gradient in gradients[1:])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            SCDNetEncoderSettings(graph_widths=(6,)),
            r"encoder.graph_widths must be positive multiples of 4 .*got \[6\]",
        ),
        (SCDNetEncoderSettings(width=30, heads=8), "encoder.width 30 must be a multiple of encoder.heads 8"),
    ],
)
def test_impossible_settings_are_refused(settings: SCDNetEncoderSettings, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_encoder(NTU25, 2, 64, 3, settings)


@pytest.mark.parametrize("gain", [1e-6, 1.0])
def test_graph_convolutions_start_from_the_gain(gain: float) -> None:
    encoder = build_encoder(SBU15, 1, 8, 3, replace(SMALL, graph_gain=gain))
    starts = [module.norm.weight for module in encoder.modules() if isinstance(module, GraphConv)]
    assert len(starts) == 4
    assert all((start == gain).all() for start in starts)


def test_sizes_of_the_paper() -> None:
    """74.4 M parameters in the encoder, 0.364 M of them in each graph stack."""
    with torch.device("meta"):
        encoder = build_encoder(NTU25, 2, 64, 3, SCDNetEncoderSettings())
    count = sum(parameter.numel() for parameter in encoder.parameters())
    assert round(count / 1e6, 1) == 74.4
    stack = sum(parameter.numel() for parameter in encoder.temporal_graph.parameters())
    assert round(stack / 1e6, 3) == 0.364


def test_absent_people_change_no_clue_and_no_gradient() -> None:
    """The encoder that computes the absent once equals the one whose ``present`` names everyone."""
    torch.manual_seed(0)
    batch = make_batch(SBU15, 2, 12, alone=3).to("cpu", torch.float64)
    settings = SCDNetEncoderSettings(graph_widths=(4, 8), width=16, heads=2, dropout=0.0)
    encoder = build_encoder(SBU15, 2, 12, 3, settings).double().train()
    results = []
    everyone, more = torch.ones_like(batch.present), batch.present.clone()
    more[0] = True  # in the clip, and not in the part of it that is looked at
    for present in (batch.present, everyone, more):
        encoder.zero_grad()
        temporal, spatial = encoder.clues(replace(batch, known=present))
        (temporal.square().sum() + 2 * spatial.square().sum()).backward()
        gradients = torch.cat([parameter.grad.flatten() for parameter in encoder.parameters()])
        results.append((temporal, spatial, gradients))
    for once, each, some in zip(*results, strict=True):
        torch.testing.assert_close(once, each, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(some, each, rtol=1e-8, atol=1e-8)


def test_tokens_are_features_of_frames_and_of_joints() -> None:
    """Clues are their maxima over frames and over everyone's joints; those of joints are means over people."""
    torch.manual_seed(0)
    batch = make_batch(SBU15, 2, 12, alone=3).to("cpu", torch.float64)
    encoder = build_encoder(SBU15, 2, 12, 3, SMALL).double().eval()
    tokens: list[torch.Tensor] = []
    encoder.spatial_head.register_forward_hook(lambda _, __, out: tokens.append(out))
    features = encoder.features(batch)
    assert features.frames is not None
    assert features.joints is not None
    each = tokens[0].view(5, 2, 15, 16)
    torch.testing.assert_close(features.clip[:, :16], features.frames.amax(dim=1))
    torch.testing.assert_close(features.clip[:, 16:], each.amax(dim=(1, 2)))
    torch.testing.assert_close(features.joints[:3], each[:3, 0])  # the other one is absent
    torch.testing.assert_close(features.joints[3:], each[3:].mean(dim=1))

"""Contract of all encoders, and the exact algebra of the graph stack against its plain form."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn

from skelact.batches import Batch, collate
from skelact.batches.batch import People
from skelact.encoders import ENCODERS, Encoder, build_encoder
from skelact.encoders.folded import highest_of_three
from skelact.encoders.stack import GraphStack
from skelact.errors import UserError
from skelact.layers.batch_norm import PersonBatchNorm, distinct_people
from skelact.layers.graph_conv import GraphConv
from skelact.settings import SCDNetEncoderSettings
from skelact.skeletons import KINECT20, NTU25, SBU15, SKELETONS, Skeleton

SMALL = SCDNetEncoderSettings(graph_widths=(4, 8), width=16, heads=2, dropout=0.0)


def make_batch(skeleton: Skeleton, persons: int, frames: int, coordinates: int = 3, alone: int = 0) -> Batch:
    """Five clips; in the first ``alone`` of them the later places are empty."""
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(5, frames, persons, len(skeleton), coordinates))
    clips[:alone, :, 1:] = np.nan
    return collate(list(clips), skeleton)


def make_encoder(
    skeleton: Skeleton, persons: int, frames: int, coordinates: int = 3, name: str = "scdnet"
) -> Encoder:
    torch.manual_seed(0)
    settings = SCDNetEncoderSettings(name=name, graph_widths=(4, 8), width=16, heads=2, dropout=0.0)
    return build_encoder(skeleton, persons, frames, coordinates, settings)


@pytest.mark.parametrize("name", ENCODERS)
class TestEveryEncoder:
    @pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
    @pytest.mark.parametrize(("persons", "frames", "coordinates"), [(1, 16, 3), (2, 30, 2), (3, 9, 3)])
    def test_any_size(self, name: str, skeleton: Skeleton, persons: int, frames: int, coordinates: int) -> None:
        encoder = make_encoder(skeleton, persons, frames, coordinates, name)
        features = encoder.embed(make_batch(skeleton, persons, frames, coordinates, alone=2))
        assert features.shape == (5, encoder.dim)
        assert features.isfinite().all()

    def test_a_clip_is_embedded_alike_in_any_company(self, name: str) -> None:
        encoder = make_encoder(SBU15, 2, 16, name=name).double().eval()
        batch = make_batch(SBU15, 2, 16, alone=3).to("cpu", torch.float64)
        together = encoder.embed(batch)
        for row in (0, 4):
            alone = Batch(*(value[row : row + 1] for value in tensors(batch)), skeleton=SBU15)
            torch.testing.assert_close(encoder.embed(alone), together[row : row + 1], rtol=1e-10, atol=1e-10)

    def test_wrong_batches_are_refused(self, name: str) -> None:
        encoder = make_encoder(NTU25, 2, 16, name=name)
        with pytest.raises(
            UserError, match=r"the encoder expects skeleton ntu25 \(25 joints\), this batch has kinect20 \(20\)"
        ):
            encoder.embed(make_batch(KINECT20, 2, 16))
        with pytest.raises(UserError, match=r"\(16, 2, 25, 3\), got \(20, 2, 25, 3\)"):
            encoder.embed(make_batch(NTU25, 2, 20))


def tensors(batch: Batch) -> tuple[torch.Tensor, ...]:
    return batch.positions, batch.valid, batch.frames, batch.label, batch.index


def test_graph_conv_equals_the_plain_formula() -> None:
    """Means after the convolutions, one subset after the other, sums written out: nothing is rearranged."""
    torch.manual_seed(0)
    conv = GraphConv(16, 8, KINECT20).double()
    with torch.no_grad():
        conv.alpha.fill_(0.7)
        conv.refine_bias.normal_()
        conv.values.bias.normal_()
        conv.relate.bias.normal_()
    x = torch.randn(3, 16, 20, 6, dtype=torch.float64)
    r, c_out = conv.relations, conv.channels_out
    expected = torch.zeros(3, c_out, 20, 6, dtype=torch.float64)
    related = torch.einsum("oc,pcvt->povt", conv.relate.weight, x) + conv.relate.bias[:, None, None]
    related = related.mean(dim=3).view(3, 2, 3, r, 20)
    for k in range(3):
        differences = torch.tanh(related[:, 0, k, :, :, None] - related[:, 1, k, :, None, :])  # (P, r, u, v)
        refined = torch.einsum("cr,pruv->pcuv", conv.refine_weight[k], differences)
        refined = refined + conv.refine_bias[k][:, None, None]
        graph = refined * conv.alpha + conv.graph[k]
        weight, bias = conv.values.weight[k::3], conv.values.bias[k::3]
        values = torch.einsum("oc,pcvt->povt", weight, x) + bias[:, None, None]
        expected = expected + torch.einsum("pcuv,pcvt->pcut", graph, values)
    conv.norm = PersonBatchNorm(c_out).double()
    conv.eval()  # a fresh norm in evaluation mode changes nothing but the epsilon
    lifted = torch.full_like(expected, 1000.0)  # so that nothing is negative in the end
    ours = (conv(x, None, lifted) - lifted) * (1 + conv.norm.eps) ** 0.5
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


def test_person_norm_counts_repeated_people() -> None:
    """Rows that stand for three and for two equal five rows, in the output and in the running statistics."""
    torch.manual_seed(0)
    once, thrice = PersonBatchNorm(4).double(), nn.BatchNorm1d(4).double()
    x = torch.randn(3, 4, 5, 2, dtype=torch.float64, requires_grad=True)
    rows = x[[0, 1, 1, 1, 2, 2]]
    y = once(x, torch.tensor([3, 2]))
    z = thrice(rows.flatten(2)).view_as(rows)
    torch.testing.assert_close(y, z[[0, 1, 4]], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(once.running_mean, thrice.running_mean, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(once.running_var, thrice.running_var, rtol=1e-10, atol=1e-10)
    direction = torch.randn_like(rows)
    (ours,) = torch.autograd.grad((y[[0, 1, 1, 1, 2, 2]] * direction).sum(), x, retain_graph=True)
    (theirs,) = torch.autograd.grad((z * direction).sum(), x)
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)


def used_encoder() -> Encoder:
    """In evaluation mode, as a training may leave it: nothing is where it started."""
    encoder = make_encoder(SBU15, 2, 12).double().eval()
    for name, value in encoder.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2.0)
        elif value.is_floating_point():
            value += 0.2 * torch.randn_like(value)
    return encoder


def test_folded_norms_change_no_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no gradient is asked for, norms are in the products and people come in parts."""
    encoder = used_encoder()
    batch = make_batch(SBU15, 2, 12, alone=3).to("cpu", torch.float64)
    plain = encoder.embed(batch)
    assert plain.requires_grad
    for room in (1 << 25, 1 << 14):
        monkeypatch.setattr("skelact.encoders.stack.ROOM", room)
        with torch.no_grad():
            torch.testing.assert_close(encoder.embed(batch), plain, rtol=1e-9, atol=1e-9)


def test_folded_norms_in_bfloat16_are_not_further_off() -> None:
    encoder = used_encoder().float()
    batch = make_batch(SBU15, 2, 12, alone=3)
    exact = encoder.embed(batch).detach()
    off = []
    for gradients in (True, False):
        with torch.set_grad_enabled(gradients), torch.autocast("cpu", torch.bfloat16):
            features = encoder.embed(batch)
        off.append(float((features.detach().float() - exact).norm() / exact.norm()))
    assert 0.0 < off[0] < 0.05
    assert 0.0 < off[1] < 1.5 * off[0]


@pytest.mark.parametrize(("people", "frames"), [(2, 7), (1, 1), (3, 2)])
def test_the_highest_of_three_frames_is_that_of_pooling(people: int, frames: int) -> None:
    x = torch.randn(people, 8, 5, frames)[:, 2:6]
    pooled = nn.functional.max_pool2d(x, (1, 3), stride=1, padding=(0, 1))
    assert torch.equal(highest_of_three(x), pooled)


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
    """The stack with everybody computed equals the stack that computes the absent once."""
    torch.manual_seed(0)
    batch = make_batch(SBU15, 2, 12, alone=4).to("cpu", torch.float64)
    stack = GraphStack(SBU15, 2, 3, SCDNetEncoderSettings(graph_widths=(4, 8))).double().train()
    present = batch.valid.any(dim=3).any(dim=1)
    assert present.tolist() == [[True, False]] * 4 + [[True, True]]
    rows: list[int] = []
    stack.blocks[0].register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    who = distinct_people(present, present.device)
    once = stack(batch.positions, who).index_select(0, who.place.flatten())
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
    who = distinct_people(batch.people.there, batch.device)
    weights = torch.randn(96, 16, 25, 32)
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        gradients = []
        for _ in range(6):
            stack.zero_grad()
            everybody = stack(batch.positions, who).index_select(0, who.place.flatten())
            (everybody * weights).sum().backward()
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
        (SCDNetEncoderSettings(name="scd"), r"unknown encoder 'scd'; did you mean 'scdnet'\?"),
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
    """The encoder that computes the absent once equals the one that is told that everybody is there."""
    torch.manual_seed(0)
    batch = make_batch(SBU15, 2, 12, alone=3).to("cpu", torch.float64)
    settings = SCDNetEncoderSettings(graph_widths=(4, 8), width=16, heads=2, dropout=0.0)
    encoder = build_encoder(SBU15, 2, 12, 3, settings).double().train()
    results = []
    counted, everybody = batch.people, torch.ones_like(batch.people.there)
    more = counted.there.clone()
    more[0] = True  # in the clip, and not in the part of it that is looked at
    for there in (counted.there, everybody, more):
        encoder.zero_grad()
        temporal, spatial = encoder.clues(replace(batch, known=People(there, counted.whole)))
        (temporal.square().sum() + 2 * spatial.square().sum()).backward()
        gradients = torch.cat([parameter.grad.flatten() for parameter in encoder.parameters()])
        results.append((temporal, spatial, gradients))
    for once, each, some in zip(*results, strict=True):
        torch.testing.assert_close(once, each, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(some, each, rtol=1e-8, atol=1e-8)

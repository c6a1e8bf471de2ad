"""The compiled parts of graph blocks: the numbers of torch, gradients too."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor

from skelact.layers.graph_conv import GraphBlock
from skelact.layers.kernels import CompiledNorm, Scales, SumNeighbours, enabled, kernels_in_use
from skelact.layers.kernels import graph as compiled
from skelact.skeletons import KINECT20, NTU25, SBU15, Skeleton

if compiled.graph_fast is None:
    pytest.skip("no C compiler was at hand, or the processor is of another kind", allow_module_level=True)


@contextmanager
def torch_alone() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKELACT_KERNELS", "0")
        yield


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


def a_block(channels_in: int, channels_out: int, skeleton: Skeleton, residual: bool = True) -> GraphBlock:
    torch.manual_seed(0)
    block = GraphBlock(channels_in, channels_out, skeleton, residual, start_weight=1.0)
    with torch.no_grad():
        block.graph.alpha.fill_(0.7)
        for name, parameter in block.named_parameters():
            if name.endswith("bias"):
                parameter.normal_()
    return block.train()


def outcome(block: GraphBlock, x: Tensor, counts: Tensor | None) -> dict[str, Tensor]:
    """What comes out, running statistics, and all gradients."""
    block, x = deepcopy(block).to(x.dtype), x.clone().requires_grad_()
    y = block(x, None if counts is None else counts.to(x.dtype))
    direction = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.dtype)
    (y * direction).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    found = {"y": y.detach(), "x": x.grad}
    found |= {name: buffer for name, buffer in block.named_buffers() if buffer.is_floating_point()}
    return found | {name: one.grad for name, one in block.named_parameters() if one.grad is not None}


SIZES = [  # channels in and out, skeleton, frames, with a residual
    (3, 16, NTU25, 64, False),
    (16, 64, NTU25, 16, True),
    (64, 16, KINECT20, 13, True),
    (8, 4, SBU15, 50, True),
    (8, 8, SBU15, 2, True),
    (8, 8, KINECT20, 1, False),
]


@pytest.mark.parametrize(("channels_in", "channels_out", "skeleton", "frames", "residual"), SIZES)
@pytest.mark.parametrize("counted", [True, False])
def test_a_block_and_its_gradients_are_those_of_torch(
    channels_in: int, channels_out: int, skeleton: Skeleton, frames: int, residual: bool, counted: bool
) -> None:
    block = a_block(channels_in, channels_out, skeleton, residual)
    x = torch.randn(5, channels_in, len(skeleton), frames)
    counts = torch.tensor([1.0, 1, 1, 3, 2]) if counted else None
    # a number within rounding of 0 may pass the ReLU on one side alone; it is not in all of these inputs
    assert min(farthest_off(block, x * factor, counts) for factor in (1, 1.01, 1.02)) < 1e-3


def farthest_off(block: GraphBlock, x: Tensor, counts: Tensor | None) -> float:
    """The largest difference to what torch makes in float64, as a part of the largest number."""
    ours = outcome(block, x, counts)
    with torch_alone():
        exact = outcome(block, x.double(), counts)
    assert ours.keys() == exact.keys()
    torch.testing.assert_close(ours["y"].double(), exact["y"], rtol=1e-3, atol=1e-3)
    # biases before a norm have gradients of rounding alone
    return max(float((ours[k] - one).abs().max()) / max(float(one.abs().max()), 1.0) for k, one in exact.items())


def test_how_many_threads_there_are_changes_nothing() -> None:
    block, x = a_block(8, 16, NTU25), torch.randn(7, 8, 25, 16)
    found = []
    for count in (1, 2, 3):
        with threads(count):
            given = x.clone().requires_grad_()
            values = torch.randn(7, 16, 3, 25, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
            related = block.graph.related(given)
            how = block.graph.refine_weight, block.graph.refine_bias, block.graph.graph
            made = SumNeighbours.apply(values, related.detach(), *how)  # type: ignore[no-untyped-call]
            (for_values,) = torch.autograd.grad(made.square().sum(), values)
            found.append((made.detach(), for_values))
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_the_first_of_equal_frames_gets_the_gradient_of_their_maximum() -> None:
    """As torch's pooling has it, so that clips in which a person stands still learn the same."""
    x = torch.randint(-2, 3, (2, 8, 15, 20)).float().requires_grad_()
    kernels, bias = torch.zeros(2, 2, 2, 5), torch.zeros(2, 2)
    pooled = Scales.apply(x, kernels, bias)[:, 4:6]  # type: ignore[no-untyped-call]
    expected = torch.max_pool2d(torch.relu(x[:, 4:6]), (1, 3), stride=1, padding=(0, 1))
    assert torch.equal(pooled, expected)
    direction = torch.randn_like(pooled)
    ours, theirs = (torch.autograd.grad((y * direction).sum(), x)[0] for y in (pooled, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("mean", [0.0, 1e3])
def test_statistics_of_a_norm_are_exact_far_from_zero(mean: float) -> None:
    x = torch.randn(6, 3, 400) + mean
    counts = torch.tensor([1.0, 1, 1, 1, 5, 2])
    how = torch.ones(2), torch.zeros(2), counts, None, False, 1e-5
    out, found_mean, variance = CompiledNorm.apply(x, *how)  # type: ignore[no-untyped-call]
    everyone = x[[0, 1, 2, 3, 4, 4, 4, 4, 4, 5, 5], :2].double()
    torch.testing.assert_close(found_mean.double(), everyone.mean(dim=(0, 2)), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(variance.double(), everyone.var(dim=(0, 2), correction=0), rtol=1e-4, atol=0)
    assert torch.equal(out[:, 2], x[:, 2])  # no weight for it: it stays as it is


def test_topologies_are_right_where_relations_saturate() -> None:
    related = torch.tensor([-50.0, -9.5, -1e-4, 0.0, 1e-7, 0.3, 12.0, 90.0]).repeat(45)[:360].view(1, 2, 3, 4, 15)
    values, graph = torch.eye(15).expand(1, 2, 3, 15, 15).contiguous(), torch.zeros(3, 15, 15)
    refine, bias = torch.rand(3, 2, 4), torch.zeros(3, 2)
    ours = SumNeighbours.apply(values, related, refine, bias, graph)  # type: ignore[no-untyped-call]
    differences = torch.tanh((related[:, 0].unsqueeze(-1) - related[:, 1].unsqueeze(-2)).double())
    expected = torch.einsum("kcr,pkruv->pcuv", refine.double(), differences)
    torch.testing.assert_close(ours.double(), expected, rtol=0, atol=4e-6)


def test_an_array_of_another_size_is_refused() -> None:
    arrays = [np.zeros(n, np.float32) for n in (8, 2, 2, 2)]
    right = (
        arrays[0],
        np.ones(2, np.float32),
        arrays[1],
        arrays[1],
        None,
        arrays[2],
        arrays[3],
        np.zeros_like(arrays[0]),
    )
    compiled.graph_fast.norm((2, 2, 2, 2), False, 1e-5, 1, right)
    for wrong in range(len(right)):
        if right[wrong] is not None:
            given = (*right[:wrong], np.zeros(3, np.float32), *right[wrong + 1 :])
            with pytest.raises(ValueError, match=f"array {wrong} has 12 bytes"):
                compiled.graph_fast.norm((2, 2, 2, 2), False, 1e-5, 1, given)
    with pytest.raises(ValueError, match="expected 8 arrays"):
        compiled.graph_fast.norm((2, 2, 2, 2), False, 1e-5, 1, right[:-1])
    with pytest.raises(ValueError, match="positive"):
        compiled.graph_fast.norm((2, 2, 2, 3), False, 1e-5, 1, right)
    with pytest.raises(ValueError, match="positive"):
        compiled.graph_fast.sum_neighbours((0, 2, 2, 2, 2), 1, right)
    with pytest.raises(ValueError, match="array 0 has"):
        compiled.graph_fast.scales((1, 2, 2, 2), 1, right[:4])


def test_what_is_not_a_number_stays_so() -> None:
    """A training that leaves the numbers has to show it."""
    x, kernels = torch.randn(1, 8, 15, 20), torch.randn(2, 2, 2, 5)
    x[0, :, 3, 7] = torch.nan
    out = Scales.apply(x, kernels, torch.zeros(2, 2))  # type: ignore[no-untyped-call]
    assert out[0, :, 3, 7].isnan().all()
    assert not out[0, :, 4:].isnan().any()


def test_one_switch_for_all_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SKELACT_KERNELS", raising=False)
    assert kernels_in_use() == "compiled"
    assert enabled(torch.ones(1))
    for other in (torch.ones(1).double(), torch.ones(0), torch.ones(1, device="meta")):
        assert not enabled(other)
    monkeypatch.setenv("SKELACT_KERNELS", "0")
    assert kernels_in_use() == "torch"
    assert not enabled(torch.ones(1))
    monkeypatch.undo()
    monkeypatch.setattr(compiled, "graph_fast", None)
    assert kernels_in_use() == "torch"


def test_switched_off_no_kernel_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    block, x = a_block(8, 16, NTU25), torch.randn(3, 8, 25, 16)
    monkeypatch.delenv("SKELACT_KERNELS", raising=False)
    monkeypatch.setattr(compiled, "graph_fast", None)
    expected = outcome(block, x, None)
    monkeypatch.undo()
    monkeypatch.setattr(compiled, "graph_fast", object())  # has no functions
    monkeypatch.setenv("SKELACT_KERNELS", "0")
    assert all(torch.equal(one, expected[name]) for name, one in outcome(block, x, None).items())

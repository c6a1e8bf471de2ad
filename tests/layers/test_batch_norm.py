"""Batch norm with counts: numbers, names and gradients of torch's, and the same over two processes as over one."""

import copy
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from skelact.layers.batch_norm import PersonBatchNorm

SCRIPT = Path(__file__).with_name("two_processes.py")


def norms(channels: int, **how: Any) -> tuple[PersonBatchNorm, nn.BatchNorm1d]:
    """Ours and torch's, with the same weights."""
    ours, theirs = PersonBatchNorm(channels, **how).double(), nn.BatchNorm1d(channels, **how).double()
    for name, value in theirs.state_dict().items():
        if value.is_floating_point():
            value.uniform_(0.5, 2.0)
        assert name in ours.state_dict()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 5), (6, 4, 5, 2)])
def test_without_counts_it_is_torchs(shape: tuple[int, ...], affine: bool) -> None:
    torch.manual_seed(0)
    ours, theirs = norms(4, affine=affine)
    for training in (True, True, False):
        x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        y, z = ours.train(training)(x), theirs.train(training)(x.reshape(6, 4, -1)).view(shape)
        torch.testing.assert_close(y, z, rtol=1e-10, atol=1e-10)
        direction = torch.randn_like(z)
        inputs = [x, *ours.parameters()], [x, *theirs.parameters()]
        for one, other in zip(
            torch.autograd.grad((y * direction).sum(), inputs[0]),
            torch.autograd.grad((z * direction).sum(), inputs[1]),
            strict=True,
        ):
            torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-10, atol=1e-10)


def test_a_row_counts_as_often_as_it_is_said() -> None:
    """Three times, not at all, twice: as if the batch held it so often."""
    torch.manual_seed(0)
    ours, theirs = norms(4)
    x = torch.randn(4, 4, 5, 2, dtype=torch.float64, requires_grad=True)
    repeated = [0, 1, 1, 1, 3, 3]
    y = ours(x, torch.tensor([1.0, 3.0, 0.0, 2.0], dtype=torch.float64))
    z = theirs(x[repeated].flatten(2)).view(6, 4, 5, 2)
    torch.testing.assert_close(y[[0, 1, 3]], z[[0, 1, 4]], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ours.running_var, theirs.running_var, rtol=1e-10, atol=1e-10)
    direction = torch.randn_like(z)
    (of_ours,) = torch.autograd.grad((y[repeated] * direction).sum(), x, retain_graph=True)
    (of_theirs,) = torch.autograd.grad((z * direction).sum(), x)
    torch.testing.assert_close(of_ours, of_theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_relu_after_a_residual_and_channels_that_stay_as_they_are(training: bool, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    norm = PersonBatchNorm(3).to(dtype).train(training)
    x, residual = torch.randn(2, 5, 4, 6, 7, dtype=dtype)
    counts = torch.tensor([1, 1, 2, 1, 3], dtype=dtype)
    normed = torch.cat([copy.deepcopy(norm)(x[:, :3], counts), x[:, 3:]], dim=1)
    torch.testing.assert_close(norm.relu(x, counts, residual), (normed + residual).relu())
    torch.testing.assert_close(norm.relu(x, counts), normed.relu())


def test_bfloat16_leaves_as_float32() -> None:
    x = torch.randn(5, 3, 7)
    norm = PersonBatchNorm(3).train()
    with torch.autocast("cpu", torch.bfloat16):
        assert norm(x.bfloat16()).dtype == torch.float32
        torch.testing.assert_close(norm(x), nn.BatchNorm1d(3)(x))


def test_torchs_conversion_to_synchronised_norms_leaves_it_alone() -> None:
    module = nn.Sequential(PersonBatchNorm(3), nn.BatchNorm1d(3))
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(module)
    assert type(converted[0]) is PersonBatchNorm
    assert type(converted[1]) is nn.SyncBatchNorm


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, Any]]]:
    """What two processes get, each of half of a batch."""
    folder = tmp_path_factory.mktemp("processes")
    started = [
        subprocess.Popen(
            [sys.executable, SCRIPT, str(rank), "2", folder],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for process in started:
            _, errors = process.communicate(timeout=240)
            assert process.returncode == 0, errors
    finally:
        for process in started:
            process.kill()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.fixture(scope="module")
def alone() -> dict[str, dict[str, Any]]:
    """What one process gets of the whole batch."""
    spec = importlib.util.spec_from_file_location("two_processes", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, dict[str, Any]] = module.work(slice(None), together=False)
    return found


def close(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(
            ours[name], value, rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scdnet", "st_gcn"])
class TestTwoProcesses:
    """Only the second of them has absent people; it has fewer rows that count more."""

    def test_features_and_statistics_are_those_of_one(
        self, name: str, halves: list[dict[str, Any]], alone: dict[str, Any]
    ) -> None:
        features = torch.cat([half[name]["features"] for half in halves])
        torch.testing.assert_close(features, alone[name]["features"], rtol=1e-9, atol=1e-9)
        for half in halves:
            close(half[name]["statistics"], alone[name]["statistics"])

    def test_gradients_add_up_to_those_of_one(
        self, name: str, halves: list[dict[str, Any]], alone: dict[str, Any]
    ) -> None:
        one, other = (half[name]["grads"] for half in halves)
        close({key: one[key] + other[key] for key in one}, alone[name]["grads"])

    def test_a_step_by_distributed_data_parallel_is_that_of_one(
        self, name: str, halves: list[dict[str, Any]], alone: dict[str, Any]
    ) -> None:
        for half in halves:
            close(half[name]["weights"], alone[name]["weights"])

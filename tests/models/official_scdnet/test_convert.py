"""Checkpoints in the layout of the official SCD-Net code become models, or say why not."""

import json
import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skelact.batches import Batch
from skelact.errors import UserError
from skelact.models import Model
from skelact.models.official_scdnet.convert import convert_official
from skelact.models.official_scdnet.names import OfficialSizes, misfit, official_shapes, sizes_in
from skelact.skeletons import KINECT20, NTU25

SMALL = OfficialSizes(frames=8, graph_widths=(4, 8, 4), width=8, projection=4, queue=6)
CLEANING = {"clean": "ntu-agcn"}
State = dict[str, torch.Tensor]


def random_state(sizes: OfficialSizes = SMALL) -> State:
    """Weights of the right names and shapes; variances are positive."""
    rng = torch.Generator().manual_seed(0)
    state = {name: torch.rand(shape, generator=rng) for name, shape in official_shapes(sizes).items()}
    return state | {
        name.replace("running_mean", "num_batches_tracked"): torch.tensor(7)
        for name in state
        if "running_mean" in name
    }


def write(path: Path, state: Any, **more: Any) -> Path:
    torch.save({"epoch": 451, "arch": "scd-net", "state_dict": state, "optimizer": {"state": {}}, **more}, path)
    return path


def convert(path: Path) -> Model:
    return convert_official(path, NTU25, CLEANING)


@pytest.fixture
def state() -> State:
    return random_state()


@pytest.fixture
def golden(shared: Path) -> dict[str, Any]:
    with np.load(shared / "golden" / "scdnet_official.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.mark.real
def test_the_features_are_those_of_the_official_network(golden: dict[str, Any], tmp_path: Path) -> None:
    """Converted, saved and loaded again, in float64 to 1e-8 and in float32 to 1e-5."""
    state = {name[6:]: torch.as_tensor(value) for name, value in golden.items() if name.startswith("state/")}
    convert(write(tmp_path / "golden.pth.tar", state)).save(tmp_path / "model")
    model = Model.load(tmp_path / "model")
    positions = torch.as_tensor(golden["query"]).permute(0, 2, 4, 3, 1).contiguous()
    present = (positions != 0).flatten(3).any(dim=3).any(dim=1)
    valid = present[:, None, :, None].expand(positions.shape[:4])
    numbers = torch.arange(len(positions))
    for dtype, root, tolerance in ((torch.float64, "expect64", 1e-8), (torch.float32, "expect", 1e-5)):
        encoder = model.encoder.to(dtype)
        batch = Batch(positions.to(dtype), valid, torch.full_like(numbers, 64), numbers * 0 - 1, numbers, NTU25)
        with torch.no_grad():
            features = encoder.embed(batch).numpy()
        official = np.concatenate([golden[f"{root}/eval_vt"], golden[f"{root}/eval_vs"]], axis=1)
        assert np.abs(features - official).max() / np.abs(official).max() < tolerance


@pytest.mark.real
def test_the_names_and_shapes_are_those_of_the_official_network(golden: dict[str, Any]) -> None:
    shapes = {name[6:]: value.shape for name, value in golden.items() if name.startswith("state/")}
    expected = official_shapes(replace(OfficialSizes(), width=64, projection=32, queue=64))
    counters = {name for name in shapes if name.endswith("num_batches_tracked")}
    assert {name: shape for name, shape in shapes.items() if name not in counters} == expected
    assert misfit(shapes, sizes_in(shapes)) == ""


def test_sizes_are_read_from_the_shapes(state: State, tmp_path: Path) -> None:
    model = convert(write(tmp_path / "a.pth.tar", state))
    assert (model.encoder.persons, model.encoder.frames, model.dim) == (2, 8, 16)
    recipe = model.recipe
    assert (recipe.data.frames, recipe.data.persons, recipe.data.stream) == (8, 2, "joint")
    assert (recipe.encoder.graph_widths, recipe.encoder.width, recipe.encoder.heads) == ((4, 8, 4), 8, 8)
    assert (recipe.method.projection, recipe.method.queue) == (4, 6)
    other = OfficialSizes(joints=20, persons=3, frames=5, coordinates=2, graph_widths=(8, 4), width=16, layers=2)
    assert sizes_in({name: tuple(value.shape) for name, value in random_state(other).items()}) == other


def test_all_numbers_of_the_query_encoder_are_taken_and_no_others(state: State, tmp_path: Path) -> None:
    ours = convert(write(tmp_path / "a.pth.tar", state)).encoder.state_dict()
    taken = {name: value for name, value in state.items() if name.startswith("encoder_q.encoder.")}
    flat = [
        torch.cat([value.flatten() for name, value in one.items() if not name.endswith("num_batches_tracked")])
        for one in (ours, taken)
    ]
    assert torch.equal(flat[0].sort().values, flat[1].sort().values)


def test_the_model_says_where_it_comes_from(state: State, tmp_path: Path) -> None:
    path = write(tmp_path / "joint_450.pth.tar", state)
    info = convert(path).info
    assert info["cleaning"] == CLEANING
    assert info["source"]["file"] == "joint_450.pth.tar"
    assert info["source"]["epoch"] == 451
    assert info["source"]["ignored"] == ["arch", "optimizer"]
    assert re.fullmatch("[0-9a-f]{64}", info["source"]["sha256"])
    json.dumps(info)


def test_the_prefix_of_data_parallel_is_accepted(state: State, tmp_path: Path) -> None:
    plain = convert(write(tmp_path / "a.pth.tar", state)).encoder.state_dict()
    prefixed = {f"module.{name}": value for name, value in state.items()}
    other = convert(write(tmp_path / "b.pth.tar", prefixed)).encoder.state_dict()
    assert all(torch.equal(plain[name], other[name]) for name in plain)


def test_half_precision_and_parameters_are_read(state: State, tmp_path: Path) -> None:
    kinds = {
        name: torch.nn.Parameter(value.bfloat16()) for name, value in state.items() if value.is_floating_point()
    }
    model = convert(write(tmp_path / "a.pth.tar", state | kinds))
    assert {value.dtype for value in model.encoder.parameters()} == {torch.float32}


def refused(path: Path) -> str:
    with pytest.raises(UserError) as error:
        convert(path)
    return str(error.value)


def test_what_is_missing_left_over_or_of_another_shape_is_listed(state: State, tmp_path: Path) -> None:
    path = tmp_path / "a.pth.tar"
    lost = "encoder_q.encoder.gcn_t.l2.gcn1.alpha"
    write(path, {name: value for name, value in state.items() if name not in (lost, "i_queue")})
    no_whole = f"{path}: these are not the complete weights of SCD-Net. "
    assert refused(path) == f"{no_whole}2 missing: {lost}; i_queue"
    write(path, state | {"encoder_q.fc.weight": torch.zeros(60, 16)})
    assert refused(path) == f"{no_whole}1 left over: encoder_q.fc.weight"
    write(path, state | {"encoder_k.i_proj.0.bias": torch.zeros(9)})
    assert refused(path) == f"{no_whole}1 of another shape: encoder_k.i_proj.0.bias (9,), expected (8,)"
    write(path, {name: value for name, value in state.items() if not name.startswith("encoder_k.")})
    count = sum(1 for name in official_shapes(SMALL) if name.startswith("encoder_k."))
    assert refused(path).startswith(f"{no_whole}{count} missing: encoder_k.encoder.gcn_t.data_bn.weight; ")
    assert refused(path).endswith(f" and {count - 8} more")
    write(path, {"conv1.weight": torch.zeros(64, 3, 7, 7)})
    assert f"{len(official_shapes(SMALL))} missing: " in refused(path)
    assert refused(path).endswith(". 1 left over: conv1.weight")
    mixed = {(f"module.{name}" if name == "t_queue" else name): value for name, value in state.items()}
    assert refused(write(path, mixed)) == f"{no_whole}1 missing: t_queue. 1 left over: module.t_queue"
    tracked = "encoder_q.encoder.gcn_t.data_bn.num_batches_tracked"
    assert refused(write(path, state | {tracked: torch.zeros(2)})) == (
        f"{no_whole}1 of another shape: {tracked} (2,), expected ()"
    )


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.path, "run"))


def test_code_in_a_file_is_not_run(state: State, tmp_path: Path) -> None:
    path = write(tmp_path / "a.pth.tar", state, args=Evil(tmp_path / "trace"))
    message = refused(path)
    assert "which would have to be run to be read. Save it again with tensors only" in message
    assert not (tmp_path / "trace").exists()
    assert pickle.loads(pickle.dumps(Evil(tmp_path / "trace"))) == 3  # it would have
    assert (tmp_path / "trace").exists()


def test_files_that_are_no_checkpoint_are_named(state: State, tmp_path: Path) -> None:
    path = tmp_path / "a.pth.tar"
    assert refused(path) == f"{path}: not found"
    for rubbish in (b"", b"rubbish", bytes(range(256)) * 40):
        path.write_bytes(rubbish)
        assert refused(path).startswith(f"{path}: not a file of torch, or a damaged one (")
    whole = write(path, state).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert refused(path).startswith(f"{path}: not a file of torch, or a damaged one (")
    torch.save({"model": {}, "epoch": 3}, path)
    sentence = f"{path}: no state_dict in it, so it is not a checkpoint of SCD-Net. It holds: model, epoch"
    assert refused(path) == sentence
    torch.save([1, 2], path)
    assert refused(path) == f"{path}: no state_dict in it, so it is not a checkpoint of SCD-Net. It holds: list"
    assert refused(write(path, state | {"t_queue": 5})) == f"{path}: t_queue of its state_dict is not a tensor"


def test_weights_that_diverged_or_are_of_another_skeleton_are_refused(state: State, tmp_path: Path) -> None:
    path = tmp_path / "a.pth.tar"
    name = "encoder_q.t_proj.0.bias"
    write(path, state | {name: torch.full_like(state[name], torch.nan)})
    assert refused(path) == f"{path}: 1 of its tensors are not finite, the first is {name}"
    write(path, state)
    with pytest.raises(UserError, match=r"for 25 joints, skeleton kinect20 has 20\. Name"):
        convert_official(path, KINECT20, CLEANING)
    with pytest.raises(UserError, match=r"encoder\.width 8 must be a multiple of encoder\.heads 3"):
        convert_official(path, NTU25, CLEANING, heads=3)

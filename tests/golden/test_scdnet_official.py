"""The numbers that the official SCD-Net computes from the same weights and the same views."""

import copy
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from skelact.batches import Batch
from skelact.encoders import SCDNetEncoder
from skelact.errors import UserError
from skelact.methods import SCDNet
from skelact.methods.momentum import ema_update
from skelact.models.official_scdnet.weights import load_official, translate
from skelact.settings import Recipe, SCDNetEncoderSettings, SCDNetSettings
from skelact.skeletons import NTU25

pytestmark = pytest.mark.real
Arrays = dict[str, NDArray[np.floating]]

# kind of number -> largest deviation relative to the largest value of the array; float32 as the official
# code itself deviates from its own float64
TOLERANCE = {
    torch.float64: {"eval": 1e-8, "losses": 1e-8, "logits": 1e-8, "grad": 1e-8, "after": 1e-8},
    torch.float32: {"eval": 1e-5, "losses": 5e-4, "logits": 5e-4, "grad": 1e-2, "after": 1e-2},
}


@pytest.fixture(scope="module")
def golden(shared: Path) -> Arrays:
    with np.load(shared / "golden" / "scdnet_official.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(params=[torch.float64, torch.float32], ids=["float64", "float32"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return request.param


def official_state(golden: Arrays) -> Arrays:
    return {name.removeprefix("state/"): value for name, value in golden.items() if name.startswith("state/")}


def expected(golden: Arrays, dtype: torch.dtype, name: str) -> NDArray[np.floating]:
    return golden[f"{'expect64' if dtype == torch.float64 else 'expect'}/{name}"]


def make_method(golden: Arrays, dtype: torch.dtype) -> SCDNet:
    config = json.loads(str(golden["config"]))
    settings = SCDNetEncoderSettings(width=config["hidden_size"], heads=config["num_head"], dropout=0.0)
    recipe = Recipe(
        encoder=settings,
        method=SCDNetSettings(
            queue=config["queue_size"],
            projection=config["projection_dim"],
            temperature=config["temperature"],
            momentum=config["momentum"],
        ),
    )
    encoder = SCDNetEncoder(NTU25, persons=2, frames=64, coordinates=3, settings=settings)
    method = SCDNet(encoder, recipe, classes=0).to(dtype)
    load_official(method, official_state(golden))
    return method


def make_view(array: NDArray[np.floating], dtype: torch.dtype) -> Batch:
    """An official view (N, C, T, V, M) as a batch; a person whose coordinates are all zero is absent."""
    positions = torch.as_tensor(array).to(dtype).permute(0, 2, 4, 3, 1).contiguous()
    count = len(positions)
    present = (positions != 0).flatten(3).any(dim=3).any(dim=1)  # (N, M)
    return Batch(
        positions=positions,
        valid=present[:, None, :, None].expand(positions.shape[:4]),
        frames=torch.full((count,), positions.shape[1]),
        label=torch.full((count,), -1),
        index=torch.arange(count),
        skeleton=NTU25,
    )


def deviation(ours: torch.Tensor, official: NDArray[np.floating]) -> float:
    known = ~np.isnan(official)
    return float(np.abs(ours.detach().numpy() - official)[known].max() / np.abs(official[known]).max())


def with_unrecorded(golden: Arrays, recorded: Arrays) -> Arrays:
    """NaN where the golden file has no record, so that what it has can be filed under our names."""
    return {name: np.full(value.shape, np.nan) for name, value in official_state(golden).items()} | recorded


def test_evaluation_outputs(golden: Arrays, dtype: torch.dtype) -> None:
    method, view = make_method(golden, dtype).eval(), make_view(golden["query"], dtype)
    with torch.no_grad():
        clues = method.query.encoder.clues(view)
        projections = method.query.project(view)
    for name, value in zip(("vt", "vs", "zt", "zs", "zi"), (*clues, *projections), strict=True):
        assert deviation(value, expected(golden, dtype, f"eval_{name}")) < TOLERANCE[dtype]["eval"], name


@pytest.mark.slow
def test_three_training_steps(golden: Arrays, dtype: torch.dtype) -> None:
    tolerance = TOLERANCE[dtype]
    config = json.loads(str(golden["config"]))
    method = make_method(golden, dtype).train()
    views = make_view(golden["query"], dtype), make_view(golden["key"], dtype)
    optimizer = torch.optim.SGD(
        method.query.parameters(),
        lr=config["lr"],
        momentum=config["sgd_momentum"],
        weight_decay=config["weight_decay"],
    )
    for step in range(3):
        if step == 0:  # the published code moves the momentum encoder first; ours has done so after the last step
            ema_update(method.key, method.query, config["momentum"])
        loss = method(views, progress=0.0)
        terms = torch.stack(list(loss.parts.values()))
        assert deviation(terms, expected(golden, dtype, "losses")[step]) < tolerance["losses"], step
        if step == 0:
            check_logits(method, views, golden, dtype)
        optimizer.zero_grad()
        loss.total.backward()
        if step == 0:
            check_gradients(method, golden, dtype)
        optimizer.step()
        before = copy.deepcopy(method.key)
        method.after_step(loss, lambda own: own)
    method.key.load_state_dict(before.state_dict())  # the fourth step would begin with this move
    check_state(method, golden, dtype)


def check_logits(method: SCDNet, views: tuple[Batch, Batch], golden: Arrays, dtype: torch.dtype) -> None:
    """The logits of the first term, from copies: a second pass would count twice in the running statistics."""
    twin = copy.deepcopy(method)
    with torch.no_grad():
        z_t, _, _ = twin.query(views[0])
        _, _, k_i = twin.key(views[1])
    own = (z_t * k_i).sum(dim=1, keepdim=True)
    logits = torch.cat([own, z_t @ twin.instance_queue.keys.T], dim=1) / twin.settings.temperature
    assert deviation(logits, expected(golden, dtype, "train_logits_ti")) < TOLERANCE[dtype]["logits"]


def check_gradients(method: SCDNet, golden: Arrays, dtype: torch.dtype) -> None:
    root = "expect64/grad/" if dtype == torch.float64 else "expect/grad/"
    recorded = {f"encoder_q.{n.removeprefix(root)}": v for n, v in golden.items() if n.startswith(root)}
    assert len(recorded) >= 6
    official = translate(with_unrecorded(golden, recorded), "encoder_q.", method.query, norms=("weight", "bias"))
    compared = 0
    for name, parameter in method.query.named_parameters():
        if not official[name].isnan().all():
            compared += 1
            assert deviation(parameter.grad, official[name].numpy()) < TOLERANCE[dtype]["grad"], name
    assert compared == len(recorded)


def check_state(method: SCDNet, golden: Arrays, dtype: torch.dtype) -> None:
    root = "expect64/after3/" if dtype == torch.float64 else "expect/after3/"
    recorded = {name.removeprefix(root): value for name, value in golden.items() if name.startswith(root)}
    official = with_unrecorded(golden, recorded)
    compared = 0
    for prefix, module in (("encoder_q.", method.query), ("encoder_k.", method.key)):
        own = module.state_dict()
        for name, value in translate(official, prefix, module).items():
            if not value.isnan().all():
                compared += 1
                assert deviation(own[name], value.numpy()) < TOLERANCE[dtype]["after"], prefix + name
    for letter, queue in zip(
        "tsi", (method.temporal_queue, method.spatial_queue, method.instance_queue), strict=True
    ):
        assert deviation(queue.keys, recorded[f"{letter}_queue"].T) < TOLERANCE[dtype]["after"], letter
        compared += 1
    assert compared == len(recorded)


def test_official_weights_are_checked_strictly(golden: Arrays) -> None:
    method = make_method(golden, torch.float64)
    state = official_state(golden)
    name = "encoder_q.encoder.gcn_t.l2.gcn1.alpha"
    with pytest.raises(UserError, match=f"^official weights do not fit: 1 missing: {re.escape(name)}$"):
        load_official(method, {key: value for key, value in state.items() if key != name})
    with pytest.raises(UserError, match=r"^official weights do not fit: 1 left over: encoder_q\.extra$"):
        load_official(method, state | {"encoder_q.extra": np.zeros(1)})
    other = r"^official weights do not fit: 1 of another shape: t_queue \(32, 63\), expected \(32, 64\)$"
    with pytest.raises(UserError, match=other):
        load_official(method, state | {"t_queue": state["t_queue"][:, 1:]})

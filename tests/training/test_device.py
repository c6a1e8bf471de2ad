"""A GPU is given work without being asked anything; shown without one, by tensors that only say where they are.

Each tensor "on the GPU" knows its shape and its device and holds nothing: code that needs a value of it fails.
Tensors of the CPU are real. What the two must not do, ``PretendedGPU`` says.
"""

import ctypes
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
    unset_fake_temporarily,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from skelact.batches import Batch, collate, downstream_clip
from skelact.batches.mask import _network
from skelact.encoders import build_encoder
from skelact.methods import METHODS, ClosedFormMethod, Method, build_method
from skelact.settings import (
    DataSettings,
    MethodSettings,
    Recipe,
    SCDNetEncoderSettings,
    SCDNetSettings,
    TrainSettings,
    ViewSettings,
)
from skelact.skeletons import KINECT20
from skelact.training.checkpoint import Counters, load_checkpoint, save_checkpoint
from skelact.training.steps import Underway, build_optimizer, take_step

GPU = torch.device("cuda", 0)
CUDA, META = 1, 14  # torch's numbers of device types
RECIPE = Recipe(
    data=DataSettings(frames=16),
    views=ViewSettings(min_frames=8),
    encoder=SCDNetEncoderSettings(graph_widths=(4, 8), width=16, heads=2, dropout=0.1),
    method=SCDNetSettings(queue=24, projection=8),
)
STEPPING = [kind.Settings() for kind in METHODS.values() if not issubclass(kind, ClosedFormMethod)]


class PretendedGPU(TorchDispatchMode):
    """Sees every operator of torch, real on the CPU and without numbers on the GPU.

    Raises:
        AssertionError: an operator mixes devices, a copy between them waits, an index is as long as values say.
        Exception: torch's own, where an operator needs a value that is on the GPU.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fake = FakeTensorMode()
        self.pinned: list[Tensor] = []
        self.strict = False  # while a model is set up, copies may wait
        self.operators = 0  # that the GPU was given

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        target = kwargs.get("device")
        if func is torch.ops.prim.device.default:  # where a tensor is, is known
            return func(*args, **kwargs)
        if not any(isinstance(x, FakeTensor) for x in tensors) and (target is None or target.type == "cpu"):
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        if self.strict:
            self.operators += 1
            self.check(func, args, kwargs, tensors)
        if func is torch.ops.aten._fused_sgd_.default:
            return None  # torch knows its device and not its shapes; it changes its arguments and gives nothing
        args, kwargs = tree_map(self.without_numbers, (args, kwargs))
        return func(*args, **kwargs)

    def without_numbers(self, x: Any) -> Any:
        return self.fake.from_tensor(x) if isinstance(x, Tensor) and not isinstance(x, FakeTensor) else x

    def check(self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> None:
        """Of an operator that has to do with the GPU."""
        name = str(func)
        here = [x for x in tensors if x.device.type == "cpu" and x.ndim]  # single numbers are handed over
        if name == "aten._to_copy.default":
            crosses = here or kwargs.get("device", GPU).type == "cpu"
            assert kwargs.get("non_blocking") or not crosses, "a copy between the devices waits"
            if here:
                assert any(here[0] is pinned for pinned in self.pinned), "a copy from memory not pinned waits"
        elif here:
            raise AssertionError(f"{name} mixes the devices")
        if "index" in name and len(args) > 1 and isinstance(args[1], list | tuple):
            masks = [x for x in args[1] if x is not None and x.dtype in (torch.bool, torch.uint8)]
            assert not masks, f"{name} by a mask waits for its count"


@torch.no_grad()
def backward(loss: Tensor) -> None:
    """Gradients, one operator after another: torch's own way looks for the streams of a GPU before it starts."""
    assert loss.grad_fn is not None
    waiting, seen = Counter[Any](), [loss.grad_fn]
    for node in seen:  # grows meanwhile
        for onward, _ in node.next_functions:
            seen += [onward] * (onward is not None and onward not in waiting)
            waiting[onward] += 1
    arrived: dict[Any, dict[int, Tensor]] = {loss.grad_fn: {0: torch.ones_like(loss)}}
    ready = [loss.grad_fn]
    while ready:
        node = ready.pop()
        gradients = arrived.pop(node, {})
        if hasattr(node, "variable"):
            variable = node.variable
            assert gradients[0].shape == variable.shape
            variable.grad = gradients[0]
            continue
        given = [gradients.get(output) for output in range(max(gradients, default=-1) + 1)]
        given += [None] * (len(node._input_metadata) - len(given))
        found = node(*given) if callable(node) else node.apply(*given)
        found = found if isinstance(found, tuple) else (found,)  # after those of tensors: None for plain numbers
        for (onward, output), gradient in zip(node.next_functions, found, strict=False):
            if onward is None:
                continue
            if gradient is not None:
                inputs, due = arrived.setdefault(onward, {}), onward._input_metadata[output]
                gradient = gradient.sum_to_size(due.shape).to(due.dtype)
                inputs[output] = inputs[output] + gradient if output in inputs else gradient
            waiting[onward] -= 1
            if not waiting[onward]:
                ready.append(onward)


class Drawn(torch.Generator):
    """Of the CPU, whichever device it says it is on."""

    device = torch.device("cpu")

    def __new__(cls, device: Any = "cpu") -> "Drawn":
        made = super().__new__(cls, "cpu")
        made.device = torch.device(device)
        return made


@pytest.fixture
def guard() -> Iterator[None]:
    """Torch built without CUDA lacks what makes a GPU the current device; what "meta" has for it does nothing."""
    if torch.version.cuda is not None:
        yield
        return
    libraries = [ctypes.CDLL(str(path)) for path in Path(torch.__file__).parent.glob("lib/libc10.*")]
    try:
        slots = (ctypes.c_void_p * (META + 1)).in_dll(libraries[0], "_ZN3c104impl26device_guard_impl_registryE")
    except (IndexError, ValueError):
        pytest.skip("this build of torch cannot pretend to have a GPU")
    slots[CUDA] = slots[META]
    yield
    slots[CUDA] = None


@pytest.fixture
def gpu(guard: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendedGPU]:
    """Torch as with a GPU: it can be computed for, not with."""
    del guard
    watch = PretendedGPU()

    def pin(tensor: Tensor) -> Tensor:
        watch.pinned.append(tensor.clone())
        return watch.pinned[-1]

    monkeypatch.setattr(Tensor, "pin_memory", pin)
    monkeypatch.setattr(Tensor, "backward", backward)
    monkeypatch.setattr(torch, "Generator", Drawn)
    for name in ("is_available", "is_bf16_supported"):
        monkeypatch.setattr(torch.cuda, name, lambda **_: True)
    _network.cache_clear()
    with watch.fake, watch:
        yield watch
    _network.cache_clear()


def make_batch(lost: float = 0.0) -> Batch:
    """Six clips of different lengths, every other with one person; ``lost`` of the joints are missing."""
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(12 + number, 2, len(KINECT20), 3)) for number in range(6)]
    for clip in clips:
        clip[rng.random(clip.shape[:3]) < lost] = np.nan
    for clip in clips[::2]:
        clip[:, 1] = np.nan
    return collate(clips, KINECT20, label=np.arange(6) % 3)


def on_gpu(batch: Batch) -> Batch:
    return batch.ready_for(GPU).to(GPU)


def make_method(recipe: Recipe) -> Method:
    encoder = build_encoder(KINECT20, 2, recipe.data.frames, 3, recipe.encoder)
    return build_method(encoder, recipe, classes=3).to(GPU).train()


def train(gpu: PretendedGPU, method: Method, recipe: Recipe, lost: float = 0.0) -> None:
    """One step."""
    optimizer = build_optimizer([p for p in method.parameters() if p.requires_grad], recipe.train)
    gpu.strict = True
    batches = {feed: on_gpu(make_batch(lost)) for feed in method.feeds}
    take_step(method, optimizer, batches, (0, 0, 0), 0.0, recipe.train.precision)


@pytest.mark.parametrize(
    ("own", "lost", "stream", "optimizer", "precision"),
    [
        *[(method, 0.0, "joint", "sgd", "bfloat16") for method in STEPPING],
        (replace(RECIPE.method, negatives="both", projector_norm=True), 0.2, "bone", "adamw", "float32"),
        (replace(RECIPE.method, negatives="batch"), 0.2, "motion", "sgd", "bfloat16"),
    ],
)
def test_a_step_on_a_gpu_mixes_no_devices_and_asks_the_gpu_nothing(
    gpu: PretendedGPU, own: MethodSettings, lost: float, stream: str, optimizer: str, precision: str
) -> None:
    recipe = replace(
        RECIPE,
        data=replace(RECIPE.data, stream=stream),
        views=replace(RECIPE.views, noise=0.02, upright=stream == "bone"),
        method=own,
        train=TrainSettings(optimizer=optimizer, precision=precision),
    )
    train(gpu, make_method(recipe), recipe, lost)
    assert gpu.operators > 800


@pytest.mark.parametrize("stream", ["joint", "bone", "motion"])
def test_embedding_on_a_gpu_asks_it_nothing(gpu: PretendedGPU, stream: str) -> None:
    data = replace(RECIPE.data, stream=stream)
    encoder = build_encoder(KINECT20, 2, data.frames, 3, RECIPE.encoder).to(GPU).eval()
    gpu.strict = True
    with torch.no_grad():  # as in inference mode, which hides what compound operators are made of
        features = encoder.embed(downstream_clip(on_gpu(make_batch(0.1)), data))
    assert (features.shape, features.device) == ((6, encoder.dim), GPU)


def gpu_tensor() -> Tensor:
    return torch.arange(6, device=GPU)


SINS = {
    "a number": lambda: gpu_tensor()[0].item(),
    "a truth": lambda: bool((gpu_tensor() > 2).any()),
    "places": lambda: (gpu_tensor() > 2).nonzero(),
    "a choice": lambda: gpu_tensor()[gpu_tensor() > 2],
    "a choice that is written": lambda: gpu_tensor().__setitem__(gpu_tensor() > 2, gpu_tensor()[0]),
    "repeats": lambda: gpu_tensor().repeat_interleave(gpu_tensor()),
    "all of it": lambda: gpu_tensor().cpu(),
    "a table": lambda: torch.as_tensor(KINECT20.mirror, device=GPU),
    "memory that is not pinned": lambda: torch.arange(6).to(GPU, non_blocking=True),
    "two devices": lambda: gpu_tensor() + torch.arange(6),
    "places on the CPU": lambda: gpu_tensor()[torch.arange(3)],
}


@pytest.mark.parametrize("sin", SINS)
def test_the_pretended_gpu_notices(gpu: PretendedGPU, sin: str) -> None:
    gpu.strict = True
    with pytest.raises((AssertionError, RuntimeError, DataDependentOutputException, DynamicOutputShapeException)):
        SINS[sin]()


@pytest.mark.usefixtures("gpu")
def test_products_on_the_pretended_gpu_are_rounded_where_asked() -> None:
    x = torch.ones(3, 3, device=GPU)
    with torch.autocast("cuda", torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16


def test_an_interrupted_training_goes_on_on_a_gpu(gpu: PretendedGPU, tmp_path: Path) -> None:
    """What the optimiser keeps, Adam's count of steps too, comes back to where its parameters are."""
    recipe = replace(RECIPE, train=TrainSettings(optimizer="adamw"))
    encoder = build_encoder(KINECT20, 2, recipe.data.frames, 3, recipe.encoder)
    method = build_method(encoder, recipe, classes=3)
    learnt = [p for p in method.parameters() if p.requires_grad]
    optimizer = build_optimizer(learnt, recipe.train)
    for parameter in learnt:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    path = save_checkpoint(tmp_path, Counters(), method, optimizer)
    method = method.to(GPU)
    optimizer = build_optimizer([p for p in method.parameters() if p.requires_grad], recipe.train)
    load_checkpoint(path, method, optimizer)
    state = [x for values in optimizer.state.values() for x in values.values()]
    assert len(state) == 3 * len(learnt)
    assert {x.device for x in state} == {GPU}
    for parameter in method.parameters():
        parameter.grad = torch.ones_like(parameter) if parameter.requires_grad else None
    gpu.strict = True
    optimizer.step()


def test_a_loss_is_on_its_way_while_the_gpu_goes_on(gpu: PretendedGPU, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    event = SimpleNamespace(synchronize=lambda: calls.append("waited"))
    stream = SimpleNamespace(record_event=lambda: event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream if device == GPU else None)
    gpu.strict = True
    loss = Underway(torch.ones(4, device=GPU))
    assert not calls
    gpu.strict = False
    with pytest.raises(DataDependentOutputException):  # the pretended GPU has no numbers
        loss.read()
    assert calls == ["waited"]

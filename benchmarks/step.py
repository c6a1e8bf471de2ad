"""One pretraining step of SCD-Net at full size: forward of both encoders, loss, gradients, SGD, momentum, queues.

Both sides get the same two views, so that making views does not count here (see views.py). The ceiling is what the
machine reaches in one large product of the same precision, measured in the same pairs; the step's share of it
counts its products alone.

    python benchmarks/step.py --reference FOLDER --threads 2
    python benchmarks/step.py --reference FOLDER --device cuda --precision bfloat16 --batch 64
"""

import statistics
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import pairs
import reference

CLASSES, PROJECTION, QUEUE, MOMENTUM, TEMPERATURE = 60, 128, 8192, 0.999, 0.2
STEPS = {"cpu": 1, "cuda": 20}  # of a round; a GPU is waited for once in a round, as in a training
PRODUCT = {"cpu": (2048, 1), "cuda": (8192, 40)}  # rows and columns of the large product, how often in a round


def two_views(batch: int, single: float) -> tuple[Any, Any]:
    """Two (N, T, M, V, C) tensors of noise that walks; ``single`` of the clips have one person."""
    import torch

    rng = torch.Generator().manual_seed(0)
    views = torch.randn(2, batch, 64, 2, 25, 3, generator=rng).cumsum(dim=2) * 0.05
    views[:, : round(single * batch), :, 1] = 0.0
    return views[0], views[1]


def our_method(width: int, batch: int, single: float, device: str) -> tuple[Any, Any]:
    """A method and its two views on a device."""
    import torch

    from skelact.batches import Batch
    from skelact.encoders import build_encoder
    from skelact.methods import build_method
    from skelact.settings import Recipe, override
    from skelact.skeletons import NTU25

    recipe = override(Recipe(), (f"encoder.width={width}", "data.persons=2"))
    with torch.device("meta" if device == "meta" else "cpu"):
        encoder = build_encoder(NTU25, 2, 64, 3, recipe.encoder)
        method = build_method(encoder, recipe, CLASSES).to(device).train()
    number = torch.arange(batch)
    views = tuple(
        Batch(x, (x != 0).any(-1), torch.full_like(number, 64), number, number, NTU25).to(device)
        for x in two_views(batch, single)
    )
    method.views = lambda *_: views  # type: ignore[method-assign,assignment]
    return method, views


def products(width: int, batch: int, single: float) -> float:
    """Floating-point operations of all matrix products and convolutions of our step; nothing is computed."""
    from torch.utils.flop_counter import FlopCounterMode

    method, views = our_method(width, batch, single, "meta")
    no_autocast = mock.patch("torch.autocast", return_value=nullcontext())  # it knows no device "meta"
    with no_autocast, FlopCounterMode(display=False) as counter:
        method(views, 0.0).total.backward()
    return float(counter.get_total_flops())


def ours(width: int, batch: int, single: float, precision: str, device: str, tf32: bool) -> pairs.Round:
    from skelact.settings import TrainSettings
    from skelact.training.steps import build_optimizer, take_step

    if tf32:
        allow_tf32()
    method, views = our_method(width, batch, single, device)
    optimizer = build_optimizer([p for p in method.parameters() if p.requires_grad], TrainSettings())

    def run() -> int:
        for _ in range(STEPS[device]):
            take_step(method, optimizer, {"train": views[0]}, (0,), 0.0, precision)
        pairs.finish(device)
        return STEPS[device] * batch

    return run


def theirs(
    folder: Path, width: int, batch: int, single: float, precision: str, device: str, tf32: bool
) -> pairs.Round:
    import torch

    del precision  # it has but one
    if tf32:
        allow_tf32()
    builder = reference.load(folder, "scd.builder", device)
    sizes = {"hidden_size": width, "num_head": 8, "num_layer": 1, "num_class": PROJECTION}
    model = builder.SCD_Net(sizes, PROJECTION, QUEUE, MOMENTUM, TEMPERATURE).to(device).train()
    query, key = (view.permute(0, 4, 1, 3, 2).contiguous().to(device) for view in two_views(batch, single))
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
    criterion = torch.nn.CrossEntropyLoss()

    def run() -> int:
        for _ in range(STEPS[device]):
            *logits, t1, t2, t3, t4 = model(query, key)
            loss = sum(criterion(x, y) for x, y in zip(logits, (t1, t2, t3, t4), strict=True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        pairs.finish(device)
        return STEPS[device] * batch

    return run


def ceiling(precision: str, device: str, tf32: bool) -> pairs.Round:
    """A large product of two matrices, as an encoder makes it; its items are floating-point operations."""
    import torch
    import torch.nn.functional as F

    if tf32:
        allow_tf32()
    size, times = PRODUCT[device]
    a, b = torch.randn(2, size, size).to(device, getattr(torch, precision))

    def run() -> int:
        for _ in range(times):
            F.linear(a, b)
        pairs.finish(device)
        return times * 2 * size**3

    return run


def allow_tf32() -> None:
    """Let a GPU round the factors of float32 products to TF32, as torch lets it those of convolutions anyway."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = True


def main() -> None:
    parser = pairs.arguments(__doc__, threads=2)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--precision", default="float32", help="of ours: float32 or bfloat16")
    parser.add_argument("--device", default="cpu", choices=STEPS)
    parser.add_argument("--tf32", action="store_true", help="float32 products of both sides in TF32 on a GPU")
    given = parser.parse_args()
    how = given.precision, given.device, given.tf32
    groups, shares = [], []
    for title, single in (("80 % of the clips with one person", 0.8), ("two people in each clip", 0.0)):
        size = given.width, given.batch, single
        both = pairs.sides(given.reference, ours, theirs, *size, *how)
        top = pairs.Side("ceiling", ceiling, how)
        pairs.compare([*both, top], given.pairs, given.threads)
        groups.append((title, both))
        shares.append(share(title, products(*size) / given.batch, both[0], top))
    print(f"width {given.width}, batch {given.batch}, {given.precision}, {given.device}, {given.threads} threads")
    if given.device == "cuda":
        print(
            f"float32 products {'in' if given.tf32 else 'without'} TF32, convolutions in TF32; memory is the GPU's"
        )
    print(f"{pairs.machine()}\n")
    print(pairs.table("clips/s", groups), "", *shares, sep="\n")


def share(title: str, flop: float, side: pairs.Side, top: pairs.Side) -> str:
    """What part of the ceiling a side reaches with ``flop`` for each clip: the median over the pairs."""
    reached = statistics.median(flop * mine / most for mine, most in zip(side.rates, top.rates, strict=True))
    most = statistics.median(top.rates)
    return (
        f"{title}: {flop / 1e9:.3g} GFLOP a clip in products, {reached:.0%} of the {most / 1e12:.3g} TFLOP/s "
        "that one large product reaches"
    )


if __name__ == "__main__":
    main()

"""One pretraining step of SCD-Net at full size: forward of both encoders, loss, gradients, SGD, momentum, queues.

Both sides get the same two views, so that making views does not count here (see views.py).

    python benchmarks/step.py --reference FOLDER --threads 2
"""

from pathlib import Path
from typing import Any

import pairs
import reference

CLASSES, PROJECTION, QUEUE, MOMENTUM, TEMPERATURE = 60, 128, 8192, 0.999, 0.2


def two_views(batch: int, single: float) -> tuple[Any, Any]:
    """Two (N, T, M, V, C) tensors of noise that walks; ``single`` of the clips have one person."""
    import torch

    rng = torch.Generator().manual_seed(0)
    views = torch.randn(2, batch, 64, 2, 25, 3, generator=rng).cumsum(dim=2) * 0.05
    views[:, : round(single * batch), :, 1] = 0.0
    return views[0], views[1]


def ours(width: int, batch: int, single: float, precision: str, device: str) -> pairs.Round:
    import torch

    from skelact.batches import Batch
    from skelact.config import Recipe, override
    from skelact.encoders import build_encoder
    from skelact.methods import build_method
    from skelact.skeletons import NTU25
    from skelact.training.steps import build_optimizer, take_step

    recipe = override(Recipe(), (f"encoder.width={width}", "data.persons=2"))
    encoder = build_encoder(NTU25, 2, 64, 3, recipe.encoder)
    method = build_method(encoder, recipe, CLASSES).to(device).train()
    number = torch.arange(batch)
    views = tuple(
        Batch(x, (x != 0).any(-1), torch.full_like(number, 64), number, number, NTU25).to(device)
        for x in two_views(batch, single)
    )
    method.views = lambda *_: views  # type: ignore[method-assign,assignment]
    optimizer = build_optimizer([p for p in method.parameters() if p.requires_grad], recipe.train)

    def run() -> int:
        take_step(method, optimizer, views[0], (0,), 0.0, precision)
        pairs.finish(device)
        return batch

    return run


def theirs(folder: Path, width: int, batch: int, single: float, precision: str, device: str) -> pairs.Round:
    import torch

    del precision  # it has but one
    builder = reference.load(folder, "scd.builder", device)
    sizes = {"hidden_size": width, "num_head": 8, "num_layer": 1, "num_class": PROJECTION}
    model = builder.SCD_Net(sizes, PROJECTION, QUEUE, MOMENTUM, TEMPERATURE).to(device).train()
    query, key = (view.permute(0, 4, 1, 3, 2).contiguous().to(device) for view in two_views(batch, single))
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
    criterion = torch.nn.CrossEntropyLoss()

    def run() -> int:
        *logits, t1, t2, t3, t4 = model(query, key)
        loss = sum(criterion(x, y) for x, y in zip(logits, (t1, t2, t3, t4), strict=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        pairs.finish(device)
        return batch

    return run


def main() -> None:
    parser = pairs.arguments(__doc__, threads=2)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--precision", default="float32", help="of ours: float32 or bfloat16")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    given = parser.parse_args()
    groups = []
    for title, single in (("four fifths of the clips with one person", 0.8), ("everybody has company", 0.0)):
        both = pairs.sides(
            given.reference, ours, theirs, given.width, given.batch, single, given.precision, given.device
        )
        groups.append((title, pairs.compare(both, given.pairs, given.threads)))
    print(f"width {given.width}, batch {given.batch}, {given.precision}, {given.device}, {given.threads} threads")
    print(f"{pairs.machine()}\n")
    print(pairs.table("clips/s", groups))


if __name__ == "__main__":
    main()

"""Measuring an encoder: frozen features, the linear protocol, nearest neighbours.

The reference runs its frozen encoder in every one of the 80 epochs of the linear protocol, over training and test
clips; one such epoch is measured and counted as an eightieth. The reference of the neighbours is scikit-learn.

    python benchmarks/measuring.py --reference FOLDER --threads 2
    python benchmarks/measuring.py --only neighbours --gallery 40091 --queries 16487 --pairs 3
"""

import statistics
from pathlib import Path
from typing import Any

import pairs
import reference
import step

EPOCHS, CLASSES = 80, 60


def encoder(width: int) -> Any:
    import torch

    from skelact.encoders import build_encoder
    from skelact.settings import Recipe, override
    from skelact.skeletons import NTU25

    torch.manual_seed(0)
    return build_encoder(NTU25, 2, 64, 3, override(Recipe(), (f"encoder.width={width}",)).encoder).eval()


def as_batch(x: Any) -> Any:
    import torch

    from skelact.batches import Batch
    from skelact.skeletons import NTU25

    number = torch.arange(len(x))
    return Batch(x, (x != 0).any(-1), torch.full_like(number, 64), number, number, NTU25)


def our_features(width: int, batch: int, single: float, precision: str) -> pairs.Round:
    import torch

    net, clips = encoder(width), as_batch(step.two_views(batch, single)[0])

    def run() -> int:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            net.embed(clips)
        return batch

    return run


def their_encoder(folder: Path, width: int) -> Any:
    module = reference.load(folder, "scd.scd_encoder")
    sizes = {"hidden_size": width, "num_head": 8, "num_layer": 1, "num_class": CLASSES}
    return module.DownstreamEncoder(**sizes).eval()


def their_features(folder: Path, width: int, batch: int, single: float, precision: str) -> pairs.Round:
    import torch

    del precision  # it has but one
    net = their_encoder(folder, width)
    clips = step.two_views(batch, single)[0].permute(0, 4, 1, 3, 2).contiguous()

    def run() -> int:
        with torch.no_grad():
            net(clips, knn_eval=True)
        return batch

    return run


def labelled(features: Any, classes: int) -> Any:
    import numpy as np

    from skelact.heads.labelled import Labelled

    return Labelled(features, np.arange(len(features)) % classes, classes)


def our_protocol(width: int, batch: int, single: float) -> pairs.Round:
    """Features of all clips once, then 80 epochs of the probe; three quarters of the clips train it."""
    import torch

    from skelact.heads.linear_probe import linear_probe
    from skelact.settings import LinearSettings

    net, views = encoder(width), step.two_views(batch, single)

    def run() -> int:
        with torch.inference_mode():
            vectors = [net.embed(as_batch(view)).numpy() for view in views]
        train, test = labelled(vectors[0], CLASSES), labelled(vectors[1][: batch // 3], CLASSES)
        linear_probe(train, test, LinearSettings(lr=0.1, batch=batch), seed=0)
        return EPOCHS * batch

    return run


def their_protocol(folder: Path, width: int, batch: int, single: float) -> pairs.Round:
    import torch

    net = their_encoder(folder, width)
    train, test = (view.permute(0, 4, 1, 3, 2).contiguous() for view in step.two_views(batch, single))
    label = torch.arange(batch) % CLASSES
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name.startswith("fc."))
    optimizer = torch.optim.SGD(net.fc.parameters(), 0.1, momentum=0.9)

    def run() -> int:
        loss = torch.nn.functional.cross_entropy(net(train), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            net(test[: batch // 3])
        return batch

    return run


def vectors(count: int, width: int, seed: int) -> Any:
    """Vectors that gather around 60 directions, as features do."""
    import numpy as np

    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(CLASSES, width)).astype(np.float32)
    out = rng.standard_normal((count, width), dtype=np.float32)
    out += 1.0 + centres[np.arange(count) % CLASSES]
    return out


def our_neighbours(gallery: int, queries: int, width: int) -> pairs.Round:
    from skelact.search.exact import nearest

    known, asked = vectors(gallery, width, 0), vectors(queries, width, 1)

    def run() -> int:
        nearest(known, asked, 1)
        return queries

    return run


def their_neighbours(gallery: int, queries: int, width: int) -> pairs.Round:
    from sklearn.neighbors import NearestNeighbors

    known, asked = vectors(gallery, width, 0), vectors(queries, width, 1)

    def run() -> int:
        NearestNeighbors(n_neighbors=1, metric="cosine", algorithm="brute").fit(known).kneighbors(asked)
        return queries

    return run


def same_neighbours(gallery: int, queries: int, width: int) -> float:
    """Share of the queries whose neighbour is the same."""
    from sklearn.neighbors import NearestNeighbors

    from skelact.search.exact import nearest

    known, asked = vectors(gallery, width, 0), vectors(queries, width, 1)
    theirs = NearestNeighbors(n_neighbors=1, metric="cosine", algorithm="brute").fit(known).kneighbors(asked)[1]
    return float((nearest(known, asked, 1)[0] == theirs).mean())


def main() -> None:
    parser = pairs.arguments(__doc__, threads=2)
    parser.add_argument("--width", type=int, default=2048, help="D of each clue; features are twice as wide")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--gallery", type=int, default=8192)
    parser.add_argument("--queries", type=int, default=2048)
    parser.add_argument("--precision", default="float32", help="of our features: float32 or bfloat16")
    parser.add_argument("--only", choices=["features", "linear", "neighbours"], default="")
    given = parser.parse_args()
    print(f"width {given.width}, batch {given.batch}, features in {given.precision}, {given.threads} threads")
    print(f"{pairs.machine()}\n")
    groups = []
    for title, single in (("80 % of the clips with one person", 0.8), ("two people in each clip", 0.0)):
        sizes = given.width, given.batch, single
        if given.only in ("", "features"):
            both = pairs.sides(given.reference, our_features, their_features, *sizes, given.precision)
            groups.append((f"frozen features, {title}", pairs.compare(both, given.pairs, given.threads)))
        if given.only in ("", "linear"):
            both = pairs.sides(given.reference, our_protocol, their_protocol, *sizes)
            title = f"linear protocol, clips times epochs, {title}"
            groups.append((title, pairs.compare(both, given.pairs, given.threads)))
    if groups:
        print(pairs.table("clips/s", groups))
    if given.only in ("", "neighbours"):
        sizes = given.gallery, given.queries, 2 * given.width
        both = [pairs.Side("skelact", our_neighbours, sizes), pairs.Side("scikit-learn", their_neighbours, sizes)]
        pairs.compare(both, given.pairs, given.threads, warm_up=1)
        title = (
            f"1-NN of {given.queries:,} among {given.gallery:,}, {2 * given.width:,} wide; reference scikit-learn"
        )
        print("\n" + pairs.table("queries/s", [(title, both)]))
        for side in both:
            seconds, more = given.queries / statistics.median(side.rates), (side.peak - side.base) / 1e6
            print(f"{side.name}: {seconds:.1f} s, {more:,.0f} MB beside the vectors")
        print(f"same neighbour for {100 * same_neighbours(*sizes):.3f} % of the queries")


if __name__ == "__main__":
    main()

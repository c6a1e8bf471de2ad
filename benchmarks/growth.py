"""How time and memory grow: with the number of clips, and with the width of the encoder.

Generated people are imported, an encoder of the recipe scdnet-nw-ucla is trained on all of them for
one epoch, embeds them, and 2,000 of them are looked up among all; then one training step and features at widths up
to the paper's 2,048. Each part runs in processes of its own. Memory is what they hold themselves: pages of the
store that the system maps, and takes back when it needs room, are not counted.

    python benchmarks/growth.py SCRATCH --picture growth.svg
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pairs
import step
from processes import SKELACT, measured

ROOT = Path(__file__).resolve().parents[1]
QUERIES = 2000
TRAINED = ("--epochs", "1", "--set", "data.split=")
LOOKED_UP_WIDTH = 256  # of the vectors


def embed(run: Path, store: Path) -> None:
    import numpy as np

    from skelact.models import Model
    from skelact.sequences.store import Store

    data = Store(store)
    Model.load(run).embed(data, np.arange(len(data)))


def look_up(clips: int) -> None:
    import numpy as np

    from skelact.search.exact import nearest

    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((clips, LOOKED_UP_WIDTH), dtype=np.float32)
    nearest(vectors, vectors[:: max(1, clips // QUERIES)][:QUERIES], 1)


def growth_with_clips(scratch: Path, clips: int) -> dict[str, Any]:
    """Seconds and bytes of each part for so many clips."""
    store, run = scratch / f"store-{clips}", scratch / f"run-{clips}"
    this = str(Path(__file__).resolve())
    parts = {
        "import": [*SKELACT, "import", "--dataset", "movers", "--clips", str(clips), "-o", str(store)],
        "one epoch": [*SKELACT, "pretrain", str(store), "-c", "scdnet-nw-ucla", *TRAINED, "-o", str(run)],
        "features": [this, "--embed", str(run), str(store)],
        f"1-NN, {QUERIES:,} queries": [this, "--look-up", str(clips)],
    }
    found = {}
    for name, words in parts.items():
        result = measured(words)
        found[name] = {"seconds": result["seconds"], "bytes": result["peak"]["Anonymous"]}
        print(
            f"{clips:>7,} clips  {name:22} {result['seconds']:8.1f} s  {found[name]['bytes'] / 1e6:8,.0f} MB",
            flush=True,
        )
    shutil.rmtree(store)
    return found


def growth_with_width(width: int, batch: int, rounds: int) -> dict[str, float]:
    """Clips per second of a training step and of features."""
    import measuring

    both = [
        pairs.Side("training step", step.ours, (width, batch, 0.8, "float32", "cpu", False)),
        pairs.Side("features", measuring.our_features, (width, batch, 0.8, "float32")),
    ]
    pairs.compare(both, rounds, 2)
    return {side.name: sorted(side.rates)[len(side.rates) // 2] for side in both}


def draw(clips: dict[int, Any], widths: dict[int, Any], path: Path) -> None:
    """Three panels: seconds and memory over clips, milliseconds for a clip over widths."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams |= {"svg.hashsalt": "skelact", "font.size": 9, "svg.fonttype": "none"}
    figure, (time_axis, memory_axis, width_axis) = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    sizes = sorted(clips)
    for name, marker in zip(clips[sizes[0]], "osD^", strict=True):
        time_axis.loglog(sizes, [clips[n][name]["seconds"] for n in sizes], marker=marker, label=name)
        memory_axis.semilogx(sizes, [clips[n][name]["bytes"] / 1e6 for n in sizes], marker=marker, label=name)
    for name, marker in zip(next(iter(widths.values())), "sD", strict=True):
        width_axis.loglog(
            sorted(widths), [1000 / widths[w][name] for w in sorted(widths)], marker=marker, label=name
        )
    for axis, x, y in (
        (time_axis, "clips", "seconds"),
        (memory_axis, "clips", "memory of all processes, MB"),
        (width_axis, "width of the encoder, D", "milliseconds for a clip"),
    ):
        axis.set(xlabel=x, ylabel=y)
        axis.grid(alpha=0.3)
    for axis in (time_axis, width_axis):
        axis.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    width_axis.xaxis.set_minor_formatter("")
    memory_axis.set_ylim(bottom=0)
    width_axis.set_xticks(sorted(widths), [f"{w:,}" for w in sorted(widths)], minor=False)
    figure.savefig(path, metadata={"Date": None})


def timed(work: Callable[..., None], *args: Any) -> None:
    started = time.perf_counter()
    work(*args)
    print(json.dumps({"seconds": time.perf_counter() - started}))


def main() -> None:
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("scratch", type=Path, nargs="?", help="empty or new folder")
    about.add_argument("--clips", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    about.add_argument("--widths", type=int, nargs="*", default=[256, 512, 1024, 2048])
    about.add_argument("--batch", type=int, default=16, help="clips of a step, for the widths (16)")
    about.add_argument("--rounds", type=int, default=5, help="of each width")
    about.add_argument("--picture", type=Path, help="an SVG file")
    about.add_argument("--embed", type=Path, nargs=2, help=argparse.SUPPRESS)
    about.add_argument("--look-up", type=int, help=argparse.SUPPRESS)
    given = about.parse_args()
    if given.embed:
        return timed(embed, *given.embed)
    if given.look_up:
        return timed(look_up, given.look_up)
    if given.scratch is None or (given.scratch.exists() and any(given.scratch.iterdir())):
        sys.exit("name an empty or new folder for the stores and runs")
    given.scratch.mkdir(parents=True, exist_ok=True)
    print(pairs.machine())
    clips = {count: growth_with_clips(given.scratch, count) for count in given.clips}
    widths = {}
    for width in given.widths:
        widths[width] = growth_with_width(width, given.batch, given.rounds)
        print(
            f"width {width:,}: " + ", ".join(f"{name} {rate:.3g} clips/s" for name, rate in widths[width].items())
        )
    if given.picture:
        draw(clips, widths, given.picture)


if __name__ == "__main__":
    main()

"""Curves of a training: the loss of each epoch, from the run's ``metrics.jsonl``."""

import json
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from skelact.errors import FileError
from skelact.report.figures import line_chart

METRICS = "metrics.jsonl"
NOT_LOSSES = {"epoch", "step", "total", "lr", "clips_per_second"}  # what a line holds beside the parts of the loss


def loss_charts(run: Path, seeds: Sequence[int]) -> list[Markup]:
    """Charts of a training: the parts of the loss of the first seed, the total of every seed.

    Args:
        run: folder of the run.
        seeds: of the run.

    Returns:
        None where a model came without its run; no parts where there is only one.

    Raises:
        FileError: a line that is none of a training.
    """
    lines = {}
    for seed in seeds:
        folder = run / f"seed-{seed}"
        lines[seed] = _metrics((folder if folder.is_dir() else run) / METRICS)
    first = lines[seeds[0]]
    if not first:
        return []
    names = [name for name in first[-1] if name not in NOT_LOSSES]
    parts = {name: [(line["epoch"], line[name]) for line in first if name in line] for name in names}
    totals = {
        f"total, seed {seed}" if len(seeds) > 1 else "total": [(one["epoch"], one["total"]) for one in of_seed]
        for seed, of_seed in lines.items()
    }
    charts = [line_chart(parts, "epoch", "loss")] if len(parts) > 1 else []
    return [Markup(chart) for chart in (*charts, line_chart(totals, "epoch", "loss"))]


def _metrics(path: Path) -> list[dict[str, float]]:
    """The numbers of each epoch; none where there is no such file."""
    if not path.is_file():
        return []
    found = []
    for number, text in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            values = json.loads(text) if text.strip() else None
            if values is not None:
                numbers = {name: float(one) for name, one in values.items() if isinstance(one, int | float)}
                found.append({"epoch": numbers["epoch"], "total": numbers["total"]} | numbers)
        except (ValueError, KeyError, AttributeError, OverflowError, RecursionError):
            expected = "expected the epoch and the loss of a training"
            raise FileError(path, f"{expected}. Restore the file, or delete it", number) from None
    return found

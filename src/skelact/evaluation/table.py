"""The numbers of an evaluation as a short table of text."""

from collections.abc import Mapping
from typing import Any

from skelact.evaluation.results import SYSTEMS


def text_table(results: Mapping[str, Any]) -> str:
    """What was measured, then a line a system and a column a protocol.

    Args:
        results: what ``results.json`` says.
    """
    protocols = results["protocols"].values()
    rows = [["", *(protocol["title"] for protocol in protocols)]]
    for system, name in SYSTEMS.items():
        rows.append([name, *(_cell(protocol["systems"][system]) for protocol in protocols)])
    for system, name in SYSTEMS.items() if results["data"]["copies"] else ():
        own = [protocol["systems"][system]["without_copies"] for protocol in protocols]
        rows.append([f"{name}, without copies", *(_cell(values) if values else "–" for values in own)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join([_caption(results), *(line.rstrip() for line in lines)])


def _caption(results: Mapping[str, Any]) -> str:
    data, seeds = results["data"], len(results["seeds"])
    where = ", ".join(filter(None, (data["dataset"], data["split"], data["hold_out"])))
    over = f", mean ± deviation of {seeds} seeds" if seeds > 1 else ""
    return f"{where}: {data['clips']['test']} test clips, accuracy in %{over} [95 % interval]"


def _cell(values: Mapping[str, Any]) -> str:
    """``84.3 ± 0.4  [81.2, 87.0]``: mean, deviation over seeds, 95 % interval."""
    low, high = values["interval"]
    deviation = f" ± {100 * values['std']:.1f}" if values["std"] is not None else ""
    return f"{100 * values['value']:.1f}{deviation}  [{100 * low:.1f}, {100 * high:.1f}]"

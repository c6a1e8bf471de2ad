"""A comparison in words and numbers, and as text."""

from collections.abc import Mapping
from typing import Any

from skelact.evaluation.results.stored import where


def comparison_table(comparison: Mapping[str, Any]) -> str:
    """A comparison as text: a block for each entry, a line for each run.

    Args:
        comparison: what ``compare`` gave.
    """
    data = comparison["data"]
    place = ", ".join(filter(None, (data["dataset"], where(comparison))))
    lines = [
        f"{place}: {data['clips']['test']} test clips, accuracy in %, mean ± deviation over seeds [95 % interval]"
    ]
    for entry in comparison["protocols"].values():
        rows = [[entry["title"], "accuracy", "difference", "McNemar p, seed by seed"]]
        rows += [[row_name(row), row_value(row), *row_difference(row, entry)] for row in entry["rows"]]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        block = ("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in rows)
        lines += ["", *(line.rstrip() for line in block)]
    return "\n".join(lines)


def row_name(row: Mapping[str, Any]) -> str:
    """The run of a trained encoder, the name of a baseline with the run that it was measured with."""
    return row["run"] if row["system"] == "model" else f"best baseline: {row['name']} ({row['run']})"


def row_value(row: Mapping[str, Any]) -> str:
    """``75.7 ± 1.8  [71.6, 79.4]``."""
    deviation = f" ± {100 * row['std']:.1f}" if row["std"] is not None else ""
    interval = "  [{:.1f}, {:.1f}]".format(*(100 * end for end in row["interval"])) if row["interval"] else ""
    return f"{100 * row['value']:.1f}{deviation}{interval}"


def row_difference(row: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[str, str]:
    """``+3.2  [+1.1, +5.3]`` and the p of each seed."""
    versus = row["versus"]
    if versus is None:
        same = entry["reference"] == {name: row[name] for name in ("run", "system", "name")}
        return ("reference" if same else "–", "")
    interval = "  [{}, {}]".format(*map(signed, versus["interval"])) if versus["interval"] else ""
    values = ", ".join(p_value(pair["p"]) for pair in versus["seeds"].values())
    return f"{signed(versus['difference'])}{interval}", values or "–"


def signed(share: float) -> str:
    """A difference of accuracies in points.

    Example:
        >>> signed(-0.0321)
        '−3.2'
    """
    return f"{100 * share:+.1f}".replace("-", "−")


def p_value(p: float) -> str:
    """A probability as it is printed.

    Example:
        >>> p_value(0.00002), p_value(0.0312)
        ('<0.001', '0.031')
    """
    return "<0.001" if p < 0.001 else f"{p:.3f}"

"""``skelact fuse``: evaluated runs -> the results of their scores added."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from skelact.errors import UserError


def run(
    *runs: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    weights: str = "",
    protocol: str = "",
    split: str | None = None,
    hold_out: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Combine the scores of several evaluated runs, such as one for each stream.

    Reads what evaluate wrote and measures nothing again. Writes results.json, predictions.csv and scores.npz to
    OUT/evaluation/SPLIT, which compare and report read like those of any run.

    Args:
        runs: folders of runs that were evaluated on the same split, with the same seeds.
        out: folder of the fused run.
        weights: one for each run, such as 0.6,0.6,0.4; default: equal.
        protocol: linear, knn, finetune, semi or semi-finetune, several with commas;
            default: all that were measured.
        split: which evaluation of each run; not needed where there is only one.
        hold_out: likewise, such as camera=2.
        as_json: print the results as JSON.
    """
    from skelact.cli.numbers import show_numbers
    from skelact.evaluation.results.fuse import fuse
    from skelact.evaluation.results.json_form import dumps
    from skelact.evaluation.results.stored import read_results
    from skelact.report.text import text_table

    measured = [read_results(one, split, hold_out) for one in runs]
    names = [word.strip() for word in protocol.split(",") if word.strip()]
    written, folder = fuse(measured, out, _numbers(weights), names)
    if written.why:
        print(f"skelact: {written.why}", file=sys.stderr)
    if as_json:
        print(dumps(written.results), end="")
    else:
        show_numbers(text_table(written.results), written.results.every_caveat, folder / "results.json")
    return 0


def _numbers(weights: str) -> list[float]:
    try:
        return [float(word) for word in weights.split(",") if word.strip()]
    except ValueError:
        raise UserError(
            f"--weights {weights}: expected numbers separated by commas, such as 0.6,0.6,0.4"
        ) from None

"""``skelact compare``: results of several runs side by side."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def run(
    *runs: Path,
    split: str | None = None,
    hold_out: str | None = None,
    protocol: str = "",
    against: Literal["first", "baseline"] = "first",
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Compare the results of several runs, with a paired test.

    Reads what evaluate wrote. For each protocol, prints every run's accuracy with its interval, the best
    baseline, and the difference from the first run on the same test clips: with its 95 % interval by a paired
    bootstrap over the clips, and McNemar's test for each seed that both have. Runs on other data, on another split
    or with another cleaning are refused.

    Args:
        runs: folders of runs that were evaluated; the first is the reference.
        split: which evaluation of each run; not needed where there is only one.
        hold_out: likewise, such as camera=2.
        protocol: only these, such as linear,knn or semi/10; default: all.
        against: what every run is tested against: the first run, or the best baseline of all.
        as_json: print the comparison as JSON.
    """
    from skelact.cli.numbers import show_numbers
    from skelact.evaluation.results.compare import compare
    from skelact.evaluation.results.json_form import dumps
    from skelact.evaluation.results.stored import read_results
    from skelact.report.text import comparison_table

    measured = [read_results(one, split, hold_out) for one in runs]
    comparison = compare(measured, [word.strip() for word in protocol.split(",") if word.strip()], against)
    if as_json:
        print(dumps(comparison), end="")
    else:
        show_numbers(comparison_table(comparison), comparison.caveats)
    return 0

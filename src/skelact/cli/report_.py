"""``skelact report``: results that are there -> HTML or Markdown."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def run(
    *runs: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    split: str | None = None,
    hold_out: str | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Write existing results as HTML or Markdown.

    Reads what evaluate wrote and measures nothing again. So embedding maps and nearest clips, which need the
    features, are only in evaluate's own report.html. With several runs the comparison comes first. Curves are
    part of HTML; beside Markdown each is an SVG file, FILE-few-shot.svg and the like.

    Args:
        runs: folders of runs that were evaluated.
        out: the file to write, FILE.html or FILE.md.
        split: which evaluation of each run; not needed where there is only one.
        hold_out: likewise, such as camera=2.
        overwrite: replace existing files.
    """
    from skelact.evaluation.results.stored import read_results
    from skelact.report.pages import write_page

    for path in write_page([read_results(one, split, hold_out) for one in runs], out, overwrite):
        print(path)
    return 0

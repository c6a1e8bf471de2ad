"""Results that were written before, as one HTML page that needs no other file, or as Markdown with pictures."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from skelact.errors import UserError
from skelact.evaluation.protocols import PROTOCOLS
from skelact.evaluation.results.compare import compare
from skelact.evaluation.results.stored import Stored, where
from skelact.report.comparison_table import row_difference, row_name, row_value
from skelact.report.curves import CAPTION_OF_RUNS, inline, panels_of_runs
from skelact.report.html import lead_of, page, sections, title_of
from skelact.report.markdown import markdown, pictures_of
from skelact.report.table import whole


def write_page(measured: Sequence[Stored], path: Path, overwrite: bool = False) -> list[Path]:
    """Write results as a page; of several runs the comparison comes first.

    The curves of a page of Markdown are SVG files beside it, whose names start with its own.

    Args:
        measured: what ``read_results`` gave, at least one.
        path: the file; its ending, ``.html`` or ``.md``, says which kind.
        overwrite: replace files that are there.

    Returns:
        The page, then its pictures.

    Raises:
        UserError: another ending, a file that is there, runs that cannot be compared.
    """
    kind = path.suffix.lower()
    if kind not in (".html", ".md"):
        raise UserError(f"-o {path}: expected a file that ends in .html or .md")
    if not measured:
        raise UserError("name at least one run")
    drawn = pictures_of(measured, path.stem) if kind == ".md" else []
    text = html(measured) if kind == ".html" else markdown(measured, drawn)
    files = {path: text} | {path.with_name(one.file): one.svg for group in drawn for one in group}
    for file in files:
        if file.exists() and not overwrite:
            raise UserError(f"{file} exists. --overwrite replaces it")
    path.parent.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        file.write_text(content, encoding="utf-8")
    return list(files)


def html(measured: Sequence[Stored]) -> str:
    """The page of a run without what is drawn from features, or of several with their comparison on top."""
    first = measured[0].results
    if len(measured) == 1:
        return page(title_of(first), lead_of(first), _sections(measured[0]), first)
    comparison = compare(measured)
    body = [*_noted(comparison), *_curves(measured), _comparison(comparison)]
    for one in measured:
        body += [f'<h1>{escape(str(one.run))}</h1><p class="lead">{lead_of(one.results)}</p>', *_sections(one)]
    title = ", ".join(filter(None, (first["data"]["dataset"], where(first))))
    lead = f"{len(measured)} runs, measured on the same {first['data']['clips']['test']:,} test clips."
    return page(title, lead, body, first)


def _sections(one: Stored) -> list[str]:
    labels = one.predictions.clips[:, 1]
    untrained = {}
    for key in whole(one.entries):
        right = np.mean(list(one.predictions.right[key, "untrained"].values()), axis=0)
        untrained[key] = {str(label): float(right[labels == label].mean()) for label in np.unique(labels)}
    return sections(one.home, one.results, untrained)


def _noted(comparison: Mapping[str, Any]) -> list[str]:
    return [f'<p class="note">{escape(note)}</p>' for note in comparison["notes"]]


def _curves(measured: Sequence[Stored]) -> list[str]:
    """What the runs have in common of few labels, few clips and worse clips."""
    caption = f"<figcaption>{CAPTION_OF_RUNS}</figcaption>"
    return [
        f"<h2>{escape(PROTOCOLS[name].title.capitalize())}</h2><figure>{inline(panels)}{caption}</figure>"
        for name, panels in panels_of_runs(measured).items()
    ]


def _comparison(comparison: Mapping[str, Any]) -> str:
    rows = []
    for entry in comparison["protocols"].values():
        rows.append(f'<tr><th scope="rowgroup" colspan="4">{escape(entry["title"])}</th></tr>')
        for row in entry["rows"]:
            cells = "".join(f"<td>{escape(word)}</td>" for word in (row_value(row), *row_difference(row, entry)))
            rows.append(f'<tr><th scope="row">{escape(row_name(row))}</th>{cells}</tr>')
    head = "".join(f"<th>{word}</th>" for word in ("", "accuracy, %", "difference", "McNemar p, seed by seed"))
    return (
        f'<h2>Side by side</h2><div class="scroll"><table class="runs"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        "<p><small>Accuracy with Wilson’s 95 % interval, ± is the standard deviation over seeds. Differences from "
        "the first run in points, with the 95 % interval of a paired bootstrap over the clips.</small></p>"
    )

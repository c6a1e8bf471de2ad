"""Results that were written before, as a page: HTML, or Markdown with pictures."""

from collections.abc import Sequence
from pathlib import Path

from skelact.errors import UserError
from skelact.evaluation.results.stored import Stored
from skelact.report.html import html
from skelact.report.markdown import markdown, pictures_of


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

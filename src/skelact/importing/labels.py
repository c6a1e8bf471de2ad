"""Labels and tags that the user brings: a CSV table, or the folders in which the files lie."""

import csv
import io
import os
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from skelact.errors import FileError, UserError
from skelact.readers.files import read_bytes

SPLIT = "split."  # begins the name of a tag for the part of a split that a recording is in
PARTS = ("train", "test")
Table = Mapping[str, Mapping[str, str]]  # name of a recording -> label and tags


def read_table(path: Path) -> dict[str, dict[str, str]]:
    """Rows of a CSV table by name: label and all other columns.

    A column called ``split.NAME`` has train, test or nothing: the part of that split.

    Raises:
        UserError: no such file.
        FileError: not UTF-8, no columns name and label, a name that occurs twice, a row of another length.
    """
    if not path.is_file():
        raise UserError(f"--label-from {path}: expected none, folder, or a CSV file with columns name and label")
    text = _text(path)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        columns = rows.fieldnames or ()
        if not {"name", "label"} <= set(columns):
            raise FileError(path, f"expected columns name and label, got {', '.join(columns or ['none'])}", 1)
        table: dict[str, dict[str, str]] = {}
        for row in rows:
            if None in row or None in row.values():
                raise FileError(path, f"expected {len(columns)} columns", rows.line_num)
            name = plain(row.pop("name"))
            if name in table:
                raise FileError(path, f"name {name!r} occurs twice", rows.line_num)
            _check_parts(path, row, rows.line_num)
            table[name] = row
    except csv.Error as error:
        raise FileError(path, f"is not a CSV table: {error}", rows.line_num) from error
    return table


def find_row(table: Table, names: Iterable[str]) -> dict[str, str]:
    """The first row that has one of these names; an empty one if there is none."""
    return dict(next((table[name] for name in map(plain, names) if name in table), {}))


def unused_rows(table: Table, names: Iterable[str]) -> list[str]:
    """Names in the table that no recording has, in the order of the table."""
    known = set(map(plain, names))
    return [name for name in table if name not in known]


def names_of(root: Path, source: str, name: str) -> tuple[str, ...]:
    """What a table may call a recording.

    Args:
        root: folder of the import; names in a table may begin with it.
        source: path of the file within it.
        name: of the recording in the store.
    """
    folder = Path(os.path.abspath(root)).name
    return (source, name, PurePosixPath(source).stem, f"{folder}/{source}", f"{folder}/{name}")


def plain(name: str) -> str:
    """A name with ``/`` between folders, without ``./`` before it, letters composed."""
    path = unicodedata.normalize("NFC", name.strip()).replace("\\", "/")
    return path.removeprefix("./")


def _text(path: Path) -> str:
    data = read_bytes(path)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FileError(path, "is not UTF-8 text; save the table as CSV with UTF-8", line) from error


def _delimiter(text: str) -> str:
    """The separator of columns, from the first line: a comma, or a semicolon or tab as spreadsheets may write."""
    first = text.split("\n", 1)[0]
    return next((sign for sign in (",", ";", "\t") if "name" in [w.strip(' "\r') for w in first.split(sign)]), ",")


def _check_parts(path: Path, row: Mapping[str, str], line: int) -> None:
    for column, value in row.items():
        if column.startswith(SPLIT) and value not in (*PARTS, ""):
            raise FileError(path, f"{column} is {value!r}, expected train, test or nothing", line)

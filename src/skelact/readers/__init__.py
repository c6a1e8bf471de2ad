"""Readers: raw files -> ``Sequence``, one module per format, and a table of them."""

import inspect
import re
from pathlib import Path
from typing import Any

from skelact.errors import FileError, UserError, unknown
from skelact.readers import arrays, ntu, nw_ucla, pku_mmd, sbu, utd_mhad
from skelact.readers.files import read_head
from skelact.readers.reader import Reader
from skelact.sequences import Sequence

READERS = {
    reader.name: reader
    for reader in (ntu.READER, nw_ucla.READER, utd_mhad.READER, sbu.READER, pku_mmd.READER, arrays.READER)
}


def get_reader(name: str) -> Reader:
    """The reader of this name; a ``UserError`` lists the known ones otherwise."""
    if name not in READERS:
        raise unknown("format", name, READERS)
    return READERS[name]


def find_reader(path: Path) -> Reader:
    """The reader for a file: by name ending and content, else by content, else by name alone.

    The last lets a broken file reach a reader that can say what is broken.

    Raises:
        FileError: cannot be opened, or no reader knows it; the message names the formats.
    """
    path = Path(path)
    head = read_head(path)
    named = [reader for reader in READERS.values() if path.suffix.lower() in reader.suffixes]
    looking = [reader for reader in READERS.values() if reader.sniff(head)]
    for candidates in ([reader for reader in named if reader in looking], looking):
        if len(candidates) == 1:
            return candidates[0]
    if named:
        called = [reader for reader in named if re.fullmatch(reader.called, path.name)]
        return (called or named)[0]
    formats = ", ".join(f"{reader.name} ({' '.join(reader.suffixes)})" for reader in READERS.values())
    raise FileError(path, f"its format is not known from name or content. Formats: {formats}")


def read(path: Path, format: str | None = None, **options: Any) -> Sequence:
    """Read a recording.

    Args:
        path: the file.
        format: name of a reader in ``READERS``; found from the file when None.
        **options: what the reader takes besides, such as ``axes`` and ``skeleton`` of the array reader.

    Raises:
        UserError: an unknown format, an unknown option, or one that is missing.
        FileError: the file is broken.
    """
    reader = get_reader(format) if format else find_reader(path)
    check_options(reader, options)
    return reader.read(Path(path), **options)


def check_options(reader: Reader, options: dict[str, Any]) -> None:
    """Refuse options that the reader does not take, and ask for those that it needs.

    Raises:
        UserError: names the options.
    """
    parameters = list(inspect.signature(reader.read).parameters.values())[1:]
    known = [parameter.name for parameter in parameters]
    for name in options:
        if name not in known:
            raise unknown(f"option of format {reader.name}", name, known)
    needed = [p.name for p in parameters if p.default is p.empty and p.name not in options]
    if needed:
        raise UserError(f"format {reader.name} needs to be told: {', '.join(needed)}")


__all__ = ["READERS", "Reader", "check_options", "find_reader", "get_reader", "read"]

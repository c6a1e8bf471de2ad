"""Readers: raw files -> ``Sequence``, one module per format, and a table of them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from skelact.errors import FileError, UserError, unknown
from skelact.readers import arrays, ntu, nw_ucla, openpose, pku_mmd, pyskl, sbu, utd_mhad
from skelact.readers.files import read_head
from skelact.readers.reader import FileReader, Reader, Unit, walk
from skelact.sequences import Sequence
from skelact.settings.schema import from_dict, missing

Options = TypeVar("Options")

READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        ntu.READER,
        nw_ucla.READER,
        utd_mhad.READER,
        sbu.READER,
        pku_mmd.READER,
        openpose.READER,
        pyskl.READER,
        arrays.READER,
    )
}

_BUILT_IN = frozenset(READERS)


@dataclass(frozen=True)
class Found:
    """What can be read of some files.

    Args:
        units: sorted by path, each with the reader that claims it by name; None: found by content.
        others: number of files that are none of them.
    """

    units: tuple[tuple[Unit, str | None], ...]
    others: int = 0


def add_reader(reader: Reader) -> None:
    """Let ``read`` and imports know a format of yours. It is offered all files that no other format claims.

    Raises:
        UserError: another reader has that name.
    """
    if READERS.setdefault(reader.name, reader) != reader:
        raise UserError(f"another reader is called {reader.name!r}; give yours another name")


def added_readers() -> tuple[Reader, ...]:
    """The readers that ``add_reader`` brought."""
    return tuple(reader for name, reader in READERS.items() if name not in _BUILT_IN)


def get_reader(name: str) -> Reader:
    """The reader of this name; a ``UserError`` lists the known ones otherwise."""
    if name not in READERS:
        raise unknown("format", name, READERS)
    return READERS[name]


def find_reader(path: Path) -> Reader:
    """The reader for a file: by name ending and content, else by content, else by name alone.

    The last lets a broken file reach a reader that can name the fault.

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


def find_units(source: Path, format: str | None = None) -> Found:
    """All units in a folder, or the one unit that a file is.

    Args:
        source: the folder or file.
        format: name of a reader; None: all readers search; a file that is part of a recording belongs to it.

    Raises:
        UserError: no such file or folder, or an unknown format.
    """
    source = Path(source)
    wanted = [get_reader(format)] if format else list(READERS.values())
    if not source.is_dir():
        return Found(((Unit.of_file(source), format),))
    files = walk(source)
    asked = [(unit, reader.name) for reader in wanted for unit in reader.find(files)]
    several = [(unit, name) for unit, name in asked if not unit.is_file]
    taken = {path for unit, _ in several for path in unit.files}
    single = {unit.path: unit for unit, _ in asked if unit.is_file and unit.path not in taken}
    units = [*several, *((unit, format) for unit in single.values())]
    units.sort(key=lambda one: one[0].path.parts)
    return Found(tuple(units), len(files) - len(taken) - len(single))


def read_units(
    units: Iterable[tuple[Unit, str | None]], options: Mapping[str, Any]
) -> Iterator[Sequence | FileError]:
    """The recordings of some units; a broken one among many is given as its error.

    Raises:
        UserError: an option that a reader does not take.
        FileError: a unit as a whole is broken.
    """
    for unit, format in units:
        reader = get_reader(format) if format else find_reader(unit.path)
        yield from reader.read(unit, options_of(reader, options))


def read(path: Path, format: str | None = None, **options: Any) -> Sequence:
    """Read the one recording that a file or folder holds.

    Args:
        path: the file, or the folder of a recording that has a file per frame.
        format: name of a reader in ``READERS``; found from the file when None.
        **options: other options of the reader, such as ``axes`` and ``skeleton`` of the array reader.

    Raises:
        UserError: an unknown format, an unknown option, or a missing one.
        FileError: the file is broken, or holds several recordings.
    """
    path = Path(path)
    found = read_all(path, format, **options)
    first = next(found, None)
    if first is None:
        raise FileError(path, "holds no recording")
    second = next(found, None)
    if second is not None:
        names = f"the first are {first.name!r} and {second.name!r}"
        raise FileError(
            path, f"holds several recordings, {names}. read_all(path) gives them all, skelact import takes them"
        )
    return first


def read_all(path: Path, format: str | None = None, **options: Any) -> Iterator[Sequence]:
    """Read all recordings that a file or folder holds, one by one; arguments and errors as in ``read``.

    Raises:
        FileError: a recording is broken; there is none.
    """
    path = Path(path)
    found = find_units(path, format)
    if not found.units:
        raise FileError(path, f"the folder holds no recording of {f'format {format}' if format else 'any format'}")
    for one in read_units(found.units, options):
        if isinstance(one, FileError):
            raise one
        yield one


def options_of(reader: Reader, values: Mapping[str, Any]) -> Any:
    """The reader's ``Options`` with some values; errors as in ``options_from``."""
    return options_from(reader.Options, values, f"format {reader.name}")


def options_from(kind: type[Options], values: Mapping[str, Any], what: str) -> Options:
    """Options, checked.

    Args:
        kind: frozen dataclass of them.
        values: as the user gave them.
        what: whose options they are, such as "format array".

    Raises:
        UserError: an unknown option, a missing one, or a wrong value.
    """
    known = [one.name for one in fields(kind)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise unknown(f"option of {what}", name, known)
    if absent := missing(kind, values):
        raise UserError(f"{what} needs options: {', '.join(absent)}")
    return from_dict(kind, values, where=what)


__all__ = [
    "READERS",
    "FileReader",
    "Found",
    "Reader",
    "Unit",
    "add_reader",
    "added_readers",
    "find_reader",
    "find_units",
    "get_reader",
    "options_from",
    "options_of",
    "read",
    "read_all",
    "read_units",
    "walk",
]

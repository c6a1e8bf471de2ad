"""Reader: how recordings of one format are found and read.

A *unit* is what is read in one go. For most formats it is a file with one recording; it may be a folder with a
file per frame, or a file with thousands of recordings.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from skelact.errors import FileError, UserError
from skelact.sequences import Sequence


@dataclass(frozen=True)
class Unit:
    """What is read in one go.

    Args:
        path: the file or the folder, for messages.
        files: what it consists of; the one file, or all files in the order of the frames.
    """

    path: Path
    files: tuple[Path, ...]

    @classmethod
    def of_file(cls, path: Path) -> "Unit":
        """The unit that one file is."""
        return cls(path, (path,))

    @property
    def is_file(self) -> bool:
        """Whether it is one file, not a folder of them."""
        return self.files == (self.path,)


class Reader(Protocol):
    """A format.

    Attributes:
        name: key in ``READERS``.
        title: what people call the format.
        suffixes: file name endings, lower case, with the dot.
        called: regular expression of whole file names that are of this format and no other's; empty: none is.
        many: whether one unit can hold many recordings, each with a name of its own.
        Options: frozen dataclass of the options, fields by ``setting`` and ``required``.
    """

    @property
    def name(self) -> str: ...  # noqa: D102, this and the next ones are described above
    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def suffixes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def called(self) -> str: ...  # noqa: D102
    @property
    def many(self) -> bool: ...  # noqa: D102
    @property
    def Options(self) -> type[Any]: ...  # noqa: D102

    def sniff(self, head: bytes) -> bool:
        """Whether the first bytes of a file (``files.HEAD`` of them) look like the format."""
        ...

    def find(self, files: Iterable[Path]) -> list[Unit]:
        """The units that some files make, in their order; files that cannot be of the format are passed over."""
        ...

    def read(self, unit: Unit, options: Any) -> Iterator[Sequence | FileError]:
        """The recordings of a unit. A broken one among many is given as its error.

        A tag called ``split.NAME`` has the part of that split that a recording is in: train or test.

        Raises:
            FileError: the unit as a whole is broken.
        """
        ...


@dataclass(frozen=True)
class NoOptions:
    """The format has no options."""


@dataclass(frozen=True)
class FileReader:
    """A format whose files are one recording each; fields as in ``Reader``.

    Args:
        sniffs: what ``sniff`` asks.
        read_file: (path, **options) -> Sequence; a ``FileError`` when the file is broken.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    sniffs: Callable[[bytes], bool]
    read_file: Callable[..., Sequence]
    Options: type[Any] = NoOptions
    called: str = ""
    many: bool = False

    def sniff(self, head: bytes) -> bool:
        """As ``Reader.sniff``."""
        return self.sniffs(head)

    def find(self, files: Iterable[Path]) -> list[Unit]:
        """A unit for each file with an ending of the format."""
        return units_by_suffix(files, self.suffixes)

    def read(self, unit: Unit, options: Any) -> Iterator[Sequence | FileError]:
        """The one recording."""
        yield self.read_file(unit.path, **vars(options))


def units_by_suffix(files: Iterable[Path], suffixes: tuple[str, ...]) -> list[Unit]:
    """A unit of each file whose name has one of the endings."""
    return [Unit.of_file(path) for path in files if path.name.lower().endswith(suffixes)]


def walk(folder: Path) -> list[Path]:
    """All files in a folder and the folders in it but hidden ones, sorted. Linked folders are looked into, once.

    Raises:
        UserError: no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder" if folder.exists() else f"{folder} not found")
    paths: list[Path] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link to a folder above it, or to one already visited
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(paths, key=lambda path: path.parts)  # the order of paths, compared many times as fast

"""Finding the clips of a benchmark anywhere in a folder."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from skelact.datasets.dataset import LeftOut, Listing
from skelact.errors import FileError, UserError
from skelact.readers.reader import walk

__all__ = ["Pattern", "find_clips", "read_names", "walk", "without"]


@dataclass(frozen=True)
class Pattern:
    """How the clips of a benchmark are named.

    Args:
        title: of the benchmark, for messages.
        wording: the pattern in words that people know, such as ``SsssCccc...``.
        looks: a path (absolute, with ``/``) that ends like this may be a clip.
        full: a path that ends like this is one; its groups are numbers, named as the tags.
    """

    title: str
    wording: str
    looks: re.Pattern[str]
    full: re.Pattern[str]

    def groups(self, path: Path) -> dict[str, str] | None:
        """The groups in the name of a file; None if it is not named like a clip."""
        match = self.full.search(_absolute(path))
        return match.groupdict() if match else None

    def require(self, path: Path) -> dict[str, str]:
        """The groups in the name of a file.

        Raises:
            FileError: it is not named like a clip.
        """
        groups = self.groups(path)
        if groups is None:
            raise FileError(path, f"is not named like a clip of {self.title}: {self.wording}")
        return groups

    def numbers(self, path: Path) -> dict[str, int]:
        """The numbers in the name of a file, by tag.

        Raises:
            FileError: it is not named like a clip.
        """
        return {name: int(text) for name, text in self.require(path).items()}


def find_clips(folder: Path, pattern: Pattern, missing: Mapping[str, str] | None = None) -> Listing:
    """All clips in a folder and the folders in it.

    Args:
        folder: where to look.
        pattern: how clips are named.
        missing: reasons by file stem to leave clips out.

    Raises:
        UserError: no such folder, or no file in it is named like a clip.
    """
    looking = [path for path in walk(folder) if pattern.looks.search(_absolute(path))]
    files: list[Path] = []
    left_out: list[LeftOut] = []
    seen: dict[str, Path] = {}
    for path in looking:
        groups = pattern.groups(path)
        if groups is None:
            left_out.append(LeftOut(path, f"the name does not follow {pattern.wording}"))
        elif missing and path.stem in missing:
            left_out.append(LeftOut(path, missing[path.stem], "listed"))
        elif (key := "/".join(groups.values())) in seen:
            left_out.append(LeftOut(path, f"the same clip as {seen[key]}", "duplicate"))
        else:
            seen[key] = path
            files.append(path)
    if not files:
        first = f" Left out: {left_out[0].path}: {left_out[0].reason}" if left_out else ""
        raise UserError(f"no clip of {pattern.title} in {folder} or below, looked for {pattern.wording}.{first}")
    return Listing(tuple(files), tuple(left_out))


def read_names(path: Path) -> frozenset[str]:
    """Names of clips in a text file, one a line, with or without ending; lines of several words are no names.

    Raises:
        UserError: no such file, or no line of it is a name.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror}") from error
    names = {Path(line.strip()).stem for line in lines if len(line.split()) == 1}
    if not names or any("<" in name for name in names):
        raise FileError(path, "names no clips; expected names such as S001C002P005R002A008, one a line")
    return frozenset(names)


def without(listing: Listing, path: Path) -> Listing:
    """The listing without the clips that a text file names.

    Raises:
        UserError: no such file, or it names no clips.
    """
    names = read_names(path)
    gone = [LeftOut(file, f"is named in {path}", "listed") for file in listing.files if file.stem in names]
    files = tuple(file for file in listing.files if file.stem not in names)
    if not files:
        raise UserError(f"{path} names all {len(gone)} clips that were found, so there is nothing to take")
    return replace(listing, files=files, left_out=(*listing.left_out, *gone), listed=listing.listed | names)


def _absolute(path: Path) -> str:
    return os.path.abspath(path).replace(os.sep, "/")  # another Path would take most of the time of a search

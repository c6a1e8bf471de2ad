"""Finding the clips of a benchmark in a folder, wherever in it they lie."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skelact.datasets.dataset import LeftOut, Listing
from skelact.errors import FileError, UserError


@dataclass(frozen=True)
class Pattern:
    """How the clips of a benchmark are called.

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
        """What the name of a file says; None when it is not called like a clip."""
        match = self.full.search(_absolute(path))
        return match.groupdict() if match else None

    def require(self, path: Path) -> dict[str, str]:
        """What the name of a file says.

        Raises:
            FileError: it is not called like a clip.
        """
        groups = self.groups(path)
        if groups is None:
            raise FileError(path, f"is not named like a clip of {self.title}: {self.wording}")
        return groups

    def numbers(self, path: Path) -> dict[str, int]:
        """The numbers in the name of a file, by tag.

        Raises:
            FileError: it is not called like a clip.
        """
        return {name: int(text) for name, text in self.require(path).items()}


def find_clips(folder: Path, pattern: Pattern, missing: Mapping[str, str] | None = None) -> Listing:
    """All clips in a folder and the folders in it.

    Args:
        folder: where to look.
        pattern: how clips are called.
        missing: reasons by file stem to leave clips out.

    Raises:
        UserError: no such folder, or no file in it is called like a clip.
    """
    looking = [path for path in walk(folder) if pattern.looks.search(_absolute(path))]
    files: list[Path] = []
    left_out: list[LeftOut] = []
    seen: dict[tuple[str, ...], Path] = {}
    for path in looking:
        groups = pattern.groups(path)
        if groups is None:
            left_out.append(LeftOut(path, f"the name does not follow {pattern.wording}"))
        elif missing and path.stem in missing:
            left_out.append(LeftOut(path, missing[path.stem]))
        elif (key := tuple(groups.values())) in seen:
            left_out.append(LeftOut(path, f"the same clip as {seen[key]}"))
        else:
            seen[key] = path
            files.append(path)
    if not files:
        first = f" Left out: {left_out[0].path}: {left_out[0].reason}" if left_out else ""
        raise UserError(f"no clip of {pattern.title} in {folder} or below, looked for {pattern.wording}.{first}")
    return Listing(tuple(files), tuple(left_out))


def walk(folder: Path) -> list[Path]:
    """All files in a folder and the folders in it but hidden ones, sorted.

    Raises:
        UserError: no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder" if folder.exists() else f"{folder} not found")
    paths: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(paths)


def _absolute(path: Path) -> str:
    return Path(os.path.abspath(path)).as_posix()

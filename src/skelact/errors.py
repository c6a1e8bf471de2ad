"""Errors that a user can mend, and their messages."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class UserError(Exception):
    """Something the user can mend: one clear message, no traceback, exit status ``status``."""

    status = 2


class FileError(UserError):
    """A recording or table that cannot be read.

    Args:
        path: the file.
        reason: what was expected, what was found, and what to do.
        line: 1-based line where it went wrong, where lines mean anything.
    """

    def __init__(self, path: Path | str, reason: str, line: int | None = None) -> None:
        self.path = Path(path)
        self.reason = reason
        self.line = line
        where = f"{self.path}, line {line}" if line is not None else f"{self.path}"
        super().__init__(f"{where}: {reason}")

    def __reduce__(self) -> tuple[type["FileError"], tuple[Path, str, int | None]]:
        """Let worker processes hand the error over: the default would rebuild it from the message alone."""
        return FileError, (self.path, self.reason, self.line)


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """An error for a name that is in no table, with the nearest known ones.

    Example:
        >>> str(unknown("method", "scd-net", ["moco", "scdnet"]))
        "unknown method 'scd-net'; did you mean 'scdnet'? Known: moco, scdnet"
    """
    names = sorted(name for name in known if name)
    near = get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UserError(f"unknown {kind} {name!r}{hint} Known: {', '.join(names) or 'none'}")

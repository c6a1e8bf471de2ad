"""Files that are there whole or not at all, and that show when they were damaged later."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EACCES, EDQUOT, EFBIG, EIO, ENOSPC, EPERM, EROFS
from pathlib import Path
from typing import Any

from skelact.errors import UserError

FULL = {ENOSPC, EDQUOT, EFBIG}
FORBIDDEN = {EACCES, EPERM, EROFS}
CHECKSUM = "sha256"


class Damaged(UserError):
    """A file that is not what was once written."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} is damaged: {reason}")


@contextmanager
def writing(path: Path, advice: str = "") -> Iterator[None]:
    """Turn what the system refuses while a file is written into one sentence.

    Args:
        path: what is written.
        advice: what to do once there is room; a sentence.

    Raises:
        UserError: the disk is full, the folder is read-only, ...
    """
    try:
        yield
    except OSError as error:
        hint = "Make room. " if error.errno in FULL else "Check who may write there. "
        hint = hint if error.errno in FULL | FORBIDDEN else ""
        reason = error.strerror or str(error)
        raise UserError(f"{path} cannot be written: {reason}. {hint}{advice}".rstrip()) from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the system refuses while a file is read into one sentence.

    Raises:
        Damaged: the disk cannot give back what it was given.
        UserError: any other reason.
    """
    try:
        yield
    except OSError as error:
        where, reason = Path(error.filename or path), error.strerror or str(error)
        if error.errno == EIO:
            raise Damaged(where, reason) from error
        raise UserError(f"{where} cannot be read: {reason}") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name to write to; what lies there at the end takes the place of ``path`` whole, and is on the disk.

    Where something fails, ``path`` stays as it was and nothing else is left behind.
    """
    with written_beside(path) as partial:
        yield partial
        os.replace(partial, path)
        sync(path.parent)


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Give a name beside ``path`` to write to; what lies there is deleted where something fails."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        yield partial
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def append_text(path: Path, text: str) -> None:
    """Add to a file and wait until it is on the disk."""
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_all(file: int, data: bytes | memoryview) -> None:
    """Write all of it to an open file: a disk that is nearly full takes a part at first, and says so only then."""
    left = memoryview(data)
    while len(left):
        left = left[os.write(file, left) :]


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and sys.platform == "win32":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, CHECKSUM).hexdigest()


def sealed(values: Mapping[str, Any]) -> str:
    """Plain values as JSON that carries its own checksum."""
    return json.dumps({**values, CHECKSUM: _seal(values)}, indent=1) + "\n"


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        Damaged: not JSON, or something else than an object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # also not UTF-8, and integers of too many digits
        raise Damaged(path, f"it is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise Damaged(path, "it holds no settings by name")
    return values


def unsealed(path: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that ``sealed`` wrote, without the checksum.

    Raises:
        Damaged: they are not those that were written.
    """
    kept = {name: value for name, value in values.items() if name != CHECKSUM}
    if CHECKSUM not in values:
        raise Damaged(path, f"it has no checksum ({CHECKSUM})")
    if values[CHECKSUM] != _seal(kept):
        raise Damaged(path, "its checksum does not match what it says")
    return kept


def _seal(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()

"""Opening files: the errors that all readers share."""

from pathlib import Path

from skelact.errors import FileError

HEAD = 4096  # bytes at the start, by which a format is recognised


def read_head(path: Path) -> bytes:
    """The first ``HEAD`` bytes of a file.

    Raises:
        FileError: no such file, a folder, not readable.
    """
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror}") from error


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        FileError: no such file, a folder, not readable, empty.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror}") from error
    if not data or data.isspace():
        raise FileError(path, "the file is empty")
    return data

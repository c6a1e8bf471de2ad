"""One writer at a time: a lock on a folder that the system frees when its holder ends, however it ends."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EAGAIN
from pathlib import Path

from skelact.errors import UserError
from skelact.runtime.files import writing

LOCK = ".lock"
FAR = 1 << 30  # on Windows locked bytes cannot be read by others: one that the file does not have


@contextmanager
def hold(folder: Path, what: str, advice: str) -> Iterator[None]:
    """Hold a folder; nobody else can until the block ends or the process dies.

    Args:
        folder: an existing folder.
        what: what the folder is, such as "run".
        advice: what to do where somebody else holds it; a sentence.

    Raises:
        UserError: another process holds it (which one is said), or nothing can be written there.
    """
    path = folder / LOCK
    with writing(path):
        handle = _open(path)
    try:
        if handle is None:
            raise UserError(f"{what} {folder} is in use by {_holder(path)}. {advice}")
        with writing(path):
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()} {socket.gethostname()}\n".encode())
        yield
    finally:
        if handle is not None:
            _release(path, handle)


def _open(path: Path) -> int | None:
    """The open, locked file; None where another process has it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            locked = _lock(handle)
        except BaseException:
            os.close(handle)
            raise
        if not locked:
            os.close(handle)
            return None
        with suppress(FileNotFoundError):  # whoever had it before may have deleted the file that was opened here
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> bool:
        os.lseek(handle, FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (EACCES, EAGAIN):
                return False
            raise
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
        return True

    def _release(path: Path, handle: int) -> None:
        os.close(handle)
        with suppress(OSError):  # somebody else may have it open by now
            path.unlink(missing_ok=True)

else:
    import fcntl

    def _lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _release(path: Path, handle: int) -> None:
        with suppress(OSError):  # deleted while it is locked: see _open
            path.unlink(missing_ok=True)
        os.close(handle)


def _holder(path: Path) -> str:
    """Who has it, as it wrote down."""
    try:
        pid, host = path.read_text(encoding="utf-8", errors="replace").split()
    except (OSError, ValueError):  # it has just begun, or just ended
        return "another process"
    return f"process {pid} on {host}"

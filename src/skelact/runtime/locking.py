"""One process at a time in a folder: a lock that ends with the process that holds it, however it ends."""

import errno
import json
import os
import socket
import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from skelact.errors import UserError
from skelact.runtime.files import write_all, writing

LOCK = ".lock"
BETWEEN = 0.05  # seconds between looks at a lock that is waited for
ATTEMPTS = 100  # to lock a file that others remove when they are done with it
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}
NO_LOCKS |= {getattr(errno, "ENOTSUP", errno.ENOLCK)}  # another number on some systems

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        os.lseek(file, 1 << 30, os.SEEK_SET)  # far behind the text, which others may read
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FolderLock:
    """The right to write in a folder, from now until ``release`` or the end of the process, however it ends.

    The lock file says who holds it: process, host and since when. Where the file system has no locks (some network
    file systems), the process that made the file holds it, and after a crash the user has to delete it.

    Args:
        folder: it exists.
        what: what the folder is, such as "run".
        advice: what to do where another process holds it; a sentence without its full stop.
        name: of the lock file.

    Raises:
        UserError: another process holds it, or another lock of this one.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, what: str, advice: str, name: str = LOCK) -> None:
        path = folder / name
        file = _acquire(path, what, advice)
        self._release = weakref.finalize(self, _let_go, path, file, os.getpid())
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
        try:
            os.ftruncate(file, 0)
            os.lseek(file, 0, os.SEEK_SET)
            write_all(file, json.dumps(holder).encode())
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Let others write; a second call does nothing."""
        self._release()


@contextmanager
def hold(
    folder: Path, what: str, advice: str = "Wait for it to end", name: str = LOCK, wait: float = 0.0
) -> Iterator[None]:
    """Hold a folder until the block ends.

    Args:
        folder: it exists.
        what: what the folder is, such as "run".
        advice: what to do where another process holds it; a sentence without its full stop.
        name: of the lock file.
        wait: seconds to wait for the process that holds it.

    Raises:
        UserError: as ``FolderLock``; or nothing can be written there.
    """
    last = time.monotonic() + wait
    while True:
        try:
            with writing(folder / name):
                lock = FolderLock(folder, what, advice, name)
            break
        except UserError:
            if time.monotonic() >= last:
                raise
            time.sleep(BETWEEN)
    try:
        yield
    finally:
        lock.release()


def _acquire(path: Path, what: str, advice: str) -> int:
    """The open lock file, locked."""
    for _ in range(ATTEMPTS):
        file, made = _open(path)
        try:
            _lock(file)
        except OSError as error:
            if error.errno in NO_LOCKS and made:
                return file
            os.close(file)
            raise _held(path, what, advice, error.errno in NO_LOCKS) from None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), path.stat()):
                return file
        os.close(file)  # the process that held it removed it meanwhile
    raise _held(path, what, advice, no_locks=False)


def _open(path: Path) -> tuple[int, bool]:
    """The lock file, and whether this call made it."""
    with suppress(FileExistsError):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o666), False


def _held(path: Path, what: str, advice: str, no_locks: bool) -> UserError:
    """Who writes, and what to do about it."""
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        who = f"process {holder['pid']} on {holder['host']} has been writing it since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it has only just begun, or is done already
        who = "another process is writing it"
    if no_locks:
        advice = (
            f"{advice}. If it no longer runs, delete {path}: this file system has no locks that end with a process"
        )
    return UserError(f"{what} {path.parent}: {who}. {advice}")


def _let_go(path: Path, file: int, process: int) -> None:
    """Remove the lock file and close it; a forked child only closes its copy."""
    if os.getpid() != process:
        os.close(file)
        return
    if sys.platform == "win32":  # an open file cannot be removed there, and another process may open it in between
        os.close(file)
        with suppress(OSError):
            path.unlink()
        return
    with suppress(OSError):
        if os.path.samestat(os.fstat(file), path.stat()):
            path.unlink()
    os.close(file)

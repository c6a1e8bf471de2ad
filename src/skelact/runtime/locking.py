"""One at a time: a lock on a folder that the system frees when its holder ends, however it ends."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skelact.errors import UserError

LOCK = ".lock"
PAUSE = 0.05  # seconds between two tries


@contextmanager
def hold(path: Path, what: str, wait: float = 0.0) -> Iterator[None]:
    """Hold a folder; nobody else can until the block ends or the process dies.

    Args:
        path: an existing folder.
        what: what it is, such as "results".
        wait: seconds to wait where somebody else holds it.

    Raises:
        UserError: somebody else still holds it.
    """
    import fcntl

    last = time.monotonic() + wait
    with (path / LOCK).open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= last:
                    raise UserError(f"{what} {path} is in use by another process. Wait for it to end") from None
                time.sleep(PAUSE)
        yield

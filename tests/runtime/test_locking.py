"""One holder at a time, and none after the holder has gone."""

import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from skelact.errors import UserError
from skelact.runtime.locking import hold


def test_what_somebody_holds_is_refused_and_free_afterwards(tmp_path: Path) -> None:
    with hold(tmp_path, "results"), pytest.raises(UserError) as error, hold(tmp_path, "results"):
        pass
    assert str(error.value) == f"results {tmp_path} is in use by another process. Wait for it to end"
    with hold(tmp_path, "results"):
        pass


def test_who_waits_gets_it_when_it_is_free(tmp_path: Path) -> None:
    order: list[str] = []

    def wait() -> None:
        with hold(tmp_path, "results", wait=60):
            order.append("second")

    with hold(tmp_path, "results"):
        other = Thread(target=wait)
        other.start()
        time.sleep(0.2)
        order.append("first")
    other.join(60)
    assert order == ["first", "second"]


def test_who_dies_lets_go(tmp_path: Path) -> None:
    script = (
        "import os; from pathlib import Path; from skelact.runtime.locking import hold\n"
        f"with hold(Path({str(tmp_path)!r}), 'results'): os._exit(7)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 7
    with hold(tmp_path, "results"):
        pass

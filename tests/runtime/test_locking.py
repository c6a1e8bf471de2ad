"""A folder has one holder at a time, in this process and among processes."""

import time
from pathlib import Path
from threading import Thread

import pytest

from skelact.errors import UserError
from skelact.runtime.locking import LOCK, hold


def test_a_lock_is_free_after_an_error_and_can_be_taken_again(tmp_path: Path) -> None:
    with pytest.raises(KeyError), hold(tmp_path, "run", ""):
        raise KeyError
    refused = pytest.raises(UserError, match=r"run .*: process \d+ on \S+ has been writing it since .*\. Wait")
    with hold(tmp_path, "run", ""), refused, hold(tmp_path, "run", "Wait"):
        pass
    assert not list(tmp_path.iterdir())


def test_what_a_dead_process_left_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("1 elsewhere\n")
    with hold(tmp_path, "run", ""):
        assert (tmp_path / LOCK).read_text() != "1 elsewhere\n"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused = pytest.raises(UserError, match="none/.lock cannot be written: No such file or directory")
    with refused, hold(tmp_path / "none", "run", ""):
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

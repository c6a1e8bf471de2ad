"""Imports that are stopped, killed, run twice at once, or out of disk: commits are kept, and imports continue."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from skelact.datasets.dataset import LeftOut
from skelact.errors import UserError
from skelact.importing import run as importing
from skelact.importing import sources
from skelact.importing.run import import_recordings
from skelact.readers import Unit
from skelact.sequences import Sequence
from skelact.sequences import format as layout
from skelact.sequences.store import Store, StoreWriter, WriteError
from skelact.skeletons import NTU25

posix = pytest.mark.skipif(sys.platform == "win32", reason="sends signals to processes that were forked")
FILES = 3


def write_files(folder: Path, count: int, frames: int = 6) -> None:
    """Arrays of people who wander about."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        np.save(folder / f"{number:03d}.npy", rng.normal(size=(frames, 1, 25, 3)).astype(np.float32))


def run(source: Path, out: Path, **given: Any) -> importing.ImportReport:
    options = {"axes": "TMVC", "skeleton": "ntu25", "fps": 30}
    return import_recordings(source, out, format="array", options=options, processes=1, **given)


def contents(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.iterdir()}


@pytest.fixture(autouse=True)
def nobody_pulls_the_plug(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process has written survives its end; only after a power cut the disk must have it, which is slow."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def commit_always(patch: pytest.MonkeyPatch) -> None:
    """A commit after each file."""
    patch.setattr(importing, "FIRST_COMMIT", 0.0)
    patch.setattr(importing, "LAST_COMMIT", 0.0)
    patch.setattr(importing, "COMMIT_SHARE", 1e9)


class Disk:
    """All that changes a disk, counted; one of them fails, or all from then on, as if the process had died."""

    def __init__(self, error: Callable[[], BaseException], fails: int = 0, dead: bool = False) -> None:
        self.error, self.fails, self.dead, self.count = error, fails, dead, 0

    def tick(self) -> None:
        self.count += 1
        if self.fails and (self.count == self.fails or (self.dead and self.count > self.fails)):
            raise self.error()

    def install(self, patch: pytest.MonkeyPatch) -> None:
        commit_always(patch)
        for name in ("ftruncate", "fsync", "replace", "mkdir", "unlink"):
            patch.setattr(os, name, self._failing(getattr(os, name)))
        patch.setattr(os, "open", self._opening(os.open))
        patch.setattr(os, "write", self._writing(os.write))
        connect = duckdb.connect
        patch.setattr(duckdb, "connect", lambda *args, **given: _Table(self, connect(*args, **given)))

    def _failing(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **given: Any) -> Any:
            if not str(args[0]).endswith(layout.LOCK):  # the system lets go of it by itself
                self.tick()
            return real(*args, **given)

        return call

    def _opening(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(path: Any, flags: int, *args: Any, **given: Any) -> int:
            if flags & os.O_CREAT:
                self.tick()
            return real(path, flags, *args, **given)

        return call

    def _writing(self, real: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def call(file: int, data: Any) -> int:
            try:
                self.tick()
            except BaseException:
                real(file, memoryview(data)[: len(data) // 2])  # a disk takes what it can
                raise
            return real(file, data)

        return call


class _Table:
    """A connection to duckdb that may fail to write a file, with duckdb's own error."""

    def __init__(self, disk: Disk, real: Any) -> None:
        self._disk, self._real = disk, real

    def __enter__(self) -> "_Table":
        return self

    def __exit__(self, *_: object) -> None:
        self._real.close()

    def register(self, *args: Any) -> None:
        self._real.register(*args)

    def execute(self, query: str, *args: Any) -> Any:
        if query.startswith("COPY"):
            try:
                self._disk.tick()
            except OSError as error:
                raise duckdb.IOException(f'Could not write file "a": {error.strerror}') from None
        return self._real.execute(query, *args)


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Died(BaseException):
    """What stands for the end of the process."""


def error_of(importing: Callable[[], object]) -> str:
    """Message of the error that ends an import; empty if it finishes."""
    try:
        importing()
    except WriteError as error:
        return str(error)
    except Died:
        return "died"
    return ""


@pytest.fixture
def half_done(tmp_path: Path) -> Path:
    """A store in which one of the files is committed and another was begun."""
    write_files(tmp_path / "in", FILES)

    def stop(done: int, _: int) -> None:
        if done == 1:
            raise Died

    with pytest.raises(Died):
        run(tmp_path / "in", tmp_path / "half", progress=stop)
    assert len(Store(tmp_path / "half")) == 1
    with (tmp_path / "half" / "positions-00000.npy").open("ab") as file:
        file.write(bytes(700))
    return tmp_path / "half"


@pytest.mark.slow
@pytest.mark.parametrize("dead", [False, True], ids=["full", "died"])
def test_a_disk_that_fails_at_any_write(tmp_path: Path, half_done: Path, dead: bool) -> None:
    straight = tmp_path / "straight"
    run(tmp_path / "in", straight)
    failed, fails, out = 0, 0, tmp_path / "out"
    while True:
        fails += 1
        shutil.copytree(half_done, out)
        disk = Disk(Died if dead else full, fails, dead)
        with pytest.MonkeyPatch.context() as patch:
            disk.install(patch)
            message = error_of(lambda: run(tmp_path / "in", out))
        failed += bool(message)
        if message and not dead:
            assert "cannot be written: No space left on device." in message
            assert message.count("Make room, or choose another folder.") == 1
        kept = Store(out)
        kept.verify()
        assert len(kept) >= 1
        assert run(tmp_path / "in", out).imported == FILES
        assert contents(out) == contents(straight)
        shutil.rmtree(out)
        if disk.count < fails:
            break
    assert failed > 20
    assert failed >= fails - 10  # some failures cost nothing, such as that of removing an old table


def test_a_full_disk_before_the_first_commit(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 2)
    for fails in range(1, 9):
        with pytest.MonkeyPatch.context() as patch:
            Disk(full, fails).install(patch)
            with pytest.raises(WriteError, match=r"out cannot be written: No space left on device\."):
                run(tmp_path / "in", tmp_path / "out")
        assert run(tmp_path / "in", tmp_path / "out").imported == 2
        Store(tmp_path / "out").verify()
        shutil.rmtree(tmp_path / "out")


def test_missing_room_is_reported(tmp_path: Path, half_done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add = StoreWriter.add

    def fail(writer: StoreWriter, sequence: Sequence) -> None:
        if len(writer) == 2:
            raise WriteError(f"the store {writer.path} cannot be written: full", "", "Make room.")
        add(writer, sequence)

    monkeypatch.setattr(StoreWriter, "add", fail)
    with pytest.raises(WriteError) as caught:
        run(tmp_path / "in", half_done)
    size = sum(path.stat().st_size for path in half_done.iterdir()) / 1e6
    kept = f"2 of 3 files are in it and are kept ({size:.1f} MB); the rest needs about {size / 2:.1f} MB."
    again = "Run the same command again afterwards: it continues where it stopped."
    assert str(caught.value) == f"the store {half_done} cannot be written: full. {kept} {again} Make room."


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a file system of so many KiB; called again, changes its size."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a tiny file system")
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size: int) -> Path:
        options = f"size={size}k" + (",remount" if os.path.ismount(place) else "")
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot mount a tiny file system: {done.stderr.strip()}")
        return place

    yield mount
    if os.path.ismount(place):
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
def test_a_real_disk_that_is_full(
    tmp_path: Path, tiny_disk: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_always(monkeypatch)
    write_files(tmp_path / "in", 3, frames=60)
    run(tmp_path / "in", tmp_path / "straight")
    failed = 0
    for size in range(4, 100, 4):
        out = tiny_disk(size) / "out"
        if message := error_of(lambda out=out: run(tmp_path / "in", out)):  # type: ignore[misc]
            failed += 1
            assert "cannot be written: No space left on device" in message
            tiny_disk(4000)
            if out.exists():  # and where nothing was committed, no file fills the disk
                Store(out).verify()
            run(tmp_path / "in", out)
        assert contents(out) == contents(tmp_path / "straight")
        shutil.rmtree(out)
    assert failed > 8


# Processes that are forked have the package loaded already, so that hundreds of them take seconds.
IMPORTERS = """
import os, random, signal, sys, time, traceback
from pathlib import Path
import duckdb, skelact.readers.arrays, skelact.sequences.store
from skelact.importing import run as importing
from skelact.errors import UserError

os.fsync = lambda file: None
source, folder = Path(sys.argv[1]), Path(sys.argv[2])
importing.FIRST_COMMIT, importing.LAST_COMMIT, importing.COMMIT_SHARE = 0.004, 0.004, 1e9
OPTIONS = {"axes": "TMVC", "skeleton": "ntu25", "fps": 30}

def start(out, pause):
    child = os.fork()
    if child:
        return child
    status = 99
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        show = lambda done, total: time.sleep(pause)
        importing.import_recordings(
            source, out, format="array", options=OPTIONS, processes=1, progress=show
        )
        status = 0
    except KeyboardInterrupt:
        status = 130
    except UserError as error:
        refused = "has been writing it since" in str(error) or "another process is writing it" in str(error)
        status = 2 if refused else 9
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)

def end(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""
TWO = (
    IMPORTERS
    + """
rng = random.Random(int(sys.argv[3]))
for number in range(int(sys.argv[4])):
    out = folder / f"two{number}"
    first = start(out, 0.002)
    time.sleep(rng.uniform(0, 0.12))
    second = start(out, 0.002)
    time.sleep(rng.uniform(0, 0.12))
    sign = rng.choice([signal.SIGINT, signal.SIGKILL])
    os.kill(rng.choice([first, second]), sign)
    print(out, end(first), end(second), flush=True)
"""
)
KILLED = (
    IMPORTERS
    + """
rng = random.Random(int(sys.argv[3]))
begun = time.perf_counter()
assert end(start(folder / "timed", 0.001)) == 0
whole = time.perf_counter() - begun
for number in range(int(sys.argv[4])):
    out = folder / f"killed{number}"
    child = start(out, 0.001)
    time.sleep(rng.uniform(0, whole))
    os.kill(child, signal.SIGKILL)
    print(out, end(child), flush=True)
"""
)


def results(tmp_path: Path, program: str, seed: int, count: int) -> Iterator[tuple[Path, list[int]]]:
    """Folder and exit statuses of each try."""
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "in"), str(tmp_path)]
    done = subprocess.run(
        [*command, str(seed), str(count)], stdout=subprocess.PIPE, text=True, check=True, timeout=280
    )
    for line in done.stdout.splitlines():
        out, *statuses = line.split()
        yield Path(out), [int(status) for status in statuses]


def check_goes_on(tmp_path: Path, out: Path) -> int:
    """Check that the store is intact and the import finishes as if never stopped; gives how many there were."""
    before = 0
    if (out / layout.INFO).exists():
        opened = Store(out)
        opened.verify()
        before = len(opened)
        assert all(np.any(opened.positions(row)) for row in range(before))
    run(tmp_path / "in", out, clean="")
    assert Store(out).fingerprint == Store(tmp_path / "straight").fingerprint
    assert contents(out) == contents(tmp_path / "straight")
    return before


@posix
@pytest.mark.slow
def test_two_importers_of_one_folder_never_harm_each_other(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 24)
    run(tmp_path / "in", tmp_path / "straight")
    refused, done, parts = 0, 0, 0
    for out, statuses in results(tmp_path, TWO, 1, 25):
        assert set(statuses) <= {0, 2, 130, -signal.SIGKILL}, statuses
        refused += 2 in statuses
        done += 0 in statuses
        if 0 in statuses:
            assert contents(out) == contents(tmp_path / "straight")
        parts += 0 < check_goes_on(tmp_path, out) < 24
    assert refused > 3
    assert done > 3
    assert parts > 3


@posix
@pytest.mark.slow
def test_killed_at_random_moments_it_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 40)
    run(tmp_path / "in", tmp_path / "straight")
    stopped = {check_goes_on(tmp_path, out) for out, _ in results(tmp_path, KILLED, 2, 25)}
    assert len(stopped) > 5


@posix
def test_ctrl_c_that_a_reader_takes_for_a_broken_file_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """numpy does, now and then."""
    write_files(tmp_path / "in", 4)
    outcomes, begun = sources.Job.outcomes, []

    def pressed(job: sources.Job, unit: Unit, format: str | None) -> Iterator[sources.Outcome]:
        begun.append(unit)
        if len(begun) == 3:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(5)
            except KeyboardInterrupt:
                return iter([LeftOut(unit.path, "the array file is broken. Truncated file?")])
        return outcomes(job, unit, format)

    monkeypatch.setattr(sources, "CHUNK", 1)
    monkeypatch.setattr(sources.Job, "outcomes", pressed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "in", tmp_path / "out")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    kept = Store(tmp_path / "out")
    assert (len(kept), kept.info["provenance"]["left_out"]) == (2, [])
    assert run(tmp_path / "in", tmp_path / "out").imported == 4


@posix
def test_ctrl_c_in_a_commit_waits_for_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """duckdb ends the process where it comes at the wrong moment."""
    write_files(tmp_path / "in", 4)
    commit_always(monkeypatch)
    monkeypatch.setattr(sources, "CHUNK", 1)
    table, ends = layout.write_table, []

    def pressed(path: Path, columns: layout.Columns) -> None:
        if len(ends) == 1:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
        table(path, columns)
        ends.append(path)

    monkeypatch.setattr(layout, "write_table", pressed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "in", tmp_path / "out")
    assert len(ends) > 1
    assert len(Store(tmp_path / "out")) == 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_importer_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 3)

    def another(done: int, _: int) -> None:
        if done == 2:
            with pytest.raises(UserError, match=rf"out: process {os.getpid()} on .* has been writing it since "):
                run(tmp_path / "in", tmp_path / "out")

    assert run(tmp_path / "in", tmp_path / "out", progress=another).imported == 3
    Store(tmp_path / "out").verify()


def test_importing_a_finished_store_again_needs_no_lock(tmp_path: Path) -> None:
    """So that it works on a disk that is read-only."""
    write_files(tmp_path / "in", 3)
    first = run(tmp_path / "in", tmp_path / "out")
    disk = Disk(full)
    with pytest.MonkeyPatch.context() as patch:
        disk.install(patch)
        assert run(tmp_path / "in", tmp_path / "out") == first
    assert disk.count == 0


def test_confidence_survives_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path / "in", 3)
    confidence = np.random.default_rng(0).integers(0, 3, (6, 1, 25)).astype(np.float32) / 2
    described = Sequence.described

    def sure(sequence: Sequence, **changes: Any) -> Sequence:
        return described(sequence, **changes, **({"confidence": confidence} if "name" in changes else {}))

    monkeypatch.setattr(Sequence, "described", sure)
    run(tmp_path / "in", tmp_path / "out")
    store = Store(tmp_path / "out")
    for row in range(3):
        np.testing.assert_array_equal(store.confidence(row), confidence)
    assert store.skeleton == NTU25

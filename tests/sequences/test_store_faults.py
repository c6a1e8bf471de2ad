"""Stores and what happens to them: two writers, damage of any kind, full disks, other versions."""

import errno
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from skelact.errors import FileError, UserError
from skelact.runtime import locking
from skelact.runtime.files import checksum
from skelact.sequences import Sequence, shards, store
from skelact.sequences import format as store_format
from skelact.sequences.store import Store, StoreWriter, WriteError
from skelact.skeletons import SBU15

CHANGED = "changed since it was written; import again with --overwrite"


def clip(seed: int, frames: int = 9, confident: bool = True) -> Sequence:
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(frames, 1 + seed % 2, 15, 3)).astype(np.float32)
    positions[rng.random(positions.shape[:3]) < 0.1] = np.nan
    confidence = rng.random(positions.shape[:3]).astype(np.float32) if confident else None
    return Sequence(positions, SBU15, 15.0, name=f"clip{seed}", label="ab"[seed % 2], confidence=confidence)


def write(path: Path, count: int = 40, complete: bool = True, shard_bytes: int = 1 << 30) -> Path:
    """A store of clips, of which every third has no confidence."""
    with StoreWriter(path, shard_bytes=shard_bytes) as writer:
        for seed in range(count):
            writer.add(clip(seed, confident=seed % 3 > 0))
        writer.commit(complete=complete)
    return path


# One writer at a time


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store")
    writer.add(clip(0))
    writer.commit()
    before = {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()}
    holder = json.loads(before[store_format.LOCK])
    for given in ({"resume": True}, {"overwrite": True}, {}):
        with pytest.raises(UserError) as caught:
            StoreWriter(tmp_path / "store", **given)
        assert str(caught.value) == (
            f"store {tmp_path / 'store'}: process {os.getpid()} on {holder['host']} has been writing it since "
            f"{holder['since']}. Wait until it is done or stop it, then run the same command again; or choose "
            "another folder"
        )
    assert {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()} == before
    writer.add(clip(1))
    writer.finish()
    assert not (tmp_path / "store" / store_format.LOCK).exists()
    Store(tmp_path / "store").verify()


def test_a_writer_that_is_given_up_lets_others_write(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "store") as writer:
        writer.add(clip(0))
    with pytest.raises(UserError, match=r"^this writer of .*store is closed; make another one$"):
        writer.add(clip(1))
    forgotten = StoreWriter(tmp_path / "store")
    del forgotten
    StoreWriter(tmp_path / "store").close()
    assert not (tmp_path / "store" / store_format.LOCK).exists()


def test_a_writer_that_fails_to_start_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path / "store", 2)
    for given in ({}, {"resume": True}):
        with pytest.raises(UserError):
            StoreWriter(tmp_path / "store", **given)
    assert not (tmp_path / "store" / store_format.LOCK).exists()
    StoreWriter(tmp_path / "store", overwrite=True).close()


KILLED = """
import os, signal, sys
from skelact.sequences.store import StoreWriter
from tests_clip import clip
writer = StoreWriter(sys.argv[1])
writer.add(clip(0))
writer.commit()
writer.add(clip(1))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_writer_leaves_no_lock(tmp_path: Path) -> None:
    shutil.copy(__file__, tmp_path / "tests_clip.py")
    (tmp_path / "program.py").write_text(KILLED)
    program = [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "store")]
    assert subprocess.run(program, check=False, timeout=60).returncode == -signal.SIGKILL
    assert (tmp_path / "store" / store_format.LOCK).exists()
    assert len(Store(tmp_path / "store")) == 1
    with StoreWriter(tmp_path / "store", resume=True) as writer:
        for seed in (1, 2):
            writer.add(clip(seed))
        writer.finish()
    with StoreWriter(tmp_path / "straight") as writer:
        for seed in range(3):
            writer.add(clip(seed))
        writer.finish()
    assert contents(tmp_path / "store") == contents(tmp_path / "straight")


def test_without_locks_the_process_that_made_the_file_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on some network file systems."""

    def refuse(_: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locking, "_lock", refuse)
    writer = StoreWriter(tmp_path / "store")
    with pytest.raises(UserError) as caught:
        StoreWriter(tmp_path / "store", resume=True)
    file = tmp_path / "store" / store_format.LOCK
    assert str(caught.value).endswith(
        f"If it no longer runs, delete {file}: this file system has no locks that end with a process"
    )
    writer.add(clip(0))
    writer.finish()
    assert not file.exists()
    StoreWriter(tmp_path / "store", overwrite=True).close()


def test_where_the_lock_does_not_work_nothing_is_cut_off(tmp_path: Path) -> None:
    """Another process removed the lock file, or the file system only pretends to lock."""
    with StoreWriter(tmp_path / "store") as writer:
        writer.add(clip(0))
        writer.commit()
    slow, fast = (_without_lock(tmp_path / "store") for _ in range(2))
    slow.add(clip(1))
    for seed in range(1, 6):
        fast.add(clip(seed))
    fast.commit()
    with pytest.raises(WriteError) as caught:
        slow.commit()
    mend = "Stop one of the two and run the same command again."
    start = f"{tmp_path / 'store'}: another process writes it too, so nothing was changed. "
    assert str(caught.value) == start + mend
    Store(tmp_path / "store").verify()
    assert len(Store(tmp_path / "store")) == 6


def test_a_file_that_another_process_made_longer_is_not_cut(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store")
    writer.add(clip(0))
    path = tmp_path / "store" / "positions-00000.npy"
    with path.open("ab") as file:
        file.write(b"rows of another process")
    before = path.read_bytes()
    with pytest.raises(WriteError, match=r"positions-00000.npy: another process writes it too"):
        writer.commit()
    assert path.read_bytes() == before


def _without_lock(path: Path) -> StoreWriter:
    writer = StoreWriter(path, resume=True)
    (path / store_format.LOCK).unlink()
    return writer


# Damage


def hole(path: Path, start: float, end: float) -> None:
    """Zeros instead of a share of a file, as a file that was cut short and grew again has them."""
    data = bytearray(path.read_bytes())
    first, last = (store_format.HEADER + int(share * (len(data) - store_format.HEADER)) for share in (start, end))
    data[first:last] = bytes(last - first)
    path.write_bytes(bytes(data))


def replace_by(other: str) -> Callable[[Path], object]:
    """The file of the same name of another store."""
    return lambda path: path.write_bytes((path.parent.parent / other / path.name).read_bytes())


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("positions-00000.npy", lambda path: path.write_bytes(path.read_bytes()[:-4]), "bytes, expected"),
        ("confidence-00000.npy", lambda path: path.write_bytes(path.read_bytes()[:-4]), "bytes, expected"),
        ("positions-00000.npy", lambda path: hole(path, 0.8, 1.0), CHANGED),
        ("positions-00000.npy", lambda path: hole(path, 0.3, 0.5), CHANGED),
        ("positions-00000.npy", lambda path: hole(path, 0.0, 0.1), CHANGED),
        ("positions-00000.npy", replace_by("other"), CHANGED),
        ("positions-00000.npy", replace_by("short"), "bytes, expected"),
        ("positions-00000.npy", lambda path: path.unlink(), "the file is missing"),
        ("positions-00000.npy", lambda path: np.save(path, np.load(path).reshape(-1, 9, 5)), "holds float32"),
        ("positions-00000.npy", lambda path: path.write_bytes(b"x" + path.read_bytes()[1:]), "not a .npy file"),
        ("index", replace_by("other"), CHANGED),
        ("index", lambda path: path.unlink(), "the table of the sequences is missing"),
        ("store.json", lambda path: edit(path, '"unit": "m"', '"unit": "mm"'), CHANGED),
        ("store.json", lambda path: edit(path, '"name": "sbu15"', '"name": "sbu16"'), CHANGED),
        ("store.json", lambda path: path.write_text(path.read_text()[:-30]), "not JSON"),
    ],
)
def test_opening_notices(
    tmp_path: Path, complete: bool, file: str, damage: Callable[[Path], object], message: str
) -> None:
    for name, first, count in (("store", 0, 40), ("other", 100, 40), ("short", 0, 20)):
        with StoreWriter(tmp_path / name) as writer:
            for seed in range(first, first + count):
                writer.add(clip(seed, confident=seed % 3 > 0))
            writer.commit(complete=complete)
    if file == "index":
        file = "index.parquet" if complete else "index-000000040.parquet"
    Store(tmp_path / "store").verify()
    damage(tmp_path / "store" / file)
    with pytest.raises(FileError) as caught:
        Store(tmp_path / "store")
    assert file in str(caught.value)
    assert message in str(caught.value)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("kind", ["positions", "confidence"])
def test_a_hole_that_opening_misses_is_found_when_its_clip_is_read(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "store")
    victim = 20
    assert victim not in np.linspace(0, 39, store.SAMPLED).astype(int)
    opened = Store(path)
    places = opened.columns["start" if kind == "positions" else store_format.CONFIDENCE_START]
    row = 15 * 3 * 4 if kind == "positions" else 15 * 2
    file = path / f"{kind}-00000.npy"
    data = bytearray(file.read_bytes())
    start = store_format.HEADER + int(places[victim]) * row
    data[start : start + row] = bytes(row)
    file.write_bytes(bytes(data))
    again = Store(path)
    for index in {*range(40)} - {victim}:
        again.sequence(index)
    for read in (again.positions, again.confidence, again.sequence, pickle.loads(pickle.dumps(again)).stored):
        with pytest.raises(FileError) as caught:
            read(victim)
        assert str(caught.value) == f"{path / 'positions-00000.npy'}: sequence 'clip20' {CHANGED}"
    with pytest.raises(FileError, match=rf"{kind}-00000.npy: changed since it was written"):
        again.verify()


def test_a_store_shortened_while_it_is_open_is_an_error(tmp_path: Path) -> None:
    """A mapped file would end the process with SIGBUS."""
    opened = Store(write(tmp_path / "store"))
    opened.positions(0)
    path = tmp_path / "store" / "positions-00000.npy"
    os.truncate(path, 5000)
    opened.positions(1)
    with pytest.raises(FileError) as caught:
        opened.positions(39)
    assert str(caught.value).startswith(f"{path}: 5,000 bytes, expected at least ")
    assert str(caught.value).endswith(": shortened while the store was open; import again with --overwrite")


def test_a_store_replaced_while_it_is_open(tmp_path: Path) -> None:
    path = write(tmp_path / "store", shard_bytes=20_000)
    opened, sent = Store(path), pickle.dumps(Store(path))
    assert len(opened.info["shards"]) > 3
    kept = opened.positions(0).copy()
    opened._open.clear()
    held = Store(path)
    np.testing.assert_array_equal(held.positions(0), kept)
    with StoreWriter(path, overwrite=True) as writer:
        for seed in range(50, 90):
            writer.add(clip(seed))
        writer.finish()
    np.testing.assert_array_equal(held.positions(0), kept)  # the file is still open
    with pytest.raises(FileError, match=r"replaced while the store was open; start again$"):
        opened.positions(0)
    with pytest.raises(UserError, match=r"store was rewritten while it was in use; start again$"):
        pickle.loads(sent)


def test_many_shards_need_few_open_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_OPEN", 3)
    opened = Store(write(tmp_path / "store", shard_bytes=1))
    for row in (*range(40), *range(40)):
        np.testing.assert_array_equal(opened.positions(row), clip(row).positions)
    assert len(opened._open) <= 3


def test_reading_without_pread_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "store")
    expected = [Store(path).positions(row).tobytes() for row in (39, 0)]
    monkeypatch.delattr(os, "pread")
    assert [Store(path).positions(row).tobytes() for row in (39, 0)] == expected


# Confidence, and versions


def test_confidence_comes_back(tmp_path: Path) -> None:
    path = write(tmp_path / "store", shard_bytes=20_000)
    opened = Store(path)
    opened.verify()
    for row in range(40):
        given, back = clip(row, confident=row % 3 > 0), opened.sequence(row)
        if row % 3 == 0:
            assert opened.confidence(row) is None
            assert back.confidence is None
            continue
        assert given.confidence is not None
        assert back.confidence is not None
        np.testing.assert_array_equal(back.confidence, given.confidence.astype(np.float16).astype(np.float32))
        np.testing.assert_allclose(back.confidence, given.confidence, rtol=0, atol=2.0**-12)
    rows = np.load(path / "confidence-00000.npy")
    assert (rows.dtype, rows.shape[1:]) == (np.float16, (15,))
    assert opened.tags == ()


def test_the_fingerprint_covers_confidence(tmp_path: Path) -> None:
    prints = set()
    for name, value in (("a", 0.5), ("b", 0.75), ("c", None)):
        one = clip(0, confident=False)
        with StoreWriter(tmp_path / name) as writer:
            given = None if value is None else np.full(one.positions.shape[:3], value, dtype=np.float32)
            writer.add(one.described(confidence=given))
            writer.finish()
        prints.add(Store(tmp_path / name).fingerprint)
    assert len(prints) == 3


def test_a_store_without_confidence_has_no_trace_of_it(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "store") as writer:
        writer.add(clip(0, confident=False))
        writer.finish()
    assert {path.name for path in (tmp_path / "store").iterdir()} == {
        "index.parquet",
        "positions-00000.npy",
        "store.json",
    }
    assert store_format.CONFIDENCE_START not in Store(tmp_path / "store").columns


def test_confidence_that_cannot_be() -> None:
    one = clip(0)
    with pytest.raises(UserError) as caught:
        Sequence(one.positions, SBU15, 15.0, "a", confidence=np.full(one.positions.shape[:3], 1.5))
    assert str(caught.value) == "sequence 'a': confidence from 1.5 to 1.5, expected 0 to 1; scale or clip it"


def write_version_1(path: Path, clips: list[Sequence], complete: bool = True) -> None:
    """A store as version 1 was: no confidence, no checksums of sequences or of store.json."""
    path.mkdir()
    rows = np.concatenate([one.positions.reshape(-1, 15, 3) for one in clips])
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, 15, 3), }}"
    start = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + header.encode().ljust(117) + b"\n"
    (path / "positions-00000.npy").write_bytes(start + rows.tobytes())
    sizes = [one.frames * one.persons for one in clips]
    columns = {
        "name": np.array([one.name for one in clips], dtype=object),
        "shard": np.zeros(len(clips), dtype=np.int64),
        "start": np.cumsum([0, *sizes[:-1]]),
        "frames": np.array([one.frames for one in clips]),
        "people": np.array([one.persons for one in clips]),
        "fps": np.array([one.fps for one in clips]),
        "label": np.array([one.label for one in clips], dtype=object),
        "steps": np.zeros(len(clips), dtype=np.int64),
    }
    with duckdb.connect() as table:
        table.register("sequences", columns)
        table.execute(f"COPY sequences TO '{path / 'index.parquet'}' (FORMAT parquet)")
    info = {
        "format": "skelact-store",
        "version": 1,
        "complete": complete,
        "sequences": len(clips),
        "frames": sum(one.frames for one in clips),
        "skeleton": SBU15.to_dict(),
        "coordinates": 3,
        "dtype": "float32",
        "unit": "m",
        "up": "+y",
        "dataset": "",
        "classes": ["a", "b"],
        "splits": [],
        "shards": [
            {
                "file": "positions-00000.npy",
                "rows": len(rows),
                "sha256": store_format.digest_of_rows(path / "positions-00000.npy", rows.nbytes)[0].hexdigest(),
            }
        ],
        "index": {"file": "index.parquet", "sha256": checksum(path / "index.parquet")},
        "steps": [[]],
        "provenance": {},
    }
    info["fingerprint"] = store_format.fingerprint([info[key] for key in store_format.CONTENTS], columns)
    (path / "store.json").write_text(json.dumps(info))


def test_version_1_still_opens(tmp_path: Path) -> None:
    clips = [clip(seed) for seed in range(5)]
    write_version_1(tmp_path / "old", clips)
    opened = Store(tmp_path / "old")
    opened.verify()
    for row, one in enumerate(clips):
        back = opened.sequence(row)
        np.testing.assert_array_equal(back.positions, one.positions)
        assert (back.name, back.label, back.confidence) == (one.name, one.label, None)
    assert pickle.loads(pickle.dumps(opened)).fingerprint == opened.fingerprint
    hole(tmp_path / "old" / "positions-00000.npy", 0.5, 1.0)
    with pytest.raises(FileError, match="positions-00000.npy: changed since it was written"):
        Store(tmp_path / "old").verify()


def test_an_unfinished_store_of_version_1_is_not_gone_on_with(tmp_path: Path) -> None:
    write_version_1(tmp_path / "old", [clip(0)], complete=False)
    before = contents(tmp_path / "old")
    with pytest.raises(UserError) as caught:
        StoreWriter(tmp_path / "old", resume=True)
    what = "is an unfinished store of version 1, this skelact writes 2; --overwrite replaces it"
    assert str(caught.value) == f"{tmp_path / 'old'} {what}"
    assert contents(tmp_path / "old") == before
    StoreWriter(tmp_path / "old", overwrite=True).close()


def test_a_row_that_ctrl_c_interrupted_is_not_there(tmp_path: Path) -> None:
    """Not even the column of a tag that only this row has."""
    with StoreWriter(tmp_path / "store") as writer:
        writer.add(clip(0))
        writer._put(1, {"name": "half", "only_here": 3, "frames": 5})  # where Ctrl-C comes before it counts
        writer.commit()
        assert Store(tmp_path / "store").tags == ()
        writer.add(clip(1))
        writer.finish()
    opened = Store(tmp_path / "store")
    assert opened.columns["name"].tolist() == ["clip0", "clip1"]
    assert opened.tags == ()


# What cannot be written


@pytest.mark.parametrize(
    "error", [RuntimeError("Query interrupted"), duckdb.InterruptException("INTERRUPT Error: Interrupted!")]
)
def test_ctrl_c_that_duckdb_hears_is_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """duckdb makes either error of it, depending on the moment."""

    class Table:
        def __enter__(self) -> "Table":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def register(self, *_: object) -> None:
            pass

        def execute(self, *_: object) -> None:
            raise error

    path = write(tmp_path / "store", 2)
    with StoreWriter(tmp_path / "other") as writer:
        writer.add(clip(0))
        monkeypatch.setattr(duckdb, "connect", lambda *_, **__: Table())
        with pytest.raises(KeyboardInterrupt):
            writer.commit()
        with pytest.raises(KeyboardInterrupt):
            Store(path)


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_errors_of_a_store_travel_between_processes() -> None:
    error = WriteError("the store a cannot be written: full", "All is kept.", "Make room.")
    assert str(error) == "the store a cannot be written: full. All is kept. Make room."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(
        WriteError, match=r"cannot be written: Permission denied. Choose a folder that you may write"
    ):
        StoreWriter(tmp_path / "store")
    tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        (errno.ENOSPC, "Make room, or choose another folder."),
        (errno.EDQUOT, "Make room, or choose another folder."),
        (errno.EROFS, "Choose a folder that you may write to."),
        (errno.EIO, "Check the disk, or choose another folder."),
    ],
)
def test_why_a_store_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, mend: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    writer = StoreWriter(tmp_path / "store")
    writer.add(clip(0))
    writer.commit()
    monkeypatch.setattr(shards.ShardWriter, "_put", fail)
    with pytest.raises(WriteError) as caught:
        writer.add(clip(1))
    why = f"the store {tmp_path / 'store'} cannot be written: {os.strerror(code)}"
    assert str(caught.value) == f"{why}. The 1 sequences that were committed are kept. {mend}"

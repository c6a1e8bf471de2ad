"""StoreWriter: puts sequences into a store, so that an interruption loses little and breaks nothing."""

import errno
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from sys import intern
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError, UserError
from skelact.runtime.files import checksum
from skelact.runtime.locking import FolderLock
from skelact.sequences import format as store_format
from skelact.sequences.sequence import Sequence, Tag
from skelact.sequences.shards import ShardWriter, WriteError
from skelact.skeletons import Skeleton

SplitRule = Callable[[Mapping[str, Tag]], str | None]  # tags -> "train", "test" or None
SHARD_BYTES = 1 << 30
NO_SEGMENTS = "[]"


@dataclass(frozen=True)
class _Rows:
    """What is in one file of the shard that is written now."""

    count: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def plus(self, numbers: NDArray[Any]) -> "_Rows":
        """With these rows behind."""
        digest = self.digest.copy()
        digest.update(numbers.data)
        return _Rows(self.count + len(numbers), digest)

    def entry(self, file: str) -> dict[str, Any]:
        """As ``store.json`` has it."""
        return {"file": file, "rows": self.count, "sha256": self.digest.hexdigest()}


@dataclass(frozen=True)
class _State:
    """How far a writer is. Replaced as a whole, so that Ctrl-C never finds half an addition."""

    count: int = 0  # sequences added
    full: tuple[dict[str, Any], ...] = ()  # shards that take no more
    positions: _Rows = field(default_factory=_Rows)  # of the shard that is written now
    confidence: _Rows = field(default_factory=_Rows)

    @property
    def shards(self) -> list[dict[str, Any]]:
        """Entries of all shards for ``store.json``."""
        if not self.positions.count:
            return list(self.full)
        number = len(self.full)
        last = self.positions.entry(store_format.shard_name(number))
        if self.confidence.count:
            last["confidence"] = self.confidence.entry(store_format.shard_name(number, "confidence"))
        return [*self.full, last]


class StoreWriter:
    """Writes a store, sequence by sequence; the only one to do so until it is closed.

    Positions are appended to the last shard; ``commit`` makes everything added so far count by renaming a new
    ``store.json`` into place. A process that dies leaves the store of its last commit, and ``resume=True``
    continues from there. The bytes written do not depend on when commits happened. The last commit closes the
    writer; one that is given up needs ``close``, or ``with``.

    Args:
        path: folder of the store; made when it is not there.
        half: float16 instead of float32. Half the size, 1 mm exact within 2 m of the origin: centre first.
        shard_bytes: a new shard begins before one grows beyond this.
        overwrite: replace the store that is there.
        resume: go on with the unfinished store that is there, if there is one.

    Attributes:
        resumed: what ``store.json`` of the unfinished store says; None where there is none.

    Raises:
        UserError: there is a store already and neither ``overwrite`` nor ``resume``; the folder holds other
            files; the store to go on with is finished; another process writes it.
        WriteError: the folder cannot be written.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        half: bool = False,
        shard_bytes: int = SHARD_BYTES,
        overwrite: bool = False,
        resume: bool = False,
    ) -> None:
        self.path = Path(path)
        self.dtype = np.dtype("<f2" if half else "<f4")
        self.resumed: dict[str, Any] | None = None
        self._shard_bytes = shard_bytes
        self._skeleton: Skeleton | None = None
        self._fixed: dict[str, Any] = {}  # what all sequences of a store share
        self._values: dict[str, list[Tag | None]] = {}  # of all sequences, by column
        self._steps: dict[tuple[str, ...], int] = {}
        self._files: dict[str, ShardWriter] = {}
        self._state = _State()
        self._committed = (0, b"")  # number of sequences, and store.json
        self._lock: FolderLock | None = None
        with self._writing():
            new = not self.path.exists()
            try:
                self._lock = _locked(self.path)
                if resume and (self.path / store_format.INFO).is_file():
                    self._load()
                else:
                    _clear(self.path, overwrite)
            except BaseException:
                self.close()
                if new:
                    with suppress(OSError):
                        self.path.rmdir()
                raise

    def __len__(self) -> int:
        """Number of sequences added, those of an earlier interrupted writer included."""
        return self._state.count

    @property
    def committed(self) -> int:
        """Number of sequences that count, whatever happens."""
        return self._committed[0]

    def __enter__(self) -> "StoreWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others write; what was not committed is lost. A second call does nothing."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        if self._lock is not None:
            self._lock.release()
        self._lock = None

    def discard(self) -> None:
        """Close, and remove the folder where nothing was ever committed."""
        with self._writing():
            if not self.committed:
                for file in set(_ours(self.path)) - {self.path / store_format.LOCK}:
                    file.unlink()
            self.close()
            if not self.committed:
                self.path.rmdir()

    def add(self, sequence: Sequence) -> None:
        """Append one sequence.

        Raises:
            UserError: its skeleton, coordinates, unit or up axis differ from those of the sequences before it;
                a tag that is called like a column of the table; too far from the origin for float16.
            WriteError: the disk is full or cannot be written.
        """
        self._check_open()
        self._check(sequence)
        positions = self._converted(sequence)
        confidence = _confidence_rows(sequence)
        size = int(np.prod(positions.shape[1:])) * self.dtype.itemsize
        rows = self._state.positions.count
        with self._writing():
            if rows and (rows + len(positions)) * size > self._shard_bytes:
                self._end_shard()
            state = self._state
            self._file("positions").write(state.positions.count, positions)
            if len(confidence):
                self._file("confidence").write(state.confidence.count, confidence)
        row = {**sequence.tags, **self._about(sequence), "shard": len(state.full), "start": state.positions.count}
        if len(confidence):
            row[store_format.CONFIDENCE_START] = state.confidence.count
        row[store_format.CHECKSUM] = zlib.crc32(confidence.data, zlib.crc32(positions.data))
        self._put(state.count, row)
        self._state = replace(
            state,
            count=state.count + 1,
            positions=state.positions.plus(positions),
            confidence=state.confidence.plus(confidence) if len(confidence) else state.confidence,
        )

    def _about(self, sequence: Sequence) -> dict[str, Tag]:
        """The sequence's own columns, apart from where it lies."""
        about: dict[str, Tag] = {"name": sequence.name, "label": sequence.label or "", "fps": sequence.fps}
        about |= {"frames": sequence.frames, "people": sequence.persons}
        about["steps"] = self._steps.setdefault(sequence.provenance, len(self._steps))
        if sequence.segments:
            segments = [[one.start, one.end, one.label] for one in sequence.segments]
            about["segments"] = json.dumps(segments, ensure_ascii=False)
        return about

    def _put(self, number: int, row: Mapping[str, Tag]) -> None:
        """Add row ``number`` of the table, the one behind all that count; what Ctrl-C left of another goes."""
        for name in row.keys() | self._values.keys():
            column = self._values.setdefault(name, [])
            del column[number:]
            column += [None] * (number - len(column))
            value = row.get(name)
            column.append(intern(value) if type(value) is str else value)  # a label is kept once

    def commit(
        self,
        dataset: str = "",
        classes: tuple[str, ...] = (),
        splits: Mapping[str, SplitRule] | None = None,
        provenance: Mapping[str, Any] | None = None,
        complete: bool = False,
    ) -> None:
        """Make everything added so far count: after this the folder is a valid store.

        Args:
            dataset: name of the data set, if it is one.
            classes: names of the labels in their order; the labels that occur, sorted, when empty.
            splits: named rules from tags to "train", "test" or None.
            provenance: where the sequences come from and what was done to them; plain values.
            complete: whether all of the source is in; nothing can be added then.

        Raises:
            UserError: nothing was added; a label that is not one of ``classes``.
            WriteError: the disk is full or cannot be written; another process wrote the store meanwhile. What was
                committed before is kept.
        """
        self._check_open()
        if not len(self):
            raise UserError(f"no sequence to put in the store {self.path}")
        columns = _columns(self._added(), splits or {})
        classes = classes or tuple(sorted(set(columns["label"].tolist()) - {""}))
        _check_labels(columns, classes)
        contents: dict[str, Any] = {"dataset": dataset, "classes": list(classes), "splits": sorted(splits or {})}
        contents |= {**self._fixed, "shards": self._state.shards}
        with self._writing():
            self._check_alone()
            self._seal()
            self._write_info(columns, contents, dict(provenance or {}), complete)
        if complete:
            self.close()

    def _added(self) -> dict[str, list[Tag | None]]:
        """The table, without what Ctrl-C left of a row; a column that only such a row has is not there."""
        columns = {name: column[: len(self)] for name, column in self._values.items()}
        return {name: column for name, column in columns.items() if any(value is not None for value in column)}

    def _write_info(
        self,
        columns: store_format.Columns,
        contents: Mapping[str, Any],
        provenance: dict[str, Any],
        complete: bool,
    ) -> None:
        """Write the table and ``store.json``; from then on they count, and the ones before are removed."""
        index = store_format.INDEX if complete else f"index-{len(self):09d}.parquet"
        store_format.write_table(self.path / index, columns)
        info = {
            "format": store_format.FORMAT,
            "version": store_format.VERSION,
            "complete": complete,
            "sequences": len(self),
            "frames": int(columns["frames"].sum()),
            "fingerprint": store_format.fingerprint([contents[key] for key in store_format.CONTENTS], columns),
            **contents,
            "index": {"file": index, "sha256": checksum(self.path / index)},
            "steps": [list(steps) for steps in self._steps],
            "provenance": provenance,
        }
        store_format.write_json(
            self.path / store_format.INFO, info | {"checksum": store_format.info_checksum(info)}
        )
        self._committed = len(self), (self.path / store_format.INFO).read_bytes()
        for file in _stale(self.path, index):
            file.unlink()

    def finish(
        self,
        dataset: str = "",
        classes: tuple[str, ...] = (),
        splits: Mapping[str, SplitRule] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        """The last commit; arguments as there."""
        self.commit(dataset, classes, splits, provenance, complete=True)

    def _check_open(self) -> None:
        if self._lock is None:
            raise UserError(f"this writer of {self.path} is closed; make another one")

    def _check(self, sequence: Sequence) -> None:
        kind = {
            "skeleton": sequence.skeleton.to_dict() if self._skeleton is None else self._fixed["skeleton"],
            "coordinates": int(sequence.positions.shape[3]),
            "dtype": self.dtype.name,
            "unit": sequence.unit,
            "up": sequence.up,
        }
        if self._skeleton is None:
            self._skeleton, self._fixed = sequence.skeleton, kind
        if sequence.skeleton != self._skeleton:
            raise UserError(
                f"sequence {sequence.name!r} has skeleton {sequence.skeleton.name}, the store holds "
                f"{self._skeleton.name}. Import them to two stores."
            )
        for key, value in kind.items():
            if value != self._fixed[key]:
                raise UserError(
                    f"sequence {sequence.name!r} has {key} {value!r}, the store holds {self._fixed[key]!r}. "
                    "Import them to two stores."
                )
        for tag in sequence.tags:
            if not store_format.is_tag(tag):
                raise UserError(f"sequence {sequence.name!r}: a tag cannot be called {tag!r}, a column is")

    def _converted(self, sequence: Sequence) -> NDArray[Any]:
        """(T * M, V, C) in the type of the store."""
        positions = sequence.positions
        if self.dtype.itemsize == 2 and np.nanmax(np.abs(positions), initial=0) > np.finfo(np.float16).max:
            raise UserError(f"sequence {sequence.name!r} is too far from the origin for float16; centre it first")
        rows = positions.reshape(-1, *positions.shape[2:])
        return np.ascontiguousarray(rows, dtype=self.dtype)

    def _file(self, kind: str) -> ShardWriter:
        """The file of the shard that is written now; what an interrupted writer left behind its rows goes."""
        if kind not in self._files:
            name = store_format.shard_name(len(self._state.full), kind)
            joints = len(self._fixed["skeleton"]["joints"])
            flat = kind == "confidence"
            shape = (joints,) if flat else (joints, self._fixed["coordinates"])
            dtype = store_format.CONFIDENCE if flat else self.dtype
            rows: _Rows = getattr(self._state, kind)
            self._files[kind] = ShardWriter(self.path / name, rows.count, shape, dtype)
        return self._files[kind]

    def _seal(self) -> None:
        """Bring the shard that is written now to the disk."""
        for kind, rows in (("positions", self._state.positions), ("confidence", self._state.confidence)):
            if rows.count:
                self._file(kind).seal(rows.count)

    def _end_shard(self) -> None:
        self._check_alone()
        self._seal()
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._state = _State(count=len(self), full=tuple(self._state.shards))

    def _check_alone(self) -> None:
        """Refuse to continue if another process committed meanwhile: the lock was removed or does not work."""
        file = self.path / store_format.INFO
        found = file.read_bytes() if file.is_file() else b""
        if found != self._committed[1]:
            raise WriteError.another(self.path)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say in one sentence why the store cannot be written, and what is kept."""
        try:
            yield
        except OSError as error:
            kept = f"The {self.committed:,} sequences that were committed are kept." if self.committed else ""
            reason = f"the store {self.path} cannot be written: {error.strerror or error}"
            raise WriteError(reason, kept, _mend(error)) from error

    def _load(self) -> None:
        """Take up what the last commit of an interrupted writer left."""
        info = store_format.read_info(self.path)
        if info["complete"]:
            raise UserError(f"{self.path} is finished; --overwrite replaces it")
        if info["version"] != store_format.VERSION:
            old = (
                f"is an unfinished store of version {info['version']}, this skelact writes {store_format.VERSION}"
            )
            raise UserError(f"{self.path} {old}; --overwrite replaces it")
        if info["dtype"] != self.dtype.name:
            raise UserError(f"{self.path} holds {info['dtype']}, not {self.dtype.name}; --overwrite replaces it")
        columns = store_format.read_table(self.path / info["index"]["file"])
        self._skeleton = Skeleton.from_dict(info["skeleton"])
        self._fixed = {key: info[key] for key in ("skeleton", "coordinates", "dtype", "unit", "up")}
        for number, row in enumerate(_records(columns)):
            self._put(number, row)
        self._steps = {tuple(steps): number for number, steps in enumerate(info["steps"])}
        *full, last = info["shards"]
        row = len(self._skeleton) * info["coordinates"] * self.dtype.itemsize
        positions = self._found(last, row)
        confidence = _Rows()
        if "confidence" in last:
            confidence = self._found(last["confidence"], len(self._skeleton) * store_format.CONFIDENCE.itemsize)
        self._state = _State(info["sequences"], tuple(full), positions, confidence)
        self._committed = info["sequences"], (self.path / store_format.INFO).read_bytes()
        self.resumed = info

    def _found(self, entry: Mapping[str, Any], row: int) -> _Rows:
        """The rows that count in a file, ``row`` bytes each, compared with their checksum."""
        path, size = self.path / entry["file"], entry["rows"] * row
        if not path.is_file():
            raise FileError(path, "the file is missing; import again with --overwrite")
        digest, found = store_format.digest_of_rows(path, size)
        if found < size or digest.hexdigest() != entry["sha256"]:
            raise FileError(path, "damaged; import again with --overwrite")
        return _Rows(entry["rows"], digest)


def _mend(error: OSError) -> str:
    """What to do about a store that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Make room, or choose another folder."
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR):
        return "Choose a folder that you may write to."
    return "Check the disk, or choose another folder."


def _confidence_rows(sequence: Sequence) -> NDArray[Any]:
    """(T * M, V) as stored; of no rows where the recorder gave none."""
    if sequence.confidence is None:
        return np.empty((0, sequence.positions.shape[2]), dtype=store_format.CONFIDENCE)
    rows = sequence.confidence.reshape(-1, sequence.positions.shape[2])
    return np.ascontiguousarray(rows, dtype=store_format.CONFIDENCE)


def _columns(values: dict[str, list[Any]], splits: Mapping[str, SplitRule]) -> dict[str, NDArray[Any]]:
    """The table of the sequences by column; takes the values away, which need more room than the arrays."""
    kinds: dict[str, Any] = {"name": object, "label": object, "fps": np.float64}
    columns: dict[str, NDArray[Any]] = {
        key: np.array(values.pop(key), dtype=kinds.get(key, np.int64)) for key in store_format.OWN_COLUMNS
    }
    if store_format.CONFIDENCE_START in values:
        starts = [-1 if one is None else one for one in values.pop(store_format.CONFIDENCE_START)]
        columns[store_format.CONFIDENCE_START] = np.array(starts, dtype=np.int64)
    if "segments" in values:
        columns["segments"] = np.array([one or NO_SEGMENTS for one in values.pop("segments")], dtype=object)
    parts: dict[str, list[str]] = {name: [] for name in splits}
    for row in range(len(columns["name"])) if splits else ():
        tags = {name: tag for name, column in values.items() if (tag := column[row]) is not None}
        for name, rule in splits.items():
            parts[name].append(rule(tags) or "")
    for name in splits:
        columns[f"split_{name}"] = np.array(parts.pop(name), dtype=object)
    for name in sorted(values):
        columns[name] = _tag_column(values.pop(name))
    return columns


def _tag_column(values: list[Tag | None]) -> NDArray[Any]:
    """One tag of all sequences; masked where a sequence has none. Whole numbers, numbers or else text."""
    given = [value for value in values if value is not None]
    if all(isinstance(value, int) for value in given):
        kind: type[np.generic] = np.int64
    elif all(isinstance(value, int | float) for value in given):
        kind = np.float64
    else:
        texts = [None if value is None else str(value) for value in values]
        return np.array(texts, dtype=object)
    filled = np.array([0 if value is None else value for value in values], dtype=kind)
    return np.ma.masked_array(filled, [value is None for value in values])


def _records(columns: Mapping[str, NDArray[Any]]) -> Iterator[dict[str, Any]]:
    """Rows of a table as they were added: without its splits; a gap is a key that is not there."""
    lists = {
        name: column.tolist()
        for name, column in columns.items()
        if name in store_format.NOT_TAGS or store_format.is_tag(name)
    }
    for row in range(len(lists["name"])):
        yield {name: values[row] for name, values in lists.items() if values[row] is not None}


def _check_labels(columns: store_format.Columns, classes: Iterable[str]) -> None:
    strange = sorted(set(columns["label"].tolist()) - {"", *classes})
    if strange:
        name = columns["name"][columns["label"].tolist().index(strange[0])]
        raise UserError(f"sequence {name!r} has label {strange[0]!r}, which is not one of the classes")


def tidy(path: Path) -> None:
    """Remove what a writer that was killed after its last commit could not remove any more.

    Nothing happens if there is nothing to remove, if another process writes, or if writing is not permitted.
    """
    index = store_format.read_info(path)["index"]["file"]
    if not _stale(path, index) and not (path / store_format.LOCK).exists():
        return
    with suppress(UserError, OSError):
        lock = _lock(path)
        try:
            for file in _stale(path, store_format.read_info(path)["index"]["file"]):
                file.unlink()
        finally:
            lock.release()


def _stale(path: Path, index: str) -> list[Path]:
    """Tables that do not count any more, and files that were not renamed yet."""
    files = (*path.glob("index*.parquet"), *path.glob("*.partial"))
    return [file for file in files if file.name != index]


def _locked(path: Path) -> FolderLock:
    """The lock of a folder, which is made where there is none."""
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file; a store is a folder")
    path.mkdir(parents=True, exist_ok=True)
    return _lock(path)


def _lock(path: Path) -> FolderLock:
    advice = "Wait until it is done or stop it, then run the same command again; or choose another folder"
    return FolderLock(path, "store", advice, store_format.LOCK)


def _ours(path: Path) -> set[Path]:
    """The files in a folder that belong to a store."""
    return {file for pattern in store_format.OURS for file in path.glob(pattern)}


def _clear(path: Path, overwrite: bool) -> None:
    """Empty a folder for a store, without taking away anything that is not a store's."""
    ours = _ours(path)
    others = sorted(file.name for file in set(path.iterdir()) - ours)
    if others:
        raise UserError(f"{path} holds other files ({others[0]}); choose a folder that is empty or new")
    if (path / store_format.INFO).exists() and not overwrite:
        raise UserError(f"{path} holds a store already; --overwrite replaces it")
    (path / store_format.INFO).unlink(
        missing_ok=True
    )  # first, so that half a store is never taken for a whole one
    for file in ours - {path / store_format.LOCK}:
        file.unlink(missing_ok=True)

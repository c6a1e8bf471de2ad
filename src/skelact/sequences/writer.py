"""StoreWriter: puts sequences into a store, so that an interruption loses little and breaks nothing."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError, UserError
from skelact.sequences import format as layout
from skelact.sequences.sequence import Sequence, Tag
from skelact.sequences.table import Table, Values
from skelact.skeletons import Skeleton

SplitRule = Callable[[Mapping[str, Tag]], str | None]  # tags -> "train", "test" or None
SHARD_BYTES = 1 << 30
NO_SEGMENTS = "[]"


@dataclass(frozen=True)
class _State:
    """How far a writer is. Replaced as a whole, so that Ctrl-C never finds half an addition."""

    count: int = 0  # sequences added
    full: tuple[dict[str, Any], ...] = ()  # shards that take no more
    rows: int = 0  # in the shard that is written now
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)  # of these rows

    @property
    def file(self) -> str:
        """Name of the shard that is written now."""
        return layout.shard_name(len(self.full))

    @property
    def shards(self) -> list[dict[str, Any]]:
        """Entries of all shards for ``store.json``."""
        if not self.rows:
            return list(self.full)
        return [*self.full, {"file": self.file, "rows": self.rows, "sha256": self.digest.hexdigest()}]


class StoreWriter:
    """Writes a store, sequence by sequence.

    Positions are appended to the last shard; ``commit`` makes everything added so far count by renaming a new
    ``store.json`` into place. A process that dies leaves the store of its last commit, and ``resume=True``
    goes on from there. The bytes written do not depend on when commits happened.

    Args:
        path: folder of the store; made when it is not there.
        half: float16 instead of float32. Half the size, 1 mm exact within 2 m of the origin: centre first.
        shard_bytes: a new shard begins before one grows beyond this.
        overwrite: replace the store that is there.
        resume: go on with the unfinished store that is there, if there is one.

    Raises:
        UserError: there is a store already and neither ``overwrite`` nor ``resume``; the folder holds other
            files; the store to go on with is finished.
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
        self._shard_bytes = shard_bytes
        self._skeleton: Skeleton | None = None
        self._fixed: dict[str, Any] = {}  # what all sequences of a store share
        self._table = Table()
        self._steps: dict[tuple[str, ...], int] = {}
        self._file: IO[bytes] | None = None
        self._state = _State()
        if resume and (self.path / layout.INFO).is_file():
            self._load()
        else:
            _clear(self.path, overwrite)

    def __len__(self) -> int:
        """Number of sequences added, those of an earlier interrupted writer included."""
        return self._state.count

    def add(self, sequence: Sequence) -> None:
        """Append one sequence.

        Raises:
            UserError: its skeleton, coordinates, unit or up axis differ from those of the sequences before it;
                a tag that is called like a column of the table; too far from the origin for float16.
        """
        self._check(sequence)
        frames, people, joints, coordinates = sequence.positions.shape
        stored = self._converted(sequence)
        size = joints * coordinates * self.dtype.itemsize
        if self._state.rows and (self._state.rows + len(stored)) * size > self._shard_bytes:
            self._end_shard()
        state = self._state
        file = self._open_shard()
        file.seek(layout.HEADER + state.rows * size)
        file.write(stored.data)
        digest = state.digest.copy()
        digest.update(stored.data)
        place = {"shard": len(state.full), "start": state.rows, "frames": frames, "people": people}
        steps = self._steps.setdefault(sequence.provenance, len(self._steps))
        about: dict[str, Tag] = {"name": sequence.name, "label": sequence.label or ""}
        about |= {"fps": sequence.fps, "steps": steps}
        if sequence.segments:
            segments = [[one.start, one.end, one.label] for one in sequence.segments]
            about["segments"] = json.dumps(segments, ensure_ascii=False)
        self._table.put(state.count, {**sequence.tags, **about, **place})
        self._state = replace(state, count=state.count + 1, rows=state.rows + len(stored), digest=digest)

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
        """
        if not len(self):
            raise UserError(f"no sequence to put in the store {self.path}")
        self._to_disk()
        columns = _columns(self._table.columns(len(self)), splits or {})
        classes = classes or tuple(sorted(set(columns["label"].tolist()) - {""}))
        _check_labels(columns, classes)
        index = layout.INDEX if complete else f"index-{len(self):09d}.parquet"
        layout.write_table(self.path / index, columns)
        contents = {
            **self._fixed,
            "dataset": dataset,
            "classes": list(classes),
            "splits": sorted(splits or {}),
            "shards": self._state.shards,
        }
        layout.write_json(
            self.path / layout.INFO,
            {
                "format": layout.FORMAT,
                "version": layout.VERSION,
                "complete": complete,
                "sequences": len(self),
                "frames": int(columns["frames"].sum()),
                "fingerprint": layout.fingerprint([contents[key] for key in layout.CONTENTS], columns),
                **contents,
                "index": {"file": index, "sha256": layout.digest_of_file(self.path / index)},
                "steps": [list(steps) for steps in self._steps],
                "provenance": dict(provenance or {}),
            },
        )
        for stale in self.path.glob("index*.parquet"):
            if stale.name != index:
                stale.unlink()
        if complete and self._file is not None:
            self._file.close()

    def finish(
        self,
        dataset: str = "",
        classes: tuple[str, ...] = (),
        splits: Mapping[str, SplitRule] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        """The last commit; arguments as there."""
        self.commit(dataset, classes, splits, provenance, complete=True)

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
            if not layout.is_tag(tag):
                raise UserError(f"sequence {sequence.name!r}: a tag cannot be called {tag!r}, a column is")

    def _converted(self, sequence: Sequence) -> NDArray[Any]:
        """(T * M, V, C) in the type of the store."""
        positions = sequence.positions
        if self.dtype.itemsize == 2 and np.nanmax(np.abs(positions), initial=0) > np.finfo(np.float16).max:
            raise UserError(f"sequence {sequence.name!r} is too far from the origin for float16; centre it first")
        rows = positions.reshape(-1, *positions.shape[2:])
        return np.ascontiguousarray(rows, dtype=self.dtype)

    def _open_shard(self) -> IO[bytes]:
        """The file of the shard that is written now; what an interrupted writer left behind its rows goes."""
        path = self.path / self._state.file
        if self._file is None or self._file.closed:
            self._file = path.open("r+b" if self._state.rows else "w+b")
        return self._file

    def _to_disk(self) -> None:
        """Bring the shard that is written now to the disk, with a header that fits."""
        if not self._state.rows:
            return
        shape = (self._state.rows, len(self._fixed["skeleton"]["joints"]), self._fixed["coordinates"])
        file = self._open_shard()
        file.seek(0)
        file.write(layout.shard_header(shape, self.dtype))
        file.truncate(layout.HEADER + int(np.prod(shape)) * self.dtype.itemsize)
        file.flush()
        os.fsync(file.fileno())

    def _end_shard(self) -> None:
        self._to_disk()
        if self._file is not None:
            self._file.close()
        self._state = _State(count=len(self), full=tuple(self._state.shards))

    def _load(self) -> None:
        """Take up what the last commit of an interrupted writer left."""
        info = layout.read_info(self.path)
        if info["complete"]:
            raise UserError(f"{self.path} is finished; --overwrite replaces it")
        if info["dtype"] != self.dtype.name:
            raise UserError(f"{self.path} holds {info['dtype']}, not {self.dtype.name}; --overwrite replaces it")
        columns = layout.read_table(self.path / info["index"]["file"])
        self._skeleton = Skeleton.from_dict(info["skeleton"])
        self._fixed = {key: info[key] for key in ("skeleton", "coordinates", "dtype", "unit", "up")}
        for number, row in enumerate(_records(columns)):
            self._table.put(number, row)
        self._steps = {tuple(steps): number for number, steps in enumerate(info["steps"])}
        *full, last = info["shards"]
        size = last["rows"] * len(self._skeleton) * info["coordinates"] * self.dtype.itemsize
        digest, found = layout.digest_of_rows(self.path / last["file"], size)
        if found < size or digest.hexdigest() != last["sha256"]:
            raise FileError(self.path / last["file"], "damaged; import again with --overwrite")
        self._state = _State(info["sequences"], tuple(full), last["rows"], digest)


def _columns(values: dict[str, Values], splits: Mapping[str, SplitRule]) -> dict[str, NDArray[Any]]:
    """The table of the sequences by column; takes the values away, which need more room than the arrays."""
    kinds: dict[str, Any] = {"name": object, "label": object, "fps": np.float64}
    columns: dict[str, NDArray[Any]] = {
        key: np.array(values.pop(key), dtype=kinds.get(key, np.int64)) for key in layout.OWN_COLUMNS
    }
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
        name: column.tolist() for name, column in columns.items() if name in layout.NOT_TAGS or layout.is_tag(name)
    }
    for row in range(len(lists["name"])):
        yield {name: values[row] for name, values in lists.items() if values[row] is not None}


def _check_labels(columns: layout.Columns, classes: Iterable[str]) -> None:
    strange = sorted(set(columns["label"].tolist()) - {"", *classes})
    if strange:
        name = columns["name"][columns["label"].tolist().index(strange[0])]
        raise UserError(f"sequence {name!r} has label {strange[0]!r}, which is not one of the classes")


def _clear(path: Path, overwrite: bool) -> None:
    """Make an empty folder for a store, without taking away anything that is not a store's."""
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file; a store is a folder")
    path.mkdir(parents=True, exist_ok=True)
    ours = {file for pattern in layout.OURS for file in path.glob(pattern)}
    others = sorted(file.name for file in set(path.iterdir()) - ours)
    if others:
        raise UserError(f"{path} holds other files ({others[0]}); choose a folder that is empty or new")
    if (path / layout.INFO).exists() and not overwrite:
        raise UserError(f"{path} holds a store already; --overwrite replaces it")
    (path / layout.INFO).unlink(missing_ok=True)  # first, so that half a store is never taken for a whole one
    for file in ours:
        file.unlink(missing_ok=True)

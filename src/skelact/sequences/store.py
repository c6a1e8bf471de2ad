"""Store: sequences on disk, open to anyone with numpy and a table library.

``positions-00000.npy`` ... hold (rows, V, C), the frames of all sequences one after another; a sequence of T
frames and M people has T * M rows, frame by frame, in each frame person by person. ``confidence-00000.npy`` ...
hold (rows, V) of those sequences of the same shard whose recorder gave one. ``index.parquet`` has a row per
sequence, ``store.json`` the rest. ``sha256`` of a shard is that of its numbers, without the ``.npy`` header.
"""

import json
import zlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError, UserError, unknown
from skelact.runtime.files import checksum
from skelact.sequences import format as store_format
from skelact.sequences.clips import Clip
from skelact.sequences.sequence import Segment, Sequence
from skelact.sequences.shards import ShardReader, WriteError
from skelact.sequences.writer import SplitRule, StoreWriter
from skelact.skeletons import Skeleton

__all__ = ["SplitRule", "Store", "StoreWriter", "WriteError"]

SAMPLED = 8  # sequences of each shard that are compared with their checksums when a store is opened
MOST_OPEN = 128  # files that are held open
CHANGED = "changed since it was written; import again with --overwrite"


class Store:
    """A store opened for reading; cheap to open, to pickle and to read single sequences from.

    Opening compares the table with its checksum, all files with their sizes and headers, and some sequences of
    each shard with their checksums. Every sequence is compared when it is read for the first time.

    Attributes:
        path: the folder.
        info: what ``store.json`` says.
        skeleton: of all sequences.
        dataset: name of the data set, empty where it is none.
        classes: names of the labels, in the order of ``labels``.
        splits: names of the splits.
        unit: unit of the positions.
        up: axis that points up.
        coordinates: C, 2 or 3.
        persons: number of people of the fullest sequence.
        fingerprint: short hex, the same for the same contents.
        columns: the table of the sequences: ``name``, ``shard``, ``start``, ``frames``, ``people``, ``fps``,
            ``label`` (empty where unknown), ``steps``, ``split_<name>`` ("train", "test" or empty) and every
            tag; a tag that some sequences lack is a masked array.
        labels: (N,) int64, place in ``classes``, -1 where unknown.

    Raises:
        UserError: the folder is no store, or one of another version, or its files do not fit together.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.info: dict[str, Any] = store_format.read_info(self.path)
        self.skeleton = Skeleton.from_dict(self.info["skeleton"])
        self.dataset: str = self.info["dataset"]
        self.classes: tuple[str, ...] = tuple(self.info["classes"])
        self.splits: tuple[str, ...] = tuple(self.info["splits"])
        self.unit: str = self.info["unit"]
        self.up: str = self.info["up"]
        self.coordinates: int = self.info["coordinates"]
        self._joints = len(self.skeleton)  # on disk
        self.fingerprint: str = self.info["fingerprint"]
        self.columns: Mapping[str, NDArray[Any]] = MappingProxyType(self._read_columns())
        place = {name: number for number, name in enumerate(self.classes)} | {"": -1}
        try:
            self.labels = np.array([place[name] for name in self.columns["label"].tolist()], dtype=np.int64)
        except KeyError as error:
            raise UserError(f"store {self.path}: label {error} is not one of the classes of store.json") from None
        self.persons = int(self.columns["people"].max())
        self._dtype = np.dtype(self.info["dtype"])
        places = [self.columns[key].tolist() for key in ("shard", "start", "frames", "people")]
        self._places = list(zip(*places, strict=True))  # plain numbers: read once per clip
        starts = self.columns.get(store_format.CONFIDENCE_START)
        self._confidence = None if starts is None else starts.tolist()
        sums = self.columns[store_format.CHECKSUM] if self.info["version"] > 1 else None
        self._sums = None if sums is None else sums.tolist()
        self._checked = bytearray(len(self._places))  # 1: is as it was written
        self._open: dict[tuple[int, str], ShardReader] = {}
        self._seen: dict[tuple[int, str], tuple[int, int]] = {}  # which files they were: device and number
        self._check_places()
        for number in range(len(self.info["shards"])):
            self._check_shard(number)
        self._sample()

    def __len__(self) -> int:
        """Number of sequences."""
        return len(self._places)

    def check_complete(self) -> None:
        """Refuse a store that an interrupted import left behind: numbers on part of the data mislead.

        Raises:
            UserError: the import did not reach its end.
        """
        if not self.info["complete"]:
            raise UserError(
                f"store {self.path}: the import was interrupted after {len(self):,} sequences. "
                "Run the same import again; it continues where it stopped"
            )

    @property
    def cleaning(self) -> dict[str, Any]:
        """Name and settings of the cleaning that all sequences went through, empty where it is not known.

        ``preprocessing`` is what others had done to them before, where that is known.
        """
        settings = self.info["provenance"].get("settings", {})
        known = ("clean", "preprocessing")
        return {key: value for key, value in settings.items() if key.partition(".")[0] in known}

    def __reduce__(self) -> tuple[Any, ...]:
        """Worker processes open the folder anew, and refuse another store in it."""
        return _opened_again, (type(self), self._arguments(), self.fingerprint)

    def _arguments(self) -> tuple[Any, ...]:
        return (self.path,)

    def positions(self, row: int) -> NDArray[np.float32]:
        """(T, M, V, C) positions of a sequence, NaN where not observed, read-only.

        Raises:
            FileError: the file was damaged, shortened or replaced.
        """
        return self.stored(row).astype(np.float32, copy=False)

    def stored(self, row: int) -> NDArray[np.floating]:
        """``positions`` as they are on disk, float32 or float16."""
        shard, start, frames, people = self._places[row]
        data = self._rows(shard, "positions", start, frames * people)
        if not self._checked[row]:
            self._compare(row, data)
        shape = (frames, people, self._joints, self.coordinates)
        return np.frombuffer(data, dtype=self._dtype).reshape(shape)

    @property
    def title(self) -> str:
        """For messages."""
        return f"store {self.path}"

    def clip(self, index: int) -> Clip:
        """One sequence as a clip, positions as they are on disk."""
        tags = {name: self.columns[name][index] for name in self.tags}
        fps, label = float(self.columns["fps"][index]), int(self.labels[index])
        return Clip(self.stored(index), self.confidence(index), fps, label, tags)

    def confidence(self, row: int) -> NDArray[np.float32] | None:
        """(T, M, V) how sure the recorder was of each joint, 0 to 1, read-only; None where it did not say.

        Raises:
            FileError: the file was damaged, shortened or replaced.
        """
        data = self._confidence_bytes(row)
        if data is None:
            return None
        if not self._checked[row]:
            self.stored(row)  # which compares both
        _, _, frames, people = self._places[row]
        values = np.frombuffer(data, dtype=store_format.CONFIDENCE).reshape(frames, people, self._joints)
        return values.astype(np.float32)

    def sequence(self, row: int) -> Sequence:
        """One sequence with its name, label, tags and confidence (the recorder's tracks are not kept)."""
        values = {name: column[row] for name, column in self.columns.items()}
        tags = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in values.items()
            if name in self.tags and value is not np.ma.masked
        }
        return Sequence(
            positions=self.positions(row),
            confidence=self.confidence(row),
            skeleton=self.skeleton,
            fps=float(values["fps"]),
            name=str(values["name"]),
            label=str(values["label"]) or None,
            tags=tags,
            unit=self.unit,
            up=self.up,
            provenance=tuple(self.info["steps"][values["steps"]]),
            segments=self.segments(row),
        )

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """Names of the columns that are tags."""
        return tuple(name for name in self.columns if store_format.is_tag(name))

    def segments(self, row: int) -> tuple[Segment, ...]:
        """The segments of a sequence; none where it is a clip."""
        if "segments" not in self.columns:
            return ()
        return tuple(Segment(*one) for one in json.loads(str(self.columns["segments"][row])))

    def parts(self, split: str = "", hold_out: str = "") -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows to train on and rows to test on.

        Args:
            split: name of a split; empty: every sequence is for training.
            hold_out: a tag and its values, such as ``camera=2`` or ``subject=3,5``: of the training rows those
                with these values become the test rows, and the true test rows are not touched. For choosing
                settings honestly.

        Raises:
            UserError: unknown split, tag or value; nothing left to train on.
        """
        train, test = np.arange(len(self)), np.arange(0)
        if split:
            if split not in self.splits:
                raise unknown(f"split of {self.path}:", split, self.splits)
            part = self.columns[f"split_{split}"]
            train, test = np.flatnonzero(part == "train"), np.flatnonzero(part == "test")
        if hold_out:
            train, test = self._hold_out(train, hold_out)
        if len(train) == 0:
            raise UserError(
                f"store {self.path}: no sequence is left to train on (split {split!r}, hold_out {hold_out!r})"
            )
        return train, test

    def verify(self) -> None:
        """Read everything and compare it with the checksums.

        Raises:
            FileError: the first file that is not what was written.
        """
        self._check_index()
        for number in range(len(self.info["shards"])):
            for kind, entry, shape, dtype in self._files_of(number):
                size = entry["rows"] * int(np.prod(shape)) * dtype.itemsize
                digest, _ = store_format.digest_of_rows(self.path / entry["file"], size)
                if digest.hexdigest() != entry["sha256"]:
                    raise FileError(self.path / entry["file"], CHANGED)
                self._reader(number, kind).check_header(entry["rows"], shape, dtype, self.info["complete"])
        contents = [self.info[key] for key in store_format.CONTENTS]
        if store_format.fingerprint(contents, self.columns) != self.fingerprint:
            raise FileError(self.path / store_format.INFO, CHANGED)

    def _check_index(self) -> None:
        index = self.path / self.info["index"]["file"]
        if index.is_file() and checksum(index) != self.info["index"]["sha256"]:
            raise FileError(index, CHANGED)

    def _read_columns(self) -> dict[str, NDArray[Any]]:
        """The table with text as numpy text."""
        path = self.path / self.info["index"]["file"]
        self._check_index()
        columns = store_format.read_table(path)
        own = store_format.OWN_COLUMNS if self.info["version"] > 1 else store_format.COLUMNS_1
        absent = [name for name in own if name not in columns]
        absent += [f"split_{name}" for name in self.splits if f"split_{name}" not in columns]
        if absent:
            raise FileError(path, f"column {absent[0]} is missing; import again with --overwrite")
        found = {name: _with_text(column) for name, column in columns.items()}
        if len(found["name"]) != self.info["sequences"]:
            counts = f"{len(found['name'])} sequences, {store_format.INFO} says {self.info['sequences']}"
            raise FileError(path, f"{counts}; import again with --overwrite")
        return found

    def _files_of(self, number: int) -> list[tuple[str, dict[str, Any], tuple[int, ...], np.dtype[Any]]]:
        """Kind, entry, shape of a row and type of each file of a shard."""
        shard = self.info["shards"][number]
        files: list[tuple[str, dict[str, Any], tuple[int, ...], np.dtype[Any]]] = [
            ("positions", shard, (self._joints, self.coordinates), self._dtype)
        ]
        if "confidence" in shard:
            files.append(("confidence", shard["confidence"], (self._joints,), store_format.CONFIDENCE))
        return files

    def _check_places(self) -> None:
        """Refuse a table that points outside of the shards."""
        shards, sizes = self.columns["shard"], self.columns["frames"] * self.columns["people"]
        rows = np.array([shard["rows"] for shard in self.info["shards"]])
        bad = shards.min() < 0 or shards.max() >= len(rows) or self.columns["start"].min() < 0
        bad = bad or sizes.min() < 1 or bool((self.columns["start"] + sizes > rows[shards]).any())
        if not bad and self._confidence is not None:
            starts = self.columns[store_format.CONFIDENCE_START]
            known = np.array([shard.get("confidence", {"rows": 0})["rows"] for shard in self.info["shards"]])
            bad = bool(((starts >= 0) & (starts + sizes > known[shards])).any())
        if bad:
            raise FileError(self.path / self.info["index"]["file"], "rows point outside of the shards")

    def _check_shard(self, number: int) -> None:
        """Compare sizes and headers of a shard with ``store.json``; remember which files they are."""
        final = self.info["complete"]
        for kind, entry, shape, dtype in self._files_of(number):
            reader = ShardReader(self.path / entry["file"])
            status = reader.status
            expected = store_format.HEADER + entry["rows"] * int(np.prod(shape)) * dtype.itemsize
            if status.st_size < expected or (final and status.st_size > expected):
                sizes = f"{status.st_size} bytes, expected {expected}"
                raise FileError(reader.path, f"{sizes}; import again with --overwrite")
            reader.check_header(entry["rows"], shape, dtype, final)
            self._seen[number, kind] = status.st_dev, status.st_ino

    def _sample(self) -> None:
        """Compare some sequences of each shard, spread over it, with their checksums."""
        if self._sums is None:
            return
        shards = self.columns["shard"]
        for number in range(len(self.info["shards"])):
            rows = np.flatnonzero(shards == number)
            for place in np.unique(np.linspace(0, len(rows) - 1, SAMPLED).astype(int)) if len(rows) else ():
                Store.stored(self, int(rows[place]))

    def _reader(self, number: int, kind: str) -> ShardReader:
        """An open file of a shard, the same as when the store was opened."""
        reader = self._open.get((number, kind))
        if reader is not None:
            return reader
        shard = self.info["shards"][number]
        reader = ShardReader(self.path / (shard if kind == "positions" else shard[kind])["file"])
        status = reader.status
        if (status.st_dev, status.st_ino) != self._seen[number, kind]:
            raise FileError(reader.path, "replaced while the store was open; start again")
        while len(self._open) >= MOST_OPEN:
            self._open.pop(next(iter(self._open)), None)
        self._open[number, kind] = reader
        return reader

    def _rows(self, number: int, kind: str, start: int, count: int) -> bytes:
        """The bytes of rows of a file."""
        if kind == "positions":
            size = self._joints * self.coordinates * self._dtype.itemsize
        else:
            size = self._joints * store_format.CONFIDENCE.itemsize
        return self._reader(number, kind).read(store_format.HEADER + start * size, count * size)

    def _confidence_bytes(self, row: int) -> bytes | None:
        if self._confidence is None or (start := self._confidence[row]) < 0:
            return None
        shard, _, frames, people = self._places[row]
        return self._rows(shard, "confidence", start, frames * people)

    def _compare(self, row: int, positions: bytes) -> None:
        """Compare a sequence with its checksum, once; a store of version 1 has none."""
        if self._sums is not None:
            found = zlib.crc32(self._confidence_bytes(row) or b"", zlib.crc32(positions))
            if found != self._sums[row]:
                file = self.path / self.info["shards"][self._places[row][0]]["file"]
                raise FileError(file, f"sequence {str(self.columns['name'][row])!r} {CHANGED}")
        self._checked[row] = 1

    def _hold_out(self, train: NDArray[np.int64], words: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        tag, equals, text = words.partition("=")
        if not equals or not text:
            raise UserError(f"hold_out {words!r}: expected a tag and its values, such as subject=3,5")
        if tag not in self.tags:
            raise unknown(f"tag of {self.path}:", tag, self.tags)
        values = np.array([str(value) for value in self.columns[tag][train].tolist()])
        wanted = [value.strip() for value in text.split(",")]
        for value in wanted:
            if value not in values:
                raise unknown(tag, value, np.unique(values).tolist())
        held = np.isin(values, wanted)
        return train[~held], train[held]


def _opened_again(kind: type[Store], arguments: tuple[Any, ...], fingerprint: str) -> Store:
    """The same store in another process."""
    store = kind(*arguments)
    if store.fingerprint != fingerprint:
        raise UserError(f"store {store.path} was rewritten while it was in use; start again")
    return store


def _with_text(column: NDArray[Any]) -> NDArray[Any]:
    """Text as numpy text instead of objects; a gap in it stays masked."""
    if column.dtype != object:
        return column
    if isinstance(column, np.ma.MaskedArray):
        return np.ma.masked_array(column.filled("").astype(str), np.ma.getmaskarray(column))
    return column.astype(str)

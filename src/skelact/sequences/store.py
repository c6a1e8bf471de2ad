"""Store: sequences on disk, open to anyone with numpy and a table library.

``positions-00000.npy`` ... hold (rows, V, C), the frames of all sequences one after another; a sequence of T
frames and M people has T * M rows, frame by frame, in each frame person by person. ``index.parquet`` has a row
per sequence, ``store.json`` the rest. ``sha256`` of a shard is that of its numbers, without the ``.npy`` header.
"""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError, UserError, unknown
from skelact.sequences import format as layout
from skelact.sequences.clips import Clip
from skelact.sequences.sequence import Segment, Sequence
from skelact.sequences.writer import SplitRule, StoreWriter
from skelact.skeletons import Skeleton

__all__ = ["SplitRule", "Store", "StoreWriter"]


class Store:
    """A store opened for reading; cheap to open, to pickle and to read single sequences from.

    Attributes:
        path: the folder.
        info: what ``store.json`` says.
        skeleton: layout of all sequences.
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
        self.info: dict[str, Any] = layout.read_info(self.path)
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
        self._check_shards()
        self._open: dict[int, NDArray[Any]] = {}
        places = [self.columns[key].tolist() for key in ("shard", "start", "frames", "people")]
        self._places = list(zip(*places, strict=True))  # plain numbers: read once per clip

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
                "Run the same import again; it goes on where it stopped"
            )

    @property
    def cleaning(self) -> dict[str, Any]:
        """Name and settings of the cleaning that all sequences went through, empty where it is not known.

        ``preprocessing`` is what others had done to them before, where that is known.
        """
        settings = self.info["provenance"].get("settings", {})
        known = ("clean", "preprocessing")
        return {key: value for key, value in settings.items() if key.partition(".")[0] in known}

    def __reduce__(self) -> tuple[type["Store"], tuple[Path]]:
        """Worker processes open the folder anew."""
        return Store, (self.path,)

    def positions(self, row: int) -> NDArray[np.float32]:
        """(T, M, V, C) positions of a sequence, NaN where not measured, read-only.

        Memory-mapped and without a copy where the store is float32.
        """
        return self.stored(row).astype(np.float32, copy=False)

    def stored(self, row: int) -> NDArray[np.floating]:
        """``positions`` as they are on disk, float32 or float16, memory-mapped, without a copy."""
        shard, start, frames, people = self._places[row]
        numbers = self._open.get(shard)
        if numbers is None:
            numbers = self._open_shard(shard)
        block = numbers[start : start + frames * people]
        return block.reshape(frames, people, *block.shape[1:])

    @property
    def title(self) -> str:
        """For messages."""
        return f"store {self.path}"

    def clip(self, index: int) -> Clip:
        """One sequence as a clip, positions as they are on disk."""
        tags = {name: self.columns[name][index] for name in self.tags}
        return Clip(self.stored(index), None, float(self.columns["fps"][index]), int(self.labels[index]), tags)

    def let_go(self) -> None:
        """Close the mapped files; they are opened again when they are asked for.

        The system counts what was read of a mapped file as memory of the process. Arrays handed out before stay.
        """
        self._open.clear()

    def sequence(self, row: int) -> Sequence:
        """One sequence with its name, label and tags (the recorder's confidence and tracks are not kept)."""
        values = {name: column[row] for name, column in self.columns.items()}
        tags = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in values.items()
            if name in self.tags and value is not np.ma.masked
        }
        return Sequence(
            positions=self.positions(row),
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
        return tuple(name for name in self.columns if layout.is_tag(name))

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
        again = "changed since it was written; import again with --overwrite"
        index = self.path / self.info["index"]["file"]
        if layout.digest_of_file(index) != self.info["index"]["sha256"]:
            raise FileError(index, again)
        for shard in self.info["shards"]:
            digest, _ = layout.digest_of_rows(self.path / shard["file"], self._bytes(shard["rows"]))
            if digest.hexdigest() != shard["sha256"]:
                raise FileError(self.path / shard["file"], again)
        for number in range(len(self.info["shards"])):
            self._open_shard(number)
        contents = [self.info[key] for key in layout.CONTENTS]
        if layout.fingerprint(contents, self.columns) != self.fingerprint:
            raise FileError(self.path / layout.INFO, again)

    def _read_columns(self) -> dict[str, NDArray[Any]]:
        """The table with text as numpy text."""
        path = self.path / self.info["index"]["file"]
        columns = layout.read_table(path)
        absent = [name for name in layout.OWN_COLUMNS if name not in columns]
        absent += [f"split_{name}" for name in self.splits if f"split_{name}" not in columns]
        if absent:
            raise FileError(path, f"column {absent[0]} is missing; import again with --overwrite")
        found = {name: _with_text(column) for name, column in columns.items()}
        if len(found["name"]) != self.info["sequences"]:
            counts = f"{len(found['name'])} sequences, {layout.INFO} says {self.info['sequences']}"
            raise FileError(path, f"{counts}; import again with --overwrite")
        return found

    def _bytes(self, rows: int) -> int:
        return int(rows * self._joints * self.coordinates * np.dtype(self.info["dtype"]).itemsize)

    def _check_shards(self) -> None:
        for shard in self.info["shards"]:
            path = self.path / shard["file"]
            expected = layout.HEADER + self._bytes(shard["rows"])
            if not path.is_file():
                raise FileError(path, "the file is missing; import again with --overwrite")
            if path.stat().st_size < expected:
                short = f"{path.stat().st_size} bytes, expected {expected}"
                raise FileError(path, f"{short}; import again with --overwrite")
        ends = self.columns["start"] + self.columns["frames"] * self.columns["people"]
        rows = np.array([shard["rows"] for shard in self.info["shards"]])
        shards = self.columns["shard"]
        if shards.min() < 0 or shards.max() >= len(rows) or (ends > rows[shards]).any():
            raise FileError(self.path / self.info["index"]["file"], "rows point outside of the shards")

    def _open_shard(self, number: int) -> NDArray[Any]:
        shard = self.info["shards"][number]
        path = self.path / shard["file"]
        try:
            mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise FileError(path, f"not a .npy file ({error}); import again with --overwrite") from error
        expected = (self._joints, self.coordinates)
        if mapped.shape[1:] != expected or mapped.dtype != self.info["dtype"] or len(mapped) < shard["rows"]:
            raise FileError(path, f"holds {mapped.dtype} {mapped.shape}, expected {(shard['rows'], *expected)}")
        self._open[number] = np.asarray(mapped)  # a plain array over the same memory: slicing it is cheaper
        return self._open[number]

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


def _with_text(column: NDArray[Any]) -> NDArray[Any]:
    """Text as numpy text instead of objects; a gap in it stays masked."""
    if column.dtype != object:
        return column
    if isinstance(column, np.ma.MaskedArray):
        return np.ma.masked_array(column.filled("").astype(str), np.ma.getmaskarray(column))
    return column.astype(str)

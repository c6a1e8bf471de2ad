"""Where an import gets its sequences from: units of files, a benchmark, generated people, preprocessed arrays."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from skelact.datasets import get_dataset
from skelact.datasets.dataset import Dataset, LeftOut, Listing
from skelact.datasets.files import without
from skelact.datasets.synthetic import make_movers
from skelact.errors import FileError, UserError
from skelact.importing.arrays import ARRAY_FORMATS, Chunk, Preprocessed
from skelact.importing.arrays.preprocessed import open_arrays
from skelact.importing.labels import SPLIT, Table, find_row, names_of
from skelact.readers import READERS, Reader, Unit, add_reader, added_readers, find_units, get_reader, read_units
from skelact.runtime.processes import in_order
from skelact.sequences import Sequence
from skelact.sequences.cleaning import Cleaning, get_cleaning
from skelact.sequences.sequence import Tag

FEW_FILES = 48  # so few are read in this process: to start others takes longer
FEW_BYTES = 64 << 20  # but not when all together are larger than this
CHUNK = 16  # units per task of a process
CHUNK_BYTES = 16 << 20  # or fewer, when all together are larger than this

Outcome = Sequence | LeftOut  # a sequence, or what is left out and why


@dataclass(frozen=True)
class Job:
    """How one unit becomes cleaned sequences; sent to the reading processes.

    Args:
        root: folder that paths are relative to.
        dataset: name of the benchmark; empty: the readers read.
        options: of the reader.
        clean: name of a recipe, or settings.
        by_folder: whether a unit's folder names the action.
        table: labels and tags by name; None: there is no table.
        untrimmed: whether long recordings stay whole.
        several: whether the name of a recording begins with the name of its file.
        readers: those from ``add_reader``, which other processes do not know.
    """

    root: Path
    dataset: str
    options: Mapping[str, Any]
    clean: str | Cleaning
    by_folder: bool = False
    table: Table | None = None
    untrimmed: bool = False
    several: bool = False
    readers: tuple[Reader, ...] = ()

    def outcomes(self, unit: Unit, format: str | None) -> Iterator[Outcome]:
        """The outcomes of a unit, one by one. A strange file must not end a long import."""
        try:
            for one in self._read(unit, format):
                if isinstance(one, Sequence):
                    yield from self._parts(unit.path, one)
                else:
                    yield one if isinstance(one, LeftOut) else left_out(unit.path, one)
        except Exception as error:
            yield left_out(unit.path, error)

    def cleaned(self, sequence: Sequence) -> Sequence:
        """The sequence as it goes into the store."""
        clean = get_cleaning(self.clean) if isinstance(self.clean, str) else self.clean
        return clean(sequence)

    def clips(self, sequence: Sequence) -> list[Outcome]:
        """A clip of preprocessed arrays, cleaned, or why it is left out."""
        return list(self._parts(self.root / str(sequence.tags["source"]), sequence))

    def source(self, path: Path) -> str:
        """The path within the source; one that begins with ``..`` where it lies outside, as labels may."""
        return os.path.relpath(path, self.root).replace(os.sep, "/")

    def _parts(self, path: Path, sequence: Sequence) -> Iterator[Outcome]:
        """The sequence, or its clips where it has segments, cleaned."""
        cut = sequence.segments and not self.untrimmed
        for part in sequence.clips() if cut else (sequence,):
            try:
                yield self.cleaned(part).described(track=None)  # no store has it
            except UserError as error:
                yield left_out(path, error)

    def _read(self, unit: Unit, format: str | None) -> Iterator[Outcome | FileError]:
        source = self.source(unit.path)
        if self.dataset:
            for one in get_dataset(self.dataset).all_in(unit.path):
                if isinstance(one, Sequence):
                    one = one.described(tags={**one.tags, "source": source})
                yield one
            return
        for reader in self.readers:
            add_reader(reader)
        many = may_be_many(unit, format)
        for found in read_units([(unit, format)], self.options):
            yield found if isinstance(found, FileError) else self._described(unit, source, found, many)

    def _described(self, unit: Unit, source: str, sequence: Sequence, many: bool) -> Sequence:
        """The sequence with its name in the source, and with label and tags from folder or table."""
        name = stem = source.removesuffix(unit.path.suffix) if unit.is_file else source
        if many:
            name = f"{stem}/{sequence.name}" if self.several else sequence.name
        tags: dict[str, Tag] = {**sequence.tags, "source": source}
        number = tags.pop("label", "")  # some formats have a number instead of a name
        label = sequence.label or str(number) or None
        if self.by_folder:
            label = unit.path.parent.name
        if self.table is not None:
            names = (name, sequence.name) if many else names_of(self.root, source, name)
            row = find_row(self.table, names)
            label = row.pop("label", "") or None
            tags = {**{key: value for key, value in row.items() if value or not is_split(key)}, **tags}
        return sequence.described(name=name, label=label, tags=tags)


def is_split(tag: str) -> bool:
    """Whether a tag names the part of a split that a recording is in; see ``Reader.read``."""
    return tag.startswith(SPLIT)


def split_of(tag: str) -> str:
    """Name of the split of such a tag."""
    return tag.removeprefix(SPLIT)


def part_in(split: str, tags: Mapping[str, Tag]) -> str | None:
    """The part of a split that the tags name; None where they do not."""
    part = tags.get(SPLIT + split)
    return None if part is None else str(part)


def may_be_many(unit: Unit, format: str | None) -> bool:
    """Whether a unit can hold many recordings, by its format or its name."""
    if format:
        return get_reader(format).many
    name = unit.path.name.lower()
    return any(reader.many and name.endswith(reader.suffixes) for reader in READERS.values())


def left_out(path: Path, error: Exception) -> LeftOut:
    """The file at fault (the given one, or one beside it) and the reason, without the name of the file."""
    if isinstance(error, FileError):
        where = f"line {error.line}: " if error.line is not None else ""
        return LeftOut(error.path, f"{where}{error.reason}")
    if isinstance(error, UserError):
        return LeftOut(path, str(error))
    fault = f"{type(error).__name__}: {error} (unexpected; a fault of skelact, please report it)"
    return LeftOut(path, fault)


@dataclass(frozen=True)
class Plan:
    """What is to be imported.

    Args:
        data: the data set, if it is one.
        job: how a unit becomes sequences.
        source: what the user named.
        listing: the files, and those left out.
        settings: plain values; only a store made with the same ones is continued.
        total: number of units, or of clips that are generated or in arrays.
        units: each with its format; None: found from its content.
        seed: of the clips that are generated; None where files are read.
        arrays: the preprocessed arrays whose clips are taken; None where files are read.
    """

    data: Dataset | None
    job: Job
    source: str
    listing: Listing
    settings: dict[str, Any]
    total: int
    units: tuple[tuple[Unit, str | None], ...] = ()
    seed: int | None = None
    arrays: Preprocessed | None = None

    def outcomes(self, done: int, processes: int) -> Iterator[Iterable[Outcome]]:
        """The outcomes of each unit or clip, in order, from number ``done`` on."""
        if self.arrays is not None:
            return _outcomes_of_arrays(self.job, self.arrays, done, processes)
        if self.seed is not None:
            spans = [(start, min(start + CHUNK, self.total)) for start in range(done, self.total, CHUNK)]
            processes = processes if self.total - done > FEW_FILES else 1
            return in_order(_make_chunk, [(self.job, self.seed, *span) for span in spans], processes)
        units = self.units[done:]
        if not self.job.dataset and any(may_be_many(*one) for one in units):
            return (self.job.outcomes(*one) for one in units)  # a unit may give too many to hold at once
        sizes = [sum(path.stat().st_size for path in unit.files) for unit, _ in units]
        few = len(units) <= FEW_FILES and sum(sizes) <= FEW_BYTES
        chunks = [units[start:end] for start, end in _spans(sizes)]
        return in_order(_read_chunk, [(self.job, chunk) for chunk in chunks], 1 if few else processes)


def plan_files(
    source: Path | None,
    out: Path,
    data: Dataset | None,
    format: str | None,
    missing: Path | None,
    job: Job,
    settings: dict[str, Any],
) -> Plan:
    """The plan for files of a benchmark, or of any format.

    Args:
        source: what the user named.
        out: folder of the store.
        data: the benchmark; None: whatever can be read.
        format: name of a reader; None: found from the files.
        missing: text file that names clips to leave out.
        job: completed here.
        settings: completed here.

    Raises:
        UserError: nothing to import.
    """
    given = check_source(source, out)
    if data is not None:
        listing = data.find(given) if given.is_dir() else Listing((given,))
        units: dict[Path, tuple[Unit, str | None]] = {path: (Unit.of_file(path), None) for path in listing.files}
    else:
        units, listing = _find_readable(given, format)
    if missing is not None:
        listing = without(listing, missing)
    taken = tuple(units[path] for path in listing.files)
    root = given if given.is_dir() and given not in units else Path(os.path.abspath(given)).parent
    job = replace(job, root=root, several=len(taken) > 1, readers=added_readers())
    files = (*(path for unit, _ in taken for path in unit.files), *listing.beside)
    found = {"files": len(taken), "names_and_sizes": _digest(job, files)}
    return Plan(data, job, str(given), listing, settings | found, len(taken), taken)


def plan_movers(data: Dataset | None, job: Job, clips: int, seed: int, settings: dict[str, Any]) -> Plan:
    """The plan for clips of generated people."""
    return Plan(data, job, "", Listing(()), settings | {"clips": clips, "seed": seed}, clips, seed=seed)


def plan_arrays(
    source: Path | None,
    out: Path,
    data: Dataset | None,
    format: str,
    job: Job,
    settings: dict[str, Any],
) -> Plan:
    """The plan for preprocessed arrays; errors as in ``open_arrays``."""
    given = check_source(source, out)
    arrays = open_arrays(ARRAY_FORMATS[format], given, data, job.options)
    job = replace(job, root=given if given.is_dir() else given.parent)
    more = {
        "preprocessing": arrays.format.preprocessing,
        "split": arrays.split,
        "clips": arrays.clips,
        "names_and_sizes": _digest(job, arrays.files),
    }
    return Plan(data, job, str(given), Listing(()), settings | more, arrays.clips, arrays=arrays)


def check_source(source: Path | None, out: Path) -> Path:
    """The source, once it is found and does not hold the store."""
    if source is None:
        raise UserError("which files? Name a file or a folder: skelact import SOURCE -o STORE")
    source = Path(source)
    if not source.exists():
        raise UserError(f"{source} not found")
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise UserError(f"the store {out} would lie among its source {source}; choose a folder elsewhere")
    return source


def _find_readable(given: Path, format: str | None) -> tuple[dict[Path, tuple[Unit, str | None]], Listing]:
    """The readable units of a folder, or the one file, by path; and the listing of them."""
    found = find_units(given, format)
    units = {unit.path: (unit, name) for unit, name in found.units}
    if not units:
        readers = [get_reader(format)] if format else list(READERS.values())
        suffixes = sorted({suffix for reader in readers for suffix in reader.suffixes})
        raise UserError(f"{given} holds no file that can be read ({', '.join(suffixes)})")
    caveats = (f"{found.others} files with other endings were not looked at.",) if found.others else ()
    return units, Listing(tuple(units), (), caveats)


def _spans(sizes: list[int]) -> Iterator[tuple[int, int]]:
    """First unit of each chunk and one past its last; chunks are limited in number and size of files."""
    start, total = 0, 0
    for number, size in enumerate(sizes):
        if number > start and (number - start == CHUNK or total + size > CHUNK_BYTES):
            yield start, number
            start, total = number, 0
        total += size
    if start < len(sizes):
        yield start, len(sizes)


def _digest(job: Job, files: tuple[Path, ...]) -> str:
    """Short hex of names and sizes, by which a changed source is noticed."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{job.source(path)}\0{path.stat().st_size}\0".encode())
    return digest.hexdigest()[:16]


def _make_chunk(job: Job, seed: int, first: int, last: int) -> list[list[Outcome]]:
    return [[job.cleaned(one)] for one in make_movers(last, seed, first=first)]


def _read_chunk(job: Job, units: tuple[tuple[Unit, str | None], ...]) -> list[list[Outcome]]:
    return [list(job.outcomes(*one)) for one in units]


def _outcomes_of_arrays(job: Job, arrays: Preprocessed, done: int, processes: int) -> Iterator[list[Outcome]]:
    if arrays.compressed:  # rows come in order, so processes cannot share them
        for chunk, rows in arrays.in_order(done, CHUNK):
            yield from _take_chunk(job, chunk, rows)
        return
    tasks = [(job, chunk) for chunk in arrays.chunks(done, CHUNK)]
    yield from in_order(_take_chunk, tasks, processes if arrays.clips - done > FEW_FILES else 1)


def _take_chunk(job: Job, chunk: Chunk, rows: NDArray[Any] | None = None) -> list[list[Outcome]]:
    return [[one] if isinstance(one, LeftOut) else job.clips(one) for one in chunk.sequences(rows)]

"""Importing: files -> cleaned sequences -> a store, in several processes, going on after an interruption."""

import csv
import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from skelact import __version__
from skelact.datasets.dataset import Check, Dataset, LeftOut, Listing
from skelact.datasets.files import without
from skelact.errors import FileError, UserError
from skelact.importing.arrays import PACKS, Chunk, Pack
from skelact.importing.arrays.preprocessed import open_pack
from skelact.importing.inventory import check_store
from skelact.runtime.processes import in_order
from skelact.sequences import Sequence
from skelact.sequences import format as layout
from skelact.sequences.cleaning import Cleaning, get_cleaning
from skelact.sequences.sequence import Tag
from skelact.sequences.store import Store, StoreWriter, WriteError
from skelact.sequences.writer import tidy
from skelact.settings import to_dict

FEW_FILES = 48  # so few are read in this process: starting others would take longer
FEW_BYTES = 64 << 20  # and not when they are larger than this together
CHUNK = 16  # files that a process is given at a time
CHUNK_BYTES = 16 << 20  # or fewer, when they are larger than this together
FIRST_COMMIT, LAST_COMMIT = 1.0, 60.0  # seconds between commits: doubled each time up to the last
COMMIT_SHARE = 0.05  # of the time may go to commits: each writes the table of all sequences anew

Progress = Callable[[int, int], None]
Outcome = Sequence | LeftOut  # a sequence of a file, or what is left out and why


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Args:
        store: folder of the store.
        imported: number of sequences in it.
        left_out: files that were not taken, and why.
        labels: number of sequences of each class, in the order of the classes; "" where unknown.
        splits: for each split the number of sequences of each part.
        check: comparison with the published counts of the data set; None where there is no data set.
        notes: what the user should know beside that, whole sentences.
    """

    store: Path
    imported: int
    left_out: tuple[LeftOut, ...]
    labels: Mapping[str, int]
    splits: Mapping[str, Mapping[str, int]]
    check: Check | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Job:
    """How one file becomes cleaned sequences; sent to the reading processes."""

    root: Path
    dataset: str
    format: str | None
    options: Mapping[str, Any]
    clean: str | Cleaning
    by_folder: bool = False
    table: Mapping[str, Mapping[str, str]] | None = None
    untrimmed: bool = False

    def outcomes(self, path: Path) -> list[Outcome]:
        """All that comes of a file. One strange file must not end a long import."""
        found: list[Outcome] = []
        try:
            for one in self._read(path):
                found += [one] if isinstance(one, LeftOut) else self._parts(path, one)
        except Exception as error:
            found.append(_left_out(path, error))
        return found

    def cleaned(self, sequence: Sequence) -> Sequence:
        clean = get_cleaning(self.clean) if isinstance(self.clean, str) else self.clean
        return clean(sequence)

    def clips(self, sequence: Sequence) -> list[Outcome]:
        """A clip of a pack, cleaned, or why there is none."""
        return list(self._parts(self.root / str(sequence.tags["source"]), sequence))

    def source(self, path: Path) -> str:
        """The path within the source; one that begins with ``..`` where it lies outside, as labels may."""
        return os.path.relpath(path, self.root).replace(os.sep, "/")

    def _parts(self, path: Path, sequence: Sequence) -> Iterator[Outcome]:
        """The sequence, or its clips where it has segments, cleaned."""
        cut = sequence.segments and not self.untrimmed
        for part in sequence.clips() if cut else (sequence,):
            try:
                yield self.cleaned(part).described(track=None)  # no store has them
            except UserError as error:
                yield _left_out(path, error)

    def _read(self, path: Path) -> Iterable[Outcome]:
        source = self.source(path)
        data = _dataset(self.dataset)
        if data:
            for one in data.all_in(path):
                if isinstance(one, Sequence):
                    one = one.described(tags={**one.tags, "source": source})
                yield one
            return
        from skelact.readers import read

        sequence = read(path, self.format, **self.options)
        name = source.removesuffix(path.suffix)
        tags: dict[str, Tag] = {**sequence.tags, "source": source}
        number = tags.pop("label", "")  # some formats carry a number, and no name
        label = sequence.label or str(number) or None
        if self.by_folder:
            label = path.parent.name
        if self.table is not None:
            row = dict(self.table.get(source) or self.table.get(name) or self.table.get(path.stem) or {})
            label = row.pop("label", "") or None
            tags = {**row, **tags}
        yield sequence.described(name=name, label=label, tags=tags)


def _left_out(path: Path, error: Exception) -> LeftOut:
    """Why a file, or the one beside it that is to blame, is left out; its name not repeated."""
    if isinstance(error, FileError):
        where = f"line {error.line}: " if error.line is not None else ""
        return LeftOut(error.path, f"{where}{error.reason}")
    if isinstance(error, UserError):
        return LeftOut(path, str(error))
    fault = f"{type(error).__name__}: {error} (unexpected; a fault of skelact, please report it)"
    return LeftOut(path, fault)


def import_recordings(
    source: Path | None,
    out: Path,
    *,
    dataset: str = "",
    format: str | None = None,
    options: Mapping[str, Any] | None = None,
    clean: str | Cleaning = "",
    label_from: str = "none",
    missing: Path | None = None,
    clips: int = 2000,
    seed: int = 0,
    processes: int = 0,
    overwrite: bool = False,
    half: bool = False,
    untrimmed: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Read recordings, clean them and put them in a store.

    Files that cannot be read are left out, with the reason. An import that was interrupted goes on where it
    stopped when it is called again with the same source and settings.

    Args:
        source: a file or a folder of files; None for data sets that are generated.
        out: folder of the store.
        dataset: name of the data set that the files are; empty: any readable files.
        format: name of a reader; None: found from the file. Without a data set only. Or name of a pack: the
            source holds arrays that somebody preprocessed, of the data set if one is named.
        options: what the reader needs to know, such as the axes of an array, or which split a pack is.
        clean: name of a recipe in ``CLEANINGS``, or settings; empty: "default", and "none" for packs.
        label_from: "none", "folder" (the folder of a file names the action) or a CSV file with columns name and
            label; its other columns become tags. Without a data set only.
        missing: text file that names clips to leave out, such as the published list of missing skeletons.
        clips: number of sequences, for a data set that is generated.
        seed: of the random numbers, for a data set that is generated.
        processes: that read; 0: one per core.
        overwrite: replace the store that is there.
        half: store float16 instead of float32; for centred positions only.
        untrimmed: long recordings stay whole and keep their segments; their clips are taken otherwise.
        progress: called with (files done, files in all).

    Raises:
        UserError: nothing to import; the store is there and holds something else; settings that cannot be.
    """
    out = Path(out)
    data = _dataset(dataset)
    clean = clean or ("none" if format in PACKS else "default")
    _check_settings(data, clean, half, format, options, label_from)
    settings = {
        "skelact": __version__,
        "dataset": dataset,
        "format": format or "",
        "options": {key: str(value) for key, value in (options or {}).items()},
        **described(clean),
        "label_from": label_from,
        "half": half,
        **({"untrimmed": True} if untrimmed else {}),
    }
    if dataset == "movers":
        plan = _plan_movers(data, clean, clips, seed, settings)
    elif format in PACKS:
        if missing is not None:
            raise UserError(f"--missing is for single files; clips of {format} arrays are all taken")
        plan = _plan_pack(source, out, data, format, options or {}, clean, settings)
    else:
        table = None if label_from in ("none", "folder") else _read_labels(Path(label_from))
        by_folder = label_from == "folder"
        root, listing = _find(source, out, data, format)
        if missing is not None:
            listing = without(listing, missing)
        job = _Job(root, dataset, format, options or {}, clean, by_folder, table, untrimmed)
        plan = _plan_files(data, job, str(source), listing, settings)
    try:
        run = _Import(out, plan, overwrite, half)
        if not run.complete:
            run.take(processes or os.cpu_count() or 1, progress)
    except OSError as error:  # of the store they are a WriteError
        where = error.filename or plan.source or "the import"
        raise UserError(f"{where}: {error.strerror or error}. Run the same command again to go on") from error
    return run.report()


@dataclass(frozen=True)
class _Plan:
    """What is to be imported.

    Args:
        data: the data set, if it is one.
        job: how a file becomes a sequence.
        source: what the user named.
        listing: the files, and those that are none.
        settings: what a store must have been made with to be gone on with; plain values.
        total: number of files, or of generated clips.
        seed: of the clips that are generated; None where files are read.
        pack: the preprocessed arrays whose clips are taken; None where files are read.
    """

    data: Dataset | None
    job: _Job
    source: str
    listing: Listing
    settings: dict[str, Any]
    total: int
    seed: int | None = None
    pack: Pack | None = None

    def outcomes(self, done: int, processes: int) -> Iterator[list[Outcome]]:
        """What comes of each file, or clip that is generated or of a pack, from number ``done`` on, in order."""
        if self.pack is not None:
            return _outcomes_of_pack(self.job, self.pack, done, processes)
        if self.seed is not None:
            spans = [(start, min(start + CHUNK, self.total)) for start in range(done, self.total, CHUNK)]
            processes = processes if self.total - done > FEW_FILES else 1
            return in_order(_make_chunk, [(self.job, self.seed, *span) for span in spans], processes)
        files = self.listing.files[done:]
        sizes = [path.stat().st_size for path in files]
        few = len(files) <= FEW_FILES and sum(sizes) <= FEW_BYTES
        chunks = [files[start:end] for start, end in _spans(sizes)]
        return in_order(_read_chunk, [(self.job, chunk) for chunk in chunks], 1 if few else processes)


def _plan_files(data: Dataset | None, job: _Job, source: str, listing: Listing, settings: dict[str, Any]) -> _Plan:
    digest = _digest(job, (*listing.files, *listing.beside))
    files = {"files": len(listing.files), "names_and_sizes": digest}
    return _Plan(data, job, source, listing, settings | files, len(listing.files))


def _plan_movers(
    data: Dataset | None, clean: str | Cleaning, clips: int, seed: int, settings: dict[str, Any]
) -> _Plan:
    job = _Job(Path(), "movers", None, {}, clean)
    return _Plan(data, job, "", Listing(()), settings | {"clips": clips, "seed": seed}, clips, seed)


def _plan_pack(
    source: Path | None,
    out: Path,
    data: Dataset | None,
    format: str,
    options: Mapping[str, Any],
    clean: str | Cleaning,
    settings: dict[str, Any],
) -> _Plan:
    source = _check_source(source, out)
    pack = open_pack(PACKS[format], source, data, options)
    job = _Job(source if source.is_dir() else source.parent, settings["dataset"], None, {}, clean)
    more = {
        "preprocessing": pack.format.preprocessing,
        "split": pack.split,
        "clips": pack.clips,
        "names_and_sizes": _digest(job, pack.files),
    }
    return _Plan(data, job, str(source), Listing(()), settings | more, pack.clips, pack=pack)


class _Import:
    """One import under way: the writer, what was left out, and when to commit."""

    def __init__(self, out: Path, plan: _Plan, overwrite: bool, half: bool) -> None:
        self.out, self.plan = out, plan
        self.failed: list[tuple[str, str]] = []  # source and reason
        self.done = (0, 0)  # files wholly taken, and how many sequences and failures came of them
        self.complete = False
        self.ctrl_c = _CtrlC()
        self.kept = (0, 0)  # files that count whatever happens, and bytes of the store
        if not overwrite and (out / layout.INFO).is_file():
            self._take_up(layout.read_info(out))
        if self.complete:
            tidy(out)
        else:
            self.writer = StoreWriter(out, half=half, overwrite=overwrite, resume=not overwrite)
            try:
                if self.writer.resumed is not None:  # another import may have gone on until the lock was ours
                    self._take_up(self.writer.resumed)
            except BaseException:
                self.writer.close()
                raise

    def _take_up(self, info: Mapping[str, Any]) -> None:
        """Go on with the store that is there, if it came from the same source with the same settings."""
        before = info["provenance"].get("settings", {})
        for key in sorted(before.keys() | self.plan.settings.keys()):
            if before.get(key) != self.plan.settings.get(key):
                there, now = (repr(given.get(key, "not given")) for given in (before, self.plan.settings))
                raise UserError(
                    f"{self.out} holds another import: {key} is {there} there and {now} now. "
                    "Choose another folder, or replace it: --overwrite"
                )
        self.failed = [(path, reason) for path, reason in info["provenance"]["left_out"]]
        files, outcomes = info["provenance"]["done"]
        self.done = (files, outcomes)
        self.kept = (files, self._bytes())
        self.complete = info["complete"]

    def _bytes(self) -> int:
        """Size of all files in the folder."""
        return sum(path.stat().st_size for path in self.out.iterdir())

    def take(self, processes: int, progress: Progress | None) -> None:
        """Write what comes; whatever happens, what has come is kept, as far as the disk takes it."""
        with self.writer, self.ctrl_c:
            try:
                self._take(processes, progress)
            except BaseException as error:
                with suppress(UserError):  # the first error is the one to show
                    if len(self.writer):
                        self._commit(complete=False)
                if not self.writer.committed:  # what is not in a store only fills the disk
                    with suppress(UserError):
                        self.writer.discard()
                if isinstance(error, WriteError):
                    raise WriteError(error.reason, self._kept(error.kept), error.mend) from error
                raise
            if not len(self.writer):
                self.writer.discard()
                first = f" The first: {self.failed[0][0]}: {self.failed[0][1]}" if self.failed else ""
                raise UserError(f"none of the {self.plan.total} files could be imported.{first}")

    def _kept(self, otherwise: str) -> str:
        """How much is in the store, how much room the rest will need, and how to go on; sentences."""
        files, size = self.kept
        if not self.writer.committed or not files:
            return otherwise
        more = size * (self.plan.total - files) / files / 1e6
        what = "clips" if self.plan.seed is not None or self.plan.pack else "files"
        kept = f"{files:,} of {self.plan.total:,} {what} are in it and are kept ({size / 1e6:,.1f} MB)"
        again = "Run the same command again afterwards: it goes on where it stopped."
        return f"{kept}; the rest needs about {more:,.1f} MB. {again}"

    def _take(self, processes: int, progress: Progress | None) -> None:
        pause = FIRST_COMMIT
        due = time.monotonic() + pause
        first, outcomes = self.done
        known = self._taken - outcomes  # of the file in which an earlier import stopped
        if progress:
            progress(first, self.plan.total)
        for file, found in enumerate(self.plan.outcomes(first, processes), start=first + 1):
            self.ctrl_c.check()
            for outcome in found[known:]:
                self._take_one(outcome)
            known = 0
            self.done = (file, self._taken)
            if progress:
                progress(file, self.plan.total)
            if (now := time.monotonic()) > due and len(self.writer):
                self._commit(complete=False)
                pause = min(2 * pause, LAST_COMMIT)
                done = time.monotonic()
                due = done + max(pause, (done - now) / COMMIT_SHARE)
        self.ctrl_c.check()
        if len(self.writer):
            self._commit(complete=True)

    @property
    def _taken(self) -> int:
        """How many sequences and failures there are."""
        return len(self.writer) + len(self.failed)

    def _take_one(self, outcome: Outcome) -> None:
        if isinstance(outcome, Sequence):
            try:
                self.writer.add(outcome)
                return
            except WriteError:
                raise
            except UserError as error:
                outcome = LeftOut(self.plan.job.root / str(outcome.tags.get("source", outcome.name)), str(error))
        self.failed.append((self.plan.job.source(outcome.path), outcome.reason))

    def _commit(self, complete: bool) -> None:
        with self.ctrl_c.wait():
            self._commit_now(complete)

    def _commit_now(self, complete: bool) -> None:
        data = self.plan.data
        self.writer.commit(
            dataset=data.name if data else "",
            classes=data.classes if data else (),
            splits=self.plan.pack.splits if self.plan.pack else data.splits if data else {},
            provenance={
                "source": self.plan.source,
                "settings": self.plan.settings,
                "done": list(self.done),
                "left_out": [list(pair) for pair in self.failed],
                "not_taken": [
                    [self.plan.job.source(one.path), one.reason, one.kind]
                    for one in self.plan.listing.left_out
                    if one.kind != "listed"
                ],
                "listed": sorted(self.plan.listing.listed),
            },
            complete=complete,
        )
        self.kept = (self.done[0], self._bytes())

    def report(self) -> ImportReport:
        store = Store(self.out)
        counts = {label: int((store.columns["label"] == label).sum()) for label in (*store.classes, "")}
        splits = {
            name: {part: int((store.columns[f"split_{name}"] == part).sum()) for part in ("train", "test")}
            for name in store.splits
        }
        plan = self.plan
        failed = [LeftOut(plan.job.root / path, reason) for path, reason in self.failed]
        return ImportReport(
            store=self.out,
            imported=len(store),
            left_out=(*plan.listing.left_out, *failed),
            labels={label: count for label, count in counts.items() if label or count},
            splits=splits,
            check=check_store(store),
            notes=plan.listing.notes,
        )


class _CtrlC:
    """Ctrl-C during an import: never lost, and never in the middle of a commit.

    Some libraries take it for an error of the file that they read, and a good file would be left out; others end
    the process where it comes at the wrong moment. Only in the main thread, and where nobody else handles it.
    """

    def __init__(self) -> None:
        self.pressed = self.later = False
        main = threading.current_thread() is threading.main_thread()
        self._ours = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def __enter__(self) -> "_CtrlC":
        if self._ours:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, *_: object) -> None:
        self.pressed = True
        if not self.later:
            raise KeyboardInterrupt

    def check(self) -> None:
        """Raise KeyboardInterrupt where it was pressed, even if somebody caught the first one."""
        if self.pressed:
            raise KeyboardInterrupt

    @contextmanager
    def wait(self) -> Iterator[None]:
        """Until the end of this, only remember it."""
        self.later = True
        try:
            yield
        finally:
            self.later = False


def _dataset(name: str) -> Dataset | None:
    if not name:
        return None
    from skelact.datasets import get_dataset

    return get_dataset(name)


def _check_settings(
    data: Dataset | None,
    clean: str | Cleaning,
    half: bool,
    format: str | None,
    options: Mapping[str, Any] | None,
    label_from: str,
) -> None:
    cleaning = get_cleaning(clean) if isinstance(clean, str) else clean
    if half and isinstance(cleaning, Cleaning) and cleaning.centre == "none":
        raise UserError("float16 is too coarse for positions that are not centred: leave it out, or centre")
    if format in PACKS:
        if label_from != "none":
            raise UserError(f"{format} arrays bring their labels; leave out --label-from")
        return
    if data is not None and (format or options or label_from != "none"):
        raise UserError(f"data set {data.name} knows its format and labels; leave out --format and --label-from")
    if format:
        from skelact.readers import check_options, get_reader

        check_options(get_reader(format), dict(options or {}))
    elif options:
        raise UserError(f"options {', '.join(options)} are for one format; name it: --format")


def described(clean: str | Cleaning) -> dict[str, Any]:
    """Name and settings of a cleaning, as ``Store.cleaning`` gives them."""
    recipe = get_cleaning(clean) if isinstance(clean, str) else clean
    if isinstance(recipe, Cleaning):
        return {f"clean.{key}": value for key, value in to_dict(recipe).items()}
    return {"clean": clean}


def _find(source: Path | None, out: Path, data: Dataset | None, format: str | None) -> tuple[Path, Listing]:
    """The folder that paths are relative to, and the files."""
    source = _check_source(source, out)
    if source.is_file():
        return source.parent, Listing((source,))
    return source, data.find(source) if data else _find_readable(source, format)


def _check_source(source: Path | None, out: Path) -> Path:
    """What the user named, if it is there and does not hold the store."""
    if source is None:
        raise UserError("which files? Name a file or a folder: skelact import SOURCE -o STORE")
    source = Path(source)
    if not source.exists():
        raise UserError(f"{source} not found")
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise UserError(f"the store {out} would lie among its source {source}; choose a folder elsewhere")
    return source


def _find_readable(folder: Path, format: str | None) -> Listing:
    """All files whose names end as those of a format that can be read."""
    from skelact.readers import READERS

    readers = [READERS[format]] if format in READERS else list(READERS.values())
    suffixes = tuple(suffix for reader in readers for suffix in reader.suffixes)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    taken = tuple(path for path in files if path.name.lower().endswith(suffixes))
    if not taken:
        raise UserError(f"{folder} holds no file that can be read ({', '.join(sorted(set(suffixes)))})")
    others = len(files) - len(taken)
    notes = (f"{others} files with other endings were not looked at.",) if others else ()
    return Listing(taken, (), notes)


def _spans(sizes: list[int]) -> Iterator[tuple[int, int]]:
    """First file of each chunk and one behind its last: not too many, not too large together."""
    start, total = 0, 0
    for number, size in enumerate(sizes):
        if number > start and (number - start == CHUNK or total + size > CHUNK_BYTES):
            yield start, number
            start, total = number, 0
        total += size
    if start < len(sizes):
        yield start, len(sizes)


def _digest(job: _Job, files: tuple[Path, ...]) -> str:
    """Short hex of names and sizes: tells whether the source is still the same."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{job.source(path)}\0{path.stat().st_size}\0".encode())
    return digest.hexdigest()[:16]


def _read_labels(path: Path) -> dict[str, dict[str, str]]:
    """Rows of a CSV table by name: label and whatever other columns there are."""
    if not path.is_file():
        raise UserError(f"--label-from {path}: expected none, folder, or a CSV file with columns name and label")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        if not {"name", "label"} <= set(rows.fieldnames or ()):
            raise FileError(
                path, f"expected columns name and label, got {', '.join(rows.fieldnames or ['none'])}", 1
            )
        table: dict[str, dict[str, str]] = {}
        for row in rows:
            if None in row or None in row.values():
                raise FileError(path, f"expected {len(rows.fieldnames or ())} columns", rows.line_num)
            name = row.pop("name")
            if name in table:
                raise FileError(path, f"name {name!r} occurs twice", rows.line_num)
            table[name] = row
    return table


def _make_chunk(job: _Job, seed: int, first: int, last: int) -> list[list[Outcome]]:
    from skelact.datasets.synthetic import make_movers

    return [[job.cleaned(one)] for one in make_movers(last, seed, first=first)]


def _read_chunk(job: _Job, paths: tuple[Path, ...]) -> list[list[Outcome]]:
    return [job.outcomes(path) for path in paths]


def _outcomes_of_pack(job: _Job, pack: Pack, done: int, processes: int) -> Iterator[list[Outcome]]:
    if pack.compressed:  # its rows come one after another, so there is nothing to share out
        for chunk, rows in pack.in_order(done, CHUNK):
            yield from _take_chunk(job, chunk, rows)
        return
    tasks = [(job, chunk) for chunk in pack.chunks(done, CHUNK)]
    yield from in_order(_take_chunk, tasks, processes if pack.clips - done > FEW_FILES else 1)


def _take_chunk(job: _Job, chunk: Chunk, rows: NDArray[Any] | None = None) -> list[list[Outcome]]:
    return [[one] if isinstance(one, LeftOut) else job.clips(one) for one in chunk.sequences(rows)]

"""Importing: files -> cleaned sequences -> a store, in several processes; continues after an interruption."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from skelact import __version__
from skelact.datasets import get_dataset
from skelact.datasets.dataset import Check, Dataset, LeftOut, Rule
from skelact.errors import UserError
from skelact.importing.arrays import ARRAY_FORMATS
from skelact.importing.inventory import check_store
from skelact.importing.labels import names_of, read_table, unused_rows
from skelact.importing.sources import (
    Job,
    Outcome,
    Plan,
    is_split,
    part_in,
    plan_arrays,
    plan_files,
    plan_movers,
    split_of,
)
from skelact.readers import get_reader, options_of
from skelact.sequences import Sequence
from skelact.sequences import format as layout
from skelact.sequences.cleaning import Cleaning, get_cleaning
from skelact.sequences.store import Store, StoreWriter, WriteError
from skelact.sequences.summary import size_of_people
from skelact.sequences.writer import tidy
from skelact.settings import to_dict
from skelact.skeletons import Skeleton

FIRST_COMMIT, LAST_COMMIT = 1.0, 60.0  # seconds between commits: doubled each time up to the last
FEW = 3  # names that a sentence lists
COMMIT_SHARE = 0.05  # limit on the share of time for commits: each writes the whole table again

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Args:
        store: folder of the store.
        imported: number of sequences in it.
        left_out: files left out, and why.
        labels: number of sequences of each class, in the order of the classes; "" where unknown.
        splits: for each split the number of sequences of each part.
        check: comparison with the published counts of the data set; None where there is no data set.
        caveats: what else the user should know, full sentences.
    """

    store: Path
    imported: int
    left_out: tuple[LeftOut, ...]
    labels: Mapping[str, int]
    splits: Mapping[str, Mapping[str, int]]
    check: Check | None = None
    caveats: tuple[str, ...] = ()


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

    Files that cannot be read are left out, with the reason. Called again with the same source and
    settings, an interrupted import continues where it stopped.

    Args:
        source: a file or a folder of files; None for data sets that are generated.
        out: folder of the store.
        dataset: name of the data set that the files are; empty: any readable files.
        format: name of a reader; None: found from the file. Without a data set only. Or agcn, ctr-gcn or aimclr:
            the source holds preprocessed arrays, of the data set if one is named.
        options: what the reader needs to know, such as the axes of an array, or which split these arrays are.
        clean: name of a recipe in ``CLEANINGS``, or settings; empty: "default", and "none" for preprocessed
            arrays.
        label_from: "none", "folder" (the folder of a file names its action) or a CSV file with columns name and
            label; its other columns become tags. Without a data set only.
        missing: text file that names clips to leave out, such as the published list of missing skeletons.
        clips: number of sequences, for a data set that is generated.
        seed: of the random numbers, for a data set that is generated.
        processes: number of reading processes; 0: one per core.
        overwrite: replace an existing store.
        half: store float16 instead of float32; for centred positions only.
        untrimmed: keep long recordings whole, with their segments; else their clips are stored.
        progress: called with (files done, files in all).

    Raises:
        UserError: nothing to import; the store exists and holds another import; settings out of range.
    """
    out = Path(out)
    data = get_dataset(dataset) if dataset else None
    clean = clean or ("none" if format in ARRAY_FORMATS else "default")
    _check_settings(data, clean, half, format, options, label_from)
    options = _checked(format, options or {})
    table = None if label_from in ("none", "folder") else read_table(Path(label_from))
    job = Job(Path(), dataset, options, clean, label_from == "folder", table, untrimmed)
    settings = {
        "skelact": __version__,
        "dataset": dataset,
        "format": format or "",
        "options": {key: _in_words(value) for key, value in options.items()},
        **described(clean),
        "label_from": label_from,
        "half": half,
        **({"untrimmed": True} if untrimmed else {}),
    }
    if dataset == "movers":
        plan = plan_movers(data, job, clips, seed, settings)
    elif format in ARRAY_FORMATS:
        if missing is not None:
            raise UserError(f"--missing is for single files; clips of {format} arrays are all taken")
        plan = plan_arrays(source, out, data, format or "", job, settings)
    else:
        plan = plan_files(source, out, data, format, missing, job, settings)
    try:
        run = _Import(out, plan, overwrite, half)
        if not run.complete:
            run.take(processes or os.cpu_count() or 1, progress)
    except OSError as error:  # of the store they are a WriteError
        where = error.filename or plan.source or "the import"
        raise UserError(f"{where}: {error.strerror or error}. Run the same command again to go on") from error
    return run.report()


class _Import:
    """One import under way: the writer, what was left out, and when to commit."""

    def __init__(self, out: Path, plan: Plan, overwrite: bool, half: bool) -> None:
        self.out, self.plan = out, plan
        self.failed: list[tuple[str, str]] = []  # source and reason
        self.splits: set[str] = set()  # named by tags; see ``Reader.read``
        self.done = (0, 0)  # files finished, and the sequences and failures that they gave
        self.complete = False
        self.ctrl_c = _CtrlC()
        self.kept = (0, 0)  # files committed for good, and bytes of the store
        if not overwrite and (out / layout.INFO).is_file():
            self._take_up(layout.read_info(out))
        if self.complete:
            tidy(out)
        else:
            self.writer = StoreWriter(out, half=half, overwrite=overwrite, resume=not overwrite)
            try:
                if self.writer.resumed is not None:  # another import may have written until the lock was ours
                    self._take_up(self.writer.resumed)
            except BaseException:
                self.writer.close()
                raise

    def _take_up(self, info: Mapping[str, Any]) -> None:
        """Continue the existing store if it has the same source and settings."""
        before = info["provenance"].get("settings", {})
        for key in sorted(before.keys() | self.plan.settings.keys()):
            if before.get(key) != self.plan.settings.get(key):
                there, now = (repr(given.get(key, "not given")) for given in (before, self.plan.settings))
                raise UserError(
                    f"{self.out} holds another import: {key} is {there} there and {now} now. "
                    "Choose another folder, or replace it: --overwrite"
                )
        self.failed = [(path, reason) for path, reason in info["provenance"]["left_out"]]
        self.splits = set(info["splits"])
        files, outcomes = info["provenance"]["done"]
        self.done = (files, outcomes)
        self.kept = (files, self._bytes())
        self.complete = info["complete"]

    def _bytes(self) -> int:
        """Size of all files in the folder."""
        total = 0
        for path in self.out.iterdir():
            with suppress(FileNotFoundError):  # another import commits meanwhile, until the lock is ours
                total += path.stat().st_size
        return total

    def take(self, processes: int, progress: Progress | None) -> None:
        """Write all sequences; on any error keep those read so far, as far as the disk has room."""
        with self.writer, self.ctrl_c:
            try:
                self._take(processes, progress)
            except BaseException as error:
                with suppress(UserError):  # the first error is the one to show
                    if len(self.writer):
                        self._commit(complete=False)
                if not self.writer.committed:  # without a commit, files only fill the disk
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
        """What is in the store, how much room the rest needs and how to continue, in sentences."""
        files, size = self.kept
        if not self.writer.committed or not files:
            return otherwise
        more = size * (self.plan.total - files) / files / 1e6
        what = "clips" if self.plan.seed is not None or self.plan.arrays else "files"
        kept = f"{files:,} of {self.plan.total:,} {what} are in it and are kept ({size / 1e6:,.1f} MB)"
        again = "Run the same command again afterwards: it continues where it stopped."
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
            for outcome in islice(found, known, None):
                self.ctrl_c.check()
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
                self.splits.update(split_of(tag) for tag in outcome.tags if is_split(tag))
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
            splits=self._rules(),
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

    def _rules(self) -> Mapping[str, Rule]:
        """The splits: those of the benchmark or the arrays, else those that tags name."""
        if self.plan.arrays is not None:
            return self.plan.arrays.splits
        if self.plan.data is not None:
            return self.plan.data.splits
        return {name: partial(part_in, name) for name in sorted(self.splits)}

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
            caveats=(*plan.listing.caveats, *self._unused_rows(store), *size_of_people(store)),
        )

    def _unused_rows(self, store: Store) -> list[str]:
        """A caveat where rows of the table of labels fit no recording."""
        job = self.plan.job
        if job.table is None:
            return []
        failed = [(source, source.rpartition(".")[0]) for source, _ in self.failed]
        taken = zip(store.columns["source"].tolist(), store.columns["name"].tolist(), strict=True)
        names = [
            name for pair in (*taken, *failed) for name in (*names_of(job.root, *pair), pair[1].split("/")[-1])
        ]
        unused = unused_rows(job.table, names)
        if not unused:
            return []
        first = ", ".join(repr(name) for name in unused[:FEW]) + (" ..." if len(unused) > FEW else "")
        example = f"names here are such as {str(store.columns['name'][0])!r}"
        return [f"{len(unused):,} rows of the table of labels fit no recording: {first}; {example}."]


class _CtrlC:
    """Ctrl-C during an import: never lost, and never in the middle of a commit.

    Some libraries treat it as an error of the file that they read, so a good file would be left out. Others end
    the process. Works in the main thread only, and only if no other handler is set.
    """

    def __init__(self) -> None:
        self.pressed = self.later = False
        main = threading.current_thread() is threading.main_thread()
        self._ours = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def __enter__(self) -> "_CtrlC":
        if self._ours:
            signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _remember(self, *_: object) -> None:
        self.pressed = True
        if not self.later:
            raise KeyboardInterrupt

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed, even if a library caught the first one."""
        if self.pressed:
            raise KeyboardInterrupt

    @contextmanager
    def wait(self) -> Iterator[None]:
        """Hold Ctrl-C back until the end of the block."""
        self.later = True
        try:
            yield
        finally:
            self.later = False


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
        raise UserError("float16 is too coarse for positions that are not centred: leave float16 out, or centre")
    if format in ARRAY_FORMATS:
        if label_from != "none":
            raise UserError(f"{format} arrays bring their labels; leave out --label-from")
        return
    if data is not None and (format or options or label_from != "none"):
        raise UserError(f"data set {data.name} knows its format and labels; leave out --format and --label-from")
    if options and not format:
        raise UserError(f"options {', '.join(options)} are for one format; name it: --format")


def _checked(format: str | None, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options as the reader takes them: the skeleton itself, as other processes may not know its name."""
    if not format or format in ARRAY_FORMATS:
        return options
    values = options_of(get_reader(format), options)
    return {key: getattr(values, key) for key in options}


def described(clean: str | Cleaning) -> dict[str, Any]:
    """Name and settings of a cleaning, as ``Store.cleaning`` gives them."""
    recipe = get_cleaning(clean) if isinstance(clean, str) else clean
    if isinstance(recipe, Cleaning):
        return {f"clean.{key}": value for key, value in to_dict(recipe).items()}
    return {"clean": clean}


def _in_words(value: Any) -> str:
    """A value of an option as provenance has it."""
    return value.name if isinstance(value, Skeleton) else str(value)

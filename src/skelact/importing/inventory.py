"""The inventory of a benchmark: which of its clips a store has, and which are absent, unexpected or duplicates."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import PurePath
from typing import Any

from skelact.datasets.dataset import Check, Dataset, Inventory
from skelact.sequences.store import Store

DUPLICATE = ("duplicate", "double")  # the second is the word in stores of format 1
FEW = 3  # at most so many clips, or groups of clips, are named; the rest is summed up
BLOCKS: tuple[tuple[str, ...], ...] = (
    ("setup",),
    ("camera",),
    ("subject",),
    ("action",),
    ("setup", "subject"),
    ("setup", "camera"),
)

Numbers = Mapping[str, Mapping[str, int]]  # name of a clip -> the numbers in it, by tag


@dataclass(frozen=True)
class Compared:
    """How the clips of a store differ from the inventory, by name.

    Args:
        exist: all clips of the benchmark.
        present: how often each clip is in the store.
        listed: left out because they are on the authors' list.
        absent: neither present nor listed.
        unreadable: absent because their file could not be read.
        unexpected: present, but not in the benchmark.
        duplicates: in the store or in its source more than once.
    """

    exist: frozenset[str]
    present: Mapping[str, int]
    listed: tuple[str, ...]
    absent: tuple[str, ...]
    unreadable: tuple[str, ...]
    unexpected: tuple[str, ...]
    duplicates: tuple[str, ...]


def check_store(store: Store) -> Check | None:
    """Compare a store with its benchmark: clip by clip where they are known by name, else by number.

    Returns:
        None if the store is of no benchmark, or holds long recordings instead of clips.
    """
    from skelact.datasets import DATASETS

    data = DATASETS.get(store.dataset)
    if data is None or "segments" in store.columns:
        return None
    parts = {name: store.columns[f"split_{name}"] for name in store.splits}
    splits = {name: (int((part == "train").sum()), int((part == "test").sum())) for name, part in parts.items()}
    counted = data.check_counts(len(store), splits)
    names = store.columns["name"].tolist()
    if data.inventory is None or data.inventory.numbers(names[0]) is None:
        return counted
    about = store.info["provenance"]
    found = compare_names(
        data.inventory,
        names,
        listed=about.get("listed", ()),
        unreadable=(_stem(source) for source, _ in about.get("left_out", ())),
        duplicates=(_stem(source) for source, _, kind in about.get("not_taken", ()) if kind in DUPLICATE),
    )
    return compare(data, found, counted)


def compare_names(
    inventory: Inventory,
    names: Iterable[str],
    listed: Iterable[str] = (),
    unreadable: Iterable[str] = (),
    duplicates: Iterable[str] = (),
) -> Compared:
    """Compare names with the inventory.

    Args:
        inventory: the clips of the benchmark.
        names: the clips at hand.
        listed: names on the list of clips to leave out, if there was one.
        unreadable: names of files that could not be read.
        duplicates: names of files found more than once.
    """
    exist, present = frozenset(inventory.names()), Counter(names)
    listed_here = exist & set(listed)
    absent = exist - listed_here - present.keys()
    twice = set(duplicates) | {name for name, count in present.items() if count > 1}
    return Compared(
        exist=exist,
        present=present,
        listed=tuple(sorted(listed_here)),
        absent=tuple(sorted(absent)),
        unreadable=tuple(sorted(absent & set(unreadable))),
        unexpected=tuple(sorted(present.keys() - exist)),
        duplicates=tuple(sorted(twice)),
    )


def compare(data: Dataset, found: Compared, counted: Check) -> Check:
    """A store against the inventory: in words, and in full.

    Args:
        data: a benchmark with an inventory.
        found: what was found.
        counted: comparison by numbers.
    """
    inventory = data.inventory
    if inventory is None:
        return counted
    clips = sum(found.present.values())
    complete = counted.complete and not found.unexpected and _as_published(inventory, found)
    lines = [_headline(data, found, counted, clips, complete)]
    if not complete:
        lines += _lines(inventory, found)
    elif found.duplicates:
        lines += [_duplicates(inventory, found)]
    return Check(complete, counted.missing, "\n".join(lines), details(inventory, found, complete, clips))


def details(inventory: Inventory, found: Compared, complete: bool, clips: int) -> dict[str, Any]:
    """The comparison as plain values.

    Returns:
        ``complete``; ``clips`` at hand; ``exist`` and ``listed``, how many there are in all and how many of them
        were left out by a list; ``absent``, ``unreadable``, ``unexpected`` and ``duplicates``, each with
        ``clips``, ``by`` (tag -> value -> number of clips) and ``names``.
    """
    groups = {
        "absent": found.absent,
        "unreadable": found.unreadable,
        "unexpected": found.unexpected,
        "duplicates": found.duplicates,
    }
    return {
        "complete": complete,
        "clips": clips,
        "exist": len(found.exist),
        "listed": len(found.listed),
        **{what: _in_full(inventory, names) for what, names in groups.items()},
    }


def describe(inventory: Inventory, names: Iterable[str], among: Iterable[str]) -> str:
    """Some clips in a few words: first the groups that are wholly among them, then a summary of the rest.

    Args:
        inventory: of the benchmark.
        names: the clips to describe.
        among: all clips of the groups; a group is named only if all its clips are in ``names``.

    Example:
        ``all of set-up 5 (3,240); 12 more, most of set-up 2 (8), action 9 (3), such as S002C...``
    """
    left = {name: numbers for name in sorted(names) if (numbers := inventory.numbers(name)) is not None}
    strange = sorted(set(names) - left.keys())
    every = [numbers for name in among if (numbers := inventory.numbers(name)) is not None]
    whole = _whole_blocks(left.values(), every)
    parts: list[str] = []
    while len(left) > FEW and len(parts) < FEW:
        block, values, gone = _largest(whole, left)
        if len(gone) < 2:
            break
        more = " more" if parts and len(gone) < whole[block][values] else ""
        parts.append(f"all of {_named(inventory, dict(zip(block, values, strict=True)))} ({len(gone):,}{more})")
        for name in gone:
            del left[name]
    parts += _summed_up(inventory, left, bool(parts))
    if strange:
        shown = ", ".join(strange[:FEW]) + (" ..." if len(strange) > FEW else "")
        parts.append(f"{len(strange):,} with names that do not follow the rule: {shown}")
    return "; ".join(parts)


def _as_published(inventory: Inventory, found: Compared) -> bool:
    """Whether exactly those clips are left out that published results leave out."""
    without = found.exist - found.present.keys()
    return len(without) == inventory.listed and (
        not inventory.listed or inventory.digest_of(without) == inventory.digest
    )


def _everything(found: Compared) -> bool:
    return not found.unexpected and found.present.keys() == found.exist


def _headline(data: Dataset, found: Compared, counted: Check, clips: int, complete: bool) -> str:
    listed = f" ({len(found.listed):,} more are on the list of clips to leave out)" if found.listed else ""
    if complete:
        return f"{counted.text}{listed}"
    if _everything(found) and data.inventory is not None and data.expected is not None:
        return (
            f"{data.name}: all {clips:,} clips that exist are here; published results leave out "
            f"{data.inventory.listed:,} with missing skeletons. Their list comes with the data; name it with "
            "--missing"
        )
    return f"{counted.text}{listed}"


def _lines(inventory: Inventory, found: Compared) -> list[str]:
    lines = []
    if found.absent:
        unreadable = f" ({len(found.unreadable):,} of them could not be read)" if found.unreadable else ""
        unlisted = found.exist - set(found.listed)
        lines.append(f"absent: {_clips(found.absent)}{unreadable}: {describe(inventory, found.absent, unlisted)}")
    if found.unexpected:
        lines.append(
            f"not in the data set: {_clips(found.unexpected)}: {describe(inventory, found.unexpected, ())}"
        )
    if found.duplicates:
        lines.append(_duplicates(inventory, found))
    if not found.listed and inventory.listed and not _everything(found):
        lines.append(
            f"no list of missing skeletons was used; published results leave {inventory.listed:,} clips out"
        )
    elif found.listed and inventory.digest_of(found.listed) != inventory.digest:
        listed = f"{len(found.listed):,} clips, published results {inventory.listed:,}"
        lines.append(f"the list is not the published one: it leaves out {listed}")
    return lines


def _duplicates(inventory: Inventory, found: Compared) -> str:
    return (
        f"present more than once: {_clips(found.duplicates)}: {describe(inventory, found.duplicates, found.exist)}"
    )


def _clips(names: tuple[str, ...]) -> str:
    return f"{len(names):,} clip" if len(names) == 1 else f"{len(names):,} clips"


Whole = Mapping[tuple[str, ...], Mapping[tuple[int, ...], int]]  # tags -> their values -> number of clips


def _whole_blocks(clips: Iterable[Mapping[str, int]], every: list[Mapping[str, int]]) -> Whole:
    """The groups of ``every`` that are wholly in ``clips``."""
    own = list(clips)
    found = {}
    for block in BLOCKS:
        count = Counter(map(_values_of(block), own))
        total = Counter(map(_values_of(block), every))
        found[block] = {values: number for values, number in count.items() if number == total[values]}
    return found


def _largest(whole: Whole, left: Numbers) -> tuple[tuple[str, ...], tuple[int, ...], list[str]]:
    """The whole group with the most remaining clips, and those clips."""
    best: tuple[tuple[str, ...], tuple[int, ...], int] = ((), (), 0)
    for block, groups in whole.items():
        count = Counter(map(_values_of(block), left.values()))
        for values in groups:
            if count[values] > best[2]:
                best = block, values, count[values]
    block, values, number = best
    values_of = _values_of(block) if number else None
    gone = [name for name, one in left.items() if values_of(one) == values] if values_of else []
    return block, values, gone


def _values_of(block: tuple[str, ...]) -> Callable[[Mapping[str, int]], tuple[int, ...]]:
    """A function from the numbers of a name to the values of some tags; it must be fast."""
    get = itemgetter(*block)
    return get if len(block) > 1 else lambda numbers: (get(numbers),)


def _summed_up(inventory: Inventory, left: Numbers, more: bool) -> list[str]:
    if not left:
        return []
    if len(left) <= FEW:
        return [", ".join(left)]
    common = []
    for tag, word in inventory.words.items():
        (value, count), *others = Counter(one[tag] for one in left.values()).most_common()
        common.append(f"{word} {value} ({count:,})" if others else f"{word} {value}")
    first = next(iter(left))
    return [f"{len(left):,}{' more' if more else ''}, most of {', '.join(common)}, such as {first}"]


def _named(inventory: Inventory, values: Mapping[str, int]) -> str:
    return ", ".join(f"{inventory.words[tag]} {value}" for tag, value in values.items())


def _in_full(inventory: Inventory, names: tuple[str, ...]) -> dict[str, Any]:
    numbers = [found for name in names if (found := inventory.numbers(name)) is not None]
    by = {tag: dict(sorted(Counter(one[tag] for one in numbers).items())) for tag in inventory.words}
    return {
        "clips": len(names),
        "by": {tag: {str(value): count for value, count in counts.items()} for tag, counts in by.items()},
        "names": list(names),
    }


def _stem(source: str) -> str:
    return PurePath(source).stem

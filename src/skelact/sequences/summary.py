"""What is in a store or a recording, and what looks wrong with it."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.sequences.cleaning import METRES
from skelact.sequences.sequence import Sequence
from skelact.sequences.store import Store

SHORT_FRAMES = 5  # a clip of fewer frames shows hardly an action
LONG_GAP_SECONDS = 1.0  # a person missing for longer in the middle of a clip
NAMED = 3  # sequences that a finding names
SIZED = 20  # sequences in which people are measured
TOO_LARGE = 10.0  # times the rest pose: no human size
TOO_SMALL = 0.1  # and so little of it
NO_SIZE = 1e-4  # less is no body at all


@dataclass(frozen=True)
class Finding:
    """Something that looks wrong.

    Args:
        what: a word or two that name the kind.
        text: a whole sentence.
        sequences: names of the sequences it concerns.
    """

    what: str
    text: str
    sequences: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """What is in a store or a recording.

    Args:
        values: plain values, see ``summarise_store`` and ``summarise_sequence``.
        findings: what looks wrong.
    """

    values: dict[str, Any]
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file; findings under ``looks_wrong``."""
        findings = [
            {"what": found.what, "text": found.text, "sequences": list(found.sequences)} for found in self.findings
        ]
        return {**self.values, "looks_wrong": findings}


@dataclass(frozen=True)
class _Look:
    """What one pass over the positions of a sequence finds."""

    name: str
    frames: int
    fps: float
    joints: int  # places of joints: frames * people * joints
    missing: int  # of them not observed
    dead: tuple[int, ...]  # joints that are never observed
    gap_seconds: float  # longest time in the middle of the clip in which the main person was not observed
    content: bytes  # digest of the positions


def summarise_store(store: Store, progress: Callable[[int, int], None] | None = None) -> Summary:
    """Counts per label and split, length, and what looks wrong; reads every position once.

    Args:
        store: an open store.
        progress: called with (sequences done, sequences in all).

    Returns:
        Summary with sequences, frames, skeleton, labels, segments (per label), splits, persons, seconds, fps,
        unit, up, coordinates, missing (share of joints), fingerprint, dataset, complete, settings of the import,
        steps of cleaning, and the number of values of each tag.
    """
    looks = []
    names, fps = store.columns["name"].tolist(), store.columns["fps"].tolist()
    for row in range(len(store)):
        looks.append(_look(names[row], store.positions(row), fps[row]))
        if progress:
            progress(row + 1, len(store))
    values = {
        "sequences": len(store),
        "frames": sum(look.frames for look in looks),
        "skeleton": store.skeleton.name,
        "labels": _counts(store.columns["label"].tolist(), store.classes),
        "segments": _counts(
            [one.label for row in range(len(store)) for one in store.segments(row)],
            store.classes if "segments" in store.columns else (),
        ),
        "splits": {name: _counts(store.columns[f"split_{name}"], ("train", "test")) for name in store.splits},
        **_shared(looks),
        "persons": store.persons,
        "unit": store.unit,
        "up": store.up,
        "coordinates": store.coordinates,
        "fingerprint": store.fingerprint,
        "dataset": store.dataset,
        "complete": bool(store.info["complete"]),
        "settings": store.info["provenance"].get("settings", {}),
        "steps": [list(steps) for steps in store.info["steps"]],
        "tags": {tag: len(np.unique(np.ma.compressed(store.columns[tag]))) for tag in store.tags},
    }
    found = [] if store.info["complete"] else [Finding("unfinished", UNFINISHED, ())]
    found += _findings(looks, store.skeleton.joints)
    found += [Finding("size", text, ()) for text in size_of_people(store)]
    for split in store.splits:
        found += _in_both_parts(looks, store.columns[f"split_{split}"], split)
    return Summary(values, tuple(found))


UNFINISHED = "The import was interrupted; the same command continues where it stopped."


def size_of_people(store: Store) -> list[str]:
    """A sentence where people are of no human size, so that the unit must be another; none where all is well.

    The bones of some sequences are compared with the skeleton's rest pose. Nothing can be said of positions in a
    picture, or of a skeleton without a rest pose.
    """
    skeleton = store.skeleton
    if store.coordinates != 3 or store.unit not in METRES or not skeleton.has_rest:
        return []
    child, parent = np.array(skeleton.bones).T
    rest = np.linalg.norm(skeleton.rest[child] - skeleton.rest[parent], axis=1)
    sizes = []
    for row in np.linspace(0, len(store) - 1, min(SIZED, len(store)), dtype=int).tolist():
        person = store.positions(row)[:, 0]
        lengths = np.linalg.norm(person[:, child] - person[:, parent], axis=-1)
        seen = ~np.isnan(lengths)
        if seen.any():
            sizes.append(lengths[seen].sum() / np.broadcast_to(rest, lengths.shape)[seen].sum())
    size = float(np.median(sizes)) * METRES[store.unit] if sizes else 1.0
    if TOO_SMALL < size < TOO_LARGE or size < NO_SIZE:
        return []
    tall = np.ptp(skeleton.rest[:, 1]) * size
    return [
        f"People are about {tall:,.3g} m tall where the unit is {store.unit}. Another unit? Import again with it, "
        "such as --option unit=mm"
    ]


def summarise_sequence(sequence: Sequence) -> Summary:
    """The same of one recording; ``tags`` are its own."""
    look = _look(sequence.name, sequence.positions, sequence.fps)
    values = {
        "sequences": 1,
        "frames": sequence.frames,
        "skeleton": sequence.skeleton.name,
        "labels": {sequence.label: 1} if sequence.label else {},
        "segments": _counts(one.label for one in sequence.segments),
        "splits": {},
        **_shared([look]),
        "persons": sequence.persons,
        "unit": sequence.unit,
        "up": sequence.up,
        "coordinates": int(sequence.positions.shape[3]),
        "fingerprint": hashlib.sha256(look.content).hexdigest()[:16],
        "tags": dict(sequence.tags),
    }
    return Summary(values, tuple(_findings([look], sequence.skeleton.joints)))


def _look(name: str, positions: NDArray[np.float32], fps: float) -> _Look:
    observed = ~np.isnan(positions[..., 0])
    count = int(observed.sum())
    present = np.flatnonzero(observed[:, 0].any(axis=1))
    gap = int(np.diff(present).max(initial=1)) - 1
    dead: tuple[int, ...] = ()
    if count < observed.size:
        dead = tuple(np.flatnonzero(~observed.any(axis=(0, 1))).tolist())
    digest = hashlib.blake2b(np.ascontiguousarray(positions).data, digest_size=16).digest()
    return _Look(name, len(positions), fps, observed.size, observed.size - count, dead, gap / fps, digest)


def _shared(looks: list[_Look]) -> dict[str, Any]:
    """Time and missing joints; the frame rate is that of most."""
    frames = np.array([look.frames for look in looks])
    return {
        "seconds": round(float(sum(look.frames / look.fps for look in looks)), 3),
        "fps": Counter(look.fps for look in looks).most_common(1)[0][0],
        "frames_per_sequence": {
            "min": int(frames.min()),
            "median": float(np.median(frames)),
            "max": int(frames.max()),
        },
        "missing": round(sum(look.missing for look in looks) / sum(look.joints for look in looks), 6),
    }


def _counts(values: Iterable[Any], known: Iterable[str] = ()) -> dict[str, int]:
    """How often each value occurs, known ones first and also at 0; the empty one (unknown) is left out."""
    counts: dict[str, int] = dict.fromkeys(known, 0)
    for value in values:
        counts[str(value)] = counts.get(str(value), 0) + 1
    counts.pop("", None)
    return counts


def _findings(looks: list[_Look], joints: tuple[str, ...]) -> list[Finding]:
    found = []
    short = [look.name for look in looks if look.frames < SHORT_FRAMES]
    if short:
        found.append(_finding("very short", f"have fewer than {SHORT_FRAMES} frames", short))
    gaps = [look.name for look in looks if look.gap_seconds > LONG_GAP_SECONDS]
    if gaps:
        text = f"lose the main person for more than {LONG_GAP_SECONDS:g} s in the middle"
        found.append(_finding("long gap", text, gaps))
    usual = Counter(look.fps for look in looks).most_common(1)[0][0]
    others = [look.name for look in looks if look.fps != usual]
    if others:
        found.append(_finding("frame rate", f"have another frame rate than {usual:g} Hz", others))
    found += _dead_joints(looks, joints)
    found += _twice("same name", "share a name with another", looks, lambda look: look.name)
    found += _twice("duplicate", "have exactly the positions of another", looks, lambda look: look.content)
    return found


def _dead_joints(looks: list[_Look], joints: tuple[str, ...]) -> list[Finding]:
    """Joints that some sequences never have."""
    found = []
    for joint in sorted({joint for look in looks for joint in look.dead}):
        names = [look.name for look in looks if joint in look.dead]
        found.append(_finding("missing joint", f"never have joint {joints[joint]}", names))
    return found


def _twice(what: str, text: str, looks: list[_Look], key: Callable[[_Look], Any]) -> list[Finding]:
    seen: set[Any] = set()
    again = []
    for look in looks:
        if key(look) in seen:
            again.append(look.name)
        seen.add(key(look))
    return [_finding(what, text, again)] if again else []


def _in_both_parts(looks: list[_Look], parts: NDArray[np.str_], split: str) -> list[Finding]:
    """Test sequences that are training sequences too: a model that memorises them gets them right."""
    train = {look.content for look, part in zip(looks, parts, strict=True) if part == "train"}
    test = [look for look, part in zip(looks, parts, strict=True) if part == "test"]
    again = [look.name for look in test if look.content in train]
    text = f"of the {len(test)} test sequences of split {split} are also in its training part"
    return [_finding("test in training", text, again)] if again else []


def _finding(what: str, text: str, names: list[str]) -> Finding:
    named = ", ".join(names[:NAMED]) + (" ..." if len(names) > NAMED else "")
    return Finding(what, f"{len(names)} {text}: {named}", tuple(names))

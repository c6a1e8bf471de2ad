"""What looks wrong in a store is found, and only that."""

from pathlib import Path

import numpy as np
import pytest

from skelact.sequences import Sequence
from skelact.sequences.store import Store, StoreWriter
from skelact.sequences.summary import summarise_sequence, summarise_store
from skelact.skeletons import SBU15


def clip(seed: int, frames: int = 10, **given: object) -> Sequence:
    positions = np.random.default_rng(seed).normal(size=(frames, 1, 15, 3))
    values = {"skeleton": SBU15, "fps": 5.0, "name": f"clip{seed}", "label": "a", **given}
    return Sequence(positions.astype(np.float32), **values)  # type: ignore[arg-type]


def without(sequence: Sequence, frames: slice, joints: slice) -> Sequence:
    positions = sequence.positions.copy()
    positions[frames, :, joints] = np.nan
    return Sequence(positions, SBU15, sequence.fps, name=sequence.name, label=sequence.label, tags=sequence.tags)


def written(path: Path, *sequences: Sequence, complete: bool = True) -> Store:
    writer = StoreWriter(path)
    for sequence in sequences:
        writer.add(sequence)
    splits = {"halves": lambda tags: tags.get("half")}
    writer.commit("few", ("b", "a"), splits, {"settings": {"clean": "x"}}, complete=complete)  # type: ignore[arg-type]
    return Store(path)


def test_numbers_of_a_store(tmp_path: Path) -> None:
    store = written(
        tmp_path / "store",
        clip(0, tags={"half": "train"}),
        clip(1, frames=20, tags={"half": "test"}),
        without(clip(2), slice(0, 3), slice(0, 5)),
    )
    summary = summarise_store(store)
    assert summary.findings == ()
    values = summary.to_dict()
    for key, expected in {
        "sequences": 3,
        "frames": 40,
        "skeleton": "sbu15",
        "labels": {"b": 0, "a": 3},
        "splits": {"halves": {"train": 1, "test": 1}},
        "persons": 1,
        "seconds": 8.0,
        "fps": 5.0,
        "unit": "m",
        "missing": 15 / 600,
        "fingerprint": store.fingerprint,
        "looks_wrong": [],
        "frames_per_sequence": {"min": 10, "median": 10.0, "max": 20},
        "complete": True,
        "settings": {"clean": "x"},
        "tags": {"half": 2},
    }.items():
        assert values[key] == expected, key


@pytest.mark.parametrize(
    ("sequences", "what", "text"),
    [
        ([clip(0), clip(1, frames=4)], "very short", "1 have fewer than 5 frames: clip1"),
        (
            [clip(0), without(clip(1), slice(2, 8), slice(None))],
            "long gap",
            "1 lose the main person for more than 1 s in the middle: clip1",
        ),
        (
            [clip(0), without(clip(1), slice(None), slice(3, 4))],
            "missing joint",
            "1 never have joint left_shoulder: clip1",
        ),
        ([clip(0), clip(1, name="clip0")], "same name", "1 share a name with another: clip0"),
        ([clip(0), clip(0, name="twin")], "duplicate", "1 have exactly the positions of another: twin"),
        ([clip(0), clip(1), clip(2, fps=30.0)], "frame rate", "1 have another frame rate than 5 Hz: clip2"),
    ],
)
def test_what_looks_wrong_is_named(tmp_path: Path, sequences: list[Sequence], what: str, text: str) -> None:
    (finding,) = summarise_store(written(tmp_path / "store", *sequences)).findings
    assert (finding.what, finding.text) == (what, text)


def test_test_clips_that_are_training_clips(tmp_path: Path) -> None:
    train = [clip(seed, tags={"half": "train"}) for seed in range(3)]
    test = [clip(seed, name=f"test{seed}", tags={"half": "test"}) for seed in range(2, 9)]
    findings = summarise_store(written(tmp_path / "store", *train, *test)).findings
    assert [finding.what for finding in findings] == ["duplicate", "test in training"]
    expected = "1 of the 7 test sequences of split halves are also in its training part: test2"
    assert findings[1].text == expected


def test_an_unfinished_import_says_so(tmp_path: Path) -> None:
    (finding,) = summarise_store(written(tmp_path / "store", clip(0), complete=False)).findings
    assert finding.text == "The import was interrupted; the same command continues where it stopped."


def test_many_names_are_cut_short(tmp_path: Path) -> None:
    (finding,) = summarise_store(written(tmp_path / "store", *(clip(n, frames=2) for n in range(5)))).findings
    assert finding.text == "5 have fewer than 5 frames: clip0, clip1, clip2 ..."
    assert len(finding.sequences) == 5


def test_one_recording() -> None:
    values = summarise_sequence(clip(0, tags={"camera": 2})).to_dict()
    assert (values["sequences"], values["frames"], values["labels"]) == (1, 10, {"a": 1})
    assert values["tags"] == {"camera": 2}
    assert summarise_sequence(clip(0)).values["fingerprint"] != summarise_sequence(clip(1)).values["fingerprint"]

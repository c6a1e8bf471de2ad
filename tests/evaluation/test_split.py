"""Splits that nothing honest can be measured on are refused."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from skelact.errors import UserError
from skelact.evaluation.split import Split, labelled_split
from skelact.sequences.store import Store


def refused(store: Store, split: str, hold_out: str = "") -> str:
    with pytest.raises(UserError) as error:
        labelled_split(store, split, hold_out)
    return str(error.value)


def test_training_and_test_clips_of_a_split(store_path: Path) -> None:
    store = Store(store_path)
    split = labelled_split(store, "xview")
    assert (len(split.train), len(split.test)) == (48, 24)
    assert (split.title, split.folder) == ("xview", "xview")
    held = labelled_split(store, "xview", "subject=1,3")
    assert (len(held.train), len(held.test)) == (24, 24)
    assert (held.title, held.folder) == ("xview, held out subject=1,3", "xview+subject=1,3")
    assert not set(held.test.tolist()) & set(split.test.tolist())


def test_a_store_without_splits_is_measured_on_what_is_held_out(kit: SimpleNamespace, tmp_path: Path) -> None:
    people = [kit.person(label, camera, 0) for camera in (1, 3) for label in ("bow", "jump")]
    split = labelled_split(Store(kit.write_store(tmp_path / "bare", people, splits={})), "", "camera=3")
    assert (split.train.tolist(), split.test.tolist()) == ([0, 1], [2, 3])
    assert (split.title, split.folder) == ("all clips, held out camera=3", "camera=3")


def test_a_hold_out_cannot_leave_the_folder() -> None:
    nothing = np.arange(0)
    assert Split("xview", "room=../../a b", nothing, nothing).folder == "xview+room=.._.._a_b"


def test_splits_that_are_not_there_are_refused(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    store = Store(store_path)
    assert refused(store, "") == "name the split to measure on with --split. Splits: xview"
    assert refused(store, "xwiev").endswith("'xwiev'; did you mean 'xview'? Known: xview")
    bare = Store(kit.write_store(tmp_path / "bare", [kit.person("bow", 1, 0)], splits={}))
    assert refused(bare, "") == (
        "name the split to measure on with --split. The store has none; --hold-out makes one"
    )
    assert refused(bare, "xview") == (f"store {bare.path} has no splits, so there is no 'xview' to measure on")


def test_splits_without_clips_are_refused(kit: SimpleNamespace, tmp_path: Path) -> None:
    store = Store(kit.write_store(tmp_path / "s", [kit.person("bow", 1, 0), kit.person("jump", 2, 0)]))
    assert refused(store, "xview") == f"split 'xview' of store {store.path} has no test clips"


def test_clips_without_a_label_are_refused(kit: SimpleNamespace, tmp_path: Path) -> None:
    people = [kit.person(label, camera, 0) for camera in (1, 3) for label in ("bow", "", "")]
    store = Store(kit.write_store(tmp_path / "s", people))
    assert refused(store, "xview") == (
        "split 'xview': 2 of 3 train clips have no label, the first is -1-0. "
        "Import the store again with a data set or a reader that names the labels"
    )


def test_a_clip_that_is_both_is_refused(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(store_path)
    monkeypatch.setattr(store, "parts", lambda _split, _hold_out: (np.arange(9), np.arange(7, 12)))
    assert refused(store, "xview") == "split 'xview': 2 clips are training and test clips, the first is jump-1-2"

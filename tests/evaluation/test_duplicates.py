"""Duplicates are clips with exactly the same numbers in the same shape."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from skelact.evaluation.duplicates import duplicates_of
from skelact.evaluation.split import labelled_split
from skelact.sequences import Sequence
from skelact.sequences.store import Store
from skelact.skeletons import KINECT20


def test_the_first_original_is_named_and_near_misses_are_none(kit: SimpleNamespace, tmp_path: Path) -> None:
    original = kit.person("bow", 1, 0)
    nearly = original.positions.copy()
    nearly[0, 0, 0, 0] = np.nextafter(nearly[0, 0, 0, 0], np.float32(9))
    test = {"camera": 3, "subject": 0}
    people = [
        kit.person("jump", 1, 1),
        original,
        replace(original, name="again"),
        replace(original, name="copy", tags=test),
        replace(original, name="near", positions=nearly, tags=test),
        replace(original, name="cut", positions=original.positions[:-1], tags=test),
    ]
    store = Store(kit.write_store(tmp_path / "s", people))
    assert duplicates_of(store, labelled_split(store, "xview")).tolist() == [1, -1, -1]


def test_the_same_numbers_in_another_shape_are_no_copy(kit: SimpleNamespace, tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=(4, 1, 20, 3))
    alone = Sequence(numbers, KINECT20, 30.0, "alone", "bow", tags={"camera": 1})
    two = Sequence(numbers.reshape(2, 2, 20, 3), KINECT20, 30.0, "two", "bow", tags={"camera": 3})
    store = Store(kit.write_store(tmp_path / "s", [alone, two]))
    assert duplicates_of(store, labelled_split(store, "xview")).tolist() == [-1]

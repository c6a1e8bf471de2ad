"""What holds for every known benchmark. New entries are tested without another edit."""

import pickle
from pathlib import Path

import pytest

from skelact.datasets import DATASETS, Check, Dataset, Expected, get_dataset
from skelact.errors import UserError
from skelact.skeletons import SKELETONS

WITH_FOLDER = [name for name in DATASETS if name != "movers"]


@pytest.mark.parametrize("name", DATASETS)
def test_entry(name: str) -> None:
    dataset = get_dataset(name)
    assert dataset.name == name
    assert dataset.title
    assert SKELETONS[dataset.skeleton.name] == dataset.skeleton
    assert len(set(dataset.classes)) == len(dataset.classes) >= 2
    assert all(label.strip() == label and label for label in dataset.classes)
    assert dataset.splits
    if dataset.expected:
        assert dataset.expected.splits.keys() <= dataset.splits.keys()
        for counts in dataset.expected.splits.values():
            assert sum(counts) == dataset.expected.clips


@pytest.mark.parametrize("name", WITH_FOLDER)
def test_reading_and_finding_can_be_sent_to_other_processes(name: str) -> None:
    dataset = DATASETS[name]
    find, read, splits = pickle.loads(pickle.dumps((dataset.find, dataset.read, dataset.splits)))
    assert callable(find)
    assert callable(read)
    assert splits.keys() == dataset.splits.keys()


@pytest.mark.parametrize("name", WITH_FOLDER)
def test_an_empty_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^no clip of .* in .* or below, looked for .*\.$"):
        DATASETS[name].find(tmp_path)


def test_an_unknown_name() -> None:
    with pytest.raises(UserError, match=r"^unknown data set 'nwucla'; did you mean 'nw-ucla'\? Known: .*ntu120"):
        get_dataset("nwucla")


def toy(expected: Expected | None) -> Dataset:
    splits = {"xsub": lambda tags: {1: "train", 2: "test"}.get(tags["subject"])}
    some = DATASETS["utd-mhad"]
    return Dataset("toy", "Toy", some.skeleton, ("a", "b"), some.find, some.read, splits, expected)


def clips(*subjects: int) -> list[dict[str, int]]:
    return [{"subject": subject} for subject in subjects]


def test_check_against_published_counts() -> None:
    dataset = toy(Expected(3, {"xsub": (2, 1)}))
    assert dataset.check(clips(1, 2, 1)) == Check(True, 0, "toy is complete: 3 clips, as published")
    assert dataset.check(clips(1)) == Check(
        False, 2, "toy is not as published: 1 clips of 3, 2 missing; xsub: train 1 of 2, test 0 of 1"
    )
    assert dataset.check(clips(1, 1, 2, 3)) == Check(
        False, -1, "toy is not as published: 4 clips of 3, 1 too many"
    )
    assert dataset.check(clips(1, 2, 2)) == Check(
        False, 0, "toy is not as published: 3 clips of 3, none missing; xsub: train 1 of 2, test 2 of 1"
    )


def test_check_without_published_counts() -> None:
    assert toy(None).check(clips(1, 2)) == Check(True, 0, "toy: 2 clips, no published count to compare with")

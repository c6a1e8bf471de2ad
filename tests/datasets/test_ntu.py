"""NTU RGB+D 60 and 120: names, labels, splits, samples with missing skeletons."""

from pathlib import Path

import pytest

from skelact.datasets import DATASETS
from skelact.datasets.ntu_clips import LISTS, PATTERN
from skelact.errors import FileError, UserError
from skelact.importing.run import import_recordings
from skelact.sequences.store import Store

NTU60, NTU120 = DATASETS["ntu60"], DATASETS["ntu120"]
JOINTS = "\n".join(["0.1 0.2 3 1 1 1 1 0 0 0 0 2"] * 25)
CLIP = f"1\n1\n7 0 1 1 1 1 0 0.1 0.2 2\n25\n{JOINTS}\n"
OLD, NEW = "S001C002P003R002A013.skeleton", "S018C001P008R001A061.skeleton"


def put(folder: Path, *names: str, text: str = CLIP) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(text)


def test_a_clip_has_label_and_tags(tmp_path: Path) -> None:
    put(tmp_path, OLD, NEW)
    for dataset in (NTU60, NTU120):
        sequence = dataset.read(tmp_path / OLD)
        assert (sequence.name, sequence.label) == ("S001C002P003R002A013", "tear up paper")
        assert dict(sequence.tags) == {"setup": 1, "camera": 2, "subject": 3, "replication": 2, "action": 13}
        assert sequence.confidence is not None
    assert NTU120.read(tmp_path / NEW).label == "put on headphone"


def test_an_import_reports_what_is_wrong_with_which_file(tmp_path: Path) -> None:
    names = [f"S001C002P003R002A{action:03}.skeleton" for action in range(1, 7)]
    put(tmp_path / "in", *names)
    put(tmp_path / "in", names[2], text=CLIP[:-200])
    report = import_recordings(tmp_path / "in", tmp_path / "out", dataset="ntu60", clean="none")
    assert [(one.path.name, one.reason) for one in report.left_out] == [
        (names[2], "line 22: the file ends in body 1 of frame 1. Truncated file?")
    ]
    store = Store(tmp_path / "out")
    assert store.columns["name"].tolist() == [name[:20] for name in names if name != names[2]]
    assert store.columns["source"].tolist() == [name for name in names if name != names[2]]


def test_a_clip_of_the_other_benchmark_or_of_none(tmp_path: Path) -> None:
    put(tmp_path, NEW, "walk.skeleton")
    with pytest.raises(FileError) as caught:
        NTU60.read(tmp_path / NEW)
    assert str(caught.value) == f"{tmp_path / NEW}: action 61 is none of this data set's (1 to 60)"
    with pytest.raises(FileError) as caught:
        NTU60.read(tmp_path / "walk.skeleton")
    assert str(caught.value) == (
        f"{tmp_path / 'walk.skeleton'}: is not named like a clip of NTU RGB+D: "
        "SsssCcccPpppRrrrAaaa.skeleton (setup, camera, subject, replication, action)"
    )


def test_sixty_and_120_actions_lie_in_one_folder(tmp_path: Path) -> None:
    put(tmp_path, OLD, NEW, LISTS[0], text="S001C001P001R001A001\n")
    assert [path.name for path in NTU120.find(tmp_path).files] == [OLD, NEW]
    listing = NTU60.find(tmp_path)
    assert [path.name for path in listing.files] == [OLD]
    assert listing.left_out == ()
    assert listing.caveats == (
        "1 clips with other actions were not taken. Actions 61 to 120 belong to the data set ntu120.",
    )


def test_only_clips_of_the_other_benchmark(tmp_path: Path) -> None:
    put(tmp_path, NEW)
    with pytest.raises(UserError) as caught:
        NTU60.find(tmp_path)
    assert str(caught.value) == (
        f"no clip with action 1 to 60 in {tmp_path}. Actions 61 to 120 belong to the data set ntu120."
    )


@pytest.mark.parametrize("place", ["clips", ".", "clips/deep", "lists"])
def test_listed_samples_are_left_out_wherever_the_list_lies(tmp_path: Path, place: str) -> None:
    put(tmp_path / "data" / "clips", OLD, "S001C001P001R001A001.skeleton")
    put(
        tmp_path / "data" / place,
        LISTS[1],
        text="Missing or incomplete:\nS001C002P003R002A013\nS001C001P001R001A060\n",
    )
    folder = tmp_path / "data" if place == "lists" else tmp_path / "data" / "clips"
    listing = NTU60.find(folder)
    assert [path.name for path in listing.files] == ["S001C001P001R001A001.skeleton"]
    assert [(entry.path.name, entry.reason) for entry in listing.left_out] == [
        (OLD, f"has a missing skeleton, says {LISTS[1]}")
    ]
    assert listing.caveats == ()


def test_a_list_without_names(tmp_path: Path) -> None:
    put(tmp_path, OLD)
    put(tmp_path, LISTS[0], text="<html>Not found</html>")
    with pytest.raises(UserError) as caught:
        NTU60.find(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / LISTS[0]}: names no clips; expected names such as S001C002P005R002A008, one a line"
    )


def test_all_clips_listed(tmp_path: Path) -> None:
    put(tmp_path, OLD)
    put(tmp_path, LISTS[0], text="S001C002P003R002A013")
    with pytest.raises(
        UserError, match=r"S001C002P003R002A013\.skeleton: has a missing skeleton, says NTU_RGBD_samples"
    ):
        NTU60.find(tmp_path)


def test_splits() -> None:
    tags = {"subject": 1, "camera": 1, "setup": 2}
    assert NTU60.splits.keys() == {"xsub", "xview"}
    assert NTU120.splits.keys() == {"xsub", "xset"}
    assert [NTU60.splits["xview"]({**tags, "camera": camera}) for camera in (1, 2, 3)] == [
        "test",
        "train",
        "train",
    ]
    assert [NTU120.splits["xset"]({**tags, "setup": setup}) for setup in (1, 2, 31, 32)] == ["test", "train"] * 2
    training = {
        name: [
            subject for subject in range(1, 107) if dataset.splits["xsub"]({**tags, "subject": subject}) == "train"
        ]
        for name, dataset in (("ntu60", NTU60), ("ntu120", NTU120))
    }
    assert len(training["ntu60"]) == 20
    assert len(training["ntu120"]) == 53
    assert [subject for subject in training["ntu120"] if subject <= 40] == training["ntu60"]
    assert (sum(training["ntu60"]), sum(training["ntu120"])) == (359, 2795)


def test_classes() -> None:
    assert (len(NTU60.classes), len(NTU120.classes)) == (60, 120)
    assert NTU120.classes[:60] == NTU60.classes
    assert NTU120.classes[119] == "finger-guessing game (playing rock-paper-scissors)"


@pytest.mark.real
def test_real_names_of_the_first_sixty(shared: Path) -> None:
    lines = (shared / "data" / "ntu_rgbd" / "label_map_ntu60.txt").read_text().splitlines()
    assert list(NTU60.classes) == [line.strip() for line in lines]


@pytest.mark.real
def test_real_lists(shared: Path) -> None:
    """The published counts are those of full sets less the listed samples, per split too."""
    folder = shared / "data" / "ntu_rgbd"
    for dataset, file, count, full in ((NTU60, LISTS[0], 302, 56_880), (NTU120, LISTS[1], 535, 114_480)):
        names = (folder / file).read_text().split()
        tags = [PATTERN.numbers(Path(f"{name}.skeleton")) for name in names]
        assert dataset.expected is not None
        assert len(set(names)) == count == full - dataset.expected.clips
        assert all(1 <= tag["action"] <= len(dataset.classes) for tag in tags)


@pytest.mark.real
def test_real_files(shared: Path) -> None:
    listing = NTU60.find(shared / "data")
    assert [path.name for path in listing.files] == [
        "S001C001P001R001A001.skeleton", "S001C003P008R002A058.skeleton", "S003C001P015R001A034.skeleton",
    ]  # fmt: skip
    assert (listing.left_out, listing.caveats) == ((), ())
    sequences = [NTU60.read(path) for path in listing.files]
    assert [s.label for s in sequences] == ["drink water", "handshaking", "rub two hands together"]
    check = NTU60.check(s.tags for s in sequences)
    assert (check.complete, check.missing) == (False, 56_575)
    assert check.text == (
        "ntu60 is not as published: 3 clips of 56,578, 56,575 missing; xsub: train 3 of 40,091, test 0 of 16,487; "
        "xview: train 1 of 37,646, test 2 of 18,932"
    )

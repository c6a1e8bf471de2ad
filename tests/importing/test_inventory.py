"""The inventory of NTU RGB+D: generated listings with absent, unexpected and duplicate clips."""

import json
from pathlib import Path

import numpy as np
import pytest

from skelact.cli import run
from skelact.datasets import DATASETS, Dataset
from skelact.datasets.dataset import Check
from skelact.datasets.ntu_clips import LISTS
from skelact.errors import UserError
from skelact.importing.inventory import check_store, compare, compare_names, describe
from skelact.importing.run import import_recordings
from skelact.sequences.store import Store

NTU60, NTU120 = DATASETS["ntu60"], DATASETS["ntu120"]
FULL = {"ntu60": 56_880, "ntu120": 114_480}
JOINTS = "\n".join(["0.1 0.2 3 1 1 1 1 0 0 0 0 2"] * 25)
CLIP = f"1\n1\n7 0 1 1 1 1 0 0.1 0.2 2\n25\n{JOINTS}\n"


def all_names(data: Dataset) -> list[str]:
    assert data.inventory is not None
    return list(data.inventory.names())


def part(data: Dataset, split: str, name: str) -> str | None:
    assert data.inventory is not None
    numbers = data.inventory.numbers(name)
    assert numbers is not None
    return data.splits[split](numbers)


def counted(data: Dataset, names: list[str]) -> Check:
    """Comparison by numbers, each clip put in its part by the rule."""
    assert data.inventory is not None
    return data.check(numbers for name in names if (numbers := data.inventory.numbers(name)))


def checked(data: Dataset, names: list[str], **others: list[str]) -> Check:
    assert data.inventory is not None
    return compare(data, compare_names(data.inventory, names, **others), counted(data, names))


def published_list(shared: Path, data: Dataset) -> list[str]:
    file = LISTS[0] if data is NTU60 else LISTS[1]
    return (shared / "data" / "ntu_rgbd" / file).read_text().split()


@pytest.mark.parametrize("data", [NTU60, NTU120], ids=lambda data: data.name)
def test_the_rule_gives_the_published_number_of_clips(data: Dataset) -> None:
    names = all_names(data)
    assert len(names) == len(set(names)) == FULL[data.name]
    assert data.expected is not None
    assert data.inventory is not None
    assert len(names) - data.inventory.listed == data.expected.clips
    subjects = {int(name[9:12]) for name in names}
    assert subjects == set(range(1, 41 if data is NTU60 else 107))
    assert {int(name[1:4]) for name in names} == set(range(1, 18 if data is NTU60 else 33))
    assert {int(name[17:]) for name in names} == set(range(1, len(data.classes) + 1))


XSUB = {
    "ntu60": "1 2 4 5 8 9 13 14 15 16 17 18 19 25 27 28 31 34 35 38",
    "ntu120": "1 2 4 5 8 9 13 14 15 16 17 18 19 25 27 28 31 34 35 38 45 46 47 49 50 52 53 54 55 56 57 58 59 70 74 "
    "78 80 81 82 83 84 85 86 89 91 92 93 94 95 97 98 100 103",
}


def said_again(data: Dataset, split: str, name: str) -> str:
    """The published rules once more, from the letters of the name."""
    if split == "xsub":
        return "train" if str(int(name[name.index("P") + 1 :][:3])) in XSUB[data.name].split() else "test"
    if split == "xview":
        return "test" if name[4:8] == "C001" else "train"
    return "train" if int(name[1:4]) in range(2, 33, 2) else "test"


@pytest.mark.parametrize(
    ("data", "split"),
    [(NTU60, "xsub"), (NTU60, "xview"), (NTU120, "xsub"), (NTU120, "xset")],
    ids=["ntu60-xsub", "ntu60-xview", "ntu120-xsub", "ntu120-xset"],
)
def test_the_split_of_every_clip(data: Dataset, split: str) -> None:
    wrong = [name for name in all_names(data) if part(data, split, name) != said_again(data, split, name)]
    assert wrong == []


@pytest.mark.real
@pytest.mark.parametrize("data", [NTU60, NTU120], ids=lambda data: data.name)
def test_without_the_listed_clips_all_published_counts_are_reached(shared: Path, data: Dataset) -> None:
    listed = published_list(shared, data)
    left = sorted(set(all_names(data)) - set(listed))
    check = checked(data, left, listed=listed)
    assert (check.complete, check.missing) == (True, 0)
    total, more = ("56,578", 302) if data is NTU60 else ("113,945", 535)
    assert check.text == (
        f"{data.name} is complete: {total} clips, as published ({more} more are on the list of clips to leave out)"
    )
    assert check.details["absent"] == {"clips": 0, "by": {tag: {} for tag in NTU60.inventory.words}, "names": []}  # type: ignore[union-attr]
    # arrays made from the same clips bring no list; which clips are absent shows that it was used
    assert checked(data, left).text == f"{data.name} is complete: {total} clips, as published"
    swapped = [*left[1:], listed[0]]
    assert not checked(data, swapped).complete


def test_all_clips_and_no_list() -> None:
    check = checked(NTU60, all_names(NTU60))
    assert (check.complete, check.missing) == (False, -302)
    assert check.text == (
        "ntu60: all 56,880 clips that exist are here; published results leave out 302 with missing skeletons. "
        "Their list comes with the data; name it with --missing"
    )


def test_absent_clips_are_named_by_the_largest_groups() -> None:
    names = all_names(NTU60)
    listed = names[:302]
    gone = {name for name in names if "S005" in name or ("S008" in name and "P036" in name) or "A043" in name}
    few = ["S011C002P038R002A060", "S012C001P037R001A001"]
    left = [name for name in names if name not in {*gone, *few, *listed}]
    check = checked(NTU60, left, listed=listed, unreadable=[few[0], "S999"])
    lines = check.text.splitlines()
    assert lines[0].startswith(f"ntu60 is not as published: {len(left):,} clips of 56,578, ")
    assert lines[1] == (
        f"absent: {len(gone - set(listed)) + 2:,} clips (1 of them could not be read): all of set-up 5 (2,880); "
        "all of action 43 (895 more); all of subject 36 (354 more); S011C002P038R002A060, S012C001P037R001A001"
    )
    assert lines[2:] == ["the list is not the published one: it leaves out 302 clips, published results 302"]
    absent = check.details["absent"]
    assert absent["clips"] == len(absent["names"]) == len(gone - set(listed)) + 2
    assert absent["by"]["setup"]["5"] == 2880
    assert absent["by"]["subject"]["36"] == 360
    assert check.details["unreadable"]["names"] == [few[0]]
    json.dumps(check.details)


def test_scattered_absent_clips_are_summed_up() -> None:
    rng = np.random.default_rng(0)
    names = all_names(NTU60)
    gone = {names[place] for place in rng.choice(len(names), 40, replace=False)}
    check = checked(NTU60, [name for name in names if name not in gone])
    absent, no_list = check.text.splitlines()[1:]
    assert no_list == "no list of missing skeletons was used; published results leave 302 clips out"
    assert absent.startswith("absent: 40 clips: 40, most of set-up ")
    assert absent.endswith(f"such as {min(gone)}")
    worst = max(check.details["absent"]["by"]["camera"].values())
    assert f" ({worst})" in absent.split("camera ")[1]


def test_unexpected_clips_and_duplicates() -> None:
    names = all_names(NTU60)
    extras = ["S001C001P009R001A001", "S018C001P008R001A061", "walk"]
    duplicates = [name for name in names if name.startswith("S004C002")]
    check = checked(NTU60, [*names, *extras, names[0]], duplicates=duplicates)
    assert not check.complete
    assert check.text.splitlines()[1:] == [
        "not in the data set: 3 clips: S001C001P009R001A001, S018C001P008R001A061; "
        "1 with names that do not follow the rule: walk",
        "present more than once: 481 clips: all of set-up 4, camera 2 (480); S001C001P001R001A001",
        "no list of missing skeletons was used; published results leave 302 clips out",
    ]
    assert check.details["unexpected"]["names"] == extras
    assert check.details["duplicates"]["clips"] == 481


@pytest.mark.real
def test_a_complete_set_with_a_duplicate_is_complete_and_reports_it(shared: Path) -> None:
    listed = published_list(shared, NTU60)
    left = sorted(set(all_names(NTU60)) - set(listed))
    check = checked(NTU60, left, listed=listed, duplicates=[left[0]])
    assert check.complete
    assert check.text.splitlines()[1:] == [f"present more than once: 1 clip: {left[0]}"]


def test_a_group_is_named_only_when_all_of_it_is_among_the_clips() -> None:
    assert NTU60.inventory is not None
    names = all_names(NTU60)
    of_two = [name for name in names if name[:4] == "S002"]
    assert describe(NTU60.inventory, of_two, names) == "all of set-up 2 (3,240)"
    one_more = [*names, "S002C001P040R001A001"]
    assert describe(NTU60.inventory, of_two, one_more).startswith("all of set-up 2, camera 2 (1,080)")


def put(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.skeleton").write_text(CLIP)


def test_import_and_inspect_report_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    names = ["S001C001P001R001A001", "S001C002P001R001A001", "S001C001P009R001A002", "S001C003P001R001A001"]
    put(source / "a", *names)
    put(source / "b", names[0])
    (source / "a" / "S001C003P001R001A003.skeleton").write_text("1\n")
    (tmp_path / "list.txt").write_text(f"S017C003P020R002A060\n{names[3]}\n")
    words = ["import", str(source), "--dataset", "ntu60", "-o", str(out), "--missing", str(tmp_path / "list.txt")]
    assert run(words) == 3
    printed, problems = capsys.readouterr()
    lines = [
        "ntu60 is not as published: 3 clips of 56,578, 56,575 missing; xsub: train 3 of 40,091, test 0 of 16,487; "
        "xview: train 1 of 37,646, test 2 of 18,932 (2 more are on the list of clips to leave out)",
        "absent: 56,876 clips (1 of them could not be read): all of camera 3 (18,958); "
        "all of subject 7 (3,840 more); all of subject 8 (3,840 more); 30,238 more, most of set-up 8 (2,880), "
        "camera 1 (15,119), subject 15 (3,120), replication 2 (15,120), action 2 (504), "
        "such as S001C001P001R001A002",
        "not in the data set: 1 clip: S001C001P009R001A002",
        "present more than once: 1 clip: S001C001P001R001A001",
        "the list is not the published one: it leaves out 2 clips, published results 302",
    ]
    assert printed.splitlines()[-6:] == [*lines, "left out as the list of missing clips says: 1 files"]
    assert problems.startswith("left out: 2 files\n")
    assert run(["inspect", str(out)]) == 0
    assert "\n".join(lines) in capsys.readouterr().out
    for command, status in ((words, 3), (["inspect", str(out)], 0)):
        assert run([*command, "--json"]) == status
        compared = json.loads(capsys.readouterr().out)["compared"]
        assert (compared["clips"], compared["exist"], compared["listed"]) == (3, 56_880, 2)
        assert len(compared["absent"]["names"]) == 56_876
        assert compared["unreadable"]["names"] == ["S001C003P001R001A003"]


def test_a_list_alone_is_no_reason_for_status_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["S001C001P001R001A001", "S001C002P001R001A001"]
    put(tmp_path / "in", *names)
    (tmp_path / "list.txt").write_text(names[1])
    words = ["import", str(tmp_path / "in"), "--dataset", "ntu60", "-o", str(tmp_path / "out")]
    assert run([*words, "--missing", str(tmp_path / "list.txt")]) == 0
    assert capsys.readouterr().err == ""


def test_lists_that_do_not_serve(tmp_path: Path) -> None:
    put(tmp_path / "in", "S001C001P001R001A001")
    (tmp_path / "list.txt").write_text("S001C001P001R001A001.skeleton\n")
    (tmp_path / "page.txt").write_text("<html>\n")
    for name, message in (
        ("none.txt", "none.txt: cannot be opened: No such file or directory"),
        ("page.txt", "page.txt: names no clips; expected names such as S001C002P005R002A008, one a line"),
        ("list.txt", "list.txt names all 1 clips that were found, so there is nothing to take"),
    ):
        with pytest.raises(UserError) as caught:
            import_recordings(
                tmp_path / "in", tmp_path / "out", dataset="ntu60", missing=tmp_path / name, processes=1
            )
        assert str(caught.value) == f"{tmp_path}/{message}"


def test_a_store_of_no_benchmark_and_one_without_an_inventory(tmp_path: Path) -> None:
    import_recordings(None, tmp_path / "movers", dataset="movers", clips=3)
    check = check_store(Store(tmp_path / "movers"))
    assert check is not None
    assert check.text == "movers: 3 clips, no published count to compare with"
    put(tmp_path / "in", "S001C001P001R001A001")
    import_recordings(tmp_path / "in", tmp_path / "any")
    assert check_store(Store(tmp_path / "any")) is None


@pytest.mark.slow
def test_a_folder_of_many_files(tmp_path: Path) -> None:
    """Found from the folder itself: a seventh of the set, some of each kind, in folders as archives unpack to."""
    names = all_names(NTU120)[::7]
    assert [len({name[at : at + 4] for name in names}) for at in (0, 4, 8, 12, 16)] == [32, 3, 106, 2, 120]
    old, new = tmp_path / "nturgb+d_skeletons", tmp_path / "nturgb+d_skeletons120"
    for folder in (old, new, tmp_path / "again"):
        folder.mkdir()
    for name in names:
        ((old if int(name[1:4]) < 18 else new) / f"{name}.skeleton").touch()
    for name in names[:5]:
        (tmp_path / "again" / f"{name}.skeleton").touch()
    listing = NTU120.find(tmp_path)
    assert {entry.kind for entry in listing.left_out} == {"duplicate"}
    assert len(listing.left_out) == 5
    assert sorted(path.stem for path in listing.files) == sorted(names)
    first = len([name for name in names if name < "S018"])
    assert [len(NTU60.find(folder).files) for folder in (old, tmp_path)] == [first, first]

"""Importing: many files, some of them bad, with interruptions, on several processes."""

import json
import pickle
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from skelact.cli import run
from skelact.errors import UserError
from skelact.importing import sources
from skelact.importing.run import import_recordings
from skelact.readers import read
from skelact.sequences import Sequence
from skelact.sequences.cleaning import Cleaning
from skelact.sequences.store import Store, StoreWriter
from skelact.sequences.summary import summarise_store
from skelact.skeletons import COCO17, COCO18, KINECT20

ACTIONS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12)


def write_nw_ucla(folder: Path, clips: int, frames: int = 4) -> list[Path]:
    """Files as NW-UCLA has them, of people who wander about."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(clips)
    paths = []
    for number in range(clips):
        label = number % 10
        name = f"a{ACTIONS[label]:02d}_s{number // 100 + 1:02d}_e{number // 10 % 10:02d}_v{number % 3 + 1:02d}"
        positions = rng.normal(size=(frames, 20, 3)).round(4)
        content = {"file_name": name, "skeletons": positions.tolist(), "label": label + 1}
        paths.append(folder / f"{name}.json")
        paths[-1].write_text(json.dumps(content))
    return sorted(paths)


def contents(store: Path) -> dict[str, bytes]:
    """Every file of a store."""
    return {path.name: path.read_bytes() for path in store.iterdir()}


def test_a_data_set_with_a_broken_file(tmp_path: Path) -> None:
    files = write_nw_ucla(tmp_path / "in", 20)
    files[4].write_text(files[4].read_text()[:200])
    seen: list[tuple[int, int]] = []
    report = import_recordings(
        tmp_path / "in",
        tmp_path / "out",
        dataset="nw-ucla",
        progress=lambda done, total: seen.append((done, total)),
    )
    assert report.imported == 19
    (left_out,) = report.left_out
    assert left_out.path == files[4]
    assert left_out.reason.startswith("line 1: not valid JSON")
    assert seen == [(done, 20) for done in range(21)]
    assert sum(report.labels.values()) == 19
    assert sum(report.splits["xview"].values()) == 19
    assert report.check is not None
    assert report.check.missing == 1484 - 19
    store = Store(tmp_path / "out")
    store.verify()
    assert store.columns["name"].tolist() == [path.stem for path in files if path != files[4]]
    assert store.columns["source"].tolist() == [path.name for path in files if path != files[4]]
    assert store.dataset == "nw-ucla"
    assert len(store.classes) == 10


def test_processes_change_nothing(tmp_path: Path) -> None:
    files = write_nw_ucla(tmp_path / "in", sources.FEW_FILES + 20)
    files[7].write_text("{}")
    for processes in (1, 3):
        report = import_recordings(
            tmp_path / "in", tmp_path / f"out{processes}", dataset="nw-ucla", processes=processes
        )
        assert report.imported == sources.FEW_FILES + 19
    assert contents(tmp_path / "out1") == contents(tmp_path / "out3")


def test_importing_again_changes_nothing(tmp_path: Path) -> None:
    files = write_nw_ucla(tmp_path / "in", 12)
    files[0].write_text("[]")
    first = import_recordings(tmp_path / "in", tmp_path / "out", dataset="nw-ucla")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert import_recordings(tmp_path / "in", tmp_path / "out", dataset="nw-ucla") == first
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clean": "none"}, "clean.centre is 'frame' there and 'none' now"),
        ({"clean": Cleaning(scale="body")}, "clean.scale is 'none' there and 'body' now"),
        ({"half": True}, "half is False there and True now"),
        ({"dataset": ""}, "dataset is 'nw-ucla' there and '' now"),
    ],
)
def test_other_settings_do_not_mix(tmp_path: Path, change: dict[str, object], message: str) -> None:
    write_nw_ucla(tmp_path / "in", 3)
    import_recordings(tmp_path / "in", tmp_path / "out", dataset="nw-ucla")
    before = contents(tmp_path / "out")
    with pytest.raises(UserError) as caught:
        import_recordings(tmp_path / "in", tmp_path / "out", **({"dataset": "nw-ucla"} | change))  # type: ignore[arg-type]
    mend = "Choose another folder, or replace it: --overwrite"
    assert str(caught.value) == f"{tmp_path / 'out'} holds another import: {message}. {mend}"
    assert contents(tmp_path / "out") == before


def test_a_source_that_changed_does_not_mix(tmp_path: Path) -> None:
    files = write_nw_ucla(tmp_path / "in", 3)
    import_recordings(tmp_path / "in", tmp_path / "out", dataset="nw-ucla")
    files[0].write_text(files[0].read_text() + " ")
    with pytest.raises(UserError, match="holds another import: names_and_sizes is '"):
        import_recordings(tmp_path / "in", tmp_path / "out", dataset="nw-ucla")
    report = import_recordings(tmp_path / "in", tmp_path / "out", dataset="nw-ucla", overwrite=True)
    assert report.imported == 3


INTERRUPTED = """
import sys, time
from pathlib import Path
from skelact.importing import run as importing

def show(done, total):
    print(done, flush=True)
    time.sleep(0.01)

if __name__ == "__main__":
    importing.FIRST_COMMIT = importing.LAST_COMMIT = 0.05
    importing.COMMIT_SHARE = 1.0
    source, out = map(Path, sys.argv[1:])
    importing.import_recordings(source, out, dataset="nw-ucla", processes=2, progress=show)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_import_is_a_shorter_store_and_goes_on(tmp_path: Path, sign: signal.Signals) -> None:
    files = write_nw_ucla(tmp_path / "in", 200)
    files[3].write_text("{}")
    (tmp_path / "program.py").write_text(INTERRUPTED)
    program = [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "in"), str(tmp_path / "out")]
    process = subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 90:
            break
    process.send_signal(sign)
    process.communicate(timeout=30)
    assert process.returncode != 0
    _wait_until_gone(process.pid)

    part = Store(tmp_path / "out")
    part.verify()
    assert 0 < len(part) < 199
    assert not part.info["complete"]
    assert part.columns["source"].tolist() == [path.name for path in files if path != files[3]][: len(part)]

    starts: list[int] = []
    report = import_recordings(
        tmp_path / "in", tmp_path / "out", dataset="nw-ucla", progress=lambda done, _: starts.append(done)
    )
    assert starts[0] == len(part) + 1  # the broken file is not read again either
    assert (report.imported, len(report.left_out)) == (199, 1)
    import_recordings(tmp_path / "in", tmp_path / "straight", dataset="nw-ucla")
    assert contents(tmp_path / "out") == contents(tmp_path / "straight")


def _wait_until_gone(group: int) -> None:
    """The reading processes end with the one that started them."""
    for _ in range(100):
        if not _running(group):
            return
        time.sleep(0.1)
    raise AssertionError("reading processes outlive the import")


def _running(group: int) -> list[str]:
    """Processes of a group that still run; zombies have ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, owner = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # gone meanwhile
            continue
        if int(owner) == group and state != "Z":
            found.append(path.parent.name)
    return found


def test_a_folder_without_a_data_set(tmp_path: Path) -> None:
    write_nw_ucla(tmp_path / "in" / "throw", 3)
    write_nw_ucla(tmp_path / "in" / "catch", 2)
    (tmp_path / "in" / "notes.md").write_text("nothing to see")
    report = import_recordings(tmp_path / "in", tmp_path / "out", label_from="folder")
    assert report.labels == {"catch": 2, "throw": 3}
    assert report.check is None
    assert report.caveats[0] == "1 files with other endings were not looked at."
    names = Store(tmp_path / "out").columns["name"].tolist()
    assert names[0] == "catch/a01_s01_e00_v01"
    assert len(set(names)) == 5


def test_labels_and_tags_from_a_table(tmp_path: Path) -> None:
    write_nw_ucla(tmp_path / "in", 4)
    table = tmp_path / "labels.csv"
    table.write_text(
        "name,label,person\na01_s01_e00_v01,wave,ann\na02_s01_e00_v02.json,jump,bo\na03_s01_e00_v03,,cy\n"
    )
    report = import_recordings(tmp_path / "in", tmp_path / "out", label_from=str(table))
    assert report.labels == {"jump": 1, "wave": 1, "": 2}
    store = Store(tmp_path / "out")
    assert store.columns["person"].tolist() == ["ann", "bo", "cy", None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name:label\n", "{}, line 1: expected columns name and label, got name:label"),
        ("name;label\na;b\na;c\n", "{}, line 3: name 'a' occurs twice"),
        ("name,label,split.xsub\na,b,val\n", "{}, line 2: split.xsub is 'val', expected train, test or nothing"),
        ("name,label\na,b\na,c\n", "{}, line 3: name 'a' occurs twice"),
        ("name,label\na,b,c\n", "{}, line 2: expected 2 columns"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    write_nw_ucla(tmp_path / "in", 1)
    table = tmp_path / "labels.csv"
    table.write_text(text)
    with pytest.raises(UserError) as caught:
        import_recordings(tmp_path / "in", tmp_path / "out", label_from=str(table))
    assert str(caught.value) == message.format(table)


def test_a_single_file(tmp_path: Path) -> None:
    (path,) = write_nw_ucla(tmp_path / "in", 1)
    report = import_recordings(path, tmp_path / "out")
    assert report.imported == 1
    assert Store(tmp_path / "out").columns["source"].tolist() == [path.name]


def test_arrays_need_options(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    positions = np.random.default_rng(0).normal(size=(3, 9, 25, 1))
    np.save(tmp_path / "in" / "walk.npy", positions)
    options = {"axes": "CTVM", "skeleton": "ntu25", "fps": 30}
    with pytest.raises(UserError, match=r"^format array needs options: axes, skeleton, fps$"):
        import_recordings(tmp_path / "in", tmp_path / "out", format="array")
    with pytest.raises(UserError, match=r"^options axes, skeleton, fps are for one format; name it: --format$"):
        import_recordings(tmp_path / "in", tmp_path / "out", options=options)
    import_recordings(tmp_path / "in", tmp_path / "out", format="array", options=options, clean="none")
    stored = Store(tmp_path / "out").positions(0)
    np.testing.assert_allclose(stored, positions.transpose(1, 3, 2, 0), rtol=1e-6)


def test_movers_need_no_source_and_go_on_too(tmp_path: Path) -> None:
    report = import_recordings(None, tmp_path / "out", dataset="movers", clips=60, seed=3, processes=2)
    assert report.imported == 60
    assert set(report.splits) == {"xsub", "xview"}

    def stop(done: int, _: int) -> None:
        if done == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_recordings(None, tmp_path / "again", dataset="movers", clips=60, seed=3, processes=1, progress=stop)
    assert len(Store(tmp_path / "again")) == 50
    import_recordings(None, tmp_path / "again", dataset="movers", clips=60, seed=3)
    assert contents(tmp_path / "again") == contents(tmp_path / "out")


def test_half_the_size(tmp_path: Path) -> None:
    write_nw_ucla(tmp_path / "in", 3)
    import_recordings(tmp_path / "in", tmp_path / "half", dataset="nw-ucla", half=True)
    import_recordings(tmp_path / "in", tmp_path / "full", dataset="nw-ucla")
    half, full = Store(tmp_path / "half"), Store(tmp_path / "full")
    np.testing.assert_allclose(half.positions(1), full.positions(1), atol=2e-3)
    with pytest.raises(UserError, match=r"^float16 is too coarse for positions that are not centred"):
        import_recordings(tmp_path / "in", tmp_path / "raw", dataset="nw-ucla", half=True, clean="none")


@pytest.mark.real
def test_largest_error_of_float16(shared: Path, tmp_path: Path) -> None:
    """docs/stores.md: 0.5 mm where everything is within 2 m of the origin, as in real centred recordings."""
    for name, half in (("half", True), ("full", False)):
        import_recordings(shared / "data" / "ntu_rgbd", tmp_path / name, format="ntu", half=half, processes=1)
    half, full = Store(tmp_path / "half"), Store(tmp_path / "full")
    assert len(half) == len(full) == 3
    exact = [np.asarray(full.positions(row)) for row in range(3)]
    errors = [np.abs(half.positions(row) - one) for row, one in enumerate(exact)]
    assert max(np.nanmax(np.abs(one)) for one in exact) < 2.0
    assert 0.4e-3 < max(np.nanmax(error) for error in errors) <= 2.0**-11  # metres
    for one, error in zip(exact, errors, strict=True):
        assert np.array_equal(np.isnan(one), np.isnan(error))
        assert np.nanmax(error / np.maximum(np.abs(one), 2.0**-14)) <= 2.0**-11  # of the distance


def test_recordings_of_another_skeleton_are_left_out(tmp_path: Path) -> None:
    write_nw_ucla(tmp_path / "in", 2)
    row = ",".join(["0.5"] * 90)
    (tmp_path / "in" / "pair.txt").write_text(f"1,{row}\n2,{row}\n")
    report = import_recordings(tmp_path / "in", tmp_path / "out", clean="none")
    assert report.imported == 2
    reason = "sequence 'pair' has skeleton sbu15, the store holds kinect20. Import them to two stores."
    assert [one.reason for one in report.left_out] == [reason]


def test_what_cannot_be_imported(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"^which files\? Name a file or a folder: skelact import SOURCE -o STORE$"
    ):
        import_recordings(None, tmp_path / "out")
    with pytest.raises(UserError, match=r"nowhere not found$"):
        import_recordings(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty holds no file that can be read \("):
        import_recordings(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(UserError, match=r"^unknown data set 'nwucla'; did you mean 'nw-ucla'"):
        import_recordings(tmp_path / "empty", tmp_path / "out", dataset="nwucla")
    with pytest.raises(UserError, match=r"^unknown cleaning 'defualt'; did you mean 'default'"):
        import_recordings(tmp_path / "empty", tmp_path / "out", clean="defualt")
    with pytest.raises(UserError, match=r"^data set nw-ucla knows its format and labels; leave out --format and"):
        import_recordings(tmp_path / "empty", tmp_path / "out", dataset="nw-ucla", label_from="folder")
    (tmp_path / "empty" / "a.json").write_text("no")
    with pytest.raises(UserError, match=r"^none of the 1 files could be imported. The first: a.json: "):
        import_recordings(tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_store_among_its_source(tmp_path: Path) -> None:
    write_nw_ucla(tmp_path / "in", 1)
    with pytest.raises(UserError) as caught:
        import_recordings(tmp_path / "in", tmp_path / "in" / "out")
    place = f"the store {tmp_path / 'in' / 'out'} would lie among its source {tmp_path / 'in'}"
    assert str(caught.value) == f"{place}; choose a folder elsewhere"


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    write_nw_ucla(tmp_path / "in", 1)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError) as caught:
        import_recordings(tmp_path / "in", tmp_path / "file" / "out")
    mend = "Choose a folder that you may write to."
    assert str(caught.value) == f"the store {tmp_path / 'file' / 'out'} cannot be written: Not a directory. {mend}"


def boxes(height: float) -> np.ndarray:
    """(T, M, V, C) a standing person of so many units of height."""
    rest = KINECT20.rest[None, None] / np.ptp(KINECT20.rest[:, 1]) * height
    return np.repeat(rest, 6, axis=0)


def write_arrays(folder: Path, height: float = 1.7, names: tuple[str, ...] = ("a/c0", "a/c1", "b/c2")) -> Path:
    for name in names:
        path = folder / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, boxes(height))
    return folder


ARRAYS = {"axes": "TMVC", "skeleton": "kinect20", "fps": 30}


@pytest.mark.parametrize(("unit", "height"), [("m", 1700.0), ("mm", 1.7), ("cm", 17000.0)])
def test_people_of_no_human_size_are_noticed(tmp_path: Path, unit: str, height: float) -> None:
    write_arrays(tmp_path / "in", height)
    options = ARRAYS | {"unit": unit}
    report = import_recordings(tmp_path / "in", tmp_path / "out", format="array", options=options, clean="none")
    (caveat,) = report.caveats
    assert caveat.startswith("People are about ")
    assert caveat.endswith(
        f" where the unit is {unit}. Another unit? Import again with it, such as --option unit=mm"
    )
    assert caveat in [one.text for one in summarise_store(Store(tmp_path / "out")).findings]


@pytest.mark.parametrize(("unit", "height"), [("m", 1.7), ("mm", 900.0), ("cm", 210.0), ("px", 300.0)])
def test_people_of_human_size_are_not(tmp_path: Path, unit: str, height: float) -> None:
    write_arrays(tmp_path / "in", height)
    options = ARRAYS | {"unit": unit}
    report = import_recordings(tmp_path / "in", tmp_path / "out", format="array", options=options)
    assert report.caveats == ()


@pytest.mark.parametrize(
    ("names", "labelled", "caveat"),
    [
        (("a/c0", "a/c1.npy", "b\\c2"), 3, ""),
        (("./a/c0", "in/a/c1", "in/b/c2.npy"), 3, ""),
        (("a/c0", "x", "y"), 1, "2 rows of the table of labels fit no recording: 'x', 'y'; "
            "names here are such as 'a/c0'."),
        (("1", "2", "3", "4"), 0, "4 rows of the table of labels fit no recording: '1', '2', '3' ...; "
            "names here are such as 'a/c0'."),
    ],
)  # fmt: skip
def test_names_in_a_table(tmp_path: Path, names: tuple[str, ...], labelled: int, caveat: str) -> None:
    write_arrays(tmp_path / "in")
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["name,label", *(f"{name},wave" for name in names)]))
    report = import_recordings(
        tmp_path / "in", tmp_path / "out", format="array", options=ARRAYS, label_from=str(table)
    )
    assert report.labels.get("wave", 0) == labelled
    assert report.caveats == ((caveat,) if caveat else ())


def test_composed_and_decomposed_letters_are_the_same(tmp_path: Path) -> None:
    write_arrays(tmp_path / "in", names=(unicodedata.normalize("NFD", "\u00e9t\u00e9"),))
    table = tmp_path / "labels.csv"
    table.write_text("name;label\n\u00e9t\u00e9;gr\u00fc\u00dfen\n", encoding="utf-16")
    report = import_recordings(
        tmp_path / "in", tmp_path / "out", format="array", options=ARRAYS, label_from=str(table)
    )
    assert report.labels == {"gr\u00fc\u00dfen": 1}


def test_a_table_that_is_not_utf8(tmp_path: Path) -> None:
    write_arrays(tmp_path / "in")
    table = tmp_path / "labels.csv"
    table.write_bytes("name,label\na/c0,bow\na/c1,gr\u00fc\u00dfen\n".encode("latin1"))
    with pytest.raises(UserError) as caught:
        import_recordings(tmp_path / "in", tmp_path / "out", format="array", options=ARRAYS, label_from=str(table))
    assert str(caught.value) == f"{table}, line 3: is not UTF-8 text; save the table as CSV with UTF-8"


def test_a_split_of_ones_own_from_the_table(tmp_path: Path) -> None:
    write_arrays(tmp_path / "in")
    table = tmp_path / "labels.csv"
    table.write_text("name,label,split.mine\na/c0,wave,train\na/c1,bow,test\nb/c2,bow,\n")
    report = import_recordings(
        tmp_path / "in", tmp_path / "out", format="array", options=ARRAYS, label_from=str(table)
    )
    assert dict(report.splits["mine"]) == {"train": 1, "test": 1}
    assert [part.tolist() for part in Store(tmp_path / "out").parts("mine")] == [[0], [1]]


def annotations(path: Path, count: int, **split: list[str]) -> Path:
    rng = np.random.default_rng(0)
    made = [
        {
            "frame_dir": f"v{number:03d}",
            "label": number % 3,
            "total_frames": 4,
            "keypoint": rng.uniform(1, 99, (1, 4, 17, 2)).astype(np.float16),
            "keypoint_score": np.ones((1, 4, 17), np.float16),
        }
        for number in range(count)
    ]
    made[1]["total_frames"] = 9
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps({"split": split, "annotations": made}, protocol=4))
    return path


def test_a_file_of_many_with_its_splits(tmp_path: Path) -> None:
    path = annotations(tmp_path / "in" / "a.pkl", 60, xsub_train=["v000", "v001"], xsub_val=["v002"])
    (tmp_path / "classes.txt").write_text("bow\nwave\njump\n")
    options = {"classes": str(tmp_path / "classes.txt"), "fps": 25}
    report = import_recordings(path, tmp_path / "out", format="pyskl", options=options)
    assert [one.reason for one in report.left_out] == [
        "annotation 1 (v001): total_frames is 9, keypoint has 4 frames"
    ]
    assert (report.imported, report.labels) == (59, {"bow": 20, "jump": 20, "wave": 19})
    assert dict(report.splits["xsub"]) == {"train": 1, "test": 1}
    store = Store(tmp_path / "out")
    store.verify()
    assert (store.unit, store.up, store.coordinates, store.skeleton) == ("px", "-y", 2, COCO17)
    assert store.columns["name"].tolist()[:2] == ["v000", "v002"]
    assert set(store.columns["source"].tolist()) == {"a.pkl"}


def test_a_file_of_many_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in the middle of the second file, after some of its recordings were stored."""
    for name in "ab":
        annotations(tmp_path / "in" / f"{name}.pkl", 10, train=["v000"], test=["v002"])
    straight = import_recordings(tmp_path / "in", tmp_path / "straight")
    assert straight.imported == 18
    assert Store(tmp_path / "straight").columns["name"].tolist()[0] == "a/v000"
    add = StoreWriter.add

    def stop(writer: StoreWriter, sequence: Sequence) -> None:
        if sequence.name == "b/v005":
            raise KeyboardInterrupt
        add(writer, sequence)

    monkeypatch.setattr(StoreWriter, "add", stop)
    with pytest.raises(KeyboardInterrupt):
        import_recordings(tmp_path / "in", tmp_path / "out")
    assert len(Store(tmp_path / "out")) == 13
    monkeypatch.undo()
    report = import_recordings(tmp_path / "in", tmp_path / "out")
    assert (report.imported, len(report.left_out), report.splits) == (18, 2, straight.splits)
    assert contents(tmp_path / "out") == contents(tmp_path / "straight")


def test_folders_of_frames(tmp_path: Path) -> None:
    numbers = [value for joint in range(25) for value in (joint, 2.0 * joint, 0.9)]
    content = json.dumps({"people": [{"person_id": [-1], "pose_keypoints_2d": numbers}]})
    for folder in ("wave/one", "wave/two", "bow/three"):
        for frame in range(8):
            path = tmp_path / "in" / folder / f"x_{frame:012d}_keypoints.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    report = import_recordings(tmp_path / "in", tmp_path / "out", label_from="folder", format="openpose")
    assert report.labels == {"bow": 1, "wave": 2}
    store = Store(tmp_path / "out")
    assert store.columns["name"].tolist() == ["bow/three", "wave/one", "wave/two"]
    assert store.columns["source"].tolist() == store.columns["name"].tolist()
    alone = import_recordings(tmp_path / "in" / "wave" / "one", tmp_path / "alone", label_from="folder")
    assert (alone.imported, alone.labels) == (1, {"wave": 1})
    assert Store(tmp_path / "alone").columns["name"].tolist() == ["one"]


def test_a_skeleton_of_ones_own_travels_in_the_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    table = tmp_path / "pair.toml"
    table.write_text(
        'name = "pair"\nunit = "px"\nup = "-y"\njoints = ["hub", "near", "far"]\nmirror = [["near", "far"]]\n'
        '[parents]\nnear = "hub"\nfar = "hub"\n'
    )
    np.save(tmp_path / "in" / "a.npy", np.random.default_rng(0).normal(size=(9, 3, 2)))
    words = ["import", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--format", "array", "--skeleton"]
    assert run([*words, str(table), "--option", "axes=TVC", "--option", "fps=30"]) == 0
    table.unlink()
    store = Store(tmp_path / "out")
    assert (store.skeleton.name, store.unit, store.up) == ("pair", "px", "-y")
    assert store.skeleton.mirror.tolist() == [0, 2, 1]
    assert store.info["provenance"]["settings"]["options"]["skeleton"] == "pair"
    capsys.readouterr()
    assert run([*words, str(tmp_path / "none.toml"), "--option", "axes=TVC", "--option", "fps=30"]) == 2
    assert (
        capsys.readouterr().err
        == f"skelact: {tmp_path / 'none.toml'}: cannot be opened: No such file or directory\n"
    )


def test_a_program_that_is_no_file_imports_alone(tmp_path: Path) -> None:
    """``python -``: other processes could not load it, and would start others in turn."""
    write_nw_ucla(tmp_path / "in", sources.FEW_FILES + 4)
    program = (
        "from pathlib import Path\nfrom skelact.importing.run import import_recordings\n"
        f"report = import_recordings(Path({str(tmp_path / 'in')!r}), Path({str(tmp_path / 'out')!r}), "
        "dataset='nw-ucla', processes=2)\nprint(report.imported)\n"
    )
    done = subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{sources.FEW_FILES + 4}\n", "")


def test_links_are_followed_and_rings_are_not(tmp_path: Path) -> None:
    write_nw_ucla(tmp_path / "disk", 3)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "ring").symlink_to(tmp_path / "disk")
    for dataset in ("nw-ucla", ""):
        report = import_recordings(tmp_path / "in", tmp_path / f"out{dataset}", dataset=dataset)
        assert (report.imported, report.left_out) == (3, ())


@pytest.mark.real
def test_real_poses_in_the_picture(shared: Path, tmp_path: Path) -> None:
    """A folder of frames and a pickle, as they lie; confidence is kept where the recorder gave one."""
    poses = shared / "data" / "pose2d"
    folder = import_recordings(poses / "08-19-17-32-20-065", tmp_path / "folder", clean="none")
    assert (folder.imported, folder.left_out) == (1, ())
    store = Store(tmp_path / "folder")
    assert (store.skeleton, store.unit, store.up, store.positions(0).shape) == (
        COCO18,
        "image",
        "-y",
        (386, 3, 18, 2),
    )
    pickled = import_recordings(poses / "example_UCF101_skeleton.pkl", tmp_path / "pickled", clean="none")
    assert (pickled.imported, pickled.labels, pickled.caveats) == (1, {"0": 1}, ())
    sequence, raw = Store(tmp_path / "pickled").sequence(0), read(poses / "example_UCF101_skeleton.pkl")
    np.testing.assert_array_equal(sequence.positions, raw.positions)
    np.testing.assert_array_equal(sequence.confidence, raw.confidence)
    cleaned = import_recordings(poses / "example_UCF101_skeleton.pkl", tmp_path / "cleaned")
    assert cleaned.imported == 1

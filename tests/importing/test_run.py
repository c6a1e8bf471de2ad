"""Importing: many files, some of them bad, with interruptions, on several processes."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from skelact.errors import UserError
from skelact.importing import run as importing
from skelact.importing import sources
from skelact.importing.run import import_recordings
from skelact.sequences.cleaning import Cleaning
from skelact.sequences.store import Store

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
    """Processes of a group that have not ended; one that nobody has asked for its exit status has."""
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
    assert report.caveats == ("1 files with other endings were not looked at.",)
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
        ("name;label\n", "{}, line 1: expected columns name and label, got name;label"),
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


def test_arrays_need_to_be_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    positions = np.random.default_rng(0).normal(size=(3, 9, 25, 1))
    np.save(tmp_path / "in" / "walk.npy", positions)
    options = {"axes": "CTVM", "skeleton": "ntu25", "fps": 30}
    with pytest.raises(UserError, match=r"^format array needs to be told: axes, skeleton, fps$"):
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
    assert str(caught.value) == f"the store {tmp_path / 'file' / 'out'} cannot be written: Not a directory"

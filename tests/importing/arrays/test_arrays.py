"""Preprocessed arrays in their published forms: shapes, padding, names, splits and faults."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from skelact.cli import run
from skelact.datasets import DATASETS
from skelact.errors import UserError
from skelact.importing.run import import_recordings
from skelact.sequences.store import Store

FRAMES = 300
TRAIN = ["S001C001P001R001A001", "S001C002P001R002A060", "S005C003P004R001A030"]  # subjects 1 and 4 train
TEST = ["S001C001P003R001A001", "S001C002P003R002A050"]


@pytest.fixture(autouse=True)
def no_roll_call(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """To list the names of 56,880 clips takes a second; do it once for all tests."""
    if "capsys" not in request.fixturenames:
        monkeypatch.setattr("skelact.importing.run.check_store", lambda _: None)


def person(frames: int, seed: int) -> NDArray[np.float32]:
    """(T, V, C) a person whose joint 1 is the origin of every frame, as in centred arrays."""
    positions = np.random.default_rng(seed).normal(size=(frames, 25, 3)).astype(np.float32)
    positions[:, 1] = 0
    return positions


def padded(frames: int, seed: int, people: int = 1, over: bool = True) -> NDArray[np.float32]:
    """(C, T, V, M) of 300 frames: the clip over and over, or zeros at its end."""
    row = np.zeros((FRAMES, 2, 25, 3), dtype=np.float32)
    for place in range(people):
        clip = person(frames, seed + 100 * place)
        row[: FRAMES if over else frames, place] = clip[np.arange(FRAMES) % frames] if over else clip
    return row.transpose(3, 0, 2, 1)


def put_agcn(folder: Path, lengths: bool = True, over: bool = True, names: bool = True) -> Path:
    folder.mkdir(parents=True)
    for prefix, clips, first in (("train", TRAIN, 0), ("val", TEST, 50)):
        true = [40 + 7 * place for place in range(len(clips))]
        rows = [padded(frames, first + place, 1 + place % 2, over) for place, frames in enumerate(true)]
        np.save(folder / f"{prefix}_data_joint.npy", np.stack(rows))
        if lengths:
            np.save(folder / f"{prefix}_num_frame.npy", true)
        stems = [f"{name}.skeleton" if names else f"clip{place}" for place, name in enumerate(clips)]
        with (folder / f"{prefix}_label.pkl").open("wb") as file:
            pickle.dump((stems, [int(name[-3:]) - 1 for name in clips]), file)
    return folder


def put_ctr_gcn(path: Path, compressed: bool = False, **others: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[Any]] = {}
    for part, clips, first in (("train", 5, 0), ("test", 3, 50)):
        x = np.zeros((clips, FRAMES, 150), dtype=np.float32)
        for row in range(clips):
            x[row, : 30 + row, : 75 * (1 + row % 2)] = np.random.default_rng(first + row).normal(
                size=(30 + row, 75 * (1 + row % 2))
            )
        arrays |= {f"x_{part}": x, f"y_{part}": np.eye(60)[np.arange(clips)]}
    (np.savez_compressed if compressed else np.savez)(path, **(arrays | others))
    return path


def put_aimclr(folder: Path, pickled: bool = True) -> Path:
    folder.mkdir(parents=True)
    for prefix, clips, first in (("train", TRAIN, 0), ("val", TEST, 50)):
        rows = [padded(50, first + place)[:, :50] for place in range(len(clips))]
        np.save(folder / f"{prefix}_position.npy", np.stack(rows))
        labels = [int(name[-3:]) - 1 for name in clips]
        if pickled:
            with (folder / f"{prefix}_label.pkl").open("wb") as file:
                pickle.dump(([f"{name}.skeleton" for name in clips], labels), file)
        else:
            np.save(folder / f"{prefix}_label.npy", np.array(labels)[:, None])
    return folder


def taken(source: Path, out: Path, format: str, dataset: str = "ntu60", **others: Any) -> Store:
    import_recordings(source, out, format=format, dataset=dataset, processes=1, **others)
    store = Store(out)
    store.verify()
    return store


def steps(store: Store) -> list[str]:
    return sorted({step for row in range(len(store)) for step in store.sequence(row).provenance})


@pytest.mark.parametrize(("lengths", "over"), [(True, True), (False, True), (False, False)])
def test_agcn_arrays(tmp_path: Path, lengths: bool, over: bool) -> None:
    source = put_agcn(tmp_path / "arrays" / "xsub", lengths, over)
    store = taken(source, tmp_path / "out", "agcn")
    assert store.columns["name"].tolist() == TRAIN + TEST
    assert store.columns["frames"].tolist() == [40, 47, 54, 40, 47]
    assert store.columns["people"].tolist() == [1, 2, 1, 1, 2]
    np.testing.assert_array_equal(store.positions(1)[:, 0], person(47, 1))  # the origin is a joint, not a gap
    np.testing.assert_array_equal(store.positions(1)[:, 1], person(47, 101))
    assert (store.up, store.unit, store.columns["fps"].tolist()) == ("+z", "m", [30.0] * 5)
    assert store.columns["subject"].tolist() == [1, 1, 4, 3, 3]
    assert store.columns["label"][0] == "drink water"
    assert store.columns["part"].tolist() == ["train"] * 3 + ["test"] * 2
    assert store.columns["source"].tolist()[:2] == ["train_data_joint.npy#0", "train_data_joint.npy#1"]
    assert [part.tolist() for part in store.parts("xsub")] == [[0, 1, 2], [3, 4]]
    assert [part.tolist() for part in store.parts("xview")] == [[1, 2, 4], [0, 3]]
    assert steps(store) == [
        "agcn arrays: cut to the true length"
        if lengths
        else "agcn arrays: true length not given; cut where the clip starts over"
        if over
        else "agcn arrays: true length not given; the clip does not start over, zeros at the end cut"
    ]


def test_a_clip_that_only_begins_alike_is_not_cut(tmp_path: Path) -> None:
    source = put_agcn(tmp_path / "xsub", lengths=False)
    rows = np.load(source / "train_data_joint.npy")
    rows[0, :, -1, 7, 0] += 1  # one joint of the last frame: no repetition any more
    rows[1, :, FRAMES - 1] = rows[1, :, 0]  # the last frame is the first again by chance of a full period
    np.save(source / "train_data_joint.npy", rows)
    store = taken(source, tmp_path / "out", "agcn")
    assert store.columns["frames"].tolist()[:2] == [300, 299]


@pytest.mark.parametrize(("first", "second"), [(60, 41), (41, 60)])
def test_a_person_who_leaves_early_does_not_shorten_the_clip(tmp_path: Path, first: int, second: int) -> None:
    """Each person starts over alone, and the second one is seen from the first."""
    source = put_agcn(tmp_path / "xsub", lengths=False)
    rows = np.load(source / "train_data_joint.npy")
    origin = np.random.default_rng(0).normal(size=(first, 1, 3))[np.arange(FRAMES) % first]
    alone, other = person(first, 0)[np.arange(FRAMES) % first], person(second, 1)[np.arange(FRAMES) % second]
    rows[1] = np.stack([alone, other + 3 - origin], axis=1).transpose(3, 0, 2, 1)
    np.save(source / "train_data_joint.npy", rows)
    store = taken(source, tmp_path / "out", "agcn")
    assert store.columns["frames"].tolist()[:3] == [40, 60, 54]
    np.testing.assert_allclose(store.positions(1)[:, 1], rows[1, :, :60, :, 1].transpose(1, 2, 0))


@pytest.mark.parametrize("compressed", [False, True])
def test_ctr_gcn_arrays(tmp_path: Path, compressed: bool) -> None:
    source = put_ctr_gcn(tmp_path / "NTU60_CS.npz", compressed)
    store = taken(source, tmp_path / "out", "ctr-gcn")
    assert store.columns["name"].tolist() == [f"train-{row:06}" for row in range(5)] + [
        f"test-{row:06}" for row in range(3)
    ]
    assert store.columns["frames"].tolist() == [30, 31, 32, 33, 34, 30, 31, 32]
    assert store.columns["people"].tolist() == [1, 2, 1, 2, 1, 1, 2, 1]
    row = np.random.default_rng(1).normal(size=(31, 150)).astype(np.float32)
    np.testing.assert_array_equal(store.positions(1), row.reshape(31, 2, 25, 3))
    assert store.splits == ("xsub",)
    assert [len(part) for part in store.parts("xsub")] == [5, 3]
    assert store.labels.tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    assert steps(store) == ["ctr-gcn arrays: zeros at the end cut"]
    assert store.up == "+y"


@pytest.mark.parametrize("pickled", [True, False])
def test_aimclr_arrays(tmp_path: Path, pickled: bool) -> None:
    store = taken(put_aimclr(tmp_path / "frame50" / "xsub", pickled), tmp_path / "out", "aimclr")
    assert store.columns["frames"].tolist() == [50] * 5
    assert store.splits == (("xsub", "xview") if pickled else ("xsub",))
    assert [part.tolist() for part in store.parts("xsub")] == [[0, 1, 2], [3, 4]]
    assert steps(store) == [
        "aimclr 50 frames: resized by their maker; true length and frames per second are not known"
    ]


@pytest.mark.parametrize("clean", ["", "default"])
def test_the_preprocessing_is_part_of_the_cleaning(tmp_path: Path, clean: str) -> None:
    agcn = taken(put_agcn(tmp_path / "a" / "xsub"), tmp_path / "agcn", "agcn", clean=clean)
    ctr = taken(put_ctr_gcn(tmp_path / "b" / "NTU60_CS.npz"), tmp_path / "ctr", "ctr-gcn", clean=clean)
    assert agcn.cleaning["preprocessing"] == "agcn arrays"
    assert ctr.cleaning["preprocessing"] == "ctr-gcn arrays"
    assert agcn.cleaning != ctr.cleaning
    assert agcn.cleaning["clean.centre"] == ("frame" if clean else "none")


def test_the_command_line_reports_what_it_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = put_agcn(tmp_path / "xsub")
    words = ["import", str(source), "--dataset", "ntu60", "--format", "agcn", "-o", str(tmp_path / "out")]
    assert run(words) == 0
    out, err = capsys.readouterr()
    assert "split xsub: train 3, test 2\nsplit xview: train 3, test 2\n" in out
    assert "ntu60 is not as published: 5 clips of 56,578, 56,573 missing; xsub: train 3 of 40,091" in out
    assert "absent: 56,875 clips: " in out
    assert err == ""
    assert run(["inspect", str(tmp_path / "out")]) == 0
    assert "preprocessing agcn arrays" in " ".join(capsys.readouterr().out.split())
    assert run([*words[:-1], str(tmp_path / "other"), "--missing", "list.txt"]) == 2
    message = "skelact: --missing is for single files; clips of agcn arrays are all taken\n"
    assert capsys.readouterr().err == message


def test_arrays_without_names_are_compared_by_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = put_ctr_gcn(tmp_path / "NTU60_CS.npz")
    assert (
        run(["import", str(source), "--dataset", "ntu60", "--format", "ctr-gcn", "-o", str(tmp_path / "o")]) == 0
    )
    text = (
        "ntu60 is not as published: 8 clips of 56,578, 56,570 missing; xsub: train 5 of 40,091, test 3 of 16,487\n"
    )
    assert text in capsys.readouterr().out


def test_no_benchmark(tmp_path: Path) -> None:
    source = put_agcn(tmp_path / "arrays", names=False)
    with pytest.raises(UserError) as caught:
        taken(source, tmp_path / "out", "agcn", dataset="")
    assert str(caught.value) == (
        f"{source / 'train_data_joint.npy'}: the names of these files do not give their split. "
        "Name it: --option split=xsub"
    )
    store = taken(source, tmp_path / "out", "agcn", dataset="", options={"split": "mine"})
    assert (store.splits, store.dataset, len(store.classes)) == (("mine",), "", 4)
    assert store.columns["label"].tolist()[:2] == ["class 001", "class 060"]


@pytest.mark.parametrize(
    ("folder", "dataset", "expected"),
    [
        ("xsub", "ntu60", "xsub"),
        ("NTU60_CS", "ntu60", "xsub"),
        ("x-view", "ntu60", "xview"),
        ("NTU120_CSet", "ntu120", "xset"),
        ("ntu120-cross-subject", "ntu120", "xsub"),
    ],
)
def test_the_split_from_names_of_files(tmp_path: Path, folder: str, dataset: str, expected: str) -> None:
    one_hot = np.eye(120)[:5], np.eye(120)[:3]
    others = {"y_train": one_hot[0], "y_test": one_hot[1]} if dataset == "ntu120" else {}
    source = put_ctr_gcn(tmp_path / folder / "arrays.npz", **others)
    assert taken(source, tmp_path / "out", "ctr-gcn", dataset).splits == (expected,)


def test_the_split_from_names_of_clips(tmp_path: Path) -> None:
    source = put_agcn(tmp_path / "arrays")
    report = import_recordings(source, tmp_path / "out", format="agcn", dataset="ntu60", processes=1)
    assert dict(report.splits["xsub"]) == {"train": 3, "test": 2}
    assert Store(tmp_path / "out").info["provenance"]["settings"]["split"] == "xsub"


def test_an_interrupted_import_goes_on(tmp_path: Path) -> None:
    for compressed in (False, True):
        source = put_ctr_gcn(tmp_path / f"c{compressed}" / "NTU60_CS.npz", compressed)
        out = tmp_path / f"out{compressed}"

        def stop(done: int, _: int) -> None:
            if done == 6:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            taken(source, out, "ctr-gcn", progress=stop)
        assert len(Store(out)) == 6
        again = taken(source, out, "ctr-gcn")
        straight = taken(source, tmp_path / f"straight{compressed}", "ctr-gcn")
        assert again.fingerprint == straight.fingerprint


def test_processes_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skelact.importing.sources.FEW_FILES", 2)
    monkeypatch.setattr("skelact.importing.sources.CHUNK", 2)
    source = put_agcn(tmp_path / "xsub")
    import_recordings(source, tmp_path / "two", format="agcn", dataset="ntu60", processes=2)
    assert Store(tmp_path / "two").fingerprint == taken(source, tmp_path / "one", "agcn").fingerprint


def change(path: Path, edit: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    np.save(path, edit(np.load(path)))


def relabel(path: Path, content: Any) -> None:
    with path.open("wb") as file:
        pickle.dump(content, file)


TRAIN_NAMES = [f"{name}.skeleton" for name in TRAIN]
FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "joints": (
        lambda f: change(f / "train_data_joint.npy", lambda x: x[..., :20, :]),
        "train_data_joint.npy: train_data_joint.npy is (3, 3, 300, 20, 2), "
        "expected (clips, 3, frames, joints, people) with 25 joints (ntu25)",
    ),
    "axes": (
        lambda f: change(f / "train_data_joint.npy", lambda x: x[0]),
        "train_data_joint.npy: train_data_joint.npy is (3, 300, 25, 2), "
        "expected (clips, 3, frames, joints, people) with 25 joints (ntu25)",
    ),
    "whole numbers": (
        lambda f: change(f / "val_data_joint.npy", lambda x: x.astype(np.int32)),
        "val_data_joint.npy: val_data_joint.npy holds <i4, expected floating point numbers",
    ),
    "labels of fewer": (
        lambda f: relabel(f / "train_label.pkl", (TRAIN_NAMES[:2], [0, 59])),
        "train_label.pkl: has 2 labels, train_data_joint.npy has 3 clips",
    ),
    "names of fewer": (
        lambda f: relabel(f / "train_label.pkl", (TRAIN_NAMES[:2], [0, 59, 29])),
        "train_label.pkl: has 2 names, train_data_joint.npy has 3 clips",
    ),
    "label too high": (
        lambda f: relabel(f / "train_label.pkl", (["a", "b", "c"], [0, 60, 1])),
        "train_label.pkl: row 1: label 60, expected 0 to 59",
    ),
    "label below 0": (
        lambda f: relabel(f / "train_label.pkl", (["a", "b", "c"], [-1, 0, 1])),
        "train_label.pkl: row 0: label -1, expected 0 to 59",
    ),
    "label against name": (
        lambda f: relabel(f / "train_label.pkl", (TRAIN_NAMES, [0, 59, 28])),
        "train_label.pkl: row 2: S005C003P004R001A030 has label 28, its name says 29. Rows out of order?",
    ),
    "label that is text": (
        lambda f: relabel(f / "train_label.pkl", (TRAIN_NAMES, ["a", "b", "c"])),
        "train_label.pkl: labels hold 'a', expected a whole number for each clip",
    ),
    "labels of different lengths": (
        lambda f: relabel(f / "train_label.pkl", (TRAIN_NAMES, [[0, 1], [2], 3])),
        "train_label.pkl: labels hold list, expected a whole number for each clip",
    ),
    "a label that would widen all others": (
        lambda f: relabel(f / "train_label.pkl", (TRAIN_NAMES, ["a" * 10**6] + [0] * 10**5)),
        "train_label.pkl: labels hold 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaa, expected a whole number for each clip",
    ),
    "labels that are huge": (
        lambda f: relabel(f / "train_label.pkl", (TRAIN_NAMES, [0, 2**70, 1])),
        "train_label.pkl: labels hold 1180591620717411303424, expected a whole number for each clip",
    ),
    "one label": (
        lambda f: relabel(f / "train_label.pkl", (TRAIN_NAMES, 5)),
        "train_label.pkl: labels are int, expected a whole number for each clip",
    ),
    "labels as floating point numbers": (
        lambda f: relabel(f / "train_label.pkl", (TRAIN_NAMES, np.array([0.0, 59.0, 29.0]))),
        "train_label.pkl: labels are float64 (3,), expected a whole number for each clip",
    ),
    "names that are none": (
        lambda f: relabel(f / "train_label.pkl", (5, [0, 59, 29])),
        "train_label.pkl: names of clips are expected to be texts",
    ),
    "names in an array of two axes": (
        lambda f: relabel(f / "train_label.pkl", (np.array([TRAIN_NAMES]), [0, 59, 29])),
        "train_label.pkl: names of clips are expected to be texts",
    ),
    "an array alone": (
        lambda f: relabel(f / "train_label.pkl", np.array(5)),
        "train_label.pkl: expected a pair of names and labels, got a ndarray",
    ),
    "no pair": (
        lambda f: relabel(f / "train_label.pkl", {"labels": [0, 1, 2]}),
        "train_label.pkl: expected a pair of names and labels, got a dict of 1",
    ),
    "no labels": (
        lambda f: (f / "val_label.pkl").unlink(),
        "val_label.pkl: cannot be opened: No such file or directory",
    ),
    "hostile labels": (
        lambda f: (f / "train_label.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR."),  # type: ignore[func-returns-value, return-value]
        "train_label.pkl: the pickle names os.system, which is not read: it could run anything on this machine. "
        "Lists, dictionaries, texts, numbers and numpy arrays are all it may hold",
    ),
    "lengths of fewer": (
        lambda f: np.save(f / "train_num_frame.npy", [40, 47]),
        "train_num_frame.npy: has lengths of 2 clips, train_data_joint.npy has 3",
    ),
    "length too high": (
        lambda f: np.save(f / "train_num_frame.npy", [40, 301, 54]),
        "train_num_frame.npy: row 1: a length of 301 frames, expected 1 to 300",
    ),
    "length of half a frame": (
        lambda f: np.save(f / "train_num_frame.npy", [40, 47.5, 54]),
        "train_num_frame.npy: holds float64, expected a whole number of frames for each clip",
    ),
    "truncated": (
        lambda f: (f / "val_data_joint.npy").write_bytes((f / "val_data_joint.npy").read_bytes()[:5000]),  # type: ignore[func-returns-value, return-value]
        "val_data_joint.npy: val_data_joint.npy is (2, 3, 300, 25, 2) of float32, 360000 bytes, and has 4872. "
        "Truncated file?",
    ),
    "rubbish": (
        lambda f: (f / "val_data_joint.npy").write_bytes(b"<html>"),  # type: ignore[func-returns-value, return-value]
        "val_data_joint.npy: is not an array file of numpy (",
    ),
    "pickled array": (
        lambda f: np.save(f / "val_data_joint.npy", np.array([None, {}]), allow_pickle=True),
        "val_data_joint.npy: val_data_joint.npy holds pickled objects, which are not read",
    ),
    "parts mixed up": (
        lambda f: relabel(f / "val_label.pkl", ([TRAIN_NAMES[0], TEST[1]], [0, 49])),
        "val_label.pkl: S001C001P001R001A001 is a train clip of xsub and lies in the test part. "
        "Arrays of another split? --option split= names it",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_agcn_arrays_that_are_wrong(tmp_path: Path, fault: str) -> None:
    source = put_agcn(tmp_path / "xsub")
    spoil, message = FAULTS[fault]
    spoil(source)
    with pytest.raises(UserError) as caught:
        taken(source, tmp_path / "out", "agcn")
    assert str(caught.value).startswith(f"{source}/{message}")
    assert not (tmp_path / "out" / "store.json").exists()


def test_ctr_gcn_arrays_that_are_wrong(tmp_path: Path) -> None:
    x = np.zeros((5, 300, 150), dtype=np.float32)
    two = np.eye(60)[:5]
    two[3, 9] = 1
    for number, (others, message) in enumerate(
        [
            ({"x_train": x[..., :140]}, "x_train is (5, 300, 140), expected (clips, frames, people x joints x 3)"),
            ({"y_train": np.eye(60)[:4]}, "has 4 labels, "),
            ({"y_train": two}, "y_train, row 3: expected a single 1 and zeros else"),
            ({"y_train": np.arange(5)}, "y_train is (5,), expected one-hot labels (clips, classes)"),
            ({"y_test": np.eye(120)[:3]}, "labels of 120 classes, ntu60 has 60. Of another data set?"),
        ]
    ):
        source = put_ctr_gcn(tmp_path / str(number) / "NTU60_CS.npz", **others)
        with pytest.raises(UserError) as caught:
            taken(source, tmp_path / "out", "ctr-gcn")
        assert message in str(caught.value)
        assert str(caught.value).startswith(str(source))
    np.savez(tmp_path / "NTU60_CS.npz", x_train=x)
    with pytest.raises(UserError, match=r"NTU60_CS\.npz: y_train is missing\. Arrays: x_train$"):
        taken(tmp_path / "NTU60_CS.npz", tmp_path / "out", "ctr-gcn")
    np.savez(tmp_path / "NTU60_CS.npz", data=x)
    with pytest.raises(UserError, match=r"NTU60_CS\.npz: no x_train and x_test in it\. Arrays: data$"):
        taken(tmp_path / "NTU60_CS.npz", tmp_path / "out", "ctr-gcn")
    (tmp_path / "NTU60_CS.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(UserError, match=r"NTU60_CS\.npz: is not an archive of arrays \("):
        taken(tmp_path / "NTU60_CS.npz", tmp_path / "out", "ctr-gcn")


def test_clips_that_cannot_be_are_left_out_with_the_reason(tmp_path: Path) -> None:
    source = put_agcn(tmp_path / "xsub")
    rows = np.load(source / "train_data_joint.npy")
    rows[0, 1, 20, 3, 0] = np.nan
    rows[1] = 0
    np.save(source / "train_data_joint.npy", rows)
    report = import_recordings(source, tmp_path / "out", format="agcn", dataset="ntu60", processes=1)
    assert [(one.path.name, one.reason) for one in report.left_out] == [
        ("train_data_joint.npy#0", "has values that are not finite numbers"),
        ("train_data_joint.npy#1", "the clip shows no person: all its coordinates are 0"),
    ]
    assert report.imported == 3


def test_where_there_is_nothing_or_too_much(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    both = tmp_path / "both"
    put_agcn(both / "xsub"), put_agcn(both / "xview")
    put_ctr_gcn(both / "NTU60_CS.npz"), put_ctr_gcn(both / "NTU60_CV.npz")
    empty = tmp_path / "empty"
    for source, format, message in (
        (empty, "agcn", f"{empty}: no AGCN arrays there, looked for train_data_joint.npy or val_data_joint.npy or "
         "test_data_joint.npy"),
        (empty, "ctr-gcn", f"{empty} holds 0 .npz files, name one"),
        (both, "agcn", f"{both} holds several sets of AGCN arrays; name the folder of one: {both}/xsub, "
         f"{both}/xview"),
        (both, "ctr-gcn", f"{both} holds 2 .npz files, name one: NTU60_CS.npz, NTU60_CV.npz"),
    ):  # fmt: skip
        with pytest.raises(UserError) as caught:
            taken(source, tmp_path / "out", format)
        assert str(caught.value) == message


def test_options_and_settings_that_cannot_be(tmp_path: Path) -> None:
    source = put_agcn(tmp_path / "xsub")
    for others, message in (
        ({"options": {"splits": "xsub"}}, "unknown option of format agcn 'splits'; did you mean 'split'?"),
        ({"options": {"split": "xset"}}, "unknown split of ntu60 'xset'. Known: xsub, xview"),
        ({"label_from": "folder"}, "agcn arrays bring their labels; leave out --label-from"),
        ({"options": {"skeleton": "kinect20"}}, "with 20 joints (kinect20)"),
    ):
        with pytest.raises(UserError) as caught:
            taken(source, tmp_path / "out", "agcn", **others)
        assert message in str(caught.value)


def test_one_part_alone(tmp_path: Path) -> None:
    source = put_agcn(tmp_path / "xsub")
    store = taken(source / "val_data_joint.npy", tmp_path / "out", "agcn")
    assert store.columns["name"].tolist() == TEST


def test_every_format_fits_every_benchmark_of_its_joints(tmp_path: Path) -> None:
    store = taken(put_agcn(tmp_path / "xsub"), tmp_path / "out", "agcn", "ntu120")
    assert store.classes == DATASETS["ntu120"].classes
    assert store.splits == ("xset", "xsub")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fps": "thirty"}, "format agcn: fps must be float, got 'thirty'"),
        ({"fps": 0}, "format agcn: fps must be above 0 and at most 100000, got 0.0"),
        ({"axes": "TVC"}, "unknown option of format agcn 'axes'. Known: fps, skeleton, split"),
        ({"split": 3}, "format agcn: split must be str, got 3"),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        taken(put_agcn(tmp_path / "xsub"), tmp_path / "out", "agcn", options=options)
    assert str(caught.value) == message

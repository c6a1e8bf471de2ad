"""NW-UCLA, UTD-MHAD and SBU: names, labels, splits, contradictions."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from skelact.datasets import DATASETS, sbu
from skelact.errors import FileError

NW_UCLA, UTD_MHAD, SBU = (DATASETS[name] for name in ("nw-ucla", "utd-mhad", "sbu"))


def nw_ucla_file(folder: Path, name: str, label: int) -> Path:
    path = folder / name
    path.write_text(json.dumps({"file_name": name, "skeletons": [[[1, 2, 3]] * 20], "label": label}))
    return path


def utd_mhad_file(folder: Path, name: str) -> Path:
    savemat(folder / name, {"d_skel": np.ones((20, 3, 2))})
    return folder / name


def sbu_file(folder: Path, name: str) -> Path:
    path = folder / name / "skeleton_pos.txt"
    path.parent.mkdir(parents=True)
    path.write_text(",".join(["1"] + ["0.5"] * 90) + "\n")
    return path


def test_nw_ucla_clip(tmp_path: Path) -> None:
    sequence = NW_UCLA.read(nw_ucla_file(tmp_path, "a08_s03_e02_v01.json", 7))
    assert (sequence.name, sequence.label) == ("a08_s03_e02_v01", "donning")
    assert dict(sequence.tags) == {"action": 8, "subject": 3, "episode": 2, "camera": 1}


def test_nw_ucla_name_and_content_contradict_each_other(tmp_path: Path) -> None:
    path = nw_ucla_file(tmp_path, "a08_s03_e02_v01.json", 8)
    with pytest.raises(FileError) as caught:
        NW_UCLA.read(path)
    assert str(caught.value) == f"{path}: the file says label 8, its name says 7 (donning). Renamed?"


def test_nw_ucla_numbers_have_gaps(tmp_path: Path) -> None:
    path = nw_ucla_file(tmp_path, "a07_s03_e02_v01.json", 7)
    with pytest.raises(FileError) as caught:
        NW_UCLA.read(path)
    assert str(caught.value) == f"{path}: action 7 is none of NW-UCLA's (1, 2, 3, 4, 5, 6, 8, 9, 11, 12)"


def test_nw_ucla_split() -> None:
    assert [NW_UCLA.splits["xview"]({"camera": c}) for c in (1, 2, 3, 4)] == ["train", "train", "test", None]


def test_utd_mhad_clip(tmp_path: Path) -> None:
    sequence = UTD_MHAD.read(utd_mhad_file(tmp_path, "a27_s8_t4_skeleton.mat"))
    assert (sequence.name, sequence.label) == ("a27_s8_t4", "squat")
    assert dict(sequence.tags) == {"action": 27, "subject": 8, "trial": 4}
    path = utd_mhad_file(tmp_path, "a28_s8_t4_skeleton.mat")
    with pytest.raises(FileError) as caught:
        UTD_MHAD.read(path)
    assert str(caught.value) == f"{path}: action 28 is none of UTD-MHAD's (1 to 27)"


def test_utd_mhad_takes_skeletons_alone(tmp_path: Path) -> None:
    for name in ("a1_s1_t1_skeleton.mat", "a1_s1_t1_inertial.mat", "a1_s1_t1_depth.mat", "b1_skeleton.mat"):
        utd_mhad_file(tmp_path, name)
    listing = UTD_MHAD.find(tmp_path)
    assert [path.name for path in listing.files] == ["a1_s1_t1_skeleton.mat"]
    assert [(entry.path.name, entry.reason) for entry in listing.left_out] == [
        ("b1_skeleton.mat", "the name does not follow aA_sS_tT_skeleton.mat (action, subject, trial)")
    ]


def test_utd_mhad_split() -> None:
    assert [UTD_MHAD.splits["xsub"]({"subject": s}) for s in range(1, 9)] == ["train", "test"] * 4


def test_sbu_clip(tmp_path: Path) -> None:
    path = sbu_file(tmp_path, "s07s03/05/002")
    sequence = SBU.read(path)
    assert (sequence.name, sequence.label) == ("s07s03_05_002", "shaking hands")
    assert dict(sequence.tags) == {"action": 5, "pair": "s07s03", "subject": 7, "partner": 3, "take": 2}
    for folder in (tmp_path, tmp_path / "s07s03", path.parent):
        assert SBU.find(folder).files == (path,)
    path = sbu_file(tmp_path, "s07s03/09/001")
    with pytest.raises(FileError) as caught:
        SBU.read(path)
    assert str(caught.value) == f"{path}: class 9 is none of SBU's (1 to 8)"


def test_sbu_folds() -> None:
    pairs = [pair for fold in sbu.FOLDS.values() for pair in fold]
    assert len(set(pairs)) == len(pairs) == 21
    for pair in pairs:
        parts = [SBU.splits[fold]({"pair": pair}) for fold in SBU.splits]
        assert sorted(filter(None, parts)) == ["test", "train", "train", "train", "train"]
    assert SBU.splits["fold1"]({"pair": "s08s09"}) is None
    assert SBU.splits["fold3"]({"pair": "s07s01"}) == "test"

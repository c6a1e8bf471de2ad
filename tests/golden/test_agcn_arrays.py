"""Arrays that the published code made of real recordings, imported, against our own preprocessing of these."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from skelact.importing.run import import_recordings
from skelact.sequences.store import Store

pytestmark = pytest.mark.real
NAMES = (
    "S001C003P008R002A058",
    "S001C001P001R001A001",
    "S003C001P015R001A034",
)  # one of camera 3, two of camera 1


@pytest.mark.parametrize("given", [True, False], ids=["lengths given", "lengths found"])
def test_published_arrays_are_what_our_own_preprocessing_makes(shared: Path, tmp_path: Path, given: bool) -> None:
    golden = [np.load(shared / "golden" / f"ntu_{name}.npz") for name in NAMES]
    folder = tmp_path / "xview"
    folder.mkdir()
    for part, rows in (("train", slice(0, 1)), ("val", slice(1, 3))):
        np.save(folder / f"{part}_data_joint.npy", [one["normalised"] for one in golden[rows]])
        if given:
            np.save(folder / f"{part}_num_frame.npy", [one["num_frames"] for one in golden[rows]])
        labels = [int(name[-3:]) - 1 for name in NAMES[rows]]
        (folder / f"{part}_label.pkl").write_bytes(pickle.dumps((list(NAMES[rows]), labels)))
    import_recordings(folder, tmp_path / "arrays", format="agcn", dataset="ntu60", processes=1)
    source = shared / "data" / "ntu_rgbd"
    import_recordings(source, tmp_path / "files", dataset="ntu60", clean="ntu-agcn", processes=1)
    arrays, files = Store(tmp_path / "arrays"), Store(tmp_path / "files")
    for row, name in enumerate(NAMES):
        own = files.sequence(files.columns["name"].tolist().index(name))
        theirs = arrays.sequence(row)
        assert (theirs.name, theirs.label, theirs.up, theirs.unit) == (own.name, own.label, own.up, own.unit)
        assert theirs.frames == golden[row]["num_frames"]
        np.testing.assert_allclose(theirs.positions, own.positions, rtol=0, atol=1e-5)
    assert arrays.cleaning != files.cleaning

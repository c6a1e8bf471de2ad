"""The table of readers, and how the format of a file is found. New entries are tested without another edit."""

import json
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from skelact.errors import FileError, UserError
from skelact.importing.run import import_recordings
from skelact.readers import (
    READERS,
    Reader,
    Unit,
    add_reader,
    find_reader,
    find_units,
    get_reader,
    options_of,
    read,
    read_all,
)
from skelact.readers.reader import NoOptions
from skelact.sequences import Sequence
from skelact.sequences.store import Store
from skelact.skeletons import KINECT20

FORMATS = "ntu (.skeleton), nw-ucla (.json), utd-mhad (.mat), sbu (.txt), pku-mmd (.txt .skeleton), "
FORMATS += "openpose (.json), pyskl (.pkl .pickle), array (.npy .npz)"


@pytest.fixture
def samples(tmp_path: Path) -> dict[str, Path]:
    """A small good file of each format."""
    folder = tmp_path / "samples"
    folder.mkdir()
    joints = "\n".join(["0.1 0.2 3 1 1 1 1 0 0 0 0 2"] * 25)
    (folder / "a.skeleton").write_text(f"2\n0\n1\n7 0 1 1 1 1 0 0.1 0.2 2\n25\n{joints}\n")
    (folder / "a.json").write_text(json.dumps({"file_name": "a", "skeletons": [[[1, 2, 3]] * 20], "label": 1}))
    savemat(folder / "a.mat", {"d_skel": np.ones((20, 3, 2))})
    (folder / "a.txt").write_text(",".join(["1"] + ["0.5"] * 90) + "\n")
    (folder / "b.txt").write_text(" ".join(["0.500000"] * 75 + ["0.000000"] * 75) + "\n")
    np.save(folder / "a.npy", np.ones((2, 25, 3)))
    people = [{"person_id": [-1], "pose_keypoints_2d": [1.0, 2.0, 0.5] * 25}]
    (folder / "a_000000000000_keypoints.json").write_text(json.dumps({"version": 1.3, "people": people}))
    one = {"frame_dir": "a", "label": 0, "total_frames": 2, "keypoint": np.ones((1, 2, 17, 2))}
    (folder / "a.pkl").write_bytes(pickle.dumps({"split": {}, "annotations": [one]}, protocol=4))
    files = (
        ("ntu", "a.skeleton"),
        ("nw-ucla", "a.json"),
        ("utd-mhad", "a.mat"),
        ("sbu", "a.txt"),
        ("pku-mmd", "b.txt"),
        ("openpose", "a_000000000000_keypoints.json"),
        ("pyskl", "a.pkl"),
        ("array", "a.npy"),
    )
    return {name: folder / file for name, file in files}


def said_to(reader: Reader) -> dict[str, object]:
    return {"axes": "TVC", "skeleton": "ntu25", "fps": 30} if reader.name == "array" else {}


def test_every_reader_has_a_sample(samples: dict[str, Path]) -> None:
    assert samples.keys() == READERS.keys()


@pytest.mark.parametrize("name", READERS)
def test_entry(name: str, samples: dict[str, Path]) -> None:
    reader = get_reader(name)
    assert reader.name == name
    assert reader.title
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in reader.suffixes)
    assert find_reader(samples[name]) is reader
    assert read(samples[name], **said_to(reader)).frames >= 1
    assert pickle.loads(pickle.dumps(reader)) == reader


@pytest.mark.parametrize("name", READERS)
def test_a_reader_recognises_its_own_files_alone(name: str, samples: dict[str, Path]) -> None:
    heads = {sample: path.read_bytes()[:4096] for sample, path in samples.items()}
    assert [sample for sample, head in heads.items() if READERS[name].sniff(head)] == [name]


@pytest.mark.parametrize("name", READERS)
def test_the_format_is_found_by_content_where_the_name_does_not_give_it(
    name: str, samples: dict[str, Path], tmp_path: Path
) -> None:
    for new in ("recording", "recording.dat", "recording.txt"):
        path = tmp_path / new
        path.write_bytes(samples[name].read_bytes())
        assert find_reader(path).name == name


@pytest.mark.parametrize("name", READERS)
def test_the_format_is_found_by_name_where_the_content_is_broken(name: str, tmp_path: Path) -> None:
    called = {"pku-mmd": "A01N02-M.txt", "openpose": "a_0_keypoints.json"}  # other formats have that ending too
    path = tmp_path / called.get(name, f"broken{READERS[name].suffixes[0].upper()}")
    path.write_bytes(b"")
    assert find_reader(path).name == name
    with pytest.raises(FileError) as caught:
        read(path, **said_to(READERS[name]))
    assert str(caught.value) == f"{path}: the file is empty"


@pytest.mark.parametrize("name", READERS)
def test_a_missing_file_and_a_folder_are_reported(name: str, tmp_path: Path) -> None:
    options = said_to(READERS[name])
    for format in (name, None):
        path = tmp_path / "none"
        with pytest.raises(FileError) as caught:
            read(path, format, **options)
        assert str(caught.value) == f"{path}: cannot be opened: No such file or directory"
        with pytest.raises(FileError) as caught:
            read(tmp_path, format, **options)
        what = f"format {name}" if format else "any format"
        assert str(caught.value) == f"{tmp_path}: the folder holds no recording of {what}"


def test_an_unknown_format_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "clip.bvh"
    path.write_text("HIERARCHY\n")
    with pytest.raises(FileError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: its format is not known from name or content. Formats: {FORMATS}"


def test_an_unknown_name_of_a_format(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path / "x", "ntu25")
    assert str(caught.value) == (
        "unknown format 'ntu25'; did you mean 'ntu'? Known: array, ntu, nw-ucla, openpose, pku-mmd, pyskl, sbu, "
        "utd-mhad"
    )


def test_an_option_that_a_format_does_not_take(samples: dict[str, Path]) -> None:
    with pytest.raises(UserError) as caught:
        read(samples["ntu"], axes="TVC")
    assert str(caught.value) == "unknown option of format ntu 'axes'. Known: none"


@pytest.mark.parametrize("name", READERS)
def test_a_folder_gives_the_same_recording(name: str, samples: dict[str, Path]) -> None:
    """A file alone, found in its folder by its format, and named as a unit are one and the same."""
    reader, path = READERS[name], samples[name]
    others = [unit for unit in reader.find(sorted(path.parent.iterdir())) if path in unit.files]
    assert len(others) == 1
    options = options_of(reader, said_to(reader))
    (sequence,) = reader.read(others[0], options)
    assert isinstance(sequence, Sequence)
    assert sequence.positions.tobytes() == read(path, **said_to(reader)).positions.tobytes()


def test_every_file_of_a_mixed_folder_is_found_once(samples: dict[str, Path]) -> None:
    folder = next(iter(samples.values())).parent
    (folder / "notes.md").write_text("-")
    found = find_units(folder)
    assert sorted(file for unit, _ in found.units for file in unit.files) == sorted(samples.values())
    assert found.others == 1
    assert [unit.path.name for unit, name in found.units if name] == ["samples"]  # the frames of a folder


@dataclass(frozen=True)
class Lengths:
    """A format of one's own: a line per recording has its number of frames."""

    name: str = "lengths"
    title: str = "lengths"
    suffixes: tuple[str, ...] = (".len",)
    called: str = ""
    many: bool = True
    Options: type = NoOptions

    def sniff(self, head: bytes) -> bool:
        return head.startswith(b"lengths")

    def find(self, files: Iterable[Path]) -> list[Unit]:
        return [Unit.of_file(path) for path in files if path.suffix == ".len"]

    def read(self, unit: Unit, options: NoOptions) -> Iterator[Sequence | FileError]:
        assert options == NoOptions()
        for number, line in enumerate(unit.path.read_text().split()[1:]):
            if line == "0":
                yield FileError(unit.path, "no frames", number + 2)
            else:
                yield Sequence(
                    np.ones((int(line), 1, 20, 3)), KINECT20, 30.0, f"r{number}", tags={"split.a": "test"}
                )


def test_a_format_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, "lengths", Lengths())  # taken away again after the test
    add_reader(Lengths())  # the same again is no other
    path = tmp_path / "a.len"
    path.write_text("lengths\n3\n0\n5\n")
    found = read_all(path)
    assert next(found).frames == 3
    with pytest.raises(FileError) as caught:
        next(found)
    assert str(caught.value) == f"{path}, line 3: no frames"
    with pytest.raises(UserError, match=r"^another reader is called 'ntu'; give yours another name$"):
        add_reader(replace(Lengths(), name="ntu"))


def test_imports_take_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(READERS, "lengths", Lengths())
    path = tmp_path / "in" / "a.len"
    path.parent.mkdir()
    path.write_text("lengths\n3\n0\n5\n")
    report = import_recordings(path.parent, tmp_path / "out", clean="none")
    assert [(one.path, one.reason) for one in report.left_out] == [(path, "line 3: no frames")]
    store = Store(tmp_path / "out")
    assert store.columns["name"].tolist() == ["r0", "r2"]
    assert store.columns["frames"].tolist() == [3, 5]
    assert dict(report.splits["a"]) == {"train": 0, "test": 2}

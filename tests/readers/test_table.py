"""The table of readers, and how the format of a file is found. New entries are tested without another edit."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from skelact.errors import FileError, UserError
from skelact.readers import READERS, Reader, find_reader, get_reader, read

FORMATS = "ntu (.skeleton), nw-ucla (.json), utd-mhad (.mat), sbu (.txt), pku-mmd (.txt .skeleton), "
FORMATS += "array (.npy .npz)"


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
    files = (
        ("ntu", "a.skeleton"),
        ("nw-ucla", "a.json"),
        ("utd-mhad", "a.mat"),
        ("sbu", "a.txt"),
        ("pku-mmd", "b.txt"),
        ("array", "a.npy"),
    )
    return {name: folder / file for name, file in files}


def options_of(reader: Reader) -> dict[str, object]:
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
    assert read(samples[name], **options_of(reader)).frames >= 1
    assert pickle.loads(pickle.dumps(reader)) == reader


@pytest.mark.parametrize("name", READERS)
def test_a_reader_recognises_its_own_files_alone(name: str, samples: dict[str, Path]) -> None:
    heads = {sample: path.read_bytes()[:4096] for sample, path in samples.items()}
    assert [sample for sample, head in heads.items() if READERS[name].sniff(head)] == [name]


@pytest.mark.parametrize("name", READERS)
def test_the_content_tells_where_the_name_does_not(name: str, samples: dict[str, Path], tmp_path: Path) -> None:
    for new in ("recording", "recording.dat", "recording.txt"):
        path = tmp_path / new
        path.write_bytes(samples[name].read_bytes())
        assert find_reader(path).name == name


@pytest.mark.parametrize("name", READERS)
def test_the_name_tells_where_the_content_is_broken(name: str, tmp_path: Path) -> None:
    called = {"pku-mmd": "A01N02-M.txt"}  # other formats have that ending too
    path = tmp_path / called.get(name, f"broken{READERS[name].suffixes[0].upper()}")
    path.write_bytes(b"")
    assert find_reader(path).name == name
    with pytest.raises(FileError) as caught:
        read(path, **options_of(READERS[name]))
    assert str(caught.value) == f"{path}: the file is empty"


@pytest.mark.parametrize("name", READERS)
def test_what_is_not_there_or_a_folder_is_said_so(name: str, tmp_path: Path) -> None:
    options = options_of(READERS[name])
    for path, reason in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        for format in (name, None):
            with pytest.raises(FileError) as caught:
                read(path, format, **options)
            assert str(caught.value) == f"{path}: cannot be opened: {reason}"


def test_a_format_that_nobody_knows(tmp_path: Path) -> None:
    path = tmp_path / "clip.bvh"
    path.write_text("HIERARCHY\n")
    with pytest.raises(FileError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: its format is not known from name or content. Formats: {FORMATS}"


def test_a_format_that_is_named_wrongly(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path / "x", "ntu25")
    assert str(caught.value) == (
        "unknown format 'ntu25'; did you mean 'ntu'? Known: array, ntu, nw-ucla, pku-mmd, sbu, utd-mhad"
    )


def test_an_option_that_a_format_does_not_take(samples: dict[str, Path]) -> None:
    with pytest.raises(UserError) as caught:
        read(samples["ntu"], axes="TVC")
    assert str(caught.value) == "unknown option of format ntu 'axes'. Known: none"

"""Broken recordings: every reader says in one sentence what is wrong and where, and never anything else."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from skelact.errors import FileError
from skelact.readers import READERS, read

JOINT = "0.1 0.2 3 277.4 191.8 1036.2 519.1 -0.2 0.05 0.96 -0.1 2"
BODY = ["7 0 1 1 1 1 0 0.02 0.05 2", "25", *[JOINT] * 25]


def ntu_lines() -> list[str]:
    """Four frames with 1, 0, 2 and 1 bodies, on lines 2 to 29, 30, 31 to 85 and 86 to 113."""
    return ["4", "1", *BODY, "0", "2", *BODY, *BODY, "1", *BODY]


def fault_of(path: Path, content: bytes | str, **options: object) -> str:
    """What the reader says to this content, less the path."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(FileError) as caught:
        read(path, **options)
    assert caught.value.path == path
    message = str(caught.value)
    assert message.startswith(str(path))
    return message.removeprefix(str(path)).removeprefix(": ").removeprefix(", ")


def test_the_ntu_sample_is_good(tmp_path: Path) -> None:
    path = tmp_path / "a.skeleton"
    path.write_text("\n".join(ntu_lines()))
    assert read(path).positions.shape == (4, 2, 25, 3)
    assert len(ntu_lines()) == 113


def changed(line: int, text: str) -> list[str]:
    """The good file with another line, counted from 1."""
    lines = ntu_lines()
    lines[line - 1] = text
    return lines


NTU_FAULTS: dict[str, tuple[Callable[[], list[str]], str]] = {
    "cut between frames": (
        lambda: ntu_lines()[:31],
        "line 31: frame 3 announces 2 bodies, the file ends after 0. Truncated file?",
    ),
    "cut after a frame": (
        lambda: ntu_lines()[:30],
        "line 30: the file announces 4 frames and ends after 2. Truncated file?",
    ),
    "cut between bodies": (
        lambda: ntu_lines()[:58],
        "line 58: frame 3 announces 2 bodies, the file ends after 1. Truncated file?",
    ),
    "cut in a body": (
        lambda: ntu_lines()[:70],
        "line 70: the file ends in body 2 of frame 3. Truncated file?",
    ),
    "cut after the line of a body": (
        lambda: ntu_lines()[:59],
        "line 59: the file ends in body 2 of frame 3. Truncated file?",
    ),
    "cut in the line of a body": (
        lambda: [*ntu_lines()[:58], "7 0 1 1"],
        "line 59: the file ends in body 2 of frame 3. Truncated file?",
    ),
    "cut after the number of joints": (
        lambda: ntu_lines()[:60],
        "line 60: the file ends in body 2 of frame 3. Truncated file?",
    ),
    "cut in a joint": (
        lambda: [*ntu_lines()[:-1], "0.1 0.2"],
        "line 113: the file ends in joint 25 of body 1 of frame 4. Truncated file?",
    ),
    "cut after the first line": (
        lambda: ["4"],
        "line 1: the file announces 4 frames and ends after 0. Truncated file?",
    ),
    "a joint line is lost": (
        lambda: ntu_lines()[:10] + ntu_lines()[11:],
        "line 29: joint 25 of body 1 of frame 1 has 1 values, expected 12",
    ),
    "more frames than announced": (
        lambda: changed(1, "3"),
        "line 86: the file goes on after its 3 frames: '1'",
    ),
    "two files in one": (
        lambda: ntu_lines() + ntu_lines(),
        "line 114: the file goes on after its 4 frames: '4'",
    ),
    "fewer frames than announced": (
        lambda: changed(1, "9"),
        "line 113: the file announces 9 frames and ends after 4. Truncated file?",
    ),
    "more bodies than announced": (
        lambda: changed(31, "1"),
        "line 59: expected the number of bodies in frame 4, got '7 0 1 1 1 1 0 0.02 0.05 2'",
    ),
    "fewer bodies than announced": (
        lambda: changed(2, "2"),
        "line 30: expected the 10 values of body 2 of frame 1, its identity first, got '0'",
    ),
    "a number of frames that is none": (
        lambda: changed(1, "four"),
        "line 1: expected the number of frames, got 'four'",
    ),
    "a negative number of frames": (lambda: changed(1, "-4"), "line 1: expected the number of frames, got '-4'"),
    "a number of bodies that is none": (
        lambda: changed(30, "0.5"),
        "line 30: expected the number of bodies in frame 2, got '0.5'",
    ),
    "an identity that is none": (
        lambda: changed(3, "me 0 1 1 1 1 0 0 0 2"),
        "line 3: expected the 10 values of body 1 of frame 1, its identity first, got 'me 0 1 1 1 1 0 0 0 2'",
    ),
    "an identity of many digits": (
        lambda: changed(3, "7" * 5000 + " 0 1 1 1 1 0 0 0 2"),
        f"line 3: expected the 10 values of body 1 of frame 1, its identity first, got '{'7' * 30}...'",
    ),
    "frames without end": (
        lambda: changed(1, "9" * 18),
        f"line 113: the file announces {'9' * 18} frames and ends after 4. Truncated file?",
    ),
    "bodies without end": (
        lambda: changed(2, "9" * 18),
        "line 30: expected the 10 values of body 2 of frame 1, its identity first, got '0'",
    ),
    "another number of joints": (
        lambda: changed(4, "20"),
        "line 4: body 1 of frame 1 has 20 joints, expected 25 (Kinect v2)",
    ),
    "a number of joints that is none": (
        lambda: changed(4, "25 25"),
        "line 4: expected the number of joints of body 1 of frame 1, got '25 25'",
    ),
    "a joint with too few values": (
        lambda: changed(34, JOINT[:-2]),
        "line 34: joint 1 of body 1 of frame 3 has 11 values, expected 12",
    ),
    "a joint with too many values": (
        lambda: changed(34, JOINT + " 1"),
        "line 34: joint 1 of body 1 of frame 3 has 13 values, expected 12",
    ),
    "a coordinate that is no number": (
        lambda: changed(40, JOINT.replace("0.2", "0,2", 1)),
        "line 40: '0,2' is not a number",
    ),
    "an infinite coordinate": (
        lambda: changed(40, JOINT.replace("3", "-inf", 1)),
        "line 40: '-inf' is not a finite number",
    ),
    "a state that is none": (
        lambda: changed(113, JOINT[:-1] + "3"),
        "line 113: the tracking state is '3', expected 0, 1 or 2",
    ),
    "no person in any frame": (
        lambda: ["3", "0", "0", "0"],
        "the recording shows no person: 3 frames, no body in any of them",
    ),
    "no frames": (lambda: ["0"], "the recording shows no person: 0 frames, no body in any of them"),
    "only joints at the camera": (
        lambda: ["1", "1", *BODY[:2], *["0 0 0 1 1 1 1 0 0 0 0 0"] * 25],
        "the recording shows no person: every joint of every body is at (0, 0, 0)",
    ),
    "another text": (lambda: ["<html>", "Not found"], "line 1: expected the number of frames, got '<html>'"),
}


@pytest.mark.parametrize("fault", NTU_FAULTS)
def test_ntu(fault: str, tmp_path: Path) -> None:
    make, message = NTU_FAULTS[fault]
    lines = make()
    path = tmp_path / "S001C001P001R001A001.skeleton"
    assert fault_of(path, "\n".join(lines) + "\n") == message
    assert fault_of(path, "\r\n".join(lines)) == message


@pytest.mark.parametrize("suffix", [".skeleton", ".txt", ".json", ".mat", ".npy"])
def test_empty_and_blank(suffix: str, tmp_path: Path) -> None:
    options = {"axes": "TVC", "skeleton": "ntu25", "fps": 30} if suffix == ".npy" else {}
    assert fault_of(tmp_path / f"a{suffix}", b"", **options) == "the file is empty"
    if suffix in (".skeleton", ".txt", ".json"):
        assert fault_of(tmp_path / f"a{suffix}", b" \r\n\n") == "the file is empty"


@pytest.mark.parametrize("suffix", [".skeleton", ".txt"])
def test_control_characters_alone(suffix: str, tmp_path: Path) -> None:
    assert fault_of(tmp_path / f"a{suffix}", b"\x01\n\x02") == "is not a text file"


def test_binary_rubbish(tmp_path: Path) -> None:
    rubbish = bytes(range(256)) * 40
    begins = r"it begins with b'\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b'"
    array = {"axes": "TVC", "skeleton": "ntu25", "fps": 30}
    assert fault_of(tmp_path / "a.skeleton", rubbish) == "is not a text file"
    assert fault_of(tmp_path / "a.txt", rubbish) == "is not a text file"
    assert fault_of(tmp_path / "a.json", rubbish) == "is not a JSON file"
    assert fault_of(tmp_path / "a.mat", rubbish) == f"is not a MATLAB 5 file; {begins}"
    assert fault_of(tmp_path / "a.npz", rubbish, **array) == f"is not an array file of numpy; {begins}"


# SBU


def sbu_lines() -> list[str]:
    return [",".join([str(frame), *["0.5"] * 90]) for frame in (55, 56, 57)]


VALUES = "expected 91 values (frame number, 2 people x 15 joints x 3)"
SBU_FAULTS: dict[str, tuple[Callable[[], list[str]], str]] = {
    "cut in a line": (
        lambda: [*sbu_lines()[:2], sbu_lines()[2][:100]],
        f"line 3: {VALUES}, the file ends after 26. Truncated file?",
    ),
    "cut in the first line": (
        lambda: ["55,0.5"],
        f"line 1: {VALUES}, got 2: '55,0.5'",
    ),
    "a line too long": (
        lambda: [sbu_lines()[0], sbu_lines()[1] + ",1", sbu_lines()[2]],
        f"line 2: {VALUES}, got 92: '56,0.5,0.5,0.5,0.5,0.5,0.5,0.5...'",
    ),
    "one person": (
        lambda: [",".join(line.split(",")[:46]) for line in sbu_lines()],
        f"line 1: {VALUES}, got 46: '55,0.5,0.5,0.5,0.5,0.5,0.5,0.5...'",
    ),
    "not a number": (
        lambda: [sbu_lines()[0], sbu_lines()[1].replace("0.5", "half", 1)],
        "line 2: 'half' is not a number",
    ),
    "infinite": (lambda: [sbu_lines()[0].replace("0.5", "1e99", 1)], "line 1: '1e99' is not a finite number"),
    "a line lost": (
        lambda: [sbu_lines()[0], sbu_lines()[2]],
        "line 2: frame 57 follows frame 55. Were lines lost?",
    ),
    "lines exchanged": (
        lambda: [sbu_lines()[1], sbu_lines()[0]],
        "line 2: frame 55 follows frame 56. Were lines lost?",
    ),
    "no person": (
        lambda: [",".join(["55"] + ["0"] * 90), ",".join(["56"] + ["0.0"] * 90)],
        "the recording shows no person: every joint is at (0, 0, 0) in every frame",
    ),
    "another text": (
        lambda: ["dear reader"],
        f"line 1: {VALUES}, got 2: 'dear reader'",
    ),
}


@pytest.mark.parametrize("fault", SBU_FAULTS)
def test_sbu(fault: str, tmp_path: Path) -> None:
    make, message = SBU_FAULTS[fault]
    assert fault_of(tmp_path / "skeleton_pos.txt", "\r\n".join(make())) == message


# NW-UCLA


def nw_ucla(**other: object) -> str:
    return json.dumps({"file_name": "a", "skeletons": [[[0.5, 1.5, 2.5]] * 20] * 3, "label": 1} | other)


FRAME = [[0.5, 1.5, 2.5]] * 20
NW_UCLA_FAULTS = {
    "cut": (nw_ucla()[:200], "line 1: not valid JSON at character 200: Expecting ',' delimiter. Truncated file?"),
    "cut at the start": (
        '{"skele',
        "line 1: not valid JSON at character 2: Unterminated string starting at. Truncated file?",
    ),
    "goes on": (nw_ucla() + nw_ucla(), "line 1: not valid JSON at character 1072: Extra data"),
    "no object": ("[1, 2]", 'expected an object with "skeletons": frames x 20 joints x 3 coordinates'),
    "no skeletons": ('{"label": 1}', 'expected an object with "skeletons": frames x 20 joints x 3 coordinates'),
    "skeletons are none": (
        nw_ucla(skeletons="many"),
        'expected an object with "skeletons": frames x 20 joints x 3 coordinates',
    ),
    "no label": (nw_ucla(label=None), '"label" must be the number of the action, got null'),
    "a label that is none": (nw_ucla(label="throw"), '"label" must be the number of the action, got "throw"'),
    "a label of many digits": (
        nw_ucla().replace('"label": 1', '"label": ' + "1" * 200),
        '"label" must be the number of the action, got 1.1111111111111111e+199',
    ),
    "a label that never ends": (
        nw_ucla().replace('"label": 1', '"label": ' + "1" * 5000),
        '"label" must be the number of the action, got Infinity',
    ),
    "a coordinate that never ends": (
        nw_ucla().replace("2.5", "1" * 5000, 1),
        "frame 1 has a coordinate that is not a finite number",
    ),
    "no frames": (nw_ucla(skeletons=[]), "no frames in this recording"),
    "a joint lost": (nw_ucla(skeletons=[FRAME, FRAME[1:]]), "frame 2 is (19, 3), expected (20, 3) numbers"),
    "other joints in all frames": (
        nw_ucla(skeletons=[FRAME + FRAME[:5]] * 2),
        "frame 1 is (25, 3), expected (20, 3) numbers",
    ),
    "a coordinate lost": (
        nw_ucla(skeletons=[FRAME, [*FRAME[1:], [1, 2]]]),
        "frame 2 has joints with different numbers of coordinates, expected (20, 3) numbers",
    ),
    "a coordinate is text": (
        nw_ucla(skeletons=[FRAME, FRAME, [["1", "2", "3"], *FRAME[1:]]]),
        "frame 3 is not all numbers, expected (20, 3) numbers",
    ),
    "a coordinate is null": (
        nw_ucla(skeletons=[[[1, None, 3], *FRAME[1:]]]),
        "frame 1 is not all numbers, expected (20, 3) numbers",
    ),
    "a huge number": (
        nw_ucla(skeletons=[[[1, 10**400, 3], *FRAME[1:]]]),
        "frame 1 has a coordinate that is not a finite number",
    ),
    "infinite": (
        nw_ucla(skeletons=[FRAME, [[1, float("inf"), 3], *FRAME[1:]]]),
        "frame 2 has a coordinate that is not a finite number",
    ),
    "too large for float32": (
        nw_ucla(skeletons=[FRAME, [[1, 1e39, 3], *FRAME[1:]]]),
        "frame 2 has a coordinate that is not a finite number",
    ),
    "no person": (
        nw_ucla(skeletons=[[[0, 0, 0]] * 20] * 2),
        "the recording shows no person: every joint is at (0, 0, 0) in every frame",
    ),
    "nested without end": ("[" * 100_000, "is not a JSON file"),
}


@pytest.mark.parametrize("fault", NW_UCLA_FAULTS)
def test_nw_ucla(fault: str, tmp_path: Path) -> None:
    content, message = NW_UCLA_FAULTS[fault]
    assert fault_of(tmp_path / "a01_s01_e00_v01.json", content) == message


# UTD-MHAD


def mat(compressed: bool = False, **variables: object) -> bytes:
    file = io.BytesIO()
    savemat(file, variables, do_compression=compressed)
    return file.getvalue()


GOOD = np.random.default_rng(0).normal(0, 1, (20, 3, 9))
INFINITE, HUGE = GOOD.copy(), GOOD.copy()
INFINITE[4, 1, 6] = np.inf
HUGE[4, 1, 6] = 1e39
UTD_MHAD_FAULTS = {
    "another variable": (mat(d_iner=GOOD), "has no variable d_skel; other files of UTD-MHAD hold no skeletons"),
    "no variable": (mat(), "has no variable d_skel; other files of UTD-MHAD hold no skeletons"),
    "other joints": (mat(d_skel=GOOD[:15]), "d_skel is (15, 3, 9), expected (20 joints, 3 coordinates, frames)"),
    "other coordinates": (
        mat(d_skel=GOOD[:, :2]),
        "d_skel is (20, 2, 9), expected (20 joints, 3 coordinates, frames)",
    ),
    "frames first": (
        mat(d_skel=GOOD.transpose(2, 0, 1)),
        "d_skel is (9, 20, 3), expected (20 joints, 3 coordinates, frames)",
    ),
    "no frames": (mat(d_skel=GOOD[:, :, :0]), "no frames in this recording"),
    "one matrix": (mat(d_skel=GOOD[:, :, 0]), "d_skel is (20, 3), expected (20 joints, 3 coordinates, frames)"),
    "text": (mat(d_skel="skeleton"), "d_skel is (1,), expected (20 joints, 3 coordinates, frames)"),
    "complex numbers": (mat(d_skel=GOOD * 1j), "d_skel holds complex128, expected numbers"),
    "infinite": (mat(d_skel=INFINITE), "frame 7 has a coordinate that is not a finite number"),
    "too large for float32": (mat(d_skel=HUGE), "frame 7 has a coordinate that is not a finite number"),
    "no person": (mat(d_skel=GOOD * 0), "the recording shows no person: no joint was observed in any frame"),
    "cut in the numbers": (mat(d_skel=GOOD)[:3000], "the MATLAB file is broken. Truncated file?"),
    "cut in packed numbers": (mat(True, d_skel=GOOD)[:2000], "the MATLAB file is broken. Truncated file?"),
    "cut after the header": (
        mat(d_skel=GOOD)[:128],
        "has no variable d_skel; other files of UTD-MHAD hold no skeletons",
    ),
    "cut in the header": (mat(d_skel=GOOD)[:60], "the MATLAB file is broken. Truncated file?"),
    "a file of MATLAB 7.3": (
        b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + b" " * 200,
        "is not a MATLAB 5 file; it begins with b'MATLAB 7.3 M'",
    ),
}


@pytest.mark.parametrize("fault", UTD_MHAD_FAULTS)
def test_utd_mhad(fault: str, tmp_path: Path) -> None:
    content, message = UTD_MHAD_FAULTS[fault]
    assert fault_of(tmp_path / "a1_s1_t1_skeleton.mat", content) == message


# arrays


def npy(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(array), allow_pickle=True)
    return file.getvalue()


def npz(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def zipped(**texts: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return file.getvalue()


BODY_ARRAY = np.random.default_rng(0).normal(0, 1, (6, 25, 3))
INFINITE_ARRAY = BODY_ARRAY.copy()
INFINITE_ARRAY[2, 3, 1] = -np.inf
ARRAY_FAULTS = {
    "another number of axes": (
        npy(BODY_ARRAY[None]),
        "the array is (1, 6, 25, 3), which are not the 3 axes 'TVC'",
    ),
    "axes in another order": (
        npy(BODY_ARRAY.transpose(2, 0, 1)),
        "the array has 3 frames, 1 persons, 6 joints, 25 coordinates; expected 25 joints (ntu25) and 2 or 3 "
        "coordinates. Are the axes in the right order?",
    ),
    "a score as fourth coordinate": (
        npy(np.ones((6, 25, 4))),
        "the array has 6 frames, 1 persons, 25 joints, 4 coordinates; expected 25 joints (ntu25) and 2 or 3 "
        "coordinates. Are the axes in the right order?",
    ),
    "no frames": (
        npy(BODY_ARRAY[:0]),
        "the recording is empty: 0 frames, 1 persons, 25 joints, 3 coordinates",
    ),
    "infinite": (
        npy(INFINITE_ARRAY),
        "the array has infinite coordinates; a joint that was not observed is NaN",
    ),
    "too large for float32": (
        npy(BODY_ARRAY * 1e200),
        "the array has infinite coordinates; a joint that was not observed is NaN",
    ),
    "no person": (npy(BODY_ARRAY * np.nan), "the recording shows no person: no joint was observed in any frame"),
    "text": (npy([["a"]]), "the array holds <U1, expected numbers"),
    "complex numbers": (npy(BODY_ARRAY * 1j), "the array holds complex128, expected numbers"),
    "pickled objects": (
        npy(np.array([{"a": 1}], dtype=object)),
        "the array file holds pickled objects, which are not read",
    ),
    "pickled objects in an archive": (
        npz(a=np.array([{"a": 1}], dtype=object)),
        "the array file holds pickled objects, which are not read",
    ),
    "cut": (
        npy(BODY_ARRAY)[:2000],
        "the array file is broken ((6, 25, 3) of float64, 3,600 bytes, and it has 1,872). Truncated file?",
    ),
    "cut in the header": (
        npy(BODY_ARRAY)[:30],
        "the array file is broken (it ends in its header). Truncated file?",
    ),
    "a cut archive": (
        npz(a=BODY_ARRAY)[:2000],
        "the array file is broken (File is not a zip file). Truncated file?",
    ),
    "an archive of other files": (
        zipped(readme="hello"),
        "holds 0 arrays, name one with the option key. Arrays: none",
    ),
    "an archive of several": (
        npz(x=BODY_ARRAY, y=BODY_ARRAY),
        "holds 2 arrays, name one with the option key. Arrays: x, y",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", ARRAY_FAULTS)
def test_arrays(fault: str, tmp_path: Path) -> None:
    content, message = ARRAY_FAULTS[fault]
    suffix = ".npy" if content.startswith(b"\x93") else ".npz"
    assert fault_of(tmp_path / f"a{suffix}", content, axes="TVC", skeleton="ntu25", fps=30) == message


# whatever is done to a file, it is read or refused


SOUND = {
    ".skeleton": "\r\n".join(ntu_lines()).encode(),
    ".txt": "\r\n".join(sbu_lines()).encode(),
    ".json": nw_ucla().encode(),
    ".mat": mat(d_skel=GOOD),
    "packed.mat": mat(True, d_skel=GOOD),
    ".npy": npy(BODY_ARRAY),
    ".npz": npz(a=BODY_ARRAY),
}


@st.composite
def damage(draw: st.DrawFn) -> tuple[str, bytes]:
    """A sound file with some bytes changed, cut out or put in."""
    suffix = draw(st.sampled_from(sorted(SOUND)))
    content = bytearray(SOUND[suffix])
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(content)))
        removed = draw(st.sampled_from([0, 1, 1, 2, 7, 100, 10**6]))
        text = st.text('0123456789-.,eEinfa \n[]{}"', max_size=4).map(str.encode)
        content[place : place + removed] = draw(st.one_of(st.binary(max_size=4), text))
    return suffix, bytes(content)


@settings(max_examples=200, deadline=None)
@given(broken=damage())
def test_damaged_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, broken: tuple[str, bytes]
) -> None:
    suffix, content = broken
    path = tmp_path_factory.getbasetemp() / f"damaged{suffix}"
    path.write_bytes(content)
    format = next(name for name, reader in READERS.items() if path.suffix in reader.suffixes)
    options = {"axes": "TVC", "skeleton": "ntu25", "fps": 30} if format == "array" else {}
    try:
        sequence = read(path, format, **options)
    except FileError as error:
        assert str(error).startswith(str(path))  # noqa: PT017
        return
    assert not np.isinf(sequence.positions).any()
    assert sequence.valid.any()


@pytest.mark.real
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_cut_real_files_name_the_line_where_they_end(shared: Path, tmp_path: Path, share: float) -> None:
    for source in sorted((shared / "data" / "ntu_rgbd").glob("*.skeleton")):
        content = source.read_bytes()[: int(share * source.stat().st_size)]
        path = tmp_path / source.name
        path.write_bytes(content)
        with pytest.raises(FileError, match=r"Truncated file\?$") as caught:
            read(path)
        assert caught.value.line == len(content.splitlines())

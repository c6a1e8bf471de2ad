"""Array files: what numpy writes is read, what a header or an archive claims beyond its bytes is refused."""

import io
import struct
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skelact.errors import FileError
from skelact.importing.arrays.stored import open_npy, open_npz
from skelact.readers.arrays import read_array
from skelact.readers.numpy_files import check_members, read_elements, read_header
from skelact.skeletons import NTU25

InChild = Callable[[str, Iterable[Path]], dict[Path, Any]]
SECONDS = 5  # of processor time; a file takes a few milliseconds
READ = """
from skelact.importing.arrays import ARRAY_FORMATS
from skelact.errors import UserError
from skelact.readers import read

def attempt(path):
    if path.is_dir():
        format = ARRAY_FORMATS[path.name.split("@")[0]]
        for part in format.find(path):
            for rows in part.array.in_order(0, 100):
                rows.sum()
    elif path.suffix in (".npy", ".npz"):
        read(path, axes="TMVC", skeleton="ntu25", fps=30)
    else:
        read(path)
"""


def npy(header: str, content: bytes = b"", version: int = 1) -> bytes:
    counter = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + counter + header.encode() + content


def says(shape: str, descr: str = "'<f4'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"


@settings(max_examples=100, deadline=None)
@given(
    array=hnp.arrays(
        hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)) | hnp.integer_dtypes() | hnp.boolean_dtypes(),
        hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=3),
    ),
    fortran=st.booleans(),
    version=st.sampled_from([(1, 0), (2, 0), (3, 0)]),
)
def test_what_numpy_writes_comes_back(array: Any, fortran: bool, version: tuple[int, int]) -> None:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asfortranarray(array) if fortran and array.ndim else array, version)
    size = file.tell()
    file.seek(0)
    header = read_header(file)
    found = read_elements(file, header, size - header.size)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)


def test_headers_of_python_2() -> None:
    file = io.BytesIO(
        npy("{'descr': '<f8', 'fortran_order': True, 'shape': (2L, 3L), }", np.arange(6.0).tobytes())
    )
    header = read_header(file)
    assert (header.shape, header.fortran, header.needed) == ((2, 3), True, 48)
    np.testing.assert_array_equal(read_elements(file, header, 48), np.arange(6.0).reshape(3, 2).T)


HEADERS = {
    "more than there is": (says("(2, 25, 3)"), "(2, 25, 3) of float32, 600 bytes, and it has 100"),
    "2^63 elements": (says("(4611686018427387904, 25, 3)"), "1,383,505,805,528,216,371,200 bytes, and it has 100"),
    "a product that overflows to 0": (says("(4611686018427387904, 4, 25, 3)"), "bytes, and it has 100"),
    "no elements in a huge shape": (says("(0, 4611686018427387904)"), "without elements whose shape is too large"),
    "a size of many digits": (says(f"({'9' * 900}, 25, 3)"), "sizes that cannot be"),
    "a negative size": (says("(-1, 25, 3)"), "a header that numpy does not write for numbers"),
    "many axes": (says(f"({'1, ' * 900})"), "whose shape is not a tuple of sizes"),
    "fields": (says("(1,)", "[('a', '<f4')]"), "a header that numpy does not write for numbers"),
    "dates": (says("(1,)", "'<M8[ns]'"), "numbers of type '<M8[ns]'"),
    "texts without characters": (says("(4611686018427387904,)", "'|S0'"), "texts without characters"),
    "a call": (says("(1,)", "__import__('os')"), "a header that numpy does not write for numbers"),
    "brackets without end": (says("(" * 5000), "a header that numpy does not write for numbers"),
    "signs without end": (says("(" + "-" * 5000 + "1,)"), "a header that numpy does not write for numbers"),
    "an open text": ("{'descr': '<f4", "a header that numpy does not write for numbers"),
    "one thing twice": ("{'shape': (1,), 'shape': (1,), 'descr': '<f4'}", "a header that numpy does not write"),
    "a header too long": (" " * 10_001, "a header of 10,001 bytes"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers_that_claim_too_much(case: str, tmp_path: Path) -> None:
    text, sentence = HEADERS[case]
    for version in (1, 2):
        file = io.BytesIO(npy(text, b"\0" * 100, version))
        with pytest.raises(ValueError, match=".") as caught:
            read_elements(file, read_header(file), 100)
        assert sentence in str(caught.value)
        (tmp_path / "a.npy").write_bytes(file.getvalue())
        with pytest.raises(FileError, match=r"a\.npy: .*Truncated file\?$"):
            open_npy(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it begins with b''"),
        (b"\x93NUMPY", "it begins with"),
        (b"\x93NUMPY\x07\x00\x00\x00", "version 7 of the format, known are 1 to 3"),
        (b"\x93NUMPY\x01\x00\xff", "it ends in its header"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "a header of 4,294,967,295 bytes"),
    ],
)
def test_what_is_no_header(content: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=".") as caught:
        read_header(io.BytesIO(content))
    assert sentence in str(caught.value)


def forged(path: Path, claim: int) -> Path:
    """An archive whose directory gives another unpacked size of its member."""
    np.savez_compressed(path, x=np.zeros((2, 1, 25, 3), np.float32))
    content = path.read_bytes()
    place = content.rindex(b"PK\x01\x02") + 24
    path.write_bytes(content[:place] + struct.pack("<I", claim) + content[place + 4 :])
    return path


def test_archives_that_claim_too_much(tmp_path: Path) -> None:
    many = tmp_path / "many.npz"
    np.savez_compressed(many, x=np.zeros((1, 90 << 18), np.float32))
    bombs = [
        (forged(tmp_path / "a.npz", 2**31), "bytes to 2,147,483,648"),
        (forged(tmp_path / "b.npz", 2**32 - 2), "bytes to 4,294,967,294"),
        (forged(tmp_path / "c.npz", 500), "is not an archive of arrays (Bad CRC-32 for file 'x.npy')"),
        (many, "bytes to 94,371,840"),
    ]
    for path, sentence in bombs:
        with pytest.raises(FileError) as caught:
            open_npz(path)
        assert sentence in str(caught.value)
        assert str(caught.value).startswith(f"{path}: ")
        with pytest.raises(FileError, match="the array file is broken"):
            read_array(path, "TMVC", NTU25, 30)


def test_labels_may_be_compressed_very_densely(tmp_path: Path) -> None:
    """A row at a time is in memory, so it does not matter how much all rows are."""
    np.savez_compressed(tmp_path / "y.npz", y=np.zeros((90_000, 120)))
    assert open_npz(tmp_path / "y.npz")["y"].shape == (90_000, 120)


def test_members_that_overlap_or_are_compressed_otherwise(tmp_path: Path) -> None:
    twice, packed = tmp_path / "twice.npz", tmp_path / "packed.npz"
    with zipfile.ZipFile(twice, "w") as archive:
        archive.writestr("a.npy", b"x" * 10_000)
        info = archive.infolist()[0]
        for number in range(50):
            other = zipfile.ZipInfo(f"{number}.npy")
            other.header_offset, other.CRC = info.header_offset, info.CRC
            other.file_size, other.compress_size = info.file_size, info.compress_size
            archive.filelist.append(other)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.npy", npy(says("(1,)"), b"\0" * 4))
    for path, sentence in ((twice, "its members are larger than the file"), (packed, "that numpy does not use")):
        with zipfile.ZipFile(path) as archive, pytest.raises(ValueError, match=sentence):
            check_members(archive, path.stat().st_size)


def test_a_damaged_archive_is_an_error_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    rows = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    np.savez_compressed(path, x=rows)
    whole = path.read_bytes()
    np.testing.assert_array_equal(np.concatenate(list(open_npz(path)["x"].in_order(3, 7))), rows[3:])
    seen = set()
    for place in range(300, len(whole) - 300, 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(FileError) as caught:
            list(open_npz(path)["x"].in_order(0, 7))
        seen.add(str(caught.value).removeprefix(f"{path}: ").split("(")[0])
    assert "array x is broken " in seen
    assert seen <= {"array x is broken ", "is not an archive of arrays "}


def test_arrays_without_elements_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((0, 3), np.float32))
    assert open_npy(path).rows(0, 5).shape == (0, 3)
    np.save(path, np.zeros((4, 0), np.float32))
    assert open_npy(path).rows(1, 3).shape == (2, 0)


@pytest.mark.real
def test_files_that_took_all_memory_or_crashed_are_refused(
    shared: Path, tmp_path: Path, in_child: InChild
) -> None:
    faults = shared / "cases" / "faults"
    paths = [path for path in sorted((faults / "bombs").iterdir()) if path.name != "ctr_y.npz"]
    packs = sorted((faults / "fuzz").glob("pack-*.zip"))
    assert len(paths) == 7
    assert len(packs) == 4
    for number, pack in enumerate(packs):
        format = next(name for name in ("ctr-gcn", "agcn", "aimclr") if name in pack.name)
        paths.append(tmp_path / f"{format}@{number}")
        with zipfile.ZipFile(pack) as archive:
            archive.extractall(paths[-1])
    paths.append(tmp_path / "ctr-gcn@y")
    paths[-1].mkdir()
    (paths[-1] / "y.npz").write_bytes((faults / "bombs" / "ctr_y.npz").read_bytes())
    for path, outcome in in_child(READ, paths).items():
        assert outcome.message.startswith(str(path)), f"{path}: {outcome.message}"
        assert outcome.seconds < SECONDS

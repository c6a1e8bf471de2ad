"""Array files of numpy: headers of ``.npy`` and archives ``.npz``, checked before memory is taken.

A header is read as text and never evaluated. Its sizes are compared with the bytes in the file; those of an
archive, with what its compressed bytes can unpack to.

Source: the format is documented in ``numpy.lib.format``.
"""

import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from skelact.readers.plain import count_elements, plain_dtype

MAGIC = b"\x93NUMPY"
HEADER_MOST = 10_000  # bytes of a header
VALUE = r"(?:'[^']*'|True|False|\((?:\d+L?,)*(?:\d+L?)?\))"
ENTRIES = re.compile(rf"'(descr|fortran_order|shape)':({VALUE})")
HEADER = re.compile(rf"\{{'\w+':{VALUE},'\w+':{VALUE},'\w+':{VALUE},?\}}")
DIGITS_MOST = 19  # of a size
PACKED_MOST = 1032  # most bytes that deflate unpacks from one
USUAL_MOST = 200  # bytes of coordinates per compressed byte, in large arrays
MANY = 64 << 20
BLOCK = 1 << 24
ZIP_FAULTS = (  # what the modules zipfile and zlib raise for broken bytes
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    OverflowError,
    struct.error,
)


class ObjectsError(ValueError):
    """The elements are pickled objects."""


@dataclass(frozen=True)
class Header:
    """What stands before the numbers of an array.

    Args:
        shape: of the array.
        dtype: of its elements, which are numbers or texts.
        fortran: whether the first axis is the fastest.
        size: of the header, bytes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    size: int

    @property
    def needed(self) -> int:
        """Bytes of all elements."""
        return count_elements(self.shape) * self.dtype.itemsize


def read_header(file: IO[bytes]) -> Header:
    """The header of an array; the file stands behind it afterwards.

    Raises:
        ObjectsError: the elements are pickled objects.
        ValueError: it is no header, or elements are neither numbers nor texts.
    """
    start = file.read(len(MAGIC) + 2)
    if not start.startswith(MAGIC) or len(start) < len(MAGIC) + 2:
        raise ValueError(f"it begins with {start!r}")
    code = {1: "<H", 2: "<I", 3: "<I"}.get(start[-2])
    if code is None:
        raise ValueError(f"version {start[-2]} of the format, known are 1 to 3")
    counter = file.read(struct.calcsize(code))
    if len(counter) < struct.calcsize(code):
        raise ValueError("it ends in its header")
    (size,) = struct.unpack(code, counter)
    if size > HEADER_MOST:
        raise ValueError(f"a header of {size:,} bytes")
    text = file.read(size)
    if len(text) < size:
        raise ValueError("it ends in its header")
    return _parsed(text, len(start) + len(counter) + size)


def _parsed(text: bytes, size: int) -> Header:
    plain = re.sub(r"\s+", "", text.decode("latin1"))
    found = dict(ENTRIES.findall(plain))
    if not HEADER.fullmatch(plain) or len(found) != 3:
        raise ValueError("a header that numpy does not write for numbers")
    sizes = re.findall(r"\d+", found["shape"])
    if found["fortran_order"] not in ("True", "False") or any(len(one) > DIGITS_MOST for one in sizes):
        raise ValueError("a header with sizes that cannot be")
    if not found["shape"].startswith("(") or not found["descr"].startswith("'"):
        raise ValueError("a header that numpy does not write for numbers")
    letters = found["descr"].strip("'")
    if re.fullmatch(r"\|?O\d?", letters):
        raise ObjectsError("pickled objects")
    shape, dtype = tuple(int(one) for one in sizes), plain_dtype(letters)
    if count_elements(shape) > 0 and dtype.itemsize == 0:
        raise ValueError("texts without characters")
    return Header(shape, dtype, found["fortran_order"] == "True", size)


def check_members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The arrays of an archive by name, their sizes checked. Other members are ignored.

    Args:
        archive: opened.
        size: of its file, bytes.

    Raises:
        ValueError: a member is compressed in a way that numpy does not use, claims an impossible size, or is
            larger than the file.
    """
    members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    for info in members:
        stored = info.compress_type == zipfile.ZIP_STORED
        if not stored and info.compress_type != zipfile.ZIP_DEFLATED:
            raise ValueError(f"{info.filename} is compressed in a way that numpy does not use")
        most = info.compress_size * (1 if stored else PACKED_MOST)
        if info.file_size > most:
            raise _swollen(info, info.file_size)
    if sum(info.compress_size for info in members) > size:
        raise ValueError("its members are larger than the file")
    return {info.filename.removesuffix(".npy"): info for info in members}


def check_unpacked(info: zipfile.ZipInfo, size: int) -> None:
    """Check that ``size`` bytes of a member, in memory at once, are plausible.

    Raises:
        ValueError: they are many, and far more than compressed coordinates unpack to.
    """
    if size > MANY and size > USUAL_MOST * info.compress_size:
        raise _swollen(info, size)


def _swollen(info: zipfile.ZipInfo, size: int) -> ValueError:
    return ValueError(f"{info.filename} claims to unpack {info.compress_size:,} bytes to {size:,}")


def read_members(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an archive by name, in memory.

    Raises:
        OSError: it cannot be opened.
        ValueError: or another of ``ZIP_FAULTS``: it is damaged, or claims more than it has.
    """
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name, info in check_members(archive, path.stat().st_size).items():
            arrays[name] = read_member(archive, info)
    return arrays


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """An array of an archive, in memory.

    Raises:
        ValueError: or another of ``ZIP_FAULTS``: it is damaged, or claims more than it has.
    """
    with archive.open(info) as file:
        header = read_header(file)
        check_unpacked(info, header.needed)
        return read_elements(file, header, info.file_size - header.size)


def read_elements(file: IO[bytes], header: Header, available: int) -> NDArray[Any]:
    """All elements of the array whose header was just read.

    Args:
        file: stands behind the header.
        header: of the array.
        available: most bytes that can follow the header.

    Raises:
        ValueError: there are fewer than the shape needs.
    """
    if header.needed > available:
        raise ValueError(f"{header.shape} of {header.dtype}, {header.needed:,} bytes, and it has {available:,}")
    content = read_exactly(file, header.needed)
    array = np.frombuffer(content, header.dtype) if content else np.empty(0, header.dtype)
    return array.reshape(header.shape, order="F" if header.fortran else "C")


def read_exactly(file: IO[bytes], size: int) -> bytearray:
    """So many bytes.

    Raises:
        ValueError: the file ends before.
    """
    content = bytearray()
    while len(content) < size:
        block = file.read(min(size - len(content), BLOCK))
        if not block:
            raise ValueError(f"it ends after {len(content):,} of {size:,} bytes")
        content += block
    return content

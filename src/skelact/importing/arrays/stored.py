"""Arrays that stay on disk: a few rows at a time, of ``.npy`` files and of the arrays in ``.npz`` files."""

import math
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.readers.numpy_files import (
    BLOCK,
    ZIP_FAULTS,
    Header,
    ObjectsError,
    check_members,
    check_unpacked,
    read_exactly,
    read_header,
)

LOCAL_HEADER = 30  # bytes of a file in a zip archive before its name


@dataclass(frozen=True)
class StoredArray:
    """An array in a file; cheap to send to another process.

    Args:
        path: ``.npy`` or ``.npz``.
        member: name of the array in an ``.npz``, empty for a ``.npy``.
        shape: of the array; the first axis is that of its rows.
        dtype: type of its numbers, as text.
        offset: byte in the file at which the numbers start; -1 where they are compressed.
        fortran: whether the first axis is the fastest.
    """

    path: Path
    member: str
    shape: tuple[int, ...]
    dtype: str
    offset: int
    fortran: bool = False

    @property
    def compressed(self) -> bool:
        """Whether rows can only be had one after another."""
        return self.offset < 0

    @property
    def title(self) -> str:
        """For messages and sources."""
        return f"{self.path.name}:{self.member}" if self.member else self.path.name

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Rows from ``start`` to before ``stop``, in memory. The file is mapped for no longer than this takes."""
        if self.compressed:
            raise ValueError(f"{self.title} is compressed, its rows come in order only")
        if 0 in self.shape:  # nothing there that could be mapped
            return np.zeros((len(range(self.shape[0])[start:stop]), *self.shape[1:]), self.dtype)
        order = "F" if self.fortran else "C"
        mapped = np.memmap(self.path, self.dtype, "r", self.offset, self.shape, order)  # type: ignore[call-overload]
        return np.array(mapped[start:stop])

    def in_order(self, start: int, size: int) -> Iterator[NDArray[Any]]:
        """Blocks of ``size`` rows (the last may be smaller) from row ``start`` on."""
        if not self.compressed:
            for first in range(start, self.shape[0], size):
                yield self.rows(first, min(first + size, self.shape[0]))
            return
        try:
            yield from self._unpacked(start, size)
        except ZIP_FAULTS as error:
            reason = f"array {self.member} is broken ({error}). Truncated file?"
            raise FileError(self.path, reason) from error

    def _unpacked(self, start: int, size: int) -> Iterator[NDArray[Any]]:
        width = math.prod(self.shape[1:]) * np.dtype(self.dtype).itemsize
        with zipfile.ZipFile(self.path) as archive, archive.open(f"{self.member}.npy") as file:
            read_header(file)
            _skip(file, start * width)
            for first in range(start, self.shape[0], size):
                count = min(size, self.shape[0] - first)
                content = read_exactly(file, count * width)
                yield np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])


def open_npy(path: Path) -> StoredArray:
    """The array of a ``.npy`` file, its numbers left on disk.

    Raises:
        FileError: no such file, not an array file, pickled objects, shorter than it says.
    """
    try:
        with path.open("rb") as file:
            header = read_header(file)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror}") from error
    except ObjectsError as error:
        raise FileError(path, f"{path.name} holds pickled objects, which are not read") from error
    except ValueError as error:
        raise FileError(path, f"is not an array file of numpy ({error}). Truncated file?") from error
    array = StoredArray(path, "", header.shape, header.dtype.str, header.size, header.fortran)
    _check(array, header, size - header.size)
    return array


def open_npz(path: Path) -> dict[str, StoredArray]:
    """The arrays of a ``.npz`` file by name, their numbers left on disk.

    Raises:
        FileError: no such file, not an archive of arrays, pickled objects, shorter than it says.
    """
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            members = check_members(archive, size)
            return {name: _member(path, archive, info, size) for name, info in members.items()}
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror or error}") from error
    except ObjectsError as error:
        raise FileError(path, f"{path.name} holds pickled objects, which are not read") from error
    except ZIP_FAULTS as error:
        raise FileError(path, f"is not an archive of arrays ({error}). Truncated file?") from error


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> StoredArray:
    with archive.open(info) as file:
        header = read_header(file)
    name = info.filename.removesuffix(".npy")
    offset, available = -1, info.file_size - header.size
    if info.compress_type == zipfile.ZIP_STORED:
        with path.open("rb") as whole:
            whole.seek(info.header_offset)
            local = whole.read(LOCAL_HEADER)
        names = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        offset = info.header_offset + LOCAL_HEADER + names + header.size
        available = min(available, size - offset)
    elif header.fortran:
        raise ValueError(f"array {name} is compressed column by column, save it again row by row")
    else:
        check_unpacked(info, math.prod(header.shape[1:]) * header.dtype.itemsize)
    array = StoredArray(path, name, header.shape, header.dtype.str, offset, header.fortran)
    _check(array, header, available)
    return array


def _check(array: StoredArray, header: Header, available: int) -> None:
    if available < header.needed:
        short = f"{array.title} is {array.shape} of {header.dtype}, {header.needed} bytes, and has {available}"
        raise FileError(array.path, f"{short}. Truncated file?")


def _skip(file: IO[bytes], size: int) -> None:
    while size > 0:
        size -= len(read_exactly(file, min(size, BLOCK)))

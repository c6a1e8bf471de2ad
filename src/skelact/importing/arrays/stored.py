"""Arrays that stay on disk: a few rows at a time, of ``.npy`` files and of the arrays in ``.npz`` files."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError

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
        order = "F" if self.fortran else "C"
        mapped = np.memmap(self.path, self.dtype, "r", self.offset, self.shape, order)  # type: ignore[call-overload]
        return np.array(mapped[start:stop])

    def in_order(self, start: int, size: int) -> Iterator[NDArray[Any]]:
        """Blocks of ``size`` rows (the last may be smaller) from row ``start`` on."""
        if not self.compressed:
            for first in range(start, self.shape[0], size):
                yield self.rows(first, min(first + size, self.shape[0]))
            return
        width = int(np.prod(self.shape[1:])) * np.dtype(self.dtype).itemsize
        with zipfile.ZipFile(self.path) as archive, archive.open(f"{self.member}.npy") as file:
            _read_header(file)
            _skip(file, start * width)
            for first in range(start, self.shape[0], size):
                count = min(size, self.shape[0] - first)
                content = file.read(count * width)
                if len(content) < count * width:
                    raise FileError(self.path, f"array {self.member} ends in row {first}. Truncated copy?")
                yield np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])


def open_npy(path: Path) -> StoredArray:
    """The array of a ``.npy`` file, its numbers left on disk.

    Raises:
        FileError: no such file, not an array file, pickled objects, shorter than it says.
    """
    try:
        with path.open("rb") as file:
            shape, fortran, dtype = _read_header(file)
            offset = file.tell()
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror}") from error
    except ValueError as error:
        raise FileError(path, f"is not an array file of numpy ({error}). Truncated copy?") from error
    array = StoredArray(path, "", shape, dtype.str, offset, fortran)
    _check(array, dtype, path.stat().st_size - offset)
    return array


def open_npz(path: Path) -> dict[str, StoredArray]:
    """The arrays of a ``.npz`` file by name, their numbers left on disk.

    Raises:
        FileError: no such file, not an archive of arrays, pickled objects, shorter than it says.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = {
                info.filename.removesuffix(".npy"): _member(path, archive, info) for info in archive.infolist()
            }
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror}") from error
    except (ValueError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError) as error:
        raise FileError(path, f"is not an archive of arrays ({error}). Truncated copy?") from error
    return found


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> StoredArray:
    with archive.open(info) as file:
        shape, fortran, dtype = _read_header(file)
        header = file.tell()
    name = info.filename.removesuffix(".npy")
    offset = -1
    if info.compress_type == zipfile.ZIP_STORED:
        with path.open("rb") as whole:
            whole.seek(info.header_offset)
            local = whole.read(LOCAL_HEADER)
        names = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        offset = info.header_offset + LOCAL_HEADER + names + header
    elif fortran:
        raise ValueError(f"array {name} is compressed column by column, save it again row by row")
    array = StoredArray(path, name, shape, dtype.str, offset, fortran)
    _check(array, dtype, info.file_size - header)
    return array


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


def _check(array: StoredArray, dtype: np.dtype[Any], available: int) -> None:
    if dtype.hasobject:
        raise FileError(array.path, f"{array.title} holds pickled objects, which are not read")
    needed = int(np.prod(array.shape, dtype=np.int64)) * dtype.itemsize
    if available < needed:
        short = f"{array.title} is {array.shape} of {dtype}, {needed} bytes, and has {available}"
        raise FileError(array.path, f"{short}. Truncated copy?")


def _skip(file: IO[bytes], size: int) -> None:
    while size > 0:
        size -= len(file.read(min(size, 1 << 24))) or size

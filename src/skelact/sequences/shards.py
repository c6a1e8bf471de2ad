"""Shards: the ``.npy`` files of a store, read in pieces without mapping them, written so that they can grow."""

import os
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError, UserError
from skelact.runtime.files import write_all
from skelact.sequences import format as store_format

BINARY = getattr(os, "O_BINARY", 0)  # Windows changes line ends without it


class WriteError(UserError):
    """A store that cannot be written: the disk is full, the folder is read-only, or another process writes it too.

    Args:
        reason: what was wrong, where.
        kept: what of the store is kept, a sentence; empty where there is nothing yet.
        mend: what to do, a sentence.
    """

    def __init__(self, reason: str, kept: str, mend: str) -> None:
        self.reason, self.kept, self.mend = reason, kept, mend
        super().__init__(" ".join(part for part in (f"{reason}.", kept, mend) if part))

    def __reduce__(self) -> tuple[type["WriteError"], tuple[str, str, str]]:
        """Let worker processes hand the error over."""
        return WriteError, (self.reason, self.kept, self.mend)

    @classmethod
    def another(cls, path: Path) -> "WriteError":
        """Another process writes it, although there is a lock: it was removed, or the file system ignores it."""
        reason = f"{path}: another process writes it too, so nothing was changed"
        return cls(reason, "", "Stop one of the two and run the same command again.")


class ShardReader:
    """The numbers in a shard.

    Read from the file, not mapped: a file that was shortened meanwhile gives an error, where a mapped one ends the
    process. May be used by several threads.

    Args:
        path: the file.

    Raises:
        FileError: no such file, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._file = -1
        self.path = path
        self._alone = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDONLY | BINARY)
        except FileNotFoundError:
            raise FileError(path, "the file is missing; import again with --overwrite") from None
        except OSError as error:
            raise FileError(path, f"cannot be read: {error.strerror}") from error

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)

    @property
    def status(self) -> os.stat_result:
        """Size and identity of the open file."""
        return os.fstat(self._file)

    def read(self, start: int, size: int) -> bytes:
        """``size`` bytes from ``start`` on.

        Raises:
            FileError: the file ends before; the disk or network failed.
        """
        try:
            data = self._read(start, size)
            while len(data) < size and (more := self._read(start + len(data), size - len(data))):
                data += more  # the system reads at most 2 GiB at a time
        except OSError as error:
            raise FileError(self.path, f"cannot be read: {error.strerror}") from error
        if len(data) < size:
            short = f"{self.status.st_size:,} bytes, expected at least {start + size:,}"
            raise FileError(
                self.path, f"{short}: shortened while the store was open; import again with --overwrite"
            )
        return data

    def _read(self, start: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file, size, start)
        with self._alone:
            os.lseek(self._file, start, os.SEEK_SET)
            return os.read(self._file, size)

    def check_header(self, rows: int, shape: tuple[int, ...], dtype: np.dtype[Any], final: bool) -> None:
        """Compare the ``.npy`` header with what the store says.

        Args:
            rows: that count. There may be more where an import was interrupted.
            shape: of a row.
            dtype: of the numbers.
            final: there are no more rows.

        Raises:
            FileError: the header says something else, or is none.
        """
        header = BytesIO(self.read(0, store_format.HEADER))
        try:
            np.lib.format.read_magic(header)
            found, fortran, kind = np.lib.format.read_array_header_1_0(header)
        except (ValueError, SyntaxError) as error:
            raise FileError(self.path, f"not a .npy file ({error}); import again with --overwrite") from error
        fits = found[0] == rows if final and found else found and found[0] >= rows
        if not fits or found[1:] != shape or kind != dtype or fortran:
            what = f"holds {kind} {found}, expected {dtype} {(rows, *shape)}"
            raise FileError(self.path, f"{what}; import again with --overwrite")


class ShardWriter:
    """A shard that is being written.

    Args:
        path: the file.
        rows: how many it holds that count; what lies behind them, an interrupted import left. With 0 it is made.
        shape: of a row.
        dtype: of the numbers.
    """

    def __init__(self, path: Path, rows: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._file = -1
        self.path, self._shape, self._dtype = path, shape, dtype
        self._row = int(np.prod(shape)) * dtype.itemsize
        flags = os.O_RDWR | BINARY | (0 if rows else os.O_CREAT | os.O_TRUNC)
        self._file = os.open(path, flags, 0o666)
        self._size = os.fstat(self._file).st_size

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def write(self, row: int, numbers: NDArray[Any]) -> None:
        """Put rows at ``row`` and after."""
        self._put(store_format.HEADER + row * self._row, numbers.data.cast("B"))

    def seal(self, rows: int) -> None:
        """Bring ``rows`` rows and a header that fits to the disk; what lies behind them goes.

        Raises:
            WriteError: another process made the file longer or shorter: nothing of it is cut off.
        """
        if os.fstat(self._file).st_size != self._size:
            raise WriteError.another(self.path)
        self._put(0, memoryview(store_format.shard_header((rows, *self._shape), self._dtype)))
        self._size = store_format.HEADER + rows * self._row
        os.ftruncate(self._file, self._size)
        os.fsync(self._file)

    def _put(self, place: int, data: memoryview) -> None:
        os.lseek(self._file, place, os.SEEK_SET)
        try:
            write_all(self._file, data)
        finally:  # a full disk may have taken a part
            self._size = max(self._size, os.lseek(self._file, 0, os.SEEK_CUR))

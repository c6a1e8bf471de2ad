"""How a store lies on disk: the names of its files, its table of sequences, its checksums."""

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError, UserError
from skelact.runtime.files import write_all

FORMAT = "skelact-store"
VERSION = 2
READ_VERSIONS = (1, 2)  # 1: without confidence and checksums of sequences
INFO = "store.json"
INDEX = "index.parquet"
LOCK = "writer.lock"  # exists while a process writes
OURS = (
    "positions-*.npy",
    "confidence-*.npy",
    INDEX,
    "index-*.parquet",
    "*.partial",
    LOCK,
    INFO,
)  # files of a store
HEADER = 128  # bytes before the numbers of a shard
CONFIDENCE = np.dtype("<f2")
CHECKSUM = "crc32"  # column: of the bytes of a sequence, first its positions, then its confidence
CONFIDENCE_START = "confidence_start"  # column: first row in the confidence file, -1 where there is none
COLUMNS_1 = ("name", "shard", "start", "frames", "people", "fps", "label", "steps")  # always there
OWN_COLUMNS = (*COLUMNS_1, CHECKSUM)  # and in version 2
NOT_TAGS = (*OWN_COLUMNS, CONFIDENCE_START, "segments")  # the rest are tags and splits

CONTENTS = ("skeleton", "coordinates", "dtype", "unit", "up", "dataset", "classes", "splits", "shards")
CHECKED = ("index", "fingerprint", "sequences", "steps")  # and these are covered by the checksum of store.json

Columns = Mapping[str, NDArray[Any]]


def is_tag(column: str) -> bool:
    """Whether a column of the table is a tag."""
    return column not in NOT_TAGS and not column.startswith("split_")


def shard_name(number: int, kind: str = "positions") -> str:
    """File name of a shard, ``positions-00000.npy`` or ``confidence-00000.npy``."""
    return f"{kind}-{number:05d}.npy"


def shard_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """The ``.npy`` header of a shard, shape (rows, V, C), always ``HEADER`` bytes: renewed in place."""
    header = BytesIO()
    values = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, values)
    if header.tell() != HEADER:
        raise AssertionError(f"numpy wrote a header of {header.tell()} bytes, expected {HEADER}")
    return header.getvalue()


def write_table(path: Path, columns: Columns) -> None:
    """Write columns of equal length as a Parquet file, aside and then renamed."""
    import duckdb

    aside = path.with_name(path.name + ".partial")
    with duckdb.connect(config={"threads": 1}) as table:  # one thread: the same rows give the same bytes
        table.register("sequences", dict(columns))
        try:
            with _ctrl_c():
                table.execute(f"COPY sequences TO {_quoted(aside)} (FORMAT parquet)")
        except duckdb.Error as error:
            raise _as_os_error(error, aside) from error
    file = os.open(aside, os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)
    os.replace(aside, path)


@contextmanager
def _ctrl_c() -> Iterator[None]:
    """Give Ctrl-C back as what it is: duckdb hears it first and makes an error of it."""
    try:
        yield
    except Exception as error:
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from None
        raise


def _as_os_error(error: Exception, path: Path) -> OSError:
    """What the system said when duckdb could not write."""
    for code in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG):
        if os.strerror(code) in str(error):
            return OSError(code, os.strerror(code), str(path))
    return OSError(errno.EIO, str(error).splitlines()[0], str(path))


def read_table(path: Path) -> dict[str, NDArray[Any]]:
    """Columns of a Parquet file; one with gaps is a masked array.

    Raises:
        FileError: no such file, or not Parquet.
    """
    import duckdb

    if not path.is_file():
        raise FileError(path, "the table of the sequences is missing; import again with --overwrite")
    try:
        with duckdb.connect() as table, _ctrl_c():
            found: dict[str, NDArray[Any]] = table.execute(
                "SELECT * FROM read_parquet(?)", [str(path)]
            ).fetchnumpy()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise FileError(path, f"not a Parquet table ({reason}); import again with --overwrite") from error
    return found


def read_info(path: Path) -> dict[str, Any]:
    """What ``store.json`` of a folder says.

    Raises:
        UserError: no such folder; no ``store.json``; not JSON; another format or version.
    """
    file = path / INFO
    if not path.is_dir():
        raise UserError(f"store {path} not found. Make one: skelact import SOURCE -o {path}")
    if not file.is_file():
        raise UserError(f"{path} is not a store: it has no {INFO}. Make one: skelact import SOURCE -o {path}")
    try:
        info = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FileError(file, f"not JSON ({error}); import again with --overwrite") from error
    if not isinstance(info, dict) or info.get("format") != FORMAT:
        raise FileError(file, f"does not describe a store: expected format {FORMAT!r}")
    if info.get("version") not in READ_VERSIONS:
        known = " and ".join(map(str, READ_VERSIONS))
        raise FileError(
            file, f"a store of version {info.get('version')}, this skelact reads {known}; import again"
        )
    needed = (*CONTENTS, *CHECKED, *(("checksum",) if info["version"] > 1 else ()))
    absent = [key for key in needed if key not in info]
    if absent:
        raise FileError(file, f"{absent[0]} is missing; import again with --overwrite")
    if info["version"] > 1 and info["checksum"] != info_checksum(info):
        raise FileError(file, "changed since it was written; import again with --overwrite")
    return info


def info_checksum(info: Mapping[str, Any]) -> str:
    """The sha256 of what ``store.json`` says of the contents, hex."""
    values = [info[key] for key in (*CONTENTS, *CHECKED)]
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON file aside and rename it: it is there wholly or not at all, even after a power cut."""
    aside = path.with_name(path.name + ".partial")
    file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        write_all(file, json.dumps(values, indent=1, ensure_ascii=False).encode())
        os.fsync(file)
    finally:
        os.close(file)
    os.replace(aside, path)
    if os.name == "posix":  # the new names, too, survive a power cut
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            with suppress(OSError):  # which some network file systems cannot promise
                os.fsync(folder)
        finally:
            os.close(folder)


def digest_of_rows(path: Path, size: int) -> tuple["hashlib._Hash", int]:
    """The sha256 of the first ``size`` bytes of a shard's numbers, and how many of them there were.

    The header is left out: an interrupted import may have renewed it for rows that were never counted.
    """
    digest, left = hashlib.sha256(), size
    with path.open("rb") as file:
        file.seek(HEADER)
        while left > 0 and (block := file.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
    return digest, size - left


def fingerprint(parts: Iterable[Any], columns: Columns) -> str:
    """Short hex that two stores share when their contents are the same, wherever and however they were made.

    Args:
        parts: plain values: checksums of the shards, skeleton, classes ...
        columns: the table of the sequences.
    """
    digest = hashlib.sha256(json.dumps(list(parts), ensure_ascii=False).encode())
    for name in sorted(columns):
        digest.update(json.dumps([name, columns[name].tolist()], ensure_ascii=False).encode())
    return digest.hexdigest()[:16]


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

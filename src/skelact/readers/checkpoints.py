"""Checkpoints of torch without torch: plain values, and tensors as bytes whose places are checked.

A checkpoint (``.pt``, ``.pth``) is an archive of one pickle and a member of raw numbers for each storage; before
torch 1.6 it was several pickles with the numbers behind them. The pickles go through the same interpreter as all
others, so nothing in them is run.

Source: torch.serialization documents both forms.
"""

import io
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.readers.numpy_files import ZIP_FAULTS, read_exactly
from skelact.readers.opcodes import (
    BrokenError,
    Budget,
    Build,
    ForbiddenError,
    Limits,
    Name,
    TooLargeError,
    load_pickle,
)
from skelact.readers.pickled_arrays import NAMES
from skelact.readers.plain import Leaf, count_elements

KINDS = {  # of storages: torch's name of the type, and numpy's of the same bytes
    "Float": ("float32", "<f4"), "Double": ("float64", "<f8"), "Half": ("float16", "<f2"),
    "BFloat16": ("bfloat16", "<i2"), "Long": ("int64", "<i8"), "Int": ("int32", "<i4"), "Short": ("int16", "<i2"),
    "Char": ("int8", "|i1"), "Byte": ("uint8", "|u1"), "Bool": ("bool", "|b1"),
}  # fmt: skip
ZIP = b"PK\x03\x04"
OLD_MAGIC = 0x1950A86A20F9469CFC6C
OLD_PROTOCOL = 1001
LIMITS = Limits()


class Storage:
    """Numbers in a row, which tensors lie in.

    Args:
        kind: of ``KINDS``.
        count: how many numbers.
    """

    def __init__(self, kind: str, count: int) -> None:
        self.dtype, letters = KINDS[kind]
        self.numpy_type = np.dtype(letters)
        self.count = count
        self.content: bytearray | None = None

    def fill(self, content: bytearray) -> None:
        """Fill it with the bytes of its numbers.

        Raises:
            ValueError: they are too few or too many, or truth values that are neither true nor false.
        """
        if len(content) != self.size:
            raise ValueError(f"a storage of {self.size:,} bytes, which has {len(content):,}")
        if self.dtype == "bool" and max(content, default=0) > 1:
            raise ValueError("truth values that are neither true nor false")
        self.content = content

    @property
    def size(self) -> int:
        """Bytes of all numbers."""
        return self.count * self.numpy_type.itemsize

    def __str__(self) -> str:
        return "numbers without a shape"


@dataclass(frozen=True, eq=False)
class StoredTensor(Leaf):
    """A tensor of a checkpoint; its elements are known to lie in its storage.

    Args:
        storage: the numbers.
        offset: of the first element, in numbers.
        shape: of the tensor.
        strides: steps from one element to the next, in numbers, for each axis.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def dtype(self) -> str:
        """Torch's name of the type of its numbers, such as "float32"."""
        return self.storage.dtype

    def numbers(self) -> NDArray[Any]:
        """The elements, in memory of their own; those of bfloat16 as int16 of the same bits."""
        content, numpy_type = self.storage.content, self.storage.numpy_type
        if content is None or prod(self.shape) == 0:
            return np.empty(self.shape, numpy_type)
        flat = np.frombuffer(content, numpy_type)[self.offset :]
        strides = tuple(step * numpy_type.itemsize for step in self.strides)
        return np.array(as_strided(flat, self.shape, strides, writeable=False), order="C")


def read_checkpoint(path: Path) -> Any:
    """What is in a checkpoint of torch: plain values, and a ``StoredTensor`` for each tensor and parameter.

    Raises:
        FileError: cannot be opened, damaged, or holds something that would have to be run; the message names it.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(len(ZIP))
            file.seek(0)
            return _read_archive(file, size) if head == ZIP else _read_old(file, size)
    except ForbiddenError as error:
        what = str(error).removeprefix("names ")
        what = f"a {what}" if str(error).startswith("names ") else f"a pickle that {what}"
        reason = f"it holds {what}, which would have to be run to be read. Save it again with tensors only"
        raise FileError(path, reason) from error
    except MemoryError as error:
        raise FileError(path, "the checkpoint needs more memory than this machine has") from error
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror or error}") from error
    except (BrokenError, TooLargeError, *ZIP_FAULTS) as error:
        raise FileError(path, f"not a file of torch, or a damaged one ({error})") from error


def _read_archive(file: IO[bytes], size: int) -> Any:
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if sum(info.file_size for info in members.values()) > size:
            raise ValueError("its members are larger than the file")
        roots = [name.removesuffix("data.pkl") for name in members if name.endswith("/data.pkl")]
        if len(roots) != 1:
            raise ValueError(f"an archive of {len(roots)} checkpoints")

        def content_of(name: str) -> bytearray:
            info = members.get(f"{roots[0]}{name}")
            if info is None or info.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{name} is not in it as torch puts it there")
            with archive.open(info) as member:
                return read_exactly(member, info.file_size)

        if f"{roots[0]}byteorder" in members and content_of("byteorder") != b"little":
            raise ValueError("numbers in the byte order of another machine")
        storages = _Storages(lambda key: content_of(f"data/{key}"))
        pickled = content_of("data.pkl")
        return load_pickle(io.BytesIO(pickled), len(pickled), _names(size), LIMITS, storages.find)


def _read_old(file: IO[bytes], size: int) -> Any:
    """The form before torch 1.6."""
    first = load_pickle(file, size, {}, LIMITS)
    if first != OLD_MAGIC or load_pickle(file, size, {}, LIMITS) != OLD_PROTOCOL:
        raise ValueError("it does not begin as one")
    machine = load_pickle(file, size, {}, LIMITS)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ValueError("numbers in the byte order of another machine")
    storages = _Storages(None)
    value = load_pickle(file, size, _names(size), LIMITS, storages.find)
    keys = load_pickle(file, size, {}, LIMITS)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("numbers without names")
    if set(keys) != set(storages.known) or len(keys) != len(storages.known):
        raise ValueError("numbers that no tensor lies in, or tensors without numbers")
    for key in keys:
        storage = storages.known[key]
        (count,) = struct.unpack("<q", read_exactly(file, 8))
        if count != storage.count or storage.size > size - file.tell():
            raise ValueError(f"{storage.count:,} numbers of storage {key}, which the file does not have")
        storage.fill(read_exactly(file, storage.size))
    return value


class _Storages:
    """The storages that a pickle names, each read once.

    Args:
        read: key -> bytes; None: they come later.
    """

    def __init__(self, read: Callable[[str], bytearray] | None) -> None:
        self.read = read
        self.known: dict[str, Storage] = {}

    def find(self, identity: Any) -> Storage:
        """The storage of ("storage", type, key, where it was, numbers)."""
        if type(identity) is not tuple or len(identity) not in (5, 6) or identity[5:] not in ((), (None,)):
            raise ValueError("a storage that is a part of another, or none")
        what, kind, key, _where, count = identity[:5]
        letters = kind.text.removeprefix("torch.").removesuffix("Storage") if type(kind) is Name else ""
        if (
            what != "storage"
            or letters not in KINDS
            or type(key) is not str
            or type(count) is not int
            or count < 0
        ):
            raise ValueError("a storage of numbers that are not known")
        if key not in self.known:
            self.known[key] = Storage(letters, count)
            if self.read:
                self.known[key].fill(self.read(key))
        storage = self.known[key]
        if (storage.dtype, storage.count) != (KINDS[letters][0], count):
            raise ValueError(f"storage {key!r} in two kinds")
        return storage


def _names(size: int) -> dict[str, Build | None]:
    """Functions for the names in a checkpoint of ``size`` bytes."""
    budget = Budget(LIMITS.spare + LIMITS.growth * size)  # of all tensors, were each taken out of its storage

    def tensor(_: Budget, arguments: tuple[Any, ...]) -> StoredTensor:
        found = _tensor(arguments)
        budget.spend(prod(found.shape) * found.storage.numpy_type.itemsize)
        return found

    return {
        **NAMES,
        **{f"torch.{kind}Storage": None for kind in KINDS},
        "torch._utils._rebuild_tensor": tensor,
        "torch._utils._rebuild_tensor_v2": tensor,
        "torch._utils._rebuild_parameter": _parameter,
        "torch.Size": NAMES["builtins.tuple"],
    }


def _tensor(arguments: tuple[Any, ...]) -> StoredTensor:
    if len(arguments) < 4:
        raise ValueError("a tensor without a shape")
    storage, offset, shape, strides = arguments[:4]
    count = count_elements(shape)
    if type(storage) is not Storage or type(offset) is not int or type(strides) is not tuple or offset < 0:
        raise ValueError("a tensor without numbers")
    if len(strides) != len(shape) or not all(type(step) is int and step >= 0 for step in strides):
        raise ValueError("a tensor whose strides do not fit its shape")
    last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    if count and (last >= storage.count or count > storage.count):
        raise ValueError(f"a tensor {shape} that does not lie in its {storage.count:,} numbers")
    return StoredTensor(storage, offset, shape, strides)


def _parameter(_budget: Budget, arguments: tuple[Any, ...]) -> StoredTensor:
    if not arguments or type(arguments[0]) is not StoredTensor:
        raise ValueError("a parameter that is no tensor")
    return arguments[0]

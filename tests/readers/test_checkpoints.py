"""Checkpoints of torch, read without torch: the tensors that torch reads, and nothing that runs or claims more."""

import argparse
import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skelact.errors import FileError
from skelact.readers.checkpoints import StoredTensor, read_checkpoint

InChild = Callable[[str, Iterable[Path]], dict[Path, Any]]
SECONDS = 5  # of processor time; a file takes a few milliseconds
READ = "from skelact.readers.checkpoints import read_checkpoint as attempt"


def contents() -> dict[str, Any]:
    """Tensors of all kinds and shapes, as checkpoints hold them."""
    rng = torch.Generator().manual_seed(0)
    base = torch.randn(4, 6, generator=rng)
    layer = torch.nn.BatchNorm1d(3)
    kinds = (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8)
    return {
        "kinds": [(base * 9).to(kind) for kind in (*kinds, torch.uint8, torch.bool)],
        "turned": base.T,
        "a part": base[1:3, ::2],
        "one": base[2, 3],
        "none": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(base),
        "state_dict": layer.state_dict(),
        "optimizer": torch.optim.SGD(layer.parameters(), 0.1).state_dict(),
        "size": base.size(),
        "number": np.float64(0.5),
        "epoch": 7,
    }


def compare(found: Any, expected: Any) -> None:
    if isinstance(expected, torch.Tensor):
        assert isinstance(found, StoredTensor)
        assert f"torch.{found.dtype}" == str(expected.dtype)
        bits = expected.detach().contiguous()
        bits = bits.view(torch.int16) if expected.dtype == torch.bfloat16 else bits
        np.testing.assert_array_equal(found.numbers(), bits.numpy())
        assert found.numbers().shape == tuple(expected.shape)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            compare(found[key], value)
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            compare(one, other)
    else:
        assert found == expected


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "before torch 1.6"])
def test_tensors_and_values_come_back(tmp_path: Path, archive: bool) -> None:
    path = tmp_path / "a.pth"
    torch.save(contents(), path, _use_new_zipfile_serialization=archive)
    compare(read_checkpoint(path), contents())


class Marked:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "run")


@pytest.mark.parametrize("archive", [True, False])
def test_code_is_refused_by_name_and_not_run(tmp_path: Path, archive: bool) -> None:
    path = tmp_path / "a.pth"
    ran, other = Marked(tmp_path / "ran"), argparse.Namespace(a=1)
    for value, named in ((ran, ("getattr", "write_text")), (other, ("argparse.Namespace",))):
        torch.save({"x": value}, path, _use_new_zipfile_serialization=archive)
        with pytest.raises(FileError) as caught:
            read_checkpoint(path)
        assert str(caught.value).startswith(f"{path}: it holds a ")
        assert any(part in str(caught.value) for part in named)
        assert str(caught.value).endswith("would have to be run to be read. Save it again with tensors only")
    assert not (tmp_path / "ran").exists()


def stored(
    shape: str, strides: str, offset: str = "K\0", count: int = 6, kind: str = "Float", key: str = "0"
) -> bytes:
    """A pickle of one tensor with sizes of one's choice; shape, strides and offset are instructions."""
    kind_name = f"ctorch\n{kind}Storage\n"
    storage = (
        f"((U\7storage{kind_name}U{chr(len(key))}{key}U\3cpuJ".encode("latin1") + struct.pack("<i", count) + b"tQ"
    )
    rest = f"{offset}{shape}{strides}\x89)tR.".encode("latin1")
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + storage + rest


def archived(path: Path, pickled: bytes, packed: int = zipfile.ZIP_STORED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", packed) as archive:
        archive.writestr("a/data.pkl", pickled)
        for name, content in ({"byteorder": b"little", "data/0": bytes(24)} | members).items():
            archive.writestr(f"a/{name}", content)
    return path


HUGE = "\x8a\x08\0\0\0\0\0\0\0\x40"  # 2^62
WHOLE = ("K\2K\3\x86", "K\3K\1\x86")
HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "beyond the storage": ({"pickled": stored("K\3K\3\x86", WHOLE[1])}, "(3, 3) that does not lie in its 6"),
    "an offset beyond": ({"pickled": stored(*WHOLE, "K\1")}, "(2, 3) that does not lie in its 6"),
    "a negative offset": ({"pickled": stored(*WHOLE, "J\xff\xff\xff\xff")}, "a tensor without numbers"),
    "negative strides": ({"pickled": stored(WHOLE[0], "J\xfd\xff\xff\xffK\1\x86")}, "strides do not fit"),
    "huge strides": ({"pickled": stored(WHOLE[0], HUGE + HUGE + "\x86")}, "does not lie in its 6 numbers"),
    "too few strides": ({"pickled": stored(WHOLE[0], "K\1\x85")}, "strides do not fit"),
    "a huge shape": ({"pickled": stored(HUGE + "K\4\x86", WHOLE[1])}, "does not lie in its 6 numbers"),
    "one number very often": ({"pickled": stored(HUGE + "\x85", "K\0\x85")}, "does not lie in its 6 numbers"),
    "more numbers than bytes": ({"pickled": stored(*WHOLE, count=10**9)}, "4,000,000,000 bytes, which has 24"),
    "fewer than no numbers": ({"pickled": stored(*WHOLE, count=-6)}, "numbers that are not known"),
    "another type": ({"pickled": stored(*WHOLE, kind="Object")}, "it holds a torch.ObjectStorage"),
    "no such storage": ({"pickled": stored(*WHOLE, key="7")}, "data/7 is not in it as"),
    "a way out": ({"pickled": stored(*WHOLE, key="../data.pkl")}, "data/../data.pkl is not in it"),
    "truth values that are none": (
        {"pickled": stored(*WHOLE, kind="Bool"), "data/0": b"\0\1\2\0\0\0"},
        "truth values that are neither true nor false",
    ),
    "a packed archive": ({"pickled": stored(*WHOLE), "packed": zipfile.ZIP_DEFLATED}, "byteorder is not in it"),
    "a packed bomb": (
        {"pickled": stored(*WHOLE), "packed": zipfile.ZIP_DEFLATED, "data/1": bytes(50 << 20)},
        "its members are larger than the file",
    ),
    "the other byte order": ({"pickled": stored(*WHOLE), "byteorder": b"big"}, "the byte order of another"),
    "two in one": ({"pickled": stored(*WHOLE), "b/data.pkl": b"N."}, "an archive of 2 checkpoints"),
    "numbers alone": (
        {"pickled": b"(U\7storagectorch\nFloatStorage\nU\0010U\3cpuK\6tQ."},
        "numbers without a shape where a value is expected",
    ),
    "a part of a storage": (
        {"pickled": stored(*WHOLE).replace(b"tQ", b"K\0tQ")},
        "a storage that is a part of another, or none",
    ),
    "something else outside": ({"pickled": b"U\4fileQ."}, "a storage that is a part of another, or none"),
    "a call of a storage": ({"pickled": b"ctorch\nFloatStorage\n(K\4tR."}, "a pickle that calls torch.Float"),
    "no pickle": ({"pickled": b"rubbish"}, "not a file of torch, or a damaged one ("),
}  # fmt: skip


def test_hostile_checkpoints_are_refused_in_one_sentence(tmp_path: Path, in_child: InChild) -> None:
    assert read_checkpoint(archived(tmp_path / "good.pth", stored(*WHOLE))).numbers().tolist() == [[0.0] * 3] * 2
    paths = {case: archived(tmp_path / f"{n}.pth", **args) for n, (case, (args, _)) in enumerate(HOSTILE.items())}
    outcomes = in_child(READ, paths.values())
    for case, (_, sentence) in HOSTILE.items():
        assert sentence in outcomes[paths[case]].message, case
        assert outcomes[paths[case]].seconds < SECONDS, case


OLD: dict[str, tuple[tuple[Any, ...], bytes, str]] = {
    "numbers that are not there": ((["0"],), struct.pack("<q", 10**9), "1,000,000,000 numbers of storage 0"),
    "another count": ((["0"],), struct.pack("<q", 5) + bytes(4000), "1,000,000,000 numbers of storage 0"),
    "unknown names": ((["1"],), bytes(100), "tensors without numbers"),
    "no names": ((5,), b"", "numbers without names"),
    "names twice": ((["0", "0"],), b"", "tensors without numbers"),
    "no end": ((["0"],), b"", "it ends after 0 of 8 bytes"),
}


@pytest.mark.parametrize("case", OLD)
def test_hostile_files_of_the_old_form(case: str, tmp_path: Path) -> None:
    keys, tail, sentence = OLD[case]
    start = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    parts = [pickle.dumps(value, 2) for value in start] + [stored(*WHOLE, count=10**9)]
    parts += [pickle.dumps(value, 2) for value in keys]
    path = tmp_path / "old.pth"
    path.write_bytes(b"".join(parts) + tail)
    with pytest.raises(FileError) as caught:
        read_checkpoint(path)
    assert str(caught.value).startswith(f"{path}: not a file of torch, or a damaged one (")
    assert sentence in str(caught.value)
    path.write_bytes(pickle.dumps(start[0], 2) + pickle.dumps(1002, 2))
    with pytest.raises(FileError, match=r"damaged one \(it does not begin as one\)$"):
        read_checkpoint(path)


FUZZ = """
import random
from skelact.readers.checkpoints import StoredTensor, read_checkpoint

def touch(value):
    if isinstance(value, StoredTensor):
        value.numbers().sum()
    elif isinstance(value, (list, tuple, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            touch(one)

def attempt(path):
    content, rng = path.read_bytes(), random.Random(path.name)
    scratch = path.with_suffix(".mutated")
    for _ in range(300):
        broken = bytearray(content)
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(broken))
            put = bytes(rng.choices(range(256), k=rng.randint(0, 4)))
            broken[place : place + rng.choice([1, 1, 2, 4])] = put
        scratch.write_bytes(broken)
        try:
            value = read_checkpoint(scratch)
        except FileError:
            continue
        touch(value)
"""


def test_mutated_checkpoints_are_read_or_refused(tmp_path: Path, in_child: InChild) -> None:
    paths = [tmp_path / "new.pth", tmp_path / "old.pth", tmp_path / "sum.pth"]
    for archive, path in zip((True, False), paths, strict=False):
        torch.save(
            {"a": torch.ones(2, 3), "b": torch.zeros(2).bool()}, path, _use_new_zipfile_serialization=archive
        )
    archived(paths[2], stored(*WHOLE))
    outcomes = in_child(FUZZ, paths)
    assert [outcome.message for outcome in outcomes.values()] == ["", "", ""]


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.pth: cannot be opened: No such file or directory$"):
        read_checkpoint(tmp_path / "none.pth")
    (tmp_path / "a.pth").write_bytes(io.BytesIO().getvalue())
    with pytest.raises(FileError, match=r"a\.pth: not a file of torch, or a damaged one \(byte 0: it ends\)$"):
        read_checkpoint(tmp_path / "a.pth")

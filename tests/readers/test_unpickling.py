"""Pickles: plain things are read, everything that would have to be run is refused by name."""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skelact.errors import FileError
from skelact.readers.unpickling import read_pickle

PLAIN: list[Any] = [
    (["S001C001P001R001A001.skeleton", "ä"], [0, 1]),
    {"a": 1.5, "b": None, "c": True, "d": b"bytes", "e": {1, 2}, "f": 2**70, "g": OrderedDict(x=1)},
]
ARRAYS = [
    np.arange(12, dtype=np.int64).reshape(3, 4),
    np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4)),
    np.array(["a", "bc"]),
    np.array([b"a", b"bc"]),
    np.array([["x", 1], [None, 2.5]], dtype=object),
    np.zeros((0, 3), dtype=np.bool_),
    np.float64(2.5),
    np.int64(7),
]


def put(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "label.pkl"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_things(tmp_path: Path, protocol: int) -> None:
    for value in PLAIN:
        assert read_pickle(put(tmp_path, pickle.dumps(value, protocol))) == value
    for array in ARRAYS:
        found = read_pickle(put(tmp_path, pickle.dumps(array, protocol)))
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found, array)


def test_names_of_older_numpys_and_of_python_2(tmp_path: Path) -> None:
    new = pickle.dumps(np.arange(3), 2)
    old = new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert old != new
    np.testing.assert_array_equal(read_pickle(put(tmp_path, old)), np.arange(3))
    assert read_pickle(put(tmp_path, b"(S'caf\\xe9'\nI7\nt.")) == ("café", 7)


class Hostile:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def test_code_is_refused_by_name_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    plain = "Lists, dictionaries, texts, numbers and numpy arrays are all it may hold"
    for function, arguments, named in (
        (eval, (f"open({str(marker)!r}, 'w')",), "builtins.eval"),
        (getattr, ({}, "keys"), "builtins.getattr"),
        (np.load, (str(marker),), "numpy.load"),
        (Path, ("/",), f"{Path.__module__}.Path"),
    ):
        for protocol in (0, 2, 4):
            path = put(tmp_path, pickle.dumps(([Hostile(function, *arguments)], [0]), protocol))
            with pytest.raises(FileError) as caught:
                read_pickle(path)
            expected = named if protocol > 2 else named.replace("builtins", "__builtin__")
            assert str(caught.value) == (
                f"{path}: the pickle names {expected}, which is not read: it could run anything on this machine. "
                f"{plain}"
            )
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"cbuiltins\nexec\n.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93.",
        b"cnumpy.f2py\ncompile\n.",
        b"cbuiltins\n__import__\n.",
        b"cnumpy\nndarray.__class__\n.",
        b"Psomewhere\n.",
    ],
)
def test_names_in_any_spelling_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileError, match="which is not read: it could run anything"):
        read_pickle(put(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        pickle.dumps([1, 2, 3])[:-3],
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O'\ntRI7\ntR.",
        b"cnumpy\ndtype\n((lp0\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(c__builtin__\nset\n(I0\ntS'b'\ntR.",
        b"c_codecs\nencode\n(Vx\nVrot13\ntR.",
        b"cnumpy\ndtype\n(S'V8'\ntR.",
    ],
)
def test_broken_ones(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileError, match="is not a pickle, or a broken one") as caught:
        read_pickle(put(tmp_path, content))
    assert "Truncated copy?" in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.pkl: cannot be opened: No such file or directory$"):
        read_pickle(tmp_path / "none.pkl")


@pytest.mark.real
def test_a_real_one(shared: Path) -> None:
    content = read_pickle(shared / "data" / "pose2d" / "example_UCF101_skeleton.pkl")
    one = content if isinstance(content, dict) else content[0]
    assert one["keypoint"].shape == (2, 163, 17, 2)

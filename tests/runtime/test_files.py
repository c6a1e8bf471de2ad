"""Files are replaced whole, say what kept them from being written, and show damage."""

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skelact.errors import UserError
from skelact.runtime.files import Damaged, read_json, reading, replacing, sealed, unsealed, write_text, writing

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(values=st.dictionaries(st.text().filter(lambda name: name != "sha256"), PLAIN, max_size=4))
def test_sealed_values_come_back(values: dict[str, object]) -> None:
    assert unsealed(Path("x.json"), json.loads(sealed(values))) == values


def test_a_changed_value_breaks_the_seal() -> None:
    values = json.loads(sealed({"a": 1, "b": [1, 2]}))
    with pytest.raises(Damaged, match="x.json is damaged: its checksum does not match what it says"):
        unsealed(Path("x.json"), values | {"b": [1, 3]})


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"])
def test_what_is_no_json_object_is_damaged(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(Damaged, match="x.json is damaged: it "):
        read_json(tmp_path / "x.json")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with replacing(path) as partial:
        write_text(partial, "one")
    with pytest.raises(FileNotFoundError), replacing(path):
        pass  # nothing was written
    with pytest.raises(UnicodeEncodeError), replacing(path) as partial:
        write_text(partial, "two \udcff")
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "Make room. Then again"),
        (errno.EDQUOT, "Make room. Then again"),
        (errno.EROFS, "Check who may write there. Then again"),
        (errno.EACCES, "Check who may write there. Then again"),
        (errno.EIO, "Then again"),
    ],
)
def test_what_the_system_refuses_is_one_sentence(number: int, hint: str) -> None:
    with pytest.raises(UserError) as caught, writing(Path("a"), "Then again"):
        raise OSError(number, os.strerror(number))
    assert str(caught.value) == f"a cannot be written: {os.strerror(number)}. {hint}"


def test_a_disk_that_cannot_read_is_damage_and_a_lack_of_rights_is_not() -> None:
    with pytest.raises(Damaged, match="a is damaged: Input/output error"), reading(Path("a")):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(UserError, match="a cannot be read: Permission denied") as caught, reading(Path("a")):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    assert not isinstance(caught.value, Damaged)

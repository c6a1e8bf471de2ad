"""Messages of errors that users can mend."""

import pickle
from pathlib import Path

import pytest

from skelact.errors import FileError, UserError, unknown


@pytest.mark.parametrize(
    ("name", "known", "sentence"),
    [
        (
            "scd-net",
            ["scdnet", "moco"],
            "unknown method 'scd-net'; did you mean 'scdnet'? Known: moco, scdnet",
        ),
        ("zebra", ["scdnet", "moco"], "unknown method 'zebra'. Known: moco, scdnet"),
        ("zebra", [], "unknown method 'zebra'. Known: none"),
        ("", ["moco"], "unknown method ''. Known: moco"),
    ],
)
def test_unknown_names_the_nearest_and_all(name: str, known: list[str], sentence: str) -> None:
    error = unknown("method", name, known)
    assert isinstance(error, UserError)
    assert str(error) == sentence


def test_file_error_says_where() -> None:
    assert str(FileError("a.txt", "is empty")) == "a.txt: is empty"
    assert str(FileError(Path("a.txt"), "3 values, expected 12", line=7)) == "a.txt, line 7: 3 values, expected 12"


def test_file_error_comes_back_from_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(FileError("a.txt", "is empty", line=7)))
    assert isinstance(error, FileError)
    assert (str(error), error.path, error.reason, error.line) == (
        "a.txt, line 7: is empty",
        Path("a.txt"),
        "is empty",
        7,
    )

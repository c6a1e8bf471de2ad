"""Output that is not Unicode: nothing stops, on any command, in any encoding."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skelact.cli.output import allow_any_text
from skelact.sequences import Sequence
from skelact.sequences.store import StoreWriter
from skelact.skeletons import KINECT20


@pytest.mark.parametrize(
    ("encoding", "text", "written"),
    [
        ("ascii", "74.1 ± 0.4, −3 – 5 …", "74.1 +- 0.4, -3 - 5 ..."),
        ("ascii", "grüßen", "gr??en"),
        ("latin-1", "grüßen − ±", "grüßen - ±"),
        ("cp437", "± ’", "± '"),
        ("gbk", "± é 人", "± ? 人".replace("?", "é")),
        ("utf-8", "± é 人 −", "± é 人 −"),
        ("utf-8", "a\udcffb", "a?b"),  # a file name that is not UTF-8
    ],
)
def test_what_an_encoding_lacks_becomes_the_nearest(encoding: str, text: str, written: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    allow_any_text(stream)
    stream.write(text)
    stream.flush()
    assert raw.getvalue().decode(encoding) == written


def test_a_stream_that_encodes_nothing_is_left_alone() -> None:
    stream = io.StringIO()
    allow_any_text(stream)
    stream.write("±")
    assert stream.getvalue() == "±"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a class that no code page but a few can write."""
    path = tmp_path_factory.mktemp("store") / "people"
    writer = StoreWriter(path)
    for number in range(2):
        positions = np.repeat(KINECT20.rest[None, None], 4, axis=0) + number
        writer.add(Sequence(positions, KINECT20, 30.0, f"人{number}", "grüßen"))
    writer.finish(dataset="people", classes=("grüßen",), splits={})
    return path


NARROW = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("environment", NARROW, ids=lambda one: " ".join(one.values()))
def test_commands_end_well_in_every_encoding(environment: dict[str, str], store: Path) -> None:
    """All in one process, as each would be by itself: streams are set up once, when it starts."""
    script = f"""
import os, sys
from skelact import cli
def main(*words):
    sys.argv[1:] = words
    try:
        cli.main()
    except SystemExit as end:
        print("status", end.code, flush=True)
store = os.fsdecode({os.fsencode(store)!r})
main("inspect", store)
main("inspect", store, "--json")
main("recipes")
main("--help")
main("pretrain", "--help")
main("inspect", store + os.fsdecode({"人".encode()!r}))
print("\\u2212 \\u00b1")
print("\\u2212 \\u00b1", file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", script], env=os.environ | environment, capture_output=True
    )
    assert b"Traceback" not in done.stderr
    assert b"UnicodeEncodeError" not in done.stdout + done.stderr
    statuses = [line for line in done.stdout.splitlines() if line.startswith(b"status")]
    assert statuses == [b"status 0"] * 5 + [b"status 2"], done.stderr
    start = done.stdout.index(b"{")
    values = json.JSONDecoder().raw_decode(done.stdout[start:].decode("ascii", errors="replace"))[0]
    assert values["labels"] == {"grüßen": 2}, "JSON says every sign, whatever the encoding"

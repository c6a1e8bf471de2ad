"""Files that may be made to do harm are opened in a process of their own, with little memory."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

MEMORY = 200 << 20  # bytes that reading may take beside what is loaded
SCRIPT = """
import json, resource, sys, time
from pathlib import Path
from skelact.errors import FileError
{code}
if Path("/proc/self/statm").exists():
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + {memory}, held + {memory}))
for name in json.loads(sys.stdin.read()):
    start = time.process_time()
    print(json.dumps([name]), flush=True)
    try:
        attempt(Path(name))
        message = ""
    except FileError as error:
        message = str(error)
    print(json.dumps([name, message, time.process_time() - start]), flush=True)
"""


@dataclass(frozen=True)
class Outcome:
    """The result of reading a file: the message of a ``FileError``, or nothing; and the processor's time."""

    message: str
    seconds: float


@pytest.fixture(scope="session")
def in_child() -> Callable[[str, Iterable[Path]], dict[Path, Outcome]]:
    """Reads files with ``attempt``, which the code defines, in one child with little memory.

    The test fails where reading ends in anything but a value or a ``FileError``.
    """

    def read(code: str, paths: Iterable[Path]) -> dict[Path, Outcome]:
        script = SCRIPT.format(code=code, memory=MEMORY)
        names = json.dumps([str(path) for path in paths])
        done = subprocess.run(
            [sys.executable, "-c", script], input=names, capture_output=True, text=True, check=False
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == 0, f"{lines[-1:]}: {done.stderr[-2000:]}"
        return {Path(line[0]): Outcome(*line[1:]) for line in lines if len(line) == 3}

    return read

"""Every code block of the README and of docs/ runs, page by page from top to bottom, in an empty folder.

``bash`` blocks run in bash, ``python`` blocks as scripts, ``toml`` blocks are read as recipes; ``text`` is only
shown.
What a page needs and a reader has anyway is said in HTML comments, which are not shown:

``<!-- docs-test: WORDS -->`` before a block:
    ``slow``                  the page takes more than a few seconds
    ``needs=../shared/data``  the block needs this beside the checkout
    ``status=3``              it ends with this exit status, not 0
    ``swap="A => B"``         the test runs B where the page says A: a smaller number, a smaller folder; may be
                              said several times
    ``look="why"``            its syntax is checked and it is not run
    ``file=name.py``          it is saved under this name, for later blocks, and not run
``<!-- docs-run: COMMANDS -->``: bash that prepares the folder; ``$CHECKOUT`` is the checkout.

``./skelact``, ``./run-tests`` and ``python`` are there and use the Python that runs the tests.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest

from skelact.settings import load_recipe

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted([CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *(CHECKOUT / "docs").rglob("*.md")])
SHOWN_ONLY = ("text", "powershell", "csv", "json")
PIECE = re.compile(
    r"^<!-- docs-(?P<kind>test|run):(?P<words>.*?)-->$|^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    """A code block of a page, and what a comment before it says."""

    line: int
    language: str
    code: str
    words: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))


def blocks_of(text: str) -> Iterator[Block]:
    """The blocks of a page, from top to bottom; hidden ones have the language ``run``."""
    words: dict[str, str] = {}
    for piece in PIECE.finditer(text):
        line = text.count("\n", 0, piece.start()) + 1
        if piece["kind"] == "test":
            words = {}
            for key, _, value in (word.partition("=") for word in shlex.split(piece["words"])):
                words[key] = f"{words[key]}\n{value}" if key == "swap" and key in words else value
            unknown = set(words) - {"slow", "needs", "status", "swap", "look", "file"}
            assert not unknown, f"line {line}: docs-test knows no {unknown}"
        elif piece["kind"] == "run":
            yield Block(line, "run", piece["words"])
        else:
            yield Block(line, piece["language"], piece["code"], MappingProxyType(words))
            words = {}


def is_slow(page: Path) -> bool:
    return any("slow" in block.words for block in blocks_of(page.read_text(encoding="utf-8")))


def swapped(block: Block) -> str:
    """The code as the test runs it."""
    code = block.code
    for swap in block.words.get("swap", "").splitlines():
        here, there = swap.split(" => ")
        assert here in code, f"line {block.line}: {here!r} is not in the block, so it cannot be swapped"
        code = code.replace(here, there)
    return code


def arguments(block: Block) -> list[str]:
    if block.language in ("bash", "run"):
        return ["bash", "-euo", "pipefail", *(["-n"] if "look" in block.words else []), "-c", swapped(block)]
    return [sys.executable, "-c", swapped(block)]


def run(block: Block, folder: Path) -> None:
    """Run a block in the folder of its page; fail with what it said when it does not end as it should."""
    if block.language in SHOWN_ONLY:
        return
    assert block.language in ("bash", "run", "python", "toml"), f"line {block.line}: what is {block.language!r}?"
    if "file" in block.words:
        (folder / block.words["file"]).write_text(block.code, encoding="utf-8")
        return
    if block.language == "toml":
        (folder / "block.toml").write_text(block.code, encoding="utf-8")
        load_recipe(folder / "block.toml")
        return
    if block.language == "python" and "look" in block.words:
        compile(block.code, f"line {block.line}", "exec")
        return
    done = subprocess.run(
        arguments(block),
        cwd=folder,
        env=os.environ
        | {"CHECKOUT": str(CHECKOUT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    expected = int(block.words.get("status", 0))
    said = (
        f"line {block.line}:\n{swapped(block)}\nended with {done.returncode}, expected {expected}:\n{done.stdout}"
    )
    assert done.returncode == expected, said


def prepare(folder: Path) -> None:
    """What stands in a checkout and pages use."""
    launchers = {
        "skelact": f'exec "{Path(sys.executable).with_name("skelact")}" "$@"',
        "run-tests": f'cd "{CHECKOUT}" && exec "{sys.executable}" -m pytest -p no:cacheprovider "$@"',
    }
    for name, line in launchers.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)


def check_needs(block: Block) -> None:
    if "needs" in block.words and not (CHECKOUT / block.words["needs"]).exists():
        message = f"line {block.line} needs {block.words['needs']} beside the checkout"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=page.name, marks=[pytest.mark.slow] if is_slow(page) else []) for page in PAGES],
)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    prepare(tmp_path)
    for block in blocks_of(page.read_text(encoding="utf-8")):
        check_needs(block)
        run(block, tmp_path)


LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in LINK.findall(text):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


SAMPLE = """# Page
```text
not run
```
<!-- docs-run: echo hidden >made -->
<!-- docs-test: status=3 swap="400 => 1" swap="n => 2" -->

```bash
test -e made && exit $((400 + n))
```
```python
print(open("made").read())
```
"""


def test_blocks_are_found_with_what_is_said_of_them() -> None:
    found = list(blocks_of(SAMPLE))
    assert [(block.line, block.language) for block in found] == [
        (2, "text"),
        (5, "run"),
        (8, "bash"),
        (11, "python"),
    ]
    assert found[2].words == {"status": "3", "swap": "400 => 1\nn => 2"}
    assert found[3].words == {}
    assert found[3].code == 'print(open("made").read())\n'


def test_blocks_share_a_folder_and_are_run_as_said(tmp_path: Path) -> None:
    for block in blocks_of(SAMPLE):
        run(block, tmp_path)
    assert (tmp_path / "made").read_text() == "hidden\n"


@pytest.mark.parametrize(
    ("language", "code", "message"),
    [
        ("bash", "echo before; false; echo after", "before"),
        ("bash", "false | cat", "ended with 1, expected 0"),
        ("bash", "echo $nothing", "nothing"),
        ("python", "raise ValueError('broken')", "ValueError: broken"),
        ("fortran", "end", "what is 'fortran'?"),
        ("", "end", "what is ''?"),
    ],
)
def test_a_block_that_fails_fails_the_test(language: str, code: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        run(Block(1, language, code), tmp_path)


def test_what_is_not_in_the_block_cannot_be_swapped() -> None:
    words = MappingProxyType({"swap": "1 => 2\n4 => 5"})
    with pytest.raises(AssertionError, match="^line 7: '4' is not in the block, so it cannot be swapped"):
        swapped(Block(7, "bash", "exit 1", words))


def test_a_recipe_that_is_wrong_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=re.escape("unknown setting 'train.epoch'")):
        run(Block(1, "toml", "[train]\nepoch = 1\n"), tmp_path)


def test_a_block_that_is_only_looked_at_must_still_be_code(tmp_path: Path) -> None:
    words = MappingProxyType({"look": "would take days"})
    run(Block(1, "bash", "exit 1", words), tmp_path)
    run(Block(1, "python", "raise ValueError", words), tmp_path)
    with pytest.raises(AssertionError, match="syntax error"):
        run(Block(1, "bash", "if true; fi", words), tmp_path)
    with pytest.raises(SyntaxError):
        run(Block(1, "python", "def f(", words), tmp_path)

"""The launchers and what they install.

Most tests run the launchers in a small checkout of their own: a project of the same name without dependencies,
built by ``backend.py`` in it, so that nothing is fetched. Python takes seconds to make a virtual environment: it
makes one for the checkout ``ready``, the others are copies of an empty one.
"""

import os
import platform
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHON = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "skelact"
version = "0.1.0"
"""

# A build backend of one page: a module that says how it was called, as `skelact` and as `pytest`.
BACKEND = """
import pathlib, time, zipfile

SAYS = "import os, sys\\ndef main():\\n    print(os.getcwd(), sys.argv[1:])\\n    sys.exit(7)\\n"
INFO = "skelact-0.1.0.dist-info/"
METADATA = "Metadata-Version: 2.1\\nName: skelact\\nVersion: 0.1.0\\n"
EXTRAS = "Provides-Extra: train\\nProvides-Extra: dev\\n"

def build_editable(folder, config_settings=None, metadata_directory=None):
    with open("builds", "a") as builds:
        builds.write("one\\n")
    if pathlib.Path("broken").exists():
        raise RuntimeError("this build is broken")
    while pathlib.Path("hang").exists():
        time.sleep(0.05)
    files = {
        "said.py": SAYS,
        "pytest.py": SAYS + "main()\\n",
        INFO + "METADATA": METADATA + EXTRAS + pathlib.Path("requires").read_text(),
        INFO + "WHEEL": "Wheel-Version: 1.0\\nGenerator: backend\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        INFO + "entry_points.txt": "[console_scripts]\\nskelact = said:main\\n",
    }
    name = "skelact-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(INFO + "RECORD", "".join(f"{path},,\\n" for path in [*files, INFO + "RECORD"]))
    return name
"""


class Checkout:
    """A small checkout with the real launchers, which find ``python``."""

    def __init__(self, root: Path, python: Path) -> None:
        self.root = root
        self.python = python
        (root / "tools").mkdir(parents=True)
        for name in ("skelact", "run-tests", "tools/set-up"):
            shutil.copy(ROOT / name, root / name)
        (root / "pyproject.toml").write_text(PYPROJECT)
        (root / "backend.py").write_text(BACKEND)
        (root / "constraints.txt").write_text("")
        (root / "requires").write_text("")
        self.started: list[subprocess.Popen[str]] = []

    @property
    def builds(self) -> int:
        """How often the project was built."""
        return len((self.root / "builds").read_text().split()) if (self.root / "builds").exists() else 0

    def start(
        self, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [str(self.root / words[0]), *words[1:]],
            cwd=cwd or self.root.parent,
            env=environment() | {"SKELACT_PYTHON": str(self.python)} | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def end_all(self) -> None:
        """End what a failed test left running, children too: each was started as a group of its own."""
        for process in self.started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def run(
        self, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        process = self.start(*words, cwd=cwd, env=env)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out, err)


def environment() -> dict[str, str]:
    """The outer environment without what steers the launchers, and no package index."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SKELACT_", "PIP_", "UV_"))}
    return kept | {"PIP_NO_INDEX": "1"}


def until(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Wait until ``condition()`` holds; fail when the process ends before."""
    for _ in range(600):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    pytest.fail("waited for a minute")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python, but for ``-m venv FOLDER``: that copies an environment that was made once."""
    folder = tmp_path_factory.mktemp("python")
    subprocess.run([PYTHON, "-m", "venv", folder / "empty"], check=True)
    copy = f'[ "$1 $2" != "-m venv" ] || exec cp -RPp "{folder}/empty/." "$3"'
    command(folder, "python3", f'{copy}\nexec "{PYTHON}" "$@"')
    return folder / "python3"


@pytest.fixture
def bare(tmp_path: Path, python: Path) -> Iterator[Checkout]:
    checkout = Checkout(tmp_path / "a check out", python)
    yield checkout
    checkout.end_all()


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which ``./skelact`` was run once, with Python itself."""
    checkout = Checkout(tmp_path_factory.mktemp("install") / "a check out", PYTHON)
    first = checkout.run("skelact")
    assert first.returncode == 7, first.stderr
    said = first.stderr.splitlines()
    assert said[0] == f"skelact: setting up in {checkout.root}/.venv (once; some minutes)"
    assert said[1].startswith("skelact: making .venv with Python 3.")
    assert said[-1].startswith("skelact: set up in ")
    assert said[-1].endswith(" MB")
    return checkout


@pytest.mark.parametrize("name", ["skelact", "run-tests", "tools/set-up", ".ci/run"])
def test_launchers_can_be_run_as_they_are(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)


@pytest.mark.slow
def test_words_folder_and_status_pass_through_quietly(ready: Checkout, tmp_path: Path) -> None:
    before = ready.builds
    done = ready.run("skelact", "import", "two words", "--x=1", cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == (f"{tmp_path} ['import', 'two words', '--x=1']\n", "", 7)
    assert ready.builds == before


@pytest.mark.slow
def test_a_link_to_the_launcher_finds_its_checkout(ready: Checkout, tmp_path: Path) -> None:
    (tmp_path / "skelact").symlink_to(ready.root / "skelact")
    done = subprocess.run([tmp_path / "skelact", "demo"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout, done.stderr) == (f"{tmp_path} ['demo']\n", "")


@pytest.mark.slow
def test_the_tests_launcher_adds_what_tests_need_and_runs_pytest(ready: Checkout) -> None:
    before = ready.builds
    done = ready.run("run-tests", "-m", "not slow")
    words = ["-n", "2", "--dist", "worksteal", "-m", "not slow"]
    assert (done.stdout, done.returncode) == (f"{ready.root} {words}\n", 7)
    assert ready.builds == before + 1
    assert ready.run("skelact").stderr == ""
    assert ready.run("run-tests").stderr == ""
    assert ready.builds == before + 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_project_is_installed_again(name: str, ready: Checkout) -> None:
    before = ready.builds
    path = ready.root / name
    path.write_text(path.read_text() + "\n# changed\n")
    done = ready.run("skelact")
    assert "skelact: set up in " in done.stderr
    assert "making .venv" not in done.stderr
    assert ready.builds == before + 1
    assert ready.run("skelact").stderr == ""


@pytest.mark.slow
def test_a_set_up_that_was_interrupted_or_failed_is_done_anew(bare: Checkout) -> None:
    """Killed, stopped, broken: one after another, so that the last try has them all behind it."""
    (bare.root / "hang").touch()
    for number, how in enumerate((signal.SIGKILL, signal.SIGINT), start=1):
        process = bare.start("skelact")
        until(lambda number=number: bare.builds == number, process)  # type: ignore[misc]
        os.killpg(process.pid, how)
        _, said = process.communicate(timeout=60)
        assert process.returncode != 0
        assert "making .venv" in said
    assert said.splitlines()[-1] == "skelact: set-up stopped; the next call does it anew"
    (bare.root / "hang").unlink()
    (bare.root / "broken").touch()
    failed = bare.run("skelact")
    assert failed.returncode == 1
    assert "this build is broken" in failed.stderr
    assert failed.stderr.splitlines()[-1] == "skelact: set-up failed, see above; the next call does it anew"
    (bare.root / "broken").unlink()
    done = bare.run("skelact")
    assert (done.returncode, bare.builds) == (7, 4)
    assert "making .venv" in done.stderr


@pytest.mark.slow
def test_two_at_once_make_one_set_up(bare: Checkout) -> None:
    (bare.root / "hang").touch()
    first = bare.start("skelact")
    until(lambda: bare.builds == 1, first)
    second = bare.start("skelact")
    assert second.stderr is not None
    assert second.stderr.readline() == "skelact: another set-up is at work in this checkout; waiting for it\n"
    (bare.root / "hang").unlink()
    ended = [process.communicate(timeout=60) for process in (first, second)]
    assert [first.returncode, second.returncode] == [7, 7], ended
    assert bare.builds == 1


@pytest.mark.slow
def test_a_moved_checkout_is_set_up_at_its_new_place(bare: Checkout, tmp_path: Path) -> None:
    bare.run("skelact")
    moved = bare.root.rename(tmp_path / "elsewhere")
    bare.root = moved
    done = bare.run("skelact")
    assert done.returncode == 7
    assert "making .venv" in done.stderr
    assert str(moved) in (moved / ".venv" / "bin" / "skelact").read_text()


def wheel(folder: Path, name: str, module: str) -> None:
    """A wheel of one module, for pip to find."""
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    files = {
        f"{name.replace('-', '_')}.py": module,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name.replace('-', '_')}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))


@pytest.mark.slow
def test_another_build_of_torch_is_asked_of_uv_and_remembered(bare: Checkout, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "uv", "import sys\nopen('asked', 'a').write(' '.join(sys.argv[1:]) + '\\n')\n")
    cpu = {"SKELACT_TORCH": "cpu", "PIP_FIND_LINKS": str(tmp_path / "wheels")}
    python = bare.root / ".venv" / "bin" / "python"
    asked = (
        f"pip install --python {python} --torch-backend cpu --compile-bytecode -c constraints.txt -e .[train]\n"
    )
    assert bare.run("tools/set-up", "train", env=cpu).returncode == 0
    assert (bare.root / "asked").read_text() == asked
    assert bare.run("tools/set-up", "train").stderr == ""
    assert bare.run("tools/set-up", "train", env=cpu).stderr == ""
    (bare.root / "constraints.txt").write_text("# changed\n")
    find = {"PIP_FIND_LINKS": cpu["PIP_FIND_LINKS"]}
    assert "making .venv" not in bare.run("tools/set-up", "train", env=find).stderr
    assert (bare.root / "asked").read_text() == 2 * asked
    other = cpu | {"SKELACT_TORCH": "cu128"}
    assert "making .venv" in bare.run("tools/set-up", "train", env=other).stderr
    assert "--torch-backend cu128" in (bare.root / "asked").read_text()


@pytest.mark.slow
@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a GPU")
def test_who_has_no_gpu_is_told_how_to_avoid_cuda(bare: Checkout, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "nvidia-nothing", "")
    (bare.root / "requires").write_text("Requires-Dist: nvidia-nothing\n")
    done = bare.run("skelact", env={"PIP_FIND_LINKS": str(tmp_path / "wheels")})
    assert "skelact:     Ctrl-C, then the same command with SKELACT_TORCH=cpu before it\n" in done.stderr
    assert done.returncode == 7


TOOLS = ("sh", "cat", "cksum", "cut", "date", "dirname", "du", "env", "mkdir", "readlink", "rm", "tail", "touch")


def command(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with the tools of a bare system and no Python, to be the PATH."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in (*TOOLS, "cp", "tr", "wc"):
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    command(folder, "id", "echo 1000")
    return folder


def test_without_python_it_says_what_to_type(bare: Checkout, tools: Path) -> None:
    done = bare.run("skelact", env={"PATH": str(tools), "SKELACT_PYTHON": ""})
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        "skelact: no Python 3.11 or newer on PATH (python3 here: none). On Debian or Ubuntu:",
        "skelact:     sudo apt-get update && sudo apt-get install python3 python3-venv",
        "skelact: or name one that lies elsewhere: SKELACT_PYTHON=/path/to/python3",
    ]


def test_a_named_python_that_does_not_fit_is_refused(bare: Checkout) -> None:
    done = bare.run("skelact", env={"SKELACT_PYTHON": "/bin/false"})
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == ["skelact: SKELACT_PYTHON=/bin/false is no Python 3.11 or newer"]
    assert not (bare.root / ".venv").exists()


def python_without_venv(tools: Path, python: Path) -> None:
    """python3 as Debian ships it: no ensurepip until ``apt-get install`` was called."""
    missing = f'[ -e "{tools}/installed" ] || case "$*" in *ensurepip*) exit 1 ;; esac'
    command(tools, "python3", f'{missing}\nexec "{python}" "$@"')


def apt(tools: Path) -> None:
    """An ``apt-get`` that notes how it was called."""
    note = f'echo "$*" >>"{tools}/apt-calls"'
    command(tools, "apt-get", f'{note}\ncase $1 in install) : >"{tools}/installed" ;; esac')


PACKAGE = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"


@pytest.mark.parametrize("with_apt", [False, True])
def test_without_ensurepip_and_rights_it_says_what_to_type(with_apt: bool, bare: Checkout, tools: Path) -> None:
    python_without_venv(tools, bare.python)
    if with_apt:
        apt(tools)
        command(tools, "sudo", "exit 1")
    done = bare.run("skelact", env={"PATH": str(tools), "SKELACT_PYTHON": ""})
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        f"skelact: {tools}/python3 cannot make virtual environments. On Debian or Ubuntu:",
        f"skelact:     sudo apt-get update && sudo apt-get install {PACKAGE}",
    ]
    assert not (tools / "apt-calls").exists()


@pytest.mark.slow
@pytest.mark.parametrize("rights", ["root", "sudo"])
def test_without_ensurepip_it_is_installed_where_it_may_be(rights: str, bare: Checkout, tools: Path) -> None:
    python_without_venv(tools, bare.python)
    apt(tools)
    if rights == "root":
        command(tools, "id", "echo 0")
    else:
        command(tools, "sudo", '[ "$1" = -n ] || exit 1\nshift\nexec "$@"')
        (tools / "true").symlink_to(shutil.which("true") or "/bin/true")
    done = bare.run("skelact", env={"PATH": str(tools), "SKELACT_PYTHON": ""})
    assert done.returncode == 7, done.stderr
    assert f"skelact: {tools}/python3 cannot make virtual environments; installing {PACKAGE}\n" in done.stderr
    assert (tools / "apt-calls").read_text() == f"update\ninstall -y {PACKAGE}\n"


def test_a_torch_without_cuda_brought_no_cuda_along() -> None:
    import torch

    if torch.version.cuda is not None:
        pytest.skip("this torch is built for GPUs")
    names = {str(one.metadata["Name"]).lower() for one in distributions()}
    assert not [name for name in names if name.startswith(("nvidia-", "cuda-", "triton"))]
    assert "torchvision" not in names  # its builds break a torch without CUDA


COMPILED = [one["name"] for one in PROJECT["tool"]["setuptools"]["ext-modules"]]


@pytest.mark.parametrize("name", COMPILED)
def test_where_there_is_a_c_compiler_it_was_used(name: str) -> None:
    if name.endswith("graph_fast") and (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("it is for no other processors")
    compiler = str(sysconfig.get_config_var("CC") or "none").split()[0]
    if not shutil.which(compiler) or not Path(sysconfig.get_paths()["include"], "Python.h").is_file():
        pytest.skip("no C compiler with Python's headers")
    assert find_spec(name), "skelact was installed without its compiled parts: rm -r .venv/set-up and once more"


def test_every_source_in_c_is_built_from_where_it_lies() -> None:
    """A wrong path would only leave the part out, and everything would be slower."""
    sources = [path for one in PROJECT["tool"]["setuptools"]["ext-modules"] for path in one["sources"]]
    assert sorted(sources) == sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*.c"))
    for one in PROJECT["tool"]["setuptools"]["ext-modules"]:
        assert one["sources"] == [f"src/{one['name'].replace('.', '/')}.c"]


def test_recipes_are_part_of_the_package() -> None:
    assert "settings/recipes/*.toml" in PROJECT["tool"]["setuptools"]["package-data"]["skelact"]

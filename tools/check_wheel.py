"""Whether a wheel works where nothing else of skelact is installed.

    python tools/check_wheel.py dist/skelact-...whl    installs it in a fresh environment first
    python tools/check_wheel.py --installed            checks the skelact that this Python has

The fresh environment borrows what skelact depends on from the Python that runs this, so it is made in seconds;
skelact itself is the wheel's, and its metadata is checked against what is borrowed.
"""

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TINY = "--epochs 1 --set train.batch=16 --set encoder.width=16 --set encoder.graph_widths=[8] --split xsub"
COMMANDS = (
    "import --dataset movers --clips 60 -o store",
    "recipes small",
    f"pretrain store -o run {TINY}",
    f"pretrain store -o other -c scdnet-nw-ucla {TINY}",
    "evaluate run store --set linear.epochs=2",
    "compare run --against baseline",
)

# Runs in the environment that is checked: what is loaded from where.
INSIDE = """
import re, sys
from importlib import import_module
from pathlib import Path
import torch, skelact
from skelact.settings import load_recipe, recipe_names
for name in sys.argv[2:]:
    import_module(name)
for name in recipe_names():
    load_recipe(name)
print("place", Path(skelact.__file__).parent)
print("recipes", *recipe_names())
maps = Path("/proc/self/maps")
if maps.is_file():
    torch.ones(1000, 1000) @ torch.ones(1000, 1000)
    paths = {line.split()[-1] for line in maps.read_text().splitlines() if "/" in line}
    print("openmp", *sorted(path for path in paths if re.search(r"lib(g|i)?omp[0-9]*[-.]", path)))
"""


def main() -> None:
    """Check the wheel that is named, or what is installed."""
    if sys.argv[1:] == ["--installed"]:
        with tempfile.TemporaryDirectory() as folder:
            check_use(Path(sys.executable), Path(folder), Path(sysconfig.get_paths()["platlib"]))
        return
    wheel = Path(sys.argv[1]).resolve()
    check_content(wheel)
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "environment"
        python = fresh_environment(environment, wheel)
        empty = Path(folder) / "empty"
        empty.mkdir()
        check_use(python, empty, environment)
    print(f"{wheel.name}: works")


def project() -> dict[str, Any]:
    """What pyproject.toml says."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def compiled_parts() -> list[str]:
    """Dotted names of the parts in C, as the project says them, that this system can have."""
    modules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "ext-modules"
    ]
    names = [str(module["name"]) for module in modules]
    intel = sys.platform == "linux" and os.uname().machine == "x86_64"
    return [name for name in names if intel or not name.endswith("graph_fast")]


def check_content(wheel: Path) -> None:
    """What lies in the wheel: compiled parts, recipes, everything of the source but the C, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = next(archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    if sys.platform == "linux":
        expect("manylinux" in wheel.name, f"the tag is that of one machine: {wheel.name}")
    for part in compiled_parts():
        stem = part.replace(".", "/")
        expect(
            any(name.startswith(f"{stem}.") and not name.endswith((".c", ".pyi")) for name in names), f"no {part}"
        )
    source = ROOT / "src"
    wanted = {
        path.relative_to(source).as_posix()
        for path in (source / "skelact").rglob("*")
        if path.is_file() and path.suffix not in (".c", ".so", ".pyc")
    }
    files = {name for name in names if name.startswith("skelact/") and not name.endswith("/")}
    expect(not wanted - files, f"left out: {', '.join(sorted(wanted - files))}")
    extra = {name for name in files - wanted if not name.endswith((".so", ".pyd"))}
    expect(not extra, f"in it and not in src: {', '.join(sorted(extra))}")
    expect(not [name for name in names if ".libs/" in name], "libraries of other projects were put into it")
    for needed in project()["project"]["dependencies"]:
        name = re.split(r"[<>=]", needed)[0]
        expect(f"Requires-Dist: {name}" in metadata, f"its metadata do not name {name}")


def fresh_environment(folder: Path, wheel: Path) -> Path:
    """A virtual environment with the wheel, which finds dependencies where this Python has them."""
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    said([str(base), "-m", "venv", str(folder)])
    python = folder / "bin" / "python"
    own = Path(said([str(python), "-c", "import sysconfig; print(sysconfig.get_paths()['platlib'])"]).strip())
    borrowed = [entry for entry in sys.path if entry.endswith("site-packages")]
    (own / "borrowed.pth").write_text("\n".join(borrowed) + "\n", encoding="utf-8")
    said([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--ignore-installed", str(wheel)])
    lines = said([str(python), "-m", "pip", "check"], status=None).splitlines()
    problems = [line for line in lines if "skelact" in line]
    expect(not problems, "; ".join(problems))
    return python


def check_use(python: Path, folder: Path, place: Path) -> None:
    """From an empty folder: what is loaded, from where, and whether the commands work."""
    found = dict(
        line.partition(" ")[::2]
        for line in said([str(python), "-c", INSIDE, "-", *compiled_parts()], folder).splitlines()
    )
    expect(Path(found["place"]).is_relative_to(place), f"not the wheel's skelact was tried but {found['place']}")
    expect("small" in found["recipes"].split(), "the recipe small is not there")
    runtimes = found.get("openmp", "").split()
    expect("openmp" not in found or len(runtimes) == 1, f"OpenMP runtimes: {runtimes}, expected torch's own alone")
    for command in COMMANDS:
        said([str(python.with_name("skelact")), *command.split()], folder)
    expect((folder / "run" / "evaluation" / "xsub" / "report.html").is_file(), "evaluate wrote no report")


def said(words: list[str], folder: Path | None = None, status: int | None = 0) -> str:
    """What a command printed; a failure ends this program with all that it said."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(words, cwd=folder, env=clean, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    printed = f"{' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}"
    expect(status in (None, done.returncode), printed)
    return done.stdout


def expect(condition: object, otherwise: str) -> None:
    """End with a message where something does not hold."""
    if not condition:
        sys.exit(f"check_wheel: {otherwise}")


if __name__ == "__main__":
    main()

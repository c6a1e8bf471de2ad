"""``skelact import``, whole commands."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skelact.cli import run
from skelact.sequences.store import Store


def pair_files(folder: Path, count: int) -> list[Path]:
    """Recordings as SBU has them, of two people who stand about, in folders that name the action."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        path = folder / ("push" if number % 2 else "hug") / f"clip{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [",".join([str(frame + 1), *map(str, rng.uniform(0.2, 0.8, 90).round(4))]) for frame in range(4)]
        path.write_text("\n".join(lines) + "\n")
        paths.append(path)
    return sorted(paths)


def test_a_folder_of_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair_files(tmp_path / "in", 5)
    status = run(["import", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--label-from", "folder"])
    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    assert out == f"{tmp_path / 'out'}: 5 sequences\nlabels: hug 3, push 2\n"
    assert len(Store(tmp_path / "out")) == 5


def test_what_is_left_out_is_named_and_the_status_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = pair_files(tmp_path / "in", 3)
    files[1].write_text(files[1].read_text()[:300])
    words = ["import", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    assert run(words) == 3
    out, err = capsys.readouterr()
    assert out.startswith(f"{tmp_path / 'out'}: 2 sequences\n")
    assert err.startswith(f"left out: 1 files\n  {files[1]}: line 1: ")
    assert run([*words, "--json"]) == 3
    values = json.loads(capsys.readouterr().out)
    assert (values["imported"], values["labels"], values["splits"]) == (2, {"": 2}, {})
    assert [one["path"] for one in values["left_out"]] == [str(files[1])]


def test_a_store_is_replaced_only_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair_files(tmp_path / "in", 2)
    words = ["import", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    assert run(words) == 0
    capsys.readouterr()
    assert run([*words, "--clean", "none"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"skelact: {tmp_path / 'out'} holds another import: clean.centre is 'frame' there and 'none' now. "
        "Choose another folder, or replace it: --overwrite\n"
    )
    assert run([*words, "--clean", "none", "--overwrite"]) == 0
    assert Store(tmp_path / "out").info["steps"] == [[]]


def test_options_of_a_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    positions = np.random.default_rng(0).normal(size=(6, 20, 3))
    np.save(tmp_path / "walk.npy", positions)
    options = ["--option", "axes=TVC", "--option", "skeleton=kinect20", "--option", "fps=12.5"]
    words = ["import", str(tmp_path / "walk.npy"), "-o", str(tmp_path / "out"), "--format", "array"]
    assert run([*words, *options, "--clean", "none", "--float16"]) == 2
    assert "float16 is too coarse" in capsys.readouterr().err
    assert run([*words, *options, "--clean", "none"]) == 0
    store = Store(tmp_path / "out")
    assert store.columns["fps"].tolist() == [12.5]
    np.testing.assert_allclose(store.positions(0)[:, 0], positions, rtol=1e-6)
    assert run([*words, "--option", "axes"]) == 2
    assert capsys.readouterr().err == "skelact: --option axes: expected key=value, such as fps=30\n"


def test_movers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", "--dataset", "movers", "--clips", "7", "--seed", "1", "-o", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'out'}: 7 sequences\n")


def test_no_source_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", "-o", str(tmp_path / "out")]) == 2
    message = "skelact: which files? Name a file or a folder: skelact import SOURCE -o STORE\n"
    assert capsys.readouterr().err == message


def test_the_command_in_a_process_of_its_own(tmp_path: Path) -> None:
    files = pair_files(tmp_path / "in", 3)
    files[0].write_text("")
    program = [sys.executable, "-c", "from skelact.cli import main; main()"]
    words = ["import", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    done = subprocess.run([*program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stdout == f"{tmp_path / 'out'}: 2 sequences\nlabels: (none) 2\n"
    assert done.stderr == f"left out: 1 files\n  {files[0]}: the file is empty\n"


@pytest.mark.real
def test_nw_ucla(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(shared / "data" / "nw_ucla")
    assert run(["import", source, "--dataset", "nw-ucla", "-o", str(tmp_path / "S")]) == 0
    out = capsys.readouterr().out
    assert "split xview: train 1020, test 464\n" in out
    assert "nw-ucla is complete: 1,484 clips, as published\n" in out
    store = Store(tmp_path / "S")
    assert store.columns["frames"].sum() == 58_534
    assert [len(part) for part in store.parts("xview")] == [1020, 464]
    assert [len(part) for part in store.parts("xview", "camera=2")] == [510, 510] or store.parts(
        "xview", "camera=2"
    )


@pytest.mark.real
def test_a_cut_ntu_file_is_left_out_and_the_line_named(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    for path in sorted((shared / "data" / "ntu_rgbd").glob("*.skeleton")):
        (tmp_path / "in" / path.name).symlink_to(path)
    words = ["import", str(tmp_path / "in"), "--dataset", "ntu60"]
    assert run([*words, "-o", str(tmp_path / "S2")]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'S2'}: 3 sequences\n")
    whole = (shared / "data" / "ntu_rgbd" / "S001C001P001R001A001.skeleton").read_text().splitlines()
    cut = tmp_path / "in" / "S001C002P001R001A001.skeleton"
    cut.write_text("\n".join(whole[:1000]))
    assert run([*words, "-o", str(tmp_path / "S3")]) == 3
    out, err = capsys.readouterr()
    assert out.startswith(f"{tmp_path / 'S3'}: 3 sequences\n")
    assert err.startswith(f"left out: 1 files\n  {cut}: line 1000: ")

"""``skelact inspect``, whole commands."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skelact.cli import run
from skelact.sequences.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    assert run(["import", "--dataset", "movers", "--clips", "6", "--seed", "0", "-o", str(path)]) == 0
    return path


def test_json_of_a_store(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["inspect", str(store), "--json"]) == 0
    out, err = capsys.readouterr()
    values = json.loads(out)
    opened = Store(store)
    assert err == ""
    assert (values["sequences"], values["skeleton"], values["persons"]) == (6, "kinect20", 1)
    assert values["frames"] == opened.columns["frames"].sum()
    assert sum(values["labels"].values()) == 6
    assert set(values["splits"]) == {"xsub", "xview"}
    assert sum(values["splits"]["xview"].values()) == 6
    assert values["fingerprint"] == opened.fingerprint
    for key in ("seconds", "fps", "unit", "missing", "looks_wrong"):
        assert key in values


def test_for_people(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["inspect", str(store)]) == 0
    out = capsys.readouterr().out
    assert "sequences    6 " in out
    assert "skeleton     kinect20, 3 coordinates, m, +y up" in out
    assert "nothing looks wrong\n" in out


@pytest.mark.parametrize(("name", "frames"), [("out.png", 1), ("out.gif", None)])
def test_pictures(store: Path, tmp_path: Path, name: str, frames: int | None) -> None:
    assert run(["inspect", str(store), "--picture", str(tmp_path / name), "--clip", "2"]) == 0
    with Image.open(tmp_path / name) as image:
        assert getattr(image, "n_frames", 1) > 1 if frames is None else image.size[0] > 300


def test_one_clip_by_name_or_row(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["inspect", str(store), "--clip", "mover-000003", "--json"]) == 0
    by_name = json.loads(capsys.readouterr().out)
    assert run(["inspect", str(store), "--clip", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == by_name
    assert (by_name["sequences"], by_name["frames"]) == (1, Store(store).columns["frames"][3])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--clip", "99"],
            "--clip 99: no such sequence; the first is called mover-000000. The store has 6, rows 0 to 5",
        ),
        (["--clip", "mover-3"], "--clip mover-3: no such sequence; did you mean mover-000003? The store has 6, "),
        (["--picture", "a.bmp"], "--picture a.bmp: expected a name that ends in .gif, .png, .svg, .pdf"),
        (
            ["--format", "ntu"],
            "--format, --option and --clean are for files; a store was read and cleaned already",
        ),
    ],
)
def test_what_cannot_be(store: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["inspect", str(store), *words]) == 2
    assert capsys.readouterr().err.startswith(f"skelact: {message}")


def test_damage_is_reported(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = store / "positions-00000.npy"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(bytes(content))
    capsys.readouterr()
    assert run(["inspect", str(store)]) == 2
    again = "changed since it was written; import again with --overwrite"
    assert capsys.readouterr().err == f"skelact: {shard}: sequence 'mover-000005' {again}\n"


def test_what_is_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"skelact: {tmp_path} is not a store: it has no store.json.")
    assert run(["inspect", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err == f"skelact: {tmp_path / 'nowhere'} not found\n"


def test_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "walk.npy"
    np.save(path, np.random.default_rng(0).normal(size=(8, 20, 3)))
    options = ["--format", "array", "--option", "axes=TVC", "--option", "skeleton=kinect20", "--option", "fps=20"]
    assert run(["inspect", str(path), *options, "--clean", "default", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["frames"], values["fps"], values["skeleton"]) == (8, 20.0, "kinect20")
    assert run(["inspect", str(path), *options, "--clip", "1"]) == 2
    assert capsys.readouterr().err == f"skelact: --clip 1: {path} is one recording, not a store\n"


def test_the_command_in_a_process_of_its_own(store: Path) -> None:
    program = [sys.executable, "-c", "from skelact.cli import main; main()", "inspect", str(store), "--json"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["sequences"] == 6
    assert done.stderr == ""


@pytest.mark.real
def test_nw_ucla_has_test_clips_that_are_training_clips(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(shared / "data" / "nw_ucla")
    assert run(["import", source, "--dataset", "nw-ucla", "-o", str(tmp_path / "S")]) == 0
    capsys.readouterr()
    assert run(["inspect", str(tmp_path / "S"), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["sequences"], values["frames"]) == (1484, 58_534)
    assert values["splits"] == {"xview": {"train": 1020, "test": 464}}
    found = {one["what"]: one["sequences"] for one in values["looks_wrong"]}
    assert found["very short"] == ["a02_s09_e04_v02", "a02_s09_e04_v03"]
    assert len(found["test in training"]) == 95
    assert {name[:3] for name in found["test in training"]} == {"a02", "a03"}


def test_a_folder_of_frames_is_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    person = {"person_id": [-1], "pose_keypoints_2d": [value for j in range(25) for value in (j, 2 * j, 0.9)]}
    for frame in range(6):
        path = tmp_path / "clip" / f"clip_{frame:012d}_keypoints.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"people": [person]}))
    assert (
        run(["inspect", str(tmp_path / "clip"), "--option", "fps=25", "--picture", str(tmp_path / "a.png")]) == 0
    )
    out = capsys.readouterr().out
    assert "skeleton     body25, 2 coordinates, px, -y up" in out
    assert "6 (6 to 6, median 6)" in out
    assert (tmp_path / "a.png").stat().st_size > 1000
    (tmp_path / "other").mkdir()
    assert run(["inspect", str(tmp_path / "other")]) == 2
    assert capsys.readouterr().err.startswith(f"skelact: {tmp_path / 'other'}")

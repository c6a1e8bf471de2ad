"""``skelact convert``, and that nothing is ever measured with weights that were not loaded."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from skelact.cli import run
from skelact.models.official_scdnet.names import OfficialSizes, official_shapes
from skelact.skeletons import NTU25

SIZES = OfficialSizes(frames=8, persons=1, graph_widths=(4, 8, 4), width=8, projection=4, queue=6)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint in the official layout."""
    rng = torch.Generator().manual_seed(0)
    state = {name: torch.rand(shape, generator=rng) for name, shape in official_shapes(SIZES).items()}
    path = tmp_path_factory.mktemp("checkpoint") / "last.pth.tar"
    torch.save({"epoch": 3, "state_dict": state, "optimizer": {}}, path)
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 clips of NTU's skeleton, two actions, four people."""
    folder = tmp_path_factory.mktemp("ntu")
    rng = np.random.default_rng(0)
    lines = ["name,label,subject"]
    (folder / "files").mkdir()
    for number in range(16):
        clip = NTU25.rest + rng.normal(scale=0.1, size=(12, 25, 3))
        np.save(folder / "files" / f"{number}.npy", clip)
        lines.append(f"{number},{('nod', 'wave')[number % 2]},{number // 4}")
    (folder / "labels.csv").write_text("\n".join(lines))
    words = ["import", str(folder / "files"), "-o", str(folder / "store"), "--format", "array", "--processes", "1"]
    options = [word for pair in ("axes=TVC", "skeleton=ntu25", "fps=30") for word in ("--option", pair)]
    labels = ["--label-from", str(folder / "labels.csv"), "--clean", "none"]
    assert run([*words, *options, *labels]) == 0
    return folder / "store"


@pytest.fixture
def model(checkpoint: Path, tmp_path: Path) -> Path:
    assert run(["convert", str(checkpoint), "-o", str(tmp_path / "model"), "--clean", "none"]) == 0
    return tmp_path / "model"


def evaluate(model: Path, store: Path, *more: str) -> int:
    return run(["evaluate", str(model), str(store), "--hold-out", "subject=3", "--no-report", *more])


def test_a_converted_model_is_measured(
    checkpoint: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    capsys.readouterr()
    assert run(["convert", str(checkpoint), "-o", str(model), "--clean", "none"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{model}: SCD-Net, ntu25, joint stream, 1 person, 8 frames, features 16 wide"
    assert said[1].startswith("from last.pth.tar, epoch 3, sha256 ")
    assert said[1].endswith("; not used: optimizer")
    assert evaluate(model, store, "--protocol", "knn", "--json") == 0
    results = json.loads(capsys.readouterr().out)
    assert results["protocols"]["knn"]["systems"]["model"]["value"] >= 0
    source = results["model"]["source"]
    assert results["caveats"] == [
        f"The weights come from elsewhere (last.pth.tar, sha256 {source['sha256'][:12]}): what they were trained "
        "on is not known, and the training settings given here are the published ones, not theirs."
    ]


def test_what_the_file_does_not_tell_is_said_by_options(checkpoint: Path, tmp_path: Path) -> None:
    words = ["convert", str(checkpoint), "-o", str(tmp_path / "bone"), "--stream", "bone", "--heads", "2"]
    assert run(words) == 0
    description = json.loads((tmp_path / "bone" / "model.json").read_text())
    assert description["recipe"]["data"]["stream"] == "bone"
    assert description["recipe"]["encoder"]["heads"] == 2
    assert description["info"]["cleaning"] == {"clean": "ntu-agcn"}
    words = ["convert", str(checkpoint), "-o", str(tmp_path / "arrays"), "--preprocessing", "agcn arrays"]
    assert run(words) == 0
    description = json.loads((tmp_path / "arrays" / "model.json").read_text())
    assert description["info"]["cleaning"] == {"clean": "ntu-agcn", "preprocessing": "agcn arrays"}


def test_recordings_cleaned_in_another_way_are_refused(
    checkpoint: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["convert", str(checkpoint), "-o", str(tmp_path / "model")]) == 0
    assert evaluate(tmp_path / "model", store) == 2
    assert "the model was trained on recordings cleaned as {'clean': 'ntu-agcn'}" in capsys.readouterr().err


def test_words_that_cannot_be_are_one_sentence(
    checkpoint: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "new")
    before = (model / "model.json").read_bytes()
    refused = {
        (str(checkpoint), "-o", str(model)): f"{model} exists and is not empty. Choose another folder with -o",
        (str(checkpoint), "-o", out, "--skeleton", "ntu"): "unknown skeleton 'ntu'; did you mean 'ntu25'? Known: ",
        (str(checkpoint), "-o", out, "--skeleton", "kinect20"): f"{checkpoint}: the weights are for 25 joints",
        (str(checkpoint), "-o", out, "--clean", "agcn"): "unknown cleaning 'agcn'",
        (str(checkpoint), "-o", out, "--stream", "bones"): 'Invalid value "bones" for --stream',
        (str(tmp_path / "no"), "-o", out): f"{tmp_path / 'no'}: not found",
    }
    for words, message in refused.items():
        capsys.readouterr()
        assert run(["convert", *words]) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith("skelact: ")
        assert message in shown.err
        assert not Path(out).exists()
    assert (model / "model.json").read_bytes() == before


def no_weights(path: Path) -> None:
    path.unlink()


def half_of_them(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def one_byte_less(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty_file(path: Path) -> None:
    path.write_bytes(b"")


def changed(path: Path, **change: Any) -> None:
    weights = load_file(path)
    for name, value in change.items():
        full = next(one for one in weights if one.endswith("spatial_head.tokens.0.weight"))
        weights[full if name == "reshaped" else name] = value(weights[full])
        if name == "lost":
            del weights[full]
    weights.pop("lost", None)
    save_file(weights, path)


def another_shape(path: Path) -> None:
    changed(path, reshaped=lambda value: value[:, :-1].contiguous())


def one_missing(path: Path) -> None:
    changed(path, lost=lambda value: value.clone())


def one_too_many(path: Path) -> None:
    changed(path, extra=lambda value: value.clone())


DAMAGED = "model.safetensors is damaged: it does not match its checksum in model.json"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (no_weights, "weights .*model.safetensors not found"),
        (half_of_them, DAMAGED),
        (one_byte_less, DAMAGED),
        (empty_file, DAMAGED),
        (another_shape, DAMAGED),
        (one_missing, DAMAGED),
        (one_too_many, DAMAGED),
    ],
)
def test_nothing_is_measured_with_weights_that_were_not_loaded(
    damage: Any, message: str, model: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(model / "model.safetensors")
    capsys.readouterr()
    assert evaluate(model, store) == 2
    shown = capsys.readouterr()
    assert shown.out == ""

    assert re.search(message, shown.err), shown.err
    assert not (model / "evaluation").exists()


def test_a_model_without_its_description_is_not_measured(
    model: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / "model.json").unlink()
    assert evaluate(model, store) == 2
    assert "is no run and no model: it holds neither model.json nor folders seed-0" in capsys.readouterr().err
    assert not (model / "evaluation").exists()


@pytest.mark.slow
def test_as_a_process(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [sys.executable, "-c", "from skelact.cli import main; main()", "convert", str(checkpoint), "--json"]
    done = subprocess.run([*words, "-o", str(tmp_path / "m")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["source"]["epoch"] == 3
    checkpoint_text = tmp_path / "text.pth.tar"
    checkpoint_text.write_text("no weights")
    capsys.readouterr()
    assert run(["convert", str(checkpoint_text), "-o", str(tmp_path / "n")]) == 2
    assert capsys.readouterr().err.startswith(f"skelact: {checkpoint_text}: not a file of torch")

"""``skelact evaluate`` from the words to the files, on a small training of generated people."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skelact.cli import run
from skelact.evaluation.baselines import raw_coordinates
from skelact.evaluation.protocols import PROTOCOLS
from skelact.heads.labelled import Labelled
from skelact.heads.nearest_neighbours import knn
from skelact.models import Model
from skelact.sequences import Sequence
from skelact.sequences.store import Store, StoreWriter
from skelact.settings import KnnSettings
from skelact.skeletons import SBU15

SMALL = [
    *("data.frames=8", "views.min_frames=8", "encoder.graph_widths=[4,8,4]", "encoder.width=8", "encoder.heads=2"),
    *("method.queue=16", "train.batch=16", "train.epochs=2", "linear.epochs=5", "linear.milestones=[3]"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run of two seeds and its store."""
    folder = tmp_path_factory.mktemp("evaluate")
    store, out = folder / "store", folder / "run"
    assert run(["import", "--dataset", "movers", "--clips", "120", "--processes", "1", "-o", str(store)]) == 0
    words = [word for setting in SMALL for word in ("--set", setting)]
    assert run(["pretrain", str(store), "-o", str(out), "--split", "xview", "--seeds", "0,1", *words]) == 0
    return out, store


def evaluated(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["evaluate", *map(str, words), "--json"]) == 0
    values: dict[str, Any] = json.loads(capsys.readouterr().out)
    return values


def test_a_table_and_the_report_are_shown(trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    out, store = trained
    capsys.readouterr()
    assert run(["evaluate", str(out), str(store), "--protocol", "linear,knn", "--split", "xview"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    results = json.loads((out / "evaluation" / "xview" / "results.json").read_text())
    tested = results["data"]["clips"]["test"]
    assert (
        lines[0]
        == f"movers, xview: {tested} test clips, accuracy in %, mean ± deviation of 2 seeds [95 % interval]"
    )
    assert [line.split("  ")[0] for line in lines[2:5]] == [
        "trained encoder",
        "untrained encoder",
        "raw coordinates",
    ]
    assert lines[-1] == str(out / "evaluation" / "xview" / "report.html")
    assert Path(lines[-1]).read_text().startswith("<!doctype html>")
    assert "trained encoder, seed 0: features" in shown.err
    assert [line for line in lines if line.startswith("caveat: ")] == [
        f"caveat: {one}" for one in results["caveats"]
    ]


def test_features_in_bfloat16_say_so(
    trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    words = [*trained, "--protocol", "knn", "--hold-out", "subject=1", "--precision", "bfloat16"]
    results = evaluated(capsys, *words)
    assert results["protocols"]["knn"]["caveats"] == ["Features were computed in bfloat16."]
    assert results["command"].endswith("--hold-out subject=1 --precision bfloat16")
    assert run(["evaluate", *map(str, trained), "--precision", "float16"]) == 2
    assert "float32" in capsys.readouterr().err


def test_the_numbers_are_those_of_the_features(
    trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each system, computed again from its parts."""
    out, path = trained
    systems = evaluated(capsys, out, path, "--protocol", "knn", "--seeds", "1")["protocols"]["knn"]["systems"]
    store, model = Store(path), Model.load(out / "seed-1")
    train, test = store.parts("xview")
    features = {
        "model": model.embed,
        "untrained": Model.untrained(model.recipe, store, 1).embed,
        "raw": lambda store, rows: raw_coordinates(store, rows, 8),
    }
    for system, vectors in features.items():
        parts = [Labelled(vectors(store, rows), store.labels[rows], len(store.classes)) for rows in (train, test)]
        assert systems[system]["seeds"] == {"1": knn(*parts, KnnSettings()).accuracy}


def test_json_goes_to_stdout_and_equals_the_file(
    trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out, store = trained
    results = evaluated(capsys, out, store, "--hold-out", "camera=2", "--no-report", "--set", "knn.k=3")
    folder = out / "evaluation" / "xview+camera=2"
    assert results == json.loads((folder / "results.json").read_text())
    assert results["protocols"]["knn"]["title"] == "3-NN by cosine"
    assert not (folder / "report.html").exists()
    held = results["data"]["clips"]["test"]
    assert results["caveats"][-1:] == [
        f"{held} of the {held} test clips were seen when the encoder was trained: "
        "that was on the training part of xview."
    ]


def test_the_command_in_the_results_gives_the_same_numbers(
    trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out, store = trained
    first = evaluated(capsys, out, store, "--seed", "0", "--no-report")
    assert first["command"] == f"skelact evaluate {out} {store} --protocol linear,knn --split xview --seeds 0"
    again = evaluated(capsys, *first["command"].split()[2:], "--no-report")
    for key, entry in first["protocols"].items():
        assert again["protocols"][key]["systems"] == entry["systems"]


def test_a_model_folder_can_be_measured(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, store = trained
    for name in ("model.json", "model.safetensors"):
        shutil.copy(out / "seed-1" / name, tmp_path)
    own = evaluated(capsys, tmp_path, store, "--protocol", "knn")
    whole = evaluated(capsys, out, store, "--protocol", "knn", "--no-report")
    for system, values in own["protocols"]["knn"]["systems"].items():
        assert values["seeds"]["1"] == whole["protocols"]["knn"]["systems"][system]["seeds"]["1"]


def test_what_cannot_be_measured_is_one_sentence_and_status_2(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, store = trained
    writer = StoreWriter(tmp_path / "sbu")
    for camera in (1, 3):
        positions = np.repeat(SBU15.rest[None, None], 9, axis=0)
        writer.add(Sequence(positions, SBU15, 30.0, f"clip {camera}", "punch", tags={"camera": camera}))
    writer.finish(splits={"xview": lambda tags: "test" if tags["camera"] == 3 else "train"})
    refused = {
        (
            str(out),
            str(store),
            "--protocol",
            "knnn",
        ): f"unknown protocol 'knnn'; did you mean 'knn'? Known: {', '.join(sorted(PROTOCOLS))}",
        (str(out), str(store), "--seed", "one"): (
            "--seeds one: expected whole numbers separated by commas, such as 0,1,2"
        ),
        (str(out), str(store), "--seed", "4"): f"run {out} has no seed 4. Seeds: 0, 1",
        (str(out), str(store), "--split", "no"): f"unknown split of {store}: 'no'. Known: xsub, xview",
        (str(tmp_path / "no"), str(store)): f"run {tmp_path / 'no'} not found",
        (str(out), str(tmp_path / "sbu")): (
            f"the model expects skeleton kinect20 (20 joints), {tmp_path / 'sbu'} holds sbu15 (15). "
            "--map-joints maps joints by their names"
        ),
    }
    for words, message in refused.items():
        capsys.readouterr()
        assert run(["evaluate", *words]) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.splitlines()[-1] == f"skelact: {message}"


def test_an_unknown_split_names_the_nearest(
    trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out, store = trained
    capsys.readouterr()
    assert run(["evaluate", str(out), str(store), "--split", "xveiw"]) == 2
    assert "'xveiw'; did you mean 'xview'? Known: xsub, xview" in capsys.readouterr().err


ALL = "linear,knn,finetune,semi,semi-finetune,few-shot,robust"
QUICK = [
    *("finetune.epochs=1", "finetune.batch=16", "semi.percent=[10, 50]", "few_shot.episodes=3"),
    *("robust.joints=[0.25]", "robust.frames=[0.25]", "robust.noise=[0.03]", "robust.rates=[0.5]"),
]


def test_all_protocols_in_one_call_and_streams_fused(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two streams of real encoders, measured by everything, added up."""
    out, store = trained
    bone = tmp_path / "bone"
    words = [word for setting in (*SMALL, "data.stream=bone") for word in ("--set", setting)]
    assert run(["pretrain", str(store), "-o", str(bone), "--split", "xview", "--seed", "0", *words]) == 0
    joint = tmp_path / "joint"
    shutil.copytree(out / "seed-0", joint)
    settings = [word for setting in QUICK for word in ("--set", setting)]
    shown = [evaluated(capsys, one, store, "--protocol", ALL, "--no-report", *settings) for one in (joint, bone)]
    whole = ["linear", "knn", "finetune"]
    few = ["semi/10", "semi/50", "semi-finetune/10", "semi-finetune/50", "few-shot/1", "few-shot/5"]
    changes = ["clean", "joints-0.25", "frames-0.25", "noise-0.03", "rate-0.5"]
    changes += ["heading-30", "heading-90", "heading-180"]
    robust = [f"robust/{probe}/{change}" for probe in ("linear", "knn") for change in changes]
    for results in shown:
        assert list(results["protocols"]) == [*whole, *few, *robust]
        for key, entry in results["protocols"].items():
            tuned = key.startswith(("finetune", "semi-finetune"))
            assert list(entry["systems"]) == ["model", "untrained", *([] if tuned else ["raw"])], key
            assert all(0 <= values["value"] <= 1 for values in entry["systems"].values())
        protocols = results["protocols"]
        for probe in ("linear", "knn"):  # clean clips are those of the protocols themselves
            for system in ("model", "untrained", "raw"):
                clean = protocols[f"robust/{probe}/clean"]["systems"][system]["seeds"]
                assert clean == protocols[probe]["systems"][system]["seeds"]
    raw = [results["protocols"]["knn"]["systems"]["raw"] for results in shown]
    assert raw[0] == raw[1]  # fine-tuning before it has changed nothing
    capsys.readouterr()
    assert (
        run(["fuse", str(joint), str(bone), "--weights", "0.6,0.4", "-o", str(tmp_path / "both"), "--json"]) == 0
    )
    fused = json.loads(capsys.readouterr().out)
    assert list(fused["protocols"]) == [*whole, *few[:4]]
    assert fused["stream"] == "joint + bone"
    assert fused["protocols"]["knn"]["systems"]["raw"]["seeds"] == raw[0]["seeds"]
    page = tmp_path / "both.html"
    assert run(["report", str(tmp_path / "both"), "-o", str(page)]) == 0
    assert "scdnet joint + scdnet bone" in page.read_text()


@pytest.mark.slow
def test_as_a_process(trained: tuple[Path, Path]) -> None:
    out, store = trained
    words = [
        sys.executable,
        "-c",
        "from skelact.cli import main; main()",
        "evaluate",
        str(out),
        str(store),
        "--protocol",
        "knn",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(out / "evaluation" / "xview" / "report.html")

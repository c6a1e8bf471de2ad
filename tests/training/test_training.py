import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from skelact.cli import run as command
from skelact.errors import UserError
from skelact.importing.run import import_recordings
from skelact.models import Model
from skelact.sequences.store import Store
from skelact.settings import (
    DataSettings,
    Recipe,
    SCDNetEncoderSettings,
    SCDNetSettings,
    TrainSettings,
    ViewSettings,
    load_recipe,
    to_toml,
)
from skelact.training import Progress, Stopped, loop, pretrain
from skelact.training.checkpoint import all_checkpoints
from skelact.training.schedule import learning_rate

RECIPE = Recipe(
    data=DataSettings(frames=8),
    views=ViewSettings(min_frames=8),
    encoder=SCDNetEncoderSettings(graph_widths=(4,), width=8, heads=2, dropout=0.1),
    method=SCDNetSettings(queue=16, projection=8),
    train=TrainSettings(epochs=4, batch=8, lr=0.05, milestones=(3,), checkpoint_every=1, seed=7),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("stores") / "movers"
    import_recordings(None, path, dataset="movers", clips=36, seed=0, processes=1)
    return Store(path)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model.safetensors")


def assert_same_weights(one: Path, other: Path) -> None:
    mine, theirs = weights(one), weights(other)
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        assert torch.equal(value, theirs[name]), name


def metrics(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def without_speed(run: Path) -> list[dict[str, float]]:
    return [{k: v for k, v in line.items() if k != "clips_per_second"} for line in metrics(run)]


@pytest.fixture(scope="module")
def whole(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that was never stopped."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    pretrain(store, path, RECIPE)
    return path


ADAM = replace(RECIPE, train=replace(RECIPE.train, optimizer="adamw"))


@pytest.fixture(scope="module")
def whole_of_adam(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another that was never stopped."""
    path = tmp_path_factory.mktemp("runs") / "adam"
    pretrain(store, path, ADAM)
    return path


def test_run_folder(whole: Path, store: Store) -> None:
    recipe = load_recipe(whole / "config.toml")
    assert recipe.train == RECIPE.train
    assert recipe.data.fingerprint == store.fingerprint
    assert recipe.data.persons == store.persons
    assert [line["epoch"] for line in metrics(whole)] == [1, 2, 3, 4]
    last = metrics(whole)[-1]
    terms = {"temporal_to_instance", "spatial_to_instance", "instance_to_temporal", "instance_to_spatial"}
    assert terms <= last.keys()
    assert last["total"] == pytest.approx(sum(last[term] for term in terms))
    assert last["step"] == 4 * (36 // 8)
    assert metrics(whole)[3]["lr"] == pytest.approx(0.005)
    assert len(all_checkpoints(whole / "checkpoints")) == 2
    assert Model.load(whole).info["epochs"] == 4
    assert list((whole / "events").glob("events.out.tfevents.*"))


def test_same_seed_same_weights_whatever_the_global_state(whole: Path, store: Store, tmp_path: Path) -> None:
    torch.manual_seed(999)
    np.random.seed(999)  # noqa: NPY002 - a user's own seeding must not matter
    state = torch.get_rng_state()
    pretrain(store, tmp_path / "again", RECIPE)
    assert torch.equal(torch.get_rng_state(), state)
    assert_same_weights(whole, tmp_path / "again")
    other = replace(RECIPE, train=replace(RECIPE.train, seed=8))
    pretrain(store, tmp_path / "other", other)
    assert any(not torch.equal(v, weights(tmp_path / "other")[k]) for k, v in weights(whole).items())


@pytest.mark.parametrize("stop_at", [4, 6, 9], ids=["end of an epoch", "within an epoch", "later"])
@pytest.mark.parametrize(("recipe", "never"), [(RECIPE, "whole"), (ADAM, "whole_of_adam")], ids=["sgd", "adamw"])
def test_stopped_and_resumed_equals_never_stopped(
    store: Store, tmp_path: Path, stop_at: int, recipe: Recipe, never: str, request: pytest.FixtureRequest
) -> None:
    whole, out = request.getfixturevalue(never), tmp_path / "run"

    def interrupt(progress: Progress) -> None:
        if progress.step == stop_at:
            os.kill(os.getpid(), signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(Stopped, match=r"stopped in epoch \d\. --resume continues"):
        pretrain(store, out, recipe, progress=interrupt)
    assert not (out / "model.json").exists()
    pretrain(store, out, recipe, resume=True)
    assert_same_weights(whole, out)
    assert without_speed(whole) == without_speed(out)


@pytest.mark.parametrize("stop_at", [4, 6, 9], ids=["end of an epoch", "within an epoch", "later"])
def test_a_loss_that_is_read_late_is_counted_all_the_same(
    whole: Path, store: Store, tmp_path: Path, stop_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU: metrics, checkpoints and weights are those of a training that reads each loss at once."""
    monkeypatch.setattr(loop, "LATE", {"cpu": 1})
    reported: list[tuple[int, dict[str, float]]] = []

    def interrupt(progress: Progress) -> None:
        reported.append((progress.step, progress.parts))
        if progress.step == stop_at:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Stopped):
        pretrain(store, tmp_path / "run", RECIPE, progress=interrupt)
    pretrain(
        store, tmp_path / "run", RECIPE, resume=True, progress=lambda at: reported.append((at.step, at.parts))
    )
    assert [step for step, _ in reported] == list(range(1, 17))
    first = [parts["temporal_to_instance"] for _, parts in reported[:4]]
    assert metrics(whole)[0]["temporal_to_instance"] == sum(first) / 4
    assert_same_weights(whole, tmp_path / "run")
    assert without_speed(whole) == without_speed(tmp_path / "run")


def test_a_loss_that_is_not_finite_is_not_saved_when_read_late(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LATE", {"cpu": 1})
    wild = replace(RECIPE, train=replace(RECIPE.train, lr=1e9, epochs=1))
    with pytest.raises(UserError, match="is not finite in epoch 1"):
        pretrain(store, tmp_path / "wild", wild)
    assert not all_checkpoints(tmp_path / "wild" / "checkpoints")


def test_killed_and_resumed_equals_never_stopped(whole: Path, store: Store, tmp_path: Path) -> None:
    """A real process, killed without warning at some step: nothing half written is in the way."""
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(to_toml(RECIPE))
    out = tmp_path / "run"
    words = [sys.executable, "-m", "skelact.cli", "pretrain", str(store.path), "-o", str(out), "-c", str(recipe)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    while process.poll() is None and len(all_checkpoints(out / "checkpoints")) < 2:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    if not (out / "model.json").exists():
        assert command(["pretrain", str(store.path), "-o", str(out), "--resume"]) == 0
    assert_same_weights(whole, out)
    assert without_speed(whole) == without_speed(out)


def test_nothing_is_overwritten(whole: Path, store: Store, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="exists and is not empty. --resume continues it, or choose another folder"
    ):
        pretrain(store, whole, RECIPE)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep me")
    with pytest.raises(UserError, match="exists and is not empty. Choose another folder"):
        pretrain(store, tmp_path / "notes", RECIPE)
    before = weights(whole)
    pretrain(store, whole, RECIPE, resume=True)  # finished already: nothing to do
    assert all(torch.equal(value, before[name]) for name, value in weights(whole).items())


def test_resume_needs_the_run_and_its_data(whole: Path, tmp_path: Path) -> None:
    import_recordings(None, tmp_path / "other", dataset="movers", clips=30, seed=1, processes=1)
    with pytest.raises(UserError, match=r"was started on data \w+, .* now holds \w+. Resume needs the same data"):
        pretrain(Store(tmp_path / "other"), whole, RECIPE, resume=True)
    with pytest.raises(UserError, match="is not a run: config.toml not found. Nothing to resume"):
        pretrain(Store(tmp_path / "other"), tmp_path / "empty", RECIPE, resume=True)


def test_an_interrupted_import_is_not_trained_on(store: Store, tmp_path: Path) -> None:
    part = tmp_path / "part"
    shutil.copytree(store.path, part)
    info = json.loads((part / "store.json").read_text())
    (part / "store.json").write_text(json.dumps(info | {"complete": False}))
    with pytest.raises(UserError, match="the import was interrupted after 36 sequences"):
        pretrain(Store(part), tmp_path / "run", RECIPE)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_stops(store: Store, tmp_path: Path) -> None:
    wild = replace(RECIPE, train=replace(RECIPE.train, lr=1e9))
    with pytest.raises(UserError, match=r"is not finite in epoch \d. Lower train.lr \(now 1000000000.0\)"):
        pretrain(store, tmp_path / "wild", wild)


def test_learning_rate_schedules() -> None:
    step = TrainSettings(lr=1.0, epochs=100, milestones=(50, 70))
    rates = [learning_rate(step, epoch) for epoch in (0, 49, 50, 69.9, 70, 99)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    cosine = TrainSettings(lr=2.0, epochs=110, schedule="cosine", warmup_epochs=10)
    rates = [learning_rate(cosine, epoch) for epoch in (0, 5, 10, 60, 110)]
    assert rates == pytest.approx([0, 1, 2, 1, 0])


def test_only_the_training_part_is_looked_at(store: Store, tmp_path: Path) -> None:
    train, _ = store.parts("xsub")
    recipe = replace(RECIPE, data=replace(RECIPE.data, split="xsub"), train=replace(RECIPE.train, epochs=1))
    model = pretrain(store, tmp_path / "run", recipe)
    assert model.info["clips"] == len(train)


def test_several_seeds_train_in_their_own_folders(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(to_toml(RECIPE))
    words = ["pretrain", str(store.path), "-o", str(tmp_path / "run"), "-c", str(recipe), "--epochs", "1"]
    assert command([*words, "--seeds", "0,5", "--json"]) == 0
    reported = json.loads(capsys.readouterr().out)
    assert [one["seed"] for one in reported] == [0, 5]
    assert Model.load(tmp_path / "run" / "seed-5").recipe.train.seed == 5
    assert command([*words, "--seeds", "0;5"]) == 2
    assert "--seeds 0;5: expected whole numbers separated by commas" in capsys.readouterr().err


def with_bfloat16(recipe: Recipe) -> Recipe:
    return replace(recipe, train=replace(recipe.train, precision="bfloat16"))


def test_bfloat16_follows_float32(
    store: Store, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounded products change the losses a little; what is kept stays float32."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    pretrain(store, tmp_path / "half", with_bfloat16(RECIPE), device="cpu")
    exact, rounded = ([line["total"] for line in metrics(run)] for run in (whole, tmp_path / "half"))
    assert exact != rounded
    np.testing.assert_allclose(rounded, exact, rtol=0.02)
    assert {value.dtype for value in weights(tmp_path / "half").values()} == {torch.float32, torch.int64}


def test_bfloat16_is_refused_where_it_would_be_slow(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    with pytest.raises(UserError, match=r"train.precision is bfloat16, and this processor has no instructions"):
        pretrain(store, tmp_path / "half", with_bfloat16(RECIPE), device="cpu")
    assert not (tmp_path / "half").exists()

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from skelact.errors import UserError
from skelact.importing.run import import_recordings
from skelact.models import Model
from skelact.models.model import load_clips
from skelact.sequences import Sequence
from skelact.sequences.clips import SequenceClips, Windows
from skelact.sequences.store import Store, StoreWriter
from skelact.settings import DataSettings, MethodSettings, ProtocolSettings, Recipe, SCDNetEncoderSettings
from skelact.skeletons import SBU15

RECIPE = Recipe(
    data=DataSettings(frames=16), encoder=SCDNetEncoderSettings(graph_widths=(4,), width=16, heads=2, dropout=0.1)
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("stores") / "movers"
    import_recordings(None, path, dataset="movers", clips=24, seed=0, processes=1)
    return Store(path)


def test_saved_model_gives_the_same_features(store: Store, tmp_path: Path) -> None:
    model = Model.untrained(RECIPE, store, seed=3)
    rows = np.arange(len(store))
    before = model.embed(store, rows)
    model.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    assert np.array_equal(again.embed(store, rows), before)
    assert again.recipe == replace(RECIPE, protocols=ProtocolSettings())
    assert again.info == model.info
    assert again.skeleton == store.skeleton


def test_a_model_file_is_all_that_use_needs(store: Store, tmp_path: Path) -> None:
    """One file to pass on: weights, skeleton, settings and cleaning, and no path of this machine."""
    recipe = replace(RECIPE, data=replace(RECIPE.data, store=str(tmp_path)))
    model = Model.untrained(recipe, store, seed=3)
    path = tmp_path / "walk.safetensors"
    model.save(path)
    again = Model.load(path)
    np.testing.assert_array_equal(again.embed(store), model.embed(store))
    assert (again.recipe, again.info, again.skeleton) == (RECIPE, model.info, store.skeleton)
    assert str(tmp_path).encode() not in path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / "other").touch()
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode, "others may read it as any new file"


def test_damage_of_a_model_file_is_seen(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "walk.safetensors"
    Model.untrained(RECIPE, store, seed=3).save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 40):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(UserError, match=r"walk.safetensors"):
            Model.load(path)
    for size in (0, 7, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match=r"walk.safetensors is damaged"):
            Model.load(path)
    save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(UserError, match="walk.safetensors holds weights alone, no model of skelact"):
        Model.load(path)


def test_a_model_of_an_older_skelact_opens(store: Store, tmp_path: Path) -> None:
    """Format 1 had no checksums and kept settings of protocols, of which some have other names by now."""
    model = Model.untrained(RECIPE, store, seed=3)
    model.save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    values = json.loads(path.read_text())
    older = {name: value for name, value in values.items() if name not in ("sha256", "weights")} | {"format": 1}
    older["recipe"] |= {"linear": {"rate": 2.0}, "retrieval": {"k": 1}}
    older["recipe"]["views"] = {"flip": True, "shear": 0.5}  # the first has another name by now
    path.write_text(json.dumps(older))
    opened = Model.load(tmp_path / "model")
    np.testing.assert_array_equal(opened.embed(store), model.embed(store))
    assert opened.recipe.views == replace(RECIPE.views, shear=0.5)


def test_a_model_of_a_method_that_is_not_loaded_can_be_used(store: Store, tmp_path: Path) -> None:
    model = Model.untrained(replace(RECIPE, method=MethodSettings(name="mine")), store, seed=3)
    model.save(tmp_path / "model")
    opened = Model.load(tmp_path / "model")
    assert opened.recipe.method.name == "mine"
    np.testing.assert_array_equal(opened.embed(store), model.embed(store))


def test_windows_of_a_long_recording_are_embedded_like_clips(store: Store) -> None:
    model = Model.untrained(RECIPE, store, seed=0)
    recording = store.sequence(0)
    windows = Windows(recording, frames=12, step=6, cleaning=store.cleaning)
    vectors = model.embed(windows)
    assert vectors.shape == (len(windows), model.dim)
    start = int(windows.starts[1])
    alone = SequenceClips([recording.cut(start, start + 12)], cleaning=store.cleaning)
    np.testing.assert_allclose(model.embed(alone)[0], vectors[1], rtol=1e-4, atol=1e-5)


def test_features_do_not_depend_on_batches_or_order(store: Store) -> None:
    model = Model.untrained(RECIPE, store, seed=0)
    rows = np.arange(len(store))
    whole = model.embed(store, rows)
    reported: list[tuple[int, int]] = []
    pieces = model.embed(store, rows[::-1].copy(), batch=5, progress=lambda done, of: reported.append((done, of)))
    np.testing.assert_allclose(pieces[::-1], whole, rtol=1e-4, atol=1e-5)
    assert reported[-1] == (24, 24)


def test_bfloat16_features_are_close(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    model, rows = Model.untrained(RECIPE, store, seed=0), np.arange(len(store))
    exact, rounded = model.embed(store, rows), model.embed(store, rows, precision="bfloat16")
    assert 0 < np.linalg.norm(rounded - exact) < 0.02 * np.linalg.norm(exact)
    assert rounded.dtype == np.float32


def test_bfloat16_is_refused_where_it_would_be_slow(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False)
    with pytest.raises(UserError, match=r"^precision is bfloat16, and this processor has no instructions for it"):
        Model.untrained(RECIPE, store, seed=0).embed(store, np.arange(4), precision="bfloat16")


def test_seeds_decide_and_leave_the_global_state_alone(store: Store) -> None:
    rows = np.arange(4)
    state = torch.get_rng_state()
    one, same, other = (Model.untrained(RECIPE, store, seed=seed).embed(store, rows) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


def test_another_cleaning_is_refused(store: Store, tmp_path: Path) -> None:
    import_recordings(None, tmp_path / "raw", dataset="movers", clips=4, seed=0, processes=1, clean="none")
    model = Model.untrained(RECIPE, store, seed=0)
    with pytest.raises(UserError, match="Import the recordings again with the same --clean"):
        model.embed(Store(tmp_path / "raw"), np.arange(4))


def test_missing_and_broken_models_are_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"nowhere holds no model: model.json not found. There is no such file or folder"
    ):
        Model.load(tmp_path / "nowhere")
    folder = tmp_path / "model"
    Model.untrained(RECIPE, store, seed=0).save(folder)
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"model.safetensors is damaged: it does not match its checksum in model"):
        Model.load(folder)
    weights.unlink()
    with pytest.raises(UserError, match="weights .*model.safetensors not found"):
        Model.load(folder)
    weights.write_bytes(whole)
    description = json.loads((folder / "model.json").read_text())
    description["recipe"]["encoder"]["width"] = 32
    (folder / "model.json").write_text(json.dumps(description))
    with pytest.raises(UserError, match=r"model.json is damaged: its checksum does not match what it says"):
        Model.load(folder)
    (folder / "model.json").write_text(json.dumps(description | {"format": 1}))
    with pytest.raises(UserError, match=r"do not fit: .* is \(16, .*expected \(32, "):
        Model.load(folder)
    description["format"] = 99
    (folder / "model.json").write_text(json.dumps(description))
    with pytest.raises(UserError, match="format 99, this version reads format 2 and 1"):
        Model.load(folder)


def test_a_run_of_several_seeds_is_explained(tmp_path: Path, store: Store) -> None:
    Model.untrained(RECIPE, store, seed=0).save(tmp_path / "run" / "seed-0")
    with pytest.raises(UserError, match="It is a run of several seeds: seed-0"):
        Model.load(tmp_path / "run")


def test_clips_come_with_confidence_where_there_is_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sure = rng.integers(0, 3, (6, 1, 15)).astype(np.float32) / 2
    with StoreWriter(tmp_path / "store") as writer:
        for number, confidence in enumerate((None, sure)):
            writer.add(Sequence(rng.normal(size=(6, 1, 15, 3)), SBU15, 15.0, f"{number}", confidence=confidence))
        writer.finish()
    store, rows = Store(tmp_path / "store"), np.array([1, 0])
    assert load_clips(store, np.array([0]), 2).confidence is None
    batch = load_clips(store, rows, 2)
    assert batch.confidence is not None
    np.testing.assert_array_equal(batch.confidence[0, :, :1], sure)
    np.testing.assert_array_equal(batch.confidence[1], batch.valid[1])

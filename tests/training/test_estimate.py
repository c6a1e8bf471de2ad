"""What a training will take, as it is said before: counts, memory that grows as it should, nothing left behind."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from skelact.importing.run import import_recordings
from skelact.sequences.store import Store
from skelact.settings import (
    DataSettings,
    LinearMapSettings,
    MeanTeacherSettings,
    Recipe,
    SCDNetEncoderSettings,
    SCDNetSettings,
    TrainSettings,
    ViewSettings,
    WhiteningSettings,
)
from skelact.training import estimate as estimating
from skelact.training import pretrain
from skelact.training.estimate import _kept_for_gradients, estimate

RECIPE = Recipe(
    data=DataSettings(frames=8, split="xsub"),
    views=ViewSettings(min_frames=8),
    encoder=SCDNetEncoderSettings(graph_widths=(4,), width=8, heads=2, dropout=0.1),
    method=SCDNetSettings(queue=16, projection=8),
    train=TrainSettings(epochs=3, batch=8, lr=0.05, seed=7),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("stores") / "movers"
    import_recordings(None, path, dataset="movers", clips=36, seed=0, processes=1)
    return Store(path)


def test_counts_and_time_are_those_of_the_training(store: Store, tmp_path: Path) -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    found = estimate(store, RECIPE)
    assert torch.equal(torch.get_rng_state(), state), "training draws as if nothing had been tried"
    model = pretrain(store, tmp_path / "run", RECIPE)
    assert found.clips == model.info["clips"] == len(store.parts("xsub")[0])
    assert found.parameters == sum(one.numel() for one in model.encoder.parameters())
    assert (found.epochs, found.fits) == (3, True)
    assert found.seconds is not None
    assert found.seconds > 0
    longer = estimate(store, replace(RECIPE, train=replace(RECIPE.train, epochs=3000)))
    assert longer.seconds is not None
    assert longer.seconds > 30 * found.seconds, "a thousand times, however busy the machine"


def test_steps_are_tried_once_they_are_known_to_fit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no memory to speak of, only the few clips of the first step are ever taken."""
    seen: list[int] = []
    real = estimating.take_step

    def noted(method, optimizer, batches, *rest):  # type: ignore[no-untyped-def]
        seen.append(len(batches["train"]))
        return real(method, optimizer, batches, *rest)

    monkeypatch.setattr(estimating, "take_step", noted)
    monkeypatch.setattr(estimating, "free_memory", lambda: 1000)
    monkeypatch.setattr(estimating, "held_memory", lambda: 500)
    found = estimate(store, RECIPE)
    assert set(seen) == {estimating.PROBE}
    assert not found.fits
    assert (found.free, found.memory > 1500) == (1500, True)
    assert 500 <= found.memory_of_half < found.memory
    seen.clear()
    monkeypatch.setattr(estimating, "free_memory", lambda: None)
    monkeypatch.setattr(estimating, "SECONDS_OF_A_STEP", 600.0)
    assert estimate(store, RECIPE).fits, "where nothing is known, nothing is claimed"
    assert max(seen) == 8


def test_what_is_kept_for_gradients_is_counted_once_and_without_weights() -> None:
    layer = torch.nn.Linear(10, 20)
    x = torch.ones(5, 10, requires_grad=True)
    with _kept_for_gradients(layer) as kept:  # type: ignore[arg-type]
        (layer(x).exp() * 2).sum()
    assert sorted(kept) == [5 * 10 * 4, 5 * 20 * 4], "the input, and what exp gave"


def test_more_clips_need_more_memory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimating, "held_memory", lambda: 0)
    monkeypatch.setattr(estimating, "SECONDS_OF_A_STEP", 0.0)  # so that none is measured with the whole batch
    eight, sixteen = (
        estimate(store, replace(RECIPE, train=replace(RECIPE.train, batch=batch))) for batch in (8, 16)
    )
    assert eight.memory == pytest.approx(sixteen.memory_of_half, rel=0.01)
    assert eight.memory > 0
    assert sixteen.memory == pytest.approx(3 * eight.memory, rel=0.01), (
        "beyond the four clips that are held already"
    )


def test_methods_of_several_feeds_and_without_steps(store: Store) -> None:
    two = replace(RECIPE, method=MeanTeacherSettings())
    assert estimate(store, two, feeds={"unlabelled": store}).seconds is not None
    closed = replace(RECIPE, encoder=LinearMapSettings(frames=2, width=4), method=WhiteningSettings())
    found = estimate(store, closed)
    assert (found.seconds, found.epochs) == (None, 1)


def test_a_batch_larger_than_the_store(store: Store) -> None:
    found = estimate(store, replace(RECIPE, train=replace(RECIPE.train, batch=5000)))
    assert found.seconds is not None

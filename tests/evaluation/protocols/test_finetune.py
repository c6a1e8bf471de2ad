"""Fine-tuning against gradient descent written out, on an encoder of one matrix."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from skelact.batches import Batch, downstream_clip
from skelact.batches.crop import crop_resize
from skelact.encoders import Encoder
from skelact.errors import UserError
from skelact.evaluation.protocols import finetune
from skelact.evaluation.protocols.finetune import FINETUNE, SEMI_FINETUNE, fine_tuned
from skelact.evaluation.protocols.protocol import System
from skelact.evaluation.protocols.semi import labelled_share
from skelact.evaluation.split import labelled_split
from skelact.heads.labelled import Labelled
from skelact.models import Model
from skelact.models.model import describe, load_clips
from skelact.sequences.store import Store
from skelact.settings import FinetuneSettings, Recipe

WHOLE = FinetuneSettings(epochs=4, batch=48, lr=0.02, head_lr=0.2, milestones=(2,), min_crop=1.0)


class OneMatrix(Encoder):
    """Features are a matrix times the mean pose."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.skeleton, store.persons, 8, 3)
        self.dim, self.linear = 5, nn.Linear(len(store.skeleton) * 3, 5, bias=False)

    def embed(self, batch: Batch) -> Tensor:
        features: Tensor = self.linear(batch.positions.mean(dim=(1, 2)).flatten(1))
        return features


@pytest.fixture
def store(store_path: Path) -> Store:
    return Store(store_path)


@pytest.fixture
def model(kit: object, store: Store) -> Model:
    torch.manual_seed(3)
    views = replace(kit.recipe.views, min_frames=1)  # type: ignore[attr-defined]
    return Model(OneMatrix(store), replace(kit.recipe, views=views), describe(store))  # type: ignore[attr-defined]


def with_semi(recipe: Recipe, percent: tuple[float, ...]) -> Recipe:
    semi = replace(recipe.protocols.semi, percent=percent)
    return replace(recipe, protocols=replace(recipe.protocols, semi=semi))


def system_of(model: Model, store: Store, settings: FinetuneSettings, seed: int = 0) -> System:
    split = labelled_split(store, "xview")
    train, test = (Labelled(model.embed(store, rows), store.labels[rows], 3) for rows in (split.train, split.test))
    recipe = replace(model.recipe, protocols=replace(model.recipe.protocols, finetune=settings))
    return System("model", seed, recipe, store, split, train, test, model, lambda *_: train.vectors)


def literal(model: Model, store: Store, rows: np.ndarray, s: FinetuneSettings, seed: int) -> tuple[Tensor, ...]:
    """Softmax regression on a matrix times the mean pose, gradients and momentum by hand, all clips in a batch."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        head = nn.Linear(5, 3)
    weights = [model.encoder.linear.weight.double(), head.weight.double(), head.bias.double()]  # type: ignore[union-attr, operator]
    matrix, weight, bias = (value.detach().clone() for value in weights)
    speeds = [torch.zeros_like(value) for value in (matrix, weight, bias)]
    clips = load_clips(store, rows, 1)
    whole = crop_resize(clips, torch.zeros_like(clips.frames), clips.frames, 8)
    poses = whole.positions.mean(dim=(1, 2)).flatten(1).double()
    one_hot = torch.eye(3, dtype=torch.float64)[clips.label]
    for epoch in range(s.epochs):
        decay = 0.1 ** sum(epoch >= milestone for milestone in s.milestones)
        features = poses @ matrix.T
        gap = ((features @ weight.T + bias).softmax(dim=1) - one_hot) / len(rows)
        gradients = [(gap @ weight).T @ poses, gap.T @ features, gap.sum(dim=0)]
        for value, speed, gradient, lr in zip(
            (matrix, weight, bias), speeds, gradients, (s.lr, s.head_lr, s.head_lr), strict=True
        ):
            speed.mul_(s.momentum).add_(gradient + s.weight_decay * value)
            value.sub_(lr * decay * speed)
    return matrix, weight, bias


@pytest.mark.parametrize("seed", [0, 6])
def test_equals_gradient_descent_written_out(model: Model, store: Store, seed: int) -> None:
    rows, _ = store.parts("xview")
    tuned, head = fine_tuned(model, store, rows, WHOLE, seed)
    matrix, weight, bias = literal(model, store, rows, WHOLE, seed)
    for ours, theirs in zip(
        (tuned.encoder.linear.weight, head.weight, head.bias), (matrix, weight, bias), strict=True
    ):  # type: ignore[union-attr]
        torch.testing.assert_close(ours.double(), theirs, atol=1e-5, rtol=0)  # type: ignore[union-attr, operator]


def test_the_model_and_the_global_random_state_stay_as_they_are(model: Model, store: Store) -> None:
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    state = torch.get_rng_state()
    tuned, _ = fine_tuned(model, store, store.parts("xview")[0], WHOLE, 0)
    assert torch.equal(torch.get_rng_state(), state)
    assert not model.encoder.training
    assert not tuned.encoder.training
    for name, value in model.encoder.state_dict().items():
        assert torch.equal(value, before[name])
        assert not torch.equal(tuned.encoder.state_dict()[name], value)
    assert all(parameter.grad is None for parameter in model.encoder.parameters())


def test_labels_are_learnt_and_the_same_seed_gives_the_same_bits(model: Model, store: Store) -> None:
    settings = replace(WHOLE, epochs=30, batch=16, lr=0.05, head_lr=0.3, milestones=(20,), min_crop=0.5)
    reported: list[tuple[str, int, int]] = []
    system = system_of(model, store, settings)
    first = FINETUNE.run(system, lambda *step: reported.append(step))["finetune"]
    again = FINETUNE.run(system, lambda *_: None)["finetune"]
    other = FINETUNE.run(replace(system, seed=1), lambda *_: None)["finetune"]
    assert first.accuracy > 0.8 > 1 / 3
    assert first.scores.tobytes() == again.scores.tobytes() != other.scores.tobytes()
    assert first.predicted.tolist() == first.scores.argmax(axis=1).tolist()
    assert reported == [("fine-tuning", step, 90) for step in range(1, 91)]
    assert first.best_on_test is None  # measured once, at the end


def test_scores_are_those_of_the_tuned_encoder_on_downstream_clips(model: Model, store: Store) -> None:
    system = system_of(model, store, WHOLE)
    outcome = FINETUNE.run(system, lambda *_: None)["finetune"]
    tuned, head = fine_tuned(model, store, system.split.train, WHOLE, 0)
    clips = downstream_clip(load_clips(store, system.split.test, 1), model.recipe.data)
    with torch.no_grad():
        np.testing.assert_allclose(outcome.scores, head(tuned.encoder.embed(clips)).numpy(), atol=1e-5)


def test_few_labels_train_on_their_clips_alone(
    model: Model, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = system_of(model, store, replace(WHOLE, batch=4))
    seen: list[set[int]] = []
    load = finetune.load_clips

    def spied(store: Store, rows: np.ndarray, persons: int) -> Batch:
        seen[-1].update(rows.tolist())
        return load(store, rows, persons)

    monkeypatch.setattr(finetune, "load_clips", spied)
    recipe = with_semi(system.recipe, (50.0, 10.0))
    system = replace(system, recipe=recipe)
    for percent in (10.0, 50.0):
        seen.append(set())
        only = with_semi(recipe, (percent,))
        outcomes = SEMI_FINETUNE.run(replace(system, recipe=only), lambda *_: None)
        assert list(outcomes) == [f"semi-finetune/{percent:g}"]
        chosen = set(system.split.train[labelled_share(system, percent)].tolist())
        assert seen[-1] <= chosen
        assert len(seen[-1]) >= len(chosen) - 2  # the last, smaller batch of an epoch is dropped
    assert list(SEMI_FINETUNE.run(system, lambda *_: None)) == ["semi-finetune/10", "semi-finetune/50"]


def test_views_are_those_of_pretraining_where_asked(model: Model, store: Store) -> None:
    rows, _ = store.parts("xview")
    crop, pretraining = (
        fine_tuned(model, store, rows, replace(WHOLE, views=views), 0)[1].weight  # type: ignore[arg-type]
        for views in ("crop", "pretraining")
    )
    assert not torch.equal(crop, pretraining)


def test_what_cannot_be_trained_is_refused(model: Model, store: Store) -> None:
    rows, _ = store.parts("xview")
    with pytest.raises(UserError) as error:
        fine_tuned(model, store, rows, replace(WHOLE, epochs=0), 0)
    assert str(error.value) == (
        "fine-tuning needs at least 1 epoch and 1 clip a batch, got finetune.epochs = 0 and finetune.batch = 48"
    )
    with pytest.raises(UserError) as error:
        fine_tuned(model, store, rows, replace(WHOLE, lr=1e30, head_lr=1e30, epochs=9), 0)
    assert str(error.value) == (
        "fine-tuning diverged at learning rates 1e+30 and 1e+30; lower them with --set finetune.lr=1e+29 "
        "--set finetune.head_lr=1e+29"
    )

"""Fixtures for all tests."""

import json
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from skelact import models
from skelact.batches import Batch
from skelact.evaluation import evaluate, runs
from skelact.sequences import Sequence
from skelact.sequences.store import Store, StoreWriter
from skelact.settings import (
    DataSettings,
    LinearSettings,
    Precision,
    ProtocolSettings,
    Recipe,
    TrainSettings,
    recipe_from_dict,
    recipe_to_dict,
    to_toml,
)
from skelact.skeletons import KINECT20, Skeleton

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: what is left for the end is short, and no process waits for another."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> None:
    """In what a shell runs in the background Ctrl-C is ignored, and so it would be in what the tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real recordings and golden numbers; without it the test is skipped, in CI it fails."""
    if not (SHARED / "golden").is_dir():
        message = f"real recordings and golden numbers are expected in {SHARED}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return SHARED


# A small store and encoders that need no training: what is measured on them is known beforehand.
CLASSES = ("bow", "jump", "wave")
RECIPE = Recipe(
    data=DataSettings(split="xview", frames=8),
    train=TrainSettings(seed=0),
    protocols=ProtocolSettings(linear=LinearSettings(lr=0.5, batch=16, epochs=6, milestones=(4,))),
)


def person(label: str, camera: int, number: int, skeleton: Skeleton = KINECT20) -> Sequence:
    """A person whose hand is where the action has it, among noise; seen lower by camera 3."""
    rng = np.random.default_rng([CLASSES.index(label) if label else 9, camera, number])
    frames = int(rng.integers(5, 12))
    positions = np.repeat(skeleton.rest[None, None], frames, axis=0) + rng.normal(
        scale=0.05, size=(frames, 1, 1, 3)
    )
    if label:
        joint = skeleton.index("left_hand")
        positions[:, 0, joint] += 0.3 * np.eye(3)[CLASSES.index(label)]
    positions += rng.normal(scale=0.05, size=positions.shape)
    tags: dict[str, Any] = {"camera": camera, "subject": number % 4}
    return Sequence(positions, skeleton, 30.0, f"{label}-{camera}-{number}", label or None, tags=tags)


def split_by_camera(tags: Any) -> str:
    return "test" if tags["camera"] == 3 else "train"


def write_store(
    path: Path,
    people: Iterable[Sequence],
    classes: tuple[str, ...] = CLASSES,
    splits: dict[str, Any] | None = None,
) -> Path:
    writer = StoreWriter(path)
    for one in people:
        writer.add(one)
    rules = {"xview": split_by_camera} if splits is None else splits
    writer.finish(dataset="people", classes=classes, splits=rules)
    return path


@pytest.fixture(scope="session")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """72 clips, 3 actions, 3 cameras: 48 to train on, 24 to test on."""
    people = [person(label, camera, number) for camera in (1, 2, 3) for number in range(8) for label in CLASSES]
    return write_store(tmp_path_factory.mktemp("store") / "people", people)


class FakeModel:
    """Stands in for ``Model``: trained, it sees the label through noise; untrained, only noise."""

    def __init__(self, recipe: Recipe, skeleton: Skeleton, trained: bool, info: dict[str, Any]) -> None:
        self.recipe, self.skeleton, self.trained, self.info, self.dim = recipe, skeleton, trained, info, 6
        self.encoder = torch.nn.Identity()

    @classmethod
    def load(cls, path: Path) -> "FakeModel":
        values = json.loads((path / "model.json").read_text())
        recipe = recipe_from_dict(values["recipe"], where=str(path))
        return cls(recipe, KINECT20, trained=True, info=values["info"])

    @classmethod
    def untrained(cls, recipe: Recipe, store: Store, seed: int) -> "FakeModel":
        return cls(replace(recipe, train=replace(recipe.train, seed=seed)), store.skeleton, trained=False, info={})

    def embed(
        self,
        store: Store,
        rows: NDArray[np.int64],
        batch: int = 256,
        progress: Callable[[int, int], None] | None = None,
        change: Callable[[Batch], Batch] | None = None,
        precision: Precision = "float32",
    ) -> NDArray[np.float32]:
        del precision
        embedded.append((self.recipe.train.seed, self.trained, batch, rows.tolist()))
        vectors = np.stack([np.random.default_rng([self.recipe.train.seed, row]).normal(size=6) for row in rows])
        if self.trained:
            seen = np.ones(len(rows))
            if change is not None:  # as much of the label as there is of the body
                before = models.model.load_clips(store, rows, store.persons)
                seen = (change(before).valid.sum((1, 2, 3)) / before.valid.sum((1, 2, 3))).numpy()
            vectors += 3 * np.eye(3, 6)[store.labels[rows]] * seen[:, None]
        if progress is not None:
            progress(len(rows), len(rows))
        return vectors.astype(np.float32)


embedded: list[tuple[int, bool, int, list[int]]] = []  # every call of embed


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> type[FakeModel]:
    """Puts ``FakeModel`` in the place of ``Model`` and forgets earlier calls."""
    embedded.clear()
    monkeypatch.setattr(runs, "Model", FakeModel)
    return FakeModel


def write_run(folder: Path, recipe: Recipe = RECIPE, **info: Any) -> Path:
    """The files of a finished run."""
    folder.mkdir(parents=True)
    values = {"recipe": recipe_to_dict(recipe, protocols=False), "info": info}
    (folder / "model.json").write_text(json.dumps(values))
    (folder / "model.safetensors").write_text(f"weights of {folder}, seed {recipe.train.seed}")
    (folder / "config.toml").write_text(to_toml(recipe))
    losses = [
        {"epoch": e, "step": 9 * e, "total": 4.0 / e, "temporal": 3.0 / e, "spatial": 1.0 / e} for e in (1, 2, 3)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in losses))
    return folder


@pytest.fixture(scope="session")
def measured_run(tmp_path_factory: pytest.TempPathFactory, store_path: Path) -> Path:
    """A run of two seeds that was measured by three protocols: copy it before changing anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "Model", FakeModel)
        run = write_seeds(tmp_path_factory.mktemp("measured") / "run", 0, 1)
        settings = ("few_shot.episodes=2", "linear.epochs=2")
        evaluate(run, store_path, ["linear", "knn", "few-shot"], settings=settings)
    return run


def write_seeds(folder: Path, *seeds: int, recipe: Recipe = RECIPE) -> Path:
    """A run of several seeds."""
    for seed in seeds:
        write_run(folder / f"seed-{seed}", replace(recipe, train=replace(recipe.train, seed=seed)))
    return folder


@pytest.fixture
def kit() -> SimpleNamespace:
    """The helpers of this file, which test modules cannot import."""
    return SimpleNamespace(
        classes=CLASSES,
        recipe=RECIPE,
        person=person,
        write_store=write_store,
        write_run=write_run,
        write_seeds=write_seeds,
        embedded=embedded,
    )

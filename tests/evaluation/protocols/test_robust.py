"""Robustness on encoders that see as much of the label as there is of the body."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from skelact.batches import collate
from skelact.errors import UserError
from skelact.evaluation import evaluate
from skelact.evaluation.protocols.protocol import Point
from skelact.evaluation.protocols.robust import changing, corruptions
from skelact.heads import linear_probe as linear
from skelact.heads.labelled import Labelled
from skelact.sequences.store import Store
from skelact.settings import LinearSettings

pytestmark = pytest.mark.usefixtures("fake_model")


def test_every_change_is_an_entry_and_clean_clips_start_every_curve(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    settings = ("robust.joints=[0.1, 0.9]", "robust.rates=[0.5]")
    evaluation = evaluate(
        kit.write_seeds(tmp_path / "run", 0, 1), store_path, ["robust", "knn"], settings=settings
    )
    entries = evaluation.results.protocols
    changes = ["clean", "joints-0.1", "joints-0.9", "frames-0.1", "frames-0.25", "frames-0.5"]
    changes += ["noise-0.01", "noise-0.03", "noise-0.1", "rate-0.5", "heading-30", "heading-90", "heading-180"]
    assert list(entries) == [f"robust/{probe}/{c}" for probe in ("linear", "knn") for c in changes] + ["knn"]
    assert entries["robust/knn/joints-0.1"].title == "k-NN, 10 % of the joints missing"
    assert entries["robust/knn/joints-0.1"].points == (Point("k-NN, joints missing", "joints missing, %", 10.0),)
    starts = {point.chart: point.at for point in entries["robust/linear/clean"].points}
    assert starts == {
        "linear probe, joints missing": 0,
        "linear probe, frames missing": 0,
        "linear probe, noise": 0,
        "linear probe, frame rate": 100,
        "linear probe, people turned": 0,
    }
    clean = entries["robust/knn/clean"].systems["model"]
    assert clean.seeds == entries["knn"].systems["model"].seeds
    worst = entries["robust/knn/joints-0.9"].systems["model"]
    assert worst.value < clean.value - 0.2  # the features lose what is not there
    assert clean.value > 0.9


def test_features_are_computed_once_a_change(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    """Training clips once; the test clips again for each change, and never the training clips."""
    settings = (
        "robust.joints=[0.5]",
        "robust.frames=[]",
        "robust.noise=[]",
        "robust.rates=[]",
        "robust.headings=[]",
    )
    evaluate(kit.write_run(tmp_path / "run"), store_path, ["robust", "linear"], settings=settings)
    assert [len(rows) for *_, rows in kit.embedded] == [72, 24, 72, 24]  # trained, untrained


def test_the_clean_probe_is_trained_once_for_all_protocols(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[int, int]] = []

    def counting(train: Labelled, settings: LinearSettings, seed: int, after_epoch: Any = None) -> linear.Probe:
        trained.append((len(train), seed))
        return train_probe(train, settings, seed, after_epoch)

    train_probe = linear.train_probe
    monkeypatch.setattr(linear, "train_probe", counting)
    run = kit.write_seeds(tmp_path / "run", 0, 1)
    both = evaluate(run, store_path, ["linear", "robust"]).results.protocols
    assert sorted(trained) == [(48, seed) for seed in (0, 1) for _ in ("model", "untrained", "raw")]
    for values in both["robust/linear/clean"].systems.values():
        assert values.curves == {}
    clean, alone = (both[key].systems["raw"].seeds for key in ("robust/linear/clean", "linear"))
    assert clean == alone
    other = kit.write_seeds(tmp_path / "other", 0, 1)
    robust = evaluate(other, store_path, ["robust"]).results.protocols
    assert {key: entry.systems for key, entry in robust.items()} == {
        key: entry.systems for key, entry in both.items() if key != "linear"
    }


def test_the_same_seed_corrupts_the_same_and_another_otherwise(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    store = Store(store_path)
    batch = collate([store.positions(row) for row in range(9)], store.skeleton)
    corruption = corruptions(kit.recipe, store)[1]
    first, again, other = (changing(corruption, seed)(batch).valid for seed in (0, 0, 1))
    assert corruption.key == "joints-0.25"
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    more = changing(corruption, 0)
    assert not torch.equal(more(batch).valid, more(batch).valid)  # the next batch draws anew
    run = kit.write_run(tmp_path / "run")
    numbers = [evaluate(run, store_path, ["robust"]).results.protocols for _ in "ab"]
    first, second = ({key: entry.systems for key, entry in one.items()} for one in numbers)
    assert first == second


def test_what_a_store_does_not_allow_is_said(kit: SimpleNamespace, tmp_path: Path) -> None:
    people = [
        replace(
            kit.person(label, camera, number),
            unit="px",
            positions=kit.person(label, camera, number).positions[..., :2],
        )
        for camera in (1, 3)
        for number in range(3)
        for label in kit.classes
    ]
    results = evaluate(
        kit.write_run(tmp_path / "run"), kit.write_store(tmp_path / "s", people), ["robust"]
    ).results
    assert results.every_caveat == [
        "Robustness to noise was not measured: it is in metres, the store's unit is 'px'.",
        "Robustness to headings was not measured: it needs three dimensions, the store has two.",
    ]
    assert not any("noise" in key or "heading" in key for key in results.protocols)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("robust.joints=[1.0]", "robust.joints must be shares from 0 to below 1, got 1.0"),
        ("robust.frames=[-0.1]", "settings: robust.frames must be between 0 and 1, got -0.1"),
        ("robust.rates=[0.0]", "settings: robust.rates must be above 0, got 0.0"),
    ],
)
def test_what_is_no_corruption_is_refused(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path, word: str, message: str
) -> None:
    with pytest.raises(UserError) as error:
        evaluate(kit.write_run(tmp_path / "run"), store_path, ["robust"], settings=(word,))
    assert str(error.value) == message
    assert np.all([rows for *_, rows in kit.embedded] == [])  # before anything is computed

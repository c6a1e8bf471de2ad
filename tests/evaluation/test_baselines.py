"""Raw coordinates against resizing by hand, and the table of baselines."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from skelact.evaluation import evaluate
from skelact.evaluation.baselines import BASELINES, BLOCK, SYSTEMS, Baseline, raw_coordinates
from skelact.report.html import write_report
from skelact.report.text import text_table
from skelact.sequences import Sequence
from skelact.sequences.store import Store
from skelact.skeletons import KINECT20


def by_hand(positions: NDArray, frames: int, persons: int) -> NDArray:
    """The centre 95 %, linear interpolation at half-pixel centres, zeros where a person is absent."""
    drop = int(0.025 * len(positions))
    clip = positions[drop : len(positions) - drop]
    result = np.zeros((frames, persons, *clip.shape[2:]))
    for frame in range(frames):
        place = np.clip((frame + 0.5) * len(clip) / frames - 0.5, 0, len(clip) - 1)
        lower = int(place)
        upper = min(lower + 1, len(clip) - 1)
        result[frame, : clip.shape[1]] = clip[lower] + (place - lower) * (clip[upper] - clip[lower])
    return result.reshape(-1)


def test_equals_resizing_by_hand(store_path: Path) -> None:
    store = Store(store_path)
    rows = np.array([5, 0, 71])
    vectors = raw_coordinates(store, rows, frames=8)
    assert vectors.dtype == np.float32
    for vector, row in zip(vectors, rows, strict=True):
        np.testing.assert_allclose(vector, by_hand(store.positions(row), 8, 1), rtol=0, atol=1e-6)


def test_people_and_joints_that_are_not_there_are_zero(kit: SimpleNamespace, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    alone = rng.normal(size=(60, 1, 20, 3))
    alone[:, 0, 7] = np.nan
    two = rng.normal(size=(50, 2, 20, 3))
    people = [Sequence(p, KINECT20, 30.0, n, "bow", tags={"camera": 1}) for n, p in (("a", alone), ("b", two))]
    store = Store(kit.write_store(tmp_path / "s", people))
    vectors = raw_coordinates(store, np.array([0, 1]), frames=4).reshape(2, 4, 2, 20, 3)
    assert (vectors[0, :, 0, 7] == 0).all()
    assert (vectors[0, :, 1] == 0).all()
    assert (vectors[1] != 0).all()
    np.testing.assert_allclose(vectors[1].reshape(-1), by_hand(two, 4, 2), rtol=0, atol=1e-6)
    assert raw_coordinates(store, np.array([1]), frames=4, persons=3).shape == (1, 4 * 3 * 20 * 3)


def test_blocks_do_not_show(store_path: Path) -> None:
    store = Store(store_path)
    rows = np.arange(BLOCK + 7) % len(store)
    reported: list[tuple[int, int]] = []
    vectors = raw_coordinates(store, rows, frames=3, progress=lambda *step: reported.append(step))
    for place in (0, BLOCK - 1, BLOCK, BLOCK + 6):
        alone = raw_coordinates(store, rows[place : place + 1], frames=3)[0]
        np.testing.assert_allclose(vectors[place], alone, rtol=0, atol=1e-6)
    assert reported == [(BLOCK, BLOCK + 7), (BLOCK + 7, BLOCK + 7)]


@pytest.mark.usefixtures("fake_model")
def test_a_baseline_in_the_table_is_measured_and_shown(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line of the table is all: here features that know the label, which nothing beats."""

    def build(_model: object, store: Store, _recipe: object, _precision: object) -> tuple[None, object]:
        def embed(rows: NDArray, _change: object, report: object) -> NDArray:
            report(len(rows), len(rows))  # type: ignore[operator]
            return np.eye(3, dtype=np.float32)[store.labels[rows]]

        return None, embed

    monkeypatch.setitem(BASELINES, "oracle", Baseline("oracle", build, of_each_seed=False))  # type: ignore
    monkeypatch.setitem(SYSTEMS, "oracle", "oracle")  # type: ignore[call-overload]
    evaluation = evaluate(kit.write_seeds(tmp_path / "run", 0, 1), store_path, ["linear", "knn", "few-shot"])
    for entry in evaluation.results.protocols.values():
        assert list(entry.systems) == ["model", "untrained", "raw", "oracle"]
        assert entry.systems["oracle"].value == 1
    assert evaluation.results.protocols["linear"].versus["oracle"].gain <= 0
    assert "oracle" in text_table(evaluation.results)
    assert "oracle" in write_report(evaluation).read_text()


def test_every_baseline_has_a_name_of_its_own() -> None:
    assert list(SYSTEMS) == ["model", *BASELINES]
    assert len(set(SYSTEMS.values())) == len(SYSTEMS)

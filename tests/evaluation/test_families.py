"""Protocols of several entries on encoders whose quality is known, from the call to the files."""

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from skelact.evaluation import evaluate
from skelact.evaluation.protocols.protocol import Point
from skelact.evaluation.results.results import families
from skelact.heads.labelled import Labelled
from skelact.heads.linear_probe import linear_probe
from skelact.heads.subsets import balanced_subset
from skelact.report.html import write_report
from skelact.report.text import text_table
from skelact.report.words import whole

pytestmark = pytest.mark.usefixtures("fake_model")
FAST = ("few_shot.episodes=5", "semi.percent=[10, 50]")


def test_few_labels_are_those_of_their_clips(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    """The number is that of the probe on the drawn clips, drawn again here; raw coordinates get the same clips."""
    evaluation = evaluate(kit.write_seeds(tmp_path / "run", 0, 4), store_path, ["semi"], settings=FAST)
    entries = evaluation.results.protocols
    assert list(entries) == ["semi/10", "semi/50"]
    assert entries["semi/10"].title == "linear probe, 10 % of the labels"
    assert entries["semi/10"].points == (Point("linear probe, few labels", "labels, %", 10.0),)
    store, parts = evaluation.store, evaluation.split
    names, labels = store.columns["name"][parts.train].tolist(), store.labels[parts.train]
    for system in ("model", "untrained"):
        train, test = evaluation.vectors[system]
        chosen = balanced_subset(labels, names, 0.1, 0, "semi")
        assert np.bincount(labels[chosen]).tolist() == [2, 2, 2]  # of 16 a class
        ours = linear_probe(
            Labelled(train[chosen], labels[chosen], 3),
            Labelled(test, store.labels[parts.test], 3),
            evaluation.recipe.protocols.linear,
            seed=0,
        )
        assert entries["semi/10"].systems[system].seeds["0"] == ours.accuracy


def test_episodes_are_averaged_and_not_paired(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    evaluation = evaluate(kit.write_seeds(tmp_path / "run", 0, 1), store_path, ["few-shot", "knn"], settings=FAST)
    entry = evaluation.results.protocols["few-shot/1"]
    for system, values in entry.systems.items():
        for seed, outcome in evaluation.outcomes["few-shot/1"][system].items():
            assert outcome.episodes is not None
            assert values.seeds[str(seed)] == pytest.approx(
                (outcome.episodes == evaluation.store.labels[evaluation.split.test]).mean()
            )
    assert np.array(entry.confusion).sum() == 24 * 5 * 2  # clips, episodes, seeds
    assert np.trace(entry.confusion) / 240 == pytest.approx(entry.systems["model"].value)
    assert entry.versus["untrained"].gain > 0.3
    assert entry.versus["untrained"].seeds == {}
    measure = entry.systems["model"].measures["deviation_over_episodes"]
    assert measure.value == pytest.approx(np.mean(list(measure.seeds.values())))
    with (evaluation.folder / "predictions.csv").open(newline="") as file:
        assert next(csv.reader(file)) == ["name", "label"] + [
            f"knn/{system}/seed-{seed}" for system in ("model", "untrained", "raw") for seed in (0, 1)
        ]


def test_all_entries_are_on_the_page_and_in_the_table(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    names = ["semi", "few-shot"]
    evaluation = evaluate(kit.write_run(tmp_path / "run"), store_path, names, settings=FAST)
    html, table = write_report(evaluation).read_text(), text_table(evaluation.results)
    entries = evaluation.results.protocols
    assert whole(entries) == {}
    assert {name: list(family) for name, family in families(entries).items()} == {
        "semi": ["semi/10", "semi/50"],
        "few-shot": ["few-shot/1", "few-shot/5"],
    }
    for entry in entries.values():
        line = next(line for line in table.splitlines() if line.startswith(entry.title))
        assert entry.title in html
        for values in entry.systems.values():
            assert f"{100 * values.value:.1f}  [" in line
    spread = entries["few-shot/1"].systems["model"].measures["deviation_over_episodes"].value
    assert f"deviation over episodes: {100 * spread:.1f}" in html
    assert html.count('class="dot ') == 2 * (2 + 1) * 3  # charts, points and legend, systems


def test_the_same_command_gives_the_same_numbers(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    run = kit.write_run(tmp_path / "run")
    names = ["semi", "few-shot", "linear"]
    first, again = (
        {
            key: entry.systems
            for key, entry in evaluate(run, store_path, names, settings=FAST).results.protocols.items()
        }
        for _ in "ab"
    )
    assert first == again

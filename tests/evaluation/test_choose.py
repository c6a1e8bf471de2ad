"""The probe's learning rate is chosen on training clips, never on test clips."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from skelact.errors import UserError
from skelact.evaluation import Evaluation, evaluate
from skelact.heads.labelled import Labelled
from skelact.heads.linear_probe import linear_probe, train_probe
from skelact.heads.subsets import validation_groups, validation_part
from skelact.report.text import text_table

pytestmark = pytest.mark.usefixtures("fake_model")
CHOOSE = ("linear.choose=true", "linear.candidates=[0.0001, 0.5, 1e30]", "linear.weight_decay=0.01")


@pytest.fixture
def run(kit: SimpleNamespace, tmp_path: Path) -> Path:
    path: Path = kit.write_run(tmp_path / "run")
    return path


def parts_of(evaluation: Evaluation, system: str) -> tuple[Labelled, Labelled]:
    parts = evaluation.split
    labels = [evaluation.store.labels[rows] for rows in (parts.train, parts.test)]
    train, test = (Labelled(v, y, 3) for v, y in zip(evaluation.vectors[system], labels, strict=True))
    return train, test


def by_hand(evaluation: Evaluation, system: str, learnt: np.ndarray, held: np.ndarray) -> dict[float, float]:

    train, _ = parts_of(evaluation, system)
    settings = evaluation.recipe.protocols.linear
    return {
        lr: train_probe(train.take(learnt), replace(settings, lr=lr), 0).outcome(train.take(held)).accuracy
        for lr in (0.0001, 0.5)
    }


def test_the_best_on_validation_clips_is_taken_and_trained_on_all(run: Path, store_path: Path) -> None:

    evaluation = evaluate(run, store_path, ["linear"], settings=CHOOSE)
    store, rows = evaluation.store, evaluation.split.train
    split = validation_part(store.labels[rows], store.columns["name"][rows].tolist(), 0.2, 0)
    for system in ("model", "untrained"):
        found = by_hand(evaluation, system, *split)
        best = max(found, key=lambda lr: (found[lr], -lr))
        values = evaluation.results.protocols["linear"].systems[system]
        assert values.chosen["0"] == {"lr": best, "validation_accuracy": found[best]}
        again = linear_probe(
            *parts_of(evaluation, system), replace(evaluation.recipe.protocols.linear, lr=best), 0
        )
        assert values.seeds["0"] == again.accuracy
        assert values.curves["0"] == again.curve
    assert evaluation.results.protocols["linear"].systems["model"].chosen["0"]["lr"] == 0.5
    assert "linear probe, trained encoder: learning rate 0.5" in text_table(evaluation.results)


def test_no_person_is_learnt_from_and_chosen_on(run: Path, store_path: Path) -> None:
    evaluation = evaluate(run, store_path, ["linear"], settings=(*CHOOSE, "linear.validate=subject"))
    groups = np.array([str(v) for v in evaluation.store.columns["subject"][evaluation.split.train]])
    found = by_hand(evaluation, "model", *validation_groups(groups, 0.2, 0))
    chosen = evaluation.results.protocols["linear"].systems["model"].chosen["0"]
    assert chosen["validation_accuracy"] == max(found.values())


def test_the_test_part_has_no_say(kit: SimpleNamespace, store_path: Path, run: Path, tmp_path: Path) -> None:
    """The same training clips beside test clips with other labels: the same choice."""
    people = [kit.person(label, c, k) for c in (1, 2, 3) for k in range(8) for label in kit.classes]

    wrong = [replace(one, label="bow") if one.tags["camera"] == 3 else one for one in people]
    first = evaluate(run, store_path, ["linear"], settings=CHOOSE)
    other = evaluate(run, kit.write_store(tmp_path / "wrong", wrong), ["linear"], settings=CHOOSE)
    chosen = [e.results.protocols["linear"].systems["raw"].chosen for e in (first, other)]
    assert chosen[0] == chosen[1]


def test_without_it_nothing_is_chosen(run: Path, store_path: Path) -> None:
    results = evaluate(run, store_path, ["linear"]).results
    assert all(values.chosen == {} for values in results.protocols["linear"].systems.values())
    assert "Chosen" not in text_table(results)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("linear.candidates=[]",),
            "linear.choose needs learning rates to choose from: linear.candidates is empty",
        ),
        (("linear.validation=1.0",), "settings: linear.validation must be above 0 and below 1, got 1.0"),
        (
            ("linear.candidates=[1e30, 2e30]",),
            "the linear probe diverged at all of linear.candidates [1e+30, 2e+30]; add lower ones",
        ),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(
    run: Path, store_path: Path, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserError) as error:
        evaluate(run, store_path, ["linear"], settings=(*CHOOSE, *words))
    assert str(error.value) == message


def test_an_unknown_tag_names_the_nearest(run: Path, store_path: Path) -> None:
    with pytest.raises(UserError, match="'subjet'; did you mean 'subject'\\? Known: camera, subject"):
        evaluate(run, store_path, ["linear"], settings=(*CHOOSE, "linear.validate=subjet"))


def test_single_clips_cannot_be_chosen_on(kit: SimpleNamespace, run: Path, tmp_path: Path) -> None:
    people = [kit.person(label, camera, 0) for camera in (1, 3) for label in kit.classes]
    with pytest.raises(UserError) as error:
        evaluate(run, kit.write_store(tmp_path / "s", people), ["linear"], settings=CHOOSE)
    assert str(error.value) == (
        "linear.choose: every class has a single training clip, so there are none to choose on"
    )

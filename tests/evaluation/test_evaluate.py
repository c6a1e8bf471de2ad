"""The whole evaluation on encoders whose quality is known."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.neighbors import KNeighborsClassifier

from skelact import __version__
from skelact.errors import UserError
from skelact.evaluation import Evaluation, evaluate
from skelact.evaluation.estimate import Estimate
from skelact.evaluation.protocols import PROTOCOLS
from skelact.evaluation.results.files import read_results_file
from skelact.evaluation.results.json_form import dumps
from skelact.evaluation.results.statistics import wilson
from skelact.models import Model
from skelact.sequences.store import Store
from skelact.settings import ProtocolSettings, SCDNetEncoderSettings, SupervisedSettings

KNOWN = ", ".join(sorted(PROTOCOLS))
pytestmark = pytest.mark.usefixtures("fake_model")


@pytest.fixture
def evaluation(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> Evaluation:
    return evaluate(kit.write_seeds(tmp_path / "run", 0, 1, 2), store_path)


def read(evaluation: Evaluation) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((evaluation.folder / "results.json").read_text())
    return values


def test_every_row_is_embedded_once(kit: SimpleNamespace, evaluation: Evaluation) -> None:
    assert evaluation.results.seeds == (0, 1, 2)
    calls = [(seed, trained) for seed, trained, _, _ in kit.embedded]
    assert calls == [(0, True), (0, False), (1, True), (1, False), (2, True), (2, False)]
    assert all(sorted(rows) == list(range(72)) for *_, rows in kit.embedded)


def test_results_say_what_when_where_and_how(evaluation: Evaluation) -> None:
    results, store = read(evaluation), evaluation.store
    assert results == json.loads(dumps(evaluation.results))
    assert read_results_file(evaluation.folder / "results.json") == evaluation.results
    assert evaluation.folder == evaluation.run / "evaluation" / "xview"
    assert results["format"] == 2
    assert results["version"] == __version__
    assert results["seeds"] == [0, 1, 2]
    assert results["method"] == "scdnet"
    assert results["command"] == (
        f"skelact evaluate {evaluation.run} {store.path} --protocol linear,knn --split xview"
    )
    assert results["data"] == {
        "store": str(store.path),
        "dataset": "people",
        "skeleton": "kinect20",
        "mapped_to": "",
        "fingerprint": store.fingerprint,
        "cleaning": {},
        "split": "xview",
        "hold_out": "",
        "clips": {"train": 48, "test": 24, "per_class": {"bow": 8, "jump": 8, "wave": 8}},
        "duplicates": 0,
        "classes": ["bow", "jump", "wave"],
        "most_frequent_class": 8 / 24,
    }
    assert set(results["environment"]) == {
        "cpu",
        "cores",
        "threads",
        "gpu",
        "system",
        "python",
        "torch",
        "kernels",
    }
    assert results["environment"]["kernels"] in ("compiled", "torch")
    assert results["seconds"] > 0
    assert results["protocols"]["linear"]["settings"]["linear"]["epochs"] == 6
    assert set(results["settings"]) == {"data", "views", "encoder", "method", "train"}
    assert set(results["weights"]) == {"0", "1", "2"}
    assert results["caveats"] == []


def test_numbers_are_means_over_seeds_at_the_last_epoch(evaluation: Evaluation) -> None:
    protocols = read(evaluation)["protocols"]
    assert list(protocols) == ["linear", "knn"]
    for name, protocol in protocols.items():
        assert list(protocol["systems"]) == ["model", "untrained", "raw"]
        assert all(values["without_duplicates"] is None for values in protocol["systems"].values())
        for system, values in protocol["systems"].items():
            by_seed = list(values["seeds"].values())
            assert list(values["seeds"]) == ["0", "1", "2"]
            assert values["value"] == pytest.approx(np.mean(by_seed))
            assert values["std"] == pytest.approx(np.std(by_seed, ddof=1))
            assert values["interval"] == pytest.approx(wilson(values["value"], 24))
            for seed, outcome in evaluation.outcomes[name][system].items():
                assert values["seeds"][str(seed)] == outcome.accuracy


def test_the_best_on_test_stands_beside_under_its_own_name(evaluation: Evaluation) -> None:
    protocols = read(evaluation)["protocols"]
    for values in protocols["linear"]["systems"].values():
        for seed, curve in values["curves"].items():
            assert len(curve) == 6
            assert values["seeds"][seed] == curve[-1]
            assert values["best_on_test"]["seeds"][seed] == max(curve)
        assert values["best_on_test"]["mean"] == pytest.approx(
            np.mean([max(c) for c in values["curves"].values()])
        )
    for values in protocols["knn"]["systems"].values():
        assert values["best_on_test"] is None
        assert values["curves"] == {}


def test_numbers_equal_those_of_scikit_learn_on_the_same_vectors(evaluation: Evaluation) -> None:
    train, test = evaluation.vectors["model"]
    labels = evaluation.store.labels
    other = KNeighborsClassifier(1, algorithm="brute", metric="cosine").fit(train, labels[evaluation.split.train])
    expected = other.score(test, labels[evaluation.split.test])
    assert read(evaluation)["protocols"]["knn"]["systems"]["model"]["seeds"]["0"] == pytest.approx(expected)


def test_what_was_learnt_shows_against_the_untrained_encoder(evaluation: Evaluation) -> None:
    protocols = read(evaluation)["protocols"]
    for name, protocol in protocols.items():
        trained, untrained = protocol["systems"]["model"], protocol["systems"]["untrained"]
        assert trained["value"] > 0.9
        assert abs(untrained["value"] - 1 / 3) < 0.2
        versus = protocol["versus"]["untrained"]
        assert versus["gain"] == pytest.approx(trained["value"] - untrained["value"])
        labels = evaluation.store.labels[evaluation.split.test]
        for seed, paired in versus["seeds"].items():
            ours, theirs = (
                evaluation.outcomes[name][s][int(seed)].predicted == labels for s in ("model", "untrained")
            )
            only = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
            assert (paired["only_model_right"], paired["only_other_right"]) == only
            assert paired["p"] == pytest.approx(binomtest(only[0], sum(only)).pvalue)


def test_raw_coordinates_give_every_seed_the_same_neighbours(evaluation: Evaluation) -> None:
    raw = read(evaluation)["protocols"]["knn"]["systems"]["raw"]
    assert len(set(raw["seeds"].values())) == 1
    assert raw["std"] == 0
    linear = evaluation.outcomes["linear"]["raw"]
    assert linear[0].scores.tobytes() != linear[1].scores.tobytes()


def test_confusion_and_classes_count_every_clip_of_every_seed(evaluation: Evaluation) -> None:
    for name, protocol in read(evaluation)["protocols"].items():
        table = np.array(protocol["confusion"])
        assert table.sum(axis=1).tolist() == [24, 24, 24]  # 8 clips, 3 seeds
        assert np.trace(table) / 72 == pytest.approx(protocol["systems"]["model"]["value"]), name
        shares = protocol["systems"]["model"]["per_class"]
        assert shares == {name: pytest.approx(table[c, c] / 24) for c, name in enumerate(("bow", "jump", "wave"))}


def test_predictions_are_written_clip_by_clip(evaluation: Evaluation) -> None:
    with (evaluation.folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == evaluation.store.columns["name"][evaluation.split.test].tolist()
    values = read(evaluation)["protocols"]["knn"]["systems"]["untrained"]["seeds"]["2"]
    right = np.mean([row["label"] == row["knn/untrained/seed-2"] for row in rows])
    assert right == pytest.approx(values)


def test_the_same_evaluation_gives_the_same_numbers(evaluation: Evaluation) -> None:
    again = evaluate(evaluation.run, evaluation.store.path)
    first, second = (
        {key: replace(entry, created="") for key, entry in one.results.protocols.items()}
        for one in (evaluation, again)
    )
    assert first == second


def test_one_seed_has_no_deviation(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    evaluation = evaluate(kit.write_run(tmp_path / "run"), store_path, ["knn"])
    assert evaluation.results.protocols["knn"].model.std is None
    assert list(evaluation.results.protocols) == ["knn"]


def test_a_choice_of_seeds_is_part_of_the_command(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    run = kit.write_seeds(tmp_path / "run", 0, 1, 2)
    results = evaluate(run, store_path, ["knn"], seeds=[2, 0], settings=("knn.k=3",)).results
    assert results.seeds == (0, 2)
    assert results.protocols["knn"].title == "3-NN by cosine"
    assert results.protocols["knn"].settings == {"knn": {"k": 3, "recall": [1, 5, 10]}}
    assert results.command.endswith("--protocol knn --split xview --seeds 2,0 --set knn.k=3")


def test_a_run_is_measured_on_what_it_held_out(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    recipe = replace(kit.recipe, data=replace(kit.recipe.data, hold_out="camera=2"))
    run = kit.write_run(tmp_path / "run", recipe)
    own = evaluate(run, store_path, ["knn"])
    assert (own.results.data.clips.train, own.results.data.clips.test) == (24, 24)
    assert set(own.store.columns["camera"][own.split.test].tolist()) == {2}
    assert own.folder.name == "xview+camera=2"
    assert own.results.command.endswith("--split xview --hold-out camera=2")
    foreign = kit.write_run(tmp_path / "foreign", recipe, fingerprint="another")
    assert evaluate(foreign, store_path, ["knn"]).folder.name == "xview"  # of another store nothing is held out
    whole = evaluate(run, store_path, ["knn"], hold_out="")
    assert set(whole.store.columns["camera"][whole.split.test].tolist()) == {3}
    assert whole.folder.name == "xview"
    assert whole.results.command.endswith("--split xview --hold-out ''")


def test_test_clips_that_were_seen_in_pretraining_are_caveats(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    fingerprint = Store(store_path).fingerprint
    everything = replace(kit.recipe, data=replace(kit.recipe.data, split=""))
    run = kit.write_run(tmp_path / "all", everything, fingerprint=fingerprint)
    assert evaluate(run, store_path, ["knn"], "xview").results.every_caveat == [
        "24 of the 24 test clips were seen when the encoder was trained: that was on all clips."
    ]
    held = replace(kit.recipe, data=replace(kit.recipe.data, hold_out="subject=1"))
    run = kit.write_run(tmp_path / "held", held, fingerprint=fingerprint)
    assert evaluate(run, store_path, ["knn"], hold_out="camera=2").results.every_caveat == [
        "18 of the 24 test clips were seen when the encoder was trained: "
        "that was on the training part of xview, subject=1 held out."
    ]
    labelled = replace(kit.recipe, method=SupervisedSettings())
    assert evaluate(kit.write_run(tmp_path / "labelled", labelled), store_path, ["knn"]).results.every_caveat == [
        "The encoder was trained with labels: a ceiling to compare with, no self-supervised result."
    ]
    clean = kit.write_run(tmp_path / "clean", fingerprint=fingerprint)
    assert evaluate(clean, store_path, ["knn"]).results.every_caveat == []
    foreign = kit.write_run(tmp_path / "foreign", fingerprint="another")
    assert evaluate(foreign, store_path, ["knn"]).results.every_caveat == [
        "The encoder was trained on a store without a name, and is measured on people."
    ]
    again = kit.write_run(tmp_path / "again", fingerprint="another", dataset="people")
    assert evaluate(again, store_path, ["knn"]).results.every_caveat == [
        "The encoder was trained on another store of people than it is measured on: whether test clips were among "
        "its clips is not known."
    ]


def test_duplicates_of_training_clips_are_named_and_counted_out(kit: SimpleNamespace, tmp_path: Path) -> None:
    """Two of six test clips are training clips under another name; a clip of the same numbers else is none."""
    people = [kit.person(label, camera, 0) for camera in (1, 3) for label in kit.classes]
    again = [replace(people[k], name=f"copy-{k}", tags={"camera": 3, "subject": 0}) for k in (1, 0)]
    cut = replace(people[2], name="cut", positions=people[2].positions[1:], tags={"camera": 3, "subject": 0})
    store = kit.write_store(tmp_path / "s", [*people, *again, cut])
    evaluation = evaluate(kit.write_run(tmp_path / "run"), store)
    results = read(evaluation)
    assert results["data"]["duplicates"] == 2
    assert results["caveats"] == [
        "2 of the 6 test clips are exact duplicates of training clips, such as copy-1 of jump-1-0: "
        "all numbers count them, except those called without duplicates."
    ]
    own = np.array([True, True, True, False, False, True])
    labels = evaluation.store.labels[evaluation.split.test]
    for name, protocol in results["protocols"].items():
        for system, values in protocol["systems"].items():
            right = evaluation.outcomes[name][system][0].predicted == labels
            assert values["value"] == pytest.approx(right.mean())
            assert values["without_duplicates"]["seeds"]["0"] == pytest.approx(right[own].mean())
            assert values["without_duplicates"]["interval"] == pytest.approx(wilson(float(right[own].mean()), 4))


def test_classes_that_cannot_be_right_are_caveats(kit: SimpleNamespace, tmp_path: Path) -> None:
    people = [kit.person(label, camera, 0) for camera in (1, 3) for label in ("bow", "jump")]
    store = kit.write_store(tmp_path / "s", [*people, kit.person("wave", 3, 0)])
    results = evaluate(kit.write_run(tmp_path / "run"), store, ["knn"]).results
    assert results.every_caveat == ["Classes without a training clip, which no protocol can get right: wave."]
    assert results.protocols["knn"].model.per_class["wave"] == 0.0


def test_progress_names_every_stage(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    reported: list[tuple[str, int, int]] = []
    run = kit.write_run(tmp_path / "run")
    evaluate(run, store_path, progress=lambda *step: reported.append(step))
    assert list(dict.fromkeys(stage for stage, _, _ in reported)) == [
        f"{system}: {stage}"
        for system in ("trained encoder, seed 0", "untrained encoder, seed 0", "raw coordinates")
        for stage in ("features", "linear probe", "1-NN by cosine")
    ]
    assert ("trained encoder, seed 0: features", 72, 72) in reported
    assert ("raw coordinates: linear probe", 6, 6) in reported


def test_an_interrupted_import_is_not_measured(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    run, part = kit.write_run(tmp_path / "run"), tmp_path / "part"
    shutil.copytree(store_path, part)
    info = json.loads((part / "store.json").read_text())
    (part / "store.json").write_text(json.dumps(info | {"complete": False}))
    with pytest.raises(UserError, match="the import was interrupted after 72 sequences"):
        evaluate(run, part, ["knn"])
    assert not (run / "evaluation").exists()


def test_unknown_names_are_refused_with_the_nearest(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    run = kit.write_run(tmp_path / "run")
    refused = [
        (["linaer"], (), f"unknown protocol 'linaer'; did you mean 'linear'? Known: {KNOWN}"),
        ([], (), f"name at least one protocol. Known: {KNOWN}"),
        (
            ["knn"],
            ("data.frames=3",),
            "--set data.frames=3: after the training only the protocols' settings can change: "
            "few_shot.*, finetune.*, knn.*, linear.*, robust.*, semi.*",
        ),
        (
            ["knn"],
            ("knn.kk=3",),
            "settings: unknown setting 'knn.kk'; did you mean 'knn.k'? Known: knn.k, knn.recall",
        ),
    ]
    for protocols, settings, message in refused:
        with pytest.raises(UserError) as error:
            evaluate(run, store_path, protocols, settings=settings)
        assert str(error.value) == message
    assert not (run / "evaluation").exists()


def test_an_old_run_is_measured_without_settings_that_are_gone(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    run = kit.write_run(tmp_path / "run")
    config = run / "config.toml"
    config.write_text(config.read_text().replace("[knn]\n", "[knn]\nweighting = 3\n") + "\n[cluster]\nk = 3\n")
    results = evaluate(run, store_path, ["linear", "knn"]).results
    assert results.every_caveat == [
        "The setting knn.weighting of config.toml is not one of this version and was left out.",
        "The setting cluster.k of config.toml is not one of this version and was left out.",
    ]
    assert results.protocols["linear"].settings["linear"]["epochs"] == 6, "the run's own settings are used"


def test_protocol_settings_in_a_model_of_before_are_not_looked_at(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    """Models of earlier versions have them in model.json; how a run is measured stands in its config.toml."""
    small = SCDNetEncoderSettings(graph_widths=(4, 8, 4), width=8, heads=2)
    model = Model.untrained(replace(kit.recipe, encoder=small), Store(store_path), seed=0)
    model.save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    values = json.loads(path.read_text())
    assert set(values["recipe"]) == {"data", "views", "encoder", "method", "train"}
    values["format"] = 1  # without checksums
    values["recipe"] |= {"linear": {"lr": 9.0, "gone": 1}, "renamed": {}}
    path.write_text(json.dumps(values | {"format": 1}))  # which had no checksums
    assert Model.load(tmp_path / "model").recipe.protocols == ProtocolSettings()


def test_what_it_will_take_is_said_before_it_starts(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    """Measured on a few clips; features of the trained and the untrained encoder of each seed are counted."""
    order: list[str] = []
    found: list[Estimate] = []

    def expect(estimate: Estimate) -> None:
        order.append("expected")
        found.append(estimate)

    run = kit.write_seeds(tmp_path / "run", 0, 1)
    evaluate(run, store_path, ["knn"], progress=lambda stage, _done, _of: order.append(stage), expect=expect)
    assert order[0] == "expected"
    assert (found[0].clips, found[0].seeds) == (72, 2)
    assert found[0].seconds > 0
    assert found[0].memory > 4 * 72 * (2 * 6 + 8 * 20 * 3)

"""Runs side by side: numbers known beforehand, and what must not be compared."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skelact.errors import FileError, UserError
from skelact.evaluation.protocols.protocol import Entry
from skelact.evaluation.results.build import Made, Truth, measured_entries
from skelact.evaluation.results.compare import Comparison, Difference, Reference, SeedTest, compare
from skelact.evaluation.results.files import write_files
from skelact.evaluation.results.results import Clips, Data, Environment, Results, cleaning_words
from skelact.evaluation.results.statistics import mcnemar, paired_bootstrap
from skelact.evaluation.results.stored import chosen_entries, read_results
from skelact.heads.labelled import Outcome, accuracy
from skelact.report.text import comparison_table
from skelact.report.words import p_value, signed
from skelact.settings import Recipe, override, recipe_to_dict

Right = Mapping[str, Mapping[str, Mapping[int, list[int]]]]  # entry, system, seed: 1 where a clip is right

TEN = [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]  # 60 %
WORSE = [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]  # 30 %: 4 that only TEN has, 1 that TEN has not
RAW = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]  # 40 %
USUAL: Right = {"linear": {"model": {0: TEN}, "untrained": {0: WORSE}, "raw": {0: RAW}}}
CLASSES = ("bow", "wave")
LABELS = np.array([1, 0] * 5)
TRUTH = Truth(tuple(f"clip-{k}" for k in range(10)), LABELS, CLASSES, np.zeros(10, dtype=bool))
DATA = Data(
    store="stores/people",
    dataset="people",
    skeleton="kinect20",
    mapped_to="",
    fingerprint="abc123",
    cleaning={"clean.persons": 2, "clean.scale": "none"},
    split="xview",
    hold_out="",
    clips=Clips(30, 10, {"bow": 5, "wave": 5}),
    duplicates=0,
    classes=CLASSES,
    most_frequent_class=0.5,
)
HERE = Environment("cpu", 2, 1, None, "Linux", "3.11", "2.6", "torch")


def outcome(right: list[int], episodes: int) -> Outcome:
    predicted = np.where(np.array(right, bool), LABELS, 1 - LABELS)
    scores = np.eye(2, dtype=np.float32)[predicted]
    several = np.repeat(predicted[None], episodes, axis=0) if episodes > 1 else None
    return Outcome(predicted, accuracy(predicted, LABELS), scores, episodes=several)


def write(
    run: Path,
    right: Right = USUAL,
    *,
    epochs: int = 150,
    lr: float = 0.1,
    caveats: tuple[str, ...] = (),
    version: str = "0.1.0",
    **change: Any,
) -> Path:
    """A run with results that fit together."""
    outcomes = {
        key: {
            name: {seed: outcome(one, 3 if key.startswith("few-shot") else 1) for seed, one in seeds.items()}
            for name, seeds in systems.items()
        }
        for key, systems in right.items()
    }
    settings = recipe_to_dict(override(Recipe(), (f"linear.lr={lr}",)))
    command, created = f"skelact evaluate {run} stores/people", "2026-01-02T03:04:05+00:00"
    seeds = tuple(next(iter(right.values()))["model"])
    data = replace(DATA, **change)
    results = Results(
        format=2,
        version=version,
        created=created,
        seconds=1.0,
        command=command,
        environment=HERE,
        run=str(run),
        method="scdnet",
        stream="joint",
        epochs=epochs,
        seeds=seeds,
        weights={str(seed): "digest" for seed in seeds},
        model={},
        members=(),
        data=data,
        caveats=caveats,
        protocols=measured_entries(
            {key: Entry(key) for key in right}, outcomes, TRUTH, Made(command, created, HERE, settings, {})
        ),
        settings=recipe_to_dict(Recipe(), protocols=False),
    )
    write_files(run / "evaluation" / (data.split + data.hold_out), results, TRUTH, outcomes)
    return run


def compared(*runs: Path, **options: Any) -> Comparison:
    return compare([read_results(run) for run in runs], **options)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """A run that is right on TEN and one that is right on WORSE."""
    other: Right = {"linear": {"model": {0: WORSE}, "untrained": {0: WORSE}, "raw": {0: RAW}}}
    return write(tmp_path / "a"), write(tmp_path / "b", other)


def test_every_run_stands_beside_the_first_and_the_best_baseline(two: tuple[Path, Path]) -> None:
    rows = compared(*two).protocols["linear"].rows
    assert [(row.run, row.system, row.value) for row in rows] == [
        (str(two[0]), "model", 0.6),
        (str(two[1]), "model", 0.3),
        (str(two[0]), "raw", 0.4),
    ]
    assert rows[0].versus is None
    versus = rows[1].versus
    assert versus.difference == pytest.approx(-0.3)
    test = mcnemar(np.array(WORSE, bool), np.array(TEN, bool))
    assert versus.seeds == {"0": SeedTest(1, 4, test.p)}
    low, high = versus.interval
    assert -0.75 < low < -0.5
    assert 0.0 < high < 0.2


def test_the_best_baseline_can_be_the_reference(two: tuple[Path, Path]) -> None:
    comparison = compared(*two, against="baseline").protocols["linear"]
    assert comparison.reference == Reference(str(two[0]), "raw", "raw coordinates")
    assert [row.versus and round(row.versus.difference, 9) for row in comparison.rows] == [
        0.2,
        -0.1,
        None,
    ]
    alone = compared(two[1], against="baseline").protocols["linear"]
    assert [row.versus and round(row.versus.difference, 9) for row in alone.rows] == [-0.1, None]


def test_several_seeds_give_the_difference_of_the_means(tmp_path: Path) -> None:
    a = write(tmp_path / "a", {"linear": {"model": {0: TEN, 1: RAW, 2: WORSE}}})
    b = write(tmp_path / "b", {"linear": {"model": {1: WORSE, 2: WORSE}}})
    comparison = compared(a, b)
    versus = comparison.protocols["linear"].rows[1].versus
    assert versus.difference == pytest.approx(0.3 - (0.6 + 0.4 + 0.3) / 3)
    assert list(versus.seeds) == ["1", "2"]
    assert versus.seeds["2"] == SeedTest(0, 0, 1.0)
    assert versus.interval[0] < versus.difference < versus.interval[1]
    assert f"Different seeds: 0, 1, 2 ({a}); 1, 2 ({b})." in comparison.caveats
    assert compared(a, b) == comparison, "the same results give the same intervals"


def test_keys_and_systems_are_taken_as_they_come(tmp_path: Path) -> None:
    """Few systems, entries of families, entries that one run lacks, entries without predictions."""
    a: Right = {"semi/1": {"model": {0: TEN}, "untrained": {0: RAW}}, "knn": {"model": {0: TEN}}}
    b: Right = {"semi/1": {"model": {0: WORSE}}, "semi/10": {"model": {0: TEN}}}
    runs = write(tmp_path / "a", a), write(tmp_path / "b", b)
    comparison = compared(*runs)
    assert list(comparison.protocols) == ["semi/1", "knn", "semi/10"]
    assert [row.name for row in comparison.protocols["semi/1"].rows] == [
        "trained encoder",
        "trained encoder",
        "untrained encoder",
    ]
    assert comparison.protocols["semi/10"].reference is None
    assert comparison.protocols["semi/10"].rows[0].versus is None
    assert list(comparison.caveats[-2:]) == [
        f"{runs[0]} was not measured by semi/10.",
        f"{runs[1]} was not measured by knn.",
    ]
    assert list(compared(*runs, protocols=["semi"]).protocols) == ["semi/1", "semi/10"]
    assert list(compared(*runs, protocols=["semi/10", "knn"]).protocols) == ["knn", "semi/10"]
    with pytest.raises(UserError, match="^unknown protocol in these results: 'linaer'. Known: knn, semi, "):
        chosen_entries([read_results(runs[0])], ["linaer"])


def test_protocols_that_are_missing_as_a_whole_are_told_by_their_name(tmp_path: Path) -> None:
    a: Right = {"knn": {"model": {0: TEN}}, "semi/1": {"model": {0: TEN}}, "semi/10": {"model": {0: RAW}}}
    b: Right = {"linear": {"model": {0: WORSE}}}
    runs = write(tmp_path / "a", a), write(tmp_path / "b", b)
    assert list(compared(*runs).caveats) == [
        f"{runs[0]} was not measured by linear.",
        f"{runs[1]} was not measured by knn, semi.",
    ]


def test_clips_that_were_asked_several_times_have_no_paired_test(tmp_path: Path) -> None:
    few: Right = {"few-shot/1": {"model": {0: TEN}}}
    runs = [write(tmp_path / name, few) for name in "ab"]
    versus = compared(*runs).protocols["few-shot/1"].rows[1].versus
    assert versus == Difference(0.0, None, {})
    assert "few-shot/1" in comparison_table(compared(*runs))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "movers"}, "the data set is people and movers"),
        ({"skeleton": "ntu25"}, "the skeleton is kinect20 and ntu25"),
        ({"split": "xsub"}, "the split is xview and xsub"),
        ({"hold_out": "camera=2"}, "the hold-out is none and camera=2"),
        (
            {"cleaning": {"clean.persons": 2, "clean.scale": "body"}, "fingerprint": "fff"},
            "the cleaning is persons=2, scale=none and persons=2, scale=body",
        ),
        (
            {"cleaning": {"clean": "ntu-agcn"}, "fingerprint": "fff"},
            "the cleaning is persons=2, scale=none and ntu-agcn",
        ),
        ({"fingerprint": "fff"}, "the fingerprint of the data is abc123 and fff"),
    ],
)
def test_what_was_measured_on_something_else_is_refused(
    change: dict[str, Any], message: str, two: tuple[Path, Path], tmp_path: Path
) -> None:
    other = write(tmp_path / "other", **change)
    with pytest.raises(UserError) as error:
        compared(*two, other)
    assert str(error.value) == (
        f"{two[0]} and {other} cannot be compared: {message}. Measure both on the same store and split"
    )


def test_other_test_clips_are_refused(two: tuple[Path, Path]) -> None:
    path = two[1] / "evaluation" / "xview" / "predictions.csv"
    whole = path.read_text()
    path.write_text(whole.replace("clip-3,bow,", "clip-3b,bow,"))
    with pytest.raises(
        UserError, match="test clip 4 is bow of clip-3 and bow of clip-3b. Measure both on the same"
    ):
        compared(*two)


def test_too_few_runs_and_the_same_twice_are_refused(two: tuple[Path, Path]) -> None:
    with pytest.raises(
        UserError, match="^name at least two runs to compare, or compare one with --against baseline$"
    ):
        compared(two[0])
    with pytest.raises(UserError, match="^name at least two runs"):
        compare([], against="baseline")
    with pytest.raises(UserError, match=r"a/\. is named twice$|a is named twice$"):
        compared(two[0], two[1], two[0].parent / "b" / ".." / "a")


def test_predictions_of_another_measurement_are_refused(two: tuple[Path, Path]) -> None:
    """A paired test on old predictions would say something of other numbers."""
    folder = two[1] / "evaluation" / "xview"
    path = folder / "predictions.csv"
    whole = path.read_text()
    lines = whole.splitlines()
    lines[1] = lines[1].replace("wave,wave", "wave,bow", 1)
    path.write_text("\n".join(lines))
    with pytest.raises(FileError) as error:
        compared(*two)
    assert str(error.value) == (
        f"{path}: linear/model/seed-0 is right for a share of 0.2000, results.json says 0.3000. "
        "Measure the run again"
    )
    path.write_text(whole.replace("linear/model/seed-0", "linear/model/seed-7"))
    with pytest.raises(FileError, match="results.json says nothing of it"):
        compared(*two)
    for part in (
        whole[:40],
        whole.splitlines()[0],
        whole.rsplit(",", 1)[0],
    ):  # of head and rows
        path.write_text(part)
        with pytest.raises(FileError, match="not a complete table of predictions"):
            compared(*two)
    path.unlink()
    with pytest.raises(FileError, match="predictions.csv: not found. Measure the run again"):
        compared(*two)


def test_what_else_differs_is_noted(two: tuple[Path, Path], tmp_path: Path) -> None:
    other = write(tmp_path / "c", epochs=60, lr=2.0, version="0.2.0", caveats=("Seen.", "All."))
    third = write(tmp_path / "d", caveats=("All.",))
    assert list(compared(third, other).caveats) == [
        f"Different epochs of training: 150 ({third}); 60 ({other}).",
        f"Different versions of skelact: 0.1.0 ({third}); 0.2.0 ({other}).",
        f"Different settings linear.lr: 0.1 ({third}); 2.0 ({other}).",
        "All.",
        f"{other}: Seen.",
    ]
    assert list(compared(*two).caveats) == []


def test_settings_of_protocols_that_were_not_used_are_not_noted(tmp_path: Path) -> None:
    near: Right = {"knn": {"model": {0: TEN}}}
    runs = write(tmp_path / "a", near), write(tmp_path / "b", near, lr=5.0)
    assert list(compared(*runs).caveats) == []


def test_the_table(two: tuple[Path, Path]) -> None:
    lines = comparison_table(compared(*two)).splitlines()
    assert lines[:2] == [
        "people, xview: 10 test clips, accuracy in %, mean ± deviation over seeds [95 % interval]",
        "",
    ]
    first, second, third, fourth = (line.split("  ") for line in lines[2:])
    assert [word.strip() for word in first if word.strip()] == [
        "linear",
        "accuracy",
        "difference",
        "McNemar p, seed by seed",
    ]
    assert [word.strip() for word in second if word] == [str(two[0]), "60.0", "[31.3, 83.2]", "reference"]
    assert second[0] == str(two[0])
    cells = [word.strip() for word in third if word.strip()]
    assert cells[:4] == [str(two[1]), "30.0", "[10.8, 60.3]", "−30.0"]
    assert cells[5:] == ["0.375"]
    assert fourth[0] == f"best baseline: raw coordinates ({two[0]})"
    assert len({line.index("[") for line in lines[3:]}) == 1, "columns are aligned"


def test_which_results_of_a_run_are_read(tmp_path: Path) -> None:
    run = write(tmp_path / "run")
    assert read_results(run).folder == run / "evaluation" / "xview"
    assert read_results(run / "evaluation" / "xview").results.run == str(run)
    write(run, split="xview", hold_out="camera=2")
    assert read_results(run, "xview", "").results.data.hold_out == ""
    assert read_results(run, hold_out="camera=2").results.data.hold_out == "camera=2"
    several = "run was measured on several splits; choose one with --split and --hold-out: "
    with pytest.raises(UserError, match=f"{several}xview; xview, held out camera=2$"):
        read_results(run)
    with pytest.raises(UserError, match="run was not measured with --split xsub. It has: xview; xview, held out"):
        read_results(run, "xsub")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty has no results.json. Measure it: skelact evaluate .*empty STORE$"):
        read_results(tmp_path / "empty")
    with pytest.raises(UserError, match="^run .*nowhere not found$"):
        read_results(tmp_path / "nowhere")
    other = write(tmp_path / "old")
    path = other / "evaluation" / "xview" / "results.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 7'))
    with pytest.raises(
        FileError, match="results.json: format 7, this version reads format 2. Measure the run again"
    ):
        read_results(other)
    (other / "evaluation" / "xview" / "results.json").write_text("{")
    with pytest.raises(FileError, match=r"results.json: not JSON \(.*\). Measure the run again"):
        read_results(other)


def test_the_bootstrap_agrees_with_drawing_clips_one_by_one() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 80)) < np.array([[0.7], [0.5]])
    found = paired_bootstrap(first.astype(float), second.astype(float), np.random.default_rng(1), 20_000)
    rows = rng.integers(80, size=(20_000, 80))
    means = (first[rows].mean(axis=1) - second[rows].mean(axis=1)).astype(float)
    assert found.value == pytest.approx(first.mean() - second.mean())
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, (0.025, 0.975))), abs=0.013)


def test_the_bootstrap_is_paired() -> None:
    """Clips that both have wrong do not widen the interval; equal predictions have no spread at all."""
    same = np.random.default_rng(0).random(50)
    nothing = paired_bootstrap(same, same, np.random.default_rng(0))
    assert (nothing.value, nothing.low, nothing.high) == (0.0, 0.0, 0.0)


def test_the_bootstrap_covers_as_often_as_it_says() -> None:
    rng, hits = np.random.default_rng(0), 0
    for _ in range(200):
        first, second = rng.random((2, 150)) < np.array([[0.6], [0.5]])
        found = paired_bootstrap(first.astype(float), second.astype(float), rng, 400)
        hits += found.low <= 0.1 <= found.high
    assert 178 <= hits <= 199


def test_words() -> None:
    assert [signed(share) for share in (0.0321, -0.0321, 0.0)] == ["+3.2", "−3.2", "+0.0"]
    assert [p_value(p) for p in (0.0, 0.00099, 0.0312, 1.0)] == ["<0.001", "<0.001", "0.031", "1.000"]
    assert cleaning_words({"clean.trim": True, "clean.fill_seconds": 0.5}) == "trim=true, fill_seconds=0.5"
    assert cleaning_words({"clean": "none", "preprocessing": "agcn"}) == "none, preprocessing=agcn"
    assert cleaning_words({}) == "unknown"

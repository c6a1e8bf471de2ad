"""Late fusion: sums written out, and what must not be added is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.cli import run as skelact
from skelact.errors import FileError, UserError
from skelact.evaluation import evaluate
from skelact.evaluation.results.build import Truth
from skelact.evaluation.results.compare import compare
from skelact.evaluation.results.files import read_results_file, read_scores
from skelact.evaluation.results.fuse import fuse, fused_scores
from skelact.evaluation.results.stored import Stored, read_results
from skelact.report.text import text_table

pytestmark = pytest.mark.usefixtures("fake_model")
SETTINGS = ("semi.percent=[50]",)


def member(kit: SimpleNamespace, folder: Path, store: Path, stream: str, *seeds: int, **how: object) -> Stored:
    """An evaluated run; its seeds are its own, so that members see different noise."""
    recipe = replace(kit.recipe, data=replace(kit.recipe.data, stream=stream))
    words = {"protocols": ["linear", "knn", "semi", "few-shot"], "settings": SETTINGS} | how
    evaluate(kit.write_seeds(folder / stream, *seeds, recipe=recipe), store, **words)
    return read_results(folder / stream)


@pytest.fixture
def three(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> list[Stored]:
    return [member(kit, tmp_path, store_path, stream, 0, 1) for stream in ("joint", "bone", "motion")]


def test_scores_are_written_as_they_were(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    evaluation = evaluate(kit.write_seeds(tmp_path / "run", 0, 2), store_path, ["linear", "knn", "few-shot"])
    found = read_scores(evaluation.folder / "scores.npz")
    assert list(found.scores) == [
        f"{entry}/{system}/seed-{seed}"
        for entry in ("linear", "knn")
        for system in ("model", "untrained", "raw")
        for seed in (0, 2)
    ]
    assert found.scores["knn/raw/seed-2"].dtype == np.float32
    assert found.scores["knn/raw/seed-2"].tobytes() == evaluation.outcomes["knn"]["raw"][2].scores.tobytes()
    rows = evaluation.split.test
    assert list(found.truth.names) == evaluation.store.columns["name"][rows].tolist()
    assert found.truth.labels.tolist() == evaluation.store.labels[rows].tolist()
    assert found.truth.classes == kit.classes


def test_the_fused_answer_is_the_weighted_sum_written_out(three: list[Stored], tmp_path: Path) -> None:
    written, folder = fuse(three, tmp_path / "fused", weights=(0.6, 0.6, 0.4))
    assert folder == tmp_path / "fused" / "evaluation" / "xview"
    assert list(written.results.protocols) == ["linear", "knn", "semi/50"]
    scores = [read_scores(one.folder / "scores.npz") for one in three]
    labels = scores[0].truth.labels
    for entry in ("linear", "knn", "semi/50"):
        for system in ("model", "untrained", "raw"):
            for seed in ("0", "1"):
                total = np.zeros((24, 3))
                for weight, one in zip((0.6, 0.6, 0.4), scores, strict=True):
                    values = one.scores[f"{entry}/{system}/seed-{seed}"].astype(float)
                    if entry != "knn":
                        values = np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)
                    total += weight * values
                expected = float((total.argmax(axis=1) == labels).mean())
                assert written.results.protocols[entry].systems[system].seeds[seed] == expected
    assert [one.weight for one in written.results.members] == pytest.approx([0.375, 0.375, 0.25])
    assert [one.stream for one in written.results.members] == ["joint", "bone", "motion"]
    expected = three[1].entries["knn"].systems["raw"].value
    assert written.results.members[1].values["knn"]["raw"] == expected
    assert written.results.command == (
        f"skelact fuse {three[0].run} {three[1].run} {three[2].run} --split xview --weights 0.6,0.6,0.4 "
        f"-o {tmp_path / 'fused'}"
    )


def test_different_noise_averages_out(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    """Untrained stand-ins see nothing but noise; trained ones see the label through noise that differs by seed."""
    members = []
    for number in range(4):
        folder = tmp_path / str(number)
        evaluate(kit.write_seeds(folder, number), store_path, ["knn"])
        results = json.loads((folder / "evaluation/xview/results.json").read_text())
        text = (folder / "evaluation/xview/results.json").read_text().replace(f'"{number}": ', '"0": ')
        results = json.loads(text) | {"seeds": [0]}
        (folder / "evaluation/xview/results.json").write_text(json.dumps(results))
        found = read_scores(folder / "evaluation/xview/scores.npz")
        arrays = {f"scores/{name.replace(f'seed-{number}', 'seed-0')}": v for name, v in found.scores.items()}
        np.savez(
            folder / "evaluation/xview/scores.npz",
            names=np.array(found.truth.names),
            labels=found.truth.labels,
            classes=np.array(found.truth.classes),
            duplicates=found.truth.duplicates,
            **arrays,
        )
        members.append(read_results(folder))
    written, _ = fuse(members, tmp_path / "fused")
    values = [one.entries["knn"].systems["model"].value for one in members]
    assert written.results.protocols["knn"].systems["model"].value >= max(values)


def test_fused_results_are_compared_and_shown_like_any(three: list[Stored], tmp_path: Path) -> None:
    written, folder = fuse(three, tmp_path / "fused")
    assert written.results == read_results_file(folder / "results.json")
    stored = read_results(tmp_path / "fused")
    compared = compare([stored, three[0]])
    assert [row.system for row in compared.protocols["linear"].rows][:2] == ["model", "model"]
    table = text_table(written.results)
    assert "linear probe, 50 % of the labels" in table
    assert written.results.method == "scdnet joint + scdnet bone + scdnet motion"
    assert written.results.every_caveat[0] == (
        f"Scores of 3 runs, added with these weights: {three[0].run} (0.333), {three[1].run} (0.333), "
        f"{three[2].run} (0.333)."
    )


def test_equal_members_answer_as_one_and_order_does_not_matter(three: list[Stored], tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(three[0].run, again)
    same, _ = fuse([three[0], read_results(again)], tmp_path / "same")
    for key in ("linear", "knn"):
        for system, values in same.results.protocols[key].systems.items():
            assert values.seeds == three[0].entries[key].systems[system].seeds
    there, _ = fuse(three, tmp_path / "there", weights=(1, 2, 3))
    back, _ = fuse(three[::-1], tmp_path / "back", weights=(30, 20, 10))
    ours, theirs = ({k: e.systems for k, e in one.results.protocols.items()} for one in (there, back))
    assert ours == theirs


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.floats(0.01, 100))
def test_only_the_ratio_of_weights_and_no_offset_of_logits_matters(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, 6, 4)).astype(np.float32)
    plain = fused_scores([first, second], [0.5, 0.5], "softmax")
    np.testing.assert_allclose(plain.sum(axis=1), 1, atol=1e-6)
    moved = fused_scores([first + np.float32(scale), second], [0.5, 0.5], "softmax")
    np.testing.assert_allclose(moved, plain, atol=1e-4)
    alone = fused_scores([first, second], [1, 0], "softmax")
    assert alone.argmax(axis=1).tolist() == first.argmax(axis=1).tolist()


def test_what_must_not_be_added_is_refused(
    kit: SimpleNamespace, store_path: Path, three: list[Stored], tmp_path: Path
) -> None:
    joint, bone, _ = three
    seeds = member(kit, tmp_path / "s", store_path, "joint", 0)
    knn = member(kit, tmp_path / "k", store_path, "joint", 0, 1, settings=("knn.k=3", *SETTINGS))
    few = member(kit, tmp_path / "f", store_path, "joint", 0, 1, protocols=["knn"])
    shots = member(kit, tmp_path / "e", store_path, "joint", 0, 1, protocols=["few-shot"])
    held = member(kit, tmp_path / "h", store_path, "joint", 0, 1, hold_out="camera=2")
    alike = "Measure both on the same store and split, with the same seeds"
    refused: list[tuple[list[Stored], tuple[float, ...], str]] = [
        ([joint], (), "name at least two runs to fuse"),
        ([joint, joint], (), f"run {joint.run} is named twice"),
        ([joint, bone], (1.0,), "1 weights for 2 runs: name one for each, in their order"),
        ([joint, bone], (1.0, -1.0), "weights must be 0 or more and not all 0, got 1, -1"),
        ([joint, bone], (0.0, 0.0), "weights must be 0 or more and not all 0, got 0, 0"),
        ([joint, seeds], (), f"{joint.run} and {seeds.run} cannot be fused: the seeds are 0, 1 and 0. {alike}"),
        (
            [joint, held],
            (),
            f"{joint.run} and {held.run} cannot be fused: the hold-out is none and camera=2. {alike}",
        ),
        (
            [joint, knn],
            (),
            f"{joint.run} and {knn.run} cannot be fused by knn: they were measured with other settings knn.*. "
            "Measure both with the same",
        ),
        (
            [joint, few],
            (),
            f"{few.run} was not measured by linear. Measure it with --protocol linear, or fuse others with "
            "--protocol",
        ),
        (
            [shots, few],
            (),
            f"{shots.run}: nothing that can be fused was measured. Measure it with --protocol linear,knn",
        ),
    ]
    for members, weights, message in refused:
        with pytest.raises(UserError) as error:
            fuse(members, tmp_path / "out", weights)
        assert str(error.value) == message
    with pytest.raises(UserError) as error:
        fuse([joint, bone], joint.run)
    assert str(error.value) == f"-o {joint.run} is one of the runs to fuse; choose another folder"
    assert not (tmp_path / "out").exists()
    assert list(fuse([joint, few], tmp_path / "out", protocols=["knn"])[0].results.protocols) == ["knn"]


def test_other_data_or_other_clips_are_refused(kit: SimpleNamespace, three: list[Stored], tmp_path: Path) -> None:
    people = [
        kit.person(label, camera, number) for camera in (1, 3) for number in range(8) for label in kit.classes
    ]
    other = member(kit, tmp_path / "o", kit.write_store(tmp_path / "store", people), "joint", 0, 1)
    with pytest.raises(UserError, match="cannot be fused: the fingerprint of the data is"):
        fuse([three[0], other], tmp_path / "out")
    path = three[1].folder / "scores.npz"
    found = read_scores(path)
    moved = Truth(found.truth.names[::-1], found.truth.labels, found.truth.classes, found.truth.duplicates)
    with np.load(path) as arrays:
        np.savez(path, **{**arrays, "names": np.array(moved.names)})
    with pytest.raises(UserError, match="cannot be fused: their test clips or classes differ"):
        fuse(three, tmp_path / "out")


def test_scores_that_do_not_belong_to_their_results_are_refused(three: list[Stored], tmp_path: Path) -> None:
    path = three[1].folder / "scores.npz"
    with np.load(path) as file:
        arrays = dict(file)
    arrays["scores/linear/model/seed-1"] = -arrays["scores/linear/model/seed-1"]
    np.savez(path, **arrays)
    with pytest.raises(FileError) as error:
        fuse([read_results(one.run) for one in three], tmp_path / "out")
    assert str(error.value) == (
        f"{path}: linear/model/seed-1 does not give the accuracy that results.json has. Measure the run again"
    )
    whole = path.read_bytes()
    for damaged in (
        b"no zip",
        whole[:-40],
        whole.replace(b"'shape'", b"'shapf'"),
        whole.replace(b"(24,", b"(9999,"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(FileError, match="not a complete file of scores"):
            fuse([read_results(one.run) for one in three], tmp_path / "out")
    path.unlink()
    with pytest.raises(FileError) as error:
        fuse([read_results(one.run) for one in three], tmp_path / "out")
    assert str(error.value) == f"{path}: not found. Measure the run again"


def test_the_command_prints_the_table_and_its_own_line_repeats_it(
    three: list[Stored], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [str(one.run) for one in three]
    assert skelact(["fuse", *runs, "--weights", "2,1,1", "--protocol", "knn", "-o", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "people, xview: 24 test clips, accuracy in %, mean ± deviation of 2 seeds [95 % interval]"
    assert shown[-1] == str(tmp_path / "out" / "evaluation" / "xview" / "results.json")
    first = json.loads(Path(shown[-1]).read_text())
    assert skelact([*first["command"].split()[1:], "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["protocols"]["knn"]["systems"] == first["protocols"]["knn"]["systems"]
    assert skelact(["fuse", *runs, "--weights", "a,b", "-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        "skelact: --weights a,b: expected numbers separated by commas, such as 0.6,0.6,0.4\n"
    )

"""Measured on another store than trained on, with the same skeleton and with another."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from skelact.errors import UserError
from skelact.evaluation import evaluate
from skelact.report.html import write_report
from skelact.report.text import text_table
from skelact.sequences.mapped import MappedStore
from skelact.skeletons import KINECT20, NTU25

pytestmark = pytest.mark.usefixtures("fake_model")


@pytest.fixture
def ntu_store(kit: SimpleNamespace, tmp_path: Path) -> Path:
    people = [kit.person(label, c, k, NTU25) for c in (1, 3) for k in range(6) for label in kit.classes]
    path: Path = kit.write_store(tmp_path / "ntu", people)
    return path


def test_what_was_trained_on_and_measured_on_is_reported(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    run = kit.write_run(tmp_path / "run", fingerprint="another", dataset="nw-ucla")
    evaluation = evaluate(run, store_path, ["knn"], "xview")
    assert evaluation.results.model["dataset"] == "nw-ucla"
    assert evaluation.results.data.dataset == "people"
    assert evaluation.results.every_caveat == ["The encoder was trained on nw-ucla, and is measured on people."]
    assert text_table(evaluation.results).startswith(
        "trained on nw-ucla, measured on people, xview: 24 test clips"
    )
    assert "Trained on nw-ucla" in write_report(evaluation).read_text()


def test_another_skeleton_is_refused_with_a_hint(kit: SimpleNamespace, ntu_store: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        evaluate(kit.write_run(tmp_path / "run"), ntu_store, ["knn"])
    assert str(error.value) == (
        f"the model expects skeleton kinect20 (20 joints), {ntu_store} holds ntu25 (25). "
        "--map-joints maps joints by their names"
    )


def test_another_skeleton_is_mapped_where_asked(kit: SimpleNamespace, ntu_store: Path, tmp_path: Path) -> None:
    run = kit.write_run(tmp_path / "run")
    evaluation = evaluate(run, ntu_store, ["knn", "linear"], map_joints=True)
    assert isinstance(evaluation.store, MappedStore)
    results = evaluation.results
    assert (results.data.skeleton, results.data.mapped_to) == ("ntu25", "kinect20")
    assert results.every_caveat == [
        "Joints of ntu25 were mapped by their names to kinect20, which the encoder was trained on."
    ]
    assert results.command.endswith("--split xview --map-joints")
    assert evaluation.store.positions(0).shape[2] == len(KINECT20)
    assert np.isfinite(results.protocols["linear"].systems["raw"].value)
    write_report(evaluation)  # draws mapped clips


def test_mapping_a_store_of_the_same_skeleton_changes_nothing(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    run = kit.write_run(tmp_path / "run")
    plain, asked = (evaluate(run, store_path, ["knn"], map_joints=asked).results for asked in (False, True))
    assert plain.protocols["knn"].systems == asked.protocols["knn"].systems
    assert plain.command == asked.command

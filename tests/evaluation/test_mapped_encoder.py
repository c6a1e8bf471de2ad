"""A real encoder on clips of another skeleton."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from skelact.evaluation import evaluate
from skelact.models import Model
from skelact.sequences.mapped import MappedStore
from skelact.sequences.store import Store
from skelact.settings import SCDNetEncoderSettings
from skelact.skeletons import KINECT20, SBU15

SMALL = SCDNetEncoderSettings(graph_widths=(4, 8, 4), width=8, heads=2, graph_gain=1.0)


def test_an_encoder_measures_clips_of_another_skeleton(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    people = [kit.person(label, c, k, SBU15) for c in (1, 3) for k in range(4) for label in kit.classes]
    other = kit.write_store(tmp_path / "sbu", people)
    recipe = replace(kit.recipe, encoder=SMALL)
    model = Model.untrained(recipe, Store(store_path), seed=0)
    model.save(tmp_path / "model")
    results = evaluate(
        tmp_path / "model",
        other,
        ["knn", "robust", "finetune"],
        settings=(
            "finetune.epochs=1",
            "finetune.batch=4",
            "robust.joints=[0.5]",
            "robust.frames=[]",
        ),
        map_joints=True,
    ).results
    assert results.every_caveat == [
        "The encoder was trained on another store of people than it is measured on: whether test clips were among "
        "its clips is not known.",
        "Joints of sbu15 were mapped by their names to kinect20, which the encoder was trained on.",
    ]
    # By hand: the features of the mapped clips.
    mapped = MappedStore(other, KINECT20)
    train, test = (model.embed(mapped, rows).astype(float) for rows in mapped.parts("xview"))
    cosine = (test / np.linalg.norm(test, axis=1)[:, None]) @ (train / np.linalg.norm(train, axis=1)[:, None]).T
    rows_train, rows_test = mapped.parts("xview")
    said = mapped.labels[rows_train][cosine.argmax(axis=1)]
    expected = float((said == mapped.labels[rows_test]).mean())
    best = np.sort(cosine, axis=1)[:, -2:]
    assert (best[:, 1] - best[:, 0] > 1e-5).all()  # so that rounding decides nowhere
    assert results.protocols["knn"].systems["model"].value == expected

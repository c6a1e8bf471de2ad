"""Which folders are a run, and what is said of those that are not."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from skelact.errors import FileError, UserError
from skelact.evaluation.runs import load_models, protocol_settings, run_folders
from skelact.settings import ProtocolSettings

pytestmark = pytest.mark.usefixtures("fake_model")


def test_a_run_of_one_seed_is_itself(kit: SimpleNamespace, tmp_path: Path) -> None:
    run = kit.write_run(tmp_path / "run")
    assert run_folders(run) == [run]
    assert [model.recipe for model in load_models(run, [0])] == [replace(kit.recipe, protocols=ProtocolSettings())]


def test_seeds_come_in_their_order_as_numbers(kit: SimpleNamespace, tmp_path: Path) -> None:
    run = kit.write_seeds(tmp_path / "run", 10, 2, 0)
    assert [folder.name for folder in run_folders(run)] == ["seed-0", "seed-2", "seed-10"]
    assert [model.recipe.train.seed for model in load_models(run, [10, 0])] == [0, 10]


def refused(run: Path, *seeds: int) -> str:
    with pytest.raises(UserError) as error:
        load_models(run, seeds)
    return str(error.value)


def test_what_is_no_finished_run_is_refused(kit: SimpleNamespace, tmp_path: Path) -> None:
    assert refused(tmp_path / "no") == f"run {tmp_path / 'no'} not found"
    assert refused(tmp_path) == (
        f"{tmp_path} is no run and no model: it holds neither model.json nor folders seed-0, seed-1 ..."
    )
    (tmp_path / "config.toml").write_text("")
    assert refused(tmp_path) == (
        f"run {tmp_path} has no model.json, so its training has not finished. "
        "Continue it with skelact pretrain ... --resume"
    )
    run = kit.write_seeds(tmp_path / "run", 0, 1, 2)
    (run / "seed-1" / "model.json").unlink()
    assert refused(run) == (
        f"run {run}: seed-1 has no model.json, so its training has not finished. Continue it "
        "with skelact pretrain ... --resume, or choose the others with --seeds"
    )
    assert len(load_models(run, [0, 2])) == 2


def test_a_seed_that_is_not_there_is_refused(kit: SimpleNamespace, tmp_path: Path) -> None:
    many, one = kit.write_seeds(tmp_path / "many", 0, 1), kit.write_run(tmp_path / "one")
    assert refused(many, 0, 4, 3) == f"run {many} has no seed 3, 4. Seeds: 0, 1"
    assert refused(one, 0, 7) == f"run {one} has no seed 7. Seeds: 0"


def test_seeds_of_different_settings_are_refused(kit: SimpleNamespace, tmp_path: Path) -> None:
    run = kit.write_seeds(tmp_path / "run", 0)
    other = replace(kit.recipe, train=replace(kit.recipe.train, seed=1, epochs=3))
    kit.write_run(run / "seed-1", other)
    assert refused(run) == (
        "seeds 0 and 1 were trained with different settings, so they have no common mean: "
        "train.epochs is 451 and 3"
    )


def test_how_a_run_is_measured_comes_from_its_config(kit: SimpleNamespace, tmp_path: Path) -> None:
    run = kit.write_run(tmp_path / "run")
    assert protocol_settings(run) == (kit.recipe.protocols, [])
    (run / "config.toml").unlink()
    assert protocol_settings(run) == (ProtocolSettings(), [])


def test_settings_of_another_version_are_left_out_and_named(kit: SimpleNamespace, tmp_path: Path) -> None:
    run = kit.write_run(tmp_path / "run")
    path = run / "config.toml"
    text = path.read_text().replace("[linear]\n", "[linear]\nrate = 3.0\n").replace("k = 1\n", "k = -4\n")
    path.write_text(text + "\n[nearest]\nk = 3\n")
    found, caveats = protocol_settings(run)
    assert found == kit.recipe.protocols
    assert caveats == [
        f"The setting {name} of config.toml is not one of this version and was left out."
        for name in ("linear.rate", "knn.k", "nearest.k")
    ]


def test_a_damaged_config_is_one_sentence(kit: SimpleNamespace, tmp_path: Path) -> None:
    run = kit.write_run(tmp_path / "run")
    for damaged in (b"[linear", b"\xff\xfe", b"x = " + b"[" * 5000, b"x = " + b"9" * 5000):
        (run / "config.toml").write_bytes(damaged)
        with pytest.raises(FileError, match=r"config.toml: not TOML \(.*\). It says how the run was trained"):
            protocol_settings(run)

"""Recipes can be read, say what they are for, and agree with the documents."""

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skelact import cli
from skelact.datasets import get_dataset
from skelact.demo import SETTINGS
from skelact.encoders import build_encoder
from skelact.evaluation import PROTOCOLS
from skelact.methods import build_method
from skelact.settings import (
    DEFAULT_RECIPE,
    DataSettings,
    KnnSettings,
    LinearSettings,
    Recipe,
    SCDNetEncoderSettings,
    SCDNetSettings,
    TrainSettings,
    ViewSettings,
    load_recipe,
    recipe_header,
    recipe_names,
    recipe_text,
)
from skelact.skeletons import NTU25

CHECKOUT = Path(__file__).resolve().parents[1]
PUBLISHED = [("ntu60", "xsub"), ("ntu60", "xview"), ("ntu120", "xsub"), ("ntu120", "xset")]
PUBLISHED += [("pku-mmd1", "xsub"), ("pku-mmd2", "xsub")]
STREAMS = ("joint", "bone", "motion")


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_can_be_read_and_says_how_it_is_used(name: str) -> None:
    header, comment = recipe_header(name), recipe_text(name).split("\n[")[0]
    for word in ("# Command:", "# Hardware:", "# Expected:"):
        assert word in comment
    assert header.about.endswith(".")
    assert header.hardware
    assert header.expected
    used = [command for command in header.commands if f"-c {name}" in command]
    assert len(used) == 1, "the header names the command"


@pytest.mark.parametrize("name", recipe_names())
def test_the_commands_of_a_header_can_be_typed(name: str) -> None:
    for command in recipe_header(name).commands:
        words = shlex.split(command)
        assert words[0] == "skelact"
        arguments = parsed(words[1:])
        if words[1] == "pretrain":
            assert arguments["recipe"] == name


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_names_an_encoder_that_its_method_can_train(name: str) -> None:
    recipe = load_recipe(name, ("encoder.width=16",) if name == "scdnet-paper" else ())
    encoder = build_encoder(NTU25, 2, recipe.data.frames, 3, recipe.encoder)
    assert build_method(encoder, recipe, classes=3).encoder is encoder


def test_the_demo_is_the_small_recipe_but_for_its_length() -> None:
    """One fact, one place: the demo has no settings of its own beside the split of its people."""
    small, demo = load_recipe("small"), load_recipe(DEFAULT_RECIPE, SETTINGS)
    assert small == replace(
        demo, data=replace(demo.data, split=""), train=replace(demo.train, epochs=small.train.epochs)
    )


def test_moco_is_what_was_published() -> None:
    """Li et al., CVPR 2021, sec. 4.2."""
    recipe = load_recipe("moco")
    assert (recipe.encoder.name, recipe.method.name) == ("st_gcn", "moco")
    train = recipe.train
    assert (train.epochs, train.batch, train.optimizer, train.lr) == (300, 128, "sgd", 0.1)
    assert (train.momentum, train.weight_decay, train.schedule, train.milestones) == (0.9, 1e-4, "step", (250,))
    assert "68.3" in recipe_header("moco").expected
    assert "76.4" in recipe_header("moco").expected


def cells() -> list[dict[str, str]]:
    """The rows of the table of published cells, by column."""
    text = (CHECKOUT / "docs" / "recipes.md").read_text(encoding="utf-8")
    table = re.search(r"^\| set \|.*?(?=\n\n)", text, re.M | re.S)
    assert table
    head, _, *rows = [[word.strip() for word in line.strip("|").split("|")] for line in table[0].splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


def parsed(words: list[str]) -> dict[str, Any]:
    """What a command would be called with; nothing is run."""
    _, bound, *_ = cli.app.parse_args(words, exit_on_error=False, print_error=False)
    bound.apply_defaults()
    return dict(bound.arguments)


def cell_id(row: dict[str, str]) -> str:
    return f"{row['set']} {row['split']} {row['stream']}"


@pytest.mark.parametrize("row", cells(), ids=cell_id)
def test_the_command_of_a_published_cell_means_that_cell(
    row: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CHECKOUT)
    pretrain, evaluate = (shlex.split(words) for words in row["command"].strip("`").split(" && "))
    assert [words[:2] for words in (pretrain, evaluate)] == [["./skelact", "pretrain"], ["./skelact", "evaluate"]]
    training, measuring = parsed(pretrain[1:]), parsed(evaluate[1:])
    recipe = load_recipe(training["recipe"], (f"data.split={training['split']}", *training["settings"]))
    assert recipe == Recipe(  # the defaults are the paper's settings
        data=DataSettings(split=row["split"], persons=2, stream=row["stream"]),  # type: ignore[arg-type]
    )
    dataset = get_dataset(training["store"].name)
    assert (dataset.name, row["split"]) in PUBLISHED
    assert row["split"] in dataset.splits
    assert (measuring["store"], measuring["run"]) == (training["store"], training["out"])
    assert [measuring[name] for name in ("split", "hold_out", "settings")] == [None, None, ()]
    assert measuring["protocol"] == "linear,knn"
    assert set(measuring["protocol"].split(",")) <= set(PROTOCOLS)


def test_the_defaults_are_the_settings_of_the_paper() -> None:
    assert DataSettings().frames == 64
    views = ViewSettings()
    assert (views.min_crop, views.min_frames, views.probability, views.rotate_degrees) == (0.1, 64, 0.5, 30.0)
    assert (views.shear, views.mirror, views.upright, views.block_frames, views.hidden_blocks) == (
        *(1.0, True, False),
        *(4, 0.375),
    )
    assert SCDNetEncoderSettings() == SCDNetEncoderSettings(
        "scdnet", (64, 256, 64), "joint", 1e-6, width=2048, heads=8, layers=1, dropout=0.1
    )
    method = SCDNetSettings()
    assert (method.temperature, method.queue, method.momentum, method.projection) == (0.2, 8192, 0.999, 128)
    train = TrainSettings()
    assert (train.epochs, train.batch, train.optimizer, train.lr, train.momentum) == (451, 64, "sgd", 0.01, 0.9)
    assert (train.weight_decay, train.schedule, train.milestones) == (1e-4, "step", (351,))
    linear = LinearSettings()
    assert (linear.lr, linear.momentum, linear.weight_decay, linear.batch) == (2.0, 0.9, 0.0, 1024)
    assert (linear.epochs, linear.milestones, linear.standardize) == (80, (50, 70), False)
    assert KnnSettings().k == 1


def test_every_published_cell_has_its_command_and_a_run_of_its_own() -> None:
    found = [
        (re.search(r"stores/(\S+)", row["command"])[1], row["split"], row["stream"])  # type: ignore[index]
        for row in cells()
    ]
    assert found == [(*cell, stream) for cell in PUBLISHED for stream in STREAMS]
    assert len({re.search(r"-o (\S+)", row["command"])[1] for row in cells()}) == len(found)  # type: ignore[index]


@pytest.mark.real
def test_the_expected_numbers_are_those_that_were_verified_and_no_others(shared: Path) -> None:
    text = (shared / "facts" / "scdnet.md").read_text(encoding="utf-8")
    verified = {
        name: [word.strip() or "–" for word in re.search(rf"^\| {name} \|(.*)\|$", text, re.M)[1].split("|")]  # type: ignore[index]
        for name in ("linear", "1-NN retrieval")
    }
    assert len(verified["linear"]) == len(PUBLISHED)
    for number, row in enumerate(cells()):
        expected = row["linear"], row["1-NN"]
        joint = (verified["linear"][number // 3], verified["1-NN retrieval"][number // 3])
        assert expected == (joint if row["stream"] == "joint" else ("–", "–")), cell_id(row)
        assert row["source"] == ("paper" if row["stream"] == "joint" else "none verified")
        assert row["status"] == "not rerun"


def test_every_fused_run_is_made_of_rows_of_the_table() -> None:
    """The loop of fuse commands names runs that the table's commands make, all of them."""
    text = (CHECKOUT / "docs" / "recipes.md").read_text(encoding="utf-8")
    loop = re.search(r"^for cell in (.*); do\n    \./skelact (fuse .*)\ndone$", text, re.M)
    assert loop
    made = {word for row in cells() for word in re.findall(r"-o (runs/\S+)", row["command"])}
    taken = set()
    for one in loop[1].split():
        arguments = parsed(shlex.split(loop[2].replace("$cell", one)))
        assert str(arguments["out"]) == f"runs/{one}-fused"
        taken |= {str(run) for run in arguments["runs"]}
    assert taken == made

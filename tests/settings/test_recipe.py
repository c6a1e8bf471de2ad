"""Settings: what a recipe may say, what it says when it may not, and that it is written as it is read."""

import dataclasses
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.errors import UserError
from skelact.settings import (
    PROTOCOL_TABLES,
    DataSettings,
    EncoderSettings,
    KnnSettings,
    LinearMapSettings,
    LinearSettings,
    MethodSettings,
    MoCoSettings,
    ProtocolSettings,
    Recipe,
    SCDNetEncoderSettings,
    SCDNetSettings,
    STGCNSettings,
    Stream,
    TrainSettings,
    ViewSettings,
    choices,
    load_recipe,
    override,
    recipe_to_dict,
    to_toml,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
COUNT = st.integers(min_value=1, max_value=100)
SHARE = st.floats(min_value=0, max_value=1, exclude_max=True)
POSITIVE = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


def recipes() -> st.SearchStrategy[Recipe]:
    data = st.builds(
        DataSettings,
        split=TEXT,
        hold_out=TEXT,
        frames=COUNT,
        persons=COUNT,
        stream=st.sampled_from(get_args(Stream)),
    )
    widths = st.lists(COUNT).map(tuple)
    return st.builds(
        Recipe,
        data=data,
        views=st.builds(ViewSettings, probability=SHARE, upright=st.booleans(), block_frames=COUNT),
        encoder=st.one_of(
            st.builds(SCDNetEncoderSettings, graph_widths=widths, dropout=SHARE),
            st.builds(STGCNSettings, widths=widths),
            st.builds(LinearMapSettings, width=COUNT),
        ),
        method=st.one_of(st.builds(SCDNetSettings, temperature=POSITIVE), st.builds(MoCoSettings, queue=COUNT)),
        train=st.builds(
            TrainSettings, milestones=st.lists(COUNT).map(tuple), schedule=st.sampled_from(["step", "cosine"])
        ),
        protocols=st.builds(
            ProtocolSettings, linear=st.builds(LinearSettings, lr=POSITIVE), knn=st.builds(KnnSettings, k=COUNT)
        ),
    )


@given(recipe=recipes())
@settings(max_examples=50, deadline=None)
def test_written_settings_are_read_back_the_same(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    path.write_text(to_toml(recipe), encoding="utf-8")
    assert load_recipe(path) == recipe


def test_defaults_are_the_paper_s() -> None:
    recipe = load_recipe()
    assert recipe == Recipe()
    assert isinstance(recipe.method, SCDNetSettings)
    assert (recipe.method.temperature, recipe.method.queue, recipe.method.momentum) == (0.2, 8192, 0.999)
    train, linear = recipe.train, recipe.protocols.linear
    assert (train.lr, train.batch, train.epochs, train.milestones) == (0.01, 64, 451, (351,))
    assert isinstance(recipe.encoder, SCDNetEncoderSettings)
    assert (recipe.encoder.graph_widths, recipe.encoder.width) == ((64, 256, 64), 2048)
    assert (linear.lr, linear.epochs, linear.milestones) == (2.0, 80, (50, 70))


def test_settings_cannot_be_changed_behind_a_run_s_back() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().train.epochs = 3  # type: ignore[misc]


def test_plain_values_hold_every_setting_and_a_model_keeps_those_of_its_training() -> None:
    values = recipe_to_dict(Recipe())
    training, protocols = ["data", "views", "encoder", "method", "train"], list(PROTOCOL_TABLES)
    assert list(values) == training + protocols
    assert values["encoder"]["graph_widths"] == [64, 256, 64]
    assert values["knn"] == {"k": 1, "recall": [1, 5, 10]}
    assert list(recipe_to_dict(Recipe(), protocols=False)) == training


def test_another_name_takes_the_settings_of_its_kind_and_drops_the_others(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[method]\nnegatives = 'batch'\nqueue = 7\n[encoder]\nwidth = 8\nheads = 2\n")
    recipe = load_recipe(path, ("method.name=moco", "encoder.name=st_gcn", "encoder.kernel=5"))
    assert recipe.method == MoCoSettings()
    assert recipe.encoder == STGCNSettings(kernel=5)
    assert override(recipe, ("method.name=moco", "method.queue=9")).method == MoCoSettings(queue=9)
    assert load_recipe(path, ("method.name=scdnet",)).method == SCDNetSettings(negatives="batch", queue=7)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("method.name=mocoo", "settings: unknown method 'mocoo'; did you mean 'moco'?"),
        ("encoder.name=", "settings: unknown encoder ''."),
    ],
)
def test_an_unknown_choice_names_the_known_ones(word: str, sentence: str) -> None:
    with pytest.raises(UserError, match=re.escape(sentence)):
        load_recipe(None, (word,))


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("train.epochs=-1", "train.epochs must be at least 1, got -1"),
        ("method.momentum=7", "method.momentum must be at least 0 and at most 1, got 7.0"),
        ("method.temperature=-1", "method.temperature must be more than 0, got -1.0"),
        ("method.temperature=nan", "method.temperature must be more than 0, got nan"),
        ("train.lr=inf", "train.lr must be more than 0, got inf"),
        ("encoder.graph_widths=[16, 0]", "encoder.graph_widths must be at least 1 and at most 65536, got 0"),
        (f"train.seed={10**30}", "train.seed must be at least 0, got 31 digits"),
        (f"train.lr={10**400}", "train.lr must be more than 0, got 401 digits"),
        ("encoder.dropout=1", "encoder.dropout must be at least 0 and less than 1, got 1.0"),
    ],
)
def test_a_number_out_of_its_range_is_refused(word: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(None, (word,))
    assert str(caught.value) == f"settings: {sentence}"


def test_every_number_has_a_range_or_may_be_any_and_every_setting_a_sentence() -> None:
    groups = [DataSettings, ViewSettings, TrainSettings, *choices(EncoderSettings).values()]
    groups += [*choices(MethodSettings).values(), *(type(getattr(ProtocolSettings(), t)) for t in PROTOCOL_TABLES)]
    for group in groups:
        for one in dataclasses.fields(group):
            assert one.metadata["about"], f"{group.__name__}.{one.name}"
            values = one.default if isinstance(one.default, tuple) else (one.default,)
            if isinstance(values[0], int | float) and not isinstance(values[0], bool):
                assert one.metadata["limits"] or one.name == "graph_gain", f"{group.__name__}.{one.name}"


@pytest.mark.parametrize(
    ("word", "table", "key", "value"),
    [
        ("method.temperature=0.1", "method", "temperature", 0.1),
        ("method.temperature=1", "method", "temperature", 1.0),
        ("train.epochs = 7", "train", "epochs", 7),
        ("train.milestones=[1, 2]", "train", "milestones", (1, 2)),
        ("train.milestones=[]", "train", "milestones", ()),
        ("train.schedule=cosine", "train", "schedule", "cosine"),
        ("views.flip=false", "views", "flip", False),
        ("data.split=xview", "data", "split", "xview"),
        ('data.split="xview"', "data", "split", "xview"),
        ("data.split=", "data", "split", ""),
        ("data.hold_out=camera=2", "data", "hold_out", "camera=2"),
        ("data.hold_out=subject=3,5", "data", "hold_out", "subject=3,5"),
    ],
)
def test_a_word_overrides_one_setting(word: str, table: str, key: str, value: Any) -> None:
    recipe = load_recipe(None, (word,))
    got = getattr(getattr(recipe, table), key)
    assert (got, type(got)) == (value, type(value))
    changed = dataclasses.replace(getattr(Recipe(), table), **{key: value})
    assert recipe == dataclasses.replace(Recipe(), **{table: changed})


def test_words_override_the_file_which_overrides_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[train]\nepochs = 5\nbatch = 8\n")
    recipe = load_recipe(path, ("train.epochs=9", "train.epochs=10", "knn.k=3"))
    assert (recipe.train.epochs, recipe.train.batch, recipe.train.lr, recipe.protocols.knn.k) == (10, 8, 0.01, 3)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("train.epochs", "--set train.epochs: expected key=value, such as method.temperature=0.1"),
        (
            "trian.epochs=3",
            "settings: unknown setting 'trian'; did you mean 'train'? "
            "Known: data, encoder, few_shot, finetune, knn, linear, method, robust, semi, train, views",
        ),
        ("knn.kk=3", "settings: unknown setting 'knn.kk'; did you mean 'knn.k'? Known: knn.k, knn.recall"),
        (
            "epochs=3",
            "settings: unknown setting 'epochs'. "
            "Known: data, encoder, few_shot, finetune, knn, linear, method, robust, semi, train, views",
        ),
        ("train=3", "settings: train is a group of settings, got 3"),
        ("train.epochs.x=3", "settings: train.epochs must be int, got {'x': 3}"),
        ("train.epochs=ten", "settings: train.epochs must be int, got 'ten'"),
        ("train.epochs=1.5", "settings: train.epochs must be int, got 1.5"),
        ("train.epochs=true", "settings: train.epochs must be int, got True"),
        ("train.lr=false", "settings: train.lr must be float, got False"),
        ("views.flip=1", "settings: views.flip must be bool, got 1"),
        ("data.split=3", "settings: data.split must be str, got 3"),
        ("train.milestones=3", "settings: train.milestones must be a list, got 3"),
        ("train.milestones=[1, 'a']", "settings: train.milestones must be int, got 'a'"),
        (
            "data.stream=bones",
            "settings: unknown data.stream 'bones'; did you mean 'bone'? Known: bone, joint, motion",
        ),
    ],
)
def test_a_wrong_word_is_refused(word: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(None, (word,))
    assert str(caught.value) == sentence


def test_a_word_below_a_single_setting_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(None, ("train.epochs=3", "train.epochs.x=4"))
    assert str(caught.value) == "--set train.epochs.x=4: epochs is not a group of settings"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"[train\n",
            "recipe {path} is not TOML: Expected ']' at the end of a table declaration (at line 1, column 7)",
        ),
        (
            b"\xff\xfe",
            "recipe {path} is not TOML: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (
            b"[train]\nepoch = 3\n",
            "recipe {path}: unknown setting 'train.epoch'; did you mean 'train.epochs'? Known: {known}",
        ),
        (b"[train]\nepochs = '3'\n", "recipe {path}: train.epochs must be int, got '3'"),
    ],
)
def test_a_wrong_file_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    known = ", ".join(sorted(f"train.{one.name}" for one in dataclasses.fields(TrainSettings)))
    with pytest.raises(UserError) as caught:
        load_recipe(path)
    assert str(caught.value) == sentence.format(path=path, known=known)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(tmp_path / "none.toml")
    assert str(caught.value) == f"recipe {tmp_path / 'none.toml'} not found"

"""Settings: what a recipe may say, what it says when it may not, and that it is written as it is read."""

import ast
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
from skelact.settings.schema import range_in_words

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
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
        ("encoder.name=[1]", "settings: unknown encoder '[1]'."),
    ],
)
def test_an_unknown_choice_names_the_known_ones(word: str, sentence: str) -> None:
    with pytest.raises(UserError, match=re.escape(sentence)):
        load_recipe(None, (word,))


def ranges() -> list[tuple[str, str, dict[str, float], type, bool]]:
    """(words before, name, limits, type, whether it is a list) of every setting that is a number."""
    groups: list[tuple[str, Any]] = [("data", DataSettings), ("views", ViewSettings), ("train", TrainSettings)]
    groups += [("encoder", kind) for kind in choices(EncoderSettings).values()]
    groups += [("method", kind) for kind in choices(MethodSettings).values()]
    groups += [(table, type(getattr(ProtocolSettings(), table))) for table in PROTOCOL_TABLES]
    found = []
    for table, group in groups:
        before = f"{table}.name={group.name}" if table in ("encoder", "method") else ""
        for one in dataclasses.fields(group):
            assert one.metadata["about"], f"{group.__name__}.{one.name} has no sentence"
            listed = isinstance(one.default, tuple)
            first = (one.default or ("",))[0] if listed else one.default
            if isinstance(first, int | float) and not isinstance(first, bool):
                found.append((before, f"{table}.{one.name}", dict(one.metadata["limits"]), type(first), listed))
    return found


@pytest.mark.parametrize(
    ("before", "name", "limits", "kind", "listed"),
    ranges(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_number_has_a_range(
    before: str, name: str, limits: dict[str, float], kind: type, listed: bool
) -> None:
    """What lies outside is refused with the range, whatever the setting; so is what no number can hold."""
    assert limits
    outside = {"low": -1, "above": 0, "high": 1, "below": 0}
    for value in (kind(bound + outside[limit]) for limit, bound in limits.items()):
        word = f"{name}=[{value}]" if listed else f"{name}={value}"
        with pytest.raises(UserError) as caught:
            load_recipe(None, tuple(filter(None, (before, word))))
        assert str(caught.value) == f"settings: {name} must be {range_in_words(limits)}, got {value}"
    for text in ("nan", "inf", "-inf", "9" * 400, "9" * 5000, "-" + "9" * 400, "[[1]]", "{a = 1}", "1979-05-27"):
        with pytest.raises(UserError, match=f"{name}"):
            load_recipe(None, tuple(filter(None, (before, f"{name}=[{text}]" if listed else f"{name}={text}"))))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"low": 0, "high": 1}, "between 0 and 1"),
        ({"above": 0, "high": 1}, "above 0 and at most 1"),
        ({"low": 2}, "at least 2"),
        ({"above": 0}, "above 0"),
        ({"above": 0, "below": 1}, "above 0 and below 1"),
        ({}, "a finite number"),
    ],
)
def test_a_range_in_words(limits: dict[str, float], words: str) -> None:
    assert range_in_words(limits) == words


@pytest.mark.parametrize(
    ("word", "table", "key", "value"),
    [
        ("method.temperature=0.1", "method", "temperature", 0.1),
        ("method.temperature=1", "method", "temperature", 1.0),
        ("train.epochs = 7", "train", "epochs", 7),
        ("train.milestones=[1, 2]", "train", "milestones", (1, 2)),
        ("train.milestones=[]", "train", "milestones", ()),
        ("train.schedule=cosine", "train", "schedule", "cosine"),
        ("views.mirror=false", "views", "mirror", False),
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
        ("views.mirror=1", "settings: views.mirror must be bool, got 1"),
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
    assert str(caught.value) == "settings: train.epochs must be int, got {'x': 4}"
    with pytest.raises(UserError, match="--set train.epochs=4: train is not a group of settings"):
        load_recipe(None, ("train=3", "train.epochs=4"))


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


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[views]\nshear = " + "1" * 400, r"views.shear must be float, got 1{60}\.\.\. \(400 characters\)"),
        ("[views]\nshear = " + "1" * 5000, "is not TOML: Exceeds the limit"),
        ("[train]\nmilestones = " + "[" * 5000, "is not TOML: "),
        ('[data]\nsplit = "x\\u0000y"', r"data.split must be text without NUL, in UTF-8, got 'x\\x00y'"),
        ("[data]\nstream = 0x" + "f" * 5000, r"unknown data.stream 'a number that is too large to show'"),
        ("[train]\nbatch = 0x" + "f" * 5000, r"train.batch must be at least 2, got a number that is too large"),
        ("train = 3", r"train is a group of settings, got 3"),
        ("[train.lr]\nx = 1", r"train.lr must be float, got \{'x': 1\}"),
    ],
    ids=lambda text: text[:20],
)
def test_a_file_of_impossible_values_is_refused(content: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(content)
    with pytest.raises(UserError, match=sentence) as caught:
        load_recipe(path)
    assert str(caught.value).startswith(f"recipe {path}")
    assert len(str(caught.value)) < 500


def test_text_of_several_lines_is_one_value() -> None:
    assert load_recipe(None, ('data.split="x"\nframes = 3',)).data.split == '"x"\nframes = 3'
    with pytest.raises(UserError, match="data.split must be text without NUL, in UTF-8"):
        load_recipe(None, ("data.split=\udcff",))


def test_a_run_s_settings_can_stand_in_for_the_defaults(tmp_path: Path) -> None:
    base = load_recipe(None, ("train.epochs=7", "train.batch=8"))
    path = tmp_path / "recipe.toml"
    path.write_text("[train]\nbatch = 16\n")
    train = load_recipe(path, ("train.seed=3",), base).train
    assert (train.epochs, train.batch, train.seed) == (7, 16, 3)


@pytest.mark.real
def test_recipes_that_once_gave_tracebacks(shared: Path) -> None:
    paths = sorted((shared / "cases" / "faults" / "fuzz").glob("toml-*.toml"))
    assert paths
    for path in paths:  # their last line says which words came after the file
        words = ast.literal_eval(path.read_text(errors="replace").rpartition("# overrides ")[2])
        with pytest.raises(UserError, match="is not TOML|must be|Exceeds the limit"):
            load_recipe(path, words)

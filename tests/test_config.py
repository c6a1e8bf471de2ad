"""Settings: what a recipe may say, what it says when it may not, and that it is written as it is read."""

import ast
import dataclasses
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.config import Range, Recipe, TrainSettings, load_recipe, to_dict, to_toml
from skelact.errors import UserError

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {str: TEXT, bool: st.booleans()}


def allowed(hint: Any) -> st.SearchStrategy[Any]:
    """Values that a setting of this type may have."""
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint, include_extras=True)
        return st.builds(hint, **{name: allowed(one) for name, one in hints.items()})  # type: ignore[arg-type]
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if get_origin(hint) is tuple:
        return st.lists(allowed(get_args(hint)[0]), max_size=4).map(tuple)
    if get_origin(hint) is Annotated:
        kind, reach = get_args(hint)
        if kind is int:
            return st.integers(reach.low, reach.high)
        high = None if reach.high == inf else reach.high
        return st.floats(reach.low, high, exclude_min=reach.above, allow_infinity=False)
    return PLAIN[hint]


def ranges() -> list[tuple[str, type, Range, bool]]:
    """(name, type, range, whether it is a list) of every setting that is a number."""
    found = []
    for table, group in get_type_hints(Recipe).items():
        for name, hint in get_type_hints(group, include_extras=True).items():
            listed = get_origin(hint) is tuple
            hint = get_args(hint)[0] if listed else hint
            if get_origin(hint) is Annotated:
                found.append((f"{table}.{name}", *get_args(hint), listed))
            else:
                assert hint not in (int, float), f"{table}.{name} has no range"
    return found


@given(recipe=allowed(Recipe))
@settings(max_examples=50, deadline=None)
def test_written_settings_are_read_back_the_same(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    path.write_text(to_toml(recipe), encoding="utf-8")
    assert load_recipe(path) == recipe


def test_defaults_are_the_paper_s() -> None:
    recipe = load_recipe()
    assert recipe == Recipe()
    assert (recipe.method.temperature, recipe.method.queue, recipe.method.momentum) == (0.2, 8192, 0.999)
    assert (recipe.train.lr, recipe.train.batch, recipe.train.epochs, recipe.train.milestones) == (
        0.01,
        64,
        451,
        (351,),
    )
    assert (recipe.encoder.graph_widths, recipe.encoder.width) == ((64, 256, 64), 2048)
    assert (recipe.linear.lr, recipe.linear.epochs, recipe.linear.milestones) == (2.0, 80, (50, 70))


def test_settings_cannot_be_changed_behind_a_run_s_back() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().train.epochs = 3  # type: ignore[misc]


def test_to_dict_holds_plain_values_of_every_setting() -> None:
    values = to_dict(Recipe())
    protocols = ["linear", "knn", "finetune", "semi", "few_shot", "robust"]
    assert list(values) == ["data", "views", "encoder", "method", "train", *protocols]
    assert values["encoder"]["graph_widths"] == [64, 256, 64]
    assert values["knn"] == {"k": 1, "recall": [1, 5, 10]}


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
    assert (recipe.train.epochs, recipe.train.batch, recipe.train.lr, recipe.knn.k) == (10, 8, 0.01, 3)


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


@pytest.mark.parametrize(
    ("name", "kind", "reach", "listed"), ranges(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_number_has_a_range(name: str, kind: type, reach: Range, listed: bool) -> None:
    """What lies outside is refused with the range, whatever the setting; so is what no number can hold."""
    below = reach.low if reach.above else reach.low - 1
    wrong = [below] if reach.high == inf else [below, reach.high + 1]
    for value in wrong:
        value = kind(value)
        word = f"{name}=[{value}]" if listed else f"{name}={value}"
        with pytest.raises(UserError) as caught:
            load_recipe(None, (word,))
        assert str(caught.value) == f"settings: {name} must be {reach}, got {value}"
    for text in ("nan", "inf", "-inf", "9" * 400, "9" * 5000, "-" + "9" * 400, "[[1]]", "{a = 1}", "1979-05-27"):
        with pytest.raises(UserError, match=f"{name}"):
            load_recipe(None, (f"{name}=[{text}]" if listed else f"{name}={text}",))


@pytest.mark.parametrize(
    ("reach", "words"),
    [
        (Range(0, 1), "between 0 and 1"),
        (Range(0, 1, above=True), "above 0 and at most 1"),
        (Range(2), "at least 2"),
        (Range(0, above=True), "above 0"),
        (Range(1, 2**63 - 1), "at least 1"),
    ],
)
def test_a_range_in_words(reach: Range, words: str) -> None:
    assert str(reach) == words


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

"""Settings: frozen dataclasses with the defaults, TOML recipes that override them, checks of every key.

This module imports no torch, so that the command line can read it in no time.
"""

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from skelact.errors import UserError, unknown

Stream = Literal["joint", "bone", "motion"]
Precision = Literal["float32", "bfloat16"]
Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Range:
    """The numbers that a setting may have.

    Args:
        low: the smallest, itself allowed unless ``above``.
        high: the largest, itself allowed.
        above: only numbers greater than ``low``.
    """

    low: float
    high: float = inf
    above: bool = False

    def __contains__(self, value: float) -> bool:
        return (self.low < value if self.above else self.low <= value) and value <= self.high

    def __str__(self) -> str:
        if self.high >= LARGEST:
            return f"above {self.low}" if self.above else f"at least {self.low}"
        return f"above {self.low} and at most {self.high}" if self.above else f"between {self.low} and {self.high}"


LARGEST = 2**63 - 1  # of whole numbers: TOML promises no more
Count = Annotated[int, Range(0, LARGEST)]
Positive = Annotated[int, Range(1, LARGEST)]
Several = Annotated[int, Range(2, LARGEST)]
Size = Annotated[int, Range(1, 1_000_000)]  # of something that memory is taken for
People = Annotated[int, Range(0, 1000)]
Seed = Annotated[int, Range(0, 2**32 - 1)]  # what numpy, torch and scikit-learn all take
Amount = Annotated[float, Range(0)]
AboveZero = Annotated[float, Range(0, above=True)]
Gain = Annotated[float, Range(0, 1000)]
Share = Annotated[float, Range(0, 1)]
Part = Annotated[float, Range(0, 1, above=True)]
Degrees = Annotated[float, Range(0, 360)]


@dataclass(frozen=True)
class DataSettings:
    """Which clips are learnt from and how they are cut."""

    store: str = ""  # folder of the store; filled in when a run starts
    fingerprint: str = ""  # of the store's content; filled in when a run starts
    split: str = ""  # named split of the store; its training part is used; empty: every clip
    hold_out: str = ""  # e.g. "camera=2": of the training part, these clips become the test part instead
    frames: Size = 64  # frames of a view, after crop and resize
    persons: People = 0  # people in a clip; 0: as many as the fullest clip of the store has
    stream: Stream = "joint"


@dataclass(frozen=True)
class ViewSettings:
    """How views differ from their clip. Source: SCD-Net, sec. "Implementation details"."""

    min_crop: Part = 0.1  # shortest temporal crop, share of the clip
    min_frames: Positive = 64  # but never shorter than this many frames
    probability: Share = 0.5  # of each augmentation below
    rotate_degrees: Degrees = 30.0  # largest angle about the main axis
    tilt_degrees: Degrees = 1.0  # largest angle about the two other axes
    upright: bool = False  # the main axis is always the vertical one
    flip: bool = True  # exchange left and right joints
    shear: Amount = 1.0  # largest off-diagonal of the shear matrix
    noise: Amount = 0.0  # largest deviation of normal noise, in the store's unit; not in the paper
    seed_joints: Share = 0.2  # spatial mask: share of joints drawn as seeds (5 of 25)
    hidden_joints: Share = 0.32  # spatial mask: share of joints hidden (8 of 25)
    block_frames: Positive = 4  # temporal mask: frames in a block
    hidden_blocks: Share = 0.375  # temporal mask: share of blocks hidden (6 of 16)


@dataclass(frozen=True)
class EncoderSettings:
    """Sizes of the SCD-Net encoder. Source: SCD-Net, sec. "Dual-path decoupling encoder"."""

    name: str = "scdnet"
    graph_widths: tuple[Size, ...] = (64, 256, 64)  # channels of the graph-convolution blocks
    input_norm: Literal["joint", "coordinate"] = "joint"  # coordinate: joints that move more weigh more
    graph_gain: Gain = 1e-6  # of graph convolutions at the start; 1 where steps are few
    width: Size = 2048  # D of the tokens and of each clue; features are 2 D wide
    heads: Size = 8
    layers: Size = 1
    dropout: Share = 0.1


@dataclass(frozen=True)
class MethodSettings:
    """What is learnt. Source: SCD-Net, sec. "Loss"."""

    name: str = "scdnet"
    temperature: AboveZero = 0.2
    negatives: Literal["queue", "batch", "both"] = "queue"  # batch: the other keys of the batch
    queue: Size = 8192  # keys in each queue
    momentum: Share = 0.999  # of the key encoder
    projection: Size = 128  # width of the projections that are compared
    projector_norm: bool = False  # batch norm in the projectors; needed where steps are few


@dataclass(frozen=True)
class TrainSettings:
    """How long and how fast is learnt."""

    epochs: Positive = 451
    batch: Several = 64
    optimizer: Literal["sgd", "adamw"] = "sgd"  # the paper's; adamw needs fewer epochs on small data
    lr: AboveZero = 0.01
    momentum: Share = 0.9  # of sgd
    weight_decay: Amount = 1e-4
    schedule: Literal["step", "cosine"] = "step"
    milestones: tuple[Count, ...] = (351,)  # epochs after which the learning rate is multiplied by 0.1
    warmup_epochs: Count = 0
    precision: Precision = "float32"  # bfloat16: products are rounded; faster where supported
    seed: Seed = 0
    checkpoint_every: Positive = 10  # epochs between checkpoints
    keep_checkpoints: Positive = 2  # the last so many are kept
    keep_every: Count = 0  # and every so many epochs one is kept for good; 0: none


@dataclass(frozen=True)
class LinearSettings:
    """Linear probe on frozen features. Source: SCD-Net, sec. "Linear evaluation"."""

    lr: AboveZero = 2.0
    momentum: Share = 0.9
    weight_decay: Amount = 0.0
    batch: Positive = 1024
    epochs: Positive = 80
    milestones: tuple[Count, ...] = (50, 70)
    standardize: bool = False  # features to mean 0 and deviation 1 first (the paper does not)
    choose: bool = False  # choose lr on a validation part of the training clips, then train on all of them
    candidates: tuple[AboveZero, ...] = (0.03, 0.1, 0.3, 1.0, 2.0, 5.0)  # learning rates to choose from
    validation: Share = 0.2  # share of the training clips in the validation part
    validate: str = ""  # tag whose values stay together, such as subject; empty: clips, class by class


@dataclass(frozen=True)
class KnnSettings:
    """Nearest neighbours by cosine. Source: SCD-Net, sec. "Retrieval"."""

    k: Positive = 1
    recall: tuple[Positive, ...] = (1, 5, 10)  # recall: whether one of the first so many neighbours has the class


@dataclass(frozen=True)
class FinetuneSettings:
    """The whole encoder trained with labels. The paper does not say; these are usual in the field."""

    epochs: Positive = 80
    batch: Positive = 64
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: Amount = 0.01  # of the encoder
    head_lr: AboveZero = 0.1  # of the linear layer on top, which starts from nothing
    momentum: Share = 0.9  # of sgd
    weight_decay: Amount = 1e-4
    schedule: Literal["step", "cosine"] = "step"
    milestones: tuple[Count, ...] = (50, 70)  # epochs after which the learning rates are multiplied by 0.1
    warmup_epochs: Count = 0
    views: Literal["crop", "pretraining"] = "crop"  # crop: a random part of the clip, resized, and nothing else
    min_crop: Part = 0.5  # of crop: shortest part, share of the clip


@dataclass(frozen=True)
class SemiSettings:
    """Few labels: the probe or the fine-tuning on a share of the training clips."""

    percent: tuple[Annotated[float, Range(0, 100, above=True)], ...] = (
        1.0,
        5.0,
        10.0,
        20.0,
        40.0,
    )  # of each class's training clips, at least one clip


@dataclass(frozen=True)
class FewShotSettings:
    """A handful of labelled clips per class, frozen features, nearest class mean."""

    shots: tuple[Positive, ...] = (1, 5)  # training clips per class
    episodes: Positive = 100  # draws of these clips, over which accuracy is averaged


@dataclass(frozen=True)
class RobustSettings:
    """Test clips that are worse than the training clips, or seen from elsewhere."""

    joints: tuple[Share, ...] = (0.1, 0.25, 0.5)  # share of the joints of a clip that are missing
    frames: tuple[Share, ...] = (0.1, 0.25, 0.5)  # share of the frames of a clip that are missing
    noise: tuple[Amount, ...] = (0.01, 0.03, 0.1)  # metres, standard deviation along each axis
    rates: tuple[AboveZero, ...] = (0.25, 0.5, 2.0)  # frame rate, times that of the recording
    headings: tuple[Annotated[float, Range(-360, 360)], ...] = (
        30.0,
        90.0,
        180.0,
    )  # degrees that people are turned about the vertical
    seed: Seed = 0  # of what is missing and of the noise: the same for every encoder


@dataclass(frozen=True)
class Recipe:
    """All settings of a run. A TOML file has one table per field."""

    data: DataSettings = field(default_factory=DataSettings)
    views: ViewSettings = field(default_factory=ViewSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    method: MethodSettings = field(default_factory=MethodSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    linear: LinearSettings = field(default_factory=LinearSettings)
    knn: KnnSettings = field(default_factory=KnnSettings)
    finetune: FinetuneSettings = field(default_factory=FinetuneSettings)
    semi: SemiSettings = field(default_factory=SemiSettings)
    few_shot: FewShotSettings = field(default_factory=FewShotSettings)
    robust: RobustSettings = field(default_factory=RobustSettings)


def load_recipe(path: Path | None = None, overrides: tuple[str, ...] = (), base: Recipe | None = None) -> Recipe:
    """The defaults, overridden by a TOML file, overridden by ``key=value`` words.

    Args:
        path: a recipe; only the defaults when None.
        overrides: words such as ``method.temperature=0.1``; values as in TOML, bare words are text.
        base: settings that stand in for the defaults, such as those of a run that is continued.

    Raises:
        UserError: no such file, not TOML, an unknown key (the nearest is named), a value of another type or out of
            its range.
    """
    values: dict[str, Any] = {}
    if path is not None:
        if not path.is_file():
            raise UserError(f"recipe {path} not found")
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:  # also integers of too many digits and too many brackets
            raise UserError(f"recipe {path} is not TOML: {error}") from error
        from_dict(Recipe, values, where=f"recipe {path}")
    for word in overrides:
        _set(values, word)
    recipe = from_dict(Recipe, values, where="settings")
    if base is None:
        return recipe
    groups = {name: group | values.get(name, {}) for name, group in to_dict(base).items()}
    return from_dict(Recipe, groups, where="settings")


def override(recipe: Recipe, words: tuple[str, ...]) -> Recipe:
    """A recipe with some of its settings replaced by ``key=value`` words, as in ``load_recipe``.

    Raises:
        UserError: an unknown key or a value of another type.
    """
    values = to_dict(recipe)
    for word in words:
        _set(values, word)
    return from_dict(Recipe, values, where="settings")


def from_dict(kind: type[Settings], values: Mapping[str, Any], where: str, prefix: str = "") -> Settings:
    """A settings dataclass from nested plain values; every key, type and range is checked.

    Raises:
        UserError: an unknown key, a value of the wrong type or out of its range; ``where`` says in which file.
    """
    hints = get_type_hints(kind, include_extras=True)
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            raise UserError(f"{where}: {unknown('setting', prefix + key, [prefix + name for name in hints])}")
        arguments[key] = _checked(hints[key], value, where, prefix + key)
    return kind(**arguments)


def to_dict(settings: Any) -> dict[str, Any]:
    """Nested plain values of a settings dataclass."""
    return {one.name: _plain(getattr(settings, one.name)) for one in dataclasses.fields(settings)}


def to_toml(recipe: Recipe) -> str:
    """The recipe as a TOML file that ``load_recipe`` reads back to the same settings."""
    lines: list[str] = []
    for table, values in to_dict(recipe).items():
        lines += [f"[{table}]", *(f"{key} = {_toml(value)}" for key, value in values.items()), ""]
    return "\n".join(lines)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    return list(value) if isinstance(value, tuple) else value


def _set(values: dict[str, Any], word: str) -> None:
    key, equals, text = word.partition("=")
    if not equals:
        raise UserError(f"--set {word}: expected key=value, such as method.temperature=0.1")
    try:
        parsed = tomllib.loads(f"x = {text}")
        value = parsed["x"] if len(parsed) == 1 else text  # text of several lines may look like several settings
    except tomllib.TOMLDecodeError:
        value = text
    except (ValueError, RecursionError) as error:
        raise UserError(f"--set {_shown(word)}: {error}") from error
    *tables, last = key.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise UserError(f"--set {word}: {table} is not a group of settings")
    values[last] = value


def _checked(hint: Any, value: Any, where: str, key: str) -> Any:
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise UserError(f"{where}: {key} is a group of settings, got {_shown(value)}")
        return from_dict(hint, value, where, prefix=f"{key}.")  # type: ignore[arg-type]
    origin = get_origin(hint)
    if origin is Annotated:
        kind, allowed = get_args(hint)
        number = _checked(kind, value, where, key)
        if number not in allowed:
            raise UserError(f"{where}: {key} must be {allowed}, got {_shown(value)}")
        return number
    if origin is Literal:
        if value not in get_args(hint):
            text = value if isinstance(value, str) else _shown(value)
            raise UserError(f"{where}: {unknown(key, text, map(str, get_args(hint)))}")
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_checked(get_args(hint)[0], item, where, key) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST:
        return float(value)
    if origin is tuple or not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        expected = "a list" if origin is tuple else hint.__name__
        raise UserError(f"{where}: {key} must be {expected}, got {_shown(value)}")
    if isinstance(value, float) and not isfinite(value):
        raise UserError(f"{where}: {key} must be a finite number, got {value}")
    if isinstance(value, str) and not _can_be_kept(value):
        raise UserError(f"{where}: {key} must be text without NUL, in UTF-8, got {_shown(value)}")
    return value


def _can_be_kept(text: str) -> bool:
    """Whether text can be written to a file and be the name of one."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _shown(value: Any, most: int = 60) -> str:
    """A value in an error message: one line, not too long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python refuses to print integers of too many digits
        return f"{'a number' if isinstance(value, int) else type(value).__name__} that is too large to show"
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):  # TOML's escapes are JSON's, but for the one control sign that JSON lets through
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)

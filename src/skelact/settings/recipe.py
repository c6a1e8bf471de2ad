"""Settings: frozen dataclasses with the defaults, TOML recipes that override them, checks of every key.

This module imports no torch, so that the command line can read it in no time.
"""

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from skelact.errors import UserError, unknown

Stream = Literal["joint", "bone", "motion"]
Precision = Literal["float32", "bfloat16"]
Settings = TypeVar("Settings")


@dataclass(frozen=True)
class DataSettings:
    """Which clips are learnt from and how they are cut."""

    store: str = ""  # folder of the store; filled in when a run starts
    fingerprint: str = ""  # of the store's content; filled in when a run starts
    split: str = ""  # named split of the store; its training part is used; empty: every clip
    hold_out: str = ""  # e.g. "camera=2": of the training part, these clips become the test part instead
    frames: int = 64  # frames of a view, after crop and resize
    persons: int = 0  # people in a clip; 0: as many as the fullest clip of the store has
    stream: Stream = "joint"


@dataclass(frozen=True)
class ViewSettings:
    """How views differ from their clip. Source: SCD-Net, sec. "Implementation details"."""

    min_crop: float = 0.1  # shortest temporal crop, share of the clip
    min_frames: int = 64  # but never shorter than this many frames
    probability: float = 0.5  # of each augmentation below
    rotate_degrees: float = 30.0  # largest angle about the main axis
    tilt_degrees: float = 1.0  # largest angle about the two other axes
    upright: bool = False  # the main axis is always the vertical one
    flip: bool = True  # exchange left and right joints
    shear: float = 1.0  # largest off-diagonal of the shear matrix
    noise: float = 0.0  # largest deviation of normal noise, in the store's unit; not in the paper
    seed_joints: float = 0.2  # spatial mask: share of joints drawn as seeds (5 of 25)
    hidden_joints: float = 0.32  # spatial mask: share of joints hidden (8 of 25)
    block_frames: int = 4  # temporal mask: frames in a block
    hidden_blocks: float = 0.375  # temporal mask: share of blocks hidden (6 of 16)


@dataclass(frozen=True)
class EncoderSettings:
    """Sizes of the SCD-Net encoder. Source: SCD-Net, sec. "Dual-path decoupling encoder"."""

    name: str = "scdnet"
    graph_widths: tuple[int, ...] = (64, 256, 64)  # channels of the graph-convolution blocks
    input_norm: Literal["joint", "coordinate"] = "joint"  # coordinate: joints that move more weigh more
    graph_gain: float = 1e-6  # of graph convolutions at the start; 1 where steps are few
    width: int = 2048  # D of the tokens and of each clue; features are 2 D wide
    heads: int = 8
    layers: int = 1
    dropout: float = 0.1


@dataclass(frozen=True)
class MethodSettings:
    """What is learnt. Source: SCD-Net, sec. "Loss"."""

    name: str = "scdnet"
    temperature: float = 0.2
    negatives: Literal["queue", "batch", "both"] = "queue"  # batch: the other keys of the batch
    queue: int = 8192  # keys in each queue
    momentum: float = 0.999  # of the key encoder
    projection: int = 128  # width of the projections that are compared
    projector_norm: bool = False  # batch norm in the projectors; needed where steps are few


@dataclass(frozen=True)
class TrainSettings:
    """How long and how fast is learnt."""

    epochs: int = 451
    batch: int = 64
    optimizer: Literal["sgd", "adamw"] = "sgd"  # the paper's; adamw needs fewer epochs on small data
    lr: float = 0.01
    momentum: float = 0.9  # of sgd
    weight_decay: float = 1e-4
    schedule: Literal["step", "cosine"] = "step"
    milestones: tuple[int, ...] = (351,)  # epochs after which the learning rate is multiplied by 0.1
    warmup_epochs: int = 0
    precision: Precision = "float32"  # bfloat16: products are rounded; faster where supported
    seed: int = 0
    checkpoint_every: int = 10  # epochs between checkpoints
    keep_checkpoints: int = 2  # the last so many are kept
    keep_every: int = 0  # and every so many epochs one is kept for good; 0: none


@dataclass(frozen=True)
class LinearSettings:
    """Linear probe on frozen features. Source: SCD-Net, sec. "Linear evaluation"."""

    lr: float = 2.0
    momentum: float = 0.9
    weight_decay: float = 0.0
    batch: int = 1024
    epochs: int = 80
    milestones: tuple[int, ...] = (50, 70)
    standardize: bool = False  # features to mean 0 and deviation 1 first (the paper does not)
    choose: bool = False  # choose lr on a validation part of the training clips, then train on all of them
    candidates: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 2.0, 5.0)  # learning rates to choose from
    validation: float = 0.2  # share of the training clips in the validation part
    validate: str = ""  # tag whose values stay together, such as subject; empty: clips, class by class


@dataclass(frozen=True)
class KnnSettings:
    """Nearest neighbours by cosine. Source: SCD-Net, sec. "Retrieval"."""

    k: int = 1
    recall: tuple[int, ...] = (1, 5, 10)  # recall: whether one of the first so many neighbours has the class


@dataclass(frozen=True)
class FinetuneSettings:
    """The whole encoder trained with labels. The paper does not say; these are usual in the field."""

    epochs: int = 80
    batch: int = 64
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.01  # of the encoder
    head_lr: float = 0.1  # of the linear layer on top, which starts from nothing
    momentum: float = 0.9  # of sgd
    weight_decay: float = 1e-4
    schedule: Literal["step", "cosine"] = "step"
    milestones: tuple[int, ...] = (50, 70)  # epochs after which the learning rates are multiplied by 0.1
    warmup_epochs: int = 0
    views: Literal["crop", "pretraining"] = "crop"  # crop: a random part of the clip, resized, and nothing else
    min_crop: float = 0.5  # of crop: shortest part, share of the clip


@dataclass(frozen=True)
class SemiSettings:
    """Few labels: the probe or the fine-tuning on a share of the training clips."""

    percent: tuple[float, ...] = (1.0, 5.0, 10.0, 20.0, 40.0)  # of each class's training clips, at least one clip


@dataclass(frozen=True)
class FewShotSettings:
    """A handful of labelled clips per class, frozen features, nearest class mean."""

    shots: tuple[int, ...] = (1, 5)  # training clips per class
    episodes: int = 100  # draws of these clips, over which accuracy is averaged


@dataclass(frozen=True)
class RobustSettings:
    """Test clips that are worse than the training clips, or seen from elsewhere."""

    joints: tuple[float, ...] = (0.1, 0.25, 0.5)  # share of the joints of a clip that are missing
    frames: tuple[float, ...] = (0.1, 0.25, 0.5)  # share of the frames of a clip that are missing
    noise: tuple[float, ...] = (0.01, 0.03, 0.1)  # metres, standard deviation along each axis
    rates: tuple[float, ...] = (0.25, 0.5, 2.0)  # frame rate, times that of the recording
    headings: tuple[float, ...] = (30.0, 90.0, 180.0)  # degrees that people are turned about the vertical
    seed: int = 0  # of what is missing and of the noise: the same for every encoder


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


def load_recipe(path: Path | None = None, overrides: tuple[str, ...] = ()) -> Recipe:
    """The defaults, overridden by a TOML file, overridden by ``key=value`` words.

    Args:
        path: a recipe; only the defaults when None.
        overrides: words such as ``method.temperature=0.1``; values as in TOML, bare words are text.

    Raises:
        UserError: no such file, not TOML, an unknown key (the nearest is named), a value of another type.
    """
    values: dict[str, Any] = {}
    if path is not None:
        if not path.is_file():
            raise UserError(f"recipe {path} not found")
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UserError(f"recipe {path} is not TOML: {error}") from error
    for word in overrides:
        _set(values, word)
    return from_dict(Recipe, values, where=f"recipe {path}" if path else "settings")


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
    """A settings dataclass from nested plain values; every key and type is checked.

    Raises:
        UserError: an unknown key or a value of the wrong type; ``where`` says in which file.
    """
    hints = get_type_hints(kind)
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
        value = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        value = text
    *tables, last = key.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise UserError(f"--set {word}: {table} is not a group of settings")
    values[last] = value


def _checked(hint: Any, value: Any, where: str, key: str) -> Any:
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise UserError(f"{where}: {key} is a group of settings, got {value!r}")
        return from_dict(hint, value, where, prefix=f"{key}.")  # type: ignore[arg-type]
    origin = get_origin(hint)
    if origin is Literal:
        if value not in get_args(hint):
            raise UserError(f"{where}: {unknown(key, str(value), map(str, get_args(hint)))}")
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_checked(get_args(hint)[0], item, where, key) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if origin is tuple or not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        expected = "a list" if origin is tuple else hint.__name__
        raise UserError(f"{where}: {key} must be {expected}, got {value!r}")
    return value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):  # TOML's escapes are JSON's, but for the one control sign that JSON lets through
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)

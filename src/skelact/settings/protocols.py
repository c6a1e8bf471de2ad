"""Settings of protocols: one group for each entry of the table of protocols. They are not part of a model."""

from dataclasses import dataclass, field
from typing import Literal

from skelact.settings.schema import setting


@dataclass(frozen=True)
class LinearSettings:
    """Linear probe on frozen features. Source: SCD-Net, sec. "Linear evaluation"."""

    lr: float = setting(2.0, "learning rate", above=0)
    momentum: float = setting(0.9, "of sgd", low=0, high=1)
    weight_decay: float = setting(0.0, "decay of the weights in a step, times lr", low=0)
    batch: int = setting(1024, "clips of a step", low=1)
    epochs: int = setting(80, "passes over the training clips", low=1)
    milestones: tuple[int, ...] = setting((50, 70), "epochs after which lr is multiplied by 0.1", low=0)
    standardize: bool = setting(False, "features to mean 0 and deviation 1 first (the paper does not)")
    choose: bool = setting(
        False, "choose lr on a validation part of the training clips, then train on all of them"
    )
    candidates: tuple[float, ...] = setting(
        (0.03, 0.1, 0.3, 1.0, 2.0, 5.0), "values of lr to choose from", above=0
    )
    validation: float = setting(0.2, "share of the training clips in the validation part", above=0, below=1)
    validate: str = setting("", "tag whose values stay together, such as subject; empty: clips, class by class")


@dataclass(frozen=True)
class KnnSettings:
    """Nearest neighbours by cosine. Source: SCD-Net, sec. "Retrieval"."""

    k: int = setting(1, "neighbours that vote", low=1)
    recall: tuple[int, ...] = setting((1, 5, 10), "recall at k: whether one of the first k has the class", low=1)


@dataclass(frozen=True)
class FinetuneSettings:
    """The whole encoder trained with labels. The paper does not say; these are usual in the field."""

    epochs: int = setting(80, "passes over the training clips", low=1)
    batch: int = setting(64, "clips of a step", low=1)
    optimizer: Literal["sgd", "adamw"] = setting("sgd", "of encoder and head")
    lr: float = setting(0.01, "learning rate of the encoder", low=0)
    head_lr: float = setting(0.1, "of the new linear layer", above=0)
    momentum: float = setting(0.9, "of sgd", low=0, high=1)
    weight_decay: float = setting(1e-4, "decay of the weights in a step, times lr", low=0)
    schedule: Literal["step", "cosine"] = setting("step", "how the learning rates fall")
    milestones: tuple[int, ...] = setting((50, 70), "epochs after which they are multiplied by 0.1", low=0)
    warmup_epochs: int = setting(0, "epochs over which they rise", low=0)
    views: Literal["crop", "pretraining"] = setting(
        "crop", "crop: a random part of the clip, resized, and nothing else"
    )
    min_crop: float = setting(0.5, "of crop: shortest part, share of the clip", above=0, high=1)


@dataclass(frozen=True)
class SemiSettings:
    """Few labels: the probe or the fine-tuning on a share of the training clips."""

    percent: tuple[float, ...] = setting(
        (1.0, 5.0, 10.0, 20.0, 40.0), "of each class's training clips, at least one clip", above=0, high=100
    )


@dataclass(frozen=True)
class FewShotSettings:
    """A handful of labelled clips per class, frozen features, nearest class mean."""

    shots: tuple[int, ...] = setting((1, 5), "training clips per class", low=1)
    episodes: int = setting(100, "draws of these clips, over which accuracy is averaged", low=1)


@dataclass(frozen=True)
class RobustSettings:
    """Test clips that are worse than the training clips, or seen from elsewhere."""

    joints: tuple[float, ...] = setting(
        (0.1, 0.25, 0.5), "share of the joints of a clip that are missing", low=0, high=1
    )
    frames: tuple[float, ...] = setting(
        (0.1, 0.25, 0.5), "share of the frames of a clip that are missing", low=0, high=1
    )
    noise: tuple[float, ...] = setting((0.01, 0.03, 0.1), "metres, standard deviation along each axis", low=0)
    rates: tuple[float, ...] = setting((0.25, 0.5, 2.0), "frame rate, times that of the recording", above=0)
    headings: tuple[float, ...] = setting(
        (30.0, 90.0, 180.0), "rotation of people about the vertical, degrees", low=-360, high=360
    )
    seed: int = setting(
        0, "of what is missing and of the noise: the same for every encoder", low=0, high=2**32 - 1
    )


@dataclass(frozen=True)
class ProtocolSettings:
    """The settings of all protocols. A recipe has them as tables of its own: ``[linear]``, ``[knn]`` ..."""

    linear: LinearSettings = field(default_factory=LinearSettings)
    knn: KnnSettings = field(default_factory=KnnSettings)
    finetune: FinetuneSettings = field(default_factory=FinetuneSettings)
    semi: SemiSettings = field(default_factory=SemiSettings)
    few_shot: FewShotSettings = field(default_factory=FewShotSettings)
    robust: RobustSettings = field(default_factory=RobustSettings)

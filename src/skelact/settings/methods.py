"""Settings of methods: one group for each entry of the table of methods."""

from dataclasses import dataclass
from typing import Literal

from skelact.settings.schema import add_choice, setting


@dataclass(frozen=True)
class MethodSettings:
    """What every method has: the name that chooses it."""

    name: str = setting("", "which method")


@dataclass(frozen=True)
class SCDNetSettings(MethodSettings):
    """SCD-Net. Source: Wu et al., AAAI 2024, sec. "Loss"."""

    name: str = setting("scdnet", "which method")
    temperature: float = setting(0.2, "similarities are divided by it", above=0)
    negatives: Literal["queue", "batch", "both"] = setting(
        "queue", "what a view is contrasted with: keys of the queue, the other keys of the batch, or both"
    )
    queue: int = setting(8192, "keys in each queue", low=1, high=1_000_000)
    momentum: float = setting(0.999, "of the momentum encoder", low=0, high=1)
    projection: int = setting(128, "width of the projections that are compared", low=1, high=1_000_000)
    projector_norm: bool = setting(False, "batch norm in the projectors; needed where steps are few")


@dataclass(frozen=True)
class MoCoSettings(MethodSettings):
    """Momentum contrast of one stream (SkeletonCLR). Source: Li et al., CVPR 2021, sec. 3.1."""

    name: str = setting("moco", "which method")
    temperature: float = setting(0.07, "similarities are divided by it", above=0)
    queue: int = setting(32_768, "keys in the queue", low=1, high=1_000_000)
    momentum: float = setting(0.999, "of the momentum encoder", low=0, high=1)
    projection: int = setting(128, "width of the projections that are compared", low=1, high=1_000_000)


@dataclass(frozen=True)
class SupervisedSettings(MethodSettings):
    """Training with labels."""

    name: str = setting("supervised", "which method")


@dataclass(frozen=True)
class MeanTeacherSettings(MethodSettings):
    """Few labels and many clips without. Source: Tarvainen and Valpola, NeurIPS 2017, sec. 2."""

    name: str = setting("mean_teacher", "which method")
    momentum: float = setting(0.99, "of the teacher", low=0, high=1)
    consistency: float = setting(1.0, "weight of the agreement with the teacher", low=0)
    ramp_up: float = setting(0.2, "share of the training over which that weight rises", low=0, high=1)


@dataclass(frozen=True)
class WhiteningSettings(MethodSettings):
    """Whitened principal components of raw coordinates: a closed form, no gradient steps."""

    name: str = setting("whitening", "which method")
    epsilon: float = setting(1e-3, "added to each variance, as a share of the largest", above=0)


for _kind in (SCDNetSettings, MoCoSettings, SupervisedSettings, MeanTeacherSettings, WhiteningSettings):
    add_choice(MethodSettings, _kind)

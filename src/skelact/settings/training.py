"""Settings of the training loop."""

from dataclasses import dataclass
from typing import Literal

from skelact.settings.schema import setting

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class TrainSettings:
    """How long and how fast is learnt."""

    epochs: int = setting(451, "passes over the training clips", low=1)
    batch: int = setting(64, "clips of a step", low=2)
    optimizer: Literal["sgd", "adamw"] = setting("sgd", "the paper's; adamw needs fewer epochs on small data")
    lr: float = setting(0.01, "learning rate", above=0)
    momentum: float = setting(0.9, "of sgd", low=0, high=1)
    weight_decay: float = setting(1e-4, "decay of the weights in a step, times lr", low=0)
    schedule: Literal["step", "cosine"] = setting("step", "how the learning rate falls")
    milestones: tuple[int, ...] = setting((351,), "epochs after which it is multiplied by 0.1", low=0)
    warmup_epochs: int = setting(0, "epochs over which the learning rate rises", low=0)
    precision: Precision = setting("float32", "bfloat16: products are rounded; faster where supported")
    seed: int = setting(0, "decides all random numbers", low=0, high=2**32 - 1)
    checkpoint_every: int = setting(10, "epochs between checkpoints", low=1)
    keep_checkpoints: int = setting(2, "how many of the last are kept", low=1)
    keep_every: int = setting(0, "epochs between checkpoints that are never deleted; 0: none", low=0)

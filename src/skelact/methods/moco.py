"""MoCo on skeletons, as SkeletonCLR has it: one stream, one queue, any encoder.

Source: Li et al., "3D Human Action Representation Learning via Cross-View Consistency Pursuit", CVPR 2021,
sec. 3.1; He et al., CVPR 2020, algorithm 1.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from skelact.batches import Batch, random_views
from skelact.encoders import Encoder
from skelact.methods.losses import info_nce, unit_length
from skelact.methods.method import Gather, Method, StepLoss
from skelact.methods.momentum import Queue, ema_update, momentum_copy
from skelact.methods.projectors import projector
from skelact.settings import MoCoSettings, Recipe


class MoCo(Method):
    """A view finds the momentum encoder's key of another view of its clip among a queue of keys of other clips."""

    Settings = MoCoSettings

    def __init__(self, encoder: Encoder, recipe: Recipe, classes: int) -> None:
        super().__init__(encoder, recipe, classes)
        self.settings = self.own_settings(MoCoSettings)
        width = self.settings.projection
        self.query = nn.ModuleDict({"encoder": encoder, "projector": projector(encoder.dim, encoder.dim, width)})
        self.key = momentum_copy(self.query)
        self.queue = Queue(self.settings.queue, width)

    @property
    def encoder(self) -> Encoder:
        """The query encoder."""
        encoder = self.query["encoder"]
        assert isinstance(encoder, Encoder)
        return encoder

    def views(self, batches: Mapping[str, Batch], rng: torch.Generator) -> tuple[Batch, Batch]:
        """Two independent random views."""
        query, key = random_views(batches["train"], self.recipe.data, self.recipe.views, rng, count=2)
        return query, key

    def forward(self, views: tuple[Batch, Batch], progress: float) -> StepLoss:
        """One contrastive term."""
        del progress  # nothing changes over the training
        query = _projected(self.query, views[0])
        with torch.no_grad():
            key = _projected(self.key, views[1])
        loss = info_nce(query, key, self.queue.keys, self.settings.temperature)
        return StepLoss(parts={"contrast": loss}, carry={"key": key})

    def after_step(self, step: StepLoss, gather: Gather) -> None:
        """The keys join the queue, then the momentum encoder moves."""
        self.queue.push(gather(step.carry["key"]))
        ema_update(self.key, self.query, self.settings.momentum)


def _projected(side: nn.ModuleDict, view: Batch) -> Tensor:
    """(N, projection) of unit length."""
    encoder = side["encoder"]
    assert isinstance(encoder, Encoder)
    return unit_length(side["projector"](encoder.embed(view)))

"""SCD-Net pretraining: clues of one view predict the whole of another, and the other way round.

Source: Wu et al., AAAI 2024, sec. "Cross-domain contrastive loss"; momentum contrast: He et al., CVPR 2020.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from skelact.batches import Batch, random_views
from skelact.encoders import Encoder, SCDNetEncoder
from skelact.encoders.scdnet import xavier_linear
from skelact.methods.losses import info_nce, unit_length
from skelact.methods.method import Gather, Method, StepLoss
from skelact.methods.momentum import Queue, ema_update, momentum_copy
from skelact.methods.projectors import projector
from skelact.settings import Recipe, SCDNetSettings


class ProjectedEncoder(nn.Module):
    """The encoder with one projector for each clue and one for both together."""

    def __init__(self, encoder: SCDNetEncoder, projection: int, norm: bool = False) -> None:
        super().__init__()
        width = encoder.dim // 2
        self.encoder = encoder
        self.temporal = projector(width, width, projection, norm)
        self.spatial = projector(width, width, projection, norm)
        self.instance = projector(2 * width, width, projection, norm)
        for part in (self.temporal, self.spatial, self.instance):
            xavier_linear(part)

    def project(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Projections of the temporal clue, the spatial clue and the whole, each (N, projection)."""
        temporal, spatial = self.encoder.clues(batch)
        whole = torch.cat([temporal, spatial], dim=1)
        return self.temporal(temporal), self.spatial(spatial), self.instance(whole)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The projections at unit length."""
        z_t, z_s, z_i = self.project(batch)
        return unit_length(z_t), unit_length(z_s), unit_length(z_i)


class SCDNet(Method):
    """Momentum contrast across domains, with a queue for each domain and one for the whole.

    ``L = nce(z_t, k_i | Q_i) + nce(z_s, k_i | Q_i) + nce(z_i, k_t | Q_t) + nce(z_i, k_s | Q_s)``

    where z comes from the query encoder and view 1, k from the momentum encoder and view 2. The momentum
    encoder runs in training mode: its batch-norm statistics are its own.
    """

    Settings = SCDNetSettings
    needs = SCDNetEncoder

    def __init__(self, encoder: Encoder, recipe: Recipe, classes: int) -> None:
        super().__init__(encoder, recipe, classes)
        assert isinstance(encoder, SCDNetEncoder)
        self.settings = self.own_settings(SCDNetSettings)
        self.query = ProjectedEncoder(encoder, self.settings.projection, self.settings.projector_norm)
        self.key = momentum_copy(self.query)
        size, width = self.settings.queue, self.settings.projection
        self.temporal_queue, self.spatial_queue, self.instance_queue = (Queue(size, width) for _ in range(3))

    @property
    def encoder(self) -> SCDNetEncoder:
        """The query encoder."""
        return self.query.encoder

    def views(self, batches: Mapping[str, Batch], rng: torch.Generator) -> tuple[Batch, Batch]:
        """Two independent random views."""
        query, key = random_views(batches["train"], self.recipe.data, self.recipe.views, rng, count=2)
        return query, key

    def forward(self, views: tuple[Batch, Batch], progress: float) -> StepLoss:
        """The four terms, named by who predicts whom."""
        del progress  # nothing changes over the training
        z_t, z_s, z_i = self.query(views[0])
        with torch.no_grad():
            k_t, k_s, k_i = self.key(views[1])
        q_t, q_s, q_i = (queue.keys for queue in self._queues())
        return StepLoss(
            parts={
                "temporal_to_instance": self._nce(z_t, k_i, q_i),
                "spatial_to_instance": self._nce(z_s, k_i, q_i),
                "instance_to_temporal": self._nce(z_i, k_t, q_t),
                "instance_to_spatial": self._nce(z_i, k_s, q_s),
            },
            carry={"temporal": k_t, "spatial": k_s, "instance": k_i},
        )

    def after_step(self, step: StepLoss, gather: Gather) -> None:
        """The keys join the queues, then the momentum encoder moves towards the query encoder.

        It moves after the optimiser and so before the next keys: what the published code does before each step.
        """
        for name, queue in zip(("temporal", "spatial", "instance"), self._queues(), strict=True):
            queue.push(gather(step.carry[name]))
        ema_update(self.key, self.query, self.settings.momentum)

    def _queues(self) -> tuple[Queue, Queue, Queue]:
        return self.temporal_queue, self.spatial_queue, self.instance_queue

    def _nce(self, query: Tensor, key: Tensor, queue: Tensor) -> Tensor:
        negatives = queue[:0] if self.settings.negatives == "batch" else queue
        among_batch = self.settings.negatives != "queue"
        return info_nce(query, key, negatives, self.settings.temperature, among_batch)

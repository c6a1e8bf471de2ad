"""Training with labels: the same encoder, the upper line that label-free training is held against."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from skelact.batches import Batch, random_view
from skelact.encoders import Encoder
from skelact.methods.method import Method, StepLoss
from skelact.settings import Recipe, SupervisedSettings


class Supervised(Method):
    """Cross-entropy of a linear classifier on the features of one random view."""

    Settings = SupervisedSettings
    uses_labels = True

    def __init__(self, encoder: Encoder, recipe: Recipe, classes: int) -> None:
        super().__init__(encoder, recipe, classes)
        self.trained = encoder
        self.classifier = nn.Linear(encoder.dim, classes)

    @property
    def encoder(self) -> Encoder:
        """Trained together with the classifier."""
        return self.trained

    def views(self, batches: Mapping[str, Batch], rng: torch.Generator) -> Batch:
        """One random view."""
        return random_view(batches["train"], self.recipe.data, self.recipe.views, rng)

    def forward(self, views: Batch, progress: float) -> StepLoss:
        """Cross-entropy with the clips' labels."""
        del progress  # nothing changes over the training
        scores = self.classifier(self.trained.embed(views))
        return StepLoss(parts={"cross_entropy": F.cross_entropy(scores, views.label)})

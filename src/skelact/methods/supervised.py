"""Training with labels: the same encoder, the upper line that label-free training is held against."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from skelact.batches import Batch, random_view
from skelact.encoders import Encoder
from skelact.errors import UserError
from skelact.methods.method import Method, StepLoss
from skelact.settings import Recipe


class Supervised(Method):
    """Cross-entropy of a linear classifier on the features of one random view.

    Args:
        encoder: trained together with the classifier.
        recipe: ``data`` and ``views`` make the view.
        classes: number of actions.
    """

    def __init__(self, encoder: Encoder, recipe: Recipe, classes: int) -> None:
        super().__init__()
        self._data, self._views = recipe.data, recipe.views
        self.encoder = encoder
        self.classifier = nn.Linear(encoder.dim, classes)

    def check_labels(self, labels: NDArray[np.int64]) -> None:
        """Every clip needs one; asked before the training, as a GPU would be waited for in each step."""
        without = int((labels < 0).sum())
        if without:
            raise UserError(
                f"method supervised needs a label for every clip of the training part: {without} of {len(labels)} "
                "have none. Import the store again with a data set or a reader that names the labels"
            )

    def views(self, batch: Batch, rng: torch.Generator) -> tuple[Batch]:
        """One random view."""
        return (random_view(batch, self._data, self._views, rng),)

    def loss(self, views: tuple[Batch, ...], progress: float) -> StepLoss:
        """Cross-entropy with the clips' labels."""
        del progress  # nothing changes over the training
        scores = self.classifier(self.encoder.embed(views[0]))
        return StepLoss(parts={"cross_entropy": F.cross_entropy(scores, views[0].label)})

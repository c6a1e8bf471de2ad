"""Mean teacher: a few labelled clips and many without labels, from two stores.

Source: Tarvainen and Valpola, "Mean teachers are better role models", NeurIPS 2017, sec. 2.
"""

from collections.abc import Mapping
from math import exp

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skelact.batches import Batch, random_views
from skelact.encoders import Encoder
from skelact.methods.method import Gather, Method, StepLoss
from skelact.methods.momentum import ema_update, momentum_copy
from skelact.settings import MeanTeacherSettings, Recipe


class MeanTeacher(Method):
    """Labels teach the student; on clips without labels it agrees with a teacher, its own moving average.

    ``L = CE(student(view), label) + w(progress) MSE(softmax student(view 1), softmax teacher(view 2))``

    The second term is over labelled and unlabelled clips; its weight rises as ``exp(-5 (1 - progress / ramp)^2)``.
    """

    Settings = MeanTeacherSettings
    uses_labels = True
    feeds = ("train", "unlabelled")

    def __init__(self, encoder: Encoder, recipe: Recipe, classes: int) -> None:
        super().__init__(encoder, recipe, classes)
        self.settings = self.own_settings(MeanTeacherSettings)
        self.student = nn.ModuleDict({"encoder": encoder, "classifier": nn.Linear(encoder.dim, classes)})
        self.teacher = momentum_copy(self.student)

    @property
    def encoder(self) -> Encoder:
        """The student's."""
        encoder = self.student["encoder"]
        assert isinstance(encoder, Encoder)
        return encoder

    def views(self, batches: Mapping[str, Batch], rng: torch.Generator) -> tuple[Batch, Batch, Batch, Batch]:
        """Two views of the labelled clips, two of the others."""
        data, views = self.recipe.data, self.recipe.views
        labelled = random_views(batches["train"], data, views, rng, count=2)
        unlabelled = random_views(batches["unlabelled"], data, views, rng, count=2)
        return labelled[0], labelled[1], unlabelled[0], unlabelled[1]

    def forward(self, views: tuple[Batch, Batch, Batch, Batch], progress: float) -> StepLoss:
        """The two terms."""
        labelled, labelled_again, unlabelled, unlabelled_again = views
        scores, others = _scores(self.student, labelled), _scores(self.student, unlabelled)
        with torch.no_grad():
            taught = [_scores(self.teacher, view) for view in (labelled_again, unlabelled_again)]
        student = torch.cat([scores, others]).softmax(dim=1)
        agreement = F.mse_loss(student, torch.cat(taught).softmax(dim=1))
        weight = self.settings.consistency * ramp(progress, self.settings.ramp_up)
        return StepLoss(
            parts={
                "cross_entropy": F.cross_entropy(scores, labelled.label),
                "consistency": weight * agreement,
            }
        )

    def after_step(self, step: StepLoss, gather: Gather) -> None:
        """The teacher moves towards the student."""
        del step, gather  # it depends on the student alone
        ema_update(self.teacher, self.student, self.settings.momentum)


def ramp(progress: float, over: float) -> float:
    """How far the weight has risen, 0 to 1. Source: Laine and Aila, ICLR 2017, sec. 2.1."""
    left = 1 - min(progress / over, 1.0) if over else 0.0
    return exp(-5 * left**2)


def _scores(side: nn.ModuleDict, view: Batch) -> Tensor:
    """(N, classes); float32 at least."""
    encoder = side["encoder"]
    assert isinstance(encoder, Encoder)
    scores: Tensor = side["classifier"](encoder.embed(view))
    return scores.float() if scores.dtype == torch.bfloat16 else scores

"""How the learning rate changes over a training."""

from math import cos, pi

from skelact.settings import TrainSettings


def learning_rate(settings: TrainSettings, progress_epochs: float) -> float:
    """Learning rate after ``progress_epochs`` epochs (a fraction within an epoch).

    Warm-up rises linearly from 0. ``step`` multiplies by 0.1 at each milestone, in whole epochs; ``cosine``
    falls to 0 at the end.
    """
    if progress_epochs < settings.warmup_epochs:
        return settings.lr * progress_epochs / settings.warmup_epochs
    if settings.schedule == "step":
        passed = sum(progress_epochs >= milestone for milestone in settings.milestones)
        return float(settings.lr * 0.1**passed)
    span = max(settings.epochs - settings.warmup_epochs, 1)
    return settings.lr * 0.5 * (1 + cos(pi * (progress_epochs - settings.warmup_epochs) / span))

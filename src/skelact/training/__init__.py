"""Training: the loop that ties batches, methods and the run folder."""

from skelact.training.loop import Progress, Stopped
from skelact.training.pretraining import pretrain
from skelact.training.run_folder import Run

__all__ = ["Progress", "Run", "Stopped", "pretrain"]

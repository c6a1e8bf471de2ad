"""Evaluation: a run's numbers beside their baselines, by the protocols of the field."""

from skelact.evaluation.evaluate import Evaluation, evaluate
from skelact.evaluation.protocols import PROTOCOLS
from skelact.heads.labelled import Labelled, Outcome

__all__ = ["PROTOCOLS", "Evaluation", "Labelled", "Outcome", "evaluate"]

"""Methods: views of clips in, a loss out."""

from skelact.encoders import Encoder
from skelact.errors import unknown
from skelact.methods.mean_teacher import MeanTeacher
from skelact.methods.method import ClosedFormMethod, Method, StepLoss
from skelact.methods.moco import MoCo
from skelact.methods.scdnet import SCDNet
from skelact.methods.supervised import Supervised
from skelact.methods.whitening import Whitening
from skelact.settings import MethodSettings, Recipe, add_choice

METHODS: dict[str, type[Method]] = {
    "scdnet": SCDNet,
    "moco": MoCo,
    "supervised": Supervised,
    "mean_teacher": MeanTeacher,
    "whitening": Whitening,
}


def add_method(name: str, kind: type[Method]) -> None:
    """Put a method of one's own into the table, so that recipes can name it."""
    METHODS[name] = kind
    add_choice(MethodSettings, kind.Settings)


def build_method(encoder: Encoder, recipe: Recipe, classes: int) -> Method:
    """The method that ``recipe.method.name`` names.

    Args:
        encoder: what it trains.
        recipe: all settings.
        classes: number of classes of the first feed.

    Raises:
        UserError: an unknown name, or an encoder that the method cannot train.
    """
    name = recipe.method.name
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name](encoder, recipe, classes)


__all__ = [
    "METHODS",
    "ClosedFormMethod",
    "MeanTeacher",
    "Method",
    "MoCo",
    "SCDNet",
    "StepLoss",
    "Supervised",
    "Whitening",
    "add_method",
    "build_method",
]

"""Methods: views of clips in, a loss out."""

from collections.abc import Callable

from skelact.encoders import SCDNetEncoder
from skelact.errors import unknown
from skelact.methods.method import Method, StepLoss
from skelact.methods.scdnet import SCDNet
from skelact.methods.supervised import Supervised
from skelact.settings import Recipe

# name -> how to build it from an encoder, the recipe and the number of classes of the store
METHODS: dict[str, Callable[[SCDNetEncoder, Recipe, int], Method]] = {
    "scdnet": lambda encoder, recipe, _: SCDNet(encoder, recipe),
    "supervised": Supervised,
}


def build_method(encoder: SCDNetEncoder, recipe: Recipe, classes: int) -> Method:
    """The method that ``recipe.method.name`` names; an unknown name is a ``UserError``."""
    name = recipe.method.name
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return METHODS[name](encoder, recipe, classes)


__all__ = ["METHODS", "Method", "SCDNet", "StepLoss", "Supervised", "build_method"]

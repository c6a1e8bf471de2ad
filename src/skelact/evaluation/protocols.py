"""The table of protocols: vectors and labels in, predictions out."""

from collections.abc import Callable
from dataclasses import dataclass

from skelact.config import Recipe
from skelact.evaluation.knn import knn
from skelact.evaluation.labelled import Labelled, Outcome
from skelact.evaluation.linear import linear_probe

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Protocol:
    """One way to measure features.

    Args:
        title: what a table says; ``{k}`` and the like are settings.
        settings: the group of the recipe that it takes its settings from.
        draws: whether its result depends on the seed.
        run: (train, test, recipe, seed, progress) to predictions.
    """

    title: str
    settings: str
    draws: bool
    run: Callable[[Labelled, Labelled, Recipe, int, Progress | None], Outcome]

    def title_for(self, recipe: Recipe) -> str:
        """The title with the settings filled in."""
        return self.title.format_map(vars(getattr(recipe, self.settings)))


def _linear(train: Labelled, test: Labelled, recipe: Recipe, seed: int, progress: Progress | None) -> Outcome:
    return linear_probe(train, test, recipe.linear, seed, progress)


def _knn(train: Labelled, test: Labelled, recipe: Recipe, _seed: int, _progress: Progress | None) -> Outcome:
    return knn(train, test, recipe.knn)


PROTOCOLS = {
    "linear": Protocol("linear probe", "linear", True, _linear),
    "knn": Protocol("{k}-NN by cosine", "knn", False, _knn),
}

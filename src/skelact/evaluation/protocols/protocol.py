"""What a protocol is: a system, features with labels, goes in; an outcome for each of its entries comes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from skelact.evaluation.baselines import SYSTEMS, Embed
from skelact.evaluation.split import Split
from skelact.heads.labelled import Labelled, Outcome
from skelact.models import Model
from skelact.sequences.store import Store
from skelact.settings import Recipe

Report = Callable[[str, int, int], None]  # the entry's title, how much is done, of how much

Kept = TypeVar("Kept")


@dataclass(frozen=True, eq=False)
class System:
    """What is measured: an encoder, or none, of one seed, with what it makes of the clips.

    Args:
        name: ``model`` or one of ``BASELINES``.
        seed: of the run; everything that a protocol draws comes from it.
        recipe: settings of the run, those of the protocols as they are to be used.
        store: the clips.
        split: which of them are learnt from and measured on.
        train: features of the training clips.
        test: features of the test clips.
        model: the encoder; None for raw coordinates.
        embed: (rows of the store, change of the clips or None, progress) to features.
    """

    name: str
    seed: int
    recipe: Recipe
    store: Store
    split: Split
    train: Labelled
    test: Labelled
    model: Model | None
    embed: Embed
    _kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def once(self, what: str, make: Callable[[], Kept]) -> Kept:
        """What ``make`` gives, made when first asked for: what several protocols learn alike is learnt once."""
        if what not in self._kept:
            self._kept[what] = make()
        kept: Kept = self._kept[what]
        return kept

    @property
    def train_names(self) -> list[str]:
        """Names of the training clips: what is drawn by name is the same for every encoder and any order."""
        return [str(name) for name in self.store.columns["name"][self.split.train].tolist()]


@dataclass(frozen=True)
class Point:
    """Where an entry lies on a curve.

    Args:
        chart: the curve that it is part of, as the heading says it.
        across: what the axis is.
        at: its place there.
    """

    chart: str
    across: str
    at: float


@dataclass(frozen=True)
class Entry:
    """One number of a protocol, such as that with 10 % of the labels.

    Args:
        title: what a table says.
        points: curves that it is part of.
    """

    title: str
    points: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Protocol:
    """One way to measure.

    Args:
        title: what headings say.
        groups: groups of the recipe that it takes its settings from, its own first.
        entries: (recipe, store) to the entries, by key; the key starts with the protocol's name.
        run: (system, report) to the outcome of each entry.
        draws: whether its result depends on the seed.
        systems: what is measured, and what a table calls it here.
        fuses: how scores of several models are added: as probabilities, as they are, or not at all.
        left_out: (recipe, store) to what the settings ask for and the store does not allow, in sentences.
    """

    title: str
    groups: tuple[str, ...]
    entries: Callable[[Recipe, Store], Mapping[str, Entry]]
    run: Callable[[System, Report], Mapping[str, Outcome]]
    draws: bool = True
    systems: Mapping[str, str] = field(default_factory=lambda: SYSTEMS)
    fuses: Literal["", "softmax", "sum"] = ""
    left_out: Callable[[Recipe, Store], list[str]] = lambda _recipe, _store: []

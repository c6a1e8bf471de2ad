"""Feeds: the clips that a method learns from, one or several stores side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelact.batches import Batch
from skelact.errors import UserError
from skelact.methods import Method
from skelact.models.model import load_clips
from skelact.sequences.clips import Clips


@dataclass(frozen=True, eq=False)
class Feed:
    """Clips of one name.

    Args:
        name: what the method calls it.
        clips: where they come from.
        rows: (N,) which of them are learnt from.
        number: 0 for the feed that counts the epochs, then 1, 2 ...
    """

    name: str
    clips: Clips
    rows: NDArray[np.int64]
    number: int = 0

    def rows_of(self, seed: int, epoch: int, step: int, steps: int, batch: int) -> NDArray[np.int64]:
        """(batch,) the clips of a step; they depend on nothing but these numbers, so that resuming finds them.

        The first feed gives each clip at most once an epoch. The others begin again when all were seen, in another
        order each time, however long an epoch of the first is.
        """
        if self.number == 0:
            order = np.random.default_rng((seed, epoch)).permutation(self.rows)
            return order[step * batch : (step + 1) * batch]
        places = (epoch * steps + step) * batch + np.arange(batch)
        rounds, places = places // len(self.rows), places % len(self.rows)
        found = np.empty(batch, dtype=np.int64)
        for which in np.unique(rounds):
            order = np.random.default_rng((seed, self.number, int(which))).permutation(self.rows)
            found[rounds == which] = order[places[rounds == which]]
        return found

    def load(self, rows: NDArray[np.int64], persons: int) -> Batch:
        """These clips as a batch for ``persons`` people."""
        return load_clips(self.clips, rows, persons)


def make_feeds(
    method: type[Method], name: str, train: Clips, rows: NDArray[np.int64], others: Mapping[str, Clips]
) -> tuple[Feed, ...]:
    """The feeds of a method, the first one made of ``train``.

    Args:
        method: says which feeds it needs.
        name: of the method, for messages.
        train: clips of the first feed.
        rows: which of them.
        others: clips of the other feeds, by name.

    Raises:
        UserError: a feed is missing, or not one of the method's, or of another skeleton than the first.
    """
    first, *further = method.feeds
    for wanted in further:
        if wanted not in others:
            raise UserError(
                f"method {name} also learns from clips {wanted}: name their store, --feed {wanted}=STORE"
            )
    for given in others:
        if given not in further:
            known = f"it takes {', '.join(further)}" if further else "it takes none"
            raise UserError(f"method {name} has no feed {given} beside {first}; {known}")
    for other, clips in others.items():
        if (clips.skeleton, clips.coordinates) != (train.skeleton, train.coordinates):
            raise UserError(
                f"feed {other}: {clips.title} has {clips.coordinates} coordinates of {clips.skeleton.name}, "
                f"{train.title} has {train.coordinates} of {train.skeleton.name}. All feeds need the same"
            )
    numbered = enumerate(further, start=1)
    return (
        Feed(first, train, rows),
        *(Feed(name, others[name], np.arange(len(others[name])), number) for number, name in numbered),
    )

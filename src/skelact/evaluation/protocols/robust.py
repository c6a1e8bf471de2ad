"""Robustness: probes trained on clean clips, asked about clips that are worse or seen from elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b

import torch

from skelact.batches import Batch
from skelact.batches.augment import add_noise
from skelact.batches.corruption import change_rate, lose_frames, lose_joints, turn_about_vertical
from skelact.errors import UserError
from skelact.evaluation.baselines import Change
from skelact.evaluation.protocols.linear import probe_of
from skelact.evaluation.protocols.protocol import Entry, Point, Protocol, Report, System
from skelact.heads.labelled import Labelled, Outcome
from skelact.heads.nearest_neighbours import votes_of_nearest
from skelact.sequences.store import Store
from skelact.settings import Recipe

Probes = Mapping[str, Callable[[Labelled], Outcome]]


@dataclass(frozen=True)
class Corruption:
    """One change of the test clips.

    Args:
        key: last part of the entry's key.
        title: what a table says.
        chart: the curve that it is part of.
        across: what the axis is.
        at: its place there.
        apply: the change; draws from the generator.
    """

    key: str
    title: str
    chart: str
    across: str
    at: float
    apply: Callable[[Batch, torch.Generator], Batch]


# Where clean clips lie on each curve.
CLEAN = {"joints missing": 0.0, "frames missing": 0.0, "noise": 0.0, "frame rate": 100.0, "people turned": 0.0}
PROBES = {"linear": "linear probe", "knn": "k-NN"}


def corruptions(recipe: Recipe, store: Store) -> list[Corruption]:
    """The changes that the settings ask for and the store allows: noise needs metres, turning three dimensions.

    Raises:
        UserError: a share that is none, a rate of 0 or less.
    """
    settings = recipe.protocols.robust
    found = [*_missing("joints", settings.joints, lose_joints), *_missing("frames", settings.frames, lose_frames)]
    if store.unit == "m":
        found += [_noise(deviation) for deviation in settings.noise]
    found += [_rate(rate) for rate in settings.rates]
    if store.coordinates == 3:
        found += [_heading(degrees, store.up) for degrees in settings.headings]
    return found


def left_out(recipe: Recipe, store: Store) -> list[str]:
    """What the settings ask for and the store does not allow, in sentences."""
    caveats = []
    if store.unit != "m" and recipe.protocols.robust.noise:
        caveats.append(
            f"Robustness to noise was not measured: it is in metres, the store's unit is {store.unit!r}."
        )
    if store.coordinates != 3 and recipe.protocols.robust.headings:
        caveats.append("Robustness to headings was not measured: it needs three dimensions, the store has two.")
    return caveats


def _missing(
    what: str, shares: tuple[float, ...], lose: Callable[[Batch, float, torch.Generator], Batch]
) -> Iterator[Corruption]:
    for share in shares:
        if not 0 <= share < 1:
            raise UserError(f"robust.{what} must be shares from 0 to below 1, got {share}")
        title = f"{100 * share:g} % of the {what} missing"
        yield Corruption(
            f"{what}-{share:g}",
            title,
            f"{what} missing",
            f"{what} missing, %",
            round(100 * share, 6),
            lambda batch, rng, share=share: lose(batch, share, rng),  # type: ignore[misc]
        )


def _noise(deviation: float) -> Corruption:
    centimetres = round(100 * deviation, 6)
    return Corruption(
        f"noise-{deviation:g}",
        f"noise of {centimetres:g} cm",
        "noise",
        "noise, cm",
        centimetres,
        lambda batch, rng: add_noise(batch, deviation, rng),
    )


def _rate(rate: float) -> Corruption:
    if rate <= 0:
        raise UserError(f"robust.rates must be above 0, got {rate}")
    return Corruption(
        f"rate-{rate:g}",
        f"frame rate times {rate:g}",
        "frame rate",
        "frame rate, % of the recording's",
        round(100 * rate, 6),
        lambda batch, _: change_rate(batch, rate),
    )


def _heading(degrees: float, up: str) -> Corruption:
    return Corruption(
        f"heading-{degrees:g}",
        f"people turned by {degrees:g} degrees",
        "people turned",
        "turned by, degrees",
        degrees,
        lambda batch, _: turn_about_vertical(batch, degrees, up),
    )


def changing(corruption: Corruption, seed: int) -> Change:
    """The corruption as a change of one batch after another, with its own generator.

    The draws depend on the seed, the corruption and the batches' sizes, not on the encoder: every system is asked
    about the same corrupted clips.
    """
    number = int.from_bytes(blake2b(f"{seed}/{corruption.key}".encode(), digest_size=7).digest())
    generators: dict[torch.device, torch.Generator] = {}

    def change(batch: Batch) -> Batch:
        rng = generators.get(batch.device) or torch.Generator(batch.device).manual_seed(number)
        generators[batch.device] = rng
        return corruption.apply(batch, rng)

    return change


def _probes(system: System, report: Report) -> Probes:
    """What was learnt from the clean training part, once."""
    probe, _ = probe_of(system, report)

    def nearest(test: Labelled) -> Outcome:
        return votes_of_nearest(system.train, test, system.recipe.protocols.knn.k)

    return {"linear": probe.outcome, "knn": nearest}


def _entries(recipe: Recipe, store: Store) -> Mapping[str, Entry]:
    found = corruptions(recipe, store)
    across = {corruption.chart: corruption.across for corruption in found}
    entries = {}
    for probe, name in PROBES.items():
        clean = tuple(Point(f"{name}, {chart}", axis, CLEAN[chart]) for chart, axis in across.items())
        entries[f"robust/{probe}/clean"] = Entry(f"{name}, clean clips", clean)
        for corruption in found:
            point = Point(f"{name}, {corruption.chart}", corruption.across, corruption.at)
            entries[f"robust/{probe}/{corruption.key}"] = Entry(f"{name}, {corruption.title}", (point,))
    return entries


def _run(system: System, report: Report) -> Mapping[str, Outcome]:
    probes = _probes(system, report)
    outcomes = {f"robust/{name}/clean": ask(system.test) for name, ask in probes.items()}
    for corruption in corruptions(system.recipe, system.store):
        change = changing(corruption, system.recipe.protocols.robust.seed)
        vectors = system.embed(system.split.test, change, partial(report, f"robustness, {corruption.title}"))
        test = Labelled(vectors, system.test.labels, system.test.classes)
        outcomes |= {f"robust/{name}/{corruption.key}": ask(test) for name, ask in probes.items()}
    return {key: outcomes[key] for key in _entries(system.recipe, system.store)}


ROBUST = Protocol("robustness", ("robust", "linear", "knn"), _entries, _run, left_out=left_out)

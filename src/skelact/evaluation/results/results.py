"""What an evaluation found, typed: every number with what is needed to judge and to repeat it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from skelact.evaluation.protocols.protocol import Point
from skelact.evaluation.results.json_form import Misfit
from skelact.evaluation.split import split_title

FORMAT = 2
MODEL = "model"  # the trained encoder among the systems; all others are baselines


@dataclass(frozen=True)
class Environment:
    """On what numbers were computed.

    Args:
        cpu: name of the processor.
        cores: that the system has; None where it does not say.
        threads: that torch used.
        gpu: name of the GPU; None where there is none.
        system: the operating system, such as "Linux".
        python: version.
        torch: version.
        kernels: what computed graph blocks, "compiled" or "torch".
    """

    cpu: str
    cores: int | None
    threads: int
    gpu: str | None
    system: str
    python: str
    torch: str
    kernels: str


@dataclass(frozen=True)
class Clips:
    """How many clips a split has.

    Args:
        train: training clips.
        test: test clips.
        per_class: test clips of each class.
    """

    train: int
    test: int
    per_class: dict[str, int]

    def __post_init__(self) -> None:
        if self.train < 1 or self.test < 1 or min(self.per_class.values(), default=0) < 0:
            raise ValueError("a split has at least one training and one test clip")
        if sum(self.per_class.values()) != self.test:
            raise Misfit("per_class", f"expected {self.test} test clips in all")


@dataclass(frozen=True)
class Data:
    """What was measured on.

    Args:
        store: folder of the store.
        dataset: its name; empty where none is known.
        skeleton: of the recordings.
        mapped_to: skeleton of the encoder, where joints were mapped to it; otherwise empty.
        fingerprint: of the store's contents.
        cleaning: as ``Store.cleaning`` has it.
        split: name of the split.
        hold_out: what was measured on in the place of its test clips; otherwise empty.
        clips: how many there are.
        duplicates: test clips that are also training clips.
        classes: names.
        most_frequent_class: accuracy of always answering the most frequent class of the training clips.
    """

    store: str
    dataset: str
    skeleton: str
    mapped_to: str
    fingerprint: str
    cleaning: dict[str, object]
    split: str
    hold_out: str
    clips: Clips
    duplicates: int
    classes: tuple[str, ...]
    most_frequent_class: float

    def __post_init__(self) -> None:
        if tuple(self.clips.per_class) != self.classes:
            raise Misfit("clips.per_class", "expected a count for each of the classes, in their order")
        if not 0 <= self.duplicates <= self.clips.test:
            raise Misfit("duplicates", f"expected 0 to {self.clips.test}")
        _check_share("most_frequent_class", self.most_frequent_class)

    @property
    def split_title(self) -> str:
        """The split in words: ``xview, held out camera=2``."""
        return split_title(self.split, self.hold_out)

    @property
    def title(self) -> str:
        """Data set and split in words."""
        return ", ".join(filter(None, (self.dataset, self.split_title)))


@dataclass(frozen=True)
class OverSeeds:
    """An accuracy, or another share, over the seeds of a run.

    Args:
        value: the mean.
        std: standard deviation; None for a single seed.
        interval: Wilson's 95 % interval of the mean; None where it is no accuracy on a number of clips.
        seeds: value of each seed.
    """

    value: float
    std: float | None
    interval: tuple[float, float] | None
    seeds: dict[str, float]

    def __post_init__(self) -> None:
        for key, share in (("value", self.value), *((f"seeds.{seed}", one) for seed, one in self.seeds.items())):
            _check_share(key, share)
        if not self.seeds or not all(seed.isascii() and seed.lstrip("-").isdecimal() for seed in self.seeds):
            raise Misfit("seeds", "expected a value for each seed, by its number")
        if abs(self.value - math.fsum(self.seeds.values()) / len(self.seeds)) > 1e-9:
            raise Misfit("value", f"{self.value} is not the mean of the seeds")
        if (self.std is None) != (len(self.seeds) == 1) or (self.std is not None and not 0 <= self.std <= 1):
            raise Misfit("std", "expected a deviation from 0 to 1 where there are several seeds")
        if self.interval is not None and not 0 <= self.interval[0] <= self.interval[1] <= 1:
            raise Misfit("interval", "expected two ends from 0 to 1, the lower one first")


@dataclass(frozen=True)
class Best:
    """The best of all epochs on the test clips, which is no result.

    Args:
        mean: over the seeds.
        seeds: of each seed.
    """

    mean: float
    seeds: dict[str, float]

    def __post_init__(self) -> None:
        for share in (self.mean, *self.seeds.values()):
            _check_share("mean", share)


@dataclass(frozen=True)
class SystemResult(OverSeeds):
    """An accuracy of one system at the last epoch.

    Args:
        name: what tables call the system.
        best_on_test: the best epoch; None where there are no epochs.
        without_duplicates: the accuracy without the test clips that are also training clips; None where there are
            none, or nothing else.
        curves: accuracy after each epoch, by seed; empty where there are no epochs.
        measures: other numbers by name, such as the mean average precision.
        chosen: what was chosen without the test clips, by seed and name, such as the learning rate.
        per_class: accuracy of each class; None where it has no test clip.
    """

    name: str
    best_on_test: Best | None
    without_duplicates: OverSeeds | None
    curves: dict[str, tuple[float, ...]]
    measures: dict[str, OverSeeds]
    chosen: dict[str, dict[str, float]]
    per_class: dict[str, float | None]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.interval is None:
            raise Misfit("interval", "expected the two ends of an interval")
        for name, share in self.per_class.items():
            _check_share(f"per_class.{name}", share or 0.0)
        for key, curve in self.curves.items():
            if not curve or not all(0 <= share <= 1 for share in curve):
                raise Misfit(f"curves.{key}", "expected accuracies, from 0 to 1")
        for field, by_seed in (("curves", self.curves), ("chosen", self.chosen)):
            if by_seed and by_seed.keys() != self.seeds.keys():
                raise Misfit(field, "expected an entry for each seed, or none")
        others = {"best_on_test": self.best_on_test, "without_duplicates": self.without_duplicates}
        others |= {f"measures.{name}": one for name, one in self.measures.items()}
        for key, other in others.items():
            if other is not None and other.seeds.keys() != self.seeds.keys():
                raise Misfit(f"{key}.seeds", "expected the same seeds as the accuracy has")


@dataclass(frozen=True)
class PairedTest:
    """McNemar's test of two systems on the same clips.

    Args:
        only_model_right: clips that only the trained encoder has right.
        only_other_right: clips that only the other has right.
        p: probability of a split at least as uneven if both were equally good.
    """

    only_model_right: int
    only_other_right: int
    p: float

    def __post_init__(self) -> None:
        if min(self.only_model_right, self.only_other_right) < 0:
            raise ValueError("expected numbers of clips, 0 or more")
        _check_share("p", self.p)


@dataclass(frozen=True)
class Versus:
    """The trained encoder against a baseline.

    Args:
        gain: difference of the mean accuracies, -1 to 1.
        seeds: paired test of each seed; empty where clips were asked several times.
    """

    gain: float
    seeds: dict[str, PairedTest]

    def __post_init__(self) -> None:
        _check_share("gain", abs(self.gain))


@dataclass(frozen=True)
class Measured:
    """One number of a protocol, such as that with 10 % of the labels, of all systems.

    Args:
        title: what tables call it.
        protocol: name of the protocol.
        command: what measures it again.
        created: when it was measured.
        environment: on what.
        settings: by group, of all groups that the protocol takes settings from.
        caveats: what a reader must know to judge this number.
        points: curves that it is part of.
        episodes: how often each clip was asked: with several there are no paired tests.
        systems: by name; ``model``, the trained encoder, comes first.
        versus: the trained encoder against each baseline.
        confusion: row: the label, column: what it was taken for; of the trained encoder, summed over the seeds and
            the episodes.
    """

    title: str
    protocol: str
    command: str
    created: str
    environment: Environment
    settings: dict[str, dict[str, object]]
    caveats: tuple[str, ...]
    points: tuple[Point, ...]
    episodes: int
    systems: dict[str, SystemResult]
    versus: dict[str, Versus]
    confusion: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if next(iter(self.systems), "") != MODEL:
            raise Misfit("systems", f"expected {MODEL}, the trained encoder, as the first")
        for system, one in self.systems.items():
            if one.seeds.keys() != self.model.seeds.keys():
                raise Misfit(f"systems.{system}.seeds", f"expected the same seeds as {MODEL} has")
            if one.measures.keys() != self.model.measures.keys():
                raise Misfit(f"systems.{system}.measures", f"expected the same measures as {MODEL} has")
        if self.versus.keys() != self.systems.keys() - {MODEL}:
            raise Misfit("versus", f"expected a comparison with each system but {MODEL}")
        if self.episodes < 1:
            raise Misfit("episodes", "expected a number from 1 on")
        for system, versus in self.versus.items():
            if versus.seeds.keys() != (self.model.seeds.keys() if self.episodes == 1 else set()):
                raise Misfit(
                    f"versus.{system}.seeds", "expected a test of each seed, of clips that were asked once"
                )
        if any(number < 0 for row in self.confusion for number in row):
            raise Misfit("confusion", "expected numbers of clips, 0 or more")

    @property
    def model(self) -> SystemResult:
        """The trained encoder."""
        return self.systems[MODEL]

    @property
    def best_baseline(self) -> str | None:
        """The system without training that is right most often; the first of those that are equal."""
        others = [name for name in self.systems if name != MODEL]
        return max(others, key=lambda name: self.systems[name].value, default=None)


@dataclass(frozen=True)
class Member:
    """One of several runs whose scores were added.

    Args:
        run: its folder.
        weight: of its scores; all weights add up to 1.
        method: its method.
        stream: its stream.
        command: what measures it again.
        values: its own accuracies, by entry and system.
    """

    run: str
    weight: float
    method: str
    stream: str
    command: str
    values: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Results:
    """``results.json``.

    Args:
        format: of the file.
        version: of skelact.
        created: when it was last measured.
        seconds: how long that took.
        command: what measures the same again.
        environment: on what it was measured.
        run: folder of the run.
        method: what trained it.
        stream: of the training.
        epochs: of the training.
        seeds: of the run.
        weights: digest of each seed's encoder.
        model: what the first seed's model says of itself.
        members: runs whose scores were added; empty for a run of its own.
        data: what was measured on.
        caveats: what a reader must know to judge all of the numbers.
        protocols: what was measured, by key: ``linear``, ``semi/10`` ...
        settings: of the training, by group.
    """

    format: int
    version: str
    created: str
    seconds: float
    command: str
    environment: Environment
    run: str
    method: str
    stream: str
    epochs: int
    seeds: tuple[int, ...]
    weights: dict[str, str]
    model: dict[str, object]
    members: tuple[Member, ...]
    data: Data
    caveats: tuple[str, ...]
    protocols: dict[str, Measured]
    settings: dict[str, dict[str, object]]

    def __post_init__(self) -> None:
        seeds = [str(seed) for seed in self.seeds]
        if not seeds or len(set(seeds)) < len(seeds):
            raise Misfit("seeds", "expected numbers, each once")
        if set(self.weights) != set(seeds):
            raise Misfit("weights", "expected a digest for each seed")
        if not self.protocols:
            raise Misfit("protocols", "expected at least one entry")
        for key, entry in self.protocols.items():
            self._check(key, entry, set(seeds))

    def _check(self, key: str, entry: Measured, seeds: set[str]) -> None:
        """Whether an entry is of this run and these classes."""
        here, classes = f"protocols.{key}", self.data.classes
        if key.partition("/")[0] != entry.protocol:
            raise Misfit(f"{here}.protocol", f"expected {key.partition('/')[0]}")
        if set(entry.model.seeds) != seeds:
            raise Misfit(f"{here}.systems.{MODEL}.seeds", "expected the seeds of the run")
        if [len(row) for row in entry.confusion] != [len(classes)] * len(classes):
            raise Misfit(f"{here}.confusion", f"expected {len(classes)} rows of {len(classes)} numbers")
        asked = len(seeds) * entry.episodes
        if [sum(row) for row in entry.confusion] != [asked * n for n in self.data.clips.per_class.values()]:
            raise Misfit(f"{here}.confusion", "expected rows that add up to the test clips of each class")
        for system, one in entry.systems.items():
            found = {name for name, share in one.per_class.items() if share is not None}
            if tuple(one.per_class) != classes or found != {c for c, n in self.data.clips.per_class.items() if n}:
                where = f"{here}.systems.{system}.per_class"
                raise Misfit(where, "expected an accuracy for each class that has test clips, in their order")

    @property
    def title(self) -> str:
        """What was trained, on what it was measured."""
        held = f", held out {self.data.hold_out}" if self.data.hold_out else ""
        return f"{self.method} on {self.data.dataset or 'a store'}, {self.data.split}{held}"

    @property
    def commands(self) -> tuple[str, ...]:
        """What measures the same again, in the order in which it was measured."""
        entries = sorted(self.protocols.values(), key=lambda entry: entry.created)
        return tuple(dict.fromkeys(entry.command for entry in entries))

    @property
    def environments(self) -> tuple[Environment, ...]:
        """On what the numbers were computed."""
        return tuple(dict.fromkeys(entry.environment for entry in self.protocols.values()))

    @property
    def every_caveat(self) -> list[str]:
        """Those of all numbers, then those of some; each once."""
        some = [caveat for entry in self.protocols.values() for caveat in entry.caveats]
        return list(dict.fromkeys([*self.caveats, *some, *_mixed_settings(self)]))

    @property
    def trained_elsewhere(self) -> str:
        """What the encoder was trained on where it is measured on another store; otherwise nothing."""
        if self.model.get("fingerprint", self.data.fingerprint) == self.data.fingerprint:
            return ""
        return str(self.model.get("dataset") or "another store")


def families(entries: dict[str, Measured]) -> dict[str, dict[str, Measured]]:
    """Entries by protocol: those of ``semi/1``, ``semi/10`` under ``semi``."""
    found: dict[str, dict[str, Measured]] = {}
    for key, entry in entries.items():
        found.setdefault(entry.protocol, {})[key] = entry
    return found


def cleaning_words(cleaning: dict[str, object]) -> str:
    """How recordings were cleaned, as ``Store.cleaning`` has it, in words.

    Example:
        >>> cleaning_words({"clean.persons": 2, "clean.trim": True})
        'persons=2, trim=true'
        >>> cleaning_words({"clean": "ntu-agcn"})
        'ntu-agcn'
    """
    words = []
    for key, value in cleaning.items():
        name = key.partition(".")[2] or key
        text = str(value).lower() if isinstance(value, bool) else str(value)
        words.append(text if name == "clean" else f"{name}={text}")
    return ", ".join(words) or "unknown"


def _mixed_settings(results: Results) -> Iterator[str]:
    """Entries of one protocol that were measured with different settings, at different times."""
    for family in families(results.protocols).values():
        first, *others = family.items()
        for key, entry in others:
            if entry.settings != first[1].settings:
                yield f"{key} was measured with other settings than {first[0]}."


def _check_share(key: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise Misfit(key, f"expected a share from 0 to 1, got {share}")

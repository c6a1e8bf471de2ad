"""Numbers of results in words: the same in every kind of report."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from skelact.evaluation.baselines import SYSTEMS
from skelact.evaluation.protocols import PROTOCOLS
from skelact.evaluation.results.compare import ComparedEntry, Row
from skelact.evaluation.results.results import MODEL, Environment, Measured, Results, families

LOSSES_NAMED = 4  # of a protocol of many entries


class Share(Protocol):
    """An accuracy with its deviation and interval."""

    @property
    def value(self) -> float: ...  # noqa: D102
    @property
    def std(self) -> float | None: ...  # noqa: D102
    @property
    def interval(self) -> tuple[float, float] | None: ...  # noqa: D102


def percent(share: float) -> str:
    """An accuracy as it is printed.

    Example:
        >>> percent(0.8431)
        '84.3 %'
    """
    return f"{100 * share:.1f} %"


def signed(share: float) -> str:
    """A difference of accuracies in points.

    Example:
        >>> signed(-0.0321)
        '−3.2'
    """
    return f"{100 * share:+.1f}".replace("-", "−")


def p_value(p: float) -> str:
    """A probability as it is printed.

    Example:
        >>> p_value(0.00002), p_value(0.0312)
        ('<0.001', '0.031')
    """
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def accuracy(share: Share) -> str:
    """``75.7 ± 1.8  [71.6, 79.4]``: mean, deviation over seeds, 95 % interval."""
    deviation = f" ± {100 * share.std:.1f}" if share.std is not None else ""
    interval = "  [{:.1f}, {:.1f}]".format(*(100 * end for end in share.interval)) if share.interval else ""
    return f"{100 * share.value:.1f}{deviation}{interval}"


def headline(entry: Measured) -> str:
    """The trained encoder against the best baseline, in a sentence; nothing where there is no baseline."""
    best = entry.best_baseline
    if best is None:
        return ""
    versus, name = entry.versus[best], entry.systems[best].name
    points = f"{abs(100 * versus.gain):.1f}"
    if points == "0.0":
        words = f"No better than the best baseline, {name}"
    elif versus.gain > 0:
        words = f"{points} points above the best baseline, {name}"
    else:
        words = f"{points} points below the best baseline, {name}, which is better than the trained encoder"
    worst = max((test.p for test in versus.seeds.values()), default=None)
    if worst is None:
        return f"{words}."
    test = f"p {p_value(worst)}" if worst < 0.001 else f"p = {p_value(worst)}"
    return f"{words} (McNemar {test}{', worst seed' if len(versus.seeds) > 1 else ''})."


def losses(entries: Mapping[str, Measured]) -> str:
    """A sentence where a baseline is better in some of many entries; otherwise nothing."""
    lost = [
        f"{entry.title} ({entry.systems[best].name}, {signed(entry.versus[best].gain)})"
        for entry in entries.values()
        if (best := entry.best_baseline) is not None and entry.versus[best].gain < 0
    ]
    if not lost:
        return ""
    more = f"; and {len(lost) - LOSSES_NAMED} more" if len(lost) > LOSSES_NAMED else ""
    named = "; ".join(lost[:LOSSES_NAMED])
    return f"A baseline is better than the trained encoder in {len(lost)} of {len(entries)}: {named}{more}."


def verdicts(entries: dict[str, Measured]) -> dict[str, str]:
    """The trained encoder against the best baseline, a sentence for each protocol that has one, by title."""
    found = {}
    for name, family in families(entries).items():
        first = next(iter(family.values()))
        if len(family) == 1:
            found[first.title] = headline(first)
        else:
            found[protocol_title(name)] = losses(family)
    return {title: sentence for title, sentence in found.items() if sentence}


def system_names(entry: Measured) -> dict[str, str]:
    """What the systems of an entry are called."""
    return {system: one.name for system, one in entry.systems.items()}


def whole(entries: dict[str, Measured]) -> dict[str, Measured]:
    """The entries that are a protocol by themselves and measure the usual systems: linear, knn."""
    alone = {
        key: entry for family in families(entries).values() if len(family) == 1 for key, entry in family.items()
    }
    return {
        key: entry
        for key, entry in alone.items()
        if "/" not in key and all(SYSTEMS.get(system) == name for system, name in system_names(entry).items())
    }


def rest_of_families(entries: dict[str, Measured]) -> Iterator[tuple[str, dict[str, Measured]]]:
    """Name and entries of each protocol that is not among ``whole``."""
    main = whole(entries)
    for name, family in families(entries).items():
        if not family.keys() <= main.keys():
            yield name, family


def protocol_title(name: str) -> str:
    """What headings call a protocol; its name where it is of another version."""
    return PROTOCOLS[name].title if name in PROTOCOLS else name


def measure_title(name: str) -> str:
    """``mean_average_precision`` as words."""
    return name.replace("_", " ")


def chosen_rates(entry: Measured) -> dict[str, str]:
    """What was chosen on training clips, by the system's name, seed by seed."""
    return {
        one.name: "; ".join(
            ", ".join(f"{value:g}" for name, value in chosen.items() if name == "lr")
            for chosen in one.chosen.values()
        ).replace("; ", ", ")
        for one in entry.systems.values()
        if one.chosen
    }


def seeds_words(seeds: tuple[int, ...]) -> str:
    """Which seeds."""
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds ({', '.join(map(str, seeds))})"


def environment_words(environment: Environment) -> str:
    """On what numbers were computed."""
    cores = f", {environment.cores} cores" if environment.cores else ""
    gpu = f", {environment.gpu}" if environment.gpu else ""
    return (
        f"{environment.cpu}{cores}{gpu}, {environment.system}; {environment.threads} threads, graph blocks by "
        f"{'the compiled module' if environment.kernels == 'compiled' else environment.kernels}"
    )


def settings_of(results: Results) -> dict[str, Mapping[str, object]]:
    """Settings by group: of the training, then of the protocols as they were used.

    Where entries were measured with different settings of a group, it is there several times, with their names.
    """
    found: dict[str, Mapping[str, object]] = dict(results.settings)
    groups: dict[str, list[tuple[dict[str, object], list[str]]]] = {}
    for key, entry in results.protocols.items():
        for group, values in entry.settings.items():
            variants = groups.setdefault(group, [])
            for other, keys in variants:
                if other == values:
                    keys.append(key)
                    break
            else:
                variants.append((values, [key]))
    for group, variants in groups.items():
        for values, keys in variants:
            found[group if len(variants) == 1 else f"{group} ({', '.join(keys)})"] = values
    return found


def row_name(row: Row) -> str:
    """The run of a trained encoder, the name of a baseline with the run that it was measured with."""
    return row.run if row.system == MODEL else f"best baseline: {row.name} ({row.run})"


def row_difference(row: Row, entry: ComparedEntry) -> tuple[str, str]:
    """``+3.2  [+1.1, +5.3]`` and the p of each seed."""
    if row.versus is None:
        reference = entry.reference
        same = reference is not None and (reference.run, reference.system) == (row.run, row.system)
        return ("reference" if same else "–", "")
    ends = row.versus.interval
    interval = f"  [{signed(ends[0])}, {signed(ends[1])}]" if ends else ""
    values = ", ".join(p_value(test.p) for test in row.versus.seeds.values())
    return f"{signed(row.versus.difference)}{interval}", values or "–"

"""Results and comparisons as short tables of text."""

from collections.abc import Mapping, Sequence

from skelact.evaluation.baselines import SYSTEMS
from skelact.evaluation.results.compare import Comparison
from skelact.evaluation.results.results import Measured, Results
from skelact.report.words import (
    accuracy,
    chosen_rates,
    measure_title,
    rest_of_families,
    row_difference,
    row_name,
    system_names,
    verdicts,
    whole,
)


def text_table(results: Results) -> str:
    """What was measured; a line a system and a column a protocol; a table for each protocol of several entries."""
    entries = results.protocols
    main = whole(entries)
    blocks = [[_caption(results), *_main(main, bool(results.data.duplicates))]]
    blocks.append([f"{title}: {sentence}" for title, sentence in verdicts(entries).items()])
    blocks += [_measures(entry) for entry in main.values()]
    blocks += [_family(list(family.values())) for _, family in rest_of_families(entries)]
    blocks.append(_chosen(entries))
    return "\n\n".join("\n".join(block) for block in blocks if block)


def comparison_table(comparison: Comparison) -> str:
    """A comparison: a block for each entry, a line for each run."""
    data = comparison.data
    lines = [
        f"{data.title}: {data.clips.test} test clips, accuracy in %, mean ± deviation over seeds [95 % interval]"
    ]
    for entry in comparison.protocols.values():
        rows = [[entry.title, "accuracy", "difference", "McNemar p, seed by seed"]]
        rows += [[row_name(row), accuracy(row), *row_difference(row, entry)] for row in entry.rows]
        lines += ["", *_aligned(rows)]
    return "\n".join(lines)


def _main(entries: Mapping[str, Measured], duplicates: bool) -> list[str]:
    if not entries:
        return []
    rows = [["", *(entry.title for entry in entries.values())]]
    for system, name in SYSTEMS.items():
        rows.append([name, *(_cell(entry, system) for entry in entries.values())])
    for system, name in SYSTEMS.items() if duplicates else ():
        rows.append([f"{name}, without duplicates", *(_own(entry, system) for entry in entries.values())])
    return _aligned(rows)


def _cell(entry: Measured, system: str) -> str:
    return accuracy(entry.systems[system]) if system in entry.systems else "–"


def _own(entry: Measured, system: str) -> str:
    """Without the test clips that are also training clips."""
    values = entry.systems[system].without_duplicates if system in entry.systems else None
    return accuracy(values) if values else "–"


def _measures(entry: Measured) -> list[str]:
    """A line for each measure beside the accuracy; none where there are none."""
    names, systems = entry.model.measures, entry.systems.values()
    rows = [[measure_title(name), *(accuracy(one.measures[name]) for one in systems)] for name in names]
    return _aligned([[entry.title, *system_names(entry).values()], *rows]) if rows else []


def _family(entries: Sequence[Measured]) -> list[str]:
    """A line for each entry, a column for each system."""
    names = dict.fromkeys(name for entry in entries for name in system_names(entry).values())
    rows = [["", *names]]
    for entry in entries:
        by_name = {one.name: accuracy(one) for one in entry.systems.values()}
        rows.append([entry.title, *(by_name.get(name, "–") for name in names)])
    return _aligned(rows)


def _chosen(entries: Mapping[str, Measured]) -> list[str]:
    """What was chosen on training clips, seed by seed."""
    lines = [
        f"{entry.title}, {name}: learning rate {rates}"
        for entry in entries.values()
        for name, rates in chosen_rates(entry).items()
    ]
    return ["Chosen on training clips, seed by seed:", *lines] if lines else []


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]


def _caption(results: Results) -> str:
    data, seeds, trained = results.data, results.seeds, results.trained_elsewhere
    where = ", ".join(filter(None, (data.dataset, data.split, data.hold_out)))
    over = f", mean ± deviation of {len(seeds)} seeds" if len(seeds) > 1 else ""
    where = f"trained on {trained}, measured on {where}" if trained else where
    return f"{where}: {data.clips.test} test clips, accuracy in %{over} [95 % interval]"

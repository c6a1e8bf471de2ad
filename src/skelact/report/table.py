"""The numbers of an evaluation as short tables of text."""

from collections.abc import Mapping, Sequence
from typing import Any

from skelact.evaluation.protocols.protocol import SYSTEMS

Entries = Mapping[str, Mapping[str, Any]]


def families(entries: Entries) -> dict[str, dict[str, Mapping[str, Any]]]:
    """The entries of results.json by protocol: those of ``semi/1``, ``semi/10`` under ``semi``."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for key, entry in entries.items():
        found.setdefault(key.partition("/")[0], {})[key] = entry
    return found


def whole(entries: Entries) -> dict[str, Mapping[str, Any]]:
    """The entries that are a protocol by themselves and measure the usual systems: linear, knn."""
    alone = {
        key: entry for family in families(entries).values() if len(family) == 1 for key, entry in family.items()
    }
    return {key: entry for key, entry in alone.items() if "/" not in key and system_names(entry) == dict(SYSTEMS)}


def system_names(entry: Mapping[str, Any]) -> dict[str, str]:
    """What the systems of an entry are called."""
    return {system: values.get("name", SYSTEMS.get(system, system)) for system, values in entry["systems"].items()}


def text_table(results: Mapping[str, Any]) -> str:
    """What was measured; a line a system and a column a protocol; a table for each protocol of several entries.

    Args:
        results: what ``results.json`` says.
    """
    entries = results["protocols"]
    main = whole(entries)
    blocks = [[_caption(results), *(_main(main, bool(results["data"]["copies"])) if main else [])]]
    blocks += [_measures(entry) for entry in main.values()]
    for family in families(entries).values():
        rest = {key: entry for key, entry in family.items() if key not in main}
        if rest:
            blocks.append(_family(list(rest.values())))
    blocks.append(_chosen(entries))
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _main(entries: Entries, copies: bool) -> list[str]:
    rows = [["", *(entry["title"] for entry in entries.values())]]
    for system, name in SYSTEMS.items():
        rows.append([name, *(cell(entry["systems"][system]) for entry in entries.values())])
    for system, name in SYSTEMS.items() if copies else ():
        own = [entry["systems"][system]["without_copies"] for entry in entries.values()]
        rows.append([f"{name}, without copies", *(cell(values) if values else "–" for values in own)])
    return _aligned(rows)


def _measures(entry: Mapping[str, Any]) -> list[str]:
    """A line for each measure beside the accuracy; none where there are none."""
    systems = entry["systems"]
    names = systems["model"].get("measures", {})
    rows = [[entry["title"], *system_names(entry).values()]]
    for name in names:
        values = (systems[system]["measures"][name] for system in systems)
        rows.append([name.replace("_", " "), *(cell(value) for value in values)])
    return _aligned(rows) if names else []


def _family(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each entry, a column for each system."""
    rows = [["", *system_names(entries[0]).values()]]
    rows += [[entry["title"], *(cell(values) for values in entry["systems"].values())] for entry in entries]
    return _aligned(rows)


def _chosen(entries: Entries) -> list[str]:
    """What was chosen on training clips, seed by seed."""
    lines = []
    for entry in entries.values():
        for system, values in entry["systems"].items():
            if values.get("chosen"):
                rates = ", ".join(f"{one['lr']:g}" for one in values["chosen"].values())
                lines.append(f"{entry['title']}, {system_names(entry)[system]}: learning rate {rates}")
    return ["Chosen on training clips, seed by seed:", *lines] if lines else []


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]


def trained_elsewhere(results: Mapping[str, Any]) -> str:
    """What the encoder was trained on where that is another store than it is measured on, otherwise nothing."""
    model = results["model"]
    if model.get("fingerprint", results["data"]["fingerprint"]) == results["data"]["fingerprint"]:
        return ""
    return str(model.get("dataset") or "another store")


def _caption(results: Mapping[str, Any]) -> str:
    data, seeds = results["data"], len(results["seeds"])
    trained = trained_elsewhere(results)
    where = ", ".join(filter(None, (data["dataset"], data["split"], data["hold_out"])))
    over = f", mean ± deviation of {seeds} seeds" if seeds > 1 else ""
    where = f"trained on {trained}, measured on {where}" if trained else where
    return f"{where}: {data['clips']['test']} test clips, accuracy in %{over} [95 % interval]"


def cell(values: Mapping[str, Any]) -> str:
    """``84.3 ± 0.4  [81.2, 87.0]``: mean, deviation over seeds, 95 % interval."""
    deviation = f" ± {100 * values['std']:.1f}" if values["std"] is not None else ""
    interval = (
        "  [{:.1f}, {:.1f}]".format(*(100 * end for end in values["interval"])) if "interval" in values else ""
    )
    return f"{100 * values['value']:.1f}{deviation}{interval}"

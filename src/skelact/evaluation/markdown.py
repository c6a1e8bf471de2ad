"""Results as Markdown: tables for a README or a paper's page, with what makes the numbers again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from skelact.evaluation.compare import compare
from skelact.evaluation.comparison_table import row_difference, row_name, row_value
from skelact.evaluation.curves import panels_of, standalone
from skelact.evaluation.protocols import PROTOCOLS
from skelact.evaluation.report import seeds_of_curves, title_of
from skelact.evaluation.stored import Stored, cleaning_words, where
from skelact.evaluation.table import cell, system_names


@dataclass(frozen=True)
class Picture:
    """A picture beside a page.

    Args:
        file: its name.
        title: what it shows.
        svg: text of the file.
    """

    file: str
    title: str
    svg: str


def pictures_of(measured: Sequence[Stored], stem: str) -> list[list[Picture]]:
    """For each of the results the curves of its protocols of several entries.

    Args:
        measured: what ``read_results`` gave.
        stem: what the names of the files start with; of several results their number comes next.
    """
    found = []
    for number, one in enumerate(measured, start=1):
        several, what = len(measured) > 1, title_of(one.results)
        start = f"{stem}-{number}" if several else stem
        caption = seeds_of_curves(one.results) + (f"; {one.run}" if several else "")
        found.append(
            [
                Picture(
                    f"{start}-{name}.svg", f"{what}: {PROTOCOLS[name].title}", standalone(panels, what, caption)
                )
                for name, panels in panels_of(one.entries).items()
            ]
        )
    return found


def markdown(measured: Sequence[Stored], pictures: Sequence[Sequence[Picture]]) -> str:
    """Results as a page of Markdown; of several runs the comparison comes first.

    Args:
        measured: what ``read_results`` gave.
        pictures: what ``pictures_of`` gave; they are linked as files in the folder of the page.

    Raises:
        UserError: several that cannot be compared.
    """
    if len(measured) == 1:
        results = measured[0].results
        return "\n".join([f"# {title_of(results)}", "", *_body(results, pictures[0])]) + "\n"
    data = measured[0].results["data"]
    lines = [f"# {', '.join(filter(None, (data['dataset'], where(measured[0].results))))}", ""]
    lines += _comparison(compare(measured))
    for one, drawn in zip(measured, pictures, strict=True):
        lines += ["", f"## {one.run}", "", *_body(one.results, drawn)]
    return "\n".join(lines) + "\n"


def _comparison(comparison: Mapping[str, Any]) -> list[str]:
    rows = [["protocol", "run", "accuracy", "difference", "McNemar p, seed by seed"]]
    for entry in comparison["protocols"].values():
        named = ((row_name(row), row_value(row), *row_difference(row, entry)) for row in entry["rows"])
        rows += [[entry["title"], *words] for words in named]
    told = (
        "Accuracy in per cent on the same test clips, mean ± standard deviation over seeds, with Wilson's 95 % "
        "interval. Differences from the first run in points, with the 95 % interval of a paired bootstrap over "
        "the clips."
    )
    return [*_table(rows), "", told, *_notes(comparison["notes"])]


def _body(results: Mapping[str, Any], pictures: Sequence[Picture]) -> list[str]:
    data, seeds = results["data"], results["seeds"]
    clips = data["clips"]
    over = f", mean ± standard deviation of {len(seeds)} seeds" if len(seeds) > 1 else ""
    lead = (
        f"{clips['test']:,} test clips and {clips['train']:,} training clips of {len(data['classes'])} actions. "
        f"Accuracy in per cent at the last epoch{over}, with Wilson's 95 % interval."
    )
    links = [line for one in pictures for line in ("", f"![{_plain(one.title)}]({quote(one.file)})")]
    tables = [*_table(_entries(results)), *_notes(results["notes"]), *links, "", *_table(_provenance(results))]
    return [lead, "", *tables]


def _plain(title: str) -> str:
    """Without what would end the text of a link."""
    return "".join(f"\\{letter}" if letter in "[]\\" else letter for letter in title)


def _entries(results: Mapping[str, Any]) -> list[list[str]]:
    """A row for each entry, and for each measure beside its accuracy; a column for each system that any has."""
    entries = results["protocols"].values()
    names = list(dict.fromkeys(name for entry in entries for name in system_names(entry).values()))
    rows = [["protocol", *names]]
    for entry in entries:
        by_name = {name: entry["systems"][system] for system, name in system_names(entry).items()}
        rows.append([entry["title"], *(_cell(by_name.get(name)) for name in names)])
        for measure in entry["systems"]["model"].get("measures", {}):
            values = [by_name.get(name, {}).get("measures", {}).get(measure) for name in names]
            rows.append([f"{entry['title']}, {measure.replace('_', ' ')}", *map(_cell, values)])
    return rows


def _cell(values: Mapping[str, Any] | None) -> str:
    """``75.7 ± 1.8 [71.6, 79.4]``, then each seed where there are several."""
    if values is None:
        return "–"
    seeds = values["seeds"].values()
    each = f" (seeds: {', '.join(f'{100 * value:.1f}' for value in seeds)})" if len(set(seeds)) > 1 else ""
    return " ".join(cell(values).split()) + each


def _provenance(results: Mapping[str, Any]) -> list[list[str]]:
    data = results["data"]
    rows = {
        "command": f"`{results['command']}`",
        "data": f"{data['dataset'] or 'no known data set'}, fingerprint `{data['fingerprint']}`",
        "split": where(results),
        "cleaning": cleaning_words(data.get("cleaning", {})),
        "stream": results["settings"]["data"]["stream"],
        "seeds": ", ".join(map(str, results["seeds"])),
        "epochs of training": str(results["settings"]["train"]["epochs"]),
        "version": f"skelact {results['version']}, torch {results['machine']['torch']}",
        "measured": results["created"],
    }
    return [["", ""], *map(list, rows.items())]


def _notes(notes: Sequence[str]) -> list[str]:
    return ["", *(f"- {note}" for note in notes)] if notes else []


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first row is the head."""
    lines = [f"| {' | '.join(one.replace('|', chr(92) + '|') for one in row)} |" for row in rows]
    return [lines[0], f"|{' --- |' * len(rows[0])}", *lines[1:]]

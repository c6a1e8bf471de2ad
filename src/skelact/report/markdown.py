"""Results as Markdown: tables for a README or a paper's page, with what makes the numbers again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from skelact.evaluation.protocols import PROTOCOLS
from skelact.evaluation.results.compare import compare
from skelact.evaluation.results.stored import Stored, cleaning_words, where
from skelact.report.comparison_table import row_difference, row_name, row_value
from skelact.report.curves import CAPTION_OF_RUNS, Panel, panels_of, panels_of_runs, standalone
from skelact.report.html import seeds_of_curves, title_of
from skelact.report.table import cell, system_names


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
    """The curves of protocols of several entries: of several runs those of all of them, then those of each.

    Args:
        measured: what ``read_results`` gave.
        stem: what the names of the files start with; for each of several runs its number comes next.
    """
    if len(measured) == 1:
        one = measured[0].results
        return [_pictures(stem, title_of(one), seeds_of_curves(one), panels_of(measured[0].entries))]
    found = [_pictures(stem, _place(measured), CAPTION_OF_RUNS, panels_of_runs(measured))]
    for number, run in enumerate(measured, start=1):
        caption = f"{seeds_of_curves(run.results)}; {run.run}"
        found.append(_pictures(f"{stem}-{number}", title_of(run.results), caption, panels_of(run.entries)))
    return found


def _pictures(stem: str, title: str, caption: str, charts: Mapping[str, Sequence[Panel]]) -> list[Picture]:
    return [
        Picture(f"{stem}-{name}.svg", f"{title}: {PROTOCOLS[name].title}", standalone(panels, title, caption))
        for name, panels in charts.items()
    ]


def _place(measured: Sequence[Stored]) -> str:
    """What all of them were measured on."""
    results = measured[0].results
    return ", ".join(filter(None, (results["data"]["dataset"], where(results))))


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
    lines = [f"# {_place(measured)}", "", *_comparison(compare(measured)), *_links(pictures[0])]
    for one, drawn in zip(measured, pictures[1:], strict=True):
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
    above = [lead, "", *_table(_entries(results)), *_notes(results["notes"])]
    return [*above, *_links(pictures), "", *_table(_provenance(results))]


def _links(pictures: Sequence[Picture]) -> list[str]:
    return [line for one in pictures for line in ("", f"![{_plain(one.title)}]({quote(one.file)})")]


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

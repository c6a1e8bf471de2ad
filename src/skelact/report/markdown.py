"""Results as Markdown: tables for a README or a paper's page, with what makes the numbers again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from skelact.evaluation.results.compare import Comparison, compare
from skelact.evaluation.results.results import OverSeeds, Results, cleaning_words
from skelact.evaluation.results.stored import Stored
from skelact.report.curves import CAPTION_OF_RUNS, Panel, panels_of, panels_of_runs, seeds_of_curves, standalone
from skelact.report.words import (
    accuracy,
    environment_words,
    measure_title,
    protocol_title,
    row_difference,
    row_name,
    system_names,
    verdicts,
)


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
        return [_pictures(stem, one.title, seeds_of_curves(one.seeds), panels_of(one.protocols))]
    found = [_pictures(stem, measured[0].results.data.title, CAPTION_OF_RUNS, panels_of_runs(measured))]
    for number, run in enumerate(measured, start=1):
        caption = f"{seeds_of_curves(run.results.seeds)}; {run.run}"
        found.append(_pictures(f"{stem}-{number}", run.results.title, caption, panels_of(run.entries)))
    return found


def _pictures(stem: str, title: str, caption: str, charts: Mapping[str, Sequence[Panel]]) -> list[Picture]:
    return [
        Picture(f"{stem}-{name}.svg", f"{title}: {protocol_title(name)}", standalone(panels, title, caption))
        for name, panels in charts.items()
    ]


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
        return "\n".join([f"# {_plain(results.title)}", "", *_body(results, pictures[0])]) + "\n"
    title = _plain(measured[0].results.data.title)
    lines = [f"# {title}", "", *_comparison(compare(measured)), *_links(pictures[0])]
    for one, drawn in zip(measured, pictures[1:], strict=True):
        lines += ["", f"## {_plain(str(one.run))}", "", *_body(one.results, drawn)]
    return "\n".join(lines) + "\n"


def _comparison(comparison: Comparison) -> list[str]:
    rows = [["protocol", "run", "accuracy", "difference", "McNemar p, seed by seed"]]
    for entry in comparison.protocols.values():
        rows += [[entry.title, row_name(row), accuracy(row), *row_difference(row, entry)] for row in entry.rows]
    below = (
        "Accuracy in per cent on the same test clips, mean ± standard deviation over seeds, with Wilson's 95 % "
        "interval. Differences from the first run in points, with the 95 % interval of a paired bootstrap over "
        "the clips."
    )
    return [*_table(rows), "", below, *_items(comparison.caveats)]


def _body(results: Results, pictures: Sequence[Picture]) -> list[str]:
    data, seeds = results.data, results.seeds
    over = f", mean ± standard deviation of {len(seeds)} seeds" if len(seeds) > 1 else ""
    lead = (
        f"{data.clips.test:,} test clips and {data.clips.train:,} training clips of {len(data.classes)} actions. "
        f"Accuracy in per cent at the last epoch{over}, with Wilson's 95 % interval."
    )
    sentences = [f"{title}: {sentence}" for title, sentence in verdicts(results.protocols).items()]
    above = [lead, *_items(sentences), "", *_table(_entries(results)), *_items(results.every_caveat)]
    return [*above, *_links(pictures), "", *_table(_provenance(results))]


def _links(pictures: Sequence[Picture]) -> list[str]:
    return [line for one in pictures for line in ("", f"![{_plain(one.title)}]({quote(one.file)})")]


def _entries(results: Results) -> list[list[str]]:
    """A row for each entry, and for each measure beside its accuracy; a column for each system that any has."""
    entries = results.protocols.values()
    names = list(dict.fromkeys(name for entry in entries for name in system_names(entry).values()))
    rows = [["protocol", *names]]
    for entry in entries:
        by_name = {one.name: one for one in entry.systems.values()}
        rows.append([entry.title, *(_cell(by_name.get(name)) for name in names)])
        for measure in entry.model.measures:
            values = [by_name[name].measures[measure] if name in by_name else None for name in names]
            rows.append([f"{entry.title}, {measure_title(measure)}", *map(_cell, values)])
    return rows


def _cell(values: OverSeeds | None) -> str:
    """``75.7 ± 1.8 [71.6, 79.4]``, then each seed where there are several."""
    if values is None:
        return "–"
    seeds = values.seeds.values()
    each = f" (seeds: {', '.join(f'{100 * value:.1f}' for value in seeds)})" if len(set(seeds)) > 1 else ""
    return " ".join(accuracy(values).split()) + each


def _provenance(results: Results) -> list[list[str]]:
    data = results.data
    rows = [["command", f"`{command}`"] for command in results.commands]
    rows += [
        ["data", f"{data.dataset or 'no known data set'}, fingerprint `{data.fingerprint}`"],
        ["split", data.split_title],
        ["cleaning", cleaning_words(data.cleaning)],
        ["stream", results.stream],
        ["seeds", ", ".join(map(str, results.seeds))],
        ["epochs of training", str(results.epochs)],
        ["version", f"skelact {results.version}, torch {results.environment.torch}"],
        *(["environment", environment_words(one)] for one in results.environments),
        ["measured", results.created],
    ]
    return [["", ""], *rows]


def _items(sentences: Sequence[str]) -> list[str]:
    return ["", *(f"- {_text(one)}" for one in sentences)] if sentences else []


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first row is the head."""
    lines = [f"| {' | '.join(_in_cell(one) for one in row)} |" for row in rows]
    return [lines[0], f"|{' --- |' * len(rows[0])}", *lines[1:]]


def _in_cell(text: str) -> str:
    """Without what would end a cell or a line."""
    code = text.startswith("`") and text.endswith("`")
    return (text if code else _text(text)).replace("|", "\\|").replace("\n", " ")


def _text(text: str) -> str:
    """Without what would be read as HTML."""
    return escape(text, quote=False)


def _plain(title: str) -> str:
    """Without what would end the text of a link."""
    return "".join(f"\\{letter}" if letter in "[]\\" else letter for letter in _text(title))

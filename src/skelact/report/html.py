"""The report: one HTML file that needs no other, with every number, picture and the way to repeat it."""

import json
import shlex
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from skelact.evaluation.evaluate import Evaluation
from skelact.evaluation.protocols import PROTOCOLS
from skelact.evaluation.protocols.protocol import SYSTEMS
from skelact.evaluation.results.stored import cleaning_words
from skelact.report import curves, figures
from skelact.report.embedding_map import map_of, spread_over
from skelact.report.nearest_clips import examples
from skelact.report.table import families, system_names, trained_elsewhere, whole

NOT_LOSSES = {"epoch", "step", "total", "lr", "clips_per_second"}  # what metrics.jsonl holds beside the loss parts
CONFUSIONS = 6  # of the most frequent mistakes that are told in words


def write_report(evaluation: Evaluation, path: Path | None = None) -> Path:
    """Write the report of an evaluation.

    Args:
        evaluation: what ``evaluate`` gave.
        path: the file; ``report.html`` beside ``results.json`` when None.

    Returns:
        The file.
    """
    path = path or evaluation.folder / "report.html"
    results = evaluation.results
    pictures = _maps(evaluation) + examples(evaluation)
    body = sections(evaluation.run, results, _class_accuracies(evaluation), pictures)
    path.write_text(page(title_of(results), lead_of(results), body, results), encoding="utf-8")
    return path


def sections(
    run: Path, results: Mapping[str, Any], untrained: Mapping[str, Mapping[str, float]], pictures: str = ""
) -> list[str]:
    """HTML of all that results say, from top to bottom.

    Args:
        run: folder of the run, for the curves of its training.
        results: what ``results.json`` says.
        untrained: the untrained encoder's accuracy by entry and class, for the entries of ``whole``.
        pictures: HTML of what is drawn from features.
    """
    return [
        _notes(results),
        _tiles(results),
        _table(results),
        _measures(results),
        _families(results),
        _training(run, results),
        _probe(results),
        pictures,
        _confusion(results, untrained),
        _provenance(results),
        _settings(results),
    ]


def page(title: str, lead: str, body: Sequence[str], results: Mapping[str, Any]) -> str:
    """A whole page of HTML.

    Args:
        title: plain text.
        lead: HTML of the first paragraph.
        body: HTML of the sections.
        results: what ``results.json`` says, for version and date.
    """
    template = Template((Path(__file__).parent / "report.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(title),
        lead=lead,
        sections="\n".join(body),
        version=escape(results["version"]),
        created=escape(results["created"]),
    )


def percent(share: float) -> str:
    """An accuracy as it is printed.

    Example:
        >>> percent(0.8431)
        '84.3 %'
    """
    return f"{100 * share:.1f} %"


def title_of(results: Mapping[str, Any]) -> str:
    """What was trained, on what it was measured."""
    data = results["data"]
    held = f", held out {data['hold_out']}" if data["hold_out"] else ""
    return f"{results['method']} on {data['dataset'] or 'a store'}, {data['split']}{held}"


def lead_of(results: Mapping[str, Any]) -> str:
    """HTML of what the numbers rest on."""
    data, seeds = results["data"], results["seeds"]
    clips, trained = data["clips"], trained_elsewhere(results)
    elsewhere = f"Trained on {escape(trained)}. " if trained else ""
    return (
        f"{clips['train']:,} training clips and {clips['test']:,} test clips of {len(data['classes'])} actions, "
        f"skeleton {escape(data['skeleton'])}; {_seeds(seeds)}. {elsewhere}"
        "The encoder is frozen but for fine-tuning; every number is that of the last epoch, and stands beside the "
        "same encoder before its training and the raw coordinates."
    )


def _seeds(seeds: list[int]) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds ({', '.join(map(str, seeds))})"


def _notes(results: Mapping[str, Any]) -> str:
    return "".join(f'<p class="note">{escape(note)}</p>' for note in results["notes"])


def _tiles(results: Mapping[str, Any]) -> str:
    tiles = []
    for protocol in whole(results["protocols"]).values():
        model, untrained = protocol["systems"]["model"], protocol["versus"]["untrained"]
        number = percent(model["value"]).removesuffix(" %")
        tiles.append(
            f'<div class="tile"><h3>{escape(protocol["title"])}</h3><b>{number}<i> %</i></b>'
            f"<p>{_signed(untrained['gain'])} points against the untrained encoder"
            f"{_p_values(untrained)}{_own_clips(model)}</p></div>"
        )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _own_clips(model: Mapping[str, Any]) -> str:
    values = model["without_copies"]
    return f"; {percent(values['value'])} without the copies of training clips" if values else ""


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _p_values(versus: Mapping[str, Any]) -> str:
    """The least convincing of the seeds' tests."""
    worst = max(pair["p"] for pair in versus["seeds"].values())
    value = "&lt;&nbsp;0.001" if worst < 0.001 else f"=&nbsp;{worst:.3f}"
    return f" (McNemar p&nbsp;{value}{', worst seed' if len(versus['seeds']) > 1 else ''})"


def _table(results: Mapping[str, Any]) -> str:
    protocols = whole(results["protocols"])
    if not protocols:
        return ""
    head = "".join(f"<th>{escape(protocol['title'])}</th>" for protocol in protocols.values())
    rows = []
    for system, name in SYSTEMS.items():
        cells = "".join(f"<td>{_cell(protocol['systems'][system])}</td>" for protocol in protocols.values())
        mark = ' class="first"' if system == "model" else ""
        rows.append(f'<tr{mark}><th scope="row">{escape(name)}</th>{cells}</tr>')
    frequent = percent(results["data"]["most_frequent_class"])
    wide = f'<td colspan="{len(protocols)}">{frequent}</td>'
    rows.append(f'<tr><th scope="row">always the most frequent class</th>{wide}</tr>')
    table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return (
        f'<h2>Accuracy on the test clips</h2><div class="scroll">{table}</div>'
        f"<p><small>Intervals are Wilson 95 % intervals for {results['data']['clips']['test']:,} test clips"
        f"{'; ± is the standard deviation over seeds' if len(results['seeds']) > 1 else ''}. "
        "“Best on test” is the best of all epochs, chosen on the test clips: it is given for comparison with "
        "papers that report it, and is not a result.</small></p>"
    )


def _cell(system: Mapping[str, Any]) -> str:
    lines = (
        ["95 %: {:.1f} to {:.1f}".format(*(100 * end for end in system["interval"]))]
        if "interval" in system
        else []
    )
    if len(system["seeds"]) > 1:
        lines.append("seeds: " + ", ".join(f"{100 * value:.1f}" for value in system["seeds"].values()))
    episodes = system.get("measures", {}).get("deviation_over_episodes")
    if episodes:
        lines.append(f"deviation over episodes: {100 * episodes['value']:.1f}")
    if system.get("best_on_test"):
        lines.append(f"best on test: {100 * system['best_on_test']['mean']:.1f}")
    if system.get("chosen"):
        lines.append("learning rate: " + ", ".join(f"{one['lr']:g}" for one in system["chosen"].values()))
    if system.get("without_copies"):
        lines.append(f"without copies: {100 * system['without_copies']['value']:.1f}")
    deviation = f" ± {100 * system['std']:.1f}" if system["std"] is not None else ""
    small = "".join(f"<small>{line}</small>" for line in lines)
    return f"{100 * system['value']:.1f}{deviation} %{small}"


def _measures(results: Mapping[str, Any]) -> str:
    """What protocols measure beside the accuracy: retrieval."""
    tables = []
    for protocol in whole(results["protocols"]).values():
        systems = protocol["systems"]
        rows = [
            [
                name.replace("_", " ").capitalize(),
                *(_cell(values["measures"][name]) for values in systems.values()),
            ]
            for name in systems["model"]["measures"]
        ]
        if rows:
            title = f"Retrieval, {protocol['title']}"
            table = _plain_table(list(system_names(protocol).values()), rows)
            tables.append(f"<h2>{escape(title)}</h2>{table}")
    return "".join(tables)


def _families(results: Mapping[str, Any]) -> str:
    """Curves and a table for each protocol of several entries."""
    main, sections = whole(results["protocols"]), []
    charts = curves.panels_of(results["protocols"])
    for name, family in families(results["protocols"]).items():
        entries = [entry for key, entry in family.items() if key not in main]
        if entries:
            title = PROTOCOLS[name].title
            rows = [[entry["title"], *(_cell(one) for one in entry["systems"].values())] for entry in entries]
            sections.append(f"<h2>{escape(title.capitalize())}</h2>{_curves(charts.get(name, []), results)}")
            sections.append(_plain_table(list(system_names(entries[0]).values()), rows))
    return "".join(sections)


def _curves(panels: list[curves.Panel], results: Mapping[str, Any]) -> str:
    if not panels:
        return ""
    caption = f"<figcaption>{escape(seeds_of_curves(results))}</figcaption>"
    return f"<figure>{curves.inline(panels)}{caption}</figure>"


def seeds_of_curves(results: Mapping[str, Any]) -> str:
    """What the lines and bands of curves are."""
    seeds = results["seeds"]
    return f"Mean of {len(seeds)} seeds; bands: ± 1 standard deviation" if len(seeds) > 1 else f"Seed {seeds[0]}"


def _plain_table(names: list[str], rows: list[list[str]]) -> str:
    """Rows of a title and cells that are HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def _training(run: Path, results: Mapping[str, Any]) -> str:
    """Loss curves: the parts of the first seed, the total of every seed."""
    seeds = {}
    for seed in results["seeds"]:
        folder = run / f"seed-{seed}"
        seeds[seed] = _metrics((folder if folder.is_dir() else run) / "metrics.jsonl")
    first = next(iter(seeds.values()))
    if not first:
        return ""
    names = [name for name in first[-1] if name not in NOT_LOSSES]
    parts = {name: [(line["epoch"], line[name]) for line in first if name in line] for name in names}
    totals = {
        f"total, seed {seed}" if len(seeds) > 1 else "total": [(line["epoch"], line["total"]) for line in lines]
        for seed, lines in seeds.items()
    }
    charts = figures.line_chart(parts, "epoch", "loss") if len(parts) > 1 else ""
    charts += figures.line_chart(totals, "epoch", "loss")
    caption = "Mean of each epoch" + (
        f"; parts of seed {results['seeds'][0]}, then their sum." if len(parts) > 1 else "."
    )
    return f"<h2>Loss in training</h2><figure>{charts}<figcaption>{caption}</figcaption></figure>"


def _metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; none where a model came without its run."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _probe(results: Mapping[str, Any]) -> str:
    """Test accuracy after each epoch of every protocol that has epochs; first seed."""
    charts, seed = [], results["seeds"][0]
    for protocol in whole(results["protocols"]).values():
        curves = {
            SYSTEMS[system]: list(enumerate(next(iter(values["curves"].values())), start=1))
            for system, values in protocol["systems"].items()
            if values["curves"]
        }
        if curves:
            chart = figures.line_chart(curves, "epoch", "test accuracy", percent=True)
            charts.append(
                f"<h2>Learning curve, {escape(protocol['title'])}</h2><figure>{chart}<figcaption>Test accuracy "
                f"after each epoch, seed {seed}; the headline is the right end.</figcaption></figure>"
            )
    return "".join(charts)


def _maps(evaluation: Evaluation) -> str:
    chosen = spread_over(len(evaluation.parts.test))
    labels = evaluation.store.labels[evaluation.parts.test][chosen]
    classes = evaluation.store.classes
    maps = []
    for system, (_, test) in evaluation.vectors.items():
        dots = figures.scatter(map_of(test[chosen]), labels, classes)
        maps.append(f"<figure><h3>{escape(SYSTEMS[system])}</h3>{dots}</figure>")
    return (
        f'<h2>Map of the test clips</h2><div class="columns">{"".join(maps)}</div>'
        f"{figures.legend(labels, classes)}"
        f"<figcaption>{len(chosen)} test clips, seed {evaluation.results['seeds'][0]}, by t-SNE on the cosine; "
        "clips that lie together have similar features. Labels were used for the colours only; distances between "
        "far groups mean little.</figcaption>"
    )


def _class_accuracies(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """Of the untrained encoder, mean over the seeds, by entry and class."""
    classes, labels = evaluation.store.classes, evaluation.store.labels[evaluation.parts.test]
    found = {}
    for name in whole(evaluation.results["protocols"]):
        right = np.mean([o.predicted == labels for o in evaluation.outcomes[name]["untrained"].values()], axis=0)
        found[name] = {classes[c]: float(right[labels == c].mean()) for c in np.unique(labels)}
    return found


def _confusion(results: Mapping[str, Any], untrained: Mapping[str, Mapping[str, float]]) -> str:
    found = []
    classes = tuple(results["data"]["classes"])
    for name, protocol in whole(results["protocols"]).items():
        table = np.array(protocol["confusion"])
        shown = [one for one in classes if protocol["per_class"][one]["clips"]]
        ours = [protocol["per_class"][one]["accuracy"] for one in shown]
        clips = [protocol["per_class"][one]["clips"] for one in shown]
        theirs = [untrained[name][one] for one in shown]
        title = escape(protocol["title"])
        found.append(
            f"<h2>Classes, {title}</h2><figure>"
            f"{figures.class_bars(shown, ours, theirs, clips)}"
            "<figcaption>Accuracy of each action; the mark is the untrained encoder.</figcaption></figure>"
            f"<h2>Confusion, {title}</h2><figure>{figures.confusion_matrix(table, classes)}"
            "<figcaption>Rows: what the clip shows; columns: what it was taken for; per cent of the row, all "
            f"seeds together. {_mistakes(table, classes)}</figcaption></figure>"
        )
    return "".join(found)


def _mistakes(table: np.ndarray[Any, Any], classes: tuple[str, ...]) -> str:
    """The most frequent mistakes in words."""
    wrong = table - np.diag(np.diagonal(table))
    order = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSIONS]
    pairs = [
        (row, column)
        for row, column in zip(*np.unravel_index(order, table.shape), strict=True)
        if wrong[row, column]
    ]
    shares = 100 * wrong / np.maximum(table.sum(axis=1, keepdims=True), 1)
    told = [f"{escape(classes[row])} for {escape(classes[col])} ({shares[row, col]:.0f} %)" for row, col in pairs]
    return f"Most often mistaken: {'; '.join(told)}." if told else "No mistakes."


def _provenance(results: Mapping[str, Any]) -> str:
    data, computer = results["data"], results["machine"]
    rows = {
        "Run": results["run"],
        "Data": f"{data['dataset'] or 'no known data set'}, in {data['store']}",
        "Fingerprint of the data": data["fingerprint"],
        "Cleaning": cleaning_words(data.get("cleaning", {})),
        "Split": f"{data['split']}{', held out ' + data['hold_out'] if data['hold_out'] else ''}",
        "Seeds": ", ".join(map(str, results["seeds"])),
        "Machine": f"{computer['cpu']}, {computer['cores']} cores"
        f"{', ' + computer['gpu'] if computer['gpu'] else ''}, {computer['system']}",
        "Versions": f"skelact {results['version']}, torch {computer['torch']}, Python {computer['python']}",
        "Time": f"{results['seconds']:.0f} s, threads: {computer['threads']}",
    }
    return (
        f"<h2>How to repeat it</h2><pre>{escape(_commands(results))}</pre>{_list(rows)}"
        "<p><small>The same command on data with the same fingerprint gives the same numbers on this machine; on "
        "another, sums may be rounded differently. All numbers are in results.json beside this page, every "
        "prediction in predictions.csv.</small></p>"
    )


def _commands(results: Mapping[str, Any]) -> str:
    """What trains the encoder again, where its settings are at hand, and what measures it again."""
    run, seeds, lines = Path(results["run"]), results["seeds"], []
    several = (run / f"seed-{seeds[0]}").is_dir()
    config = run / (f"seed-{seeds[0]}/config.toml" if several else "config.toml")
    if config.is_file():
        words = ["skelact", "pretrain", results["data"]["store"], "-c", str(config), "-o", "AGAIN"]
        lines.append(shlex.join(words + (["--seeds", ",".join(map(str, seeds))] if several else [])))
    return "\n".join([*lines, results["command"]])


def _settings(results: Mapping[str, Any]) -> str:
    groups = "".join(
        f"<div><h3>{escape(table)}</h3>{_list({key: _value(value) for key, value in values.items()})}</div>"
        for table, values in results["settings"].items()
    )
    return f'<h2>Settings</h2><div class="settings">{groups}</div>'


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value) if value != "" else "–"


def _list(rows: Mapping[str, str]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(key)}</dt><dd>{escape(value)}</dd>' for key, value in rows.items())}</dl>"

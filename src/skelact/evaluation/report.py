"""The report: one HTML file that needs no other, with every number, picture and the way to repeat it."""

import json
import shlex
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from skelact.evaluation import figures
from skelact.evaluation.evaluate import Evaluation
from skelact.evaluation.examples import examples
from skelact.evaluation.maps import map_of, spread_over
from skelact.evaluation.results import SYSTEMS

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
    template = Template((Path(__file__).parent / "report.html").read_text(encoding="utf-8"))
    results = evaluation.results
    sections = [
        _notes(results),
        _tiles(results),
        _table(results),
        _training(evaluation.run, results),
        _probe(results),
        _maps(evaluation),
        examples(evaluation),
        _confusion(evaluation),
        _provenance(results),
        _settings(results),
    ]
    page = template.substitute(
        title=escape(_title(results)),
        lead=_lead(results),
        sections="\n".join(sections),
        version=escape(results["version"]),
        created=escape(results["created"]),
    )
    path.write_text(page, encoding="utf-8")
    return path


def percent(share: float) -> str:
    """An accuracy as it is printed.

    Example:
        >>> percent(0.8431)
        '84.3 %'
    """
    return f"{100 * share:.1f} %"


def _title(results: Mapping[str, Any]) -> str:
    data = results["data"]
    held = f", held out {data['hold_out']}" if data["hold_out"] else ""
    return f"{results['method']} on {data['dataset'] or 'a store'}, {data['split']}{held}"


def _lead(results: Mapping[str, Any]) -> str:
    data, seeds = results["data"], results["seeds"]
    clips = data["clips"]
    return (
        f"{clips['train']:,} training clips and {clips['test']:,} test clips of {len(data['classes'])} actions, "
        f"skeleton {escape(data['skeleton'])}; {_seeds(seeds)}. The encoder is frozen; every number is that of "
        "the last epoch, and stands beside the same encoder before its training and the raw coordinates."
    )


def _seeds(seeds: list[int]) -> str:
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds ({', '.join(map(str, seeds))})"


def _notes(results: Mapping[str, Any]) -> str:
    return "".join(f'<p class="note">{escape(note)}</p>' for note in results["notes"])


def _tiles(results: Mapping[str, Any]) -> str:
    tiles = []
    for protocol in results["protocols"].values():
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
    protocols = results["protocols"]
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
    low, high = system["interval"]
    lines = [f"95 %: {100 * low:.1f} to {100 * high:.1f}"]
    if len(system["seeds"]) > 1:
        lines.append("seeds: " + ", ".join(f"{100 * value:.1f}" for value in system["seeds"].values()))
    if system["best_on_test"]:
        lines.append(f"best on test: {100 * system['best_on_test']['mean']:.1f}")
    if system["without_copies"]:
        lines.append(f"without copies: {100 * system['without_copies']['value']:.1f}")
    deviation = f" ± {100 * system['std']:.1f}" if system["std"] is not None else ""
    small = "".join(f"<small>{line}</small>" for line in lines)
    return f"{100 * system['value']:.1f}{deviation} %{small}"


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
    for protocol in results["protocols"].values():
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


def _confusion(evaluation: Evaluation) -> str:
    sections = []
    classes, labels = evaluation.store.classes, evaluation.store.labels[evaluation.parts.test]
    for name, protocol in evaluation.results["protocols"].items():
        table = np.array(protocol["confusion"])
        shown = [c for c in range(len(classes)) if protocol["per_class"][classes[c]]["clips"]]
        ours = [protocol["per_class"][classes[c]]["accuracy"] for c in shown]
        clips = [protocol["per_class"][classes[c]]["clips"] for c in shown]
        before = np.mean([o.predicted == labels for o in evaluation.outcomes[name]["untrained"].values()], axis=0)
        theirs = [float(before[labels == c].mean()) for c in shown]
        title = escape(protocol["title"])
        sections.append(
            f"<h2>Classes, {title}</h2><figure>"
            f"{figures.class_bars([classes[c] for c in shown], ours, theirs, clips)}"
            "<figcaption>Accuracy of each action; the mark is the untrained encoder.</figcaption></figure>"
            f"<h2>Confusion, {title}</h2><figure>{figures.confusion_matrix(table, classes)}"
            "<figcaption>Rows: what the clip shows; columns: what it was taken for; per cent of the row, all "
            f"seeds together. {_mistakes(table, classes)}</figcaption></figure>"
        )
    return "".join(sections)


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

"""Results as one HTML page that needs no other file, with every number, picture and the way to repeat it.

What is on the page is gathered here, plain values and pictures; what it looks like is in ``templates/``, which
escape everything that is not a picture.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from skelact.evaluation.baselines import SYSTEMS
from skelact.evaluation.evaluate import Evaluation
from skelact.evaluation.results.compare import compare
from skelact.evaluation.results.results import Best, Measured, OverSeeds, Results, SystemResult, cleaning_words
from skelact.evaluation.results.stored import Stored
from skelact.report import curves, figures, words
from skelact.report.embedding_map import embedding_map, spread_over
from skelact.report.nearest_clips import NearestClips, nearest_clips
from skelact.report.training_curves import loss_charts

MISTAKES = 6  # the most frequent ones, in words
BESIDE = "untrained"  # the baseline that is marked beside the accuracy of each class


@dataclass(frozen=True)
class Family:
    """A protocol of several entries: a curve and a table.

    Args:
        title: heading.
        picture: curves; nothing where there are none.
        names: of the systems.
        rows: title of each entry and the numbers of each system.
    """

    title: str
    picture: Markup
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[OverSeeds | None, ...]], ...]


@dataclass(frozen=True)
class Classes:
    """What a protocol says of each class.

    Args:
        title: of the entry.
        bars: accuracies.
        beside: the system that is marked beside them; nothing where there is none.
        matrix: of confusions.
        mistakes: the most frequent ones in words.
    """

    title: str
    bars: Markup
    beside: str
    matrix: Markup
    mistakes: str


@dataclass(frozen=True)
class Features:
    """What is drawn from features.

    Args:
        maps: an embedding map of each system, by its name.
        legend: of their colours.
        shown: how many test clips are on them.
        nearest: test clips with the training clips nearest to them.
    """

    maps: Mapping[str, Markup]
    legend: Markup
    shown: int
    nearest: NearestClips


@dataclass(frozen=True)
class Run:
    """All that is on the page of one run.

    Args:
        folder: of the run.
        results: what was measured.
        main: entries that are a protocol by themselves.
        other_verdicts: a sentence for each protocol that is not among them, by its title.
        families: protocols of several entries.
        losses: charts of the training.
        learning: chart of the test accuracy after each epoch, by title.
        features: what is drawn from features; None where they are not at hand.
        classes: what each of ``main`` says of the classes.
    """

    folder: Path
    results: Results
    main: Mapping[str, Measured]
    other_verdicts: Mapping[str, str]
    families: Sequence[Family]
    losses: Sequence[Markup]
    learning: Mapping[str, Markup]
    features: Features | None
    classes: Sequence[Classes]

    @property
    def seeds_of_curves(self) -> str:
        """What the lines and bands of curves are."""
        return curves.seeds_of_curves(self.results.seeds)

    @property
    def commands(self) -> list[str]:
        """What trains the encoder again, where its settings are at hand, and what measures it again."""
        folder, seeds = Path(self.results.run), self.results.seeds
        several = (folder / f"seed-{seeds[0]}").is_dir()
        config = folder / (f"seed-{seeds[0]}/config.toml" if several else "config.toml")
        if not config.is_file():
            return list(self.results.commands)
        again = ["skelact", "pretrain", self.results.data.store, "-c", str(config), "-o", "AGAIN"]
        again += ["--seeds", ",".join(map(str, seeds))] if several else []
        return [shlex.join(again), *self.results.commands]

    @property
    def provenance(self) -> list[tuple[str, str]]:
        """Where the numbers come from."""
        results, data = self.results, self.results.data
        environments = [("Environment", words.environment_words(one)) for one in results.environments]
        python = f"torch {results.environment.torch}, Python {results.environment.python}"
        return [
            ("Run", results.run),
            ("Data", f"{data.dataset or 'no known data set'}, in {data.store}"),
            ("Fingerprint of the data", data.fingerprint),
            ("Cleaning", cleaning_words(data.cleaning)),
            ("Split", data.split_title),
            ("Seeds", ", ".join(map(str, results.seeds))),
            *environments,
            ("Versions", f"skelact {results.version}, {python}"),
            ("Time", f"{results.seconds:.0f} s"),
        ]

    @property
    def settings(self) -> dict[str, list[tuple[str, str]]]:
        """Settings by group."""
        groups = words.settings_of(self.results).items()
        return {group: [(name, _value(value)) for name, value in values.items()] for group, values in groups}


def write_report(evaluation: Evaluation, path: Path | None = None) -> Path:
    """Write the report of an evaluation, with what is drawn from its features.

    Args:
        evaluation: what ``evaluate`` gave.
        path: the file; ``report.html`` beside ``results.json`` when None.

    Returns:
        The file.
    """
    path = path or evaluation.folder / "report.html"
    run = run_of(evaluation.run, evaluation.results, _features(evaluation))
    path.write_text(_rendered("run.html", evaluation.results.title, evaluation.results, run=run), encoding="utf-8")
    return path


def html(measured: Sequence[Stored]) -> str:
    """The page of a run without what is drawn from features, or of several with their comparison on top.

    Args:
        measured: what ``read_results`` gave.

    Raises:
        UserError: several that cannot be compared.
    """
    first = measured[0].results
    if len(measured) == 1:
        return _rendered("run.html", first.title, first, run=run_of(measured[0].home, first))
    return _rendered(
        "runs.html",
        first.data.title,
        first,
        runs=[run_of(one.home, one.results, name=one.run) for one in measured],
        comparison=compare(measured),
        curves={
            words.protocol_title(name): Markup(curves.inline(panels))
            for name, panels in curves.panels_of_runs(measured).items()
        },
        caption=curves.CAPTION_OF_RUNS,
    )


def run_of(home: Path, results: Results, features: Features | None = None, name: Path | None = None) -> Run:
    """What is on the page of one run.

    Args:
        home: folder of the run, for the curves of its training.
        results: what was measured.
        features: what is drawn from features.
        name: what the page calls the run.
    """
    main = words.whole(results.protocols)
    titles = {entry.title for entry in main.values()}
    verdicts = words.verdicts(results.protocols).items()
    return Run(
        folder=name or home,
        results=results,
        main=main,
        other_verdicts={title: sentence for title, sentence in verdicts if title not in titles},
        families=_families(results),
        losses=loss_charts(home, results.seeds),
        learning=_learning(main),
        features=features,
        classes=[_classes(entry, results) for entry in main.values()],
    )


def _rendered(template: str, title: str, results: Results, **values: Any) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["first_upper"] = lambda text: text[:1].upper() + text[1:]
    environment.globals |= {
        "systems": dict(SYSTEMS),
        "cell_lines": _cell_lines,
        "measure_rows": _measure_rows,
        "percent": words.percent,
        "accuracy": words.accuracy,
        "headline": words.headline,
        "system_names": words.system_names,
        "seeds_words": words.seeds_words,
        "row_name": words.row_name,
        "row_difference": words.row_difference,
    }
    page = environment.get_template(template)
    return page.render(title=title, version=results.version, created=results.created, **values)


def _cell_lines(one: OverSeeds) -> list[str]:
    """What stands below an accuracy."""
    lines = ["95 %: {:.1f} to {:.1f}".format(*(100 * end for end in one.interval))] if one.interval else []
    if len(one.seeds) > 1:
        lines.append("seeds: " + ", ".join(f"{100 * value:.1f}" for value in one.seeds.values()))
    if not isinstance(one, SystemResult):
        return lines
    if "deviation_over_episodes" in one.measures:
        lines.append(f"deviation over episodes: {100 * one.measures['deviation_over_episodes'].value:.1f}")
    if isinstance(one.best_on_test, Best):
        lines.append(f"best on test: {100 * one.best_on_test.mean:.1f}")
    rates = [f"{chosen['lr']:g}" for chosen in one.chosen.values() if "lr" in chosen]
    lines += [f"learning rate: {', '.join(rates)}"] if rates else []
    if one.without_duplicates:
        lines.append(f"without duplicates: {100 * one.without_duplicates.value:.1f}")
    return lines


def _measure_rows(entry: Measured) -> list[tuple[str, list[OverSeeds]]]:
    """What an entry measures beside the accuracy, of each system."""
    return [
        (words.measure_title(name).capitalize(), [one.measures[name] for one in entry.systems.values()])
        for name in entry.model.measures
    ]


def _families(results: Results) -> list[Family]:
    charts, found = curves.panels_of(results.protocols), []
    for name, family in words.rest_of_families(results.protocols):
        names = dict.fromkeys(one for entry in family.values() for one in words.system_names(entry).values())
        rows = []
        for entry in family.values():
            by_name = {one.name: one for one in entry.systems.values()}
            rows.append((entry.title, tuple(by_name.get(one) for one in names)))
        picture = Markup(curves.inline(charts[name]) if name in charts else "")
        found.append(Family(words.protocol_title(name), picture, tuple(names), tuple(rows)))
    return found


def _learning(main: Mapping[str, Measured]) -> dict[str, Markup]:
    """Test accuracy after each epoch of every protocol that has epochs; first seed."""
    found = {}
    for entry in main.values():
        lines = {
            one.name: list(enumerate(next(iter(one.curves.values())), start=1))
            for one in entry.systems.values()
            if one.curves
        }
        if lines:
            chart = figures.line_chart(lines, "epoch", "test accuracy", percent=True)
            found[entry.title] = Markup(chart)
    return found


def _features(evaluation: Evaluation) -> Features:
    split, store = evaluation.split, evaluation.store
    chosen = spread_over(len(split.test))
    labels = store.labels[split.test][chosen]
    return Features(
        maps={
            SYSTEMS[system]: Markup(figures.scatter(embedding_map(test[chosen]), labels, store.classes))
            for system, (_, test) in evaluation.vectors.items()
        },
        legend=Markup(figures.legend(labels, store.classes)),
        shown=len(chosen),
        nearest=nearest_clips(evaluation),
    )


def _classes(entry: Measured, results: Results) -> Classes:
    classes, clips = results.data.classes, results.data.clips.per_class
    shown = [one for one in classes if clips[one]]
    ours = [entry.model.per_class[one] or 0.0 for one in shown]
    beside = entry.systems.get(BESIDE)
    theirs = [beside.per_class[one] or 0.0 for one in shown] if beside else None
    table = np.array(entry.confusion)
    return Classes(
        title=entry.title,
        bars=Markup(figures.class_bars(shown, ours, theirs, [clips[one] for one in shown])),
        beside=beside.name if beside else "",
        matrix=Markup(figures.confusion_matrix(table, classes)),
        mistakes=_mistakes(table, classes),
    )


def _mistakes(table: np.ndarray[Any, Any], classes: Sequence[str]) -> str:
    """The most frequent mistakes in words."""
    wrong = table - np.diag(np.diagonal(table))
    order = np.argsort(-wrong, axis=None, kind="stable")[:MISTAKES]
    pairs = [
        (row, column)
        for row, column in zip(*np.unravel_index(order, table.shape), strict=True)
        if wrong[row, column]
    ]
    shares = 100 * wrong / np.maximum(table.sum(axis=1, keepdims=True), 1)
    named = [f"{classes[row]} for {classes[col]} ({shares[row, col]:.0f} %)" for row, col in pairs]
    return f"Most often mistaken: {'; '.join(named)}." if named else "No mistakes."


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value) if value != "" else "–"

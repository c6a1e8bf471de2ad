"""The demo: all steps on generated people, from recordings to a report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from skelact.settings import DEFAULT_RECIPE, load_recipe

if TYPE_CHECKING:
    from skelact.evaluation import Evaluation
    from skelact.training import Progress

CLIPS = 600
SEED = 0

# Of the small recipe; a little shorter, for two minutes on two cores.
SETTINGS = ("data.split=xsub", "train.epochs=120")


@dataclass(frozen=True, eq=False)
class Demo:
    """What the demo leaves.

    Args:
        folder: everything lies in here: store/, run/ and in it the evaluation with the report.
        evaluation: the numbers.
        report: the HTML report.
        found: for some test clips their action and those of the training clips nearest to them.
    """

    folder: Path
    evaluation: "Evaluation"
    report: Path
    found: list[tuple[str, list[str]]]


def run_demo(
    folder: Path,
    stage: Callable[[str, int, int], None],
    step: Callable[["Progress"], None] | None = None,
) -> Demo:
    """Generate people who move, learn from them without labels, measure, search, report.

    An interrupted demo in the folder is continued.

    Args:
        folder: where to put everything.
        stage: called with (what is being done, done, total).
        step: called after each training step.
    """
    from skelact.evaluation import evaluate
    from skelact.importing.run import import_recordings
    from skelact.report.html import write_report
    from skelact.sequences.store import Store
    from skelact.training import pretrain

    store, run = folder / "store", folder / "run"
    import_recordings(
        None, store, dataset="movers", clips=CLIPS, seed=SEED, progress=lambda done, of: stage("import", done, of)
    )
    recipe = load_recipe(DEFAULT_RECIPE, SETTINGS)
    pretrain(Store(store), run, recipe, resume=(run / "config.toml").is_file(), progress=step)
    evaluation = evaluate(run, store, progress=stage)
    stage("report", 0, 1)
    return Demo(folder, evaluation, write_report(evaluation), nearest_actions(evaluation))


def nearest_actions(
    evaluation: "Evaluation", queries: int = 5, neighbours: int = 3
) -> list[tuple[str, list[str]]]:
    """For test clips of as many actions as ``queries``: their action and those of the nearest training clips."""
    import numpy as np

    from skelact.search.exact import nearest

    store, split = evaluation.store, evaluation.split
    train, test = evaluation.vectors["model"]
    _, first = np.unique(store.labels[split.test], return_index=True)  # one clip an action
    chosen = first[np.linspace(0, len(first) - 1, min(queries, len(first))).round().astype(int)]
    found, _ = nearest(train, test[chosen], neighbours)
    names = np.array(store.classes)
    return [
        (
            str(names[store.labels[split.test[query]]]),
            [str(name) for name in names[store.labels[split.train[row]]]],
        )
        for query, row in zip(chosen, found, strict=True)
    ]

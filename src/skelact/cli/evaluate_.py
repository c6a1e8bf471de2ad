"""``skelact evaluate``: run and store -> numbers beside their baselines, and a report."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from skelact.cli.plugins import PluginFiles, load_plugins
from skelact.errors import UserError
from skelact.settings import Precision


def run(
    run: Path,
    store: Path,
    *,
    protocol: str = "linear,knn",
    split: str | None = None,
    hold_out: str | None = None,
    seeds: Annotated[str, Parameter(name=["--seeds", "--seed"])] = "",
    settings: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
    map_joints: Annotated[bool, Parameter(negative=())] = False,
    precision: Precision = "float32",
    report: bool = True,
    plugin: PluginFiles = (),
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Measure a trained encoder by the usual protocols.

    Every number is shown beside those of the same encoder untrained and of raw coordinates. Features are computed
    once for all protocols. Writes results.json, predictions.csv, scores.npz and report.html to
    RUN/evaluation/SPLIT; earlier results of other protocols stay.

    Args:
        run: folder of a run, of a run of several seeds, or of a model.
        store: folder of the store.
        protocol: several with commas: linear, knn, finetune, semi (few labels), semi-finetune, few-shot, robust.
        split: split of the store to measure on; default: that of the training.
        hold_out: measure on training clips with this tag, such as camera=2, instead of the test part;
            default: what the training held out, if no other split is given.
        seeds: only these seeds of the run, such as 0,2.
        settings: a setting of a protocol, such as --set knn.k=5; can be repeated.
        map_joints: if the store has another skeleton than the training, map its joints by name.
        precision: bfloat16 computes features about twice as fast, off by about 1 %, where the processor or GPU has
            instructions for it.
        report: write report.html.
        plugin: Python file of your own that adds encoders, methods, readers or skeletons; can be repeated.
        as_json: print the results as JSON.
    """
    from skelact.cli.numbers import show_numbers
    from skelact.cli.progress import of_features, stage_bar
    from skelact.evaluation import evaluate
    from skelact.evaluation.results.json_form import dumps
    from skelact.report.html import write_report
    from skelact.report.text import text_table

    load_plugins(plugin)
    with stage_bar() as show:
        evaluation = evaluate(
            run,
            store,
            protocols=[word.strip() for word in protocol.split(",") if word.strip()],
            split=split,
            hold_out=hold_out,
            seeds=_numbers(seeds),
            settings=settings,
            map_joints=map_joints,
            precision=precision,
            progress=show,
            expect=lambda found: print(of_features(found), file=sys.stderr, flush=True),
        )
        if report:
            show("report", 0, 1)
            write_report(evaluation)
    written = evaluation.folder / ("report.html" if report else "results.json")
    if evaluation.written.why:
        print(f"skelact: {evaluation.written.why}", file=sys.stderr)
    if as_json:
        print(dumps(evaluation.results), end="")
    else:
        show_numbers(text_table(evaluation.results), evaluation.results.every_caveat, written)
    return 0


def _numbers(seeds: str) -> list[int]:
    try:
        return [int(word) for word in seeds.split(",") if word.strip()]
    except ValueError:
        raise UserError(f"--seeds {seeds}: expected whole numbers separated by commas, such as 0,1,2") from None

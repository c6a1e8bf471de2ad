"""The whole evaluation: a run and a store in, numbers beside their baselines out."""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skelact import __version__
from skelact.errors import UserError, unknown
from skelact.evaluation.caveats import caveats_of
from skelact.evaluation.duplicates import duplicates_of
from skelact.evaluation.estimate import Estimate, estimate
from skelact.evaluation.measure import Task, Vectors, entries_of, measure
from skelact.evaluation.protocols import PROTOCOLS
from skelact.evaluation.protocols.protocol import Report
from skelact.evaluation.results.build import (
    Made,
    Outcomes,
    Truth,
    data_of,
    environment_here,
    measured_entries,
    now,
)
from skelact.evaluation.results.files import Written, write_files
from skelact.evaluation.results.results import FORMAT, Results
from skelact.evaluation.runs import load_models, protocol_settings, run_folders, weights_digest
from skelact.evaluation.split import Split, labelled_split
from skelact.models import Model
from skelact.sequences.mapped import MappedStore
from skelact.sequences.store import Store
from skelact.settings import PROTOCOL_TABLES, Precision, Recipe, override, recipe_to_dict, to_dict


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All that was measured.

    Args:
        run: folder of the run.
        store: what was measured on.
        split: its training and test clips.
        recipe: settings of the run, those of the protocols as they were used.
        outcomes: predictions by entry, system (``model``, ``untrained``, ``raw``) and seed.
        vectors: features of the first seed by system, for pictures.
        written: what ``results.json`` says: what was measured now and before.
        folder: where it lies.
    """

    run: Path
    store: Store
    split: Split
    recipe: Recipe
    outcomes: Outcomes
    vectors: dict[str, Vectors]
    written: Written
    folder: Path

    @property
    def results(self) -> Results:
        """What ``results.json`` says."""
        return self.written.results


def evaluate(
    run: Path,
    store: Path,
    protocols: Sequence[str] = ("linear", "knn"),
    split: str | None = None,
    hold_out: str | None = None,
    seeds: Sequence[int] = (),
    settings: tuple[str, ...] = (),
    map_joints: bool = False,
    precision: Precision = "float32",
    progress: Report | None = None,
    expect: Callable[[Estimate], None] | None = None,
) -> Evaluation:
    """Measure the trained encoders of a run beside the same encoders untrained and raw coordinates.

    Features are computed once; every protocol takes them from memory. Writes ``results.json``,
    ``predictions.csv`` and ``scores.npz`` to ``<run>/evaluation/<split>``, where protocols that were
    measured before stay, as ``write_files`` says.

    Args:
        run: folder of a run, of a run of several seeds, or of a model.
        store: folder of the store.
        protocols: names in ``PROTOCOLS``.
        split: name of the split; that of the training when None.
        hold_out: such as ``camera=2``: measure on these training clips instead of the test clips. When None, what
            the training held out if store and split are the training's, otherwise nothing.
        seeds: only these seeds of the run; all when empty.
        settings: words such as ``linear.batch=256`` that override the protocols' settings.
        map_joints: where the store has another skeleton than the encoder was trained on, map its joints by their
            names.
        precision: of the encoders' products when features are computed; see ``Model.embed``.
        progress: called with (what is being done, how much is done, of how much).
        expect: called before the work starts, with what it will take, measured on a few clips.

    Raises:
        UserError: unknown protocol, split or setting; no finished run; a store of another skeleton or whose import
            was interrupted; no training or test clips, clips that are both, or without a label.
    """
    started = time.perf_counter()
    run, chosen = Path(run), _known(protocols)
    models, folders = load_models(run, seeds), run_folders(run, seeds)
    weights = {str(m.recipe.train.seed): weights_digest(one) for m, one in zip(models, folders, strict=True)}
    recipe, left_out = _with_settings(models[0].recipe, folders[0], settings)
    opened = _opened(store, models[0], map_joints)
    clips = labelled_split(opened, *_which_split(models[0], opened, split, hold_out))
    task = Task(models, opened, clips, recipe, chosen, precision)
    if expect is not None:
        expect(estimate(task))
    outcomes, vectors = measure(task, progress or _silent)
    originals = duplicates_of(opened, clips)
    truth = Truth.of(opened, clips, originals >= 0)
    made = _made(_command(run, task, seeds, settings), task)
    results = Results(
        format=FORMAT,
        version=__version__,
        created=made.created,
        seconds=round(time.perf_counter() - started, 2),
        command=made.command,
        environment=made.environment,
        run=str(run),
        method=recipe.method.name,
        stream=recipe.data.stream,
        epochs=recipe.train.epochs,
        seeds=tuple(model.recipe.train.seed for model in models),
        weights=weights,
        model=dict(models[0].info),
        members=(),
        data=data_of(opened, clips, truth),
        caveats=(*caveats_of(models[0], opened, clips, originals), *left_out),
        protocols=measured_entries(entries_of(chosen, recipe, opened), outcomes, truth, made),
        settings=recipe_to_dict(recipe, protocols=False),
    )
    folder = run / "evaluation" / clips.folder
    written = write_files(folder, results, truth, outcomes)
    return Evaluation(run, opened, clips, recipe, outcomes, vectors, written, folder)


def _made(command: str, task: Task) -> Made:
    """How the entries were measured: now, here."""
    protocols = task.recipe.protocols
    return Made(
        command=command,
        created=now(),
        environment=environment_here(),
        settings={table: to_dict(getattr(protocols, table)) for table in PROTOCOL_TABLES},
        caveats={name: _caveats(name, task) for name in task.protocols},
    )


def _caveats(name: str, task: Task) -> list[str]:
    """What a reader must know to judge the numbers of a protocol."""
    precision = [f"Features were computed in {task.precision}."] if task.precision != "float32" else []
    return [*precision, *PROTOCOLS[name].left_out(task.recipe, task.store)]


def _known(protocols: Sequence[str]) -> list[str]:
    if not protocols:
        raise UserError(f"name at least one protocol. Known: {', '.join(sorted(PROTOCOLS))}")
    for name in protocols:
        if name not in PROTOCOLS:
            raise unknown("protocol", name, PROTOCOLS)
    return list(dict.fromkeys(protocols))


def _with_settings(recipe: Recipe, folder: Path, words: tuple[str, ...]) -> tuple[Recipe, list[str]]:
    """The recipe with the protocols' settings of the run and of some words, and what was left out of the run's."""
    for word in words:
        if word.split(".")[0] not in PROTOCOL_TABLES:
            raise UserError(
                f"--set {word}: after the training only the protocols' settings can change: "
                f"{', '.join(f'{group}.*' for group in sorted(PROTOCOL_TABLES))}"
            )
    protocols, caveats = protocol_settings(folder)
    return override(replace(recipe, protocols=protocols), words), caveats


def _opened(path: Path, model: Model, map_joints: bool) -> Store:
    """The store, with the skeleton that the encoder was trained on."""
    store = Store(path)
    store.check_complete()
    if store.skeleton == model.skeleton:
        return store
    if map_joints:
        return MappedStore(path, model.skeleton)
    raise UserError(
        f"the model expects skeleton {model.skeleton.name} ({len(model.skeleton)} joints), {path} holds "
        f"{store.skeleton.name} ({len(store.skeleton)}). --map-joints maps joints by their names"
    )


def _which_split(model: Model, store: Store, split: str | None, hold_out: str | None) -> tuple[str, str]:
    """The training's own split and hold-out, where none are named; of another store, its split alone."""
    trained = model.recipe.data
    same = (split is None or split == trained.split) and (
        model.info.get("fingerprint", store.fingerprint) == store.fingerprint
    )
    default = trained.hold_out if same else ""
    return trained.split if split is None else split, default if hold_out is None else hold_out


def _command(run: Path, task: Task, seeds: Sequence[int], settings: tuple[str, ...]) -> str:
    """The command line that measures the same again; it spells out what was taken from the run."""
    split = task.split
    words = ["skelact", "evaluate", str(run), str(task.store.path), "--protocol", ",".join(task.protocols)]
    words += ["--split", split.name]
    words += ["--hold-out", split.hold_out] if split.hold_out or task.recipe.data.hold_out else []
    words += ["--seeds", ",".join(map(str, seeds))] if seeds else []
    words += [word for setting in settings for word in ("--set", setting)]
    words += ["--map-joints"] if isinstance(task.store, MappedStore) else []
    words += ["--precision", task.precision] if task.precision != "float32" else []
    return shlex.join(words)


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Report nothing."""

"""The whole evaluation: a run and a store in, numbers beside their baselines out."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skelact.errors import UserError, unknown
from skelact.evaluation.caveats import notes_on
from skelact.evaluation.duplicates import copied_from
from skelact.evaluation.measure import Progress, Vectors, entries_of, measure
from skelact.evaluation.protocols import PROTOCOLS
from skelact.evaluation.protocols.robust import left_out
from skelact.evaluation.results.build import Outcomes, Truth, build, write, write_predictions
from skelact.evaluation.results.scores import write_scores
from skelact.evaluation.runs import load_models
from skelact.evaluation.split import Parts, labelled_parts
from skelact.sequences.mapped import MappedStore
from skelact.sequences.store import Store
from skelact.settings import Precision, Recipe, override

if TYPE_CHECKING:
    from skelact.models import Model


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All that was measured.

    Args:
        run: folder of the run.
        store: what was measured on.
        parts: its training and test part.
        recipe: settings of the run, those of the protocols as they were used.
        outcomes: predictions by entry, system (``model``, ``untrained``, ``raw``) and seed.
        vectors: features of the first seed by system, for pictures.
        results: what ``results.json`` says.
        folder: where it lies.
    """

    run: Path
    store: Store
    parts: Parts
    recipe: Recipe
    outcomes: Outcomes
    vectors: dict[str, Vectors]
    results: dict[str, Any]
    folder: Path


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
    progress: Progress | None = None,
) -> Evaluation:
    """Measure the trained encoders of a run beside the same encoders untrained and raw coordinates.

    Features are computed once; every protocol takes them from memory. Writes ``results.json``,
    ``predictions.csv`` and ``scores.npz`` to ``<run>/evaluation/<split>``.

    Args:
        run: folder of a run, of a run of several seeds, or of a model.
        store: folder of the store.
        protocols: names in ``PROTOCOLS``.
        split: name of the split; that of the training when None.
        hold_out: such as ``camera=2``: measure on these training clips instead of the test part. When None, what
            the training held out if store and split are the training's, otherwise nothing.
        seeds: only these seeds of the run; all when empty.
        settings: words such as ``linear.batch=256`` that override the protocols' settings.
        map_joints: where the store has another skeleton than the encoder was trained on, map its joints by their
            names.
        precision: of the encoders' products when features are computed; see ``Model.embed``.
        progress: told what is being done.

    Raises:
        UserError: unknown protocol, split or setting; no finished run; a store of another skeleton or whose import
            was interrupted; a part that is empty, overlaps the other or has clips without a label.
    """
    started = time.perf_counter()
    chosen = _known(protocols)
    models = load_models(Path(run), seeds)
    recipe = _with_settings(models[0].recipe, settings)
    opened = _opened(store, models[0], map_joints)
    parts = labelled_parts(opened, *_which_part(models[0], opened, split, hold_out))
    outcomes, vectors = measure(models, opened, parts, recipe, chosen, progress or _silent, precision)
    originals = copied_from(opened, parts)
    truth = Truth.of(opened, parts, originals >= 0)
    results = build(
        run=Path(run),
        command=_command(run, opened, chosen, parts, recipe, seeds, settings, precision),
        store=opened,
        parts=parts,
        recipe=recipe,
        model=models[0].info,
        entries=entries_of(chosen, recipe, opened),
        outcomes=outcomes,
        truth=truth,
        notes=[
            *notes_on(models[0], opened, parts, originals),
            *([f"Features were computed in {precision}."] if precision != "float32" else []),
            *(left_out(recipe, opened) if "robust" in chosen else []),
        ],
    )
    results["seconds"] = round(time.perf_counter() - started, 2)
    folder = Path(run) / "evaluation" / parts.folder
    write(folder, results)
    write_predictions(folder, truth, outcomes)
    write_scores(folder, truth, outcomes)
    return Evaluation(Path(run), opened, parts, recipe, outcomes, vectors, results, folder)


def _known(protocols: Sequence[str]) -> list[str]:
    if not protocols:
        raise UserError(f"name at least one protocol. Known: {', '.join(sorted(PROTOCOLS))}")
    for name in protocols:
        if name not in PROTOCOLS:
            raise unknown("protocol", name, PROTOCOLS)
    return list(dict.fromkeys(protocols))


def _with_settings(recipe: Recipe, words: tuple[str, ...]) -> Recipe:
    groups = sorted({group for protocol in PROTOCOLS.values() for group in protocol.groups})
    for word in words:
        if word.split(".")[0] not in groups:
            raise UserError(
                f"--set {word}: after the training only the protocols' settings can change: "
                f"{', '.join(f'{group}.*' for group in groups)}"
            )
    return override(recipe, words)


def _opened(path: Path, model: "Model", map_joints: bool) -> Store:
    """The store, in the layout that the encoder was trained on."""
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


def _which_part(model: "Model", store: Store, split: str | None, hold_out: str | None) -> tuple[str, str]:
    """The training's own split and hold-out, where none are named; of another store, its split alone."""
    trained = model.recipe.data
    same = (split is None or split == trained.split) and (
        model.info.get("fingerprint", store.fingerprint) == store.fingerprint
    )
    default = trained.hold_out if same else ""
    return trained.split if split is None else split, default if hold_out is None else hold_out


def _command(
    run: Path,
    store: Store,
    protocols: Sequence[str],
    parts: Parts,
    recipe: Recipe,
    seeds: Sequence[int],
    settings: tuple[str, ...],
    precision: Precision,
) -> str:
    """The command line that measures the same again; it spells out what was taken from the run."""
    words = ["skelact", "evaluate", str(run), str(store.path), "--protocol", ",".join(protocols)]
    words += ["--split", parts.split]
    words += ["--hold-out", parts.hold_out] if parts.hold_out or recipe.data.hold_out else []
    words += ["--seeds", ",".join(map(str, seeds))] if seeds else []
    words += [word for setting in settings for word in ("--set", setting)]
    words += ["--map-joints"] if isinstance(store, MappedStore) else []
    words += ["--precision", precision] if precision != "float32" else []
    return shlex.join(words)


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody."""

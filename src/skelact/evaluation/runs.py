"""Which trained encoders a folder holds: a run, a run of several seeds, or a model."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skelact.errors import UserError
from skelact.settings import Recipe, recipe_to_dict

if TYPE_CHECKING:
    from skelact.models import Model

MODEL = "model.json"  # the last file that a finished training writes


def load_models(run: Path, seeds: Sequence[int] = ()) -> list["Model"]:
    """The trained encoders of a run, one a seed, lower seeds first.

    Args:
        run: folder of a run or a model, or of a run of several seeds (``seed-0``, ``seed-1`` ...).
        seeds: only these; all there are when empty.

    Raises:
        UserError: nothing there, a run that has not finished, a seed that is not there, seeds that were trained
            with different settings.
    """
    from skelact.models import Model

    models = [Model.load(folder) for folder in run_folders(run, seeds)]
    there = [model.recipe.train.seed for model in models]
    if absent := set(seeds) - set(there):
        raise _no_such_seed(run, sorted(absent), there)
    for model in models[1:]:
        _check_same(models[0].recipe, model.recipe)
    return models


def run_folders(run: Path, seeds: Sequence[int] = ()) -> list[Path]:
    """The folders to load: ``run`` itself, or its ``seed-*`` folders in the order of the seeds.

    Raises:
        UserError: as ``load_models``.
    """
    if (run / MODEL).is_file():
        return [run]
    folders = {int(f.name[5:]): f for f in run.glob("seed-*") if f.is_dir() and f.name[5:].isdecimal()}
    if not folders:
        raise UserError(_why_nothing(run))
    if absent := set(seeds) - set(folders):
        raise _no_such_seed(run, sorted(absent), sorted(folders))
    chosen = [folders[seed] for seed in sorted(seeds or folders)]
    unfinished = [folder.name for folder in chosen if not (folder / MODEL).is_file()]
    if unfinished:
        raise UserError(
            f"run {run}: {', '.join(unfinished)} has no {MODEL}, so its training has not finished. Continue it "
            "with skelact pretrain ... --resume, or choose the others with --seeds"
        )
    return chosen


def _why_nothing(run: Path) -> str:
    if not run.exists():
        return f"run {run} not found"
    if (run / "config.toml").is_file():
        return (
            f"run {run} has no {MODEL}, so its training has not finished. "
            "Continue it with skelact pretrain ... --resume"
        )
    return f"{run} is no run and no model: it holds neither {MODEL} nor folders seed-0, seed-1 ..."


def _no_such_seed(run: Path, wanted: Sequence[int], there: Sequence[int]) -> UserError:
    asked, known = (", ".join(map(str, seeds)) for seeds in (wanted, there))
    return UserError(f"run {run} has no seed {asked}. Seeds: {known}")


def _check_same(first: Recipe, other: Recipe) -> None:
    """Seeds of one run may differ in nothing but the seed; a store may have been moved in between."""
    seed = other.train.seed
    ours, theirs = (
        _flat(replace(r, train=replace(r.train, seed=0), data=replace(r.data, store=""))) for r in (first, other)
    )
    for key, value in ours.items():
        if theirs[key] != value:
            raise UserError(
                f"seeds {first.train.seed} and {seed} were trained with different settings, so they have no "
                f"common mean: {key} is {value!r} and {theirs[key]!r}"
            )


def _flat(recipe: Recipe) -> dict[str, Any]:
    return {
        f"{table}.{key}": value for table, group in recipe_to_dict(recipe).items() for key, value in group.items()
    }

"""Which trained encoders a folder holds: a run, a run of several seeds, or a model; and how a run is measured."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from skelact.errors import FileError, UserError
from skelact.models import Model
from skelact.runtime.files import checksum
from skelact.settings import PROTOCOL_TABLES, ProtocolSettings, Recipe, from_dict, recipe_to_dict, to_dict
from skelact.settings.recipe import TRAINING_TABLES

MODEL = "model.json"  # the last file that a finished training writes
WEIGHTS = "model.safetensors"
CONFIG = "config.toml"


def load_models(run: Path, seeds: Sequence[int] = ()) -> list[Model]:
    """The trained encoders of a run, one a seed, lower seeds first.

    Args:
        run: folder of a run or a model, or of a run of several seeds (``seed-0``, ``seed-1`` ...).
        seeds: only these; all there are when empty.

    Raises:
        UserError: nothing there, a run that has not finished, a seed that is not there, seeds that were trained
            with different settings.
    """
    models = [Model.load(folder) for folder in run_folders(run, seeds)]
    there = [model.recipe.train.seed for model in models]
    if absent := set(seeds) - set(there):
        raise _no_such_seed(run, sorted(absent), there)
    for model in models[1:]:
        _check_same(models[0].recipe, model.recipe)
    return models


def weights_digest(folder: Path) -> str:
    """What identifies the encoder of a run or model folder."""
    return checksum(folder / WEIGHTS)


def protocol_settings(folder: Path) -> tuple[ProtocolSettings, list[str]]:
    """How the run in a folder is to be measured, by its ``config.toml``; the defaults where it has none.

    A setting that this version does not know, or that it does not allow, is left out, so that an old run can
    still be measured.

    Returns:
        The settings, and a sentence about each that was left out.

    Raises:
        FileError: a file that is not TOML.
    """
    path = folder / CONFIG
    if not path.is_file():
        return ProtocolSettings(), []
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FileError(path, f"not TOML ({error}). It says how the run was trained; restore it") from error
    values: dict[str, Any] = to_dict(ProtocolSettings())
    caveats = []
    for table, group in tables.items():
        if table in TRAINING_TABLES:
            continue
        for name, value in group.items() if isinstance(group, Mapping) else {"": group}.items():
            if not _fits(table, name, value):
                shown = f"{table}.{name}" if name else table
                caveats.append(f"The setting {shown} of {CONFIG} is not one of this version and was left out.")
                continue
            values[table][name] = value
    return from_dict(ProtocolSettings, values, where=str(path)), caveats


def _fits(table: str, name: str, value: object) -> bool:
    """Whether this version has a setting of a protocol and allows its value."""
    if table not in PROTOCOL_TABLES:
        return False
    try:
        from_dict(ProtocolSettings, {table: {name: value}}, where=CONFIG)
    except UserError:
        return False
    return True


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
    if (run / CONFIG).is_file():
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
        if theirs.get(key) != value:
            raise UserError(
                f"seeds {first.train.seed} and {seed} were trained with different settings, so they have no "
                f"common mean: {key} is {value!r} and {theirs.get(key)!r}"
            )


def _flat(recipe: Recipe) -> dict[str, Any]:
    groups = recipe_to_dict(recipe, protocols=False).items()
    return {f"{table}.{key}": value for table, group in groups for key, value in group.items()}

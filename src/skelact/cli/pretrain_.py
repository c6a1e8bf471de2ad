"""``skelact pretrain``: store -> run folder with a trained encoder."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from skelact.cli.plugins import PluginFiles, load_plugins
from skelact.cli.progress import expected, too_large
from skelact.errors import UserError
from skelact.settings import DEFAULT_RECIPE, Recipe, load_recipe

if TYPE_CHECKING:
    from skelact.sequences.store import Store


def run(
    store: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    recipe: Annotated[str, Parameter(name=["--recipe", "-c"])] = "",
    method: str = "",
    split: str | None = None,
    hold_out: str = "",
    epochs: int = 0,
    seed: int | None = None,
    seeds: str = "",
    settings: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
    resume: Annotated[bool, Parameter(negative=())] = False,
    device: str = "",
    plugin: PluginFiles = (),
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Learn an encoder from a store, without labels.

    Says first what it will take, time and memory, measured on a few steps. Writes a run folder: config.toml,
    metrics.jsonl, events/ for TensorBoard, checkpoints/, model.safetensors and model.json. Ctrl-C ends after the
    step in progress and leaves a state that --resume continues.

    Args:
        store: folder of the store.
        out: the run folder.
        recipe: the name of a recipe, such as scdnet-paper, or a TOML file; small when not given. skelact recipes
            lists them.
        method: scdnet, or supervised (with labels, for comparison).
        split: train on the training part of this split; every clip when empty.
        hold_out: of the training part leave out clips by a tag, such as camera=2, to choose settings on.
        epochs: instead of the recipe's.
        seed: instead of the recipe's.
        seeds: several, such as 0,1,2: each trains in its own folder RUN/seed-0, RUN/seed-1, ...
        settings: any setting of the recipe, such as --set method.temperature=0.1; can be repeated.
        resume: continue where RUN was stopped, with its own settings.
        device: cpu, cuda, cuda:1, ...; the GPU if there is one when empty.
        plugin: Python file of your own that adds encoders, methods, readers or skeletons; can be repeated.
        as_json: print the result as JSON.
    """
    from skelact.cli.progress import step_bar
    from skelact.sequences.store import Store
    from skelact.training import pretrain

    load_plugins(plugin)
    words = {
        "method.name": method,
        "data.split": split,
        "data.hold_out": hold_out,
        "train.epochs": epochs,
        "train.seed": seed,
    }
    chosen = load_recipe(recipe or DEFAULT_RECIPE, (*_given(words), *settings))
    opened = Store(store)
    if not resume:
        _announce(opened, chosen, recipe, device, len(list(_runs(out, chosen, seeds))))
    results = []
    for folder, seeded in _runs(out, chosen, seeds):
        going_on = resume and (folder / "config.toml").is_file()
        if resume and not going_on and not seeds:
            raise UserError(f"{folder} is not a run: config.toml not found. Nothing to resume")
        started = time.perf_counter()
        with step_bar(folder.name) as show:
            model = pretrain(opened, folder, seeded, resume=going_on, device=device, progress=show)
        seconds = time.perf_counter() - started
        results.append({"run": str(folder), "seconds": round(seconds, 1), "dim": model.dim, **model.info})
        if not as_json:
            print(f"{folder}: {model.info['epochs']} epochs of {model.info['clips']} clips in {seconds:.0f} s")
    if as_json:
        print(json.dumps(results if seeds else results[0]))
    return 0


def _announce(store: "Store", chosen: Recipe, recipe: str, device: str, runs: int) -> None:
    """Say on stderr which settings hold and what the training will take, before it starts."""
    from skelact.training.estimate import estimate

    if not recipe:
        print(
            f"recipe: {DEFAULT_RECIPE}, as none is named; -c NAME takes another, skelact recipes lists them",
            file=sys.stderr,
        )
    store.check_complete()
    found = estimate(store, chosen, device)
    print(expected(found, runs), file=sys.stderr, flush=True)
    if not found.fits:
        print(too_large(found, chosen.train.batch), file=sys.stderr, flush=True)


def _given(words: dict[str, str | int | None]) -> Iterator[str]:
    """The flags that were given, as settings; 0 epochs and empty words mean not given, seed 0 is a seed."""
    for key, value in words.items():
        if value is None or value == "" or (key == "train.epochs" and value == 0):
            continue
        yield f"{key}={json.dumps(value)}"


def _runs(out: Path, recipe: Recipe, seeds: str) -> Iterator[tuple[Path, Recipe]]:
    """Folder and settings of each training."""
    if not seeds:
        yield out, recipe
        return
    try:
        numbers = [int(word) for word in seeds.split(",")]
    except ValueError:
        raise UserError(f"--seeds {seeds}: expected whole numbers separated by commas, such as 0,1,2") from None
    for number in numbers:
        yield out / f"seed-{number}", replace(recipe, train=replace(recipe.train, seed=number))

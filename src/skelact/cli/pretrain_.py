"""``skelact pretrain``: store -> run folder with a trained encoder."""

import json
import sys
import time
from collections.abc import Iterator
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
    epochs: int | None = None,
    seed: int | None = None,
    seeds: str = "",
    feeds: Annotated[tuple[str, ...], Parameter(name="--feed")] = (),
    settings: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
    resume: Annotated[bool, Parameter(negative=())] = False,
    device: str = "",
    plugin: PluginFiles = (),
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Learn an encoder from a store, without labels.

    First estimates time and memory on a few steps. Writes a run folder: config.toml,
    metrics.jsonl, events/ for TensorBoard, checkpoints/, model.safetensors and model.json. Ctrl-C ends after the
    step in progress and leaves a state that --resume continues.

    Args:
        store: folder of the store.
        out: the run folder.
        recipe: the name of a recipe, such as scdnet-paper, or a TOML file; default: small. skelact recipes lists
            them.
        method: scdnet, moco or whitening; with labels supervised or mean_teacher.
        split: train on the training part of this split; default: on every clip.
        hold_out: leave out training clips with this tag, such as camera=2, to choose settings on.
        epochs: instead of the recipe's.
        seed: instead of the recipe's.
        seeds: several, such as 0,1,2: each trains in its own folder RUN/seed-0, RUN/seed-1, ...
        feeds: a further store of a method that learns from several, such as --feed unlabelled=STORE2.
        settings: any setting of the recipe, such as --set method.temperature=0.1; can be repeated.
        resume: continue where RUN was stopped, with its own settings; more epochs are possible if the schedule of
            the learning rate allows it; other changes are refused.
        device: cpu, cuda, cuda:1, ...; default: the GPU if there is one.
        plugin: Python file of your own that adds encoders, methods, readers or skeletons; can be repeated.
        as_json: print the result as JSON.
    """
    from skelact.cli.progress import step_bar
    from skelact.sequences.store import Store
    from skelact.training import Run, pretrain

    load_plugins(plugin)
    words = {
        "method.name": method,
        "data.split": split,
        "data.hold_out": hold_out,
        "train.epochs": epochs,
        "train.seed": seed,
    }
    # every setting is checked before anything is trained
    runs = list(_runs(out, seed, seeds, resume, recipe, (*_given(words), *settings)))
    opened, others = Store(store), _feeds(feeds)
    new = [asked for _, going_on, asked in runs if not going_on]
    for folder, going_on, _ in runs:
        if not going_on:
            Run(folder).check_new()
    if new:
        _announce(opened, others, new, recipe, device)
    results = []
    for folder, going_on, asked in runs:
        started = time.perf_counter()
        with step_bar(folder.name) as show:
            model = pretrain(
                opened, folder, asked, feeds=others, resume=going_on, device=device, progress=show, warn=_warn
            )
        seconds = time.perf_counter() - started
        results.append({"run": str(folder), "seconds": round(seconds, 1), "dim": model.dim, **model.info})
        if not as_json:
            print(f"{folder}: {model.info['epochs']} epochs of {model.info['clips']} clips in {seconds:.0f} s")
    if as_json:
        print(json.dumps(results if seeds else results[0]))
    return 0


def _announce(store: "Store", feeds: dict[str, "Store"], runs: list[Recipe], recipe: str, device: str) -> None:
    """Say on stderr which settings hold and what the training will take, before it starts."""
    from skelact.training.estimate import estimate

    if not recipe:
        print(
            f"recipe: {DEFAULT_RECIPE}, as none is named; -c NAME takes another, skelact recipes lists them",
            file=sys.stderr,
        )
    store.check_complete()
    found = estimate(store, runs[0], device, feeds)
    print(expected(found, len(runs)), file=sys.stderr, flush=True)
    if not found.fits:
        print(too_large(found, runs[0].train.batch), file=sys.stderr, flush=True)


def _warn(sentence: str) -> None:
    print(f"skelact: {sentence}", file=sys.stderr, flush=True)


def _feeds(words: tuple[str, ...]) -> dict[str, "Store"]:
    """The stores of further feeds, by name."""
    from skelact.sequences.store import Store

    found: dict[str, Store] = {}
    for word in words:
        name, equals, path = word.partition("=")
        if not equals or not name or not path:
            raise UserError(f"--feed {word}: expected the name of a feed and its store, such as unlabelled=STORE2")
        if name in found:
            raise UserError(f"--feed {name} is given more than once")
        found[name] = Store(path)
        found[name].check_complete()
    return found


def _given(words: dict[str, str | int | None]) -> Iterator[str]:
    """The flags that were given, as settings; empty words mean not given, seed 0 is a seed."""
    for key, value in words.items():
        if value is not None and value != "":
            yield f"{key}={json.dumps(value, ensure_ascii=False)}"


def _runs(
    out: Path, seed: int | None, seeds: str, resume: bool, recipe: str, words: tuple[str, ...]
) -> Iterator[tuple[Path, bool, Recipe]]:
    """Folder of each training, whether it goes on, and its settings."""
    from skelact.training import Run

    for folder, own in _folders(out, seed, seeds):
        going_on = resume and (folder / "config.toml").is_file()
        if resume and not going_on and not seeds:
            raise UserError(f"{folder} is not a run: config.toml not found. Nothing to resume")
        base = Run(folder).recipe() if going_on else None
        named = recipe or (None if going_on else DEFAULT_RECIPE)
        yield folder, going_on, load_recipe(named, (*words, *own), base)


def _folders(out: Path, seed: int | None, seeds: str) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Folder of each training, and the settings that are only its own."""
    if not seeds:
        yield out, ()
        return
    if seed is not None:
        raise UserError(f"--seed {seed} and --seeds {seeds}: give one of them")
    try:
        numbers = [int(word) for word in seeds.split(",")]
    except ValueError:
        raise UserError(f"--seeds {seeds}: expected whole numbers separated by commas, such as 0,1,2") from None
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if twice:
        raise UserError(f"--seeds {seeds}: {', '.join(map(str, twice))} is given more than once")
    for number in numbers:
        yield out / f"seed-{number}", (f"train.seed={number}",)

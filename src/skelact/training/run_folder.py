"""The run folder: settings before the first step, a line per epoch, checkpoints, and the model at the end."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skelact.errors import UserError
from skelact.models.model import Model
from skelact.runtime.files import Damaged, append_text, reading, replacing, write_text, writing
from skelact.runtime.locking import LOCK, hold
from skelact.settings import TRAINING_TABLES, Recipe, load_recipe, recipe_to_dict, to_toml
from skelact.training.checkpoint import (
    NAME,
    RESUME,
    Checkpoint,
    all_checkpoints,
    latest,
    read_checkpoint,
    set_aside,
)

CONFIG, METRICS = "config.toml", "metrics.jsonl"
SEAL = "# sha256 of the lines above: "  # the last line of the settings
ANOTHER = "A run keeps its settings: leave this out, or start another run with -o"

# what may change while a run goes on, as weights do not depend on it
FREE = {"train.checkpoint_every", "train.keep_checkpoints", "train.keep_every"}
FILLED_IN = {"data.store", "data.fingerprint", "data.feeds"}  # from the clips, which are compared on their own


@dataclass(frozen=True)
class Run:
    """A training and its folder."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    def make(self) -> None:
        """Make the folder; a ``UserError`` where something lies there already."""
        with writing(self.path):
            self.check_new()
            self.path.mkdir(parents=True, exist_ok=True)

    def check_new(self) -> None:
        """Raise a ``UserError`` where something lies in the folder already."""
        if self.path.exists() and (not self.path.is_dir() or self._used()):
            hint = "--resume continues it, or choose" if (self.path / CONFIG).is_file() else "Choose"
            raise UserError(f"{self.path} exists and is not empty. {hint} another folder with -o")

    def hold(self) -> AbstractContextManager[None]:
        """Keep other processes from training in the folder."""
        return hold(self.path, "run", "One process at a time can train it: wait for that one, or end it")

    def write(self, recipe: Recipe) -> None:
        """Write the settings, with a checksum in the last line."""
        text = to_toml(recipe)
        with writing(self.path / CONFIG, "Then give the command again"), replacing(self.path / CONFIG) as partial:
            write_text(partial, f"{text}{SEAL}{_digest(text)}\n")

    def recipe(self) -> Recipe:
        """The settings that the run was started with.

        Raises:
            UserError: no run, or its settings are damaged.
        """
        path = self.path / CONFIG
        if not path.is_file():
            raise UserError(f"{self.path} is not a run: {CONFIG} not found. Nothing to resume")
        with reading(path):
            text, found, digest = path.read_bytes().decode(errors="replace").rpartition(SEAL)
        if not found:
            raise Damaged(
                path, "its last line, a checksum, is missing. Put it back as it was, or start another run"
            )
        if digest.strip() != _digest(text):
            raise Damaged(
                path,
                "it does not match the checksum in its last line. Put it back as it was, or start another run",
            )
        return load_recipe(path)

    def continued(self, asked: Recipe | None) -> Recipe:
        """The settings to go on with: the run's own, and of those asked for the ones that can still change.

        Args:
            asked: settings; the run's own hold when None.

        Raises:
            UserError: settings are asked for that decide about the weights trained so far.
        """
        own = self.recipe()
        if asked is None:
            return own
        before, after = flat(own), flat(asked)
        changed = {name for name in before | after if before.get(name) != after.get(name)} - FILLED_IN
        if asked.data.persons == 0:
            changed.discard("data.persons")
        refused = [
            f"{name} = {json.dumps(before.get(name))}, now {json.dumps(after.get(name))} is asked for"
            for name in sorted(changed - FREE - {"train.epochs"})
        ]
        if refused:
            raise UserError(f"{self.path} was started with {'; '.join(refused)}. {ANOTHER}")
        if "train.epochs" in changed:
            self._check_epochs(own, asked.train.epochs)
        names = [name.removeprefix("train.") for name in changed]  # all that is left is of this group
        return replace(own, train=replace(own.train, **{name: getattr(asked.train, name) for name in names}))

    def finished(self, recipe: Recipe, warn: Callable[[str], None]) -> Model | None:
        """The model, where it has been written and was trained for all epochs; a damaged one is written again."""
        if not (self.path / "model.json").is_file():
            return None
        try:
            model = Model.load(self.path)
        except Damaged as error:
            warn(str(error))
            return None
        return model if model.info.get("epochs") == recipe.train.epochs else None

    def newest_checkpoint(self, recipe: Recipe, warn: Callable[[str], None]) -> Checkpoint | None:
        """The furthest checkpoint that is undamaged; those that are not are named and set aside.

        Raises:
            UserError: it is of another run.
        """
        paths = all_checkpoints(self.checkpoints)
        while paths:
            path = paths.pop()
            try:
                checkpoint = read_checkpoint(path)
            except Damaged as error:
                set_aside(path)
                instead = f"{paths[-1].stem}, the checkpoint before, is used" if paths else "The run starts over"
                warn(f"{error}. {instead}")
                continue
            _check_settings(checkpoint, recipe)
            return checkpoint
        return None

    def log(self, values: Mapping[str, Any]) -> None:
        """Append one line to the metrics."""
        with writing(self.path / METRICS, RESUME):
            append_text(self.path / METRICS, json.dumps(values) + "\n")

    def forget_after(self, epoch: int, warn: Callable[[str], None]) -> None:
        """Drop the metrics of epochs after ``epoch``, which are about to be trained again, and lines cut short."""
        path = self.path / METRICS
        with reading(path):
            text = path.read_bytes().decode(errors="replace") if path.is_file() else ""
        kept = dict(_of_epochs(text, epoch))
        lost = [str(one) for one in range(1, epoch + 1) if one not in kept]
        if lost:
            lines = "line of epoch" if len(lost) == 1 else f"lines of {len(lost)} epochs"
            shown = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
            warn(f"{path} is damaged: the {lines} {shown} {'is' if len(lost) == 1 else 'are'} lost")
        lines = "".join(f"{kept[one]}\n" for one in sorted(kept))
        if lines != text:
            with writing(path, RESUME), replacing(path) as partial:
                write_text(partial, lines)

    def _used(self) -> bool:
        """Whether it holds more than what a process leaves that was killed before it began."""
        return any(child.name not in (LOCK, f"{CONFIG}.partial") for child in self.path.iterdir())

    def _check_epochs(self, own: Recipe, epochs: int) -> None:
        """Whether a run can be trained for another number of epochs than it was started with."""
        start = f"{self.path} was started with train.epochs = {own.train.epochs}, now {epochs} is asked for"
        if own.train.schedule == "cosine":
            raise UserError(
                f"{start}. Its learning rate falls to 0 over {own.train.epochs} epochs (train.schedule = cosine): "
                f"a run of {epochs} epochs would have been trained differently from the start. {ANOTHER}"
            )
        path = latest(self.checkpoints)
        match = NAME.fullmatch(path.name) if path else None
        done, step = (int(number) for number in match.groups()) if match else (0, 0)
        if epochs < done + (step > 0):
            raise UserError(f"{start}. {done} epochs are done already. {ANOTHER}")


def flat(recipe: Recipe) -> dict[str, Any]:
    """All settings by name, such as ``train.lr``."""
    tables = recipe_to_dict(recipe).items()
    return {f"{table}.{key}": value for table, group in tables for key, value in group.items()}


def decisive(recipe: Recipe) -> dict[str, Any]:
    """The settings that decide about the weights at a step: two runs with the same are the same."""
    left_out = FREE | {"data.store"} | ({"train.epochs"} if recipe.train.schedule != "cosine" else set())
    tables = tuple(f"{table}." for table in TRAINING_TABLES)
    return {
        name: value for name, value in flat(recipe).items() if name.startswith(tables) and name not in left_out
    }


def _check_settings(checkpoint: Checkpoint, recipe: Recipe) -> None:
    own = decisive(recipe)
    wrong = [
        f"{name} = {json.dumps(checkpoint.settings[name])}, here it is {json.dumps(own[name])}"
        for name in own
        if name in checkpoint.settings and checkpoint.settings[name] != own[name]
    ]
    if wrong:
        raise UserError(
            f"checkpoint {checkpoint.path} is of another run: it was trained with {'; '.join(wrong[:3])} "
            f"({len(wrong)} settings in all). Put back the checkpoints of this run, or delete those of the other"
        )


def _of_epochs(text: str, last: int) -> Iterator[tuple[int, str]]:
    """(epoch, line) of the whole lines up to an epoch."""
    for line in text.splitlines():
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue
        epoch = values.get("epoch") if isinstance(values, dict) else None
        if type(epoch) is int and 1 <= epoch <= last:
            yield epoch, line


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()

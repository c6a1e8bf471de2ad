"""The run folder: settings before the first step, a line per epoch, checkpoints, and the model at the end."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skelact.errors import UserError
from skelact.settings import Recipe, load_recipe, to_toml
from skelact.training.checkpoint import latest

CONFIG, METRICS = "config.toml", "metrics.jsonl"


@dataclass(frozen=True)
class Run:
    """A training and its folder."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    def start(self, recipe: Recipe) -> None:
        """Make the folder and write the settings; a ``UserError`` where something lies there already."""
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            hint = "--resume continues it, or choose" if (self.path / CONFIG).is_file() else "Choose"
            raise UserError(f"{self.path} exists and is not empty. {hint} another folder with -o")
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / CONFIG).write_text(to_toml(recipe), encoding="utf-8")

    def recipe(self) -> Recipe:
        """The settings that the run was started with."""
        if not (self.path / CONFIG).is_file():
            raise UserError(f"{self.path} is not a run: {CONFIG} not found. Nothing to resume")
        return load_recipe(self.path / CONFIG)

    @property
    def finished(self) -> bool:
        """Whether the model has been written."""
        return (self.path / "model.json").is_file()

    def latest_checkpoint(self) -> Path | None:
        """Counters of the furthest checkpoint."""
        return latest(self.checkpoints)

    def log(self, values: Mapping[str, Any]) -> None:
        """Append one line to the metrics."""
        with (self.path / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def forget_after(self, epoch: int) -> None:
        """Drop the metrics of epochs after ``epoch``: they are about to be trained again."""
        path = self.path / METRICS
        if not path.is_file():
            return
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        kept = [line for line in lines if json.loads(line)["epoch"] <= epoch]
        partial = path.with_suffix(".partial")
        partial.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        partial.replace(path)

"""TensorBoard events, where TensorBoard is installed (extra ``train``)."""

from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any


class EventLog:
    """Writes scalars for TensorBoard; without TensorBoard it writes nothing (metrics.jsonl has all of it)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: Any = None

    def __enter__(self) -> "EventLog":
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.folder))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, epoch: int, values: dict[str, float]) -> None:
        """Scalars of one epoch."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, epoch)

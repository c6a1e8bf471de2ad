"""TensorBoard events, where TensorBoard is installed (extra ``train``)."""

import os
import socket
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from skelact.runtime.files import writing


class EventLog:
    """Writes scalars for TensorBoard; without TensorBoard it writes nothing (metrics.jsonl has all of it).

    TensorBoard's own writer has a thread, whose errors (a full disk) end up as tracebacks; here the file is
    written where its values are known, an epoch at a time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[bytes] | None = None
        self._records: Any = None

    def __enter__(self) -> "EventLog":
        if find_spec("tensorboard") is not None:
            from tensorboard.summary.writer.record_writer import RecordWriter

            name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
            with writing(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = (self.folder / name).open("ab")
            self._records = RecordWriter(self._file)
            self._add(file_version="brain.Event:2")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with suppress(OSError):  # every value was flushed or has been complained about
                self._file.close()

    def write(self, epoch: int, values: dict[str, float]) -> None:
        """Scalars of one epoch.

        Raises:
            UserError: they cannot be written.
        """
        if self._file is None:
            return
        from tensorboard.compat.proto.summary_pb2 import Summary

        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(step=epoch, summary=Summary(value=scalars))

    def _add(self, **fields: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        assert self._file is not None
        with writing(self.folder):
            self._records.write(Event(wall_time=time.time(), **fields).SerializeToString())
            self._records.flush()

"""Work shared by processes, its results in order and few of them waiting."""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from skelact.errors import UserError
from skelact.runtime.allocator import keep_freed_memory
from skelact.runtime.plugins import LoadedPlugins, load_again, loaded_plugins

IN_FLIGHT = 3  # tasks per process whose results may wait to be used; bounds the memory

Result = TypeVar("Result")


def in_order(
    function: Callable[..., list[Result]], tasks: list[tuple[Any, ...]], processes: int
) -> Iterator[Result]:
    """What ``function(*task)`` lists for each task, one after another in the order of the tasks.

    Args:
        function: of a module, so that other processes find it.
        tasks: its arguments.
        processes: that work; 1: this one alone. It is alone, too, where the program is no file that others could
            load, as with ``python -``.

    Raises:
        UserError: a process was ended from outside.
    """
    if processes == 1 or not _main_can_be_imported():
        for task in tasks:
            yield from function(*task)
        return
    left = deque(tasks)
    waiting: deque[Future[list[Result]]] = deque()
    kind = "spawn" if os.name == "nt" else "forkserver"  # a fork would copy the threads of a progress bar
    context = multiprocessing.get_context(kind)
    pool = ProcessPoolExecutor(min(processes, len(tasks)), context, _start_worker, (loaded_plugins(),))
    try:
        while left or waiting:
            while left and len(waiting) < IN_FLIGHT * processes:
                waiting.append(pool.submit(function, *left.popleft()))
            yield from waiting.popleft().result()
    except BrokenProcessPool as error:
        raise UserError(
            "a worker process was killed (out of memory?). Finished work is kept: run the same "
            f"command again to continue, with fewer --processes{_without_guard()}"
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _main_can_be_imported() -> bool:
    """Whether other processes can load the program that runs: they do where it is a file."""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    return getattr(main, "__spec__", None) is not None or file is None or Path(file).is_file()


def _without_guard() -> str:
    """What else may be the reason, where the program is a script of the user's."""
    main = sys.modules["__main__"]
    script = getattr(main, "__spec__", None) is None and getattr(main, "__file__", None)
    if script and Path(script).stem == "skelact":  # the command itself, which has it
        return ""
    return f'. Or {script} lacks the line if __name__ == "__main__": above its first command' if script else ""


def _start_worker(plugins: LoadedPlugins) -> None:
    """Ctrl-C is for the main process alone, and a worker ends with it, even when it is killed."""
    keep_freed_memory()
    load_again(plugins)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

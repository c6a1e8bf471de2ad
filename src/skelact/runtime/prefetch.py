"""Reading ahead: a thread prepares the next batches while this one is worked on."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

AHEAD = 2  # results that wait or are being made, for each thread

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def read_ahead(
    read: Callable[[Item], Result], items: Iterable[Item], threads: int = 1
) -> Iterator[Iterator[Result]]:
    """``read(item)`` of each item, in their order, the next few of them read ahead.

    An error of ``read`` is raised where its result was due. At the end of the ``with``, for whatever reason, the
    threads are gone.

    Args:
        read: depends on nothing but its item; copies of arrays let other threads work meanwhile.
        items: what to read; at most ``AHEAD`` of them a thread are taken before their turn.
        threads: how many read.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="skelact-read")
    try:
        yield _in_order(pool, read, items, AHEAD * threads)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    pool: ThreadPoolExecutor, read: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(read, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()

"""Prefetching: a thread prepares the next batches while this one is used."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

PER_THREAD = 2  # results that are ready or being made, for each thread

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def prefetch(
    read: Callable[[Item], Result], items: Iterable[Item], threads: int = 1
) -> Iterator[Iterator[Result]]:
    """``read(item)`` of each item, in order; the next few are prefetched.

    An error of ``read`` is raised in the place of its result. The threads end with the ``with`` block, however it
    ends.

    Args:
        read: depends on nothing but its item; copying arrays lets other threads work meanwhile.
        items: what to read; at most ``PER_THREAD`` of them for each thread are taken before their turn.
        threads: how many read.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="skelact-read")
    try:
        yield _in_order(pool, read, items, PER_THREAD * threads)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    pool: ThreadPoolExecutor, read: Callable[[Item], Result], items: Iterable[Item], most: int
) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(read, item))
        if len(waiting) > most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()

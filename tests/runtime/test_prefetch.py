"""Prefetching: the same results in the same order, errors in their place, threads that end."""

import threading
import time
from collections.abc import Iterator

import pytest

from skelact.runtime.prefetch import PER_THREAD, prefetch


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("skelact-read")]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_results_come_in_order_however_long_each_takes(threads: int, count: int) -> None:
    def read(number: int) -> int:
        time.sleep(0.005 * (number % 3 == 0))
        return number * number

    with prefetch(read, range(count), threads) as results:
        assert list(results) == [number * number for number in range(count)]
    assert not readers()


def test_no_more_than_a_few_are_taken_before_their_turn() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    with prefetch(lambda number: number, items(), threads=2) as results:
        for number, result in enumerate(results):
            assert result == number
            assert len(taken) <= number + 1 + 2 * PER_THREAD


def test_the_next_is_read_while_this_one_is_worked_on() -> None:
    begun = [threading.Event() for _ in range(3)]

    def read(number: int) -> int:
        begun[number].set()
        return number

    with prefetch(read, range(3)) as results:
        assert next(results) == 0
        assert begun[1].wait(timeout=10)
        assert begun[2].wait(timeout=10)


def test_an_error_is_raised_where_its_result_was_due() -> None:
    def read(number: int) -> int:
        if number == 2:
            raise ValueError("clip 2 is broken")
        return number

    with prefetch(read, range(9)) as results:
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ValueError, match="clip 2 is broken"):
            next(results)
    assert not readers()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_stopping_early_leaves_no_thread_running(error: type[BaseException]) -> None:
    read = []

    def slowly(number: int) -> int:
        time.sleep(0.01)
        read.append(number)
        return number

    def stop_early() -> None:
        with prefetch(slowly, range(1000)) as results:
            next(results)
            raise error

    with pytest.raises(error):
        stop_early()
    assert not readers()
    assert len(read) <= 1 + PER_THREAD

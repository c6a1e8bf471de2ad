"""Work shared by processes."""

import os

import pytest

from skelact.errors import UserError
from skelact.runtime.processes import in_order


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order(processes: int) -> None:

    assert list(in_order(str.split, [(text, "x") for text in ("axbxc", "b", "cc")], processes)) == [
        "a",
        "b",
        "c",
        "b",
        "cc",
    ]


def test_nothing_to_do() -> None:
    assert list(in_order(str.split, [], 1)) == []


def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(
        UserError, match=r"^a working process was ended from outside \(out of memory\?\)\. What was"
    ):
        list(in_order(os._exit, [(1,), (1,)], 2))

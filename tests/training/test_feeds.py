"""Feeds: which clips a step sees, and what a method with several stores needs."""

from pathlib import Path

import numpy as np
import pytest

from skelact.errors import UserError
from skelact.methods import MeanTeacher, SCDNet
from skelact.sequences.clips import MappedClips
from skelact.sequences.store import Store
from skelact.skeletons import NTU25
from skelact.training.feeds import Feed, make_feeds


def test_the_first_feed_gives_each_clip_at_most_once_an_epoch(store_path: Path) -> None:
    feed = Feed("train", Store(store_path), np.arange(10, 30))
    seen = np.concatenate([feed.rows_of(7, 2, step, 4, 5) for step in range(4)])
    assert sorted(seen.tolist()) == list(range(10, 30))
    assert not np.array_equal(seen[:5], feed.rows_of(7, 3, 0, 4, 5))


def test_other_feeds_go_round_and_round_whatever_an_epoch_is(store_path: Path) -> None:
    feed = Feed("unlabelled", Store(store_path), np.arange(7), number=1)
    seen = np.concatenate([feed.rows_of(7, epoch, step, 3, 5) for epoch in range(7) for step in range(3)])
    rounds = seen.reshape(15, 7)
    assert all(sorted(one.tolist()) == list(range(7)) for one in rounds)
    assert len({tuple(one.tolist()) for one in rounds}) > 1


def test_a_method_gets_the_feeds_that_it_names(store_path: Path) -> None:
    store = Store(store_path)
    train, unlabelled = make_feeds(MeanTeacher, "mean_teacher", store, np.arange(4), {"unlabelled": store})
    assert (train.name, train.rows.tolist(), train.number) == ("train", [0, 1, 2, 3], 0)
    assert (unlabelled.name, len(unlabelled.rows), unlabelled.number) == ("unlabelled", len(store), 1)
    assert [feed.name for feed in make_feeds(SCDNet, "scdnet", store, np.arange(4), {})] == ["train"]


def test_wrong_feeds_are_told(store_path: Path) -> None:
    store, rows = Store(store_path), np.arange(4)
    with pytest.raises(
        UserError, match="method mean_teacher also learns from clips unlabelled: .*--feed unlabelled=S"
    ):
        make_feeds(MeanTeacher, "mean_teacher", store, rows, {})
    with pytest.raises(UserError, match="method scdnet has no feed more beside train; it takes none"):
        make_feeds(SCDNet, "scdnet", store, rows, {"more": store})
    other = MappedClips(store, NTU25)
    with pytest.raises(UserError, match="feed unlabelled: store .* has 3 coordinates of ntu25, .* 3 of kinect20"):
        make_feeds(MeanTeacher, "mean_teacher", store, rows, {"unlabelled": other})

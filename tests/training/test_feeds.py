"""Feeds: which clips a step sees, and what a method with several stores needs."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from skelact.encoders import STGCNEncoder
from skelact.errors import UserError
from skelact.methods import MeanTeacher, SCDNet
from skelact.models import Model
from skelact.sequences.clips import MappedClips
from skelact.sequences.store import Store
from skelact.settings import (
    DataSettings,
    LinearMapSettings,
    MeanTeacherSettings,
    MoCoSettings,
    Recipe,
    STGCNSettings,
    TrainSettings,
    WhiteningSettings,
)
from skelact.skeletons import NTU25
from skelact.training import Progress, Stopped, pretrain
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


SMALL = DataSettings(split="xview", frames=8)
ENCODER = STGCNSettings(widths=(4, 8), kernel=3, dropout=0.0)
TRAIN = TrainSettings(epochs=2, batch=12, lr=0.01, milestones=())


def test_a_method_learns_from_two_stores_and_goes_on_as_if_it_had_not_stopped(
    store_path: Path, tmp_path: Path
) -> None:
    """Labelled clips of one store, clips without labels of another; the encoder is none of SCD-Net's."""
    store = Store(store_path)
    recipe = Recipe(data=SMALL, encoder=ENCODER, method=MeanTeacherSettings(), train=TRAIN)
    feeds = {"unlabelled": store}
    whole = pretrain(store, tmp_path / "whole", recipe, feeds=feeds)
    steps: list[Progress] = []

    def stop(progress: Progress) -> None:
        steps.append(progress)
        if len(steps) == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Stopped):
        pretrain(store, tmp_path / "run", recipe, feeds=feeds, progress=stop)
    with pytest.raises(UserError, match="was started with the feeds unlabelled: store .*Resume needs the same"):
        pretrain(store, tmp_path / "run", feeds={}, resume=True)
    resumed = pretrain(store, tmp_path / "run", feeds=feeds, resume=True)
    for one, other in zip(resumed.encoder.parameters(), whole.encoder.parameters(), strict=True):
        assert torch.equal(one, other)
    assert list(steps[0].parts) == ["cross_entropy", "consistency"]


def test_a_second_method_and_a_second_encoder_train_and_are_loaded(store_path: Path, tmp_path: Path) -> None:
    store = Store(store_path)
    recipe = Recipe(data=SMALL, encoder=ENCODER, method=MoCoSettings(queue=16, projection=8), train=TRAIN)
    model = pretrain(store, tmp_path / "run", recipe)
    assert isinstance(model.encoder, STGCNEncoder)
    np.testing.assert_allclose(Model.load(tmp_path / "run").embed(store), model.embed(store), rtol=1e-5, atol=1e-6)


def test_a_method_without_steps_is_fitted_in_one_pass(store_path: Path, tmp_path: Path) -> None:
    store = Store(store_path)
    encoder, method = LinearMapSettings(frames=4, width=16), WhiteningSettings()
    model = pretrain(store, tmp_path / "run", Recipe(data=SMALL, encoder=encoder, method=method, train=TRAIN))
    assert model.info["epochs"] == 1
    assert 0 < model.info["fit"]["kept_variance"] <= 1
    train, _ = store.parts("xview")
    features = Model.load(tmp_path / "run").embed(store, train)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-3)
    assert np.corrcoef(features.T)[0, 1:].max() < 0.1

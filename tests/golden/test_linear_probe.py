"""The probe on features that are computed once is the probe that runs the frozen encoder in every epoch."""

import numpy as np
import pytest
import torch
from torch import nn

from skelact.batches import downstream_clip
from skelact.heads.labelled import Labelled
from skelact.heads.linear_probe import linear_probe, train_probe
from skelact.importing.run import import_recordings
from skelact.models import Model
from skelact.models.model import load_clips
from skelact.sequences.store import Store
from skelact.settings import DataSettings, LinearSettings, ProtocolSettings, Recipe, SCDNetEncoderSettings

RECIPE = Recipe(
    data=DataSettings(split="xview", frames=8),
    encoder=SCDNetEncoderSettings(graph_widths=(4, 8, 4), width=16, heads=2, graph_gain=1.0, dropout=0.1),
    protocols=ProtocolSettings(linear=LinearSettings(lr=0.5, batch=16, epochs=5, milestones=(2, 4))),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("golden") / "store"
    import_recordings(None, path, dataset="movers", clips=120, seed=0, processes=1)
    return Store(path)


def literal(
    model: Model, store: Store, settings: LinearSettings, seed: int
) -> tuple[list[np.ndarray], list[float]]:
    """Frozen encoder and linear layer in one module; every batch of every epoch goes through both."""
    rng = torch.Generator().manual_seed(seed)
    rows, tested = store.parts("xview")
    head = nn.Linear(model.dim, len(store.classes))
    with torch.no_grad():
        head.weight.normal_(0.0, 0.01, generator=rng)
        head.bias.zero_()
    model.encoder.eval().requires_grad_(False)

    def logits(part: np.ndarray) -> torch.Tensor:
        clips = load_clips(store, part, model.encoder.persons)
        scores: torch.Tensor = head(model.encoder.embed(downstream_clip(clips, model.recipe.data)))
        return scores

    optimizer = torch.optim.SGD(head.parameters(), lr=settings.lr, momentum=settings.momentum)
    seen, curve = [], []
    for epoch in range(settings.epochs):
        for group in optimizer.param_groups:
            group["lr"] = settings.lr * 0.1 ** sum(epoch >= milestone for milestone in settings.milestones)
        for places in torch.randperm(len(rows), generator=rng).split(settings.batch):
            part = rows[places.numpy()]
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(logits(part), torch.from_numpy(store.labels[part]))
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            seen.append(torch.cat([logits(tested[k : k + 16]) for k in range(0, len(tested), 16)]).numpy())
        curve.append(float((seen[-1].argmax(axis=1) == store.labels[tested]).mean()))
    return seen, curve


@pytest.mark.parametrize("seed", [0, 5])
def test_equals_running_the_frozen_encoder_in_every_epoch(store: Store, seed: int) -> None:
    model = Model.untrained(RECIPE, store, seed)
    expected, curve = literal(model, store, RECIPE.protocols.linear, seed)
    train, test = (
        Labelled(model.embed(store, rows), store.labels[rows], len(store.classes)) for rows in store.parts("xview")
    )
    logits: list[np.ndarray] = []
    train_probe(
        train,
        RECIPE.protocols.linear,
        seed,
        lambda _, probe: logits.append(probe.logits(probe.features(test.vectors))),
    )
    assert len(logits) == RECIPE.protocols.linear.epochs
    rounding = 1e-5 * max(np.abs(one).max() for one in expected)  # of sums of some hundred float32, in any order
    for ours, theirs in zip(logits, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=rounding)
    assert np.abs(logits[-1] - logits[0]).max() > 100 * rounding  # something was learnt in between
    own_curve = linear_probe(train, test, RECIPE.protocols.linear, seed).curve
    for own_share, share, scores in zip(own_curve, curve, expected, strict=True):
        best = np.sort(scores, axis=1)[:, -2:]
        tied = float((best[:, 1] - best[:, 0] < 2 * rounding).mean())  # rounding decides here
        assert tied < 0.1
        assert abs(own_share - share) <= tied

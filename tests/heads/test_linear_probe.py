"""The linear probe against gradient descent written out, and against scikit-learn."""

import dataclasses

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from skelact.errors import UserError
from skelact.heads.labelled import Labelled
from skelact.heads.linear_probe import linear_probe
from skelact.settings import LinearSettings

QUICK = LinearSettings(lr=0.5, batch=16, epochs=8, milestones=(4, 6))


def blobs(count: int, seed: int, classes: int = 3, width: int = 5, spread: float = 0.5) -> Labelled:
    """Classes at the corners of a simplex, with noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    vectors = np.eye(classes, width)[labels] + rng.normal(scale=spread, size=(count, width))
    return Labelled(vectors.astype(np.float32), labels, classes)


def literal(train: Labelled, test: Labelled, s: LinearSettings, seed: int) -> tuple[NDArray, list[float]]:
    """Softmax regression by hand in float64: gradients, momentum and learning rates written out."""
    rng = torch.Generator().manual_seed(seed)
    shape = (train.classes, train.vectors.shape[1])
    weight = (torch.randn(shape, generator=rng) * 0.01).numpy().astype(float)
    bias = np.zeros(train.classes)
    fast_weight, fast_bias = np.zeros_like(weight), np.zeros_like(bias)
    x, one_hot, curve = train.vectors.astype(float), np.eye(train.classes)[train.labels], []
    for epoch in range(s.epochs):
        lr = s.lr * 0.1 ** sum(epoch >= milestone for milestone in s.milestones)
        order = torch.randperm(len(train), generator=rng).numpy()
        for start in range(0, len(train), s.batch):
            rows = order[start : start + s.batch]
            logits = x[rows] @ weight.T + bias
            chance = np.exp(logits - logits.max(axis=1, keepdims=True))
            chance /= chance.sum(axis=1, keepdims=True)
            gap = (chance - one_hot[rows]) / len(rows)
            fast_weight = s.momentum * fast_weight + gap.T @ x[rows] + s.weight_decay * weight
            fast_bias = s.momentum * fast_bias + gap.sum(axis=0) + s.weight_decay * bias
            weight, bias = weight - lr * fast_weight, bias - lr * fast_bias
        scores = test.vectors.astype(float) @ weight.T + bias
        curve.append(float((scores.argmax(axis=1) == test.labels).mean()))
    return scores, curve


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize("seed", [0, 7])
def test_equals_gradient_descent_written_out(seed: int, weight_decay: float) -> None:
    settings = dataclasses.replace(QUICK, weight_decay=weight_decay)
    train, test = blobs(50, seed=1), blobs(40, seed=2)  # 50 is no multiple of 16: the last batch is short
    outcome = linear_probe(train, test, settings, seed)
    scores, curve = literal(train, test, settings, seed)
    np.testing.assert_allclose(outcome.scores, scores, rtol=0, atol=2e-5)
    assert list(outcome.curve) == curve
    assert outcome.predicted.tolist() == scores.argmax(axis=1).tolist()
    assert outcome.accuracy == curve[-1] == (outcome.predicted == test.labels).mean()


def test_converges_to_logistic_regression() -> None:
    train, test = blobs(300, seed=1), blobs(200, seed=2)
    settings = LinearSettings(lr=0.5, batch=300, epochs=600, milestones=())
    ours = linear_probe(train, test, settings, seed=0).scores.astype(float)
    other = LogisticRegression(C=np.inf, tol=1e-8).fit(train.vectors, train.labels)
    theirs = other.decision_function(test.vectors)
    np.testing.assert_allclose(ours - ours.mean(axis=1, keepdims=True), theirs, rtol=0, atol=2e-2)


def test_the_headline_is_the_last_epoch_and_the_best_has_its_own_name() -> None:
    train, test = blobs(60, seed=3, spread=1.5), blobs(60, seed=4, spread=1.5)
    outcome = linear_probe(train, test, dataclasses.replace(QUICK, lr=8.0, milestones=()), seed=0)
    assert outcome.accuracy == outcome.curve[-1]
    assert outcome.best_on_test == max(outcome.curve)
    assert outcome.best_on_test > outcome.accuracy  # this seed: the best epoch is not the last


def test_the_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    train, test = blobs(50, seed=1), blobs(40, seed=2)
    first, again, other = (linear_probe(train, test, QUICK, seed).scores for seed in (0, 0, 1))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_neither_reads_nor_moves_the_global_random_state() -> None:
    train, test = blobs(50, seed=1), blobs(40, seed=2)
    torch.manual_seed(3)
    first = linear_probe(train, test, QUICK, seed=0).scores
    state = torch.get_rng_state()
    torch.manual_seed(4)
    assert linear_probe(train, test, QUICK, seed=0).scores.tobytes() == first.tobytes()
    torch.manual_seed(3)
    assert torch.equal(torch.get_rng_state(), state)


def test_permuting_the_test_part_permutes_the_predictions() -> None:
    train, test = blobs(50, seed=1), blobs(40, seed=2)
    order = np.random.default_rng(0).permutation(40)
    shuffled = Labelled(test.vectors[order], test.labels[order], 3)
    straight, permuted = linear_probe(train, test, QUICK, 0), linear_probe(train, shuffled, QUICK, 0)
    assert permuted.predicted.tolist() == straight.predicted[order].tolist()
    assert permuted.curve == straight.curve


def test_shuffled_labels_give_chance() -> None:
    """Nothing of the test labels leaks into training: 4 classes, labels that say nothing."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(2000, 8)).astype(np.float32)
    labels = rng.integers(0, 4, 2000)
    train, test = Labelled(vectors[:1000], labels[:1000], 4), Labelled(vectors[1000:], labels[1000:], 4)
    assert abs(linear_probe(train, test, LinearSettings(epochs=20), 0).accuracy - 0.25) < 0.05


def test_the_papers_settings_are_stable_for_narrow_and_for_wide_features() -> None:
    for width, scale in ((16, 0.05), (16, 1.0), (4096, 1.0)):
        train, test = blobs(200, 1, width=width, spread=0.3), blobs(200, 2, width=width, spread=0.3)
        train = dataclasses.replace(train, vectors=train.vectors * np.float32(scale))
        test = dataclasses.replace(test, vectors=test.vectors * np.float32(scale))
        assert linear_probe(train, test, LinearSettings(), 0).accuracy > 0.6


def test_standardised_features_forget_scale_and_offset_of_the_training_part() -> None:
    train, test = blobs(50, seed=1), blobs(40, seed=2)
    settings = dataclasses.replace(QUICK, standardize=True)
    scale = np.array([1, 1000, 0.001, 3, 1], dtype=np.float32)
    moved = [Labelled(part.vectors * scale + 5 * scale, part.labels, 3) for part in (train, test)]
    straight, scaled = linear_probe(train, test, settings, 0), linear_probe(*moved, settings, 0)
    np.testing.assert_allclose(scaled.scores, straight.scores, rtol=0, atol=1e-3)
    mean, deviation = train.vectors.mean(axis=0), train.vectors.std(axis=0)
    by_hand = [Labelled((part.vectors - mean) / deviation, part.labels, 3) for part in (train, test)]
    np.testing.assert_allclose(linear_probe(*by_hand, QUICK, 0).scores, straight.scores, rtol=0, atol=1e-4)


def test_a_feature_that_never_changes_is_harmless_when_standardised() -> None:
    train, test = blobs(50, seed=1), blobs(40, seed=2)
    flat = [
        Labelled(np.concatenate([p.vectors, np.ones((len(p), 1), np.float32)], 1), p.labels, 3)
        for p in (train, test)
    ]
    outcome = linear_probe(*flat, dataclasses.replace(QUICK, standardize=True), 0)
    assert np.isfinite(outcome.scores).all()


def test_progress_is_told_epoch_by_epoch() -> None:
    reported: list[tuple[int, int]] = []
    linear_probe(blobs(20, 1), blobs(20, 2), QUICK, 0, lambda *step: reported.append(step))
    assert reported == [(epoch, 8) for epoch in range(1, 9)]


def test_what_cannot_be_probed_is_refused() -> None:
    train, test = blobs(20, 1), blobs(20, 2)
    with pytest.raises(UserError) as error:
        linear_probe(train, test, dataclasses.replace(QUICK, epochs=0), 0)
    assert str(error.value) == (
        "the linear probe needs at least 1 epoch and 1 clip a batch, got linear.epochs = 0 and linear.batch = 16"
    )
    with pytest.raises(UserError, match=r"^training vectors are 5 wide, test vectors 4$"):
        linear_probe(train, Labelled(test.vectors[:, :4], test.labels, 3), QUICK, 0)
    with pytest.raises(UserError) as error:
        linear_probe(train, test, dataclasses.replace(QUICK, lr=1e30, weight_decay=1.0), 0)
    assert str(error.value) == "the linear probe diverged at learning rate 1e+30; try --set linear.lr=0.1"

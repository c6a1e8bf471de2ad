"""Few-shot against a literal loop, and where the answer is known."""

import numpy as np
import pytest

from skelact.errors import UserError
from skelact.heads.class_means import draw_per_class, few_shot
from skelact.heads.labelled import Labelled
from skelact.heads.nearest_neighbours import knn
from skelact.settings import KnnSettings


def blobs(count: int, seed: int, spread: float = 0.6, classes: int = 3) -> Labelled:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    vectors = np.eye(classes, 5)[labels] + rng.normal(scale=spread, size=(count, 5))
    return Labelled(vectors.astype(np.float32), labels, classes)


def names(count: int) -> list[str]:
    return [f"clip-{k:03d}" for k in np.random.default_rng(9).permutation(count)]


@pytest.mark.parametrize("shots", [1, 2, 5])
def test_equals_a_loop_over_episodes_classes_and_clips(shots: int) -> None:
    train, test = blobs(40, 1), blobs(30, 2)
    outcome = few_shot(train, test, names(40), shots, episodes=7, seed=3)
    by_name = np.argsort(names(40))
    values = []
    for episode in range(7):
        keys = np.empty(40)
        keys[by_name] = np.random.default_rng((3, episode)).random(40)
        means = []
        for label in range(3):
            mine = sorted(np.flatnonzero(train.labels == label), key=lambda k: keys[k])[:shots]
            means.append(sum(train.vectors[k] / np.linalg.norm(train.vectors[k]) for k in mine))
        cosine = [[v @ m / np.linalg.norm(m) for m in means] for v in test.vectors]
        values.append(float((np.argmax(cosine, axis=1) == test.labels).mean()))
    assert outcome.accuracy == pytest.approx(np.mean(values))
    assert outcome.measures["deviation_over_episodes"] == pytest.approx(np.std(values, ddof=1))
    assert outcome.episodes is not None
    assert outcome.episodes.shape == (7, 30)
    assert outcome.predicted.tolist() == outcome.episodes[0].tolist() == outcome.scores.argmax(axis=1).tolist()


def test_one_shot_is_the_nearest_neighbour_among_the_drawn() -> None:
    train, test = blobs(3, 1), blobs(40, 2)
    train = Labelled(train.vectors, np.arange(3), 3)  # one clip a class: nothing to draw
    outcome = few_shot(train, test, names(3), 1, episodes=2, seed=0)
    assert outcome.predicted.tolist() == knn(train, test, KnnSettings()).predicted.tolist()
    assert outcome.measures["deviation_over_episodes"] == 0


def test_clips_of_one_direction_are_always_right() -> None:
    train = Labelled(np.repeat(np.eye(4, dtype=np.float32), 6, axis=0), np.repeat(np.arange(4), 6), 4)
    scaled = Labelled(train.vectors * np.float32(7), train.labels, 4)
    assert few_shot(train, scaled, names(24), 5, 20, 0).accuracy == 1


def test_the_order_of_the_clips_and_scale_do_not_matter() -> None:
    train, test = blobs(40, 1), blobs(30, 2)
    order = np.random.default_rng(0).permutation(40)
    straight = few_shot(train, test, names(40), 2, 5, 1)
    moved = few_shot(
        Labelled(train.vectors[order] * np.float32(4), train.labels[order], 3),
        test,
        [names(40)[k] for k in order],
        2,
        5,
        1,
    )
    assert moved.episodes is not None
    assert straight.episodes is not None
    assert moved.episodes.tolist() == straight.episodes.tolist()


def test_seeds_draw_for_themselves_and_the_same_seed_the_same() -> None:
    train, test = blobs(40, 1), blobs(30, 2)
    first, again, other = (few_shot(train, test, names(40), 1, 5, seed) for seed in (0, 0, 1))
    assert first.scores.tobytes() == again.scores.tobytes()
    assert first.scores.tobytes() != other.scores.tobytes()


def test_a_class_without_a_training_clip_is_never_said() -> None:
    train = Labelled(-np.eye(2, 4, dtype=np.float32), np.array([0, 2]), 3)
    test = Labelled(np.eye(2, 4, dtype=np.float32), np.array([1, 1]), 3)  # cosine to what is known: -1 and 0
    assert set(few_shot(train, test, names(2), 5, 1, 0).predicted.tolist()) <= {0, 2}


def test_every_clip_is_drawn_as_often_as_any_other() -> None:
    labels = np.repeat([0, 1], [10, 5])
    drawn = np.concatenate([draw_per_class(labels, np.random.default_rng(k).random(15), 2) for k in range(2000)])
    counts = np.bincount(drawn)
    assert abs(counts[:10] / 2000 - 0.2).max() < 0.04
    assert abs(counts[10:] / 2000 - 0.4).max() < 0.05


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(UserError) as error:
        few_shot(blobs(9, 1), blobs(9, 2), names(9), 0, 5, 0)
    assert str(error.value) == (
        "few-shot needs at least 1 clip a class and 1 episode, got few_shot.shots = 0 and few_shot.episodes = 5"
    )

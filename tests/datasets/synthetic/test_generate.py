"""Generated recordings: the same for the same seed, as noisy as asked, people as they should be."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from skelact.datasets import get_dataset
from skelact.datasets.synthetic import make_movers
from skelact.datasets.synthetic.actions import ACTIONS
from skelact.datasets.synthetic.noise import jitter, lost, smooth
from skelact.datasets.synthetic.people import make_person
from skelact.errors import UserError
from skelact.sequences import Sequence
from skelact.skeletons import KINECT20, NTU25, SKELETONS, Skeleton

every_layout = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
MOVERS = get_dataset("movers")
PAIRS = {a.name for a in ACTIONS if len(a.scripts) == 2}


@pytest.fixture(scope="module")
def clean() -> list[Sequence]:
    """400 clips without any noise."""
    return list(make_movers(400, seed=5, noise=0.0, missing=0.0))


def same(a: Sequence, b: Sequence) -> bool:
    return (
        a.positions.tobytes() == b.positions.tobytes()
        and (a.name, a.label, dict(a.tags)) == (b.name, b.label, dict(b.tags))
        and a.positions.shape == b.positions.shape
    )


def right_of(sequence: Sequence) -> np.ndarray:
    """(T, M, 3) from the left hip to the right hip."""
    index = sequence.skeleton.index
    return sequence.positions[:, :, index("right_hip")] - sequence.positions[:, :, index("left_hip")]


def test_the_same_seed_gives_the_same_bits() -> None:
    for a, b in zip(make_movers(40, seed=3), make_movers(40, seed=3), strict=True):
        assert same(a, b)


def test_a_clip_does_not_depend_on_how_many_are_asked_for() -> None:
    few, many = list(make_movers(25, seed=3)), list(islice(make_movers(10_000, seed=3), 25))
    assert all(same(a, b) for a, b in zip(few, many, strict=True))


def test_another_seed_gives_other_people_and_clips() -> None:
    assert not any(same(a, b) for a, b in zip(make_movers(20, seed=0), make_movers(20, seed=1), strict=True))
    assert make_person(1, seed=0).height != make_person(1, seed=1).height


@every_layout
def test_every_skeleton_works(skeleton: Skeleton) -> None:
    for sequence in make_movers(20, seed=0, skeleton=skeleton):
        assert sequence.skeleton is skeleton
        assert sequence.persons == (2 if sequence.label in PAIRS else 1)
        assert (sequence.fps, sequence.unit, sequence.up) == (30.0, "m", "+y")
        assert 8 <= sequence.frames <= 400


def test_labels_take_turns_and_names_are_unique(clean: list[Sequence]) -> None:
    assert [s.label for s in clean[:20]] == list(MOVERS.classes)
    assert [s.label for s in clean[20:40]] == list(MOVERS.classes)
    assert clean[17].name == "mover-000017"
    assert len({s.name for s in clean}) == len(clean)


def test_tags_name_person_and_camera(clean: list[Sequence]) -> None:
    assert {s.tags["subject"] for s in clean} == set(range(1, 21))
    assert {s.tags["camera"] for s in clean} == {1, 2, 3}
    assert {s.tags["setup"] for s in clean} == {1, 2, 3, 4}
    for sequence in clean:
        partner = int(sequence.tags["partner"])
        assert (partner > 0) == (sequence.label in PAIRS)
        if partner:
            assert partner != sequence.tags["subject"]
            assert partner % 2 == int(sequence.tags["subject"]) % 2  # of the same half


def test_without_noise_bones_keep_their_length(clean: list[Sequence]) -> None:
    child, parent = np.array(KINECT20.bones).T
    for sequence in clean[:40]:
        bones = sequence.positions[:, :, child] - sequence.positions[:, :, parent]
        assert np.ptp(np.linalg.norm(bones, axis=-1), axis=0).max() < 1e-5


def test_a_subject_has_one_body(clean: list[Sequence]) -> None:
    child, parent = np.array(KINECT20.bones).T
    lengths: dict[object, list[np.ndarray]] = {}
    for sequence in clean:
        if sequence.persons == 1:
            bones = sequence.positions[0, 0, child] - sequence.positions[0, 0, parent]
            lengths.setdefault(sequence.tags["subject"], []).append(np.linalg.norm(bones, axis=-1))
    assert all(np.ptp(own, axis=0).max() < 1e-5 for own in map(np.array, lengths.values()))
    thighs = [own[0][16] for own in lengths.values()]
    assert np.std(thighs) > 0.01


def test_people_stand_before_the_camera(clean: list[Sequence]) -> None:
    places = np.concatenate([s.positions[:, :, KINECT20.centre].reshape(-1, 3) for s in clean])
    assert np.quantile(places[:, 2], 0.01) > 2.0
    assert np.quantile(places[:, 2], 0.99) < 4.5
    assert np.abs(places[:, 0].mean()) < 0.1
    assert all((s.positions[..., 2] > 1.0).all() for s in clean)


def test_heads_are_above_feet(clean: list[Sequence]) -> None:
    head, foot = KINECT20.index("head"), KINECT20.index("left_foot")
    for sequence in clean:
        first = sequence.positions[0, 0]
        if sequence.label not in ("kick", "jump"):
            assert first[head, 1] - first[foot, 1] > 0.8


def test_two_persons_face_each_other(clean: list[Sequence]) -> None:
    pairs = [s for s in clean if s.persons == 2]
    assert len(pairs) == 100
    for sequence in pairs:
        place = sequence.positions[:, :, KINECT20.centre].mean(axis=0)
        right = right_of(sequence).mean(axis=0)
        for me, other in ((0, 1), (1, 0)):
            facing = np.cross([0.0, 1.0, 0.0], right[me])
            towards = place[other] - place[me]
            cosine = facing @ towards / np.linalg.norm(facing) / np.linalg.norm(towards)
            assert cosine > 0.6, sequence.label


def test_approaching_brings_people_together_and_departing_apart(clean: list[Sequence]) -> None:
    for sequence in clean:
        if sequence.label in ("approach", "depart"):
            place = sequence.positions[:, :, KINECT20.centre]
            gap = np.linalg.norm(place[:, 0] - place[:, 1], axis=-1)
            assert (gap[-1] - gap[0] < -1.0) == (sequence.label == "approach")
            assert (gap[-1] - gap[0] > 1.0) == (sequence.label == "depart")


def test_cameras_stand_around_the_people(clean: list[Sequence]) -> None:
    """Of people alone who do not walk: camera 1 sees the front, 2 and 3 stand 45 degrees to the sides."""
    seen: dict[object, list[float]] = {1: [], 2: [], 3: []}
    for sequence in clean:
        if sequence.persons == 1 and sequence.label != "walk":
            right = right_of(sequence)[:, 0].mean(axis=0)
            seen[sequence.tags["camera"]].append(np.degrees(np.arctan2(-right[2], right[0])))
    assert np.mean(seen[1]) == pytest.approx(0.0, abs=12.0)
    assert np.mean(seen[2]) == pytest.approx(-45.0, abs=12.0)
    assert np.mean(seen[3]) == pytest.approx(45.0, abs=12.0)


@pytest.mark.parametrize("share", [0.02, 0.2])
def test_as_many_joints_are_missing_as_asked(share: float) -> None:
    missing = [~s.valid for s in make_movers(300, seed=2, missing=share)]
    total = sum(m.sum() for m in missing) / sum(m.size for m in missing)
    assert total == pytest.approx(share, rel=0.12)
    frames = sum(m.all(axis=-1).sum() for m in missing) / sum(m[..., 0].size for m in missing)
    assert frames == pytest.approx(share / 4, rel=0.4)


def test_nothing_is_missing_unless_asked(clean: list[Sequence]) -> None:
    assert all(s.valid.all() for s in clean)


def test_noise_is_as_large_as_asked() -> None:
    quiet = make_movers(60, seed=1, noise=0.0, missing=0.0)
    noisy = make_movers(60, seed=1, noise=0.02, missing=0.0)
    error = [(a.positions - b.positions).ravel() for a, b in zip(noisy, quiet, strict=True)]
    assert np.concatenate(error).std() == pytest.approx(0.02, rel=0.03)


def test_jitter_is_half_slow() -> None:
    error = jitter(np.random.default_rng(0), 2000, 30, 0.01).reshape(2000, -1)
    assert error.std() == pytest.approx(0.01, rel=0.02)
    # Independent errors would differ by sqrt(2) of their size from frame to frame; slow ones by nearly nothing.
    step = np.diff(error, axis=0).std() / error.std()
    assert step == pytest.approx(np.sqrt(0.5 * 2.0 + 0.5 * 2.0 / 12.0), rel=0.03)


def test_smooth_numbers_are_standard_normal() -> None:
    values = smooth(np.random.default_rng(0), (4000, 200), width=10)
    assert values.mean() == pytest.approx(0.0, abs=0.02)
    assert values.std() == pytest.approx(1.0, rel=0.02)


def test_joints_are_lost_in_bursts() -> None:
    gone = lost(np.random.default_rng(0), 20_000, 40, 0.1)
    assert gone.mean() == pytest.approx(0.1, rel=0.05)
    bursts = (gone[1:] & ~gone[:-1]).sum()
    assert gone.sum() / bursts > 2.0  # frames a burst; 1.1 if frames were independent


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"clips": -1}, "movers: clips is -1, expected 0 or more"),
        ({"subjects": 3}, "movers: subjects is 3, expected at least 4, two in each half"),
        ({"cameras": 6}, "movers: cameras is 6, expected 1 to 5"),
        ({"cameras": 0}, "movers: cameras is 0, expected 1 to 5"),
        ({"noise": -0.1}, "movers: noise is -0.1, expected metres, 0 or more"),
        ({"noise": float("nan")}, "movers: noise is nan, expected metres, 0 or more"),
        ({"missing": 1.0}, "movers: missing is 1.0, expected a share from 0 to below 1"),
        ({"seed": -1}, "movers: seed is -1, expected 0 or more"),
    ],
)
def test_numbers_out_of_range_are_refused_at_once(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(UserError) as error:
        make_movers(**{"clips": 1, "seed": 0, **arguments})  # type: ignore[arg-type]
    assert str(error.value) == message


def test_splits() -> None:
    assert MOVERS.skeleton is KINECT20
    assert list(MOVERS.splits) == ["xsub", "xview"]
    tags = [{"subject": subject, "camera": camera} for subject in (1, 2) for camera in (1, 2, 3)]
    assert [MOVERS.splits["xsub"](t) for t in tags] == ["train"] * 3 + ["test"] * 3
    assert [MOVERS.splits["xview"](t) for t in tags] == ["train", "train", "test"] * 2


@pytest.mark.parametrize("use", [MOVERS.find, MOVERS.read])
def test_there_is_no_folder_of_movers(use: object, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        use(tmp_path)  # type: ignore[operator]
    assert str(error.value) == (
        f"movers are generated, there is nothing to read from {tmp_path}. "
        "Leave the source out: skelact import --dataset movers"
    )


@pytest.mark.slow
def test_raw_coordinates_are_above_chance_and_far_from_perfect() -> None:
    """Otherwise nothing could be learnt from movers, or nothing needed to be."""
    clips = list(make_movers(1000, seed=0, skeleton=NTU25))
    vectors = np.stack([_vector(s) for s in clips])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    train = np.array([MOVERS.splits["xsub"](s.tags) == "train" for s in clips])
    labels = np.array([s.label for s in clips])
    nearest = (vectors[~train] @ vectors[train].T).argmax(axis=1)
    accuracy = (labels[train][nearest] == labels[~train]).mean()
    assert 0.4 < accuracy < 0.9


def _vector(sequence: Sequence, frames: int = 32) -> np.ndarray:
    """Root-centred coordinates of 32 frames and two persons, gaps filled from frame to frame."""
    positions = sequence.positions.reshape(sequence.frames, -1)
    at = np.linspace(0, sequence.frames - 1, frames)
    kept = np.zeros((frames, 2, len(sequence.skeleton), 3))
    for column in range(positions.shape[1]):
        there = np.flatnonzero(~np.isnan(positions[:, column]))
        person, joint, axis = np.unravel_index(column, sequence.positions.shape[1:])
        if len(there):
            kept[:, person, joint, axis] = np.interp(at, there, positions[there, column])
    kept[:, : sequence.persons] -= kept[:, :1, sequence.skeleton.centre][:, :, None].mean(axis=0)
    return kept.ravel()

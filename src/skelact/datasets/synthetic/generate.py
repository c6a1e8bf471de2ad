"""make_movers: labelled recordings of people who move, from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from skelact.datasets.synthetic.actions import ACTIONS, Action, keys_of
from skelact.datasets.synthetic.body import Array, Body, rest_body, turned
from skelact.datasets.synthetic.motion import FPS, perform
from skelact.datasets.synthetic.noise import jitter, lost
from skelact.datasets.synthetic.people import Person, make_person, make_style
from skelact.errors import UserError
from skelact.sequences import Sequence
from skelact.skeletons import KINECT20, Skeleton

# Where each camera stands around the people, degrees; 0 is in front of them.
CAMERAS = (0.0, -45.0, 45.0, -90.0, 90.0)
# Each set-up of the cameras: height above the floor, distance from the people, metres; tilt down, degrees.
SETUPS = ((1.0, 3.0, 2.0), (1.3, 3.3, 7.0), (1.7, 3.1, 13.0), (0.7, 3.4, -3.0))


@dataclass(frozen=True)
class _Plan:
    """What all clips have in common."""

    subjects: int
    cameras: int
    noise: float
    missing: float


def make_movers(
    clips: int,
    seed: int,
    skeleton: Skeleton = KINECT20,
    subjects: int = 20,
    cameras: int = 3,
    noise: float = 0.015,
    missing: float = 0.02,
    first: int = 0,
) -> Iterator[Sequence]:
    """Recordings of people who move, as a depth camera would give them.

    Clip i depends on the seed and i alone, not on the number of clips. Actions take turns; subjects and
    cameras are drawn. In a clip of two persons both are of the same half of the subjects.

    Convention: camera coordinates, metres: the camera looks along +z, +y is up, the right side of a person who
    faces the camera is at +x.

    Args:
        clips: how many.
        seed: of all draws.
        skeleton: any whose joints have names that ``body`` knows.
        subjects: number of people, at least 2; subject tags are 1, 2, ...
        cameras: number of cameras, tags 1, 2, ...
        noise: standard deviation of the error of each coordinate, metres.
        missing: expected share of joints that are not observed.
        first: number of the first clip to make; so several processes can share the work.

    Returns:
        Sequences with label and the tags subject, partner (0 when alone), camera, setup; 30 frames a second.

    Raises:
        UserError: a number out of its range, or a skeleton with joints that cannot be placed.
    """
    _check(clips, seed, subjects, cameras, noise, missing)
    people = _People(seed, skeleton)
    rest_body(skeleton)  # an unknown joint is an error now, not at the first clip
    plan = _Plan(subjects, cameras, noise, missing)
    return (_clip(index, people, plan) for index in range(first, clips))


def _check(clips: int, seed: int, subjects: int, cameras: int, noise: float, missing: float) -> None:
    if clips < 0:
        raise UserError(f"movers: clips is {clips}, expected 0 or more")
    if seed < 0:
        raise UserError(f"movers: seed is {seed}, expected 0 or more")
    if subjects < 4:
        raise UserError(f"movers: subjects is {subjects}, expected at least 4, two in each half")
    if not 1 <= cameras <= len(CAMERAS):
        raise UserError(f"movers: cameras is {cameras}, expected 1 to {len(CAMERAS)}")
    if not (np.isfinite(noise) and noise >= 0.0):
        raise UserError(f"movers: noise is {noise}, expected metres, 0 or more")
    if not 0.0 <= missing < 1.0:
        raise UserError(f"movers: missing is {missing}, expected a share from 0 to below 1")


class _People:
    """The subjects of one seed and their bodies, each made once."""

    def __init__(self, seed: int, skeleton: Skeleton) -> None:
        self.seed = seed
        self.skeleton = skeleton
        self._known: dict[int, tuple[Person, Body]] = {}

    def __getitem__(self, number: int) -> tuple[Person, Body]:
        if number not in self._known:
            person = make_person(number, self.seed)
            self._known[number] = (person, person.body(self.skeleton))
        return self._known[number]


def _clip(index: int, people: _People, plan: _Plan) -> Sequence:
    rng = np.random.default_rng([people.seed, 1, index])
    action = ACTIONS[index % len(ACTIONS)]
    subject = int(rng.integers(1, plan.subjects + 1))
    numbers = [subject]
    if len(action.scripts) == 2:
        numbers.append(_partner(subject, plan.subjects, rng))
    camera, setup = int(rng.integers(plan.cameras)), int(rng.integers(len(SETUPS)))

    moments = _moments(action, people[subject][0].pace, rng)
    places = _act(action, [people[n] for n in numbers], moments, rng)
    seen = _seen(places, camera, setup, rng)
    for person in range(seen.shape[1]):
        seen[:, person] += jitter(rng, len(moments), len(people.skeleton), plan.noise)
        seen[:, person][lost(rng, len(moments), len(people.skeleton), plan.missing)] = np.nan
    if rng.random() < 0.5:  # a camera does not know who acts and who reacts
        seen = seen[:, ::-1]
    return Sequence(
        positions=seen.astype(np.float32),
        skeleton=people.skeleton,
        fps=FPS,
        name=f"mover-{index:06d}",
        label=action.name,
        tags={
            "subject": subject,
            "partner": numbers[1] if len(numbers) == 2 else 0,
            "camera": camera + 1,
            "setup": setup + 1,
        },
        unit="m",
        up="+y",
    )


def _partner(subject: int, subjects: int, rng: np.random.Generator) -> int:
    """Another subject of the same half, so that no test subject is seen in training."""
    others = [n for n in range(1, subjects + 1) if n != subject and n % 2 == subject % 2]
    return int(rng.choice(others))


def _moments(action: Action, pace: float, rng: np.random.Generator) -> Array:
    """(T,) share of the action's time at each frame: cut before, in or after it, played faster and slower."""
    early, late = (0.15, 0.0) if action.steady else (0.08, -0.7)
    start, end = rng.uniform(late, early), 1.0 - rng.uniform(late, early)
    seconds = action.seconds / (pace * np.exp(rng.normal(0.0, 0.15)))
    frames = max(8, round((end - start) * seconds * FPS))
    moments = np.linspace(start, end, frames)
    if action.steady:
        return moments
    hurry = rng.uniform(-0.5, 0.5)
    inside = np.clip(moments, 0.0, 1.0)
    moments += hurry * np.sin(2.0 * np.pi * inside) / (2.0 * np.pi)
    return moments


def _act(action: Action, cast: list[tuple[Person, Body]], moments: Array, rng: np.random.Generator) -> Array:
    """(T, M, V, 3) people on the floor y = 0, around the origin, facing -z when alone."""
    heading = rng.normal(0.0, np.radians(30.0))
    if len(cast) == 2:
        heading += np.pi / 2 if rng.random() < 0.5 else -np.pi / 2
    elif action.steady:  # a walk may go anywhere
        heading = rng.uniform(-np.pi, np.pi)
    gap = action.gap * (1.0 + rng.normal(0.0, 0.06))
    places = []
    for role, (person, body) in enumerate(cast):
        style = make_style(person, len(moments), action.arms_only, rng)
        moved = perform(body, keys_of(action, role), moments, style, action.steady)
        moved[..., 2] += gap / 2 if len(cast) == 2 else 0.0
        places.append(turned(moved, heading + np.pi * role))
    together = np.stack(places, axis=1)
    together[..., ::2] -= together[..., ::2].mean(axis=(0, 1, 2))
    return together


def _seen(places: Array, camera: int, setup: int, rng: np.random.Generator) -> Array:
    """(T, M, V, 3) the people in the coordinates of a camera."""
    height, distance, tilt = SETUPS[setup]
    around = np.radians(CAMERAS[camera] + rng.normal(0.0, 4.0))
    down = np.radians(tilt + rng.normal(0.0, 2.0))
    seen = turned(places, around)
    seen += [rng.normal(0.0, 0.2), -height - rng.normal(0.0, 0.05), distance + rng.normal(0.0, 0.15)]
    c, s = np.cos(down), np.sin(down)
    tilted: Array = seen @ np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    return tilted

"""Pictures: what is drawn where, in which colour, and what is left out."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from skelact.errors import UserError
from skelact.sequences import Segment, Sequence
from skelact.sequences.picture import COLOURS, draw_pose, film, on_paper, poses
from skelact.skeletons import KINECT20, NTU25, SKELETONS, Skeleton


def standing(frames: int = 10, persons: int = 1, skeleton: Skeleton = KINECT20, fps: float = 30.0) -> Sequence:
    """People side by side at rest, who rise by a centimetre a frame."""
    positions = np.tile(skeleton.rest, (frames, persons, 1, 1))
    positions[..., 0] -= np.arange(persons)[:, None]
    positions[..., 1] += 0.01 * np.arange(frames)[:, None, None]
    return Sequence(positions, skeleton, fps, name="rest", label="stand")


def without(sequence: Sequence, joint: str) -> Sequence:
    positions = sequence.positions.copy()
    positions[:, :, sequence.skeleton.index(joint)] = np.nan
    return Sequence(positions, sequence.skeleton, sequence.fps, name=sequence.name)


def drawn(axes: Axes, marker: str) -> dict[str, np.ndarray]:
    """Colour -> (points, 2) of all lines with this marker, pen lifts and missing joints left out."""
    found: dict[str, list[np.ndarray]] = {}
    for line in axes.lines:
        if line.get_marker() == marker:
            points = np.array(line.get_xydata(), dtype=float)
            found.setdefault(to_hex(line.get_color()).upper(), []).append(points[~np.isnan(points[:, 0])])
    return {colour: np.concatenate(points) for colour, points in found.items()}


@pytest.mark.parametrize(
    ("place", "up", "expected"),
    [
        # The camera looks along +z, +y is up: a right hand at +x is on our left.
        ((1.0, 2.0, 3.0), "+y", (-1.0, 2.0)),
        # +y down, as in images: x runs to the right.
        ((1.0, 2.0, 3.0), "-y", (1.0, -2.0)),
        # +z up and the right side at +x: the person faces +y, we look along -y.
        ((1.0, 2.0, 3.0), "+z", (-1.0, 3.0)),
        ((1.0, 2.0), "+y", (1.0, 2.0)),
        ((1.0, 2.0), "-y", (1.0, -2.0)),
    ],
)
def test_places_on_paper(place: tuple[float, ...], up: str, expected: tuple[float, float]) -> None:
    np.testing.assert_allclose(on_paper(np.array(place), up), expected)


def test_one_pose_has_every_joint_once_and_every_bone() -> None:
    axes = Figure().add_subplot()
    draw_pose(axes, KINECT20.rest[None], KINECT20)
    dots, lines = drawn(axes, "o"), drawn(axes, "None")
    assert sum(map(len, dots.values())) == 20 + 1  # the head has its own dot on top
    assert sum(map(len, lines.values())) == 2 * len(KINECT20.bones)
    assert axes.get_aspect() == 1.0


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_right_limbs_of_who_faces_us_are_on_the_left(skeleton: Skeleton) -> None:
    axes = Figure().add_subplot()
    draw_pose(axes, skeleton.rest[None], skeleton, up="+y")
    for marker in ("o", "None"):
        points = drawn(axes, marker)
        assert points[COLOURS["right"]][:, 0].mean() < -0.1
        assert points[COLOURS["left"]][:, 0].mean() > 0.1
        middle = points.get(COLOURS[""], np.zeros((0, 2)))  # COCO has no bone in the middle
        assert abs(middle[:, 0]).max(initial=0) == 0.0


def test_a_missing_joint_and_its_bones_are_absent() -> None:
    axes = Figure().add_subplot()
    draw_pose(axes, without(standing(), "left_elbow").positions[0], KINECT20)
    assert len(drawn(axes, "o")[COLOURS["left"]]) == 8 - 1
    every = drawn(axes, "None")[COLOURS["left"]]
    lines = [line for line in axes.lines if line.get_marker() == "None" and line.get_color() == COLOURS["left"]]
    bones = np.array(lines[0].get_xydata()).reshape(-1, 3, 2)[:, :2]
    assert np.isnan(bones[:, :, 0]).any(axis=1).sum() == 2  # to the shoulder and to the wrist
    assert len(every) == 2 * 8 - 2


def test_no_head_is_invented() -> None:
    axes = Figure().add_subplot()
    draw_pose(axes, without(standing(), "head").positions[0], KINECT20)
    assert sum(map(len, drawn(axes, "o").values())) == 19
    headless = Skeleton(
        "legs", ("left_hip", "left_knee"), (0, 0), {"leg": (0, 1)}, 0, "+y", "m", np.eye(2, 3, dtype=np.float32)
    )
    axes = Figure().add_subplot()
    draw_pose(axes, headless.rest[None], headless)
    assert sum(map(len, drawn(axes, "o").values())) == 2


def test_the_second_person_has_open_joints() -> None:
    axes = Figure().add_subplot()
    draw_pose(axes, standing(persons=2).positions[0], KINECT20)
    fills = {
        line.get_markerfacecolor()
        for line in axes.lines
        if line.get_marker() == "o" and line.get_xdata().mean() > 0.5
    }
    assert fills == {"white"}


@pytest.mark.parametrize(("count", "frames", "expected"), [(6, 60, 6), (1, 60, 1), (6, 4, 4), (6, 1, 1)])
def test_a_strip_has_so_many_poses(count: int, frames: int, expected: int) -> None:
    figure = poses(standing(frames), count)
    (axes,) = figure.axes
    assert len(axes.texts) == expected
    assert axes.texts[0].get_text() == "0.0 s"
    if expected > 1:
        assert axes.texts[-1].get_text() == f"{(frames - 1) / 30:.1f} s"
    assert axes.get_title() == "rest: stand"
    assert axes.get_aspect() == 1.0


def test_labels_of_a_strip_do_not_run_into_each_other() -> None:
    """As drawn: long labels below narrow poses, and all of them inside the picture."""
    label = "use a fan (with hand or paper)/feeling warm"
    one = replace(standing(frames=60), label=None, segments=(Segment(0, 60, label),))
    figure = poses(one, 5)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in figure.axes[0].texts]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert all(box.y0 >= 0 and box.x0 >= 0 and box.x1 <= figure.bbox.width for box in boxes)
    assert figure.axes[0].texts[0].get_text().split("\n")[0] == "0.0 s"
    heads = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_markersize() == 7.0]
    places = [text.get_position()[0] for text in figure.axes[0].texts]
    np.testing.assert_allclose(heads, places, atol=0.05)  # who stands is in the middle above the label


def test_poses_of_a_strip_do_not_overlap() -> None:
    (axes,) = poses(standing(frames=60, persons=2), count=4).axes
    heads = [line for line in axes.lines if line.get_markersize() == 7.0]
    assert len(heads) == 8
    x = [float(line.get_xdata()[0]) for line in heads]
    assert x == sorted(x)
    low, high = axes.get_xlim()
    assert all(low < value < high for value in x)


def test_frames_without_a_person_leave_a_gap() -> None:
    positions = standing(frames=3).positions.copy()
    positions[1] = np.nan
    (axes,) = poses(Sequence(positions, KINECT20, 30.0), count=3).axes
    assert len(axes.texts) == 3
    assert len(drawn(axes, "o")[COLOURS["left"]]) == 2 * 8


def test_two_dimensions(tmp_path: Path) -> None:
    flat = Sequence(standing(frames=5).positions[..., :2] * 100, KINECT20, 25.0, unit="px", up="-y")
    poses(flat, 3).savefig(tmp_path / "flat.png")
    film(flat, tmp_path / "flat.gif")
    with Image.open(tmp_path / "flat.png") as picture:
        assert picture.size[0] > 100


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_strips_can_be_saved(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"strip.{ending}"
    poses(standing(), 2).savefig(path)
    assert path.stat().st_size > 1000


@pytest.mark.parametrize(
    ("fps", "frames", "pictures", "milliseconds"), [(30.0, 20, 20, 30), (120.0, 40, 10, 30), (10.0, 5, 5, 100)]
)
def test_a_film_runs_in_real_time(
    fps: float, frames: int, pictures: int, milliseconds: int, tmp_path: Path
) -> None:
    path = tmp_path / "film.gif"
    film(standing(frames, fps=fps), path, height=100)
    with Image.open(path) as image:
        assert (image.n_frames, image.info["duration"], image.info["loop"]) == (pictures, milliseconds, 0)
        assert image.size[1] == 100


def test_a_film_shows_its_colours_where_the_limbs_are(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    film(without(standing(4, skeleton=NTU25), "left_knee"), path, height=200)
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    blue = (pixels[..., 2] - pixels[..., 0]) > 80
    orange = (pixels[..., 0] - pixels[..., 2]) > 80
    assert np.flatnonzero(orange.any(axis=0)).max() < np.flatnonzero(blue.any(axis=0)).min()
    # The knee is gone: nothing blue is drawn half-way between hip and ankle, but something orange is.
    middle = slice(int(0.62 * 200), int(0.70 * 200))
    assert orange[middle].any()
    assert not blue[middle].any()


def test_a_film_is_a_gif(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        film(standing(), tmp_path / "film.mp4")
    assert str(error.value) == f"an animation is a .gif file, got {tmp_path / 'film.mp4'}"


def test_no_poses_are_refused() -> None:
    with pytest.raises(UserError, match=r"^poses: count is 0, expected 1 or more$"):
        poses(standing(), 0)


def test_a_recording_without_observed_joints_is_refused(tmp_path: Path) -> None:
    empty = Sequence(np.full((3, 1, 20, 3), np.nan, dtype=np.float32), KINECT20, 30.0, name="dark")
    message = r"^sequence 'dark' has no observed joint, there is nothing to draw$"
    with pytest.raises(UserError, match=message):
        poses(empty)
    with pytest.raises(UserError, match=message):
        film(empty, tmp_path / "dark.gif")


def test_pyplot_is_never_loaded(tmp_path: Path) -> None:
    script = (
        "import sys; from skelact.sequences import Sequence; from skelact.skeletons import KINECT20;"
        "from skelact.sequences.picture import poses; before = 'matplotlib' in sys.modules;"
        "poses(Sequence(KINECT20.rest[None, None], KINECT20, 30)).savefig(sys.argv[1]);"
        "print(before, 'matplotlib.pyplot' in sys.modules)"
    )
    words = [sys.executable, "-c", script, str(tmp_path / "rest.png")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"

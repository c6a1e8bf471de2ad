"""Pictures: what is drawn lies where the numbers say, and texts cannot break the page."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.report import figures
from skelact.skeletons import KINECT20, SBU15


def parse(html: str) -> ElementTree.Element:
    """The picture; fails where it is not well-formed."""
    picture = ElementTree.fromstring(f"<p>{html}</p>").find("div/svg")
    assert picture is not None
    return picture


def texts(picture: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in picture.iter("text")]


def test_a_line_runs_from_its_first_to_its_last_point() -> None:
    picture = parse(figures.line_chart({"a <b>": [(1, 0.0), (2, 0.5), (3, 1.0)]}, "epoch", "share", percent=True))
    line = next(path for path in picture.iter("path") if "line" in path.get("class", ""))
    places = [[float(v) for v in pair.split()] for pair in line.get("d", "")[1:].split("L")]
    paper = figures._Paper([(1, 0.0), (3, 1.0)])
    assert places == [
        [paper.left, paper.floor],
        [(paper.left + paper.wall) / 2, pytest.approx(116, abs=0.05)],
        [paper.wall, paper.top],
    ]
    assert {"a <b>", "0 %", "100 %", "1", "2", "3", "epoch"} <= set(texts(picture))


def test_long_lines_are_thinned_but_keep_their_ends() -> None:
    points = [(float(k), float(k % 7)) for k in range(1, 5001)]
    thinned = figures._thinned(points)
    assert len(thinned) == figures.POINTS_OF_A_LINE
    assert (thinned[0], thinned[-1]) == (points[0], points[-1])


def test_points_that_are_not_finite_are_left_out() -> None:
    picture = figures.line_chart(
        {"a": [(1, float("nan")), (2, 1.0), (3, float("inf")), (4, 2.0)]}, "epoch", "loss"
    )
    assert "nan" not in picture
    assert "inf" not in picture.replace("info", "")
    assert figures.line_chart({"a": [(1, float("nan"))]}, "epoch", "loss") == "<p>Nothing was recorded.</p>"


def test_one_point_and_a_flat_line_can_be_drawn() -> None:
    parse(figures.line_chart({"a": [(1, 3.0)]}, "epoch", "loss"))
    parse(figures.line_chart({"a": [(1, 0.0), (2, 0.0)]}, "epoch", "loss"))


@settings(max_examples=50, deadline=None)
@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4))
def test_ticks_are_round_and_enclose_the_interval(low: float, span: float) -> None:
    ticks = figures.ticks(low, low + span)
    assert ticks[0] <= low + 1e-6 * span
    assert ticks[-1] >= low + span - 1e-6 * span
    steps = np.diff(ticks)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    assert 2 <= len(ticks) <= 8
    assert float(f"{steps[0]:e}"[0]) in (1, 2, 5) or f"{steps[0]:.6e}"[:3] in (
        "9.9",
        "1.0",
        "2.0",
        "5.0",
        "4.9",
        "1.9",
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 200), min_size=1, max_size=10))
def test_names_are_moved_apart_and_stay_on_the_paper(places: list[float]) -> None:
    moved = figures._apart(places, 15, 10, 190)
    ordered = sorted(moved)
    assert all(b - a >= 15 - 1e-6 for a, b in pairwise(ordered))
    assert ordered[0] >= 10
    assert ordered[-1] <= 190 + 1e-6
    assert [places[k] for k in np.argsort(moved, kind="stable")] == pytest.approx(sorted(places))


def test_names_that_do_not_collide_stay() -> None:
    assert figures._apart([100.0, 20.0, 60.0], 15, 10, 190) == [100.0, 20.0, 60.0]


def test_bars_are_as_long_as_the_accuracy_and_marked_where_the_untrained_encoder_is() -> None:
    picture = parse(figures.class_bars(["a", "b & c"], [0.25, 1.0], [0.5, 0.0], [4, 8]))
    bars = [float(bar.get("width", "")) for bar in picture.iter("rect")]
    marks = [float(m.get("d", "")[1:].split()[0]) for m in picture.iter("path") if m.get("class") == "mark"]
    full = bars[0]
    assert bars == [full, full / 4]  # the better class first
    assert marks == [190, 190 + full / 2]
    titles = [title.text for title in picture.iter("title")]
    assert titles == ["b & c: 100.0 % of 8 clips, untrained 0.0 %", "a: 25.0 % of 4 clips, untrained 50.0 %"]


def test_a_confusion_matrix_has_a_square_for_each_pair_that_occurs() -> None:
    table = np.array([[3, 1, 0], [0, 0, 0], [2, 0, 2]])
    picture = parse(figures.confusion_matrix(table, ["a", "<b>", "c"]))
    squares = {s[0].text: s for s in picture.iter("rect") if len(s)}
    assert list(squares) == [
        "a taken for a: 3 (75 %)",
        "a taken for <b>: 1 (25 %)",
        "c taken for a: 2 (50 %)",
        "c taken for c: 2 (50 %)",
    ]
    assert [s.get("class") for s in squares.values()] == ["hit", "miss", "miss", "hit"]
    assert [float(s.get("fill-opacity", "")) for s in squares.values()] == [0.76, 0.28, 0.52, 0.52]
    corner, right, below, last = ((float(s.get("x", "")), float(s.get("y", ""))) for s in squares.values())
    assert right[0] > corner[0]
    assert right[1] == corner[1]
    assert below[1] > corner[1]
    assert below[0] == corner[0]
    assert last[0] == pytest.approx(last[1])


@pytest.mark.parametrize("count", [1, 10, 60, 120])
def test_any_number_of_classes_can_be_drawn(count: int) -> None:
    names = [f"class number {c} with a long name" for c in range(count)]
    rng = np.random.default_rng(0)
    parse(figures.confusion_matrix(rng.integers(0, 9, (count, count)), names))
    parse(figures.class_bars(names, [0.5] * count, [0.1] * count, [3] * count))
    labels = rng.integers(0, count, 50)
    picture = parse(figures.scatter(rng.normal(size=(50, 2)), labels, names))
    assert len(list(picture.iter("circle"))) == 50
    shown = texts(picture)
    expected = [n[:23] + "…" if count <= figures.NAMED else str(names.index(n) + 1) for n in names]
    assert shown == [expected[label] for label in np.unique(labels)]
    listed = re.findall(r"<li>.*?</li>", figures.legend(labels, names))
    assert len(listed) == len(np.unique(labels))


def test_dots_lie_as_the_points_do() -> None:
    places = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 2.0]])
    picture = parse(figures.scatter(places, np.array([0, 1, 1]), ["a", "b"]))
    dots = [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in picture.iter("circle")]
    assert dots == [(30.0, 30.0), (410.0, 30.0), (220.0, 410.0)]


def test_classes_have_hues_of_their_own() -> None:
    for count in (2, 10, 12, 60):
        hues = sorted(figures.hue(label, count) for label in range(count))
        gaps = np.diff([*hues, hues[0] + 360])
        assert gaps.min() > 360 / count / 4


def test_a_pose_strip_draws_each_bone_of_each_person() -> None:
    positions = np.repeat(SBU15.rest[None, None], 9, axis=0).repeat(2, axis=1)
    picture = parse(figures.pose_strip(positions, SBU15, "+y", count=3))
    bones = "".join(path.get("d", "") for path in picture.iter("path"))
    assert bones.count("M") == 3 * 2 * len(SBU15.bones)
    assert len(list(picture.iter("circle"))) == 3 * 2  # heads
    assert sum("second" in path.get("class", "") for path in picture.iter("path")) == 3 * 3
    assert picture.get("aria-label") == "3 poses"


def test_up_is_up_and_the_right_side_of_a_person_who_faces_us_is_on_our_left() -> None:
    picture = parse(figures.pose_strip(KINECT20.rest[None, None].astype(float), KINECT20, "+y"))
    xs = {}
    for path in picture.iter("path"):
        ends = [float(v) for v in re.findall(r"[ML]([\d.]+) ", path.get("d", ""))]
        xs[path.get("class", "").split()[1]] = np.mean(ends)
    assert xs["right"] < xs["trunk"] < xs["left"]
    head = next(picture.iter("circle"))
    assert float(head.get("cy", "")) < 20


def test_missing_joints_and_frames_leave_gaps() -> None:
    positions = np.repeat(KINECT20.rest[None, None], 3, axis=0).astype(float)
    positions[1] = np.nan
    positions[2, 0, KINECT20.index("left_elbow")] = np.nan
    html = figures.pose_strip(positions, KINECT20, "+y", count=3)
    assert "nan" not in html
    bones = "".join(path.get("d", "") for path in parse(html).iter("path"))
    assert bones.count("M") == 2 * len(KINECT20.bones) - 2
    empty = figures.pose_strip(np.full((2, 1, 20, 3), np.nan), KINECT20, "+y")
    assert empty == "<p>Nothing was observed.</p>"

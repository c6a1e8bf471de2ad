"""Pictures of the report, as inline SVG that takes its colours from the page.

They scale, print sharply, follow a dark page and need no other file. Colours are classes (``series-0`` ...,
``left``, ``right``), texts are escaped here.
"""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from skelact.sequences.picture import on_paper
from skelact.skeletons import Skeleton

Points = Sequence[tuple[float, float]]

POINTS_OF_A_LINE = 300  # more than a screen shows
NAMED = 12  # classes whose names have room on a map; more are numbered
GOLDEN_ANGLE = 137.508  # degrees between the hues of neighbouring classes: far apart however many there are


def svg(width: float, height: float, body: str, label: str, least: int = 0) -> str:
    """A picture as wide as its column but no wider than drawn, scrolled sideways below ``least`` pixels."""
    style = f"max-width:{width:.0f}px;min-width:{min(least, width):.0f}px"
    return (
        f'<div class="scroll"><svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="{escape(label)}" style="{style}">{body}</svg></div>'
    )


def line_chart(lines: Mapping[str, Points], across: str, up: str, percent: bool = False) -> str:
    """Curves over epochs or the like, each named at the right of its end.

    Args:
        lines: points (x, y) by name; points that are not finite are left out.
        across: what x is.
        up: what y is.
        percent: y are shares, shown as 0 to 100 %.
    """
    kept = {name: _thinned([p for p in points if np.isfinite(p[1])]) for name, points in lines.items()}
    kept = {name: points for name, points in kept.items() if points}
    if not kept:
        return "<p>Nothing was recorded.</p>"
    paper = _Paper([point for points in kept.values() for point in points])
    parts = [paper.grid(across, percent)]
    ends = _apart([paper.place(*points[-1])[1] for points in kept.values()], 15, paper.top, paper.floor)
    for number, ((name, points), end) in enumerate(zip(kept.items(), ends, strict=True)):
        path = "L".join("{:.1f} {:.1f}".format(*paper.place(*point)) for point in points)
        series = f"series-{number % 6}"
        parts.append(
            f'<path class="line {series}" d="M{path}"/>'
            f'<text class="name {series}" x="{paper.wall + 8}" y="{end + 4:.1f}">{escape(name)}</text>'
        )
    picture = svg(paper.width, paper.height, "".join(parts), f"{up} over {across}", least=520)
    return f"{picture}{_key(list(kept))}"


def _key(names: Sequence[str]) -> str:
    """The names of curves below the picture, for screens too narrow to show its right end."""
    items = [f'<li class="series-{k % 6}"><i></i>{escape(name)}</li>' for k, name in enumerate(names)]
    return f'<ul class="legend key">{"".join(items)}</ul>'


class _Paper:
    """Where points lie on the paper of a line chart."""

    width, height, left, top = 760, 260, 52, 14
    wall, floor = 760 - 150, 260 - 42  # right and lower end of the axes; names stand right of the wall

    def __init__(self, points: Points) -> None:
        xs, ys = zip(*points, strict=True)
        inside = {tick for tick in (min(xs), *ticks(min(xs), max(xs))) if min(xs) <= tick <= max(xs)}
        self.x_ticks = sorted(tick for tick in inside if tick == round(tick))
        self.y_ticks = ticks(min(ys), max(ys))
        self.low = min(xs), self.y_ticks[0]
        self.high = max(max(xs), min(xs) + 1e-9), self.y_ticks[-1]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Pixels, to the right and down."""
        shares = [(v - low) / (high - low) for v, low, high in zip((x, y), self.low, self.high, strict=True)]
        return (
            self.left + shares[0] * (self.wall - self.left),
            self.floor - shares[1] * (self.floor - self.top),
        )

    def grid(self, across: str, percent: bool) -> str:
        """Lines and numbers of both axes."""
        parts = [
            f'<text class="axis" x="{self.wall}" y="{self.height - 6}" text-anchor="end">{escape(across)}</text>'
        ]
        for tick in self.y_ticks:
            y = self.place(self.low[0], tick)[1]
            text = f"{100 * tick:.0f} %" if percent else f"{tick:g}"
            parts.append(
                f'<path class="grid" d="M{self.left} {y:.1f}H{self.wall}"/>'
                f'<text class="tick" x="{self.left - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
            )
        for tick in self.x_ticks:
            x = self.place(tick, self.low[1])[0]
            parts.append(
                f'<text class="tick" x="{x:.1f}" y="{self.floor + 18}" text-anchor="middle">{tick:g}</text>'
            )
        return "".join(parts)


def class_bars(
    classes: Sequence[str], ours: Sequence[float], theirs: Sequence[float] | None, clips: Sequence[int]
) -> str:
    """A bar a class for the accuracy of the trained encoder, and a mark for that of the untrained one.

    Args:
        classes: names.
        ours: accuracies, 0 to 1.
        theirs: accuracies of the untrained encoder; None where it was not measured.
        clips: how many test clips there are.
    """
    order = sorted(range(len(classes)), key=lambda c: (-ours[c], c))
    row, left, right, width = 22 if len(order) <= 30 else 17, 190, 60, 760
    scale = width - left - right
    height = row * len(order) + 26
    parts = []
    for tick in (0, 25, 50, 75, 100):
        x = left + scale * tick / 100
        parts.append(
            f'<path class="grid" d="M{x:.1f} 4V{height - 22}"/>'
            f'<text class="tick" x="{x:.1f}" y="{height - 6}" text-anchor="middle">{tick} %</text>'
        )
    for place, c in enumerate(order):
        y, title = place * row + 4, f"{classes[c]}: {100 * ours[c]:.1f} % of {clips[c]} clips"
        mark = ""
        if theirs is not None:
            title += f", untrained {100 * theirs[c]:.1f} %"
            mark = f'<path class="mark" d="M{left + scale * theirs[c]:.1f} {y + 1}v{row - 4}"/>'
        line, bar = f'y="{y + row / 2 + 3}"', f'width="{scale * ours[c]:.1f}" height="{0.64 * row:.1f}"'
        parts.append(
            f"<g><title>{escape(title)}</title>"
            f'<text class="tick" x="{left - 8}" {line} text-anchor="end">{short(classes[c], 28)}</text>'
            f'<rect class="bar" x="{left}" y="{y + row / 8:.1f}" {bar} rx="2"/>'
            f"{mark}"
            f'<text class="tick" x="{left + scale + 10}" {line}>{100 * ours[c]:.0f} %</text></g>'
        )
    return svg(width, height, "".join(parts), "accuracy of each class", least=480)


def confusion_matrix(table: NDArray[np.int64], classes: Sequence[str]) -> str:
    """What each class was taken for: rows are labels, columns what was said, colour the share of the row.

    Args:
        table: (classes, classes) counts.
        classes: names.
    """
    count = len(classes)
    cell = float(np.clip(620 / count, 8, 46))
    font = min(12.0, max(6.5, cell * 0.8))
    margin = 14 + 0.58 * font * min(24, max(map(len, classes)))  # room for the names
    side = cell * count
    parts = [f'<rect class="frame" x="{margin:.1f}" y="{margin:.1f}" width="{side:.1f}" height="{side:.1f}"/>']
    for c, name in enumerate(classes):
        line, title = margin + cell * (c + 0.5) + font / 3, short(name, 24)
        text = f'class="tick" style="font-size:{font:.1f}px"'
        parts.append(
            f'<text {text} x="{margin - 6:.1f}" y="{line:.1f}" text-anchor="end">{title}</text>'
            f'<text {text} transform="translate({line:.1f} {margin - 6:.1f}) rotate(-90)">{title}</text>'
        )
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    for row, column in np.argwhere(table > 0):
        title = f"{classes[row]} taken for {classes[column]}: {table[row, column]}"
        kind, place = "hit" if row == column else "miss", (margin + cell * column, margin + cell * row)
        parts.append(_cell(*place, cell, share[row, column], kind, title, with_number=count <= 20))
    return svg(
        margin + side + 4, margin + side + 4, "".join(parts), "confusion matrix", least=560 if count <= 20 else 700
    )


def _cell(x: float, y: float, size: float, share: float, kind: str, title: str, with_number: bool) -> str:
    """A square as dark as the share, with the share in per cent where there is room."""
    square = (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{size:.1f}" '
        f'fill-opacity="{0.04 + 0.96 * share:.2f}"><title>{escape(title)} ({100 * share:.0f} %)</title></rect>'
    )
    if not with_number:
        return square
    tone, font = "on-dark" if share > 0.5 else "on-light", min(12.0, size / 2.4)
    middle = f'style="font-size:{font:.1f}px" x="{x + size / 2:.1f}" y="{y + size / 2 + font / 3:.1f}"'
    return f'{square}<text class="{tone}" {middle} text-anchor="middle">{100 * share:.0f}</text>'


def scatter(places: NDArray[np.floating], labels: NDArray[np.int64], classes: Sequence[str]) -> str:
    """A map of clips: a dot each, the name of a class (of many: its number) at the middle of its dots.

    Args:
        places: (N, 2).
        labels: (N,) index into ``classes``.
        classes: names.
    """
    size, margin = 440.0, 30.0
    low, high = places.min(axis=0), places.max(axis=0)
    xy = margin + (places - low) / np.maximum(high - low, 1e-9) * (size - 2 * margin)
    radius = 3.2 if len(xy) <= 600 else 2.2
    parts = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" style="--hue:{hue(label, len(classes)):.0f}">'
        f"<title>{escape(classes[label])}</title></circle>"
        for (x, y), label in zip(xy, labels, strict=True)
    ]
    there = np.unique(labels)
    middles = [np.median(xy[labels == label], axis=0) for label in there]
    lines = _apart([y for _, y in middles], 13 if len(classes) <= NAMED else 0, 12, size - 4)
    for label, (x, _), y in zip(there, middles, lines, strict=True):
        name = short(classes[label], 24) if len(classes) <= NAMED else str(label + 1)
        half = min(3.6 * len(name), size / 2)  # of the width of the name, so that none leaves the picture
        x = float(np.clip(x, half, size - half))
        parts.append(f'<text class="place" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{name}</text>')
    return svg(size, size, f'<g class="dots">{"".join(parts)}</g>', "map of the clips")


def legend(labels: NDArray[np.int64], classes: Sequence[str]) -> str:
    """The colours of ``scatter`` with the names of the classes, numbered where the map shows numbers."""
    items = []
    for label in np.unique(labels).tolist():
        number = f"<b>{label + 1}</b> " if len(classes) > NAMED else ""
        items.append(
            f'<li><i style="--hue:{hue(label, len(classes)):.0f}"></i>{number}{escape(classes[label])}</li>'
        )
    return f'<ul class="legend">{"".join(items)}</ul>'


def hue(label: int, classes: int) -> float:
    """Hue of a class, degrees: evenly spaced for a few classes, far apart for neighbours among many."""
    return (210 + label * (360 / classes if classes <= NAMED else GOLDEN_ANGLE)) % 360


def pose_strip(positions: NDArray[np.floating], skeleton: Skeleton, up: str, count: int = 5) -> str:
    """A clip as poses from left to right.

    Args:
        positions: (T, M, V, C), NaN where not observed.
        skeleton: of the pose.
        up: axis that points up, such as "+y".
        count: number of poses.
    """
    frames = np.unique(np.linspace(0, len(positions) - 1, count).round().astype(int))
    paper = on_paper(positions[frames].astype(np.float64), up)
    if np.isnan(paper).all():
        return "<p>Nothing was observed.</p>"
    low, high = np.nanmin(paper[..., 1]), np.nanmax(paper[..., 1])
    tall = 100.0
    scale = (tall - 12) / max(high - low, 1e-9)
    edge, parts = 6.0, []
    for pose in paper:
        if np.isnan(pose).all():
            edge += 30
            continue
        first, last = np.nanmin(pose[..., 0]), np.nanmax(pose[..., 0])
        x, y = (pose[..., 0] - first) * scale + edge, (high - pose[..., 1]) * scale + 6
        parts.append(_pose(np.stack([x, y], axis=-1), skeleton))
        edge += max((last - first) * scale, 24) + 10
    return svg(max(edge, 120), tall, "".join(parts), f"{len(frames)} poses")


def _pose(places: NDArray[np.float64], skeleton: Skeleton) -> str:
    """Bones and head of the people of one frame; the second person is drawn thinner."""
    parts = []
    for person, xy in enumerate(places):
        thin = " second" if person else ""
        for side in ("trunk", "left", "right"):
            path = "".join(
                f"M{xy[parent, 0]:.1f} {xy[parent, 1]:.1f}L{xy[child, 0]:.1f} {xy[child, 1]:.1f}"
                for child, parent in skeleton.bones
                if _side(skeleton.joints[child]) == side and not np.isnan(xy[[child, parent]]).any()
            )
            if path:
                parts.append(f'<path class="bone {side}{thin}" d="{path}"/>')
        if "head" in skeleton.joints:
            x, y = xy[skeleton.index("head")]
            if not np.isnan(x):
                parts.append(f'<circle class="head{thin}" cx="{x:.1f}" cy="{y:.1f}" r="3.6"/>')
    return "".join(parts)


def _side(joint: str) -> str:
    side = joint.partition("_")[0]
    return side if side in ("left", "right") else "trunk"


def short(name: str, most: int) -> str:
    """The name, shortened and escaped."""
    return escape(name if len(name) <= most else f"{name[: most - 1]}…")


def _thinned(points: Points) -> Points:
    """At most ``POINTS_OF_A_LINE`` points, the first and the last among them."""
    keep = np.unique(np.linspace(0, len(points) - 1, min(len(points), POINTS_OF_A_LINE)).round().astype(int))
    return [points[k] for k in keep] if len(points) else points


def ticks(low: float, high: float) -> list[float]:
    """Round numbers around an interval, about five steps apart."""
    span = max(high - low, 1e-6 * max(abs(high), 1.0))
    rough = span / 5
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = int(np.floor(low / step + 1e-9)), int(np.ceil(high / step - 1e-9))
    return [round(k * step, 12) for k in range(first, max(last, first + 1) + 1)]


def _apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places of labels between ``low`` and ``high``, moved apart to ``gap`` as far as there is room."""
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(order))
    result = np.empty(len(order))
    # Pushed down from above, then up from below: in units without the gaps both are running extremes.
    down = np.maximum.accumulate(np.maximum(np.asarray(places)[order], low) - steps)
    result[order] = np.maximum(np.minimum(down, high - steps[-1]), low) + steps
    return [float(place) for place in result]

"""Curves over what the entries of a protocol differ in: one picture a protocol, in a page or as an SVG file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from skelact.evaluation.results.results import Measured, OverSeeds, families
from skelact.evaluation.results.stored import Stored, chosen_entries
from skelact.report.figures import short, svg, ticks

WIDTH, HEIGHT = 440, 250  # of one panel, pixels
LEFT, RIGHT, TOP, BOTTOM = 48, 18, 32, 46  # what titles and axes take of it
INSET = 8  # from the axes to the first and the last point
CAPTION_OF_RUNS = "Trained encoders, mean over the seeds of each run; bands: ± 1 standard deviation"
LETTER = 6.6  # width of a letter on average, at 12 pixels
APART = 20  # between numbers on the axis, at least

# Blue, vermilion and grey, which come first, differ for every kind of colour vision; each line has its own mark.
COLOURS = ("#1f5fa8", "#c2571a", "#6d7680", "#1b7f4b", "#8a4fa3", "#a5821a")
MARKS = (
    "M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0z",  # dot
    "M-3.2 -3.2h6.4v6.4h-6.4z",
    "M0 -4.2L4.2 3.2H-4.2z",
    "M0 -4.6L4.6 0L0 4.6L-4.6 0z",
    "M0 4.2L4.2 -3.2H-4.2z",
    "M-1.3 -4.3h2.6v3h3v2.6h-3v3h-2.6v-3h-3v-2.6h3z",
)
STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; fill: #1d2126; }
text.title { font-weight: 600; }
text.soft, text.tick, text.axis { fill: #5b6570; }
text.axis { font-style: italic; }
.grid { stroke: #e3e5e2; fill: none; }
.line { stroke-width: 2; stroke-linejoin: round; fill: none; }
.band { fill-opacity: .14; }
""" + "".join(
    f".line.series-{k} {{ stroke: {colour}; }} .dot.series-{k}, .band.series-{k} {{ fill: {colour}; }}\n"
    for k, colour in enumerate(COLOURS)
)

Places = Sequence[tuple[float, float, float]]  # place on the axis, mean, deviation over seeds


@dataclass(frozen=True)
class Panel:
    """One chart.

    Args:
        title: what is measured.
        across: what the axis is.
        lines: points by name of the system, from left to right.
    """

    title: str
    across: str
    lines: Mapping[str, Places]


def panels_of(entries: Mapping[str, Measured]) -> dict[str, list[Panel]]:
    """The charts of each protocol that has several entries on one axis, with a line for each system."""
    return {
        name: panels
        for name, family in families(dict(entries)).items()
        if (panels := _panels({key: (one, _systems(one)) for key, one in family.items()}))
    }


def panels_of_runs(measured: Sequence[Stored]) -> dict[str, list[Panel]]:
    """The charts of several runs, with a line for the trained encoder of each that has them."""
    found: dict[str, dict[str, tuple[Measured, dict[str, OverSeeds]]]] = {}
    for key in chosen_entries(measured):
        having = [one for one in measured if key in one.entries]
        if len(having) > 1:
            lines: dict[str, OverSeeds] = {str(one.run): one.entries[key].model for one in having}
            first = having[0].entries[key]
            found.setdefault(first.protocol, {})[key] = first, lines
    return {name: panels for name, family in found.items() if (panels := _panels(family))}


def _systems(entry: Measured) -> dict[str, OverSeeds]:
    return {one.name: one for one in entry.systems.values()}


def _panels(family: Mapping[str, tuple[Measured, Mapping[str, OverSeeds]]]) -> list[Panel]:
    """A panel for each chart that entries of a protocol are part of; lines by name."""
    charts: dict[tuple[str, str], dict[str, list[tuple[float, float, float]]]] = {}
    for entry, values in family.values():
        for point in entry.points:
            lines = charts.setdefault((point.chart, point.across), {})
            for name, one in values.items():
                lines.setdefault(name, []).append((point.at, one.value, one.std or 0.0))
    return [
        Panel(title, across, {name: sorted(points) for name, points in lines.items()})
        for (title, across), lines in charts.items()
        if len(next(iter(lines.values()))) > 1
    ]


def seeds_of_curves(seeds: Sequence[int]) -> str:
    """What the lines and bands of curves are."""
    return f"Mean of {len(seeds)} seeds; bands: ± 1 standard deviation" if len(seeds) > 1 else f"Seed {seeds[0]}"


def inline(panels: Sequence[Panel]) -> str:
    """The panels as a picture in a page of HTML, which has the colours."""
    width, height, body = _drawn(panels)
    return svg(width, height, body, _label(panels), least=min(width, 640))


def standalone(panels: Sequence[Panel], title: str, caption: str) -> str:
    """The panels as the text of an SVG file: on white, with its own colours, the same whenever it is made.

    Args:
        panels: what is drawn.
        title: first line above it, cut where it is too long.
        caption: second line above it, likewise.
    """
    width, height, body = _drawn(panels)
    head, most = 46, int((width - 24) / LETTER)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height + head}" '
        f'viewBox="0 {-head} {width} {height + head}" role="img" aria-label="{escape(_label(panels))}">\n'
        f'<style>{STYLE}</style>\n<rect y="{-head}" width="{width}" height="{height + head}" fill="#ffffff"/>\n'
        f'<text class="title" x="12" y="{22 - head}">{short(title, most - 4)}</text>\n'
        f'<text class="soft" x="12" y="{40 - head}">{short(caption, most)}</text>\n'
        f"{body}\n</svg>\n"
    )


def _label(panels: Sequence[Panel]) -> str:
    return "accuracy: " + "; ".join(panel.title for panel in panels)


def _drawn(panels: Sequence[Panel]) -> tuple[int, int, str]:
    """Width, height and SVG of a legend above the panels, which go down first and have one scale."""
    columns = 1 if len(panels) == 1 else 2
    rows = -(-len(panels) // columns)
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    legend, head = _legend(names, columns * WIDTH)
    values = [
        end
        for panel in panels
        for line in panel.lines.values()
        for _, mean, deviation in line
        for end in (max(mean - deviation, 0.0), min(mean + deviation, 1.0))
    ]
    scale = ticks(min(values), max(values))
    parts = [legend]
    for number, panel in enumerate(panels):
        x, y = WIDTH * (number // rows), head + HEIGHT * (number % rows)
        parts.append(f'<g transform="translate({x} {y})">{_panel(panel, names, scale)}</g>')
    return columns * WIDTH, head + rows * HEIGHT, "\n".join(parts)


def _legend(names: Sequence[str], width: int) -> tuple[str, int]:
    """Names with their lines and marks, in as many rows as they need, and the height of these."""
    x, y, parts = 12.0, 14, []
    for number, name in enumerate(names):
        room = 32 + LETTER * len(name)
        if x > 12 and x + room > width:
            x, y = 12.0, y + 20
        parts.append(
            f'<path class="line {_series(number)}" d="M{x:.0f} {y}h22"/>{_mark(x + 11, y, number)}'
            f'<text x="{x + 28:.0f}" y="{y + 4}">{escape(name)}</text>'
        )
        x += room + 10
    return "".join(parts), y + 12


@dataclass(frozen=True)
class _Frame:
    """Where points lie in a panel.

    Args:
        first: the lowest place on the axis.
        last: the highest.
        scale: numbers on the axis of accuracies.
    """

    first: float
    last: float
    scale: Sequence[float]
    right = WIDTH - RIGHT
    floor = HEIGHT - BOTTOM

    def x(self, place: float) -> float:
        share = (place - self.first) / max(self.last - self.first, 1e-9)
        return LEFT + INSET + share * (self.right - LEFT - 2 * INSET)

    def y(self, accuracy: float) -> float:
        low, high = self.scale[0], self.scale[-1]
        return self.floor - (min(max(accuracy, low), high) - low) / (high - low) * (self.floor - TOP)


def _panel(panel: Panel, names: Sequence[str], scale: Sequence[float]) -> str:
    places = sorted({x for line in panel.lines.values() for x, _, _ in line})
    frame = _Frame(places[0], places[-1], scale)
    parts = [_axes(panel, frame, places)]
    parts += [_band(frame, line, names.index(name)) for name, line in panel.lines.items()]
    # The first line, that of the trained encoder, lies on top of the others.
    for name, line in reversed(list(panel.lines.items())):
        number = names.index(name)
        path = "L".join(f"{frame.x(x):.1f} {frame.y(y):.1f}" for x, y, _ in line)
        parts.append(f'<path class="line {_series(number)}" d="M{path}"/>')
        parts += [_mark(frame.x(x), frame.y(y), number) for x, y, _ in line]
    return "".join(parts)


def _axes(panel: Panel, frame: _Frame, places: Sequence[float]) -> str:
    """Title, lines, numbers and names of both axes."""
    parts = [f'<text class="title" x="{LEFT}" y="{TOP - 12}">{escape(panel.title)}</text>']
    for tick in frame.scale:
        y = frame.y(tick)
        parts.append(
            f'<path class="grid" d="M{LEFT} {y:.1f}H{frame.right}"/>'
            f'<text class="tick" x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{100 * tick:g}</text>'
        )
    last = -float(APART)
    for place in places:
        x = frame.x(place)
        if x - last >= APART:  # else it would run into the number before
            last = x
            parts.append(
                f'<text class="tick" x="{x:.1f}" y="{frame.floor + 17}" text-anchor="middle">{place:g}</text>'
            )
    middle, half = (LEFT + frame.right) // 2, (TOP + frame.floor) // 2
    parts.append(
        f'<g text-anchor="middle"><text class="axis" x="{middle}" y="{frame.floor + 35}">'
        f'{escape(panel.across)}</text><text class="axis" transform="translate(14 {half}) rotate(-90)">'
        "accuracy, %</text></g>"
    )
    return "".join(parts)


def _band(frame: _Frame, line: Places, number: int) -> str:
    """One deviation to either side of the mean; nothing where there is none."""
    if not any(deviation for _, _, deviation in line):
        return ""
    above = [f"{frame.x(x):.1f} {frame.y(y + deviation):.1f}" for x, y, deviation in line]
    below = [f"{frame.x(x):.1f} {frame.y(y - deviation):.1f}" for x, y, deviation in line]
    return f'<path class="band {_series(number)}" d="M{"L".join([*above, *reversed(below)])}z"/>'


def _series(number: int) -> str:
    return f"series-{number % len(MARKS)}"


def _mark(x: float, y: float, number: int) -> str:
    mark = MARKS[number % len(MARKS)]
    return f'<path class="dot {_series(number)}" transform="translate({x:.1f} {y:.1f})" d="{mark}"/>'

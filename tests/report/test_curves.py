"""Curves of protocols: lines, bands and marks lie where the numbers say, and files are the same every time."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from skelact.evaluation.protocols.protocol import Point
from skelact.evaluation.results.results import Environment, Measured, SystemResult, Versus
from skelact.report import curves
from skelact.report import html as report
from skelact.report.curves import Panel, inline, panels_of, standalone

SVG = "{http://www.w3.org/2000/svg}"
SHARES = Panel(
    "few <labels>",
    "labels, %",
    {
        "trained encoder": [(1.0, 0.2, 0.1), (11.0, 0.6, 0.0), (41.0, 0.8, 0.05)],
        "raw coordinates": [(1.0, 0.1, 0.0), (11.0, 0.3, 0.0), (41.0, 0.4, 0.0)],
    },
)
NOISE = Panel("noise", "cm", {"trained encoder": [(0.0, 0.9, 0.0), (0.1, 0.8, 0.0), (10.0, 0.3, 0.0)]})


def system(name: str, value: float, deviation: float | None) -> SystemResult:
    seeds = {"0": value} if deviation is None else {"0": value, "1": value}
    interval = (0.0, 1.0)
    return SystemResult(value, deviation, interval, seeds, name, None, None, {}, {}, {}, {"bow": value})


def entry(protocol: str, value: float, deviation: float | None, *points: Point) -> Measured:
    systems = {
        "model": system("trained encoder", value, deviation),
        "raw": system("raw coordinates", value, deviation),
    }
    made = Environment("cpu", 2, 1, None, "Linux", "3.11", "2.6", "torch")
    versus = {"raw": Versus(0.0, {})}
    return Measured("t", protocol, "", "", made, {}, (), points, 5, systems, versus, ((10,),))


def drawn(*panels: Panel) -> ElementTree.Element:
    return ElementTree.fromstring(standalone(panels, "title", "caption"))


def of_class(picture: ElementTree.Element, word: str) -> list[ElementTree.Element]:
    return [one for one in picture.iter() if word in one.get("class", "").split()]


def numbers(path: ElementTree.Element) -> list[tuple[float, float]]:
    words = path.get("d", "").strip("Mz").split("L")
    return [(float(x), float(y)) for x, y in (word.split() for word in words)]


def test_entries_become_charts_of_their_protocol() -> None:
    """Sorted by place, one point in many charts; what is alone on its axis is no curve."""
    shares, noise = ("few labels", "labels, %"), ("noise", "noise, cm")
    entries = {
        "linear": entry("linear", 0.9, None),
        "semi/10": entry("semi", 0.5, 0.1, Point(*shares, 10.0)),
        "semi/1": entry("semi", 0.4, None, Point(*shares, 1.0)),
        "few-shot/1": entry("few-shot", 0.4, None, Point("few clips", "clips", 1.0)),
        "robust/clean": entry("robust", 0.8, 0.0, Point(*noise, 0.0), Point("frame rate", "%", 100.0)),
        "robust/noise-0.1": entry("robust", 0.3, 0.2, Point(*noise, 10.0)),
    }
    found = panels_of(entries)
    assert list(found) == ["semi", "robust"]
    (panel,) = found["semi"]
    assert (panel.title, panel.across) == shares
    assert panel.lines["trained encoder"] == [(1.0, 0.4, 0.0), (10.0, 0.5, 0.1)]
    assert [panel.title for panel in found["robust"]] == ["noise"]
    assert panels_of({}) == {}


def test_lines_and_bands_lie_where_the_numbers_say() -> None:
    picture = drawn(SHARES)
    raw, ours = (numbers(line) for line in of_class(picture, "line")[2:])  # behind those of the legend
    left, right = curves.LEFT + curves.INSET, curves.WIDTH - curves.RIGHT - curves.INSET
    assert [x for x, _ in ours] == [left, pytest.approx(left + (right - left) / 4, abs=0.06), right]
    top, floor = curves.TOP, curves.HEIGHT - curves.BOTTOM
    ticks = [text.text for text in of_class(picture, "tick")]
    assert ticks == ["0", "20", "40", "60", "80", "100", "1", "11", "41"]
    heights = [floor - share * (floor - top) for share in (0.2, 0.6, 0.8)]
    assert [y for _, y in ours] == pytest.approx(heights, abs=0.06)
    (band,) = of_class(picture, "band")  # raw coordinates have none
    assert "series-0" in band.get("class", "")
    edges = [floor - share * (floor - top) for share in (0.3, 0.6, 0.85, 0.75, 0.6, 0.1)]
    assert [y for _, y in numbers(band)] == pytest.approx(edges, abs=0.06)
    assert max(y for _, y in raw) > max(y for _, y in ours)


def test_every_system_has_a_mark_of_its_own_and_is_named_once() -> None:
    picture = drawn(SHARES, NOISE)
    marks = {tuple(one.get("class", "").split()): one.get("d") for one in of_class(picture, "dot")}
    assert set(marks) == {("dot", "series-0"), ("dot", "series-1")}
    assert len(set(marks.values())) == 2
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert texts.count("trained encoder") == texts.count("raw coordinates") == 1
    assert {"title", "caption", "few <labels>", "noise", "labels, %", "cm"} <= set(texts)
    assert len(of_class(picture, "dot")) == 2 + 6 + 3  # legend, first and second panel


def test_panels_stand_side_by_side_on_one_scale() -> None:
    picture = drawn(SHARES, NOISE)
    assert picture.get("width") == str(2 * curves.WIDTH)
    ticks = [text.text for text in of_class(picture, "tick")]
    scale = ["0", "20", "40", "60", "80", "100"]
    assert ticks == [*scale, "1", "11", "41", *scale, "0", "10"]  # 0.1 would run into 0
    places = [one.get("transform") for one in picture.iter(f"{SVG}g")]
    assert [place.split()[0] for place in places if place] == ["translate(0", f"translate({curves.WIDTH}"]


def test_a_file_is_whole_and_the_same_every_time() -> None:
    first, again = (standalone([SHARES, NOISE], "a & b", "3 seeds") for _ in "ab")
    assert first == again
    assert not re.search(r"var\(|url\(|href|\bid=|<script", first)
    assert set(re.findall(r"https?://[\w./]+", first)) == {"http://www.w3.org/2000/svg"}
    ElementTree.fromstring(first)
    long = standalone([NOISE], "t" * 200, "c" * 200)
    titles = [text.text or "" for text in ElementTree.fromstring(long).iter(f"{SVG}text")][:2]
    assert all(title.endswith("…") and len(title) < 70 for title in titles)


def test_page_and_file_draw_the_same_in_the_same_colours() -> None:
    body = standalone([SHARES], "t", "c").splitlines()
    page = inline([SHARES])
    for line in body[-3:-1]:
        assert line in page
    style = (Path(report.__file__).parent / "templates" / "page.html").read_text(encoding="utf-8")
    light = dict(re.findall(r"--(s\d): (#[0-9a-f]{6})", style.partition("prefers-color-scheme")[0]))
    assert tuple(light[f"s{k}"] for k in range(6)) == curves.COLOURS
    assert len(set(curves.MARKS)) == len(curves.MARKS) == 6

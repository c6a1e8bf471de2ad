"""The report: whole, self-contained, and true to the results."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest

from skelact.errors import FileError
from skelact.evaluation import Evaluation, evaluate
from skelact.evaluation.results.stored import read_results
from skelact.report.html import write_report
from skelact.report.nearest_clips import RIGHT, WRONG, choose
from skelact.report.pages import write_page
from skelact.report.text import text_table
from skelact.report.words import headline, verdicts

pytestmark = pytest.mark.usefixtures("fake_model")
EMPTY = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Collects text, tags and resources, and notices tags that are not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.resources: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.resources += [
            value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")
        ]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture
def evaluation(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> Evaluation:
    return evaluate(kit.write_seeds(tmp_path / "run", 0, 1), store_path)


def test_the_page_is_whole_and_needs_no_other(evaluation: Evaluation) -> None:
    path = write_report(evaluation)
    assert path == evaluation.folder / "report.html"
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    assert page.resources == []
    assert not re.search(r"https?://|//[a-z]+\.|url\(|@import|<script|<link|<iframe", html)
    assert "$" not in html
    assert "nan" not in re.findall(r"[a-zA-Z]+", html)
    assert page.tags.count("title") > 1


def test_every_number_is_on_the_page(evaluation: Evaluation) -> None:
    text = Page(write_report(evaluation).read_text()).text
    for protocol in evaluation.results.protocols.values():
        assert protocol.title in text
        for system in protocol.systems.values():
            low, high = system.interval
            assert f"{100 * system.value:.1f} ± {100 * system.std:.1f} %" in text
            assert f"95 %: {100 * low:.1f} to {100 * high:.1f}" in text
            assert "seeds: " + ", ".join(f"{100 * value:.1f}" for value in system.seeds.values()) in text
            if system.best_on_test:
                assert f"best on test: {100 * system.best_on_test.mean:.1f}" in text
        assert headline(protocol) in text


def test_every_section_is_on_the_page(evaluation: Evaluation) -> None:
    html = write_report(evaluation).read_text()
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    assert headings == [
        "Accuracy on the test clips",
        "Retrieval, 1-NN by cosine",
        "Loss in training",
        "Learning curve, linear probe",
        "Embedding map of the test clips",
        "Nearest clips",
        "Classes, linear probe",
        "Confusion, linear probe",
        "Classes, 1-NN by cosine",
        "Confusion, 1-NN by cosine",
        "How to repeat it",
        "Settings",
    ]
    text = Page(html).text
    for name in ("temporal", "spatial", "total, seed 0", "total, seed 1"):  # of the loss
        assert name in text
    for word in (
        evaluation.results.command,
        evaluation.store.fingerprint,
        evaluation.results.environment.cpu,
    ):
        assert word in text
    for group in evaluation.results.settings.values():
        assert set(group) <= set(text.split())
    assert html.count('class="query"') >= 3
    assert html.count("<circle cx") == 2 * 24  # a map of the trained, one of the untrained encoder


def test_neighbours_are_marked_right_and_wrong(evaluation: Evaluation) -> None:
    """Every neighbour that is shown says whether it has the label of its query."""
    html = write_report(evaluation).read_text()
    for query in html.split('<div class="query">')[1:]:
        clips = re.findall(
            r'<div class="(asked|right|wrong)">.*?</div><b>(.*?)</b> (.*?)<small>(.*?)</small>', query
        )
        kinds, labels, remarks, names = zip(*clips, strict=True)
        assert (kinds[0], remarks[0]) == ("asked", "test clip")
        assert len(clips) == 4
        for kind, label, remark, name in zip(kinds[1:], labels[1:], remarks[1:], names[1:], strict=True):
            assert kind == ("right" if label == labels[0] else "wrong")
            assert ("✓" in remark) == (kind == "right")
            assert name.startswith(label)


def test_queries_are_some_that_succeed_and_some_that_fail_of_many_classes() -> None:
    labels = np.repeat(np.arange(10), 5)
    right = np.ones(50, dtype=bool)
    right[[7, 8, 21, 40]] = False
    chosen = choose(labels, right)
    assert [bool(right[k]) for k in chosen] == [True] * RIGHT + [False] * WRONG
    assert len({int(labels[k]) for k in chosen[:RIGHT]}) == RIGHT
    assert chosen == [0, 15, 30, 45, 7, 41 - 1]
    assert choose(labels, np.ones(50, dtype=bool)) == chosen[:RIGHT]
    assert choose(labels[:3], np.zeros(3, dtype=bool)) == [0]


EVIL = "<script>alert(1)</script>&\"'"


def test_names_cannot_break_any_page(kit: SimpleNamespace, tmp_path: Path) -> None:
    """Class, clip, file and tag names with everything that HTML gives a meaning to."""
    names = {"bow": EVIL, "jump": "{{ 7 * 7 }} {% if %}", "wave": "$title \\[x](y)"}
    people = [
        replace(kit.person(label, camera, number), label=names[label], name=f"{names[label]}-{camera}-{number}")
        for camera in (1, 3)
        for number in range(4)
        for label in kit.classes
        if (camera, label) != (1, "bow")  # so that its name is in the caveats, too
    ]
    store = kit.write_store(tmp_path / "<u>&'s", people, classes=tuple(names.values()))
    pages = []
    for run in ("<i>a", "<i>b"):
        evaluation = evaluate(kit.write_run(tmp_path / run), store, ["linear", "knn", "few-shot"])
        pages.append(write_report(evaluation).read_text())
    measured = [read_results(tmp_path / run) for run in ("<i>a", "<i>b")]
    for name, some in (("one.html", measured[:1]), ("two.html", measured)):
        write_page(some, tmp_path / name)
        pages.append((tmp_path / name).read_text())
    for html in pages:
        page = Page(html)
        assert not {"script", "u"} & set(page.tags)
        assert EVIL in page.text
        assert {"{{ 7 * 7 }} {% if %}", "$title \\[x](y)"} <= {one.strip() for one in page.words}
        assert "<script" not in html
        assert "<u>" not in html
        assert "<i>a" not in html
    for name, some in (("one.md", measured[:1]), ("two.md", measured)):
        for file in write_page(some, tmp_path / name):
            text = "".join(part for k, part in enumerate(file.read_text().split("`")) if k % 2 == 0)  # no code
            if file.suffix == ".md":
                assert "<script" not in text
                assert "<i>" not in text
            else:
                ElementTree.fromstring(text)


def test_a_model_without_its_run_has_no_loss_curves(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    run = kit.write_run(tmp_path / "model")
    (run / "metrics.jsonl").unlink()
    html = write_report(evaluate(run, store_path, ["knn"])).read_text()
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    assert "Loss in training" not in headings
    assert not any(heading.startswith("Learning curve") for heading in headings)


def test_the_training_can_be_repeated_from_the_page(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    one, many = kit.write_run(tmp_path / "one"), kit.write_seeds(tmp_path / "many", 3, 5)
    for folder in (one, many / "seed-3"):
        (folder / "config.toml").unlink()
    assert "skelact pretrain" not in Page(write_report(evaluate(one, store_path, ["knn"])).read_text()).text
    (one / "config.toml").write_text("")
    (many / "seed-3" / "config.toml").write_text("")
    text = Page(write_report(evaluate(one, store_path, ["knn"])).read_text()).text
    assert f"skelact pretrain {store_path} -c {one}/config.toml -o AGAIN skelact evaluate" in text
    text = Page(write_report(evaluate(many, store_path, ["knn"])).read_text()).text
    assert f"skelact pretrain {store_path} -c {many}/seed-3/config.toml -o AGAIN --seeds 3,5 skelact" in text


def test_duplicates_and_caveats_are_on_the_page(kit: SimpleNamespace, tmp_path: Path) -> None:
    people = [
        kit.person(label, camera, number) for camera in (1, 3) for number in range(3) for label in kit.classes
    ]
    copy = replace(people[0], name="copy", tags={"camera": 3, "subject": 0})
    evaluation = evaluate(kit.write_run(tmp_path / "run"), kit.write_store(tmp_path / "s", [*people, copy]))
    text = Page(write_report(evaluation).read_text()).text
    values = evaluation.results.protocols["knn"].systems["raw"].without_duplicates
    assert f"without duplicates: {100 * values.value:.1f}" in text
    assert evaluation.results.every_caveat[0] in text
    assert "raw coordinates, without duplicates" in text_table(evaluation.results)


def test_the_text_table_has_a_line_a_system(evaluation: Evaluation) -> None:
    lines = text_table(evaluation.results).splitlines()
    assert lines[0] == "people, xview: 24 test clips, accuracy in %, mean ± deviation of 2 seeds [95 % interval]"
    assert re.split(r"\s{2,}", lines[1]) == ["", "linear probe", "1-NN by cosine"]
    assert len(lines) == 14
    sentences = [f"{title}: {one}" for title, one in verdicts(evaluation.results.protocols).items()]
    assert lines[5:8] == ["", *sentences]
    assert [line.split("  ")[0] for line in lines[8:]] == [
        "",
        "1-NN by cosine",
        "mean average precision",
        "recall at 1",
        "recall at 5",
        "recall at 10",
    ]
    for line, (system, name) in zip(
        lines[2:5],
        {"model": "trained encoder", "untrained": "untrained encoder", "raw": "raw coordinates"}.items(),
        strict=True,
    ):
        values = evaluation.results.protocols["linear"].systems[system]
        low, high = (100 * end for end in values.interval)
        assert line.startswith(name)
        assert f"{100 * values.value:.1f} ± {100 * values.std:.1f}  [{low:.1f}, {high:.1f}]" in line


def test_a_loss_against_the_best_baseline_is_said_in_words(evaluation: Evaluation, tmp_path: Path) -> None:
    """Raw coordinates know these people's hands perfectly, what the untrained encoder sees is noise."""
    entry = evaluation.results.protocols["knn"]
    assert entry.best_baseline == "raw"
    assert entry.versus["raw"].gain < 0
    points = f"{100 * -entry.versus['raw'].gain:.1f}"
    sentence = (
        f"{points} points below the best baseline, raw coordinates, which is better than the trained encoder"
    )
    assert headline(entry).startswith(sentence)
    assert sentence in Page(write_report(evaluation).read_text()).text
    assert sentence in text_table(evaluation.results)
    for name in ("a.html", "a.md"):
        write_page([read_results(evaluation.run)], tmp_path / name)
        assert sentence in (tmp_path / name).read_text()


def test_a_damaged_metrics_file_is_one_sentence(evaluation: Evaluation) -> None:
    path = evaluation.run / "seed-1" / "metrics.jsonl"
    for damaged in (
        b"{",
        b"\xff",
        b"[1]",
        b'{"epoch": 1}',
        b'{"epoch": "1", "total": 2}',
        b"[" * 5000,
        b"9" * 5000,
    ):
        path.write_bytes(b'{"epoch": 1, "total": 2.0}\n' + damaged)
        with pytest.raises(FileError) as error:
            write_report(evaluation)
        expected = "expected the epoch and the loss of a training. Restore the file, or delete it"
        assert str(error.value) == f"{path}, line 2: {expected}"

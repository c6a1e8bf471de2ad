"""``skelact compare`` and ``skelact report`` on two small encoders of generated people."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from skelact.cli import run
from skelact.models import Model
from skelact.sequences.store import Store
from skelact.settings import DataSettings, LinearSettings, ProtocolSettings, Recipe, SCDNetEncoderSettings, to_toml

RECIPE = Recipe(
    data=DataSettings(split="xview", frames=8, persons=2),
    encoder=SCDNetEncoderSettings(graph_widths=(4, 8, 4), width=8, heads=2),
    protocols=ProtocolSettings(linear=LinearSettings(epochs=5, batch=32, milestones=(3,))),
)
WITHOUT_END = {"meta", "br"}
Runs = tuple[Path, Path]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Two runs of two seeds, as if trained, measured on the same store: an epoch of joints, two of bones."""
    folder = tmp_path_factory.mktemp("compare")
    store = folder / "store"
    assert run(["import", "--dataset", "movers", "--clips", "60", "--processes", "1", "-o", str(store)]) == 0
    for name, epochs, stream in (("a", 1, "joint"), ("b", 2, "bone")):
        for seed in (0, 1):
            recipe = replace(
                RECIPE,
                data=replace(RECIPE.data, stream=stream),  # type: ignore[arg-type]
                train=replace(RECIPE.train, epochs=epochs, seed=seed),
            )
            out = folder / name / f"seed-{seed}"
            Model.untrained(recipe, Store(store), seed=seed + 7).save(out)
            (out / "config.toml").write_text(to_toml(recipe))
            (out / "metrics.jsonl").write_text('{"epoch": 1, "step": 2, "total": 3.0}\n')
        assert run(["evaluate", str(folder / name), str(store), "--protocol", "linear,knn", "--no-report"]) == 0
    return folder / "a", folder / "b"


def results(path: Path) -> dict:
    return json.loads((path / "evaluation" / "xview" / "results.json").read_text())


def test_the_table_and_the_caveats_are_shown(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = map(str, runs)
    capsys.readouterr()
    assert run(["compare", a, b]) == 0
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert lines[0].startswith("movers, xview: ")
    value = results(runs[1])["protocols"]["knn"]["systems"]["model"]["value"]
    row = next(
        line for line in lines[lines.index("") :] if line.startswith(b) and f" {100 * value:.1f} ± " in line
    )
    assert re.search(r"[+−]\d+\.\d  \[[+−]\d+\.\d, [+−]\d+\.\d\] +(<?\d\.\d{3}), (<?\d\.\d{3})$", row)
    assert f"caveat: Different epochs of training: 1 ({a}); 2 ({b})." in lines
    assert shown.count("best baseline: ") == 2


def test_json_has_the_numbers_of_the_results(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["compare", *map(str, runs), "--protocol", "knn", "--against", "baseline", "--json"]) == 0
    comparison = json.loads(capsys.readouterr().out)
    assert list(comparison["protocols"]) == ["knn"]
    rows = comparison["protocols"]["knn"]["rows"]
    for one, row in zip(runs, rows, strict=False):
        system = results(one)["protocols"]["knn"]["systems"]["model"]
        assert (row["value"], row["seeds"], row["interval"]) == (
            system["value"],
            system["seeds"],
            system["interval"],
        )
    assert comparison["protocols"]["knn"]["reference"]["system"] != "model"
    assert rows[-1]["versus"] is None
    assert [run["stream"] for run in comparison["runs"]] == ["joint", "bone"]
    assert comparison["data"]["cleaning"] == results(runs[0])["data"]["cleaning"] != {}


def test_the_first_row_against_the_baseline_is_what_evaluate_says(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run alone: difference and McNemar's test are those of results.json."""
    capsys.readouterr()
    assert run(["compare", str(runs[0]), "--against", "baseline", "--json"]) == 0
    for key, entry in json.loads(capsys.readouterr().out)["protocols"].items():
        versus = results(runs[0])["protocols"][key]["versus"][entry["reference"]["system"]]
        ours = entry["rows"][0]["versus"]
        assert ours["difference"] == pytest.approx(versus["gain"])
        for seed, pair in versus["seeds"].items():
            assert ours["seeds"][seed]["p"] == pair["p"]
            assert ours["seeds"][seed]["only_this_right"] == pair["only_model_right"]


class Tags(HTMLParser):
    """Notices tags that are not closed and files from elsewhere."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {"src", "href", "srcset"} & dict(attrs).keys(), f"<{tag}> needs another file"
        if tag not in WITHOUT_END:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag, attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_of_one_run_has_what_its_results_say(runs: Runs, tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.html"
    assert run(["report", str(runs[0]), "-o", str(path)]) == 0
    text = path.read_text()
    Tags(text)
    one = results(runs[0])
    for words in (
        one["command"],
        one["data"]["fingerprint"],
        "Confusion, linear probe",
        "Loss in training",
        "scale=",
    ):
        assert words in text
    assert "Embedding map of the test clips" not in text


def test_html_is_that_of_evaluate_but_for_the_pictures(runs: Runs, tmp_path: Path) -> None:
    """Tables, curves and confusions are the same, read back from the files."""
    store = runs[0].parent / "store"
    assert run(["evaluate", str(runs[0]), str(store), "--protocol", "linear,knn"]) == 0
    whole = (runs[0] / "evaluation" / "xview" / "report.html").read_text()
    path = tmp_path / "a.html"
    assert run(["report", str(runs[0]), "-o", str(path)]) == 0
    lines = [line for line in path.read_text().splitlines() if "<svg" in line or "<table" in line]
    assert len(lines) >= 3
    for line in lines:
        assert line in whole


def test_several_runs_have_their_comparison_on_top(runs: Runs, tmp_path: Path) -> None:
    for name in ("ab.html", "ab.md"):
        path = tmp_path / name
        assert run(["report", *map(str, runs), "-o", str(path)]) == 0
        text = path.read_text()
        top = text.index("McNemar p, seed by seed")
        for one in runs:
            assert top < text.index(results(one)["command"])
        assert "Different epochs of training" in text
    Tags((tmp_path / "ab.html").read_text())


def test_markdown_is_a_table_of_protocols_and_systems(runs: Runs, tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    assert run(["report", str(runs[0]), "-o", str(path)]) == 0
    lines = path.read_text().splitlines()
    assert lines[0] == "# scdnet on movers, xview"
    one = results(runs[0])
    head = lines.index("| protocol | trained encoder | untrained encoder | raw coordinates |")
    assert lines[head + 1] == "| --- | --- | --- | --- |"
    system = one["protocols"]["linear"]["systems"]["model"]
    low, high = (100 * end for end in system["interval"])
    seeds = ", ".join(f"{100 * value:.1f}" for value in system["seeds"].values())
    each = f" (seeds: {seeds})" if len(set(system["seeds"].values())) > 1 else ""
    expected = f"{100 * system['value']:.1f} ± {100 * system['std']:.1f} [{low:.1f}, {high:.1f}]{each}"
    assert lines[head + 2].startswith(f"| linear probe | {expected} | ")
    for row in (
        f"| command | `{one['command']}` |",
        f"| data | movers, fingerprint `{one['data']['fingerprint']}` |",
        "| split | xview |",
        "| stream | joint |",
        "| seeds | 0, 1 |",
        "| epochs of training | 1 |",
    ):
        assert row in lines
    assert any(line.startswith("| cleaning | persons=2, ") for line in lines)
    tables = [line for line in lines if line.startswith("|")]
    assert {line.count(" |") for line in tables} == {4, 2}


@pytest.fixture(scope="module")
def curved(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a protocol of several entries."""
    folder = tmp_path_factory.mktemp("curved") / "c"
    shutil.copytree(runs[0], folder)
    words = ["--protocol", "knn,few-shot", "--no-report", "--set", "few_shot.episodes=2"]
    assert run(["evaluate", str(folder), str(runs[0].parent / "store"), *words]) == 0
    return folder


def test_curves_are_files_beside_markdown(
    curved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "my page.md"
    capsys.readouterr()
    assert run(["report", str(curved), "-o", str(path)]) == 0
    picture = path.with_name("my page-few-shot.svg")
    assert capsys.readouterr().out.splitlines() == [str(path), str(picture)]
    assert "![scdnet on movers, xview: few-shot](my%20page-few-shot.svg)" in path.read_text().splitlines()
    first = picture.read_text()
    texts = [text.text for text in ElementTree.fromstring(first).iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:2] == ["scdnet on movers, xview", "Mean of 2 seeds; bands: ± 1 standard deviation"]
    assert run(["report", str(curved), "-o", str(path), "--overwrite"]) == 0
    assert picture.read_text() == first
    page = tmp_path / "new" / "page.html"
    assert run(["report", str(curved), "-o", str(page)]) == 0
    assert first.splitlines()[-2] in page.read_text()
    assert len(list(page.parent.iterdir())) == 3


def test_pictures_of_several_runs_are_numbered(curved: Path, runs: Runs, tmp_path: Path) -> None:
    path = tmp_path / "all.md"
    assert run(["report", str(runs[1]), str(curved), "-o", str(path)]) == 0
    assert [one.name for one in tmp_path.glob("*.svg")] == ["all-2-few-shot.svg"]
    text = path.read_text()
    assert text.index(f"## {curved}") < text.index("(all-2-few-shot.svg)")


def test_curves_that_several_runs_have_are_drawn_together(curved: Path, tmp_path: Path) -> None:
    """A line for the trained encoder of each, above what each run has of its own."""
    other = tmp_path / "other"
    shutil.copytree(curved, other)
    path = tmp_path / "all.md"
    assert run(["report", str(curved), str(other), "-o", str(path)]) == 0
    names = [f"all-{part}few-shot.svg" for part in ("", "1-", "2-")]
    assert sorted(one.name for one in tmp_path.glob("*.svg")) == sorted(names)
    text = path.read_text()
    places = [text.index(f"({name})") for name in names]
    assert places == sorted(places)
    assert places[0] < text.index(f"## {curved}") < places[1] < text.index(f"## {other}") < places[2]
    picture = (tmp_path / names[0]).read_text()
    texts = [one.text for one in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "movers, xview"
    assert {str(curved), str(other)} <= set(texts)
    assert "untrained encoder" not in texts
    page = tmp_path / "all.html"
    assert run(["report", str(curved), str(other), "-o", str(page)]) == 0
    Tags(page.read_text())
    assert picture.splitlines()[-2] in page.read_text().partition("Side by side")[0]


def test_pictures_are_not_overwritten_silently(
    curved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written, not even the page, when one of its pictures is there."""
    picture = tmp_path / "a-few-shot.svg"
    picture.write_text("mine")
    capsys.readouterr()
    assert run(["report", str(curved), "-o", str(tmp_path / "a.md")]) == 2
    assert capsys.readouterr().err == f"skelact: {picture} exists. --overwrite replaces it\n"
    assert picture.read_text() == "mine"
    assert not (tmp_path / "a.md").exists()
    assert run(["report", str(curved), "-o", str(tmp_path / "a.md"), "--overwrite"]) == 0
    assert picture.read_text().startswith("<svg")


def test_nothing_is_overwritten_silently(runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.md"
    path.write_text("mine")
    capsys.readouterr()
    assert run(["report", str(runs[0]), "-o", str(path)]) == 2
    assert capsys.readouterr().err == f"skelact: {path} exists. --overwrite replaces it\n"
    assert path.read_text() == "mine"
    assert run(["report", str(runs[0]), "-o", str(path), "--overwrite"]) == 0
    assert path.read_text().startswith("# scdnet on movers")
    for name in ("a.pdf", "a"):
        assert run(["report", str(runs[0]), "-o", str(tmp_path / name)]) == 2
        assert "expected a file that ends in .html or .md" in capsys.readouterr().err


def test_what_cannot_be_compared_is_one_sentence(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = map(str, runs)
    changed = tmp_path / "b" / "evaluation" / "xview"
    changed.mkdir(parents=True)
    values = results(runs[1])
    values["data"]["cleaning"] |= {"clean.scale": "bones"}
    (changed / "results.json").write_text(json.dumps(values))
    (changed / "predictions.csv").write_bytes((runs[1] / "evaluation" / "xview" / "predictions.csv").read_bytes())
    refused = {
        ("compare", a): "name at least two runs to compare, or compare one with --against baseline",
        ("compare", a, a): f"run {a} is named twice",
        ("compare", a, b, "--split", "xsub"): f"run {a} was not measured with --split xsub. It has: xview",
        ("compare", a, b, "--protocol", "kn"): "unknown protocol in these results: 'kn'; did you mean 'knn'?",
        ("compare", a, str(tmp_path / "b")): "cannot be compared: the cleaning is ",
        ("report", a, str(tmp_path / "b"), "-o", str(tmp_path / "x.md")): "cannot be compared: the cleaning is ",
        ("report", "-o", str(tmp_path / "x.md")): "name at least one run",
    }
    for words, message in refused.items():
        capsys.readouterr()
        assert run(list(words)) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert message in shown.err
        assert shown.err.count("\n") == 1
    assert not (tmp_path / "x.md").exists()


def test_the_interval_lies_around_the_difference(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["compare", *map(str, runs), "--json"]) == 0
    for entry in json.loads(capsys.readouterr().out)["protocols"].values():
        for row in entry["rows"][1:]:
            low, high = row["versus"]["interval"]
            assert low <= row["versus"]["difference"] <= high
            assert np.isclose(row["versus"]["difference"], row["value"] - entry["rows"][0]["value"])


@pytest.mark.slow
def test_as_processes(runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = [sys.executable, "-c", "from skelact.cli import main; main()"]
    done = subprocess.run([*start, "compare", *map(str, runs)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("movers, xview: ")
    path = tmp_path / "a.html"
    done = subprocess.run(
        [*start, "report", str(runs[0]), "-o", str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{path}\n", "")
    capsys.readouterr()
    assert run(["compare", str(tmp_path), "no"]) == 2
    assert (
        capsys.readouterr().err
        == f"skelact: run {tmp_path} has no results.json. Measure it: skelact evaluate {tmp_path} STORE\n"
    )

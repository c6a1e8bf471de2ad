"""The files of an evaluation: added to, never mixed or erased, and whatever is damaged is one sentence."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skelact.errors import FileError, UserError
from skelact.evaluation import Evaluation, evaluate
from skelact.evaluation.results.build import Truth
from skelact.evaluation.results.compare import compare
from skelact.evaluation.results.files import read_predictions, read_results_file, read_scores, write_files
from skelact.evaluation.results.fuse import fuse
from skelact.evaluation.results.stored import read_results
from skelact.report.pages import write_page

pytestmark = pytest.mark.usefixtures("fake_model")
FAST = ("few_shot.episodes=2", "semi.percent=[50]", "linear.epochs=2")


@pytest.fixture
def two(measured_run: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two runs that were measured alike."""
    runs = tmp_path / "a", tmp_path / "b"
    for run in runs:
        shutil.copytree(measured_run, run)
    return runs


def folder_of(run: Path) -> Path:
    return run / "evaluation" / "xview"


# --- adding


def test_a_second_evaluation_adds_to_the_first(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    run = kit.write_seeds(tmp_path / "run", 0, 1)
    first = evaluate(run, store_path, ["linear", "knn"], settings=FAST)
    second = evaluate(run, store_path, ["few-shot", "knn"], settings=(*FAST, "knn.k=3"))
    assert second.written.moved is None
    assert list(second.results.protocols) == ["linear", "knn", "few-shot/1", "few-shot/5"]
    assert second.results.protocols["linear"] == first.results.protocols["linear"]
    assert second.results.protocols["knn"].title == "3-NN by cosine"
    assert second.results == read_results_file(second.folder / "results.json")
    assert second.results.commands == (first.results.command, second.results.command)
    predictions = read_predictions(second.folder, second.results)
    columns = [
        f"{p}/{s}/seed-{n}" for p in ("linear", "knn") for s in ("model", "untrained", "raw") for n in (0, 1)
    ]
    assert list(predictions.predicted) == columns
    scores = read_scores(second.folder / "scores.npz").scores
    assert list(scores) == columns
    for outcomes, key in ((first.outcomes, "linear"), (second.outcomes, "knn")):
        assert scores[f"{key}/raw/seed-1"].tobytes() == outcomes[key]["raw"][1].scores.tobytes()
    compare([read_results(run)], against="baseline")


def test_numbers_of_one_protocol_with_other_settings_say_so(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    run = kit.write_run(tmp_path / "run")
    evaluate(run, store_path, ["few-shot"], settings=("few_shot.shots=[1]", "few_shot.episodes=2"))
    results = evaluate(run, store_path, ["few-shot"], settings=("few_shot.shots=[2]",)).results
    assert list(results.protocols) == ["few-shot/1", "few-shot/2"]
    assert results.every_caveat == ["few-shot/2 was measured with other settings than few-shot/1."]


def test_results_of_other_weights_are_moved_and_never_mixed(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    run = kit.write_seeds(tmp_path / "run", 0, 1)
    first = evaluate(run, store_path, ["linear"], settings=FAST)
    (first.folder / "report.html").write_text("first")
    (run / "seed-1" / "model.safetensors").write_text("trained again")
    second = evaluate(run, store_path, ["knn"])
    moved = first.folder / "earlier-1"
    assert second.written.moved == moved
    assert second.written.why == (
        f"The results that were there could not be added to, and are now in {moved}: the run's weights "
        "differ from before"
    )
    assert list(second.results.protocols) == ["knn"]
    assert read_results(moved).results == first.results
    assert sorted(path.name for path in moved.iterdir()) == [
        "predictions.csv",
        "report.html",
        "results.json",
        "scores.npz",
    ]
    third = evaluate(run, store_path, ["knn"], seeds=[0])
    assert third.written.moved == first.folder / "earlier-2"
    assert read_results(run).results == third.results, "what was moved is no evaluation of the run"


@pytest.mark.parametrize("name", ["results.json", "predictions.csv", "scores.npz"])
def test_damaged_files_are_moved_and_never_erased(
    name: str, kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    run = kit.write_run(tmp_path / "run")
    folder = evaluate(run, store_path, ["linear"], settings=FAST).folder
    (folder / name).write_bytes(b"damaged")
    second = evaluate(run, store_path, ["knn"])
    assert list(second.results.protocols) == ["knn"]
    assert str(folder / name) in second.written.why
    assert (folder / "earlier-1" / name).read_bytes() == b"damaged"


def test_results_of_the_format_before_are_refused_and_moved(
    kit: SimpleNamespace, store_path: Path, tmp_path: Path
) -> None:
    run = kit.write_run(tmp_path / "run")
    path = run / "evaluation" / "xview" / "results.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"format": 1, "protocols": {}}')
    with pytest.raises(FileError) as error:
        read_results(run)
    assert str(error.value) == f"{path}: format 1, this version reads format 2. Measure the run again"
    assert evaluate(run, store_path, ["knn"]).written.moved == path.parent / "earlier-1"


def _write_one(folder: Path, key: str, part: tuple[Any, ...]) -> None:
    results, truth, outcomes = part
    only = replace(results, protocols={key: results.protocols[key]})
    for _ in range(5):
        write_files(folder, only, truth, {key: outcomes[key]})


def test_two_at_once_do_not_destroy_each_other(kit: SimpleNamespace, store_path: Path, tmp_path: Path) -> None:
    names = ["linear", "knn", "few-shot"]
    whole: Evaluation = evaluate(kit.write_run(tmp_path / "run"), store_path, names, settings=FAST)
    rows = whole.split.test
    truth = Truth.of(whole.store, whole.split, np.zeros(len(rows), dtype=bool))
    part = whole.results, truth, {key: dict(systems) for key, systems in whole.outcomes.items()}
    writers = [Thread(target=_write_one, args=(tmp_path / "both", key, part)) for key in whole.results.protocols]
    for one in writers:
        one.start()
    for one in writers:
        one.join(120)
    found = read_results_file(tmp_path / "both" / "results.json")
    assert found.protocols == whole.results.protocols
    read_predictions(tmp_path / "both", found)
    assert not list((tmp_path / "both").glob("*.partial"))


# --- damage

HUGE = 10**400
OTHERS: tuple[Any, ...] = (None, "text", HUGE, -HUGE, float("nan"), 1e308, -1, 2.5, [], {}, [[]], True)


def keys_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything in plain values."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield from keys_of(one, (*path, key))


def changed(text: str, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> str:
    values = json.loads(text)
    parent = values
    for key in path[:-1]:
        parent = parent[key]
    change(parent, path[-1])
    return json.dumps(values)


def put(other: Any) -> Callable[[Any, Any], None]:
    def change(parent: Any, key: Any) -> None:
        parent[key] = other

    return change


def drop(parent: Any, key: Any) -> None:
    del parent[key]


def sentence_of(read: Callable[[], object]) -> str:
    """What a ``UserError`` says; nothing where there is none. Any other exception fails the test."""
    try:
        read()
    except UserError as error:
        return str(error)
    return ""


def readers(a: Path, b: Path, out: Path) -> dict[str, Callable[[], object]]:
    return {
        "report": lambda: write_page([read_results(a)], out / "a.html", overwrite=True),
        "markdown": lambda: write_page([read_results(a)], out / "a.md", overwrite=True),
        "report of several": lambda: write_page(
            [read_results(a), read_results(b)], out / "ab.html", overwrite=True
        ),
        "compare": lambda: compare([read_results(a), read_results(b)]),
        "fuse": lambda: fuse([read_results(a), read_results(b)], out / "fused"),
    }


# Keys whose values may be anything plain, and texts that nothing else depends on.
FREE = ("settings", "model", "cleaning")


def test_every_key_of_results_is_checked(two: tuple[Path, Path]) -> None:
    """Each key dropped, and changed to other types: a sentence that names the file, or a value that fits."""
    path = folder_of(two[0]) / "results.json"
    values = json.loads(path.read_text())
    values["protocols"] = {key: values["protocols"][key] for key in ("linear", "few-shot/1")}
    text = json.dumps(values)
    path.write_text(text)
    paths = list(keys_of(values))
    assert len(paths) > 300
    tried = refused = 0
    for number, way in enumerate(paths):
        free = bool(set(FREE) & set(way))
        others = [OTHERS[(number + k) % len(OTHERS)] for k in (0, 5)]  # all of them, by turns
        for change in [put(HUGE), put(float("nan"))] if free else [drop, *map(put, others)]:
            path.write_text(changed(text, way, change))
            tried += 1
            sentence = sentence_of(lambda: read_results_file(path))
            if sentence:
                assert sentence.startswith(f"{path}: ")
                assert sentence.endswith("Measure the run again")
                refused += 1
            elif change is drop:
                may_go = isinstance(way[-1], int) or way[-2:-1] == ("protocols",) or free
                assert may_go, f"{way} can be left out"
    assert refused > 0.9 * tried


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_reader_of_changed_results_gives_a_sentence_or_its_result(
    two: tuple[Path, Path], tmp_path: Path, data: st.DataObject
) -> None:
    path = folder_of(two[0]) / "results.json"
    backup = path.with_name("backup")
    if not backup.exists():
        shutil.copy(path, backup)
    text = backup.read_text()
    way = data.draw(st.sampled_from(list(keys_of(json.loads(text)))))
    change = data.draw(st.sampled_from([drop, *map(put, OTHERS)]))
    path.write_text(changed(text, way, change))
    for read in readers(*two, tmp_path).values():
        assert "\n" not in sentence_of(read)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"format": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"format": ' + b"9" * 4000 + b"}", "format with too many digits, this version reads format 2"),
        (b"[]", "the whole: expected an object, got a list"),
        (b"null", "the whole: expected an object, got null"),
        (b'{"format": 2}', "version: missing"),
        (b'{"format": "2"}', "version: missing"),
        (b'{"format": 2, "more": 1}', "more: unknown key"),
    ],
)
def test_what_is_no_results_file_is_one_sentence(
    text: bytes, words: str, two: tuple[Path, Path], tmp_path: Path
) -> None:
    path = folder_of(two[0]) / "results.json"
    path.write_bytes(text)
    for read in readers(*two, tmp_path).values():
        with pytest.raises(FileError) as error:
            read()
        assert str(error.value).startswith(f"{path}: {words}")
        assert str(error.value).endswith("Measure the run again")


def test_deep_plain_values_are_refused(two: tuple[Path, Path]) -> None:
    path = folder_of(two[0]) / "results.json"
    deep: Any = 1
    for _ in range(30):
        deep = [deep]
    path.write_text(changed(path.read_text(), ("model", "info"), put(deep)))
    with pytest.raises(FileError, match="more than 20 levels deep"):
        read_results(two[0])


def test_truncated_files_are_one_sentence(two: tuple[Path, Path], tmp_path: Path) -> None:
    for name in ("results.json", "predictions.csv", "scores.npz"):
        path = folder_of(two[0]) / name
        whole = path.read_bytes()
        for share in (0.0, 0.2, 0.5, 0.9, 0.99):
            path.write_bytes(whole[: int(share * len(whole))])
            for reader, read in readers(*two, tmp_path).items():
                uses = {"results.json": True, "predictions.csv": reader in ("compare", "report of several")}
                if uses.get(name, reader == "fuse"):
                    with pytest.raises(FileError) as error:
                        read()
                    assert str(error.value).startswith(f"{path}: ")
        path.write_bytes(whole)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), byte=st.integers(0, 255))
def test_a_changed_byte_of_the_scores_is_a_sentence_or_no_change(
    two: tuple[Path, Path], tmp_path: Path, place: float, byte: int
) -> None:
    path = folder_of(two[0]) / "scores.npz"
    backup = path.with_name("backup")
    if not backup.exists():
        shutil.copy(path, backup)
    content = bytearray(backup.read_bytes())
    content[int(place * (len(content) - 1))] = byte
    path.write_bytes(content)
    assert "\n" not in sentence_of(lambda: fuse([read_results(one) for one in two], tmp_path / "fused"))


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("names", None, "names: expected a list"),
        ("names", np.array([1, 2]), "names: expected a list"),
        ("labels", np.array([0.5] * 24), "labels: expected a list"),
        ("labels", np.full(24, 7), "labels: expected 0 to 2"),
        ("labels", np.zeros(3, int), "names, labels and duplicates differ in length"),
        ("duplicates", np.zeros(5, bool), "names, labels and duplicates differ in length"),
        (
            "scores/linear/model/seed-0",
            np.zeros((3, 2), np.float32),
            "linear/model/seed-0 is (3, 2), expected (24, 3)",
        ),
        ("scores/linear/model/seed-0", np.full((24, 3), np.nan, np.float32), "expected finite numbers in float32"),
        ("scores/linear/model/seed-0", np.zeros((24, 3)), "expected finite numbers in float32"),
        ("scores/linear/model/seed-0", np.array([{}], dtype=object), "not a complete file of scores"),
    ],
)
def test_scores_of_another_form_are_one_sentence(
    name: str, values: Any, words: str, two: tuple[Path, Path]
) -> None:
    path = folder_of(two[0]) / "scores.npz"
    with np.load(path) as arrays:
        content = dict(arrays)
    del content[name]
    np.savez(path, **(content if values is None else content | {name: values}))
    with pytest.raises(FileError) as error:
        read_scores(path)
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("bow\r\n", "sleep\r\n"), "'sleep' is not a class of results.json beside it"),
        (lambda text: text.replace("knn/raw/seed-0", "knn/raw/seed-1", 1), "each column once"),
        (lambda text: text.replace("knn/raw/seed-0", "knn", 1), "not a complete table of predictions"),
        (lambda text: text.replace("knn/raw/seed-0", "knn/raw/seed-9", 1), "results.json says nothing of it"),
        (lambda text: text.rsplit("\r\n", 2)[0] + "\r\n", "expected 24 test clips"),
        (lambda text: text + '"' + "x" * 200_000, "not a complete table of predictions"),
        (lambda text: text[:0], "not a complete table of predictions"),
    ],
)
def test_predictions_of_another_form_are_one_sentence(
    change: Callable[[str], str], words: str, two: tuple[Path, Path]
) -> None:
    path = folder_of(two[0]) / "predictions.csv"
    path.write_bytes(change(path.read_bytes().decode()).encode())
    with pytest.raises(FileError) as error:
        compare([read_results(one) for one in two])
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)

"""PKU-MMD: recordings in the real format, made of movers, from files to the parts of a split."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from skelact.cli import run
from skelact.datasets import DATASETS
from skelact.datasets.pku_mmd import find_lists, read_list
from skelact.datasets.synthetic import make_movers
from skelact.datasets.synthetic.actions import ACTIONS
from skelact.errors import FileError, UserError
from skelact.importing import run as importing
from skelact.importing import sources
from skelact.importing.run import import_recordings
from skelact.readers import read
from skelact.readers.pku_mmd import CLASSES
from skelact.sequences import Segment
from skelact.sequences.store import Store
from skelact.skeletons import NTU25

ONE, TWO = DATASETS["pku-mmd1"], DATASETS["pku-mmd2"]
GAP = 7  # frames without an action between two actions


def write_recording(path: Path, seed: int, actions: int) -> tuple[NDArray[np.float64], list[Segment]]:
    """A recording as PKU-MMD has it; its positions (T, 2, 25, 3), 0 for an absent person; and its segments."""
    blocks: list[NDArray[np.float64]] = []
    segments: list[Segment] = []
    frames = 0
    for number, mover in enumerate(make_movers(actions, seed, NTU25, missing=0.0)):
        still = np.repeat(mover.positions[:1], GAP, axis=0)
        for part in (still, mover.positions):
            block = np.zeros((len(part), 2, 25, 3))
            block[:, : mover.persons] = part
            blocks.append(block.round(6))
            frames += len(part)
        segments.append(Segment(frames - mover.frames, frames, CLASSES[(7 * number + seed) % len(CLASSES)]))
    positions = np.concatenate(blocks)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, positions.reshape(frames, -1), fmt="%.6f", newline="\n ")
    return positions, segments


def write_labels(path: Path, segments: list[Segment]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{CLASSES.index(s.label) + 1},{s.start + 1},{s.end},2\n" for s in segments))


def write_list(path: Path, train: list[str], test: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"Training videos: \n{', '.join(train)}, \n\nValidataion videos: \n{', '.join(test)}, \n")


def part_1(folder: Path, videos: int = 2, actions: int = 3) -> dict[str, list[Segment]]:
    """Part I as it is distributed: videos 2, 3, ... in three views, the last video tests, and so does view L."""
    written = {}
    for video in range(2, videos + 2):
        for place, view in enumerate("LMR"):
            name = f"{video:04d}-{view}"
            file = folder / "Data" / "PKU_Skeleton_Renew" / f"{name}.txt"
            _, written[name] = write_recording(file, 10 * video + place, actions)
            write_labels(folder / "Label" / "Train_Label_PKU_final" / f"{name}.txt", written[name])
    last = f"{videos + 1:04d}"
    for file, tests in (("cross-subject", lambda n: n[:4] == last), ("cross-view", lambda n: n[5] == "L")):
        train, test = [n for n in written if not tests(n)], [n for n in written if tests(n)]
        write_list(folder / "Split" / f"{file}.txt", train, test)
    return written


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "PKUMMD"
    part_1(folder)
    return folder


@pytest.fixture
def source(made: Path, tmp_path: Path) -> Path:
    """A source that a test may change."""
    for path in made.rglob("*.txt"):
        copy = tmp_path / "PKUMMD" / path.relative_to(made)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return tmp_path / "PKUMMD"


def label_file(source: Path, name: str) -> Path:
    return source / "Label" / "Train_Label_PKU_final" / f"{name}.txt"


def skeleton_file(source: Path, name: str) -> Path:
    return source / "Data" / "PKU_Skeleton_Renew" / f"{name}.txt"


def test_from_files_to_the_parts_of_a_split(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["import", str(made), "--dataset", "pku-mmd1", "-o", str(tmp_path / "store"), "--clean", "none"]
    assert run(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"{tmp_path / 'store'}: 18 sequences\n")
    assert "\nsplit xsub: train 9, test 9\nsplit xview: train 12, test 6\n" in out
    assert re.search(r"^pku-mmd1 is not as published: 18 clips of 21,?545, 21,?527 missing$", out, re.MULTILINE)
    assert "6 of 1,076 recordings are here.\n" in out
    store = Store(tmp_path / "store")
    assert set(store.tags) == {
        "camera", "recording", "segment", "segment_end", "segment_start", "source", "video", "xsub", "xview",
    }  # fmt: skip
    train, test = store.parts("xview")
    assert set(store.columns["camera"][train]) == {"M", "R"}
    assert set(store.columns["camera"][test]) == {"L"}
    assert set(store.columns["video"][store.parts("xsub")[1]]) == {3}
    assert [len(part) for part in store.parts("xsub", "camera=R")] == [6, 3]
    capsys.readouterr()
    assert run(["inspect", str(tmp_path / "store"), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["sequences"], values["skeleton"], values["fps"]) == (18, "ntu25", 30.0)
    assert (sum(values["labels"].values()), values["segments"]) == (18, {})


def test_clips_are_the_frames_of_their_segments(tmp_path: Path) -> None:
    name = "0002-M"
    positions, segments = write_recording(tmp_path / "in" / "skeleton" / f"{name}.txt", 5, len(ACTIONS))
    write_labels(tmp_path / "in" / "label" / f"{name}.txt", segments)
    import_recordings(tmp_path / "in", tmp_path / "out", dataset="pku-mmd1", clean="none")
    store = Store(tmp_path / "out")
    assert store.columns["name"].tolist() == [f"{name}_{number:03d}" for number in range(1, len(ACTIONS) + 1)]
    both = 0
    for row, segment in enumerate(segments):
        clip = store.sequence(row)
        assert (clip.label, clip.segments) == (segment.label, ())
        assert clip.tags["segment_start"] == segment.start
        expected = positions[segment.start : segment.end]
        expected = np.where((expected == 0).all(axis=(2, 3), keepdims=True), np.nan, expected)
        np.testing.assert_allclose(clip.positions, expected, rtol=1e-6)
        both += clip.valid[:, 1].any()
    assert 0 < both < len(ACTIONS)  # some actions take two


def test_part_two(tmp_path: Path) -> None:
    written = {}
    for name in ("A01N01-L", "A01N13-M", "A26N02-R"):
        _, written[name] = write_recording(tmp_path / "in" / "skeletons" / f"{name}.txt", len(written), 2)
        write_labels(tmp_path / "in" / "label" / f"{name}.txt", written[name])
    write_list(tmp_path / "in" / "cross_subject_v2.txt", ["A01N01-L", "A26N02-R"], ["A01N13-M"])
    write_list(tmp_path / "in" / "cross_view_v2.txt", ["A01N13-M", "A26N02-R"], ["A01N01-L"])
    report = import_recordings(tmp_path / "in", tmp_path / "out", dataset="pku-mmd2")
    assert (report.imported, report.left_out, report.caveats) == (6, (), ())
    assert report.splits == {"xsub": {"train": 4, "test": 2}, "xview": {"train": 4, "test": 2}}
    assert report.check is not None
    assert report.check.text == "pku-mmd2: 6 clips, no published count to compare with"
    store = Store(tmp_path / "out")
    assert store.columns["subject"].tolist() == [1, 1, 13, 13, 2, 2]
    assert store.columns["order"].tolist() == [1, 1, 1, 1, 26, 26]
    with pytest.raises(UserError, match=r"^no clip of PKU-MMD I in .* or below, looked for NNNN-V\.txt \(number"):
        ONE.find(tmp_path / "in")


def test_recordings_stay_whole_when_asked(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = {name: len(label_file(source, name).read_text().splitlines()) for name in ("0002-L", "0003-R")}
    words = ["import", str(source), "--dataset", "pku-mmd1", "--untrimmed", "-o", str(tmp_path / "store")]
    assert run([*words, "--clean", "none"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{tmp_path / 'store'}: 6 sequences\nlabels: (none) 6\nsplit xsub: train 3, test 3\n")
    assert "published" not in out
    store = Store(tmp_path / "store")
    store.verify()
    for row, name in ((0, "0002-L"), (5, "0003-R")):
        back = store.sequence(row)
        original = ONE.read(skeleton_file(source, name))
        assert (back.name, back.label, len(back.segments)) == (name, None, counts[name])
        assert back.segments == original.segments
        np.testing.assert_array_equal(back.positions, original.positions)
    assert "segments" not in store.tags
    assert run(["inspect", str(tmp_path / "store")]) == 0
    out = capsys.readouterr().out
    assert "nothing looks wrong\n" in out
    assert "label" in out
    assert "published" not in out
    assert run([*words, "--clean", "none"]) == 0  # again: nothing to do
    assert run(words[:4] + words[5:] + ["--clean", "none"]) == 2
    assert "holds another import: untrimmed is True there and 'not given' now" in capsys.readouterr().err


def test_cleaning_moves_segments_with_the_frames(tmp_path: Path) -> None:
    positions, segments = write_recording(tmp_path / "in" / "skeleton" / "0009-L.txt", 1, 2)
    empty = "\n".join([" ".join(["0.000000"] * 150)] * 20)
    file = tmp_path / "in" / "skeleton" / "0009-L.txt"
    file.write_text(empty + "\n" + file.read_text())
    later = [Segment(one.start + 20, one.end + 20, one.label) for one in segments]
    write_labels(tmp_path / "in" / "label" / "0009-L.txt", [Segment(4, 30, "bow"), Segment(2, 9, "drop"), *later])
    import_recordings(tmp_path / "in", tmp_path / "out", dataset="pku-mmd1", untrimmed=True)
    back = Store(tmp_path / "out").sequence(0)
    assert back.frames == len(positions)
    assert back.segments == (Segment(0, 10, "bow"), *segments)
    report = import_recordings(tmp_path / "in", tmp_path / "clips", dataset="pku-mmd1")
    reason = "sequence '0009-L_002': no joint is observed in any frame"
    assert [(one.path.name, one.reason) for one in report.left_out] == [("0009-L.txt", reason)]
    assert report.imported == 3


FAULTS: dict[str, tuple[Callable[[int], str], str]] = {
    "an unknown class": (lambda _: "52,1,9,2", "class 52 is none of PKU-MMD's (1 to 51)"),
    "class 0": (lambda _: "0,1,9,2", "class 0 is none of PKU-MMD's (1 to 51)"),
    "behind the end": (
        lambda frames: f"1,9,{frames + 1},2",
        "frames 9 to {more} are outside of the recording, which has {frames} frames",
    ),
    "nothing": (lambda _: "1,0,0,2", "frames 0 to 0 are outside of the recording, which has {frames} frames"),
    "backwards": (lambda _: "1,9,8,2", "frames 9 to 8: the end is before the start"),
    "negative": (lambda _: "1,-3,8,2", "frames -3 to 8: a frame number cannot be negative"),
    "text": (lambda _: "1,a,8,2", "expected the first frame, a whole number: '1,a,8,2'"),
    "a part of a frame": (lambda _: "1,2,8.5,2", "expected the last frame, a whole number: '1,2,8.5,2'"),
    "too few values": (lambda _: "1,2", "expected class,start,end,confidence, got 2 values: '1,2'"),
    "two lines in one": (
        lambda _: "1,2,8,23,9,12,2",
        "expected class,start,end,confidence, got 7 values: '1,2,8,23,9,12,2'",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_label_does_not_affect_the_others(
    source: Path, tmp_path: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, reason = FAULTS[fault]
    file = label_file(source, "0002-M")
    frames = len(skeleton_file(source, "0002-M").read_text().strip().splitlines())
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], make(frames), *lines[1:]]))
    assert run(["import", str(source), "--dataset", "pku-mmd1", "-o", str(tmp_path / "store")]) == 3
    out, err = capsys.readouterr()
    assert out.startswith(f"{tmp_path / 'store'}: 18 sequences\n")
    expected = reason.format(frames=frames, more=frames + 1)
    assert err == f"left out: 1 files\n  {file}: line 2: {expected}\n"
    with pytest.raises(FileError) as caught:
        read(skeleton_file(source, "0002-M"))
    ending = ". To read 0002-M.txt without labels: labels=none"
    assert str(caught.value) == f"{file}, line 2: {expected}{ending}"
    assert read(skeleton_file(source, "0002-M"), labels="none").segments == ()


def test_what_labels_may_be(tmp_path: Path) -> None:
    positions, _ = write_recording(tmp_path / "in" / "skel" / "0002-L.txt", 0, 1)
    labels = tmp_path / "in" / "Label" / "0002-L.txt"
    labels.parent.mkdir()
    labels.write_bytes(f"\ufeff3,1,10,2\r\n 4 , 0, 5\r\n\r\n5,7,{len(positions)}.0,1".encode())
    recording = ONE.read(tmp_path / "in" / "skel" / "0002-L.txt")
    assert recording.segments == (
        Segment(0, 10, "brushing teeth"),
        Segment(0, 5, "check time (from watch)"),
        Segment(6, len(positions), "cheer up"),
    )
    listing = ONE.find(tmp_path / "in")
    assert listing.caveats[-1] == (
        f"Segments overlap in 1 recordings, the first {labels}: frames 1 to 5 (check time (from watch)) and "
        "1 to 10 (brushing teeth). All are taken."
    )


def test_recordings_and_labels_without_each_other(source: Path, tmp_path: Path) -> None:
    label_file(source, "0002-L").unlink()
    label_file(source, "0002-M").write_text("")
    label_file(source, "0002-R").write_bytes(b"\0\1\2")
    skeleton_file(source, "0003-L").unlink()
    skeleton_file(source, "0003-M").write_text("0.1 0.2 zero\n")
    twice = source / "Data" / "again" / "0003-R.txt"
    twice.parent.mkdir()
    twice.write_bytes(skeleton_file(source, "0003-R").read_bytes())
    report = import_recordings(source, tmp_path / "out", dataset="pku-mmd1")
    assert report.imported == 3
    reasons = {str(one.path.relative_to(source)): one.reason for one in report.left_out}
    data, label = "Data/PKU_Skeleton_Renew", "Label/Train_Label_PKU_final"
    assert reasons == {
        f"{data}/0002-L.txt": "has no labels: looked for 0002-L.txt in folders with 'label' in their name, "
        "beside it and above",
        f"{label}/0003-L.txt": "holds labels of 0003-L, which is not here",
        "Data/again/0003-R.txt": f"the same recording as {skeleton_file(source, '0003-R')}",
        f"{label}/0002-M.txt": "the file is empty",
        f"{label}/0002-R.txt": "is not a text file",
        f"{data}/0003-M.txt": "line 1: expected 150 numbers (2 people x 25 joints x 3), got 3: '0.1 0.2 zero'",
    }


def test_processes_and_interruptions_change_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = label_file(source, "0002-R")
    file.write_text(file.read_text() + "99,1,2,1\n")
    straight = import_recordings(source, tmp_path / "straight", dataset="pku-mmd1", processes=1)
    assert (straight.imported, len(straight.left_out)) == (18, 1)
    monkeypatch.setattr(sources, "FEW_BYTES", 0)
    monkeypatch.setattr(sources, "CHUNK_BYTES", 1 << 20)
    import_recordings(source, tmp_path / "shared", dataset="pku-mmd1", processes=2)

    writer_add = importing.StoreWriter.add
    for stop in (1, 4, 5, 9, 17):  # in the middle of a recording, or at its end
        out = tmp_path / f"stopped-{stop}"
        left = [stop]

        def add(writer: importing.StoreWriter, sequence: object, left: list[int] = left) -> None:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            writer_add(writer, sequence)  # type: ignore[arg-type]

        monkeypatch.setattr(importing.StoreWriter, "add", add)
        with pytest.raises(KeyboardInterrupt):
            import_recordings(source, out, dataset="pku-mmd1", processes=1)
        assert len(Store(out)) == stop
        assert not Store(out).info["complete"]
        monkeypatch.setattr(importing.StoreWriter, "add", writer_add)
        assert import_recordings(source, out, dataset="pku-mmd1", processes=1).left_out == straight.left_out
    for name in ("shared", "stopped-1", "stopped-4", "stopped-5", "stopped-9", "stopped-17"):
        for path in (tmp_path / "straight").iterdir():
            assert (tmp_path / name / path.name).read_bytes() == path.read_bytes(), (name, path.name)


def test_changed_labels_do_not_mix(source: Path, tmp_path: Path) -> None:
    import_recordings(source, tmp_path / "out", dataset="pku-mmd1")
    label_file(source, "0002-L").write_text("1,1,20,1\n")
    with pytest.raises(UserError, match="holds another import: names_and_sizes is '"):
        import_recordings(source, tmp_path / "out", dataset="pku-mmd1")


def test_lists_of_splits(tmp_path: Path) -> None:
    path = tmp_path / "cross-subject.txt"
    write_list(path, ["0002-L", "0003-R"], ["0004-M"])
    assert read_list(path) == {"0002-L": "train", "0003-R": "train", "0004-M": "test"}
    path.write_text("Training videos:0002-L,0003-R\nTesting videos:0004-M")
    assert read_list(path) == {"0002-L": "train", "0003-R": "train", "0004-M": "test"}
    wanted = "expected 'Training videos:' or 'Validation videos:' above the names"
    for text, message in (
        ("Training videos:\n0002-L\nValidation videos:\n0002-L", ", line 4: 0002-L is in both parts"),
        ("0002-L, 0003-M", f", line 1: {wanted}, got '0002-L, 0003-M'"),
        ("Other videos:\n0002-L", f", line 1: {wanted}, got 'Other videos:'"),
        ("<html>", ": names no recordings; expected names such as 0002-L, separated by commas"),
    ):
        path.write_text(text)
        with pytest.raises(FileError) as caught:
            read_list(path)
        assert str(caught.value) == f"{path}{message}"


def test_where_lists_may_lie(tmp_path: Path) -> None:
    names = ("cross-subject.txt", "Split/cross_view.txt", "Splitv2/cross_subject_v2.txt", "Split/other.txt")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_lists(tmp_path / "Data" / "PKU_Skeleton_Renew" / "0002-L.txt")
    assert found == {
        "xsub": [tmp_path / names[0], tmp_path / names[2]],
        "xview": [tmp_path / names[1]],
    }


def test_caveats_on_lists(source: Path, tmp_path: Path) -> None:
    write_list(source / "Split" / "cross-subject.txt", ["0002-L", "0002-M", "0099-L"], ["0003-L"])
    (source / "Split" / "cross-view.txt").unlink()
    report = import_recordings(source, tmp_path / "out", dataset="pku-mmd1")
    assert report.caveats[1:] == (
        "cross-subject.txt does not name 3 of the recordings here, the first 0002-R: they are in no part of xsub.",
        "cross-subject.txt names 1 recordings that are not here, the first 0099-L.",
        "No list cross-view.txt was found, so split xview is empty. It comes with the data set.",
    )
    assert report.splits == {"xsub": {"train": 6, "test": 3}, "xview": {"train": 0, "test": 0}}


@pytest.mark.parametrize("place", ["Label/Train_Label_PKU_final", "label", "Labelv2", "Data/labels"])
def test_where_labels_may_lie(tmp_path: Path, place: str) -> None:
    skeletons = tmp_path / "pku" / "Data" / "Skeleton" / "0002-L.txt"
    _, segments = write_recording(skeletons, 0, 2)
    assert read(skeletons).segments == ()
    write_labels(tmp_path / "pku" / place / "0002-L.txt", segments)
    assert read(skeletons).segments == tuple(segments)
    assert [path.name for path in ONE.find(tmp_path / "pku").files] == ["0002-L.txt"]
    assert [path.name for path in ONE.find(skeletons.parent).files] == ["0002-L.txt"]


def test_a_recording_is_described_with_its_segments(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = skeleton_file(made, "0002-L")
    picture = tmp_path / "strip.png"
    assert run(["inspect", str(file), "--picture", str(picture)]) == 0
    out = capsys.readouterr().out
    assert picture.stat().st_size > 1000
    for segment in read(file).segments:
        assert segment.label in out
    assert run(["inspect", str(file), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (sum(values["segments"].values()), values["labels"]) == (3, {})


def test_the_command_in_a_process_of_its_own(made: Path, tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from skelact.cli import main; main()"]
    words = ["import", str(made), "--dataset", "pku-mmd1", "-o", str(tmp_path / "out"), "--processes", "2"]
    done = subprocess.run([*program, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{tmp_path / 'out'}: 18 sequences\n")


@settings(max_examples=15, deadline=None)
@given(
    spans=st.lists(st.tuples(st.integers(0, 59), st.integers(1, 60), st.integers(0, 50)), min_size=1, max_size=8),
    seed=st.integers(0, 1000),
)
def test_what_was_labelled_comes_back(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int, int]], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(60, 2, 25, 3)).round(6)
    values[rng.random(60) < 0.3, 1] = 0
    segments = [Segment(min(a, b - 1), b, CLASSES[c]) for a, b, c in spans]
    (folder / "skel").mkdir()
    np.savetxt(folder / "skel" / "0100-R.txt", values.reshape(60, 150), fmt="%.6f")
    write_labels(folder / "label" / "0100-R.txt", segments)
    recording = read(folder / "skel" / "0100-R.txt")
    assert recording.segments == tuple(segments)
    expected = np.where((values == 0).all(axis=(2, 3), keepdims=True), np.nan, values)
    np.testing.assert_array_equal(recording.positions, expected.astype(np.float32))
    clips = list(recording.clips())
    assert [clip.label for clip in clips] == [one.label for one in segments]
    for clip, one in zip(clips, segments, strict=True):
        np.testing.assert_array_equal(clip.positions, recording.positions[one.start : one.end])


def test_classes() -> None:
    assert ONE.classes == TWO.classes == CLASSES
    assert (len(CLASSES), CLASSES[0], CLASSES[7], CLASSES[33], CLASSES[50]) == (
        51, "bow", "drink water", "standing up", "writing",
    )  # fmt: skip
    assert list(CLASSES) == sorted(CLASSES)  # the numbers of the actions follow the alphabet

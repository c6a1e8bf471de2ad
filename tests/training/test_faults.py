"""What happens to a run when its files are damaged, its disk is full, or another process has it."""

import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from skelact.cli import run as command
from skelact.errors import UserError
from skelact.importing.run import import_recordings
from skelact.models import Model, weights
from skelact.runtime import locking
from skelact.runtime.device import choose_device
from skelact.runtime.files import Damaged
from skelact.sequences.store import Store
from skelact.settings import (
    DataSettings,
    Recipe,
    SCDNetEncoderSettings,
    SCDNetSettings,
    TrainSettings,
    ViewSettings,
    to_toml,
)
from skelact.training import Progress, Stopped, pretrain
from skelact.training.checkpoint import all_checkpoints, read_checkpoint

RECIPE = Recipe(
    data=DataSettings(frames=8),
    views=ViewSettings(min_frames=8),
    encoder=SCDNetEncoderSettings(graph_widths=(4,), width=8, heads=2, dropout=0.1),
    method=SCDNetSettings(queue=16, projection=8),
    train=TrainSettings(
        epochs=3, batch=8, lr=0.05, milestones=(2,), checkpoint_every=1, keep_checkpoints=3, seed=7
    ),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("stores") / "movers"
    import_recordings(None, path, dataset="movers", clips=24, seed=0, processes=1)
    return Store(path)


@pytest.fixture(scope="module")
def whole(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that was never stopped."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    pretrain(store, path, RECIPE)
    return path


@pytest.fixture(scope="module")
def stopped(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that was stopped in its third epoch, with three checkpoints."""
    path = tmp_path_factory.mktemp("runs") / "stopped"

    def interrupt(progress: Progress) -> None:
        if progress.step == 7:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Stopped):
        pretrain(store, path, RECIPE, progress=interrupt)
    assert [one.stem for one in all_checkpoints(path / "checkpoints")] == [
        "epoch-00001-step-00000",
        "epoch-00002-step-00000",
        "epoch-00002-step-00001",
    ]
    return path


@pytest.fixture
def run(stopped: Path, tmp_path: Path) -> Path:
    """A copy of it, to do harm to."""
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def newest(run: Path, suffix: str = ".json") -> Path:
    return all_checkpoints(run / "checkpoints")[-1].with_suffix(suffix)


def assert_same(one: Path, other: Path) -> None:
    """The same weights and the same metrics, bit for bit."""
    mine, theirs = (load_file(run / "model.safetensors") for run in (one, other))
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        assert torch.equal(value, theirs[name]), name
    assert metrics(one) == metrics(other)


def metrics(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "clips_per_second"} for line in lines]


def change_bit(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    path.write_bytes(bytes(content))


HARM: dict[str, Callable[[Path], Any]] = {
    "emptied": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "flipped": lambda path: change_bit(path, path.stat().st_size * 8 - 100),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
}


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_checkpoint_is_named_and_the_one_before_used(
    run: Path, store: Store, whole: Path, harm: str, suffix: str
) -> None:
    bad = newest(run, suffix)
    HARM[harm](bad)
    said: list[str] = []
    pretrain(store, run, resume=True, warn=said.append)
    assert len(said) == 1
    assert said[0].startswith(f"{bad} is damaged: ")
    assert said[0].endswith(". epoch-00002-step-00000, the checkpoint before, is used")
    assert_same(run, whole)
    assert bad.with_name(f"{bad.name}.damaged").is_file()


def test_weights_that_are_gone_are_a_damaged_checkpoint(run: Path, store: Store, whole: Path) -> None:
    newest(run, ".safetensors").unlink()
    with pytest.warns(UserWarning, match="not found, though epoch-00002-step-00001.json names it. epoch-0"):
        pretrain(store, run, resume=True)
    assert_same(run, whole)


def test_every_changed_bit_is_seen(stopped: Path, tmp_path: Path) -> None:
    draw, good = random.Random(0), read_checkpoint(newest(stopped))
    for suffix in (".json", ".safetensors"):
        for _ in range(100):
            path = tmp_path / good.path.name
            for kind in (".json", ".safetensors"):
                shutil.copy(good.path.with_suffix(kind), path.with_suffix(kind))
            change_bit(path.with_suffix(suffix), draw.randrange(10**9))
            try:
                found = read_checkpoint(path)
            except Damaged:
                pass
            else:  # a space for another, between two values
                assert suffix == ".json"
                assert (found.counters, found.settings) == (good.counters, good.settings)


def test_files_of_two_checkpoints_do_not_make_one(run: Path, store: Store, whole: Path) -> None:
    earlier = all_checkpoints(run / "checkpoints")[0]
    shutil.copy(earlier.with_suffix(".safetensors"), newest(run, ".safetensors"))
    said: list[str] = []
    pretrain(store, run, resume=True, warn=said.append)
    assert (
        "epoch-00002-step-00001.json: these are the weights of epoch 1, step 0. epoch-00002-step-00000" in said[0]
    )
    assert_same(run, whole)


def test_a_checkpoint_under_another_name_is_seen(run: Path) -> None:
    earlier, path = all_checkpoints(run / "checkpoints")[0], newest(run)
    for suffix in (".json", ".safetensors"):
        shutil.copy(earlier.with_suffix(suffix), path.with_suffix(suffix))
    with pytest.raises(Damaged, match="it is the checkpoint of epoch 1, step 0, by its content"):
        read_checkpoint(path)


def test_with_no_good_checkpoint_the_run_starts_over(run: Path, store: Store, whole: Path) -> None:
    for path in all_checkpoints(run / "checkpoints"):
        path.write_text("{}")
    said: list[str] = []
    pretrain(store, run, resume=True, warn=said.append)
    assert len(said) == 3
    assert said[-1].endswith(
        "epoch-00001-step-00000.json is damaged: it has no checksum (sha256). The run starts over"
    )
    assert_same(run, whole)


def test_the_command_line_says_it(
    run: Path, store: Store, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest(run).write_text("")
    assert command(["pretrain", str(store.path), "-o", str(run), "--resume"]) == 0
    printed = capsys.readouterr().err
    assert f"skelact: {run}/checkpoints/epoch-00002-step-00001.json is damaged: it is not JSON" in printed
    assert "Traceback" not in printed
    assert_same(run, whole)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"batch": 4}, "it was trained with train.batch = 4, here it is 8"),
        ({"seed": 8}, "it was trained with train.seed = 8, here it is 7"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(
    run: Path, store: Store, tmp_path: Path, change: dict[str, int], sentence: str
) -> None:
    pretrain(store, tmp_path / "other", replace(RECIPE, train=replace(RECIPE.train, **change)))
    for path in (tmp_path / "other" / "checkpoints").iterdir():
        shutil.copy(path, run / "checkpoints")
    with pytest.raises(UserError, match=f"of another run: {sentence}") as caught:
        pretrain(store, run, resume=True)
    assert "\n" not in str(caught.value)
    assert not list((run / "checkpoints").glob("*.damaged"))


@pytest.mark.parametrize("harm", HARM)
def test_damaged_settings_of_a_run_are_named(run: Path, store: Store, harm: str) -> None:
    HARM[harm](run / "config.toml")
    with pytest.raises(UserError, match=r"config.toml is damaged: .*Put it back as it was, or start another run"):
        pretrain(store, run, resume=True)


@pytest.mark.parametrize("content", [b"", b'{"epoch": 1, "step": 3, "tempo', b"\xff\xfe\n[]\n3\n", b"[" * 100_000])
def test_damaged_metrics_are_named_and_the_run_goes_on(
    run: Path, store: Store, whole: Path, content: bytes
) -> None:
    path = run / "metrics.jsonl"
    second = path.read_bytes().splitlines()[1]
    path.write_bytes(content + b"\n" + second + b"\n")
    said: list[str] = []
    pretrain(store, run, resume=True, warn=said.append)
    assert said == [f"{path} is damaged: the line of epoch 1 is lost"]
    assert metrics(run) == metrics(whole)[1:]


def test_a_damaged_model_is_named_and_written_again(store: Store, whole: Path, tmp_path: Path) -> None:
    for name in ("model.safetensors", "model.json"):
        for harm in HARM:
            run = Path(shutil.copytree(whole, tmp_path / f"{name} {harm}"))
            HARM[harm](run / name)
            with pytest.raises(UserError, match=rf"{name} is damaged: .*--resume writes it again") as caught:
                Model.load(run)
            said: list[str] = []
            pretrain(store, run, resume=True, warn=said.append)
            assert said == [str(caught.value)]
            assert_same(run, whole)


@pytest.mark.real
def test_inputs_that_once_gave_tracebacks(shared: Path, stopped: Path, store: Store, tmp_path: Path) -> None:
    found = sorted((shared / "cases" / "faults" / "fuzz").glob("ckpt-*"))
    assert found
    for number, path in enumerate(found):
        run = Path(shutil.copytree(stopped, tmp_path / str(number)))
        name = path.name.rpartition(".ckpt-")[2]
        target = run / name if name == "metrics.jsonl" else newest(run, path.suffix)
        shutil.copy(path, target)
        said: list[str] = []
        pretrain(store, run, resume=True, warn=said.append)
        assert len(said) == 1
        assert str(target) in said[0]


HOLDER = """
import sys, time
from pathlib import Path
from skelact.runtime.locking import hold
with hold(Path(sys.argv[1]), "run", ""):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_process_at_a_time(run: Path, store: Store, whole: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(run)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        expected = rf"run {run}: process {holder.pid} on \S+ has been writing it since .*\. One process at a time"
        before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
        with pytest.raises(UserError, match=expected):
            pretrain(store, run, resume=True)
        assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    finally:
        holder.kill()
        holder.communicate()
    pretrain(store, run, resume=True)  # the lock of a killed process is free
    assert_same(run, whole)
    assert not (run / locking.LOCK).exists()


def test_a_run_cannot_be_resumed_while_it_trains(store: Store, whole: Path, tmp_path: Path) -> None:
    refused: list[str] = []

    def again(progress: Progress) -> None:
        if progress.step == 5:
            for resume in (True, False):
                with pytest.raises(UserError) as caught:
                    pretrain(store, tmp_path / "run", RECIPE, resume=resume)
                refused.append(str(caught.value))

    pretrain(store, tmp_path / "run", RECIPE, progress=again)
    assert f": process {os.getpid()} on" in refused[0]
    assert "exists and is not empty" in refused[1]
    assert_same(tmp_path / "run", whole)


class FullDisk:
    """A disk that has room for so many more operations, and then for none."""

    def __init__(self, room: int, patch: pytest.MonkeyPatch) -> None:
        self.room, self.used = room, 0
        for name in ("fsync", "replace", "mkdir", "ftruncate"):
            patch.setattr(os, name, self.limited(getattr(os, name)))
        self.open, self.save = io.open, weights.save_file
        patch.setattr(io, "open", self.opened)
        patch.setattr(weights, "save_file", self.saved)

    def full(self) -> bool:
        self.used += 1
        return self.used > self.room

    def limited(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def attempt(*args: Any, **kwargs: Any) -> Any:
            if self.full():
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            return function(*args, **kwargs)

        return attempt

    def opened(self, file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        found = self.open(file, mode, *args, **kwargs)
        if not {"w", "a", "x"} & set(mode):
            return found
        write = found.write

        def attempt(content: Any) -> Any:
            if self.full():
                write(content[: len(content) // 2])
                found.flush()
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            return write(content)

        class File:
            def __getattr__(self, name: str) -> Any:
                return attempt if name == "write" else getattr(found, name)

            def __enter__(self) -> "File":
                return self

            def __exit__(self, *error: object) -> None:
                found.close()

        return File()

    def saved(self, tensors: Any, path: Path, about: Any) -> None:
        self.save(tensors, path, about)
        if self.full():
            path.write_bytes(path.read_bytes()[:1000])
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


SHORT = replace(RECIPE, train=replace(RECIPE.train, epochs=2, batch=12, keep_checkpoints=1))


@pytest.fixture(scope="module")
def short(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "short"
    pretrain(store, path, SHORT)
    return path


def refusal(store: Store, out: Path) -> str:
    """Why a run ends, in words; nothing where it does not."""
    try:
        pretrain(store, out, SHORT)
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.slow
def test_a_full_disk_is_said_and_harms_nothing(
    store: Store, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full from the first operation on, from the second on, ...: each run can be gone on with."""
    room, good = 0, 0
    while True:
        out = tmp_path / str(room)
        with monkeypatch.context() as patch:
            disk = FullDisk(room, patch)
            said = refusal(store, out)
        if not said:
            break
        assert said.startswith(f"{out}")
        assert "cannot be written: No space left on device. Make room." in said
        assert "\n" not in said
        checkpoints = [read_checkpoint(path) for path in all_checkpoints(out / "checkpoints")]
        assert len(checkpoints) >= good  # what is there is whole, and is not taken away again
        good = max(good, min(len(checkpoints), 1))
        assert not list(out.rglob("*.partial"))
        pretrain(store, out, SHORT, resume=(out / "config.toml").is_file(), warn=pytest.fail)
        assert_same(out, short)
        room += 1
    assert room == disk.used > 30


@pytest.mark.parametrize("limit", [0, 500, 3000, 12_000])
def test_a_limit_on_sizes_of_the_system_is_said(store: Store, short: Path, tmp_path: Path, limit: int) -> None:
    """As with a quota: no file grows beyond some size."""
    out, before = tmp_path / "run", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(UserError, match=r"cannot be written: File too large. Make room."):
            pretrain(store, out, SHORT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    pretrain(store, out, SHORT, resume=(out / "config.toml").is_file(), warn=pytest.fail)
    assert_same(out, short)


def test_a_model_is_whole_or_not_there_when_the_disk_is_full(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    model = Model.load(run)
    with monkeypatch.context() as patch:
        FullDisk(2, patch)
        with pytest.raises(UserError, match="cannot be written: No space left on device"):
            model.save(run)
    Model.load(run)
    assert_same(run, whole)


def with_train(**changes: Any) -> Recipe:
    return replace(RECIPE, train=replace(RECIPE.train, **changes))


def test_more_epochs_are_trained_as_if_asked_for_from_the_start(store: Store, whole: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    longer = with_train(epochs=5, keep_checkpoints=1)
    assert pretrain(store, run, longer, resume=True).info["epochs"] == 5
    pretrain(store, tmp_path / "from the start", longer)
    assert_same(run, tmp_path / "from the start")
    assert len(all_checkpoints(run / "checkpoints")) == 1
    assert (run / "config.toml").read_text() == (tmp_path / "from the start" / "config.toml").read_text()


def test_more_epochs_interrupted_are_not_a_finished_run(store: Store, whole: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(whole, tmp_path / "run"))

    def interrupt(_: Progress) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Stopped):
        pretrain(store, run, with_train(epochs=5), resume=True, progress=interrupt)
    assert pretrain(store, run, resume=True).info["epochs"] == 5


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (with_train(epochs=1), r"train.epochs = 3, now 1 is asked for. 2 epochs are done already"),
        (with_train(epochs=2), r"train.epochs = 3, now 2 is asked for. 2 epochs are done already"),
        (
            with_train(batch=4, seed=1),
            r"train.batch = 8, now 4 is asked for; train.seed = 7, now 1 is asked for. A ru",
        ),
        (replace(RECIPE, data=replace(RECIPE.data, split="xsub")), r'data.split = "", now "xsub" is asked for'),
        (replace(RECIPE, data=replace(RECIPE.data, persons=5)), r"data.persons = \d, now 5 is asked for"),
    ],
    ids=["fewer than done", "as many as done and a bit", "two", "split", "people"],
)
def test_what_cannot_change_is_refused(run: Path, store: Store, asked: Recipe, sentence: str) -> None:
    before = (run / "config.toml").read_bytes()
    with pytest.raises(UserError, match=sentence):
        pretrain(store, run, asked, resume=True)
    assert (run / "config.toml").read_bytes() == before


def test_a_cosine_schedule_cannot_be_made_longer(store: Store, tmp_path: Path) -> None:
    pretrain(store, tmp_path / "run", with_train(schedule="cosine", epochs=2))
    with pytest.raises(UserError, match=r"now 4 is asked for. Its learning rate falls to 0 over 2 epochs"):
        pretrain(store, tmp_path / "run", with_train(schedule="cosine", epochs=4), resume=True)


def test_words_beside_resume_are_followed_or_refused(
    store: Store, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[train]\nbatch = 8\n")
    words = ["pretrain", str(store.path), "-o", str(run), "--resume"]
    for wrong, sentence in [
        (["--seed", "8"], "train.seed = 7, now 8"),
        (["--set", "views.noise=1"], "views.noise = 0.0, now 1.0"),
        (["--method", "supervised"], 'method.name = "scdnet", now "supervised"'),
        (["-c", str(recipe), "--set", "linear.lr=3"], "linear.lr = 2.0, now 3.0"),
    ]:
        assert command([*words, *wrong]) == 2
        assert sentence in capsys.readouterr().err
    assert command([*words, "-c", str(recipe), "--epochs", "4"]) == 0
    assert "4 epochs of 24 clips" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--seeds", "0,-1"], ["--seeds", "0,0"], ["--seeds", "0", "--seed", "1"]])
def test_wrong_seeds_are_refused_before_anything_is_trained(
    store: Store, tmp_path: Path, words: list[str]
) -> None:
    assert command(["pretrain", str(store.path), "-o", str(tmp_path / "run"), *words]) == 2
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "CUDA", "0", "meta", "cpu:3", "mps:7", "x\0y"])
def test_a_device_that_is_not_there_is_named(store: Store, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=rf"device {name}: there is none of this name here. Known: cpu"):
        pretrain(store, tmp_path / "run", RECIPE, device=name)
    assert not (tmp_path / "run").exists()
    assert choose_device("cpu") == torch.device("cpu")


def begun(process: subprocess.Popen[str], out: Path) -> bool:
    """Whether a process has the run by now; waits until it has, or has ended."""
    while process.poll() is None:
        try:
            if (out / locking.LOCK).read_text().startswith(f'{{"pid": {process.pid},'):
                return True
        except FileNotFoundError:
            pass
        time.sleep(0.001)
    return False


@pytest.mark.slow
def test_killed_again_and_again(store: Store, whole: Path, tmp_path: Path) -> None:
    """A process that is killed at any moment after it began, and resumed, several times over."""
    recipe, out, draw = tmp_path / "recipe.toml", tmp_path / "run", random.Random(0)
    recipe.write_text(to_toml(RECIPE))
    for kill in (True, True, True, True, True, False):
        more = ["--resume"] if (out / "config.toml").exists() else ["-c", str(recipe)]
        words = [sys.executable, "-m", "skelact.cli", "pretrain", str(store.path), "-o", str(out), *more]
        process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        if kill and begun(process, out):
            time.sleep(draw.uniform(0, 1.5))
            process.kill()
        said = process.communicate()[1]
        assert "damaged" not in said
        assert "Traceback" not in said
    assert process.returncode == 0
    assert_same(out, whole)

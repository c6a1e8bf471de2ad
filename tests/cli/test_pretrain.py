"""``skelact pretrain``: what it says before it starts, whose settings it takes, plugins from the command line."""

import json
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from skelact import cli
from skelact.cli import progress
from skelact.cli.progress import duration, expected, too_large
from skelact.importing.run import import_recordings
from skelact.sequences.store import Store
from skelact.settings import DEFAULT_RECIPE, load_recipe
from skelact.training import pretrain
from skelact.training.estimate import Estimate

TINY = "--epochs 2 --set encoder.width=8 --set encoder.heads=2 --set encoder.graph_widths=[4] --set train.batch=8"
FOUND = Estimate(128_028, 300, 150, 720.0, 412_000_000, 300_000_000, 8_000_000_000, "2 cores")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "movers"
    import_recordings(None, path, dataset="movers", clips=40, seed=0, processes=1)
    return path


def test_without_a_recipe_it_is_small_and_says_so(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["pretrain", str(store), "-o", str(tmp_path / "run"), *TINY.split()]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "recipe: small, as none is named; -c NAME takes another, skelact recipes lists them"
    assert re.fullmatch(r"[\d,]+ parameters, 40 clips, 2 epochs: about \d+ s on \d cores?, \d\.\d GB", lines[1])
    trained = load_recipe(tmp_path / "run" / "config.toml")
    assert trained.views == load_recipe("small").views
    assert trained.method == load_recipe("small").method


def test_a_named_recipe_is_taken_quietly(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "pretrain",
        str(store),
        "-o",
        str(tmp_path / "run"),
        "-c",
        "scdnet-sbu",
        *TINY.split(),
        "--set",
        'data.split=""',
    ]
    assert cli.run(words) == 0
    shown = capsys.readouterr().err
    assert "recipe:" not in shown
    assert " parameters, 40 clips, 2 epochs: about " in shown.splitlines()[0]
    assert load_recipe(tmp_path / "run" / "config.toml").method == load_recipe("scdnet-sbu").method
    assert cli.run([*words, "--resume"]) == 0
    assert "parameters" not in capsys.readouterr().err, "a run that goes on has its own settings"


def test_the_recipe_without_steps_is_one_pass(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--set", "encoder.frames=2", "--set", "encoder.width=8"]
    assert cli.run(["pretrain", str(store), "-o", str(tmp_path / "run"), "-c", "whitening", *words]) == 0
    shown = capsys.readouterr()
    assert re.match(r"[\d,]+ parameters, 40 clips, 1 pass, \d\.\d GB\n", shown.err)
    assert "run: 1 epochs of 40 clips" in shown.out


def test_a_second_store_is_a_feed(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["pretrain", str(store), "-o", str(tmp_path / "run"), "-c", "mean-teacher", *TINY.split()]
    assert cli.run([*words, "--feed", f"unlabelled={store}"]) == 0
    assert load_recipe(tmp_path / "run" / "config.toml").data.feeds
    line = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"cross_entropy", "consistency"} <= line.keys()
    capsys.readouterr()
    for feed, sentence in [
        ("unlabelled", "--feed unlabelled: expected the name of a feed and its store, such as unlabelled=STORE2"),
        (
            "unlabelled=",
            "--feed unlabelled=: expected the name of a feed and its store, such as unlabelled=STORE2",
        ),
        (f"others={store}", "unlabelled"),  # what the method calls it is named
    ]:
        words[words.index("-o") + 1] = str(tmp_path / "another")
        assert cli.run([*words, "--feed", feed]) == 2
        assert sentence in capsys.readouterr().err
    twice = ["--feed", f"unlabelled={store}", "--feed", f"unlabelled={store}"]
    assert cli.run([*words, *twice]) == 2
    assert not (tmp_path / "another").exists()
    assert capsys.readouterr().err.endswith("--feed unlabelled is given more than once\n")


def test_the_python_function_takes_the_same_default(store: Path, tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(*_step: object) -> None:
        raise Enough

    with pytest.raises(Enough):
        pretrain(Store(store), tmp_path / "run", progress=stop)
    trained, default = load_recipe(tmp_path / "run" / "config.toml"), load_recipe(DEFAULT_RECIPE)
    assert (trained.encoder, trained.train) == (default.encoder, default.train)


def test_an_unknown_recipe_stops_before_anything_is_made(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["pretrain", str(store), "-o", str(tmp_path / "run"), "-c", "smol"]) == 2
    assert "unknown recipe 'smol'; did you mean 'small'? Known: " in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_what_is_expected_in_a_line() -> None:
    assert expected(FOUND, 1) == "128,028 parameters, 300 clips, 150 epochs: about 12 min on 2 cores, 0.4 GB"
    assert expected(FOUND, 3) == (
        "128,028 parameters, 300 clips, 150 epochs, 3 seeds: about 36 min on 2 cores, 0.4 GB"
    )
    closed = Estimate(128, 300, 1, None, 0, 0, None, "1 core")
    assert expected(closed, 1) == "128 parameters, 300 clips, 1 pass"


def test_what_does_not_fit_is_said_with_what_to_do(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    large = Estimate(10**8, 300, 451, 250_000.0, 6_300_000_000, 3_400_000_000, 3_900_000_000, "2 cores")
    assert not large.fits
    assert FOUND.fits
    sentence = (
        "warning: only 3.9 GB are free, so this may be stopped from outside. Ctrl-C, then take half the batch, "
        "--set train.batch=32 (3.4 GB), or a smaller encoder, -c small"
    )
    assert too_large(large, 64) == sentence
    monkeypatch.setattr("skelact.training.estimate.estimate", lambda *_: large)
    words = ["pretrain", str(store), "-o", str(tmp_path / "run"), "-c", "small", *TINY.split()]
    assert cli.run([*words, "--set", "train.batch=64"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("about 2.9 days on 2 cores, 6.3 GB")
    assert lines[1] == sentence


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59, "59 s"), (75, "1 min"), (3540, "59 min"), (5000, "1.4 h"), (250_000, "2.9 days")],
)
def test_a_duration_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_where_nobody_watches_a_line_now_and_then_says_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with progress.progress_bar("import", "files") as files, progress.stage_bar() as stages:
        for done in range(1, 6):
            now = 100.0 + 20 * done
            files(done, 10)
            stages(f"train {done}", done, 10)
        stages("report", 0, 1)
    assert capsys.readouterr().err.splitlines() == [
        "train 1",
        "import: 2 of 10 files, about 3 min left",
        "train 3, about 2 min left",
        "import: 4 of 10 files, about 2 min left",
        "train 5, about 2 min left",
        "report",
    ]


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "skelact.cli", *words], capture_output=True, text=True)


METHOD = """
    from dataclasses import dataclass

    from torch import nn

    from skelact.batches import random_views
    from skelact.encoders import Encoder, Features, add_encoder
    from skelact.methods import Method, StepLoss, add_method
    from skelact.settings import EncoderSettings, MethodSettings, setting


    @dataclass(frozen=True)
    class MeanSettings(EncoderSettings):
        name: str = setting("mean_pose", "which encoder")
        width: int = setting(6, "D", low=1)


    class MeanPose(Encoder):
        Settings = MeanSettings

        def __init__(self, skeleton, persons, frames, coordinates, settings):
            super().__init__(skeleton, persons, frames, coordinates)
            self.dim = settings.width
            self.map = nn.Linear(persons * len(skeleton) * coordinates, self.dim)

        def forward(self, positions, valid, confidence=None, present=None):
            return Features(self.map(positions.mean(dim=1).flatten(1)))


    @dataclass(frozen=True)
    class PullSettings(MethodSettings):
        name: str = setting("pull", "which method")
        strength: float = setting(1.0, "of the pull", above=0)


    class Pull(Method):
        Settings = PullSettings

        def __init__(self, encoder, recipe, classes):
            super().__init__(encoder, recipe, classes)
            self.trained, self.strength = encoder, self.own_settings(PullSettings).strength

        @property
        def encoder(self):
            return self.trained

        def views(self, batches, rng):
            return random_views(batches["train"], self.recipe.data, self.recipe.views, rng, count=2)

        def forward(self, views, progress):
            one, other = (self.trained.embed(view) for view in views)
            return StepLoss(parts={"pull": self.strength * (one - other).square().mean()})


    add_encoder("mean_pose", MeanPose)
    add_method("pull", Pull)
"""


@pytest.mark.slow
def test_a_plugin_from_training_to_results(store: Path, tmp_path: Path) -> None:
    """Pretrain, stop, resume and evaluate with a method and an encoder of one's own, each in its own process."""
    plugin = tmp_path / "own_pull.py"
    plugin.write_text(dedent(METHOD), encoding="utf-8")
    run, words = tmp_path / "run", ["--plugin", str(plugin)]
    train = ["pretrain", str(store), "-o", str(run), "--epochs", "3", "--split", "xsub"]
    for setting in ("method.name=pull", "method.strength=2.0", "encoder.name=mean_pose"):
        train += ["--set", setting]
    done = command(*train, *words, "--set", "train.batch=8", "--set", "train.checkpoint_every=1")
    assert done.returncode == 0, done.stderr
    assert 'name = "pull"\nstrength = 2.0\n' in (run / "config.toml").read_text()
    before = (run / "metrics.jsonl").read_text().splitlines(), (run / "model.safetensors").read_bytes()

    (run / "model.json").unlink()  # as if it had been stopped in the last epoch
    for path in (run / "checkpoints").glob("epoch-00003-*"):
        path.unlink()
    refused = command(*train, "--resume")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.endswith("One of your own is loaded by --plugin FILE\n")
    done = command(*train, *words, "--resume")
    assert done.returncode == 0, done.stderr
    assert (run / "model.safetensors").read_bytes() == before[1]
    after = (run / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["pull"] for line in after] == [json.loads(line)["pull"] for line in before[0]]

    done = command("evaluate", str(run), str(store), *words, "--protocol", "knn", "--no-report", "--json")
    assert done.returncode == 0, done.stderr
    assert "knn" in json.loads(done.stdout)["protocols"]

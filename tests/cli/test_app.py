"""The shell around the commands: what it lists, what it says to a misspelt word, how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from skelact import __version__, cli
from skelact.errors import UserError

SKELACT = Path(sys.executable).with_name("skelact")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, line in cli.COMMANDS.items():
        assert f" {name} " in shown
        assert line[:40] in shown


def test_no_word_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 0
    assert "Usage: skelact COMMAND" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize("words", [["importt"], ["importt", "--help"], ["importt", "somewhere", "-o", "S"]])
def test_a_misspelt_command_names_the_nearest(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"skelact: unknown command 'importt'; did you mean 'import'? Known: {', '.join(sorted(cli.COMMANDS))}\n"
    )


def test_an_unknown_option_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--nonsense"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("skelact: ")
    assert "--nonsense" in shown.err


@pytest.mark.parametrize(
    ("outcome", "status", "message"),
    [
        (None, 0, ""),
        (3, 3, ""),
        (
            UserError("no such store. Make one: skelact import"),
            2,
            "skelact: no such store. Make one: skelact import\n",
        ),
        (PermissionError(13, "Permission denied", "/a"), 2, "skelact: /a: Permission denied\n"),
        (KeyboardInterrupt(), 130, "skelact: stopped\n"),
    ],
)
def test_the_exit_status_says_how_it_ended(
    outcome: object, status: int, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(*_words: object, **_options: object) -> object:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(cli, "app", command)
    assert cli.run(["demo"]) == status
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    "fault", [ZeroDivisionError, OSError("no file in it"), BrokenPipeError(32, "Broken pipe")]
)
def test_a_fault_of_ours_is_not_hidden(fault: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def command(*_words: object, **_options: object) -> None:
        raise fault

    monkeypatch.setattr(cli, "app", command)
    with pytest.raises(fault if isinstance(fault, type) else type(fault)):
        cli.run(["demo"])


def test_a_reader_that_leaves_early_is_no_fault() -> None:
    script = """
import sys
from skelact import cli
cli.app = lambda *words, **options: print("much")
sys.argv[1:] = ["demo"]
sys.stdin.read()
cli.main()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    assert process.communicate()[1] == b""
    assert process.returncode == 141


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([name, "--help"]) == 0
    assert f"skelact {name}" in capsys.readouterr().out


def test_help_loads_no_heavy_library() -> None:
    heavy = {"torch", "numpy", "scipy", "sklearn", "matplotlib", "duckdb"}
    script = (
        f"import sys; from skelact import cli; cli.run(['--help']); print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_installed_command_runs() -> None:
    done = subprocess.run([SKELACT, "importt"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("skelact: unknown command 'importt'; did you mean 'import'?")
    assert "Traceback" not in done.stderr

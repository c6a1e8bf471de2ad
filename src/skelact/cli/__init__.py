"""The command line: each command parses, calls one library function and shows what came back.

Results go to stdout, progress to stderr. Exit status: 0 done; 3 done, but some inputs were left out (each is
named); 2 something the user can mend; 1 a fault of ours; 130 stopped by Ctrl-C.
"""

import os
import sys

from cyclopts import App, CycloptsError

from skelact import __version__
from skelact.cli.output import allow_any_text
from skelact.errors import UserError, unknown

# Commands are named by import string, so that `skelact --help` loads none of them (and no torch).
COMMANDS = {
    "demo": "All steps on generated people, in about two minutes.",
    "import": "Read recordings, clean them and write them to a store.",
    "inspect": "Show what is in a store or a recording, and draw it.",
    "pretrain": "Learn an encoder from a store, without labels.",
    "recipes": "List the recipes, or explain every setting of one.",
    "evaluate": "Measure a trained encoder by the usual protocols.",
    "fuse": "Combine the scores of several evaluated runs, such as one for each stream.",
    "compare": "Compare the results of several runs, with a paired test.",
    "report": "Write existing results as HTML or Markdown.",
    "convert": "Convert a checkpoint of the official SCD-Net code to a model.",
}

app = App(
    name="skelact",
    help="Learns what people do from how their skeletons move, without labels.",
    version=__version__,
    result_action="return_value",
)
for _name, _help in COMMANDS.items():
    app.command(f"skelact.cli.{_name}_:run", name=_name, help=_help)


def main() -> None:
    """Entry point of the ``skelact`` command; ends the process with the exit status."""
    # Threads that wait by spinning take the cores from each other as soon as something else runs on the machine:
    # with two more busy processes on two cores, a training step took ten times as long. A short spin costs nothing
    # on a quiet machine. Read by GNU OpenMP when torch is loaded; a user who sets either variable is obeyed.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "5000")
    for stream in (sys.stdout, sys.stderr):
        allow_any_text(stream)
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    sys.exit(status)


def run(words: list[str]) -> int:
    """Run one command and give its exit status; errors that a user can mend become one message on stderr."""
    try:
        if words and not words[0].startswith("-") and words[0] not in COMMANDS:
            raise unknown("command", words[0], COMMANDS)  # cyclopts would load every command to suggest one
        result = app(words, exit_on_error=False, print_error=False)
    except (UserError, CycloptsError) as error:
        print(f"skelact: {error}", file=sys.stderr)
        return error.status if isinstance(error, UserError) else 2
    except OSError as error:
        if error.filename is None or error.strerror is None:  # no file or folder of the user's
            raise
        print(f"skelact: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("skelact: stopped", file=sys.stderr)
        return 130
    return result if isinstance(result, int) else 0

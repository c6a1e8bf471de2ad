"""Text for terminals and files that have not all signs: what they lack is replaced, nothing stops."""

import codecs
import io
from typing import TextIO

NEAREST = {"−": "-", "–": "-", "—": "-", "±": "+-", "×": "x", "…": "...", "’": "'", "‘": "'", "“": '"', "”": '"'}
NEAREST |= {"→": "->", "✓": "yes", "✗": "no"}
HANDLER = "skelact.nearest"


def allow_any_text(stream: TextIO) -> None:
    """Let text be written to ``stream`` whatever its encoding: signs that it lacks become the nearest, or "?".

    A stream that is no encoded one, such as those of a test, is left alone.
    """
    if isinstance(stream, io.TextIOWrapper):
        codecs.register_error(HANDLER, _nearest)
        stream.reconfigure(errors=HANDLER)


def _nearest(error: UnicodeError) -> tuple[str, int]:
    """A replacement for what cannot be encoded, and where to continue; an error handler for ``codecs``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(NEAREST.get(sign, "?") for sign in lacking), error.end

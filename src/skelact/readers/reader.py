"""Reader: how recordings of one format are recognised and read."""

from collections.abc import Callable
from dataclasses import dataclass

from skelact.sequences import Sequence


@dataclass(frozen=True)
class Reader:
    """A format.

    Args:
        name: key in ``READERS``.
        title: what people call the format.
        suffixes: file name endings, lower case, with the dot.
        sniff: whether the first bytes of a file (``files.HEAD`` of them) look like it.
        read: (path, **options) -> Sequence; a ``FileError`` when the file is broken.
        called: regular expression of whole file names that are of this format and no other's; empty: none is.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    sniff: Callable[[bytes], bool]
    read: Callable[..., Sequence]
    called: str = ""

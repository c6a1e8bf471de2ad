"""Opening pickles that others made without running anything in them.

A pickle is a program. Here it may build lists, dictionaries, texts, numbers and numpy arrays; whatever else it
names is refused before it is looked up.
"""

import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError

KINDS = "biufcSUO"  # of numpy's types: numbers, texts and lists of plain things


def read_plain_pickle(path: Path) -> Any:
    """What is in a pickle of plain things.

    Raises:
        FileError: cannot be opened, is no pickle, or names something that would have to be run; the message says
            what.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _Plain(file, encoding="latin1").load()
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror}") from error
    except _RefusedError as error:
        reason = f"the pickle names {error}, which is not read: it could run anything on this machine"
        raise FileError(
            path, f"{reason}. Lists, dictionaries, texts, numbers and numpy arrays are all it may hold"
        ) from error
    except Exception as error:  # a broken pickle fails in as many ways as there are instructions
        kind = f"{type(error).__name__}: {error}"
        raise FileError(path, f"is not a pickle, or a broken one ({kind}). Truncated copy?") from error


class _RefusedError(Exception):
    """A global that is not on the list."""


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = ADMITTED.get(f"{module.replace('numpy._core', 'numpy.core')}.{name}")
        if found is None:
            raise _RefusedError(f"{module}.{name}")
        return found

    def persistent_load(self, identity: Any) -> Any:
        raise _RefusedError(f"something outside of it ({identity!r})")


def _empty_array(kind: Any, _shape: Any, _code: Any) -> NDArray[Any]:
    """Stands for numpy's own: the array that a state is then put into."""
    if kind is not np.ndarray:
        raise ValueError("an array of another kind than numpy's own")
    return np.empty(0, dtype=np.int8)


def _array(content: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    if not isinstance(content, bytes | bytearray) or order not in ("C", "F"):
        raise ValueError("an array without content")
    return np.frombuffer(content, dtype=_known(dtype)).reshape(shape, order=order)


def _scalar(dtype: Any, content: Any) -> Any:
    if not isinstance(content, bytes | str):
        raise ValueError("a number without content")
    return np.frombuffer(content if isinstance(content, bytes) else content.encode("latin1"), _known(dtype))[0]


def _dtype(text: Any, *_flags: Any) -> np.dtype[Any]:
    if not isinstance(text, str):
        raise ValueError("a type that is not named by its letters")
    return _known(np.dtype(text))


def _known(dtype: Any) -> np.dtype[Any]:
    if not isinstance(dtype, np.dtype) or dtype.kind not in KINDS:
        raise ValueError(f"numbers of type {dtype}")
    return dtype


def _bytes(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise ValueError(f"bytes encoded as {encoding}")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    """What older pickles call for where there are no bytes; with a size it could fill the memory."""
    return b""


ADMITTED: dict[str, Callable[..., Any]] = {
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": _dtype,
    "numpy.core.multiarray._reconstruct": _empty_array,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _array,
    "_codecs.encode": _bytes,
    "collections.OrderedDict": OrderedDict,
    "builtins.bytes": _empty_bytes,
    "__builtin__.bytes": _empty_bytes,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.bytearray": bytearray,
    "builtins.complex": complex,
    "__builtin__.set": set,
    "__builtin__.bytearray": bytearray,
}

"""Reading pickles from elsewhere without running anything in them.

A pickle is a program. Here it may build lists, dictionaries, texts, numbers and numpy arrays, by code of our own.
Any other name is refused, and never looked up.
"""

import os
from pathlib import Path
from typing import Any

from skelact.errors import FileError
from skelact.readers.opcodes import BrokenError, ForbiddenError, Limits, TooLargeError, load_pickle
from skelact.readers.pickled_arrays import NAMES


def read_pickle(path: Path, *, limits: Limits | None = None) -> Any:
    """What is in a pickle of plain values, of any protocol, Python and numpy.

    Texts of Python 2 are taken as Latin-1. Arrays have memory of their own.

    Args:
        path: the file.
        limits: how much it may ask for, by its size; the usual ones where None.

    Returns:
        None, truth values, numbers, texts, bytes, lists, tuples, sets and dictionaries of such; numpy's arrays,
        numbers and types, where these are numbers, texts, or objects that are such values.

    Raises:
        FileError: cannot be opened, is no pickle, names something that would have to be run, or asks for more than
            the limits allow; the message names the fault.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return load_pickle(file, os.fstat(file.fileno()).st_size, NAMES, limits or Limits())
    except MemoryError as error:
        raise FileError(path, "the pickle needs more memory than this machine has") from error
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror}") from error
    except ForbiddenError as error:
        reason = f"the pickle {error}, which is not read: it could run anything on this machine"
        raise FileError(
            path, f"{reason}. Lists, dictionaries, texts, numbers and numpy arrays are all it may hold"
        ) from error
    except TooLargeError as error:
        raise FileError(path, f"the pickle is not read: {error}. Damaged or made to do harm?") from error
    except BrokenError as error:
        raise FileError(path, f"is not a pickle, or a broken one ({error}). Truncated file?") from error

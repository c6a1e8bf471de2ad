"""NW-UCLA JSON: what a Kinect v1 tracked, ``{"file_name": ..., "skeletons": [T][20][3], "label": 1..10}``.

Convention: metres in camera space, +y up, +x to the right of a person who faces the camera, +z away from the
camera. Right-handed, so bodies are as in ``Skeleton.rest`` (a test checks the real recordings).

Source: Wang et al., "Cross-view action modeling, learning and recognition", CVPR 2014; the JSON form is the one
that CTR-GCN made common.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.readers.files import read_bytes
from skelact.readers.reader import FileReader
from skelact.sequences import Sequence
from skelact.skeletons import KINECT20

FPS = 30.0
DIGITS = 18  # of a whole number; so many fit in 63 bits


def read_nw_ucla(path: Path) -> Sequence:
    """Read an NW-UCLA recording.

    A joint at exactly (0, 0, 0) was not observed. The number of the action is in the tag ``label``.

    Args:
        path: the file.

    Returns:
        Sequence of one person in metres, 30 fps.

    Raises:
        FileError: the file is broken, or shows no person.
    """
    path = Path(path)
    content = _parse(path, read_bytes(path))
    if not isinstance(content, dict) or not isinstance(content.get("skeletons"), list):
        raise FileError(path, 'expected an object with "skeletons": frames x 20 joints x 3 coordinates')
    label = content.get("label")
    if not isinstance(label, int) or isinstance(label, bool):
        raise FileError(path, f'"label" must be the number of the action, got {json.dumps(label)[:30]}')
    positions = _positions(path, content["skeletons"])
    missing = (positions == 0).all(axis=-1, keepdims=True)
    if missing.all():
        raise FileError(path, "the recording shows no person: every joint is at (0, 0, 0) in every frame")
    positions = np.where(missing, np.float32(np.nan), positions)
    return Sequence(positions[:, None], KINECT20, FPS, name=path.stem, tags={"label": label})


def _parse(path: Path, data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"), parse_int=_whole)
    except json.JSONDecodeError as error:
        cut = error.pos >= len(error.doc.rstrip()) - 1 or error.msg.startswith("Unterminated")
        reason = f"not valid JSON at character {error.colno}: {error.msg}" + (". Truncated file?" if cut else "")
        raise FileError(path, reason, error.lineno) from error
    except (RecursionError, ValueError) as error:  # not UTF-8, nested too deep
        raise FileError(path, "is not a JSON file") from error


def _whole(text: str) -> int | float:
    """A whole number; one with too many digits for numpy becomes a float, possibly infinite."""
    return int(text) if len(text) <= DIGITS else float(text)


def _positions(path: Path, frames: list[Any]) -> NDArray[np.float32]:
    """(T, V, 3) float32, finite or NaN."""
    if not frames:
        raise FileError(path, "no frames in this recording")
    try:
        array = np.array(frames)
    except ValueError:  # frames or joints of different lengths
        array = np.empty(0)
    if array.shape[1:] != (len(KINECT20), 3) or array.dtype.kind not in "if":
        raise FileError(path, _what_is_wrong(frames))
    with np.errstate(over="ignore"):
        positions = array.astype(np.float32)
    wrong = np.flatnonzero(np.isinf(positions).any(axis=(1, 2)))
    if len(wrong):
        raise FileError(path, f"frame {wrong[0] + 1} has a coordinate that is not a finite number")
    return positions


def _what_is_wrong(frames: list[Any]) -> str:
    expected = (len(KINECT20), 3)
    for number, frame in enumerate(frames, start=1):
        try:
            array = np.array(frame)
        except ValueError:
            return f"frame {number} has joints with different numbers of coordinates, expected {expected} numbers"
        if array.dtype.kind not in "if":
            return f"frame {number} is not all numbers, expected {expected} numbers"
        if array.shape != expected:
            return f"frame {number} is {array.shape}, expected {expected} numbers"
    return f"the frames do not fit together, expected {expected} numbers each"


def _looks_like_nw_ucla(head: bytes) -> bool:
    return head.lstrip().startswith(b"{") and b'"skeletons"' in head


READER = FileReader(
    name="nw-ucla",
    title="NW-UCLA JSON",
    suffixes=(".json",),
    sniffs=_looks_like_nw_ucla,
    read_file=read_nw_ucla,
)

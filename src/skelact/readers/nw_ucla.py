"""NW-UCLA JSON: what a Kinect v1 tracked, ``{"file_name": ..., "skeletons": [T][20][3], "label": 1..10}``.

Convention: metres in camera space, +y up, +x to the right of a person who faces the camera, +z away from the
camera. Right-handed, so bodies are as in ``Skeleton.rest`` (a test says so of the real recordings).

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
from skelact.readers.reader import Reader
from skelact.sequences import Sequence
from skelact.skeletons import KINECT20

FPS = 30.0


def read_nw_ucla(path: Path) -> Sequence:
    """Read an NW-UCLA recording.

    A joint at exactly (0, 0, 0) was not measured. The number of the action is in the tag ``label``.

    Args:
        path: the file.

    Returns:
        Sequence of one person in metres, 30 fps.

    Raises:
        FileError: the file is broken, or nobody is in it.
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
        raise FileError(path, "nobody is in this recording: every joint is at (0, 0, 0) in every frame")
    positions = np.where(missing, np.float32(np.nan), positions)
    return Sequence(positions[:, None], KINECT20, FPS, name=path.stem, tags={"label": label})


def _parse(path: Path, data: bytes) -> Any:
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        reason = f"not valid JSON: {error.msg} at character {error.colno}. Truncated copy?"
        raise FileError(path, reason, error.lineno) from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise FileError(path, "is not a JSON file") from error


def _positions(path: Path, frames: list[Any]) -> NDArray[np.float32]:
    """(T, V, 3); the shape is checked frame by frame, so that an error can name the frame."""
    if not frames:
        raise FileError(path, "no frames in this recording")
    expected = (len(KINECT20), 3)
    arrays = []
    for number, frame in enumerate(frames, start=1):
        try:
            array = np.array(frame)
        except ValueError as error:
            raise FileError(path, f"frame {number} has joints with different numbers of coordinates") from error
        if array.shape != expected or array.dtype.kind not in "if":
            kind = "" if array.dtype.kind in "if" else ", not all of it numbers"
            raise FileError(path, f"frame {number} is {array.shape}{kind}, expected {expected} numbers")
        arrays.append(array)
    with np.errstate(over="ignore"):
        positions = np.stack(arrays).astype(np.float32)
    wrong = np.flatnonzero(np.isinf(positions).any(axis=(1, 2)))
    if len(wrong):
        raise FileError(path, f"frame {wrong[0] + 1} has a coordinate that is not a finite number")
    return positions


def _looks_like_nw_ucla(head: bytes) -> bool:
    return head.lstrip().startswith(b"{") and b'"skeletons"' in head


READER = Reader(
    name="nw-ucla",
    title="NW-UCLA JSON",
    suffixes=(".json",),
    sniff=_looks_like_nw_ucla,
    read=read_nw_ucla,
)

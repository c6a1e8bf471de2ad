"""SBU Kinect Interaction: 8 interactions of 21 ordered pairs of people, Kinect v1.

Source: Yun et al., "Two-person interaction detection using body-pose features", CVPR workshops 2012.
"""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

from skelact.datasets.dataset import Dataset, Expected, Listing, Tags
from skelact.datasets.files import Pattern, find_clips
from skelact.errors import FileError
from skelact.readers.sbu import read_sbu
from skelact.sequences import Sequence
from skelact.sequences.sequence import Tag
from skelact.skeletons import SBU15

PATTERN = Pattern(
    title="SBU Kinect Interaction",
    wording="sXXsYY/CC/NNN/skeleton_pos.txt (pair, class, take)",
    looks=re.compile(r"/skeleton_pos\.txt$"),
    full=re.compile(r"/(?P<pair>s\d\ds\d\d)/(?P<action>\d\d)/(?P<take>\d{3})/skeleton_pos\.txt$"),
)
CLASSES = (
    "approaching",
    "departing",
    "kicking",
    "pushing",
    "shaking hands",
    "hugging",
    "exchanging objects",
    "punching",
)
FOLDS = {
    "fold1": ("s01s02", "s03s04", "s05s02", "s06s04"),
    "fold2": ("s02s03", "s02s07", "s03s05", "s05s03"),
    "fold3": ("s01s03", "s01s07", "s07s01", "s07s03"),
    "fold4": ("s02s01", "s02s06", "s03s02", "s03s06"),
    "fold5": ("s04s02", "s04s03", "s04s06", "s06s02", "s06s03"),
}


def find(folder: Path) -> Listing:
    """The clips in a folder; a ``UserError`` when there is none."""
    return find_clips(folder, PATTERN)


def read_clip(path: Path) -> Sequence:
    """A clip with its label and the tags action, pair, subject and partner (the two of the pair) and take.

    Raises:
        FileError: the file is broken, or its name is none of the benchmark's.
    """
    parts = PATTERN.require(path)
    pair, action = parts["pair"], int(parts["action"])
    if not 1 <= action <= len(CLASSES):
        raise FileError(path, f"class {action} is none of SBU's (1 to {len(CLASSES)})")
    tags: dict[str, Tag] = {
        "action": action,
        "pair": pair,
        "subject": int(pair[1:3]),
        "partner": int(pair[4:6]),
        "take": int(parts["take"]),
    }
    name = f"{pair}_{parts['action']}_{parts['take']}"
    return replace(read_sbu(path), name=name, label=CLASSES[action - 1], tags=tags)


def across_pairs(fold: str, tags: Tags) -> str | None:
    """The pairs of the fold are the test, those of the other folds train."""
    pair = str(tags["pair"])
    if pair in FOLDS[fold]:
        return "test"
    return "train" if any(pair in pairs for pairs in FOLDS.values()) else None


DATASET = Dataset(
    name="sbu",
    title="SBU Kinect Interaction",
    skeleton=SBU15,
    classes=CLASSES,
    find=find,
    read=read_clip,
    splits={fold: partial(across_pairs, fold) for fold in FOLDS},
    expected=Expected(
        282,
        {
            "fold1": (227, 55),
            "fold2": (230, 52),
            "fold3": (226, 56),
            "fold4": (228, 54),
            "fold5": (217, 65),
        },
    ),
)
